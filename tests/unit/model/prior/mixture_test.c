/* prior=mixture:K: its density against the formula in double, its integral, its draws, what bounds, estimates and
 * scores make of it, and its text. The gradients are in tests/unit/train/gradient_test.c, the fit in
 * tests/unit/train/fit_prior_test.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/inference.h"
#include "model/prior.h"
#include "model/programs.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

enum { WIDTH = 5, ROWS = 6, MOST_LATENT = 4, MOST_COMPONENTS = 5 };

#define NETWORK "input=5 likelihood=gaussian encoder=[dense 4, tanh] decoder=[dense 4, tanh] "
#define LOG_2_PI 1.83787706640934548356

/* ---- the mixture again, in double ---- */

typedef struct mixture {
    size_t count, latent;
    double weight[MOST_COMPONENTS], mean[MOST_COMPONENTS][MOST_LATENT];
    double whitening[MOST_COMPONENTS][MOST_LATENT][MOST_LATENT];
} mixture;

static mixture mixture_of(vae_model *model) {
    const vae__real *logits = test_parameter(model, "prior.weight_logits")->values;
    const vae__real *mean = test_parameter(model, "prior.mean")->values;
    const vae__parameter *whitening = test_parameter(model, "prior.whitening");
    mixture m = {.count = (size_t)model->spec.prior.count, .latent = vae_model_latent(model)};
    int full = whitening->shape.rank == 3;
    double total = 0;
    for (size_t k = 0; k < m.count; k++) total += exp((double)logits[k]);
    for (size_t k = 0; k < m.count; k++) {
        m.weight[k] = exp((double)logits[k]) / total;
        for (size_t i = 0; i < m.latent; i++) {
            const vae__real *row =
                whitening->values + k * whitening->columns + (full ? i * m.latent : 0);
            m.mean[k][i] = (double)mean[k * m.latent + i];
            m.whitening[k][i][i] = exp((double)row[i]);
            for (size_t j = 0; full && j < i; j++) m.whitening[k][i][j] = (double)row[j];
        }
    }
    return m;
}

/* log N_k(z), and for a q with mean z and deviations sd its expectation. */
static double log_component(const mixture *m, size_t k, const double *z, const double *sd) {
    double value = -0.5 * (double)m->latent * LOG_2_PI;
    for (size_t i = 0; i < m->latent; i++) {
        double y = 0, spread = 0;
        for (size_t j = 0; j <= i; j++) {
            double w = m->whitening[k][i][j];
            y += w * (z[j] - m->mean[k][j]);
            if (sd) spread += w * w * sd[j] * sd[j];
        }
        value += log(m->whitening[k][i][i]) - 0.5 * (y * y + spread);
    }
    return value;
}

static double log_mixture(const mixture *m, const double *z, const double *sd) {
    double total = 0;
    for (size_t k = 0; k < m->count; k++) total += m->weight[k] * exp(log_component(m, k, z, sd));
    return log(total);
}

/* ---- log p(z) of the library, by the density program ---- */

static void log_prior(const vae_model *model, const double *z, size_t n, double *out) {
    size_t latent = vae_model_latent(model);
    vae__program *program;
    vae__workspace *workspace;
    vae__real x[WIDTH] = {0}, *at = malloc(n * latent * sizeof *at);
    assert_ok(vae__model_program(model, "density", &program));
    assert_ok(vae__model_take(program, &workspace));
    for (size_t i = 0; i < n * latent; i++) at[i] = (vae__real)z[i];
    for (size_t i = 0; i < n; i++) {
        vae__feed feeds[VAE__MAX_INPUTS] = {{0}};
        *vae__program_feed(program, feeds, "x") = (vae__feed){.rows = x};
        *vae__program_feed(program, feeds, "z") = (vae__feed){.rows = at + i * latent};
        vae__run run = {.workspace = workspace, .feeds = feeds, .rows = 1, .samples = 1};
        atomic_init(&run.refused, 0);
        vae__run_rows(&run);
        out[i] = *vae__program_double(program, &run, "log_prior");
    }
    vae__program_return(program, workspace);
    free(at);
}

static vae_model *make_model(vae_context *context, size_t latent, const char *prior, double scale) {
    char spec[300];
    snprintf(spec, sizeof spec, NETWORK "latent=%zu prior=%s", latent, prior);
    return test_model(context, spec, scale);
}

static const char *const priors[] = {"mixture:1", "mixture:5", "mixture:1 prior_covariance=full",
                                     "mixture:5 prior_covariance=full"};

