/* Whole training steps against four-point finite differences of the reported objective, for every
 * likelihood, sigma mode, activation and objective, at sizes around the vector width. The double
 * build holds them to 1e-8 (it is there that a wrong term cannot hide); the float build only checks
 * that the pieces fit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autodiff/ops/ops.h"
#include "support/cmocka.h"
#include "support/numbers.h"

typedef struct fixture {
    vae_context *context;
    vae_model *model;
    vae_optimizer *optimizer;
    float *x;
    vae__step_rows rows;
} fixture;

static double objective_at(fixture *f, vae__real *parameter, double value, vae__real *gradient) {
    vae__real before = *parameter;
    vae_step_report report;
    *parameter = (vae__real)value;
    assert_int_equal(vae__step_gradient(f->optimizer, &f->rows, &report, gradient), VAE_OK);
    *parameter = before;
    return report.objective;
}

/* d objective / d parameter by (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h. */
/* The steps balance the two errors of a difference: its fourth power times the fifth derivative, which is
 * large behind a layernorm over few values (4e-8 at a step of 1e-3), and the rounding of a loss divided by it. */
static double difference(fixture *f, vae__real *parameter, vae__real *scratch) {
    double at = (double)*parameter, h = test_tolerance(1e-2, 3e-4);
    double near =
        objective_at(f, parameter, at + h, scratch) - objective_at(f, parameter, at - h, scratch);
    double far = objective_at(f, parameter, at + 2 * h, scratch) -
                 objective_at(f, parameter, at - 2 * h, scratch);
    return (8 * near - far) / (12 * h);
}

/* Moves values in [0, 1] onto what the likelihood takes, its ends included. */
static void fit_support(const vae_model *model, float *x, size_t n) {
    const char *name = model->spec.likelihood->name;
    size_t group = model->spec.input.extents[model->spec.input.rank - 1];
    for (size_t i = 0; i < n * model->spec.input.size; i++) {
        if (model->spec.likelihood->log1p_input) x[i] = floorf(40 * x[i] * x[i] * x[i]);
        if (!strncmp(name, "discretized_", 12))
            x[i] = rintf(fminf(fmaxf(400 * x[i] - 70, 0), 255)) / 255;
        if (!strcmp(name, "categorical")) x[i] = i % group == (i / group * 5 + 1) % group;
    }
}

static void check_gradients(const char *spec, const char *options, size_t n, double low,
                            double high) {
    fixture f = {.context = test_context("threads=1")};
    f.model = test_model(f.context, spec, 0.6);
    size_t width = vae_model_width(f.model), count = f.model->parameters.block_count;
    if (vae_optimizer_create(f.model, options, &f.optimizer)) fail_msg("%s", vae_last_error());
    f.x = malloc(n * width * sizeof *f.x);
    test_values(f.x, n * width, 7, low, high);
    fit_support(f.model, f.x, n);
    f.rows = (vae__step_rows){.rows = f.x, .n = n};
    vae__real *gradient = calloc(count, sizeof *gradient),
              *scratch = calloc(count, sizeof *scratch);
    vae_step_report report;
    assert_int_equal(vae__step_gradient(f.optimizer, &f.rows, &report, gradient), VAE_OK);
    for (size_t p = 0; p < f.model->parameters.count; p++) {
        vae__parameter *parameter = &f.model->parameters.items[p];
        if (!parameter->trainable || !vae__optimizer_trains(f.optimizer, parameter->group))
            continue;
        size_t size = vae__parameter_size(parameter), stride = size / 24 + 1;
        for (size_t i = 0; i < size; i += stride) {
            char what[200];
            snprintf(what, sizeof what, "%s | %s | n=%zu | %s[%zu]", spec, options, n,
                     parameter->name, i);
            double expected = -difference(&f, &parameter->values[i], scratch);
            test_near((double)gradient[parameter->values - f.model->parameters.block + i], expected,
                      test_tolerance(2e-2, 1e-8), what);
        }
    }
    free(gradient);
    free(scratch);
    free(f.x);
    vae_optimizer_destroy(f.optimizer);
    vae_model_destroy(f.model);
    vae_context_destroy(f.context);
}

