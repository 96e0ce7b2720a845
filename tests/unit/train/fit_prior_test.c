/* vae_model_set_prior, vae_model_fit_prior and train=: against a linear Gaussian model, where all is in closed form;
 * that EM never falls, and is the same whatever the number of threads; and what is refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/inference.h"
#include "model/prior.h"
#include "model/prior/mixture_fit.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"
#include "support/reference.h"
#include "train/fit_prior.h"

enum { WIDTH = 4, LATENT = 2, ROWS = 200 };

#define SPEC "input=4 latent=2 likelihood=gaussian sigma=0.5 encoder=[dense 5, tanh] "

typedef struct fixture {
    vae_context *context;
    vae_model *model;
    vae_dataset *data;
    float x[ROWS * WIDTH];
} fixture;

/* Rows around three centres. */
static void fill_rows(float *x) {
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < WIDTH; i++)
            x[r * WIDTH + i] = (float)(1.5 * test_uniform(9, r % 3 * WIDTH + i, -1, 1) +
                                       test_uniform(10, r * WIDTH + i, -0.4, 0.4));
}

static fixture begin(const char *context, const char *spec) {
    fixture f;
    f.context = test_context(context);
    f.model = test_model(f.context, spec, 0.9);
    fill_rows(f.x);
    assert_ok(vae_dataset_from_memory(f.context, f.x, ROWS, WIDTH, "batch=32", &f.data));
    return f;
}

static void end(fixture *f) {
    vae_dataset_destroy(f->data);
    vae_model_destroy(f->model);
    if (f->context->threads == 1)
        assert_int_equal(atomic_load(&f->context->bytes), sizeof *f->context);
    vae_context_destroy(f->context);
}

static void elbos(const fixture *f, uint64_t seed, double *elbo, double *kl) {
    assert_ok(vae_elbo(f->model, f->x, ROWS, WIDTH, seed, elbo, NULL, kl));
}

static double mean_of(const double *values, size_t n) {
    double total = 0;
    for (size_t i = 0; i < n; i++) total += values[i] / (double)n;
    return total;
}

/* ---- one component ---- */

/* Moments of the aggregated posterior: E[mu], Cov(mu) + diag E[V]. */
static void aggregate(const fixture *f, double *mean, double *covariance) {
    vae__real x[ROWS * WIDTH], mu[ROWS * LATENT], logvar[ROWS * LATENT]; /* no float rounds them */
    for (size_t i = 0; i < ROWS * WIDTH; i++) x[i] = (vae__real)f->x[i];
    assert_ok(vae__model_encode_rows(f->model, x, ROWS, 0, mu, logvar));
    memset(mean, 0, LATENT * sizeof *mean);
    memset(covariance, 0, LATENT * LATENT * sizeof *covariance);
    for (size_t i = 0; i < ROWS * LATENT; i++) mean[i % LATENT] += (double)mu[i] / ROWS;
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t i = 0; i < LATENT; i++) {
            double a = (double)mu[r * LATENT + i] - mean[i];
            covariance[i * LATENT + i] += exp((double)logvar[r * LATENT + i]) / ROWS;
            for (size_t j = 0; j < LATENT; j++)
                covariance[i * LATENT + j] += a * ((double)mu[r * LATENT + j] - mean[j]) / ROWS;
        }
    }
}

/* (W^T W)^-1 of the one component. */
static void covariance_of(vae_model *model, double *covariance) {
    const vae__real *w = test_parameter(model, "prior.whitening")->values;
    double a = exp((double)w[0]), b = (double)w[2], c = exp((double)w[3]);
    double precision[4] = {a * a + b * b, b * c, b * c, c * c};
    double determinant = precision[0] * precision[3] - precision[1] * precision[2];
    covariance[0] = precision[3] / determinant;
    covariance[1] = covariance[2] = -precision[1] / determinant;
    covariance[3] = precision[0] / determinant;
}