static void density_is_the_formula(void **state) {
    vae_context *context = test_context(NULL);
    (void)state;
    for (size_t p = 0; p < COUNT_OF(priors); p++) {
        for (size_t latent = 1; latent <= MOST_LATENT; latent++) {
            vae_model *model = make_model(context, latent, priors[p], 0.7);
            mixture m = mixture_of(model);
            double z[ROWS * MOST_LATENT], found[ROWS];
            for (size_t i = 0; i < ROWS * latent; i++)
                z[i] = (double)(float)test_uniform(3, i, -2, 2);
            log_prior(model, z, ROWS, found);
            for (size_t r = 0; r < ROWS; r++)
                test_near(found[r], log_mixture(&m, z + r * latent, NULL),
                          test_tolerance(1e-6, 1e-13), priors[p]);
            vae_model_destroy(model);
        }
    }
    vae_context_destroy(context);
}

static double integral(const vae_model *model) {
    enum { POINTS = 161 };
    size_t latent = vae_model_latent(model), count = latent == 1 ? POINTS : POINTS * POINTS;
    double step = 0.15, cell = latent == 1 ? step : step * step, total = 0;
    double *z = malloc(count * latent * sizeof *z), *found = malloc(count * sizeof *found);
    for (size_t i = 0; i < count; i++) {
        z[i * latent] = step * ((double)(i % POINTS) - POINTS / 2);
        if (latent == 2) z[i * latent + 1] = step * ((double)(i / POINTS) - POINTS / 2);
    }
    log_prior(model, z, count, found);
    for (size_t i = 0; i < count; i++) total += cell * exp(found[i]);
    free(found);
    free(z);
    return total;
}

static void density_integrates_to_one(void **state) {
    vae_context *context = test_context(NULL);
    (void)state;
    for (size_t p = 0; p < COUNT_OF(priors); p++) {
        for (size_t latent = 1; latent <= 2; latent++) {
            vae_model *model = make_model(context, latent, priors[p], 0.5);
            test_near(integral(model), 1, test_tolerance(1e-6, 1e-9), priors[p]);
            vae_model_destroy(model);
        }
    }
    vae_context_destroy(context);
}

/* Mean and covariance of the mixture: sum pi (C + m m^T) - mean mean^T, C = (W^T W)^-1 in two dimensions. */
static void moments_of(const mixture *m, double mean[2], double covariance[3]) {
    double second[3] = {0};
    mean[0] = mean[1] = 0;
    for (size_t k = 0; k < m->count; k++) {
        double a = m->whitening[k][0][0], b = m->whitening[k][1][0], c = m->whitening[k][1][1];
        double determinant = a * a * c * c, p = m->weight[k];
        mean[0] += p * m->mean[k][0];
        mean[1] += p * m->mean[k][1];
        second[0] += p * (c * c / determinant + m->mean[k][0] * m->mean[k][0]);
        second[1] += p * (-b * c / determinant + m->mean[k][0] * m->mean[k][1]);
        second[2] += p * ((a * a + b * b) / determinant + m->mean[k][1] * m->mean[k][1]);
    }
    covariance[0] = second[0] - mean[0] * mean[0];
    covariance[1] = second[1] - mean[0] * mean[1];
    covariance[2] = second[2] - mean[1] * mean[1];
}

static void draws_have_its_moments(void **state) {
    enum { DRAWS = 40000 };
    vae_context *context = test_context("threads=2");
    float *z = malloc(DRAWS * 2 * sizeof *z), first[20];
    (void)state;
    for (size_t p = 0; p < COUNT_OF(priors); p++) {
        vae_model *model = make_model(context, 2, priors[p], 0.8);
        mixture m = mixture_of(model);
        double mean[2], covariance[3], sum[2] = {0}, products[3] = {0};
        moments_of(&m, mean, covariance);
        assert_ok(vae_sample(model, DRAWS, 5, z, NULL, NULL));
        for (size_t i = 0; i < DRAWS; i++) {
            double a = (double)z[2 * i] - mean[0], b = (double)z[2 * i + 1] - mean[1];
            sum[0] += a / DRAWS, sum[1] += b / DRAWS;
            products[0] += a * a / DRAWS, products[1] += a * b / DRAWS,
                products[2] += b * b / DRAWS;
        }
        for (size_t i = 0; i < 2; i++)
            test_near(sum[i], 0, 5 * sqrt(covariance[2 * i] / DRAWS), priors[p]);
        double size = covariance[0] + covariance[2];
        for (size_t i = 0; i < 3; i++)
            test_near(products[i], covariance[i], 0.03 * size, priors[p]);
        assert_ok(vae_sample(model, 10, 5, first, NULL, NULL));
        assert_memory_equal(first, z, sizeof first);
        vae_model_destroy(model);
    }
    free(z);
    vae_context_destroy(context);
}