static void likelihoods(void **state) {
    (void)state;
    static const char *const kinds[] = {"bernoulli",
                                        "gaussian sigma=0.7",
                                        "gaussian sigma=shared",
                                        "gaussian sigma=per_dim",
                                        "gaussian sigma=decoder",
                                        "gaussian sigma=shared sigma_min=0.5",
                                        "gaussian sigma=per_dim sigma_min=0.5",
                                        "gaussian sigma=decoder sigma_min=0.5",
                                        "continuous_bernoulli",
                                        "discretized_logistic",
                                        "categorical",
                                        "poisson",
                                        "poisson size=total",
                                        "negative_binomial",
                                        "negative_binomial size=total"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char spec[300];
        snprintf(spec, sizeof spec,
                 "input=5 latent=3 encoder=[dense 7, tanh] decoder=[dense 6, tanh] likelihood=%s",
                 kinds[i]);
        check_gradients(spec, "adam", 3, 0, 1);
        check_gradients(spec, "adam samples=3", 2, 0, 1);
    }
}

/* Groups of one-hot values within a row, and widths with and without whole vectors. */
static void grouped_and_wide(void **state) {
    (void)state;
    static const char *const specs[] = {
        "input=3x4 likelihood=categorical", "input=2x3x2 likelihood=categorical",
        "input=33 likelihood=continuous_bernoulli", "input=33 likelihood=discretized_logistic",
        "input=18 likelihood=negative_binomial"};
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        char spec[300];
        snprintf(spec, sizeof spec, "%s latent=2 encoder=[dense 4, tanh] decoder=[dense 4, tanh]",
                 specs[i]);
        check_gradients(spec, "adam", 3, 0, 1);
    }
}

/* sigma^2 follows the parameters in the objective too; by the envelope theorem its own derivative
 * is zero. */
static void optimal_sigma(void **state) {
    (void)state;
    const char *spec =
        "input=5 latent=3 encoder=[dense 7, tanh] decoder=[dense 6, tanh] likelihood=gaussian sigma=optimal";
    check_gradients(spec, "adam", 3, 0, 1);
    check_gradients(spec, "adam samples=2", 3, 0, 1);
}

/* Every activation that is smooth: differences across the corner of a relu are no derivative. Its slope
 * is tested in tests/unit/tensor/math_test.c. */
static void activations(void **state) {
    (void)state;
    const char *const *names = vae__activation_names;
    for (size_t i = 0; names[i]; i++) {
        char spec[300];
        if (!strcmp(names[i], "relu") || !strcmp(names[i], "leaky_relu")) continue;
        snprintf(
            spec, sizeof spec,
            "input=4 latent=2 encoder=[dense 5, %s, dense 4, %s] decoder=[dense 5, %s] likelihood=bernoulli",
            names[i], names[i], names[i]);
        check_gradients(spec, "adam", 3, 0, 1);
    }
}

static void objectives(void **state) {
    (void)state;
    const char *spec =
        "input=6 latent=3 encoder=[dense 5, tanh] decoder=[dense 4, silu] likelihood=bernoulli";
    check_gradients(spec, "adam beta=2.5", 3, 0, 1);
    check_gradients(spec, "adam free_bits=0.05", 4, 0, 1);
    check_gradients(spec, "adam free_bits=0.6 beta=0.5 samples=2", 4, 0, 1);
}

static void importance_weighted(void **state) {
    (void)state;
    const char *spec =
        "input=6 latent=3 encoder=[dense 5, tanh] decoder=[dense 4, silu] likelihood=bernoulli";
    check_gradients(spec, "adam objective=iwae samples=1", 3, 0, 1);
    check_gradients(spec, "adam objective=iwae samples=5", 3, 0, 1);
    check_gradients(
        "input=5 latent=2 encoder=[dense 4, tanh] decoder=[dense 4, tanh] likelihood=gaussian sigma=per_dim",
        "adam objective=iwae samples=4", 3, 0, 1);
    check_gradients("input=5 latent=17 encoder=[] decoder=[] likelihood=gaussian sigma=shared",
                    "adam objective=iwae samples=3", 2, 0, 1);
}