/* A linear decoder: b, W, and p(x) = N(b + W m, W C W^T + sigma^2 I). */
static double log_p_of(vae_model *model, const double *m, const double *c, const float *x) {
    const vae__real *w = test_parameter(model, "likelihood.weight")->values;
    const vae__real *b = test_parameter(model, "likelihood.bias")->values;
    double mean[WIDTH], covariance[WIDTH * WIDTH], row[WIDTH];
    for (size_t i = 0; i < WIDTH; i++) {
        row[i] = (double)x[i];
        mean[i] = (double)b[i];
        for (size_t j = 0; j < LATENT; j++) mean[i] += (double)w[i * LATENT + j] * m[j];
        for (size_t k = 0; k < WIDTH; k++) {
            double sum = i == k ? 0.25 : 0;
            for (size_t j = 0; j < LATENT; j++)
                for (size_t l = 0; l < LATENT; l++)
                    sum +=
                        (double)w[i * LATENT + j] * c[j * LATENT + l] * (double)w[k * LATENT + l];
            covariance[i * WIDTH + k] = sum;
        }
    }
    return reference_log_normal(row, mean, covariance, WIDTH);
}

/* A linear Gaussian model that is not at its optimum: the fitted component is the aggregated posterior's. */
static void one_component_is_the_aggregated_posterior(void **state) {
    fixture f = begin("threads=2", SPEC "decoder=[]");
    double mean[LATENT], covariance[4], found[4], log_determinant, normal = 0, fitted = 0;
    double kl[ROWS], log_p[ROWS], error[ROWS], expected = 0;
    float mu[ROWS * LATENT], logvar[ROWS * LATENT];
    (void)state;
    aggregate(&f, mean, covariance);
    assert_ok(vae_encode(f.model, f.x, ROWS, WIDTH, mu, logvar));
    elbos(&f, 1, NULL, kl);
    normal = mean_of(kl, ROWS);
    assert_ok(vae_model_set_prior(f.model, "mixture:1 prior_covariance=full"));
    assert_ok(vae_model_fit_prior(f.model, f.data, NULL, NULL, NULL));
    const vae__real *m = test_parameter(f.model, "prior.mean")->values;
    covariance_of(f.model, found);
    for (size_t j = 0; j < LATENT; j++) test_near((double)m[j], mean[j], 2e-6, "m = E[mu]");
    for (size_t j = 0; j < 4; j++) test_near(found[j], covariance[j], 2e-6, "C = Cov(mu) + E[V]");
    /* In expectation over the draws the mean KL is 1/2 ln(|C| / prod V), and the KL to N(0, I) fell by
     * KL(N(m, C) || N(0, I)). */
    log_determinant = log(covariance[0] * covariance[3] - covariance[1] * covariance[2]);
    for (size_t r = 0; r < ROWS; r++) {
        double variances = (double)logvar[2 * r] + (double)logvar[2 * r + 1];
        expected += 0.5 * (log_determinant - variances) / ROWS;
    }
    double fall = 0.5 * (covariance[0] + covariance[3] + mean[0] * mean[0] + mean[1] * mean[1] -
                         LATENT - log_determinant);
    test_near(normal - expected, fall, 2e-6, "the fall is KL(N(m, C) || N(0, I))");
    enum { SEEDS = 400 };
    double squares = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        elbos(&f, seed, NULL, kl);
        double one = mean_of(kl, ROWS);
        fitted += one / SEEDS;
        squares += one * one / SEEDS;
    }
    test_near(fitted, expected, 4 * sqrt((squares - fitted * fitted) / SEEDS), "mean kl");
    assert_ok(vae_log_likelihood(f.model, f.x, ROWS, WIDTH, "samples=2000", log_p, error, NULL));
    for (size_t r = 0; r < 20; r++) {
        if (!isfinite(error[r])) continue;
        test_near(log_p[r], log_p_of(f.model, mean, covariance, f.x + r * WIDTH),
                  5 * error[r] + 1e-5, "p(x) = N(b + W m, W C W^T + sigma^2 I)");
    }
    end(&f);
}

