/* Probabilistic PCA in closed form, on data whose mean and covariance are known exactly. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "support/cmocka.h"
#include "support/matrix.h"
#include "support/numbers.h"
#include "support/reference.h"
#include "train/ppca.h"

enum { WIDTH = 6, ROWS = 2 * WIDTH };

#define FLOOR 1e-6 /* below every variance here */

static const double eigenvalues[WIDTH] = {0.1, 5, 0.3, 1.2, 0.2, 0.4}; /* in no order */
static const double means[WIDTH] = {3, -1, 0, 0.5, 20, -7};

typedef struct data {
    vae_context *context;
    double vectors[WIDTH * WIDTH], x[ROWS * WIDTH];
    float rows[ROWS * WIDTH];
    vae_dataset *dataset;
} data;

static void set_up(data *d) {
    d->context = test_context("threads=2");
    reference_orthonormal(8, WIDTH, WIDTH, d->vectors);
    reference_rows_of_covariance(means, eigenvalues, d->vectors, WIDTH, d->x);
    for (size_t i = 0; i < ROWS * WIDTH; i++) d->rows[i] = (float)d->x[i];
    assert_int_equal(vae_dataset_from_memory(d->context, d->rows, ROWS, WIDTH, NULL, &d->dataset),
                     VAE_OK);
}

static void tear_down(data *d) {
    vae_dataset_destroy(d->dataset);
    vae_context_destroy(d->context);
}

static void fit_is_closed_form(void **state) {
    (void)state;
    data d;
    vae__ppca fit;
    set_up(&d);
    assert_int_equal(vae__ppca_fit(d.context, d.dataset, 2, 0, FLOOR, &fit), VAE_OK);
    test_near(fit.eigenvalues[0], 5, 1e-5, "first eigenvalue");
    test_near(fit.eigenvalues[1], 1.2, 1e-5, "second eigenvalue");
    test_near(fit.noise_variance, 0.25, 1e-5, "sigma^2");
    for (size_t i = 0; i < WIDTH; i++) test_near(fit.mean[i], means[i], 1e-6, "mean");
    static const size_t places[] = {1, 3};
    for (size_t k = 0; k < 2; k++) {
        double along = 0;
        for (size_t i = 0; i < WIDTH; i++)
            along += fit.directions[k * WIDTH + i] * d.vectors[places[k] * WIDTH + i];
        test_near(fabs(along), 1, 1e-6, "direction");
    }
    vae__ppca_release(&fit);
    tear_down(&d);
}

/* -1/2 [D ln 2 pi + sum_{i <= d} ln l_i + (D - d) ln sigma^2 + D] on the rows of the fit. */
static void log_p_at_the_optimum(void **state) {
    (void)state;
    static const double descending[WIDTH] = {5, 1.2, 0.4, 0.3, 0.2, 0.1};
    data d;
    set_up(&d);
    for (size_t latent = 1; latent < WIDTH; latent++) {
        double found, noise = 0, expected = WIDTH * (log(2 * acos(-1)) + 1);
        vae__ppca fit;
        for (size_t i = latent; i < WIDTH; i++) noise += descending[i] / (double)(WIDTH - latent);
        for (size_t i = 0; i < latent; i++) expected += log(descending[i]);
        expected += (double)(WIDTH - latent) * log(noise);
        assert_int_equal(vae__ppca_fit(d.context, d.dataset, latent, 0, FLOOR, &fit), VAE_OK);
        assert_int_equal(vae__ppca_log_likelihood(&fit, d.dataset, &found), VAE_OK);
        test_near(found, -expected / 2, 2e-5, "mean log p");
        vae__ppca_release(&fit);
    }
    tear_down(&d);
}

