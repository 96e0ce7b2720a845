/* Values so far from the mean that their squares are no floats: densities, bounds, estimates and
 * gradients of a Gaussian are those of the formula in long double, in every sigma mode, at every
 * instruction set and for every width around the blocks of the loops. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

#define LOG_2PI 1.837877066409345483560659472811L

enum { ROWS = 3, MOST = 2085 };

/* A model whose outputs are its output bias: q(z|x) is the prior and the decoder does not look at z,
 * so that every bound and every estimate is log p(x|z). */
typedef struct subject {
    vae_context *context;
    vae_model *model;
    size_t width;
    float x[ROWS * MOST];
    long double log_p[ROWS], mean_gradient[MOST], sigma_gradient[MOST];
    long double size[MOST]; /* of the terms of mean_gradient */
} subject;

typedef struct mode {
    const char *name;
    double log_sigma; /* of shared and per_dim; half the raw log variance of decoder */
    double floor;     /* of every third value */
} mode;

static const mode modes[] = {
    {"sigma=1e15", 0, 0},        {"sigma=1", 0, 0},
    {"sigma=1e-3", 0, 0},        {"sigma=shared", 40, 0}, /* 2.4e17 */
    {"sigma=shared", 50, 0},                              /* 5e21: 1 / sigma^2 is no float */
    {"sigma=shared", 0, 0},      {"sigma=shared sigma_min=1e15", 1, 0},
    {"sigma=optimal", 0, 0},     {"sigma=optimal sigma_min=1e15", 0, 0},
    {"sigma=per_dim", 42, 0},    {"sigma=per_dim", 50, 0}, /* its square is no float */
    {"sigma=per_dim", 0, 0},     {"sigma=per_dim", 0, 3},
    {"sigma=per_dim", -3, 1e25}, {"sigma=per_dim sigma_min=1e15", 1, 0},
    {"sigma=decoder", 1, 0},     {"sigma=decoder", -1, 2},
    {"sigma=decoder", 0, 1e30},  {"sigma=decoder sigma_min=1e15", 0, 1e14},
};

/* The value in question stands among ordinary ones. */
static void fill_x(subject *s, double far) {
    for (size_t i = 0; i < ROWS * s->width; i++) s->x[i] = (float)test_uniform(5, i, -2, 2);
    s->x[s->width - 1] = (float)far;
    s->x[2 * s->width] = (float)-far;
}

static void fill_parameters(subject *s, const mode *m, double mean) {
    vae__parameter *bias = test_parameter(s->model, "likelihood.bias");
    for (size_t i = 0; i < s->width; i++) bias->values[i] = (vae__real)(i % 7 ? 0.5 : mean);
    for (size_t i = s->width; i < bias->rows; i++) bias->values[i] = (vae__real)(2 * m->log_sigma);
    vae__parameter *log_sigma = vae__parameters_find(&s->model->parameters, "likelihood.log_sigma");
    for (size_t i = 0; log_sigma && i < log_sigma->rows; i++)
        log_sigma->values[i] = (vae__real)m->log_sigma;
    vae__parameter *floor = vae__parameters_find(&s->model->parameters, "likelihood.sigma_floor");
    for (size_t i = 0; floor && i < floor->rows; i += 3) floor->values[i] = (vae__real)m->floor;
}

static subject make(const mode *m, size_t width, const char *level, double mean, double far) {
    subject s = {.width = width};
    char spec[200], options[40];
    snprintf(spec, sizeof spec, "input=%zu latent=1 likelihood=gaussian %s", width, m->name);
    snprintf(options, sizeof options, "simd=%s", level);
    if (vae_context_create(options, &s.context)) return s; /* not of this machine */
    assert_ok(vae_model_create(s.context, spec, &s.model));
    vae__parameters *list = &s.model->parameters;
    memset(list->block, 0, list->block_count * sizeof *list->block);
    fill_parameters(&s, m, mean);
    fill_x(&s, far);
    return s;
}

static void drop(subject *s) {
    vae_model_destroy(s->model);
    vae_context_destroy(s->context);
}

/* l = hi - softplus(hi - (lo + softplus(a - lo))), lo = -16, hi = 16 */
static long double bounded(long double a, long double *slope) {
    long double t = -16 + log1pl(expl(a + 16));
    *slope = 1 / (1 + expl(-(16 - t))) / (1 + expl(-(a + 16)));
    return 16 - log1pl(expl(16 - t));
}