/* The sigma points of q, mu +- sqrt(d) sd e_j, give E_q of a quadratic: the ELBO rises by exactly the KL. */
static void the_bound_rises_exactly(void **state) {
    fixture f = begin(NULL, SPEC "decoder=[]");
    double mean[LATENT], covariance[4], before = 0, after = 0;
    float x[2 * LATENT * ROWS * WIDTH];
    vae__real noise[2 * LATENT * ROWS * LATENT] = {0};
    (void)state;
    aggregate(&f, mean, covariance);
    for (size_t r = 0; r < 2 * LATENT * ROWS; r++) {
        memcpy(x + r * WIDTH, f.x + r % ROWS * WIDTH, WIDTH * sizeof *x);
        size_t point = r / ROWS;
        noise[r * LATENT + point / 2] = (vae__real)((point % 2 ? -1 : 1) * sqrt(LATENT));
    }
    for (int fitted = 0; fitted < 2; fitted++) {
        vae_optimizer *optimizer;
        vae_step_report report;
        const vae__step_rows rows = {.rows = x, .n = 2 * LATENT * ROWS, .noise = noise};
        if (fitted) {
            assert_ok(vae_model_set_prior(f.model, "mixture:1 prior_covariance=full"));
            assert_ok(vae_model_fit_prior(f.model, f.data, NULL, NULL, NULL));
        }
        vae__real *gradient = calloc(f.model->parameters.block_count, sizeof *gradient);
        assert_ok(vae_optimizer_create(f.model, NULL, &optimizer));
        assert_ok(vae__step_gradient(optimizer, &rows, &report, gradient));
        *(fitted ? &after : &before) = report.elbo;
        vae_optimizer_destroy(optimizer);
        free(gradient);
    }
    double log_determinant = log(covariance[0] * covariance[3] - covariance[1] * covariance[2]);
    double rise = 0.5 * (covariance[0] + covariance[3] + mean[0] * mean[0] + mean[1] * mean[1] -
                         LATENT - log_determinant);
    test_near(after - before, rise, test_tolerance(1e-5, 1e-10), "rise of the ELBO");
    end(&f);
}

/* ---- EM ---- */

/* Posteriors around a few centres. */
typedef struct posteriors {
    vae__real *mean, *variance;
    vae__moments moments;
} posteriors;

static posteriors make_posteriors(size_t n, size_t latent) {
    posteriors p = {malloc(n * latent * sizeof *p.mean), malloc(n * latent * sizeof *p.mean), {0}};
    for (size_t i = 0; i < n * latent; i++) {
        double centre = test_uniform(21, i / latent % 4 * latent + i % latent, -2, 2);
        p.mean[i] = (vae__real)(100 + centre + test_uniform(22, i, -0.5, 0.5));
        p.variance[i] = (vae__real)test_uniform(23, i, 0.01, 0.2);
    }
    p.moments = (vae__moments){p.mean, p.variance, n, latent};
    return p;
}

static void free_posteriors(posteriors *p) {
    free(p->mean);
    free(p->variance);
}

typedef struct watched {
    double last;
    uint64_t iterations;
    int falls;
} watched;

static int32_t watch(void *user, uint64_t iteration, double bound) {
    watched *w = user;
    w->falls |= iteration > 1 && bound < w->last - 1e-12 * fabs(w->last);
    w->last = bound;
    w->iterations = iteration;
    return 0;
}

static vae_status fit(vae_model *model, const posteriors *p, const vae__fit_options *options,
                      watched *w) {
    const vae__prior_call call = vae__model_prior_call(model);
    const vae__fit_watch watching = {watch, w};
    return vae__prior_of(&model->spec)->fit(&call, model->context, &p->moments, options, &watching);
}

static vae_model *make_prior(vae_context *context, size_t latent, const char *prior) {
    char spec[200];
    vae_model *model;
    snprintf(spec, sizeof spec, "input=3 latent=%zu likelihood=gaussian prior=%s", latent, prior);
    assert_ok(vae_model_create(context, spec, &model));
    return model;
}

static const char *const mixtures[] = {"mixture:1", "mixture:6", "mixture:1 prior_covariance=full",
                                       "mixture:6 prior_covariance=full"};

static void never_falls(void **state) {
    vae_context *context = test_context("threads=2");
    (void)state;
    for (size_t p = 0; p < COUNT_OF(mixtures); p++) {
        for (size_t latent = 1; latent <= 5; latent += 2) {
            posteriors q = make_posteriors(700, latent);
            for (uint64_t seed = 1; seed <= 3; seed++) {
                vae_model *model = make_prior(context, latent, mixtures[p]);
                const vae__fit_options options = {.iterations = 60, .seed = seed, .floor = 1e-6};
                watched w = {0};
                assert_ok(fit(model, &q, &options, &w));
                assert_false(w.falls);
                assert_true(w.iterations > 1);
                vae_model_destroy(model);
            }
            free_posteriors(&q);
        }
    }
    vae_context_destroy(context);
}