/* ---- one component that is N(0, I) against prior=normal ---- */

typedef struct pair {
    vae_context *context;
    vae_model *normal, *mixture;
    float x[ROWS * WIDTH];
} pair;

/* Two models with the same network; the mixture is as it was created. */
static pair make_pair(const char *prior) {
    pair p = {.context = test_context(NULL)};
    vae_model *fresh;
    char spec[300];
    p.normal = make_model(p.context, 3, "normal", 0.6);
    snprintf(spec, sizeof spec, NETWORK "latent=3 prior=%s", prior);
    assert_ok(vae_model_create(p.context, spec, &fresh));
    for (size_t i = 0; i < p.normal->parameters.count; i++) {
        const vae__parameter *from = &p.normal->parameters.items[i];
        memcpy(test_parameter(fresh, from->name)->values, from->values,
               vae__parameter_size(from) * sizeof *from->values);
    }
    p.mixture = fresh;
    test_values(p.x, ROWS * WIDTH, 2, -1, 1);
    return p;
}

static void free_pair(pair *p) {
    vae_model_destroy(p->normal);
    vae_model_destroy(p->mixture);
    vae_context_destroy(p->context);
}

/* The closed form and its two samples' mean: kl = -H(q) - log N(z; 0, I) for the draw of vae_elbo. */
static void one_component_is_normal(void **state) {
    (void)state;
    for (int full = 0; full < 2; full++) {
        pair p = make_pair(full ? "mixture:1 prior_covariance=full" : "mixture:1");
        double kl[ROWS], log_p[ROWS], other[ROWS], error[2][ROWS], ess[2][ROWS];
        float mean[ROWS * 3], logvar[ROWS * 3];
        vae__real noise[ROWS * 3];
        const vae__stream stream = {7, 0, VAE__PURPOSE_POSTERIOR, 0};
        p.context->kernels->normals(&stream, 0, ROWS, 1, 3, noise);
        assert_ok(vae_encode(p.normal, p.x, ROWS, WIDTH, mean, logvar));
        assert_ok(vae_elbo(p.mixture, p.x, ROWS, WIDTH, 7, NULL, NULL, kl));
        for (size_t r = 0; r < ROWS; r++) {
            double expected = 0;
            for (size_t j = 3 * r; j < 3 * r + 3; j++) {
                double z = (double)mean[j] + exp(0.5 * (double)logvar[j]) * (double)noise[j];
                expected += 0.5 * (z * z - (double)logvar[j] - 1);
            }
            test_near(kl[r], expected, 2e-6, "kl");
        }
        assert_ok(vae_log_likelihood(p.normal, p.x, ROWS, WIDTH, "samples=50 seed=3", log_p,
                                     error[0], ess[0]));
        assert_ok(vae_log_likelihood(p.mixture, p.x, ROWS, WIDTH, "samples=50 seed=3", other,
                                     error[1], ess[1]));
        for (size_t r = 0; r < ROWS; r++) {
            test_near(other[r], log_p[r], test_tolerance(2e-6, 1e-12), "log p");
            test_near(ess[1][r], ess[0][r], test_tolerance(1e-4, 1e-10), "ess");
        }
        assert_ok(vae_log_likelihood(p.normal, p.x, ROWS, WIDTH, "estimator=prior samples=50",
                                     log_p, NULL, NULL));
        assert_ok(vae_log_likelihood(p.mixture, p.x, ROWS, WIDTH, "estimator=prior samples=50",
                                     other, NULL, NULL));
        for (size_t r = 0; r < ROWS; r++)
            test_near(other[r], log_p[r], test_tolerance(2e-6, 1e-12), "log p by the prior");
        assert_ok(vae_score(p.normal, p.x, ROWS, WIDTH, NULL, log_p, NULL));
        assert_ok(vae_score(p.mixture, p.x, ROWS, WIDTH, NULL, other, NULL));
        for (size_t r = 0; r < ROWS; r++)
            test_near(other[r], log_p[r], test_tolerance(2e-6, 1e-12), "score");
        free_pair(&p);
    }
}

