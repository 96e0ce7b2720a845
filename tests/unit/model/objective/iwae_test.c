/* The importance-weighted bound that a step reports, against log-mean-exp by hand from the noise it
 * was given, and between the ELBO and log p. Its gradient is checked in train/gradient_test.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/objective/objective.h"
#include "support/cmocka.h"
#include "support/numbers.h"
#include "support/reference.h"

enum { WIDTH = 6, LATENT = 2, MOST_ROWS = 300, MOST_SAMPLES = 8 };

typedef struct fixture {
    vae_context *context;
    vae_model *model;
    size_t n, samples;
    float x[MOST_ROWS * WIDTH];
    vae__real noise[MOST_ROWS * MOST_SAMPLES * LATENT];
} fixture;

/* Noise of the library's own stream, so that it is normal; which numbers does not matter. */
static void set_up(fixture *f, const char *likelihood, size_t n, size_t samples) {
    char spec[200];
    const vae__stream stream = {17, 0, VAE__PURPOSE_POSTERIOR, 0};
    snprintf(spec, sizeof spec,
             "input=6 latent=2 encoder=[dense 4, tanh] decoder=[dense 5, tanh] likelihood=%s",
             likelihood);
    f->context = test_context("threads=2");
    f->model = test_model(f->context, spec, 0.9);
    f->n = n;
    f->samples = samples;
    test_values(f->x, n * WIDTH, 5, 0, 1);
    f->context->kernels->normals(&stream, 0, n, samples, LATENT, f->noise);
}

static void tear_down(fixture *f) {
    vae_model_destroy(f->model);
    vae_context_destroy(f->context);
}

static vae_step_report report_of(fixture *f, const char *options) {
    vae_step_report report = {.struct_size = sizeof report};
    vae_optimizer *optimizer;
    const vae__step_rows rows = {.rows = f->x, .n = f->n, .noise = f->noise};
    vae__real *gradient = calloc(f->model->parameters.block_count, sizeof *gradient);
    if (vae_optimizer_create(f->model, options, &optimizer) ||
        vae__step_gradient(optimizer, &rows, &report, gradient)) {
        fail_msg("%s: %s", options, vae_last_error());
    }
    free(gradient);
    vae_optimizer_destroy(optimizer);
    return report;
}

static vae_step_report report_with(fixture *f, const char *objective) {
    char options[100];
    snprintf(options, sizeof options, "adam objective=%s samples=%zu", objective, f->samples);
    return report_of(f, options);
}

/* mean over rows of log (1/K) sum_k w_k */
static double bound_by_hand(fixture *f) {
    double total = 0;
    for (size_t r = 0; r < f->n; r++) {
        double x[WIDTH], mean[LATENT], logvar[LATENT], z[LATENT], log_w[MOST_SAMPLES], sum = 0;
        double most = -INFINITY;
        for (size_t i = 0; i < WIDTH; i++) x[i] = (double)f->x[r * WIDTH + i];
        reference_encode(f->model, x, mean, logvar);
        for (size_t k = 0; k < f->samples; k++) {
            const vae__real *noise = f->noise + (r * f->samples + k) * LATENT;
            for (size_t j = 0; j < LATENT; j++)
                z[j] = mean[j] + exp(logvar[j] / 2) * (double)noise[j];
            log_w[k] = reference_log_weight(f->model, x, mean, logvar, z);
            most = fmax(most, log_w[k]);
        }
        for (size_t k = 0; k < f->samples; k++) sum += exp(log_w[k] - most);
        total += most + log(sum / (double)f->samples);
    }
    return total / (double)f->n;
}

static void objective_is_log_mean_exp(void **state) {
    (void)state;
    static const char *const likelihoods[] = {"bernoulli", "gaussian sigma=0.1"};
    static fixture f;
    for (size_t i = 0; i < 2; i++) {
        for (size_t samples = 1; samples <= MOST_SAMPLES; samples += samples < 3 ? 1 : 5) {
            set_up(&f, likelihoods[i], 5, samples);
            vae_step_report report = report_with(&f, "iwae");
            test_near(report.objective, bound_by_hand(&f), test_tolerance(1e-5, 1e-11),
                      likelihoods[i]);
            vae_step_report elbo = report_with(&f, "elbo");
            test_near(report.elbo, elbo.elbo, 1e-6, "the raw ELBO in its report");
            test_near(report.kl, elbo.kl, 1e-6, "the raw KL in its report");
            tear_down(&f);
        }
    }
}

/* ELBO <= IWAE bound <= log p, the means of 300 rows on one set of noise. */
static void bound_lies_between(void **state) {
    (void)state;
    static fixture f;
    reference_grid grid;
    double log_p = 0;
    set_up(&f, "bernoulli", MOST_ROWS, MOST_SAMPLES);
    reference_grid_make(f.model, &grid);
    for (size_t r = 0; r < f.n; r++) {
        double x[WIDTH];
        for (size_t i = 0; i < WIDTH; i++) x[i] = (double)f.x[r * WIDTH + i];
        log_p += reference_grid_log_p(&grid, x, NULL, NULL) / (double)f.n;
    }
    double elbo = report_with(&f, "elbo").objective, iwae = report_with(&f, "iwae").objective;
    if (!(elbo < iwae && iwae < log_p)) {
        fail_msg("ELBO %.6g, importance-weighted %.6g, log p %.6g", elbo, iwae, log_p);
    }
    reference_grid_free(&grid);
    tear_down(&f);
}

static void value_of_extreme_weights(void **state) {
    (void)state;
    const double log_p[] = {-1e6, -1e6, 1e6, -1e6}, ratio[] = {0, 0, 5, 0};
    test_near(vae__iwae_value(log_p, ratio, 2, 2), (-1e6 + 1e6 + 5 - log(2)) / 2, 1e-9, "two rows");
    test_near(vae__iwae_value(log_p, ratio, 4, 1), (-2e6 + 5) / 4, 1e-9, "K = 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objective_is_log_mean_exp),
        cmocka_unit_test(bound_lies_between),
        cmocka_unit_test(value_of_extreme_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