/* Threads do not change a bit with the products that are our own; another BLAS may round otherwise. */
static void threads_change_nothing(void **state) {
    static const char *const contexts[] = {"threads=1", "threads=2", "threads=5", "threads=17"};
    (void)state;
    for (size_t p = 0; p < COUNT_OF(mixtures); p++) {
        posteriors q = make_posteriors(3000, 3);
        vae__real first[300];
        size_t count = 0;
        for (size_t c = 0; c < COUNT_OF(contexts); c++) {
            vae_context *context = test_context(contexts[c]);
            vae_model *model = make_prior(context, 3, mixtures[p]);
            const vae__fit_options options = {.iterations = 15, .seed = 4, .floor = 1e-6};
            watched w = {0};
            assert_ok(fit(model, &q, &options, &w));
            const vae__real *found = test_parameter(model, "prior.weight_logits")->values;
            const vae__parameter *last = test_parameter(model, "prior.whitening");
            count = (size_t)(last->values + vae__parameter_size(last) - found);
            assert_true(count <= COUNT_OF(first));
            if (!c) memcpy(first, found, count * sizeof *first);
            for (size_t i = 0; i < count; i++) assert_true(first[i] == found[i]);
            vae_model_destroy(model);
            vae_context_destroy(context);
        }
        free_posteriors(&q);
    }
}