/* sigma^2 of value i, and how much of it is above the floor. */
static long double variance_of(const subject *s, size_t i, long double *above) {
    const vae__spec *spec = &s->model->spec;
    long double least = (long double)spec->sigma_min * spec->sigma_min, slope;
    const vae__real *bias = test_parameter(s->model, "likelihood.bias")->values;
    const vae__real *extra = vae__model_extra(s->model), *floor = vae__model_floor(s->model);
    if (floor) least = fmaxl(least, (long double)floor[i] * (long double)floor[i]);
    *above = 0;
    switch (spec->sigma.mode) {
    case VAE__SIGMA_VALUE: return (long double)spec->sigma.value * spec->sigma.value;
    case VAE__SIGMA_SHARED: *above = expl(2 * (long double)extra[0]); break;
    case VAE__SIGMA_PER_DIM: *above = expl(2 * (long double)extra[i]); break;
    case VAE__SIGMA_DECODER: *above = expl(bounded((long double)bias[s->width + i], &slope)); break;
    case VAE__SIGMA_OPTIMAL: return fmaxl((long double)extra[0], least);
    }
    return least + *above;
}

static long double squared(const subject *s, size_t r, size_t i) {
    long double m = (long double)test_parameter(s->model, "likelihood.bias")->values[i];
    long double residual = (long double)s->x[r * s->width + i] - m;
    return residual * residual;
}

/* sigma=optimal in training: that of the batch. */
static long double batch_variance(const subject *s) {
    long double sum = 0, least = (long double)s->model->spec.sigma_min;
    for (size_t i = 0; i < ROWS * s->width; i++) sum += squared(s, i / s->width, i % s->width);
    return fmaxl(sum / (long double)(ROWS * s->width), least * least);
}

static void expect(subject *s, int training) {
    const vae__real *bias = test_parameter(s->model, "likelihood.bias")->values;
    int pooled = training && s->model->spec.sigma.mode == VAE__SIGMA_OPTIMAL;
    memset(s->mean_gradient, 0, sizeof s->mean_gradient);
    memset(s->sigma_gradient, 0, sizeof s->sigma_gradient);
    memset(s->size, 0, sizeof s->size);
    for (size_t r = 0; r < ROWS; r++) {
        s->log_p[r] = 0;
        for (size_t i = 0; i < s->width; i++) {
            long double above, variance = variance_of(s, i, &above), slope = 2, square;
            if (pooled) variance = batch_variance(s);
            square = squared(s, r, i);
            if (s->model->spec.sigma.mode == VAE__SIGMA_DECODER)
                (void)bounded((long double)bias[s->width + i], &slope);
            s->log_p[r] -= (square / variance + logl(variance) + LOG_2PI) / 2;
            long double term =
                ((long double)bias[i] - (long double)s->x[r * s->width + i]) / variance / ROWS;
            s->mean_gradient[i] += term;
            s->size[i] += fabsl(term);
            s->sigma_gradient[s->model->spec.sigma.mode == VAE__SIGMA_SHARED ? 0 : i] -=
                (square / variance - 1) * slope * above / variance / 2 / ROWS;
        }
    }
}

/* Relative. A gradient that is no float is infinite, and so is one of which a single row's, not yet
 * weighed, is none. */
static void check(double found, long double expected, double floor, const char *what,
                  const subject *s) {
    double tolerance = test_tolerance(2e-5, 1e-6);
    long double most = (long double)VAE__REAL_MAX / (2 * ROWS);
    if (fabsl(expected) > most && isinf(found) && (found > 0) == (expected > 0)) return;
    if (fabsl((long double)found - expected) <= (long double)tolerance * fabsl(expected) + floor)
        return;
    fail_msg("%s, width %zu, simd %s: %s: found %.9g, expected %.9g", vae_model_spec(s->model),
             s->width, s->context->kernels->name, what, found, (double)expected);
}

static void check_inference(subject *s) {
    double elbo[ROWS], kl[ROWS], importance[ROWS], prior[ROWS];
    expect(s, 0);
    assert_ok(vae_elbo(s->model, s->x, ROWS, s->width, 3, elbo, NULL, kl));
    assert_ok(
        vae_log_likelihood(s->model, s->x, ROWS, s->width, "samples=3", importance, NULL, NULL));
    assert_ok(vae_log_likelihood(s->model, s->x, ROWS, s->width, "samples=3 estimator=prior", prior,
                                 NULL, NULL));
    for (size_t r = 0; r < ROWS; r++) {
        double floor = 1e-4 * (double)s->width;
        check(elbo[r], s->log_p[r], floor, "ELBO", s);
        check(importance[r], s->log_p[r], floor, "importance", s);
        check(prior[r], s->log_p[r], floor, "prior", s);
        assert_true(fabs(kl[r]) < 1e-6); /* the bound of logvar moves it by a rounding */
    }
}