/* Over many seeds the mean of the estimate is the closed form, and its sd is less than that of log q - log p. */
static void kl_is_unbiased(void **state) {
    enum { SEEDS = 4000 };
    pair p = make_pair("mixture:1");
    double sum[ROWS] = {0}, squares[ROWS] = {0}, kl[ROWS];
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        assert_ok(vae_elbo(p.mixture, p.x, ROWS, WIDTH, seed, NULL, NULL, kl));
        for (size_t r = 0; r < ROWS; r++)
            sum[r] += kl[r] / SEEDS, squares[r] += kl[r] * kl[r] / SEEDS;
    }
    assert_ok(vae_elbo(p.normal, p.x, ROWS, WIDTH, 1, NULL, NULL, kl));
    for (size_t r = 0; r < ROWS; r++) {
        double error = sqrt((squares[r] - sum[r] * sum[r]) / SEEDS);
        test_near(sum[r], kl[r], 4 * error, "mean kl");
    }
    free_pair(&p);
}

/* ---- scores ---- */

static void score_at_the_mean(void **state) {
    vae_context *context = test_context(NULL);
    (void)state;
    for (size_t p = 0; p < COUNT_OF(priors); p++) {
        vae_model *model = make_model(context, 3, priors[p], 0.6);
        mixture m = mixture_of(model);
        float x[ROWS * WIDTH], mean[ROWS * 3], logvar[ROWS * 3];
        double score[ROWS], by_value[ROWS * WIDTH];
        test_values(x, ROWS * WIDTH, 2, -1, 1);
        assert_ok(vae_encode(model, x, ROWS, WIDTH, mean, logvar));
        assert_ok(vae_score(model, x, ROWS, WIDTH, NULL, score, by_value));
        for (size_t r = 0; r < ROWS; r++) {
            double z[3], sd[3], expected = 0;
            for (size_t j = 0; j < 3; j++) {
                z[j] = (double)mean[3 * r + j];
                sd[j] = exp(0.5 * (double)logvar[3 * r + j]);
                expected -= 0.5 * (1 + LOG_2_PI + (double)logvar[3 * r + j]);
            }
            expected -= log_mixture(&m, z, sd);
            for (size_t i = 0; i < WIDTH; i++) expected += by_value[r * WIDTH + i];
            test_near(score[r], expected, 3e-6, priors[p]);
        }
        vae_model_destroy(model);
    }
    vae_context_destroy(context);
}

/* ---- training ---- */

