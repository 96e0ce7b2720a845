/* Data far from deviation 1: what vae_model_initialize makes of them, what standardize=1 does, and what
 * is said of those that it cannot help. Four columns that two latents explain; figures are the mean
 * ELBO + 4 log s after 3000 steps, which is the same at every scale s for a model that does not mind. */
#include <math.h>
#include <string.h>

#include "support/cmocka.h"
#include "unit/train/fixture.h"

enum { ROWS = 1024, WIDTH = 4, STEPS = 3000 };

#define SHALLOW "encoder=[dense 64, relu] decoder=[dense 64, relu] "
#define DEEP                                    \
    "encoder=[dense 64, relu, dense 64, relu] " \
    "decoder=[dense 64, relu, dense 64, relu] "

static double normal(size_t seed, size_t i) {
    double u = test_uniform(seed, 2 * i, 1e-12, 1), v = test_uniform(seed, 2 * i + 1, 0, 1);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static void make_rows(float *x, double scale) {
    for (size_t r = 0; r < ROWS; r++) {
        double a = normal(1, r), b = normal(2, r),
               *columns = (double[]){a, 0.5 * a * b, 0.5 + b, sin(2 * a)};
        for (size_t i = 0; i < WIDTH; i++)
            x[r * WIDTH + i] = (float)(scale * (columns[i] + 0.05 * normal(3 + i, r)));
    }
}

typedef struct result {
    double elbo, marginals, ppca; /* + 4 log s */
    fixture_log log;
} result;

static result train(const char *network, const char *likelihood, double scale) {
    static float x[ROWS * WIDTH];
    result found = {.elbo = 0};
    char spec[300];
    vae_context *context = test_context(NULL);
    vae_model *model;
    vae_dataset *data;
    vae_optimizer *optimizer;
    vae_evaluation *evaluation;
    double *const figures[] = {&found.elbo, &found.marginals, &found.ppca};
    static const char *const names[] = {"elbo", "baseline_marginals", "baseline_ppca"};
    make_rows(x, scale);
    snprintf(spec, sizeof spec, "input=4 latent=2 %s likelihood=gaussian %s", network, likelihood);
    assert_ok(vae_dataset_from_memory(context, x, ROWS, WIDTH, "batch=64", &data));
    assert_ok(vae_model_create(context, spec, &model));
    assert_ok(vae_context_set_log(context, fixture_hear, &found.log));
    assert_ok(vae_model_initialize(model, data));
    assert_ok(vae_context_set_log(context, NULL, NULL));
    assert_ok(vae_optimizer_create(model, "adam lr=1e-3", &optimizer));
    for (int i = 0; i < STEPS; i++) assert_ok(vae_step(model, optimizer, data, NULL));
    assert_ok(vae_evaluate(model, data, NULL, NULL, NULL, NULL, &evaluation));
    for (size_t i = 0; i < COUNT_OF(figures); i++) {
        assert_ok(vae_evaluation_value(evaluation, names[i], figures[i]));
        *figures[i] += WIDTH * log(scale);
    }
    vae_evaluation_destroy(evaluation);
    vae_optimizer_destroy(optimizer);
    vae_dataset_destroy(data);
    vae_model_destroy(model);
    vae_context_destroy(context);
    return found;
}

/* Without scaled output weights the figures at 0.01 and 100 are those of no model at all. */
static void initialize_helps_from_a_hundredth_to_a_thousand(void **state) {
    static const double scales[] = {0.01, 0.03, 0.1, 10, 30, 100, 1000};
    double at_one = train(DEEP, "", 1).elbo;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scales); i++) {
        result found = train(DEEP, "", scales[i]);
        if (!(found.elbo > at_one - 1.5))
            fail_msg("scale %g: %g, at scale 1 %g", scales[i], found.elbo, at_one);
        assert_true(found.elbo > found.marginals + 1 && found.elbo > found.ppca + 1);
        assert_int_equal(found.log.warnings, 0);
    }
    double shallow = train(SHALLOW, "", 1).elbo;
    for (size_t i = 0; i < 2; i++) assert_true(train(SHALLOW, "", scales[i]).elbo > shallow - 1.5);
}