static void check_training(subject *s, const char *options) {
    vae_optimizer *optimizer;
    vae_step_report report;
    size_t count = s->model->parameters.block_count;
    vae__real *gradient = malloc(count * sizeof *gradient);
    long double mean = 0;
    const vae__step_rows rows = {.rows = s->x, .n = ROWS};
    const vae__parameter *bias = test_parameter(s->model, "likelihood.bias");
    const vae__parameter *log_sigma =
        vae__parameters_find(&s->model->parameters, "likelihood.log_sigma");
    expect(s, 1);
    for (size_t r = 0; r < ROWS; r++) mean += s->log_p[r] / ROWS;
    assert_ok(vae_optimizer_create(s->model, options, &optimizer));
    assert_ok(vae__step_gradient(optimizer, &rows, &report, gradient));
    check(report.elbo, mean, 1e-4 * (double)s->width, "ELBO of a step", s);
    check(report.reconstruction, mean, 1e-4 * (double)s->width, "reconstruction of a step", s);
    const vae__real *of_bias = gradient + (bias->values - s->model->parameters.block);
    for (size_t i = 0; i < s->width; i++) {
        double tiny = 1e-6 * (double)s->size[i] + 1e-38;
        check((double)of_bias[i], s->mean_gradient[i], tiny, "gradient of a mean", s);
    }
    for (size_t i = s->width; i < bias->rows; i++)
        check((double)of_bias[i], s->sigma_gradient[i - s->width], 1e-5, "gradient of a logvar", s);
    for (size_t i = 0; log_sigma && i < log_sigma->rows; i++) {
        check((double)gradient[log_sigma->values - s->model->parameters.block + i],
              s->sigma_gradient[i], 1e-5 * (double)s->width, "gradient of log sigma", s);
    }
    vae_optimizer_destroy(optimizer);
    free(gradient);
}

static void check_all(const mode *m, size_t width, const char *level, double mean, double far) {
    subject *s = malloc(sizeof *s);
    *s = make(m, width, level, mean, far);
    if (s->model) {
        if (s->model->spec.sigma.mode == VAE__SIGMA_OPTIMAL)
            vae__model_extra(s->model)[0] = (vae__real)1e30;
        check_inference(s);
        check_training(s, NULL);
        if (s->model->spec.sigma.mode != VAE__SIGMA_OPTIMAL)
            check_training(s, "objective=iwae samples=2");
        check_training(s, "samples=3 free_bits=0.1");
    }
    drop(s);
    free(s);
}

static void far_values_have_their_density(void **state) {
    static const char *const levels[] = {"sse2", "avx2", "avx512", "auto"};
    static const double far[] = {3, 1.7e19, 1.9e19, 1e20, -1e30, 3e38};
    static const size_t widths[] = {2, 40};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(modes) * COUNT_OF(levels) * COUNT_OF(far); i++) {
        const mode *m = &modes[i % COUNT_OF(modes)];
        const char *level = levels[i / COUNT_OF(modes) % COUNT_OF(levels)];
        double value = far[i / COUNT_OF(modes) / COUNT_OF(levels)];
        for (size_t w = 0; w < COUNT_OF(widths); w++) check_all(m, widths[w], level, 0.25, value);
    }
}

/* Rows of more than one stretch, and the ends of blocks. */
static void of_any_width(void **state) {
    static const size_t widths[] = {1, 15, 16, 17, 33, 1023, 1024, 1025, 2085};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(modes) * COUNT_OF(widths); i++) {
        check_all(&modes[i / COUNT_OF(widths)], widths[i % COUNT_OF(widths)], "auto", 0.5, 1e20);
    }
}

/* x - m is no float, though both are. */
static void residuals_beyond_float_are_residuals(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        check_all(&modes[i], 2, "auto", 3e38, 3e38);
        check_all(&modes[i], 29, "auto", -3.4e38, 3.4e38);
    }
}

/* Columns of 1e15 and one of 1e20: sigma as vae_model_initialize sets it, and steps. */
static void trains_on_them(void **state) {
    static const char *const kinds[] = {"sigma=shared",
                                        "sigma=optimal",
                                        "sigma=per_dim",
                                        "sigma=0.5 standardize=1",
                                        "sigma=shared standardize=1",
                                        "sigma=optimal standardize=1",
                                        "sigma=per_dim standardize=1",
                                        "sigma=decoder standardize=1"};
    float x[20 * 4];
    (void)state;
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        char spec[200];
        vae_model *model;
        vae_optimizer *optimizer;
        vae_dataset *data;
        vae_step_report report = {.struct_size = sizeof report};
        snprintf(spec, sizeof spec,
                 "input=4 latent=2 likelihood=gaussian encoder=[dense 5, tanh] "
                 "decoder=[dense 5, tanh] %s",
                 kinds[k]);
        for (size_t i = 0; i < 80; i++)
            x[i] = (float)test_uniform(9, i, -1, 1) * (i % 4 == 2 ? 1e20f : 1e15f);
        assert_ok(vae_model_create(NULL, spec, &model));
        assert_ok(vae_dataset_from_memory(NULL, x, 20, 4, NULL, &data));
        assert_ok(vae_model_initialize(model, data));
        assert_ok(vae_optimizer_create(model, "adam", &optimizer));
        for (int i = 0; i < 20; i++) {
            assert_ok(vae_step(model, optimizer, data, &report));
            assert_true(isfinite(report.elbo) && isfinite(report.gradient_norm));
        }
        vae_optimizer_destroy(optimizer);
        vae_dataset_destroy(data);
        vae_model_destroy(model);
    }
}

