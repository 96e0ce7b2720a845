/* standardize=1: a table with columns of very different scales is one of standardised columns, seen
 * through the change of variables. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

enum { ROWS = 40, WIDTH = 4, LATENT = 2 };

#define NETWORK \
    "input=4 latent=2 encoder=[dense 5, tanh] decoder=[dense 5, tanh] likelihood=gaussian sigma=shared"

static const double scales[WIDTH] = {1000, 1, 0.01, 5}, shifts[WIDTH] = {-3000, 0, 7, 2};

/* The same parameters in a model of x (standardised inside) and one of y. */
typedef struct pair {
    vae_context *context;
    vae_model *x_model, *y_model;
    float x[ROWS * WIDTH], y[ROWS * WIDTH];
    double log_scale;
} pair;

static void make(pair *p) {
    vae_dataset *data;
    p->context = test_context("");
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        p->x[i] = (float)(shifts[i % WIDTH] + scales[i % WIDTH] * test_uniform(3, i, -1, 1));
    }
    p->x_model = test_model(p->context, NETWORK " standardize=1", 0.5);
    p->y_model = test_model(p->context, NETWORK, 0.5);
    assert_int_equal(vae_dataset_from_memory(p->context, p->x, ROWS, WIDTH, "shuffle=0", &data),
                     VAE_OK);
    assert_int_equal(vae_model_initialize(p->x_model, data), VAE_OK);
    vae_dataset_destroy(data);
    for (size_t i = 0; i < p->y_model->parameters.count; i++) {
        vae__parameter *to = &p->y_model->parameters.items[i];
        memcpy(to->values, test_parameter(p->x_model, to->name)->values,
               vae__parameter_size(to) * sizeof *to->values);
    }
    const vae__real *shift = test_parameter(p->x_model, "input.shift")->values;
    const vae__real *scale = test_parameter(p->x_model, "input.scale")->values;
    p->log_scale = 0;
    for (size_t i = 0; i < WIDTH; i++) p->log_scale += log((double)scale[i]);
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        p->y[i] = (float)((p->x[i] - shift[i % WIDTH]) / scale[i % WIDTH]);
}

static void drop(pair *p) {
    vae_model_destroy(p->x_model);
    vae_model_destroy(p->y_model);
    vae_context_destroy(p->context);
}

static void columns_have_mean_0_and_variance_1(void **state) {
    (void)state;
    pair p;
    make(&p);
    for (size_t j = 0; j < WIDTH; j++) {
        double mean = 0, square = 0;
        for (size_t r = 0; r < ROWS; r++) mean += p.y[r * WIDTH + j] / ROWS;
        for (size_t r = 0; r < ROWS; r++) square += p.y[r * WIDTH + j] * p.y[r * WIDTH + j] / ROWS;
        test_near(mean, 0, 1e-3, "mean of a standardised column");
        test_near(square, 1, 1e-3, "variance of a standardised column");
    }
    drop(&p);
}

static void density_carries_the_jacobian(void **state) {
    (void)state;
    pair p;
    double of_x[ROWS], of_y[ROWS], log_p_x[ROWS], log_p_y[ROWS];
    make(&p);
    assert_int_equal(vae_elbo(p.x_model, p.x, ROWS, WIDTH, 5, of_x, NULL, NULL), VAE_OK);
    assert_int_equal(vae_elbo(p.y_model, p.y, ROWS, WIDTH, 5, of_y, NULL, NULL), VAE_OK);
    assert_int_equal(
        vae_log_likelihood(p.x_model, p.x, ROWS, WIDTH, "samples=20", log_p_x, NULL, NULL), VAE_OK);
    assert_int_equal(
        vae_log_likelihood(p.y_model, p.y, ROWS, WIDTH, "samples=20", log_p_y, NULL, NULL), VAE_OK);
    for (size_t r = 0; r < ROWS; r++) {
        test_near(of_x[r], of_y[r] - p.log_scale, 1e-3, "ELBO of x");
        test_near(log_p_x[r], log_p_y[r] - p.log_scale, 1e-3, "log p(x)");
    }
    drop(&p);
}