/* Their encoder is trained from two places, and beta weighs both. */
static void vamps(void **state) {
    (void)state;
    static const char *const specs[] = {"likelihood=gaussian latent=3 prior=vamp:4",
                                        "likelihood=bernoulli latent=2 prior=vamp:3",
                                        "likelihood=poisson latent=2 prior=vamp:3"};
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        char spec[300];
        snprintf(spec, sizeof spec, "input=5 encoder=[dense 4, tanh] decoder=[dense 4, tanh] %s",
                 specs[i]);
        check_gradients(spec, "adam", 3, 0, 1);
        check_gradients(spec, "adam samples=3", 2, 0, 1);
        check_gradients(spec, "adam objective=iwae samples=4", 3, 0, 1);
        check_gradients(spec, "adam beta=0.3", 3, 0, 1);
        check_gradients(spec, "adam beta=2 samples=3", 2, 0, 1);
    }
    check_gradients(
        "input=4 latent=5 likelihood=bernoulli encoder=[layernorm, dense 9, tanh] prior=vamp:70",
        "adam", 70, 0, 1);
}

static void flows(void **state) {
    (void)state;
    static const char *const specs[] = {"latent=2 prior=flow:1 prior_hidden=3",
                                        "latent=3 prior=flow:4 prior_hidden=5",
                                        "latent=7 prior=flow:3 prior_hidden=2"};
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        char spec[300];
        snprintf(spec, sizeof spec,
                 "input=5 encoder=[dense 4, tanh] decoder=[dense 4, tanh] likelihood=gaussian %s",
                 specs[i]);
        check_gradients(spec, "adam", 3, 0, 1);
        check_gradients(spec, "adam samples=3", 2, 0, 1);
        check_gradients(spec, "adam objective=iwae samples=4", 3, 0, 1);
    }
    check_gradients("input=4 latent=5 likelihood=bernoulli prior=flow:2 prior_hidden=9", "adam", 70,
                    0, 1);
}

/* Trained alone. The hybrid's mean is detached: tests/unit/diffusion/bound_test.c. */
static void diffusions(void **state) {
    static const char *const priors[] = {
        "prior_network=[dense 7, silu, res[dense 5, tanh, dense 7], silu] prior_variance=large",
        "prior_network=[dense 6, silu] prior_variance=optimal prior_predict=noise",
        "prior_network=[layernorm, dense 4, tanh] prior_variance=small prior_predict=data",
        "prior_network=[dense 9, tanh] prior_variance=learned",
        "prior_network=[dense 3, silu] prior_schedule=linear prior_steps=30 prior_variance=large"};
    static const char *const losses[] = {"adam train=prior objective=simple",
                                         "adam train=prior objective=vlb"};
    (void)state;
    for (size_t i = 0; i < 2 * (sizeof priors / sizeof priors[0]); i++) {
        char spec[400];
        snprintf(spec, sizeof spec,
                 "input=5 latent=3 encoder=[dense 4, tanh] decoder=[dense 4, tanh] "
                 "likelihood=gaussian prior=diffusion prior_steps=12 prior_schedule=cosine %s",
                 priors[i / 2]);
        char *steps = strstr(spec, "prior_schedule=linear");
        if (steps) { /* the keys of the last case stand in place of the first ones */
            snprintf(spec, sizeof spec,
                     "input=5 latent=3 encoder=[dense 4, tanh] decoder=[dense 4, tanh] "
                     "likelihood=gaussian prior=diffusion %s",
                     priors[i / 2]);
        }
        check_gradients(spec, losses[i % 2], 7, 0, 1);
    }
    check_gradients("model=diffusion input=5 steps=9 variance=small network=[dense 6, silu]",
                    "adam objective=vlb", 7, 0, 1);
    check_gradients("model=diffusion input=4 steps=30 schedule=linear standardize=1 "
                    "network=[dense 6, silu, res[dense 3, tanh, dense 6]]",
                    "adam", 7, 0, 1);
}