/* The figure that once was -inf: -5.0e9 for each value. */
static void a_value_of_1e20_at_sigma_1e15(void **state) {
    vae_model *model = test_model(NULL, "input=4 latent=2 likelihood=gaussian sigma=1e15", 1e-3);
    float x[4] = {1e20f, 1e20f, 1e20f, 1e20f};
    double elbo, reconstruction, log_p;
    (void)state;
    vae__parameter *weight = test_parameter(model, "posterior.weight");
    memset(weight->values, 0, vae__parameter_size(weight) * sizeof *weight->values);
    assert_ok(vae_elbo(model, x, 1, 4, 1, &elbo, &reconstruction, NULL));
    assert_ok(vae_log_likelihood(model, x, 1, 4, NULL, &log_p, NULL, NULL));
    double expected = -4 * (5e9 + log(1e15) + 0.5 * (double)LOG_2PI);
    test_near(reconstruction, expected, 1e-6, "reconstruction");
    test_near(elbo, expected, 1e-6, "elbo");
    test_near(log_p, expected, 1e-6, "log p");
    vae_model_destroy(model);
}

/* A posterior mean of 1e20: KL = 1/2 mean^2, and the ratio of the estimates log p(z) - log q(z|x). */
static void far_means_have_their_divergence(void **state) {
    static const char *const levels[] = {"sse2", "avx2", "avx512", "auto"};
    static const size_t latents[] = {1, 3, 16, 40};
    static const double means[] = {1e19, 1e20, -1e30, 3e38};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(levels) * COUNT_OF(latents) * COUNT_OF(means); i++) {
        vae_context *context;
        vae_optimizer *optimizer;
        vae_step_report report;
        char text[100];
        float x[2] = {0.5f, -0.5f};
        double kl, elbo, log_p, mean = (double)(float)means[i / 16];
        size_t latent = latents[i / 4 % 4];
        snprintf(text, sizeof text, "simd=%s", levels[i % 4]);
        if (vae_context_create(text, &context)) continue;
        snprintf(text, sizeof text, "input=2 latent=%zu likelihood=gaussian sigma=1", latent);
        vae_model *model = test_model(context, text, 0);
        vae__parameter *bias = test_parameter(model, "posterior.bias");
        for (size_t j = 0; j < latent; j++) bias->values[j] = (vae__real)(j ? 0.5 : mean);
        assert_ok(vae_elbo(model, x, 1, 2, 1, &elbo, NULL, &kl));
        test_near(kl / mean / mean, 0.5, 1e-6, "KL");
        test_near(elbo / mean / mean, -0.5, 1e-6, "ELBO");
        assert_ok(vae_log_likelihood(model, x, 1, 2, "samples=4", &log_p, NULL, NULL));
        test_near(log_p / mean / mean, -0.5, 1e-6, "importance");
        vae__real *gradient = malloc(model->parameters.block_count * sizeof *gradient);
        const vae__step_rows rows = {.rows = x, .n = 1};
        static const char *const options[] = {"beta=0.5", "objective=iwae samples=3",
                                              "free_bits=0.1"};
        static const double objectives[] = {-0.25, -0.5, -0.5}, slopes[] = {0.5, 1, 1};
        for (size_t o = 0; o < COUNT_OF(options); o++) {
            assert_ok(vae_optimizer_create(model, options[o], &optimizer));
            assert_ok(vae__step_gradient(optimizer, &rows, &report, gradient));
            test_near(report.kl / mean / mean, 0.5, 1e-6, "KL of a step");
            test_near(report.objective / mean / mean, objectives[o], 1e-6, options[o]);
            double slope = (double)gradient[bias->values - model->parameters.block] / mean;
            test_near(slope, slopes[o], 1e-6, "gradient of the mean");
            vae_optimizer_destroy(optimizer);
        }
        free(gradient);
        vae_model_destroy(model);
        vae_context_destroy(context);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(far_values_have_their_density),
        cmocka_unit_test(of_any_width),
        cmocka_unit_test(residuals_beyond_float_are_residuals),
        cmocka_unit_test(trains_on_them),
        cmocka_unit_test(a_value_of_1e20_at_sigma_1e15),
        cmocka_unit_test(far_means_have_their_divergence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