static void means_draws_and_sigma_are_of_x(void **state) {
    (void)state;
    pair p;
    float z[ROWS * LATENT], x[ROWS * WIDTH], y[ROWS * WIDTH], draw_x[ROWS * WIDTH],
        draw_y[ROWS * WIDTH];
    double sigma_x[WIDTH], sigma_y[WIDTH];
    make(&p);
    assert_int_equal(vae_sample(p.x_model, ROWS, 9, z, x, draw_x), VAE_OK);
    assert_int_equal(vae_sample(p.y_model, ROWS, 9, z, y, draw_y), VAE_OK);
    assert_int_equal(vae_model_sigma(p.x_model, sigma_x, WIDTH), VAE_OK);
    assert_int_equal(vae_model_sigma(p.y_model, sigma_y, WIDTH), VAE_OK);
    const vae__real *shift = test_parameter(p.x_model, "input.shift")->values;
    const vae__real *scale = test_parameter(p.x_model, "input.scale")->values;
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        size_t j = i % WIDTH;
        test_near(x[i], y[i] * (double)scale[j] + (double)shift[j], 1e-5, "E[x|z]");
        test_near(draw_x[i], draw_y[i] * (double)scale[j] + (double)shift[j], 1e-5, "a draw");
        test_near(sigma_x[j], sigma_y[j] * (double)scale[j], 1e-6, "sigma");
    }
    drop(&p);
}

/* Training sees y: the same steps lead to the same parameters. */
static void training_is_that_of_y(void **state) {
    (void)state;
    pair p;
    vae_optimizer *of_x, *of_y;
    vae_step_report report = {.struct_size = sizeof report};
    make(&p);
    assert_int_equal(vae_optimizer_create(p.x_model, "adam lr=1e-2", &of_x), VAE_OK);
    assert_int_equal(vae_optimizer_create(p.y_model, "adam lr=1e-2", &of_y), VAE_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(vae_step_rows(p.x_model, of_x, p.x, ROWS, WIDTH, &report), VAE_OK);
        double elbo = report.elbo;
        assert_int_equal(vae_step_rows(p.y_model, of_y, p.y, ROWS, WIDTH, &report), VAE_OK);
        test_near(elbo, report.elbo - p.log_scale, 1e-3, "ELBO of a step");
    }
    vae__parameter *x_weight = test_parameter(p.x_model, "likelihood.weight");
    vae__parameter *y_weight = test_parameter(p.y_model, "likelihood.weight");
    for (size_t i = 0; i < vae__parameter_size(x_weight); i++) {
        test_near((double)x_weight->values[i], (double)y_weight->values[i], 1e-3,
                  "a trained weight");
    }
    vae_optimizer_destroy(of_x);
    vae_optimizer_destroy(of_y);
    drop(&p);
}

/* A scale of 0 or below has no density: it can neither be set nor loaded. */
static void scales_are_positive(void **state) {
    (void)state;
    static const float refused[] = {0, -1};
    pair p;
    make(&p);
    vae__parameter *scale = test_parameter(p.x_model, "input.scale");
    vae__real kept = scale->values[2];
    float values[WIDTH] = {1, 1, 1, 1}, shift[WIDTH] = {0, -1, 2, 0};
    for (size_t i = 0; i < 2; i++) {
        unsigned char bytes[4096];
        size_t length;
        vae_model *loaded;
        values[2] = refused[i];
        assert_fails(vae_model_parameter_set(p.x_model, "input.scale", values, WIDTH),
                     VAE_ERROR_DATA, "value 2 for 'input.scale' is not above 0");
        assert_true(scale->values[2] == kept);
        scale->values[2] = (vae__real)refused[i];
        assert_ok(vae_model_save_memory(p.x_model, bytes, sizeof bytes, &length));
        assert_fails(vae_model_load_memory(p.context, bytes, length, &loaded), VAE_ERROR_FORMAT,
                     i ? "tensor 'input.scale', value 2 is -1: expected values above 0"
                       : "tensor 'input.scale', value 2 is 0: expected values above 0");
        scale->values[2] = kept;
    }
    values[2] = 2;
    assert_ok(vae_model_parameter_set(p.x_model, "input.scale", values, WIDTH));
    assert_ok(vae_model_parameter_set(p.x_model, "input.shift", shift, WIDTH));
    drop(&p);
}

