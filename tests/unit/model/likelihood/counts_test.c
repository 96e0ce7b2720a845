/* What counts have beyond their density: the offset by a row's size, an encoder that sees
 * log(1 + x), a dispersion that starts from the columns' variances. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <math.h>

#include "support/cmocka.h"
#include "support/numbers.h"

/* ln of a Poisson's probability, summed over a row. */
static double poisson(const float *x, const double *rate, size_t width) {
    double total = 0;
    for (size_t i = 0; i < width; i++) {
        double count = (double)x[i];
        total += count * log(rate[i]) - rate[i] - lgamma(count + 1);
    }
    return total;
}

/* A model whose likelihood's bias is ln(1, 2, 3) and whose weights are 0. */
static vae_model *constant_model(vae_context *context, const char *likelihood) {
    char spec[200];
    snprintf(spec, sizeof spec, "input=3 latent=1 likelihood=%s", likelihood);
    vae_model *model = test_model(context, spec, 0);
    vae__parameter *bias = test_parameter(model, "likelihood.bias");
    for (size_t i = 0; i < 3; i++) bias->values[i] = (vae__real)log((double)i + 1);
    return model;
}

static void size_offset(void **state) {
    (void)state;
    const float x[9] = {1, 5, 6, 0, 2, 0, 40, 100, 160}, z[1] = {0.3f};
    vae_context *context = test_context("threads=1");
    vae_model *none = constant_model(context, "poisson"),
              *total = constant_model(context, "poisson size=total");
    for (size_t r = 0; r < 3; r++) {
        double size = ((double)x[3 * r] + (double)x[3 * r + 1] + (double)x[3 * r + 2]) / 3, found;
        const double rates[3] = {1, 2, 3}, scaled[3] = {size, 2 * size, 3 * size};
        assert_int_equal(vae_elbo(none, x + 3 * r, 1, 3, 1, NULL, &found, NULL), VAE_OK);
        test_near(found, poisson(x + 3 * r, rates, 3), 1e-6, "size=none");
        assert_int_equal(vae_elbo(total, x + 3 * r, 1, 3, 1, NULL, &found, NULL), VAE_OK);
        test_near(found, poisson(x + 3 * r, scaled, 3), 1e-6, "size=total");
    }
    float with[3], without[3], reconstruction[3];
    assert_int_equal(vae_decode(none, z, 1, 1, without), VAE_OK);
    assert_int_equal(vae_decode(total, z, 1, 1, with), VAE_OK);
    assert_int_equal(vae_reconstruct(total, x + 6, 1, 3, reconstruction), VAE_OK);
    for (size_t i = 0; i < 3; i++) {
        test_near((double)without[i], (double)i + 1, 1e-6, "rate");
        test_near((double)with[i], (double)i + 1, 1e-6, "rate at a mean count of 1");
        test_near((double)reconstruction[i], (double)i + 1, 1e-6, "the same");
    }
    vae_model_destroy(total);
    vae_model_destroy(none);
    vae_context_destroy(context);
}

/* A row of size 0 is certain to be empty: log p = 0, and nothing is to be learned from it. */
static void empty_row(void **state) {
    (void)state;
    static const char *const kinds[] = {"poisson size=total", "negative_binomial size=total"};
    const float x[3] = {0, 0, 0};
    for (size_t k = 0; k < 2; k++) {
        vae_context *context = test_context("threads=1");
        vae_model *model = constant_model(context, kinds[k]);
        vae_optimizer *optimizer;
        double found = 1;
        assert_int_equal(vae_elbo(model, x, 1, 3, 1, NULL, &found, NULL), VAE_OK);
        assert_true(found == 0);
        assert_int_equal(vae_optimizer_create(model, "adam", &optimizer), VAE_OK);
        vae__real *gradient = calloc(model->parameters.block_count, sizeof *gradient);
        vae_step_report report;
        const vae__step_rows rows = {.rows = x, .n = 1};
        assert_int_equal(vae__step_gradient(optimizer, &rows, &report, gradient), VAE_OK);
        for (size_t p = 0; p < model->parameters.count; p++) {
            const vae__parameter *parameter = &model->parameters.items[p];
            const vae__real *own = gradient + (parameter->values - model->parameters.block);
            if (strncmp(parameter->name, "likelihood.", 11)) continue;
            for (size_t i = 0; i < vae__parameter_size(parameter); i++) assert_true(own[i] == 0);
        }
        free(gradient);
        vae_optimizer_destroy(optimizer);
        vae_model_destroy(model);
        vae_context_destroy(context);
    }
}