/* Two far groups of rows and a component that no row is near to: it begins again where rows fit worst. */
static void empty_components_begin_again(void **state) {
    enum { N = 40 };
    vae__real mean[N], variance[N];
    double weight[3] = {0};
    vae_context *context = test_context(NULL);
    vae_model *model = make_prior(context, 1, "mixture:3");
    (void)state;
    /* Three values: k-means++ finds them all; one of them is a single row, which the wide component beside it
     * takes over by and by. */
    for (size_t i = 0; i < N; i++) {
        mean[i] = i == 0 ? (vae__real)3 : (vae__real)(i % 2 ? -1 : 1);
        variance[i] = (vae__real)(i == 0 ? 30 : 1);
    }
    posteriors q = {mean, variance, {mean, variance, N, 1}};
    const vae__fit_options options = {.iterations = 200, .seed = 1, .floor = 1e-6};
    watched w = {0};
    assert_ok(fit(model, &q, &options, &w));
    const vae__real *logits = test_parameter(model, "prior.weight_logits")->values;
    for (size_t k = 0; k < 3; k++) {
        weight[k] = exp((double)logits[k]);
        assert_true(isfinite(weight[k]) && weight[k] > 0);
    }
    test_near(weight[0] + weight[1] + weight[2], 1, 1e-6, "weights");
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* Rows on a line with no variance of their own: the covariance's small eigenvalue is the floor's. */
static void the_floor_holds(void **state) {
    enum { N = 60 };
    vae__real mean[2 * N], variance[2 * N] = {0};
    vae_context *context = test_context(NULL);
    (void)state;
    for (size_t i = 0; i < N; i++) mean[2 * i] = mean[2 * i + 1] = (vae__real)i / N;
    posteriors q = {mean, variance, {mean, variance, N, 2}};
    const vae__fit_options options = {.iterations = 5, .seed = 1, .floor = 1e-4};
    vae_model *model = make_prior(context, 2, "mixture:1 prior_covariance=full");
    watched w = {0};
    double c[4];
    assert_ok(fit(model, &q, &options, &w));
    covariance_of(model, c);
    double half = 0.5 * (c[0] + c[3]), apart = hypot(0.5 * (c[0] - c[3]), c[1]);
    test_near((half - apart) / 1e-4, 1, test_tolerance(5e-2, 1e-8), "least eigenvalue");
    test_near(half + apart, 2.0 * (1.0 - 1.0 / (N * N)) / 12, 1e-4, "the other one");
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* ---- set_prior ---- */

static void keeps_all_else(void **state) {
    fixture f = begin(NULL, SPEC "decoder=[dense 3, tanh]");
    float before[8], after[8], mean[2][ROWS * LATENT];
    vae_optimizer *optimizer, *other;
    size_t length;
    (void)state;
    const char *spec = vae_model_spec(f.model), *name = vae_model_parameter_name(f.model, 0);
    char spec_copy[400], name_copy[80];
    snprintf(spec_copy, sizeof spec_copy, "%s", spec);
    snprintf(name_copy, sizeof name_copy, "%s", name);
    assert_ok(vae_encode(f.model, f.x, ROWS, WIDTH, mean[0], NULL));
    assert_ok(vae_model_parameter_get(f.model, "likelihood.bias", before, 4));
    assert_ok(vae_optimizer_create(f.model, "adam", &optimizer));
    assert_ok(vae_step(f.model, optimizer, f.data, NULL));
    assert_ok(vae_encode(f.model, f.x, ROWS, WIDTH, mean[0], NULL));
    assert_ok(vae_model_parameter_get(f.model, "likelihood.bias", before, 4));
    assert_ok(vae_model_set_prior(f.model, "mixture:7 prior_covariance=full"));
    assert_ok(vae_encode(f.model, f.x, ROWS, WIDTH, mean[1], NULL));
    assert_ok(vae_model_parameter_get(f.model, "likelihood.bias", after, 4));
    assert_memory_equal(before, after, 4 * sizeof *before);
    assert_memory_equal(mean[0], mean[1], sizeof mean[0]);
    assert_string_equal(spec, spec_copy);
    assert_string_equal(name, name_copy);
    assert_non_null(strstr(vae_model_spec(f.model), "prior=mixture:7 prior_covariance=full"));
    const char *gone = "before vae_model_set_prior gave the model another prior";
    assert_fails(vae_step(f.model, optimizer, f.data, NULL), VAE_ERROR_MISMATCH, gone);
    assert_fails(vae_step_rows(f.model, optimizer, f.x, 2, WIDTH, NULL), VAE_ERROR_MISMATCH, gone);
    assert_fails(vae_train(f.model, optimizer, f.data, NULL, NULL, NULL, NULL), VAE_ERROR_MISMATCH,
                 gone);
    assert_fails(vae_optimizer_set(optimizer, "lr=0.1"), VAE_ERROR_MISMATCH, gone);
    assert_fails(vae_optimizer_plan(optimizer, NULL, 0, &length), VAE_ERROR_MISMATCH, gone);
    assert_fails(vae_checkpoint_save(f.model, optimizer, NULL, "none"), VAE_ERROR_MISMATCH, gone);
    assert_ok(vae_optimizer_create(f.model, "adam", &other));
    assert_ok(vae_step(f.model, other, f.data, NULL));
    assert_ok(vae_model_set_prior(f.model, "normal"));
    assert_string_equal(vae_model_spec(f.model), spec_copy);
    assert_string_equal(spec, spec_copy);
    vae_optimizer_destroy(optimizer);
    vae_optimizer_destroy(other);
    end(&f);
}

static void refuses_priors(void **state) {
    static const struct {
        const char *text, *message;
    } all[] = {
        {"", "prior: expected a prior, e.g. 'mixture:50 prior_covariance=full'"},
        {"prior=mixture:5", "the prior is the first word, without a key, as in 'mixture:50'"},
        {"prior_covariance=full", "expected a prior"},
        {"mixture", "prior:1:1: prior=mixture: expected the number of components"},
        {"normal prior_covariance=full", "belongs to prior=mixture:N, but the prior is normal"},
        {"mixture:5 normal", "prior:1:11: the prior comes first"},
        {"mixture:5 latent=3", "it belongs to the spec"},
        {"mixture:1048576 prior_covariance=full", "memory_limit"},
    };
    fixture f = begin("memory_limit=2M", SPEC);
    double before[ROWS], after[ROWS];
    (void)state;
    assert_ok(vae_model_set_prior(f.model, "mixture:3"));
    elbos(&f, 1, before, NULL);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        vae_status status = i + 1 < COUNT_OF(all) ? VAE_ERROR_TEXT : VAE_ERROR_LIMIT;
        assert_fails(vae_model_set_prior(f.model, all[i].text), status, all[i].message);
        assert_non_null(
            strstr(vae_model_spec(f.model), " prior=mixture:3 prior_covariance=diagonal"));
    }
    elbos(&f, 1, after, NULL);
    assert_memory_equal(before, after, sizeof before);
    end(&f);
}

/* ---- fit_prior: what is refused ---- */

typedef struct stop {
    uint64_t calls, at, done, total;
} stop;

static int32_t count_progress(void *user, uint64_t done, uint64_t total) {
    stop *s = user;
    assert_true(done >= s->done && done <= total);
    s->done = done;
    s->total = total;
    return ++s->calls == s->at;
}

static void progress_may_stop_it(void **state) {
    fixture f = begin("threads=2", SPEC);
    double before[ROWS], after[ROWS];
    stop all = {0};
    (void)state;
    assert_ok(vae_model_set_prior(f.model, "mixture:4"));
    elbos(&f, 1, before, NULL);
    assert_ok(
        vae_model_fit_prior(f.model, f.data, "iterations=8 tolerance=0", count_progress, &all));
    assert_int_equal(all.done, all.total);
    assert_int_equal(all.total, ROWS * 9);
    elbos(&f, 1, after, NULL);
    assert_true(mean_of(after, ROWS) > mean_of(before, ROWS));
    for (uint64_t at = 1; at < all.calls; at++) {
        stop s = {.at = at};
        elbos(&f, 1, before, NULL);
        assert_int_equal(vae_model_fit_prior(f.model, f.data, "iterations=8 seed=3 tolerance=0",
                                             count_progress, &s),
                         VAE_STOPPED);
        elbos(&f, 1, after, NULL);
        assert_memory_equal(before, after, sizeof before);
    }
    end(&f);
}

static void refuses_bad_input(void **state) {
    fixture f = begin("memory_limit=3M", SPEC);
    vae_dataset *bad, *same;
    double before[ROWS], after[ROWS];
    float rows[6 * WIDTH] = {0};
    (void)state;
    assert_fails(vae_model_fit_prior(f.model, f.data, NULL, NULL, NULL), VAE_ERROR_UNSUPPORTED,
                 "prior=normal has nothing to fit; give the model another prior first");
    assert_ok(vae_model_set_prior(f.model, "mixture:5 prior_covariance=full"));
    elbos(&f, 1, before, NULL);
    assert_ok(vae_dataset_from_memory(f.context, rows, 4, WIDTH, NULL, &same));
    assert_fails(vae_model_fit_prior(f.model, same, NULL, NULL, NULL), VAE_ERROR_ARGUMENT,
                 "prior=mixture:5: its components begin at as many different rows, and the data "
                 "set has 4");
    vae_dataset_destroy(same);
    assert_ok(vae_dataset_from_memory(f.context, rows, 6, WIDTH, NULL, &same));
    assert_fails(
        vae_model_fit_prior(f.model, same, NULL, NULL, NULL), VAE_ERROR_DATA,
        "the posterior means of 6 rows have 1 different value, which is fewer than 5 components: "
        "the latents have collapsed");
    f.x[7 * WIDTH + 2] = NAN;
    assert_ok(vae_dataset_from_memory(f.context, f.x, ROWS, WIDTH, "split=train:0.99", &bad));
    assert_fails(vae_model_fit_prior(f.model, bad, NULL, NULL, NULL), VAE_ERROR_DATA,
                 "row 7, column 2 is nan");
    assert_fails(vae_model_fit_prior(f.model, f.data, "iterations=0", NULL, NULL), VAE_ERROR_TEXT,
                 "iterations=0: expected a whole number from 1");
    assert_fails(vae_model_fit_prior(f.model, f.data, "free_bits=1", NULL, NULL), VAE_ERROR_TEXT,
                 "it belongs to the optimizer options");
    assert_fails(vae_model_fit_prior(NULL, f.data, NULL, NULL, NULL), VAE_ERROR_ARGUMENT, "model");
    assert_fails(vae_model_fit_prior(f.model, NULL, NULL, NULL, NULL), VAE_ERROR_ARGUMENT,
                 "dataset");
    f.x[7 * WIDTH + 2] = 0;
    elbos(&f, 1, after, NULL);
    f.x[7 * WIDTH + 2] = 0;
    assert_memory_equal(before, after, 7 * sizeof *before);
    vae_dataset_destroy(bad);
    vae_dataset_destroy(same);
    end(&f);
}

static void respects_the_limit(void **state) {
    fixture f = begin("memory_limit=1M", "input=4 latent=8 likelihood=gaussian");
    double before[ROWS], after[ROWS];
    (void)state;
    assert_ok(vae_model_set_prior(f.model, "mixture:100 prior_covariance=full"));
    elbos(&f, 1, before, NULL);
    assert_fails(vae_model_fit_prior(f.model, f.data, NULL, NULL, NULL), VAE_ERROR_LIMIT,
                 "vae_model_fit_prior");
    elbos(&f, 1, after, NULL);
    assert_memory_equal(before, after, sizeof before);
    end(&f);
}

/* ---- train= ---- */

static void trains_what_is_asked_for(void **state) {
    static const struct {
        const char *options;
        int network, prior;
    } all[] = {{"adamw lr=0.01 weight_decay=0.5 train=all", 1, 1},
               {"adamw lr=0.01 weight_decay=0.5 train=prior", 0, 1},
               {"adamw lr=0.01 weight_decay=0.5 train=network", 1, 0},
               {"sgd lr=0.01 weight_decay=0.5 train=prior clip_norm=0.01", 0, 1},
               {"sgd lr=0.01 train=network objective=iwae samples=3", 1, 0},
               {"sgd lr=0.01 train=prior objective=iwae samples=3", 0, 1}};
    static const char *const sigmas[] = {"sigma=shared", "sigma=optimal"};
    (void)state;
    for (size_t i = 0; i < 2 * COUNT_OF(all); i++) {
        char spec[200];
        int weighs = strstr(all[i / 2].options, "iwae") != NULL;
        if (weighs && i % 2) continue;
        snprintf(spec, sizeof spec,
                 "input=4 latent=2 likelihood=gaussian encoder=[dense 5, tanh] prior=mixture:3 %s",
                 sigmas[i % 2]);
        fixture f = begin(NULL, spec);
        vae_optimizer *optimizer;
        size_t count = f.model->parameters.block_count;
        vae__real *before = malloc(count * sizeof *before);
        memcpy(before, f.model->parameters.block, count * sizeof *before);
        assert_ok(vae_optimizer_create(f.model, all[i / 2].options, &optimizer));
        for (int s = 0; s < 3; s++) assert_ok(vae_step(f.model, optimizer, f.data, NULL));
        for (size_t p = 0; p < f.model->parameters.count; p++) {
            const vae__parameter *parameter = &f.model->parameters.items[p];
            size_t first = (size_t)(parameter->values - f.model->parameters.block);
            int same = !memcmp(before + first, parameter->values,
                               vae__parameter_size(parameter) * sizeof *before);
            int trained =
                parameter->group == VAE__GROUP_PRIOR ? all[i / 2].prior : all[i / 2].network;
            if (same == trained)
                fail_msg("%s: %s %s", all[i / 2].options, parameter->name,
                         same ? "did not change" : "changed");
        }
        free(before);
        vae_optimizer_destroy(optimizer);
        end(&f);
    }
}

/* A step with a part alone moves that part as a step with all of it does. */
static void parts_move_as_in_the_whole(void **state) {
    static const char *const options[] = {"sgd lr=0.1", "sgd lr=0.1 train=prior",
                                          "sgd lr=0.1 train=network"};
    vae__real *after[3];
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fixture f = begin(NULL, SPEC "prior=mixture:3");
        vae_optimizer *optimizer;
        assert_ok(vae_optimizer_create(f.model, options[i], &optimizer));
        assert_ok(vae_step(f.model, optimizer, f.data, NULL));
        count = f.model->parameters.block_count;
        after[i] = malloc(count * sizeof *after[i]);
        memcpy(after[i], f.model->parameters.block, count * sizeof *after[i]);
        vae_optimizer_destroy(optimizer);
        end(&f);
    }
    fixture f = begin(NULL, SPEC "prior=mixture:3");
    for (size_t p = 0; p < f.model->parameters.count; p++) {
        const vae__parameter *parameter = &f.model->parameters.items[p];
        size_t first = (size_t)(parameter->values - f.model->parameters.block);
        const vae__real *part = after[parameter->group == VAE__GROUP_PRIOR ? 1 : 2];
        assert_memory_equal(after[0] + first, part + first,
                            vae__parameter_size(parameter) * sizeof *part);
    }
    for (size_t i = 0; i < 3; i++) free(after[i]);
    end(&f);
}