/* x - shift is no float, though y is; and E[x|z] is one though scale y is none. */
static void far_values_are_standardised(void **state) {
    static const float shift[WIDTH] = {-3e38f, 2e38f, 0, 1};
    static const float scale[WIDTH] = {3e38f, 1e38f, 1, 2};
    static const float x[2 * WIDTH] = {3e38f, -3e38f, 1, 0, -3e38f, 3e38f, -1, 5};
    static const double y[2 * WIDTH] = {2, -5, 1, -0.5, 0, 1, -1, 2};
    static const char *const sigmas[] = {"0.5", "shared", "per_dim", "decoder"};
    (void)state;
    for (size_t s = 0; s < COUNT_OF(sigmas); s++) {
        char spec[100];
        double elbo[2], log_p[2], expected[2] = {0}, sigma[WIDTH];
        float mean[2 * WIDTH], latent[2 * 2 * LATENT] = {0};
        snprintf(spec, sizeof spec, "input=4 latent=2 likelihood=gaussian standardize=1 sigma=%s",
                 sigmas[s]);
        vae_model *model = test_model(NULL, spec, 0);
        assert_ok(vae_model_parameter_set(model, "input.shift", shift, WIDTH));
        assert_ok(vae_model_parameter_set(model, "input.scale", scale, WIDTH));
        for (size_t i = 0; i < WIDTH; i++) sigma[i] = s ? sqrt(1 + 1e-6) : 0.5;
        for (size_t i = 0; i < 2 * WIDTH; i++) {
            double ratio = y[i] / sigma[i % WIDTH];
            expected[i / WIDTH] -= 0.5 * ratio * ratio + log(sigma[i % WIDTH]) +
                                   0.91893853320467274178 + log((double)scale[i % WIDTH]);
        }
        assert_ok(vae_elbo(model, x, 2, WIDTH, 5, elbo, NULL, NULL));
        for (size_t r = 0; r < 2; r++) test_near(elbo[r], expected[r], 1e-6, "ELBO");
        for (size_t e = 0; e < 2; e++) {
            assert_ok(vae_log_likelihood(model, x, 2, WIDTH,
                                         e ? "samples=2 estimator=prior" : "samples=2", log_p, NULL,
                                         NULL));
            for (size_t r = 0; r < 2; r++) test_near(log_p[r], expected[r], 1e-6, "log p");
        }
        vae__parameter *bias = test_parameter(model, "likelihood.bias");
        bias->values[0] = 2;  /* 6e38 - 3e38 */
        bias->values[1] = -5; /* -5e38 + 2e38 */
        assert_ok(vae_reconstruct(model, x, 2, WIDTH, mean));
        test_near((double)mean[0] / 3e38, 1, 1e-6, "E[x|z]");
        test_near((double)mean[WIDTH + 1] / 3e38, -1, 1e-6, "E[x|z]");
        test_near((double)mean[2], 0, 1e-6, "E[x|z]");
        assert_ok(vae_decode(model, latent, 2, LATENT, mean));
        test_near((double)mean[0] / 3e38, 1, 1e-6, "E[x|z]");
        vae_model_destroy(model);
    }
}

static void only_for_the_gaussian(void **state) {
    (void)state;
    vae_model *model;
    assert_int_equal(
        vae_model_create(NULL, "input=4 latent=2 likelihood=bernoulli standardize=1", &model),
        VAE_ERROR_TEXT);
    assert_non_null(strstr(vae_last_error(), "likelihood=gaussian"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_have_mean_0_and_variance_1),
        cmocka_unit_test(density_carries_the_jacobian),
        cmocka_unit_test(means_draws_and_sigma_are_of_x),
        cmocka_unit_test(training_is_that_of_y),
        cmocka_unit_test(scales_are_positive),
        cmocka_unit_test(far_values_are_standardised),
        cmocka_unit_test(only_for_the_gaussian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