static void spec_keys(void **state) {
    (void)state;
    vae_context *context = test_context("threads=1");
    vae_model *model;
    const char *text = "input=3 latent=1 likelihood=bernoulli size=total";
    assert_int_equal(vae_model_create(context, text, &model), VAE_ERROR_TEXT);
    assert_non_null(strstr(vae_last_error(), "'size=' belongs to likelihood=poisson"));
    text = "input=3 latent=1 likelihood=poisson sigma=1";
    assert_int_equal(vae_model_create(context, text, &model), VAE_ERROR_TEXT);
    model = constant_model(context, "negative_binomial size=total");
    assert_non_null(strstr(vae_model_spec(model), " size=total"));
    vae_model_destroy(model);
    model = constant_model(context, "poisson");
    assert_non_null(strstr(vae_model_spec(model), " size=none"));
    vae_model_destroy(model);
    model = test_model(context, "input=3 latent=1 likelihood=bernoulli", 1);
    assert_null(strstr(vae_model_spec(model), "size"));
    vae_model_destroy(model);
    vae_context_destroy(context);
}

enum { ROWS = 300, WIDTH = 4 };

/* Columns of very different scale; column 0 is a Poisson's, the others vary more. */
static vae_model *initialized(vae_context *context, const char *spec, float *x) {
    vae_dataset *dataset;
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        double u = test_uniform(8, i, 0.02, 1);
        x[i] = (float)(i % WIDTH ? floor(pow(6, (double)(i % WIDTH)) / u) : floor(1.5 + u));
    }
    vae_model *model;
    if (vae_model_create(context, spec, &model)) fail_msg("%s", vae_last_error());
    assert_int_equal(vae_dataset_from_memory(context, x, ROWS, WIDTH, "", &dataset), VAE_OK);
    assert_int_equal(vae_model_initialize(model, dataset), VAE_OK);
    vae_dataset_destroy(dataset);
    return model;
}

/* The encoder is scaled to log(1 + x): over the rows, the means it gives are 0 on average, and have
 * the variance that unit variance over all columns gives them. */