/* standardize=1 does not mind at all. */
static void standardize_helps_at_any_scale(void **state) {
    static const double scales[] = {1e-6, 1e-3, 100, 65535, 1e9, 1e20};
    double at_one = train(SHALLOW, "standardize=1", 1).elbo;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scales); i++) {
        result found = train(SHALLOW, "standardize=1", scales[i]);
        test_near(found.elbo, at_one, 0.2, "ELBO + 4 log s");
        assert_int_equal(found.log.warnings, 0);
    }
}

/* A step of the learning rate in a weight is one of 65 in what it multiplies. */
static void the_log_names_what_initialize_cannot_help(void **state) {
    (void)state;
    result large = train(SHALLOW, "", 65535), small = train(SHALLOW, "", 1e-4);
    assert_int_equal(large.log.warnings, 1);
    assert_non_null(strstr(large.log.warning, "over all of them together, is 5."));
    assert_non_null(strstr(large.log.warning, "e+04: training will be poor or fail unless"));
    assert_non_null(strstr(large.log.warning, "standardize=1"));
    assert_true(large.elbo < large.ppca);
    assert_int_equal(small.log.warnings, 1);
    assert_non_null(strstr(small.log.warning, "standardize=1"));
}

/* A table of sensors: what scale=unit and standardize=1 leave of its small columns. */
static void standardize_serves_every_column(void **state) {
    static const double centre[WIDTH] = {101325, 20, 0.01, 1500},
                        spread[WIDTH] = {500, 5, 0.003, 200};
    static float x[ROWS * WIDTH], found[ROWS * WIDTH];
    (void)state;
    for (int standardized = 0; standardized < 2; standardized++) {
        vae_model *model;
        vae_dataset *data;
        vae_optimizer *optimizer;
        double r2[WIDTH];
        make_rows(x, 1);
        for (size_t i = 0; i < ROWS * WIDTH; i++)
            x[i] = (float)(centre[i % WIDTH] + spread[i % WIDTH] * (double)x[i]);
        assert_ok(vae_dataset_from_memory(
            NULL, x, ROWS, WIDTH, standardized ? "batch=64" : "batch=64 scale=unit", &data));
        assert_ok(vae_model_create(NULL,
                                   standardized ? "input=4 latent=2 " SHALLOW
                                                  "likelihood=gaussian standardize=1"
                                                : "input=4 latent=2 " SHALLOW "likelihood=gaussian",
                                   &model));
        assert_ok(vae_model_initialize(model, data));
        assert_ok(vae_optimizer_create(model, "adam lr=1e-3", &optimizer));
        for (int i = 0; i < STEPS; i++) assert_ok(vae_step(model, optimizer, data, NULL));
        assert_ok(vae_dataset_read(data, 0, ROWS, x, WIDTH));
        assert_ok(vae_reconstruct(model, x, ROWS, WIDTH, found));
        for (size_t j = 0; j < WIDTH; j++) {
            double mean = 0, variance = 0, error = 0;
            for (size_t r = 0; r < ROWS; r++) mean += (double)x[r * WIDTH + j] / ROWS;
            for (size_t r = 0; r < ROWS; r++) {
                variance += pow((double)x[r * WIDTH + j] - mean, 2);
                error += pow((double)x[r * WIDTH + j] - (double)found[r * WIDTH + j], 2);
            }
            r2[j] = 1 - error / variance;
            if (standardized && !(r2[j] > 0.98)) fail_msg("column %zu: R^2 %g", j, r2[j]);
        }
        assert_true(standardized || r2[2] < -100);
        vae_optimizer_destroy(optimizer);
        vae_dataset_destroy(data);
        vae_model_destroy(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initialize_helps_from_a_hundredth_to_a_thousand),
        cmocka_unit_test(standardize_helps_at_any_scale),
        cmocka_unit_test(standardize_serves_every_column),
        cmocka_unit_test(the_log_names_what_initialize_cannot_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
