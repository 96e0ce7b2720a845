/* Probabilistic PCA in closed form, on data whose mean and covariance are known exactly. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
    assert_int_equal(vae__ppca_fit(d.context, d.dataset, NULL, 2, FLOOR, &fit), VAE_OK);
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
        assert_int_equal(vae__ppca_fit(d.context, d.dataset, NULL, latent, FLOOR, &fit), VAE_OK);
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
    assert_int_equal(vae__ppca_fit(d.context, d.dataset, NULL, 2, FLOOR, &fit), VAE_OK);
    assert_int_equal(vae__ppca_log_likelihood(&fit, held_out, &found), VAE_OK);
    test_near(found, expected, 2e-5, "mean log p");
    vae__ppca_release(&fit);
    vae_dataset_destroy(held_out);
    tear_down(&d);
}

/* A floor above some eigenvalues, then above all of them: a ball. */
static void variances_are_floored(void **state) {
    (void)state;
    data d;
    vae__ppca fit;
    double found;
    set_up(&d);
    assert_int_equal(vae__ppca_fit(d.context, d.dataset, NULL, 2, 2.5, &fit), VAE_OK);
    test_near(fit.eigenvalues[0], 5, 1e-5, "above the floor");
    assert_true(fit.eigenvalues[1] == 2.5 && fit.noise_variance == 2.5);
    vae__ppca_release(&fit);
    assert_int_equal(vae__ppca_fit(d.context, d.dataset, NULL, 2, 10, &fit), VAE_OK);
    assert_int_equal(vae__ppca_log_likelihood(&fit, d.dataset, &found), VAE_OK);
    test_near(found, -(WIDTH * log(2 * acos(-1) * 10) + 7.2 / 10) / 2, 1e-5,
              "mean log p of a ball");
    vae__ppca_release(&fit);
    tear_down(&d);
}

static void components_are_limited(void **state) {
    (void)state;
    static const size_t refused[] = {0, WIDTH, WIDTH + 1};
    data d;
    set_up(&d);
    for (size_t i = 0; i < 3; i++) {
        vae__ppca fit;
        assert_int_equal(vae__ppca_fit(d.context, d.dataset, NULL, refused[i], FLOOR, &fit),
                         VAE_ERROR_UNSUPPORTED);
        assert_non_null(strstr(vae_last_error(), "components"));
        vae__ppca_release(&fit);
    }
    tear_down(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit_is_closed_form),     cmocka_unit_test(log_p_at_the_optimum),
        cmocka_unit_test(log_p_of_other_rows),    cmocka_unit_test(variances_are_floored),
        cmocka_unit_test(components_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