/* Rows that were not fitted, through the dense density N(mean, W W^T + sigma^2 I). */
static void log_p_of_other_rows(void **state) {
    (void)state;
    enum { OTHERS = 300 }; /* more than a chunk */
    static float others[OTHERS * WIDTH];
    static const double kept[WIDTH] = {0, 5, 0, 1.2, 0, 0};
    data d;
    vae__ppca fit;
    vae_dataset *held_out;
    double found, expected = 0, covariance[WIDTH * WIDTH];
    set_up(&d);
    for (size_t i = 0; i < OTHERS * WIDTH; i++)
        others[i] = (float)(means[i % WIDTH] + test_uniform(2, i, -2, 2));
    assert_int_equal(vae_dataset_from_memory(d.context, others, OTHERS, WIDTH, NULL, &held_out),
                     VAE_OK);
    for (size_t i = 0; i < WIDTH * WIDTH; i++) {
        covariance[i] = i % (WIDTH + 1) ? 0 : 0.25;
        for (size_t k = 1; k < WIDTH; k += 2) {
            if (kept[k] <= 0) continue;
            covariance[i] += (kept[k] - 0.25) * d.vectors[k * WIDTH + i / WIDTH] *
                             d.vectors[k * WIDTH + i % WIDTH];
        }
    }
    for (size_t r = 0; r < OTHERS; r++) {
        double x[WIDTH];
        for (size_t i = 0; i < WIDTH; i++) x[i] = (double)others[r * WIDTH + i];
        expected += reference_log_normal(x, means, covariance, WIDTH) / OTHERS;
    }
    assert_int_equal(vae__ppca_fit(d.context, d.dataset, 2, 0, FLOOR, &fit), VAE_OK);
    assert_int_equal(vae__ppca_log_likelihood(&fit, held_out, &found), VAE_OK);
    test_near(found, expected, 2e-5, "mean log p");
    vae__ppca_release(&fit);
    vae_dataset_destroy(held_out);
    tear_down(&d);
}

/* Squares that no float holds. */
static void log_p_of_huge_rows(void **state) {
    (void)state;
    float rows[ROWS * WIDTH];
    vae_dataset *dataset;
    vae__ppca fit;
    double expected, found;
    data d;
    set_up(&d);
    for (size_t i = 0; i < ROWS * WIDTH; i++) rows[i] = 1e25f * d.rows[i];
    assert_int_equal(vae_dataset_from_memory(d.context, rows, ROWS, WIDTH, NULL, &dataset), VAE_OK);
    assert_int_equal(vae__ppca_fit(d.context, d.dataset, 2, 0, FLOOR, &fit), VAE_OK);
    assert_int_equal(vae__ppca_log_likelihood(&fit, d.dataset, &expected), VAE_OK);
    vae__ppca_release(&fit);
    assert_int_equal(vae__ppca_fit(d.context, dataset, 2, 0, FLOOR, &fit), VAE_OK);
    assert_int_equal(vae__ppca_log_likelihood(&fit, dataset, &found), VAE_OK);
    vae__ppca_release(&fit);
    test_near(found, expected - WIDTH * log(1e25), 2e-5, "mean log p");
    vae_dataset_destroy(dataset);
    tear_down(&d);
}

/* A floor above some eigenvalues, then above all of them: a ball. */
static void variances_are_floored(void **state) {
    (void)state;
    data d;
    vae__ppca fit;
    double found;
    set_up(&d);
    assert_int_equal(vae__ppca_fit(d.context, d.dataset, 2, 0, 2.5, &fit), VAE_OK);
    test_near(fit.eigenvalues[0], 5, 1e-5, "above the floor");
    assert_true(fit.eigenvalues[1] == 2.5 && fit.noise_variance == 2.5);
    vae__ppca_release(&fit);
    assert_int_equal(vae__ppca_fit(d.context, d.dataset, 2, 0, 10, &fit), VAE_OK);
    assert_int_equal(vae__ppca_log_likelihood(&fit, d.dataset, &found), VAE_OK);
    test_near(found, -(WIDTH * log(2 * acos(-1) * 10) + 7.2 / 10) / 2, 1e-5,
              "mean log p of a ball");
    vae__ppca_release(&fit);
    tear_down(&d);
}

/* ---- standardised columns ---- */

/* Deviations of the columns of x = means + column_scales * (rows of `data`), and what they leave:
 * correlations, with unit diagonal. */
static void correlations(const data *d, double *deviation, double *correlation) {
    double covariance[WIDTH * WIDTH] = {0};
    for (size_t k = 0; k < WIDTH; k++) {
        for (size_t i = 0; i < WIDTH * WIDTH; i++)
            covariance[i] += eigenvalues[k] * d->vectors[k * WIDTH + i / WIDTH] *
                             d->vectors[k * WIDTH + i % WIDTH];
    }
    for (size_t i = 0; i < WIDTH; i++) deviation[i] = sqrt(covariance[i * WIDTH + i]);
    for (size_t i = 0; i < WIDTH * WIDTH; i++)
        correlation[i] = covariance[i] / deviation[i / WIDTH] / deviation[i % WIDTH];
}