/* Every kind of part: joined and merged images, attention, the step in each block, and the levels' ends. */
static void unets(void **state) {
    (void)state;
    check_gradients(
        "model=diffusion input=1x4x4 steps=9 network=unet channels=[4, 6] groups=2 attention=[2]",
        "adam", 3, 0, 1);
    check_gradients(
        "model=diffusion input=2x4x2 steps=9 network=unet channels=[2] blocks=2 groups=1 "
        "variance=learned",
        "adam objective=vlb", 3, 0, 1);
    check_gradients("model=diffusion input=1x4x4 steps=9 network=unet channels=[2, 4] groups=2 "
                    "likelihood=discretized_gaussian variance=learned",
                    "adam objective=vlb", 4, 0, 1);
}

/* Layers with parameters of their own, alone, nested and at the ends of a network. */
static void layers(void **state) {
    (void)state;
    static const char *const specs[] = {
        "encoder=[dense 7, layernorm, tanh] decoder=[layernorm, dense 6, tanh]",
        "encoder=[layernorm, res[dense 4, tanh]] decoder=[dense 5, res[dense 7, tanh, dense 5]]",
        "encoder=[res[res[layernorm, tanh], dense 5, tanh]] decoder=[res[layernorm]]",
        "encoder=[dense 33, res[layernorm, dense 3, silu, dense 33], layernorm] decoder=[dense 70, layernorm]"};
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        char spec[300];
        snprintf(spec, sizeof spec, "input=5 latent=3 likelihood=bernoulli %s", specs[i]);
        check_gradients(spec, "adam", 3, 0, 1);
        check_gradients(spec, "adam objective=iwae samples=3", 2, 0, 1);
    }
}

/* Convolutions and what goes with them: strides and windows of every kind, images of one pixel, channels that fill
 * no vector, heads that are convolutions. */
static void images(void **state) {
    (void)state;
    static const char *const specs[] = {
        "input=2x5x4 encoder=[conv 3 3 pad 1, tanh] decoder=[dense 5, tanh]",
        "input=1x6x7 encoder=[conv 4 4 stride 2 pad 1, silu, conv 3 2] decoder=[]",
        "input=3x4x4 encoder=[conv 2 1 stride 3, tanh, flatten, dense 5, tanh] decoder=[tanh]",
        "input=17x3x3 encoder=[conv 2 3 stride 2 pad 3, tanh] decoder=[dense 4, tanh]",
        "input=2x1x1 encoder=[conv 3 3 pad 1, tanh, conv 2 1] decoder=[dense 2, reshape 2x1x1, tanh]",
        "input=1x4x4 encoder=[dense 4, tanh] decoder=[dense 12, reshape 3x2x2, deconv 2 2 stride 2, tanh]",
        "input=2x4x6 encoder=[] decoder=[dense 18, tanh, reshape 3x2x3, tanh]",
        "input=2x7x5 encoder=[] decoder=[dense 12, reshape 2x3x2, deconv 3 3 stride 2, silu]",
        "input=1x9x9 encoder=[] decoder=[dense 4, reshape 1x2x2, deconv 2 3 stride 5 pad 1, tanh]",
        "input=2x6x6 encoder=[conv 4 3, groupnorm 2, tanh, avgpool 3] decoder=[dense 8, reshape 2x2x2, "
        "upsample 3, groupnorm 1, tanh]",
        "input=3x4x4 encoder=[res[conv 3 3 pad 1, tanh], res[groupnorm 3, conv 4 1], layernorm, conv 2 2] "
        "decoder=[dense 16, reshape 1x4x4, res[conv 2 3 pad 1, tanh, conv 1 1], layernorm]",
        "input=2x3x3 encoder=[res[flatten, tanh], res[dense 5, tanh], res[layernorm]] decoder=[dense 5] "
        "head=dense",
        "input=2x3x3 encoder=[res[conv 3 3 pad 1, flatten], res[dense 4], tanh] decoder=[res[dense 18, reshape "
        "2x3x3, tanh], reshape 2x3x3]",
        "input=2x5x5 encoder=[avgpool 2, conv 3 2, tanh] decoder=[dense 50, reshape 2x5x5] likelihood=gaussian "
        "sigma=decoder",
        "input=4x2x3 encoder=[attention 2, tanh] decoder=[dense 8, reshape 2x2x2, res[attention 1]]",
        "input=1x3x1 encoder=[res[conv 6 1, attention 3]] decoder=[dense 15, reshape 5x3x1, attention 5]",
        "input=1x4x4 encoder=[conv 2 3, tanh] decoder=[dense 8, reshape 2x2x2, tanh] prior=vamp:3"};
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        char spec[400];
        snprintf(spec, sizeof spec, "latent=3 %s%s", specs[i],
                 strstr(specs[i], "likelihood") ? "" : " likelihood=bernoulli");
        check_gradients(spec, "adam", 3, 0, 1);
        check_gradients(spec, "adam objective=iwae samples=3", 2, 0, 1);
    }
    /* A kernel above 4 MiB, whose gradient is cut by its own rows: too many terms for differences in float. */
    if (sizeof(vae__real) == sizeof(double))
        check_gradients(
            "input=200x2x2 latent=2 likelihood=bernoulli encoder=[conv 600 3 pad 1, groupnorm "
            "1, tanh]",
            "adam", 3, 0, 1);
    check_gradients(
        "input=1x3x3 latent=2 likelihood=bernoulli encoder=[conv 2 2, groupnorm 2, tanh] "
        "decoder=[dense 9, reshape 1x3x3]",
        "adam", 70, 0, 1);
}