static void training_changes_its_mind(void **state) {
    fixture f = begin(NULL, SPEC);
    vae_optimizer *optimizer;
    (void)state;
    assert_fails(vae_optimizer_create(f.model, "train=prior", &optimizer), VAE_ERROR_TEXT,
                 "train=prior: prior=normal has no parameters to train");
    assert_ok(vae_model_set_prior(f.model, "mixture:3"));
    assert_ok(vae_optimizer_create(f.model, "sgd clip_norm=0.001", &optimizer));
    assert_null(strstr(vae_optimizer_options(optimizer), "train="));
    assert_ok(vae_step(f.model, optimizer, f.data, NULL));
    assert_ok(vae_optimizer_set(optimizer, "train=prior"));
    assert_non_null(strstr(vae_optimizer_options(optimizer), " train=prior"));
    assert_ok(vae_step(f.model, optimizer, f.data, NULL));
    assert_ok(vae_optimizer_set(optimizer, "train=all"));
    assert_ok(vae_step(f.model, optimizer, f.data, NULL));
    vae_optimizer_destroy(optimizer);
    end(&f);
}

/* Joint training, and training the prior alone, lower the KL of a model whose posteriors are not N(0, I). */
static void training_lowers_the_kl(void **state) {
    fixture f = begin(NULL, SPEC);
    vae_optimizer *optimizer;
    double kl[ROWS];
    (void)state;
    elbos(&f, 1, NULL, kl);
    double before = mean_of(kl, ROWS);
    assert_ok(vae_model_set_prior(f.model, "mixture:3 prior_covariance=full"));
    assert_ok(vae_optimizer_create(f.model, "adam lr=0.05 train=prior", &optimizer));
    assert_ok(vae_train(f.model, optimizer, f.data, NULL, "epochs=30", NULL, NULL));
    elbos(&f, 1, NULL, kl);
    double trained = mean_of(kl, ROWS);
    assert_true(trained < before - 0.2);
    assert_ok(vae_model_fit_prior(f.model, f.data, NULL, NULL, NULL));
    elbos(&f, 1, NULL, kl);
    assert_true(mean_of(kl, ROWS) < trained + 0.2);
    vae_optimizer_destroy(optimizer);
    end(&f);
}