static const double column_scales[WIDTH] = {1000, 1, 0.01, 5, 30, 0.2};

static vae_dataset *scaled(const data *d, float *rows) {
    vae_dataset *dataset;
    for (size_t i = 0; i < ROWS * WIDTH; i++) rows[i] = (float)(column_scales[i % WIDTH] * d->x[i]);
    assert_int_equal(vae_dataset_from_memory(d->context, rows, ROWS, WIDTH, NULL, &dataset),
                     VAE_OK);
    return dataset;
}

/* Principal components of the correlations, whatever the columns' scales; in log p(x) the Jacobian
 * sum log scale. */
static void standardised_optimum(void **state) {
    (void)state;
    float rows[ROWS * WIDTH];
    double deviation[WIDTH], r[WIDTH * WIDTH], values[WIDTH], vectors[WIDTH * WIDTH];
    data d;
    set_up(&d);
    vae_dataset *dataset = scaled(&d, rows);
    correlations(&d, deviation, r);
    test_eigen(r, WIDTH, values, vectors);
    for (size_t latent = 1; latent < WIDTH; latent++) {
        double found, noise = 0, expected = WIDTH * (log(2 * acos(-1)) + 1);
        vae__ppca fit;
        for (size_t i = latent; i < WIDTH; i++) noise += values[i] / (double)(WIDTH - latent);
        for (size_t i = 0; i < latent; i++) expected += log(values[i]);
        expected += (double)(WIDTH - latent) * log(noise);
        for (size_t i = 0; i < WIDTH; i++) expected += 2 * log(deviation[i] * column_scales[i]);
        assert_int_equal(vae__ppca_fit(d.context, dataset, latent, 1, FLOOR, &fit), VAE_OK);
        test_near(fit.noise_variance, noise, 1e-5, "sigma^2 of y");
        assert_int_equal(vae__ppca_log_likelihood(&fit, dataset, &found), VAE_OK);
        test_near(found, -expected / 2, 2e-5, "mean log p");
        vae__ppca_release(&fit);
    }
    vae_dataset_destroy(dataset);
    tear_down(&d);
}

/* Rows that were not fitted, through N(mean, S (W W^T + sigma^2 I) S) of x itself. */
static void standardised_log_p_of_other_rows(void **state) {
    (void)state;
    enum { LATENT = 2, OTHERS = 20 };
    float rows[ROWS * WIDTH], others[OTHERS * WIDTH];
    double deviation[WIDTH], r[WIDTH * WIDTH], values[WIDTH], vectors[WIDTH * WIDTH];
    double covariance[WIDTH * WIDTH], mean[WIDTH], noise = 0, found, expected = 0;
    vae__ppca fit;
    vae_dataset *held_out;
    data d;
    set_up(&d);
    vae_dataset *dataset = scaled(&d, rows);
    correlations(&d, deviation, r);
    test_eigen(r, WIDTH, values, vectors);
    for (size_t i = LATENT; i < WIDTH; i++) noise += values[i] / (WIDTH - LATENT);
    for (size_t i = 0; i < WIDTH; i++) {
        mean[i] = column_scales[i] * means[i];
        deviation[i] *= column_scales[i];
    }
    for (size_t i = 0; i < WIDTH * WIDTH; i++) {
        covariance[i] = i % (WIDTH + 1) ? 0 : noise;
        for (size_t k = 0; k < LATENT; k++)
            covariance[i] += (values[k] - noise) * vectors[k * WIDTH + i / WIDTH] *
                             vectors[k * WIDTH + i % WIDTH];
        covariance[i] *= deviation[i / WIDTH] * deviation[i % WIDTH];
    }
    for (size_t n = 0; n < OTHERS; n++) {
        double x[WIDTH];
        for (size_t i = 0; i < WIDTH; i++) {
            double off = deviation[i] * test_uniform(2, n * WIDTH + i, -2, 2);
            others[n * WIDTH + i] = (float)(mean[i] + off);
            x[i] = (double)others[n * WIDTH + i];
        }
        expected += reference_log_normal(x, mean, covariance, WIDTH) / OTHERS;
    }
    assert_int_equal(vae_dataset_from_memory(d.context, others, OTHERS, WIDTH, NULL, &held_out),
                     VAE_OK);
    assert_int_equal(vae__ppca_fit(d.context, dataset, LATENT, 1, FLOOR, &fit), VAE_OK);
    assert_int_equal(vae__ppca_log_likelihood(&fit, held_out, &found), VAE_OK);
    test_near(found, expected, 2e-5, "mean log p");
    vae__ppca_release(&fit);
    vae_dataset_destroy(held_out);
    vae_dataset_destroy(dataset);
    tear_down(&d);
}