static void input_scale(void **state) {
    (void)state;
    static float x[ROWS * WIDTH], mean[ROWS * 3], logvar[ROWS * 3];
    vae_context *context = test_context("threads=1");
    vae_model *model = initialized(context, "input=4 latent=3 likelihood=poisson", x);
    assert_int_equal(vae_encode(model, x, ROWS, WIDTH, mean, logvar), VAE_OK);
    for (size_t j = 0; j < 3; j++) {
        double sum = 0;
        for (size_t r = 0; r < ROWS; r++) sum += (double)mean[3 * r + j] / ROWS;
        test_near(sum, 0, 1e-5, "mean of the first layer's output");
    }
    double total = 0, column[WIDTH] = {0}, unscaled;
    for (size_t i = 0; i < ROWS * WIDTH; i++) column[i % WIDTH] += log1p((double)x[i]) / ROWS;
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        total += pow(log1p((double)x[i]) - column[i % WIDTH], 2) / (ROWS * WIDTH);
    vae_model *fresh;
    assert_int_equal(vae_model_create(context, "input=4 latent=3 likelihood=poisson", &fresh),
                     VAE_OK);
    unscaled = (double)test_parameter(fresh, "posterior.weight")->values[0];
    test_near((double)test_parameter(model, "posterior.weight")->values[0], unscaled / sqrt(total),
              1e-5, "weight over the deviation of log(1 + x)");
    vae_model_destroy(fresh);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

static void dispersion_start(void **state) {
    (void)state;
    static float x[ROWS * WIDTH];
    vae_context *context = test_context("threads=1");
    vae_model *model = initialized(context, "input=4 latent=3 likelihood=negative_binomial", x);
    const vae__real *found = test_parameter(model, "likelihood.log_dispersion")->values;
    for (size_t i = 0; i < WIDTH; i++) {
        double mean = 0, variance = 0;
        for (size_t r = 0; r < ROWS; r++) mean += (double)x[r * WIDTH + i] / ROWS;
        for (size_t r = 0; r < ROWS; r++)
            variance += pow((double)x[r * WIDTH + i] - mean, 2) / ROWS;
        double expected = variance > mean ? mean * mean / (variance - mean) : 1e6;
        test_near(exp((double)found[i]) / expected, 1, 1e-4, "dispersion");
    }
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* With size=total rates are relative to the mean column. */
static void size_start(void **state) {
    (void)state;
    static float x[ROWS * WIDTH];
    vae_context *context = test_context("threads=1");
    vae_model *model = initialized(context, "input=4 latent=3 likelihood=poisson size=total", x);
    const vae__real *bias = test_parameter(model, "likelihood.bias")->values;
    double mean[WIDTH] = {0}, all = 0;
    for (size_t i = 0; i < ROWS * WIDTH; i++) mean[i % WIDTH] += (double)x[i] / ROWS;
    for (size_t i = 0; i < WIDTH; i++) all += mean[i] / WIDTH;
    for (size_t i = 0; i < WIDTH; i++)
        test_near((double)bias[i], log(mean[i] / all), 1e-5, "log rate");
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* A column that is all but empty beside large ones: its relative rate is below the bound of rates. */
static void size_start_of_an_empty_column(void **state) {
    (void)state;
    static const char *const likelihoods[] = {"poisson", "negative_binomial"};
    static const float x[8] = {0, 400000, 0, 200000, 0, 500000, 0, 100000}; /* [2, 4] */
    const float z = 0.3f;
    vae_context *context = test_context("threads=1");
    for (size_t i = 0; i < 2; i++) {
        char spec[100];
        float rates[4];
        vae_dataset *dataset;
        snprintf(spec, sizeof spec, "input=4 latent=1 likelihood=%s size=total", likelihoods[i]);
        vae_model *model = test_model(context, spec, 0);
        assert_int_equal(vae_dataset_from_memory(context, x, 2, 4, "", &dataset), VAE_OK);
        assert_int_equal(vae_model_initialize(model, dataset), VAE_OK);
        assert_int_equal(vae_decode(model, &z, 1, 1, rates), VAE_OK);
        assert_true(rates[0] > 0 && rates[0] < 1e-7f && rates[2] == rates[0]);
        test_near((double)rates[1], 3, 1e-5, "a rate relative to the mean count");
        test_near((double)rates[3], 1, 1e-5, "another");
        vae_dataset_destroy(dataset);
        vae_model_destroy(model);
    }
    vae_context_destroy(context);
}

/* Rates may lie above the largest count; draws are values that the model takes. */
static void draws_are_taken(void **state) {
    (void)state;
    static const char *const likelihoods[] = {"poisson", "negative_binomial"};
    float x[3 * 20];
    vae_context *context = test_context("threads=1");
    for (size_t i = 0; i < 2; i++) {
        vae_model *model = constant_model(context, likelihoods[i]);
        vae__real *bias = test_parameter(model, "likelihood.bias")->values;
        bias[0] = bias[2] = 23;
        assert_int_equal(vae_sample(model, 20, 1, NULL, NULL, x), VAE_OK);
        if (vae_elbo(model, x, 20, 3, 1, NULL, NULL, NULL)) fail_msg("%s", vae_last_error());
        vae_model_destroy(model);
    }
    vae_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(size_offset),
        cmocka_unit_test(empty_row),
        cmocka_unit_test(spec_keys),
        cmocka_unit_test(input_scale),
        cmocka_unit_test(dispersion_start),
        cmocka_unit_test(size_start),
        cmocka_unit_test(size_start_of_an_empty_column),
        cmocka_unit_test(draws_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