/* beta weighs the KL for encoder and entropy; the mixture's own gradient does not change. */
static void beta_weighs_the_network_alone(void **state) {
    vae_context *context = test_context(NULL);
    vae_model *model = make_model(context, 3, "mixture:4 prior_covariance=full", 0.5);
    size_t count = model->parameters.block_count;
    vae__real *gradients[3];
    float x[ROWS * WIDTH];
    (void)state;
    test_values(x, ROWS * WIDTH, 2, -1, 1);
    for (size_t i = 0; i < 3; i++) {
        static const char *const options[] = {"adam beta=0", "adam beta=1", "adam beta=2"};
        vae_optimizer *optimizer;
        vae_step_report report;
        const vae__step_rows rows = {.rows = x, .n = ROWS};
        gradients[i] = calloc(count, sizeof *gradients[i]);
        assert_ok(vae_optimizer_create(model, options[i], &optimizer));
        assert_ok(vae__step_gradient(optimizer, &rows, &report, gradients[i]));
        test_near(report.objective, report.reconstruction - (double)i * report.kl, 1e-12,
                  "objective");
        vae_optimizer_destroy(optimizer);
    }
    for (size_t p = 0; p < model->parameters.count; p++) {
        const vae__parameter *parameter = &model->parameters.items[p];
        size_t first = (size_t)(parameter->values - model->parameters.block);
        for (size_t i = first; i < first + vae__parameter_size(parameter); i++) {
            double at0 = (double)gradients[0][i], at1 = (double)gradients[1][i];
            double expected = parameter->group == VAE__GROUP_PRIOR ? at1 : 2 * at1 - at0;
            test_near((double)gradients[2][i], expected, test_tolerance(2e-6, 1e-13),
                      parameter->name);
            if (parameter->group == VAE__GROUP_PRIOR) assert_true(at0 == at1);
        }
    }
    for (size_t i = 0; i < 3; i++) free(gradients[i]);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* ---- text ---- */

static void reads_and_prints(void **state) {
    vae_context *context = test_context(NULL);
    vae_model *model;
    (void)state;
    assert_ok(vae_model_create(
        context, "input=5 latent=2 likelihood=gaussian prior_covariance=full prior=mixture:3",
        &model));
    assert_non_null(strstr(vae_model_spec(model), " prior=mixture:3 prior_covariance=full"));
    assert_int_equal(model->parameters.items[model->network.prior].group, VAE__GROUP_PRIOR);
    size_t shape[3], rank, last = vae_model_parameter_count(model) - 1;
    assert_string_equal(vae_model_parameter_name(model, last), "prior.whitening");
    assert_ok(vae_model_parameter_shape(model, last, shape, 3, &rank));
    assert_int_equal(rank, 3);
    assert_int_equal(shape[0], 3);
    assert_int_equal(shape[2], 2);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

static void refuses_text(void **state) {
    static const struct {
        const char *prior, *message;
    } all[] = {
        {"mixture",
         "spec:1:44: prior=mixture: expected the number of components, from 1 to 1048576, "
         "e.g. mixture:50"},
        {"mixture:", "prior=mixture:: expected the number of components"},
        {"mixture:0", "prior=mixture:0: expected"},
        {"mixture:x", "prior=mixture:x: expected"},
        {"mixture:9999999", "prior=mixture:9999999: expected"},
        {"mixtur:5", "unknown prior 'mixtur'; did you mean 'mixture'?"},
        {"gmm:5", "unknown prior 'gmm'; did you mean 'mixture'?"},
        {"normal:5", "spec:1:50: prior=normal takes no number"},
        {"normal prior_covariance=full",
         "spec:1:51: 'prior_covariance=' belongs to prior=mixture:N, but the prior is normal"},
        {"mixture:5 prior_covariance=round", "unknown prior_covariance 'round'"},
        {"mixture:5 covariance=full", "did you mean 'prior_covariance'?"},
    };
    vae_context *context = test_context(NULL);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        char spec[200];
        vae_model *model;
        snprintf(spec, sizeof spec, "input=5 latent=2 likelihood=gaussian prior=%s", all[i].prior);
        assert_fails(vae_model_create(context, spec, &model), VAE_ERROR_TEXT, all[i].message);
    }
    vae_context_destroy(context);
}

static void refuses_what_needs_latents(void **state) {
    vae_context *context = test_context(NULL);
    vae_model *model = make_model(context, 3, "mixture:2", 0.5);
    vae_optimizer *optimizer = NULL;
    vae_dataset *data;
    vae_evaluation *evaluation;
    float x[ROWS * WIDTH];
    double values[3];
    (void)state;
    test_values(x, ROWS * WIDTH, 2, -1, 1);
    assert_fails(
        vae_optimizer_create(model, "adam free_bits=0.1", &optimizer), VAE_ERROR_TEXT,
        "free_bits does not go with prior=mixture: the KL to a mixture is no sum over latents");
    assert_ok(vae_optimizer_create(model, "adam", &optimizer));
    assert_fails(vae_optimizer_set(optimizer, "free_bits=0.1"), VAE_ERROR_TEXT,
                 "free_bits does not go");
    assert_ok(vae_dataset_from_memory(context, x, ROWS, WIDTH, NULL, &data));
    assert_ok(vae_evaluate(model, data, NULL, "samples=5", NULL, NULL, &evaluation));
    assert_fails(vae_evaluation_latents(evaluation, "kl", values, 3), VAE_ERROR_UNSUPPORTED,
                 "there is no 'kl': the KL to a mixture is no sum over latents");
    assert_ok(vae_evaluation_latents(evaluation, "mean", values, 3));
    assert_non_null(strstr(vae_evaluation_text(evaluation), "There is no kl of each latent"));
    vae_evaluation_destroy(evaluation);
    vae_dataset_destroy(data);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(density_is_the_formula),
        cmocka_unit_test(density_integrates_to_one),
        cmocka_unit_test(draws_have_its_moments),
        cmocka_unit_test(one_component_is_normal),
        cmocka_unit_test(kl_is_unbiased),
        cmocka_unit_test(score_at_the_mean),
        cmocka_unit_test(beta_weighs_the_network_alone),
        cmocka_unit_test(reads_and_prints),
        cmocka_unit_test(refuses_text),
        cmocka_unit_test(refuses_what_needs_latents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