/* Scales are the model's, also of a column whose deviation is too small for a float, and of a large constant. */
static void standardises_as_the_model(void **state) {
    (void)state;
    float rows[ROWS * WIDTH];
    vae_model *model;
    vae_dataset *dataset;
    vae__ppca fit;
    data d;
    set_up(&d);
    memcpy(rows, d.rows, sizeof rows);
    for (size_t r = 0; r < ROWS; r++) {
        rows[r * WIDTH] = r ? 0 : 1e-45f;
        rows[r * WIDTH + 1] = 3;
        rows[r * WIDTH + 2] = -7e5f;
    }
    assert_int_equal(vae_dataset_from_memory(d.context, rows, ROWS, WIDTH, NULL, &dataset), VAE_OK);
    assert_int_equal(vae__ppca_fit(d.context, dataset, 2, 1, FLOOR, &fit), VAE_OK);
    assert_int_equal(
        vae_model_create(d.context, "input=6 latent=2 likelihood=gaussian standardize=1", &model),
        VAE_OK);
    assert_int_equal(vae_model_initialize(model, dataset), VAE_OK);
    const vae__real *scale = model->parameters.items[model->network.scale].values;
    for (size_t i = 0; i < WIDTH; i++) test_near(fit.scale[i] / (double)scale[i], 1, 1e-6, "scale");
    vae__ppca_release(&fit);
    vae_model_destroy(model);
    vae_dataset_destroy(dataset);
    tear_down(&d);
}

/* Whole numbers around one so large that their mean is not one of vae__real's neighbours, nor a double's in the double
 * build: a mean that is off by part of a deviation shows. */
static void far_from_zero(void **state) {
    (void)state;
    enum { N = 47 };
    const double away = test_tolerance(0x1p20, 0x1p50);
    double rows[2][N * 3], found[2];
    data d;
    set_up(&d);
    for (size_t i = 0; i < N * 3; i++) {
        rows[0][i] = floor(test_uniform(3, i, 0, 8));
        rows[1][i] = away + rows[0][i];
    }
    for (size_t far = 0; far < 2; far++) {
        vae_dataset *dataset;
        vae__ppca fit;
        assert_int_equal(
            vae_dataset_from_memory(d.context, rows[far], N, 3, "dtype=float64", &dataset), VAE_OK);
        assert_int_equal(vae__ppca_fit(d.context, dataset, 1, 0, FLOOR, &fit), VAE_OK);
        assert_int_equal(vae__ppca_log_likelihood(&fit, dataset, &found[far]), VAE_OK);
        vae__ppca_release(&fit);
        vae_dataset_destroy(dataset);
    }
    test_near(found[1], found[0], 1e-13, "mean log p far from zero");
    tear_down(&d);
}

static void components_are_limited(void **state) {
    (void)state;
    static const size_t refused[] = {0, WIDTH, WIDTH + 1};
    data d;
    set_up(&d);
    for (size_t i = 0; i < 3; i++) {
        vae__ppca fit;
        assert_int_equal(vae__ppca_fit(d.context, d.dataset, refused[i], 0, FLOOR, &fit),
                         VAE_ERROR_UNSUPPORTED);
        assert_non_null(strstr(vae_last_error(), "components"));
        vae__ppca_release(&fit);
    }
    tear_down(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standardised_optimum),
        cmocka_unit_test(standardised_log_p_of_other_rows),
        cmocka_unit_test(standardises_as_the_model),
        cmocka_unit_test(fit_is_closed_form),
        cmocka_unit_test(log_p_at_the_optimum),
        cmocka_unit_test(log_p_of_other_rows),
        cmocka_unit_test(log_p_of_huge_rows),
        cmocka_unit_test(variances_are_floored),
        cmocka_unit_test(far_from_zero),
        cmocka_unit_test(components_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