/* ---- files ---- */

static void files_keep_it(void **state) {
    fixture f = begin(NULL, SPEC "prior=mixture:3 prior_covariance=full");
    vae_model *loaded, *clone;
    size_t length;
    double expected[ROWS], found[ROWS];
    (void)state;
    assert_ok(vae_model_fit_prior(f.model, f.data, NULL, NULL, NULL));
    assert_ok(vae_log_likelihood(f.model, f.x, ROWS, WIDTH, "samples=5", expected, NULL, NULL));
    assert_ok(vae_model_save_memory(f.model, NULL, 0, &length));
    unsigned char *bytes = malloc(length);
    assert_ok(vae_model_save_memory(f.model, bytes, length, &length));
    assert_ok(vae_model_load_memory(f.context, bytes, length, &loaded));
    assert_ok(vae_log_likelihood(loaded, f.x, ROWS, WIDTH, "samples=5", found, NULL, NULL));
    assert_memory_equal(found, expected, sizeof found);
    assert_ok(vae_model_clone(loaded, &clone));
    assert_ok(vae_log_likelihood(clone, f.x, ROWS, WIDTH, "samples=5", found, NULL, NULL));
    assert_memory_equal(found, expected, sizeof found);
    free(bytes);
    vae_model_destroy(loaded);
    vae_model_destroy(clone);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_component_is_the_aggregated_posterior),
        cmocka_unit_test(the_bound_rises_exactly),
        cmocka_unit_test(never_falls),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(empty_components_begin_again),
        cmocka_unit_test(the_floor_holds),
        cmocka_unit_test(keeps_all_else),
        cmocka_unit_test(refuses_priors),
        cmocka_unit_test(progress_may_stop_it),
        cmocka_unit_test(refuses_bad_input),
        cmocka_unit_test(respects_the_limit),
        cmocka_unit_test(trains_what_is_asked_for),
        cmocka_unit_test(parts_move_as_in_the_whole),
        cmocka_unit_test(training_changes_its_mind),
        cmocka_unit_test(training_lowers_the_kl),
        cmocka_unit_test(files_keep_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