/* beta is 1: another one weighs the network alone (tests/unit/model/prior). */
static void mixtures(void **state) {
    (void)state;
    static const char *const priors[] = {"mixture:1", "mixture:4",
                                         "mixture:1 prior_covariance=full",
                                         "mixture:3 prior_covariance=full"};
    for (size_t i = 0; i < sizeof priors / sizeof priors[0]; i++) {
        char spec[300];
        snprintf(spec, sizeof spec,
                 "input=5 latent=3 encoder=[dense 4, tanh] decoder=[dense 4, tanh] "
                 "likelihood=gaussian prior=%s",
                 priors[i]);
        check_gradients(spec, "adam", 3, 0, 1);
        check_gradients(spec, "adam samples=3", 2, 0, 1);
        check_gradients(spec, "adam objective=iwae samples=4", 3, 0, 1);
        snprintf(spec, sizeof spec,
                 "input=4 latent=17 encoder=[] decoder=[] likelihood=bernoulli prior=%s",
                 priors[i]);
        check_gradients(spec, "adam", 70, 0, 1);
    }
}

/* 1, 2, odd, on both sides of the 4, 8 and 16 lanes; linear maps; activations without a dense
 * layer. */
static void shapes(void **state) {
    (void)state;
    static const size_t widths[] = {1, 2, 3, 15, 16, 17, 33};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        char spec[300];
        snprintf(spec, sizeof spec,
                 "input=%zu latent=%zu encoder=[] decoder=[] likelihood=gaussian sigma=shared",
                 widths[i], widths[6 - i]);
        check_gradients(spec, "adam", 1, -1, 1);
        snprintf(
            spec, sizeof spec,
            "input=%zu latent=1 encoder=[dense %zu, tanh] decoder=[tanh, dense %zu, softplus] likelihood=bernoulli",
            widths[i], widths[6 - i], widths[i]);
        check_gradients(spec, "adam", 5, 0, 1);
    }
    check_gradients("input=3 latent=2 encoder=[tanh] decoder=[tanh, silu] likelihood=gaussian",
                    "adam", 2, -1, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(likelihoods),
        cmocka_unit_test(grouped_and_wide),
        cmocka_unit_test(optimal_sigma),
        cmocka_unit_test(activations),
        cmocka_unit_test(objectives),
        cmocka_unit_test(shapes),
        cmocka_unit_test(importance_weighted),
        cmocka_unit_test(layers),
        cmocka_unit_test(images),
        cmocka_unit_test(mixtures),
        cmocka_unit_test(flows),
        cmocka_unit_test(vamps),
        cmocka_unit_test(diffusions),
        cmocka_unit_test(unets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
