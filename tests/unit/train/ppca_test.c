/* A VAE with linear encoder, linear decoder and one sigma is probabilistic PCA (Tipping & Bishop
 * 1999; Lucas et al. 2019): the optimum is known. With l_1 >= ... >= l_D the eigenvalues of the
 * biased covariance and U its eigenvectors: sigma^2 = mean of the D - d last, W = U (L - sigma^2
 * I)^(1/2), the encoder is M^-1 W^T (x - mean) with M = W^T W + sigma^2 I = L and variances sigma^2
 * / l_i. On 1797 digits of 8 x 8 pixels (tests/data/README.md), in [0, 1]. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/cmocka.h"
#include "support/matrix.h"
#include "support/numbers.h"

enum { WIDTH = 64, MOST_LATENT = 16 };

/* Rows with their moments: the whole group of tests reads one. */
typedef struct sample {
    float *rows; /* [n, width] */
    size_t n, width;
    double mean[WIDTH], covariance[WIDTH * WIDTH], values[WIDTH], vectors[WIDTH * WIDTH];
} sample;

/* The maximum-likelihood solution with d components. */
typedef struct optimum {
    double variance, log_p, kl; /* means over the rows, nats */
} optimum;

static void measure(sample *s) {
    double scratch[WIDTH * WIDTH];
    size_t n = s->n, width = s->width;
    for (size_t i = 0; i < width; i++) {
        s->mean[i] = 0;
        for (size_t r = 0; r < n; r++) s->mean[i] += (double)s->rows[r * width + i] / (double)n;
    }
    memset(s->covariance, 0, sizeof s->covariance);
    for (size_t r = 0; r < n; r++) {
        const float *x = s->rows + r * width;
        for (size_t i = 0; i < width; i++) {
            for (size_t j = 0; j < width; j++)
                s->covariance[i * width + j] +=
                    ((double)x[i] - s->mean[i]) * ((double)x[j] - s->mean[j]) / (double)n;
        }
    }
    memcpy(scratch, s->covariance, sizeof scratch);
    test_eigen(scratch, width, s->values, s->vectors);
}

static int open_digits(void **state) {
    sample *s = calloc(1, sizeof *s);
    vae_dataset *data;
    if (vae_dataset_open(NULL, "tests/data/digits.npy", "scale=none", &data))
        fail_msg("%s (run the test from the root of the tree)", vae_last_error());
    s->n = vae_dataset_size(data);
    s->width = vae_dataset_width(data);
    assert_int_equal(s->width, WIDTH);
    s->rows = malloc(s->n * s->width * sizeof *s->rows);
    assert_int_equal(vae_dataset_read(data, 0, s->n, s->rows, s->width), VAE_OK);
    vae_dataset_destroy(data);
    for (size_t i = 0; i < s->n * s->width; i++) s->rows[i] /= 16;
    measure(s);
    *state = s;
    return 0;
}

static int close_digits(void **state) {
    sample *s = *state;
    free(s->rows);
    free(s);
    return 0;
}

static optimum optimum_of(const sample *s, size_t d) {
    const double log_2pi = 1.83787706640934548356;
    double width = (double)s->width, rest = 0, logs = 0;
    for (size_t i = 0; i < d; i++) logs += log(s->values[i]);
    for (size_t i = d; i < s->width; i++) rest += s->values[i];
    double variance = rest / (width - (double)d);
    return (optimum){
        .variance = variance,
        .log_p = -0.5 * (width * log_2pi + logs + (width - (double)d) * log(variance) + width),
        .kl = 0.5 * (logs - (double)d * log(variance))};
}

/* ---- a linear model ---- */

typedef struct linear {
    vae_context *context;
    vae_model *model;
    vae_optimizer *optimizer;
    size_t latent;
} linear;

static linear open_linear(const char *spec, const char *options) {
    linear f = {.context = test_context("threads=1")};
    if (vae_model_create(f.context, spec, &f.model)) fail_msg("%s", vae_last_error());
    if (vae_optimizer_create(f.model, options, &f.optimizer)) fail_msg("%s", vae_last_error());
    f.latent = vae_model_latent(f.model);
    return f;
}

static void close_linear(linear *f) {
    vae_optimizer_destroy(f->optimizer);
    vae_model_destroy(f->model);
    vae_context_destroy(f->context);
}

/* sigma^2 of a learned, shared sigma. */
static double variance_of(const linear *f) {
    double least = f->model->spec.sigma_min;
    return least * least +
           exp(2 * (double)test_parameter(f->model, "likelihood.log_sigma")->values[0]);
}

/* Mean log p of the rows under N(b, W W^T + sigma^2 I), from their moments and the copied
 * parameters: -(D ln 2 pi + ln |C| + tr C^-1 (S + (mean - b)(mean - b)^T)) / 2. */
static double log_p(const linear *f, const sample *s) {
    const vae__real *w = test_parameter(f->model, "likelihood.weight")->values,
                    *b = test_parameter(f->model, "likelihood.bias")->values;
    size_t width = s->width, d = f->latent;
    double c[WIDTH * WIDTH], column[WIDTH], trace = 0;
    for (size_t i = 0; i < width; i++) {
        for (size_t j = 0; j < width; j++) {
            c[i * width + j] = i == j ? variance_of(f) : 0;
            for (size_t k = 0; k < d; k++)
                c[i * width + j] += (double)w[i * d + k] * (double)w[j * d + k];
        }
    }
    double log_det = test_cholesky(c, width);
    for (size_t j = 0; j < width; j++) {
        for (size_t i = 0; i < width; i++)
            column[i] = s->covariance[i * width + j] +
                        (s->mean[i] - (double)b[i]) * (s->mean[j] - (double)b[j]);
        test_cholesky_solve(c, width, column);
        trace += column[j];
    }
    return -0.5 * ((double)width * 1.83787706640934548356 + log_det + trace);
}

/* +-sqrt(d) e_j for n rows, [n, 2 d, d]: mean 0, covariance I, so that a quadratic's mean over them
 * is its expectation. */
static vae__real *sigma_points(size_t n, size_t d) {
    vae__real *noise = calloc(n * 2 * d * d, sizeof *noise);
    for (size_t i = 0; i < n * 2 * d; i++)
        noise[i * d + i % (2 * d) / 2] = (vae__real)(i % 2 ? -sqrt((double)d) : sqrt((double)d));
    return noise;
}

/* ---- the optimum itself ---- */

/* Computed elsewhere (numpy): the data and the linear algebra here are what they should be. */
static void known_values(void **state) {
    const sample *s = *state;
    optimum two = optimum_of(s, 2), ten = optimum_of(s, 10);
    assert_int_equal(s->n, 1797);
    test_near(two.variance, 0.054116984680489685, 1e-12, "sigma^2, d = 2");
    test_near(two.log_p, 0.005706724951579645, 1e-11, "log p, d = 2");
    test_near(two.kl, 2.5136573153835755, 1e-12, "KL, d = 2");
    test_near(ten.variance, 0.022751372341022605, 1e-12, "sigma^2, d = 10");
    test_near(ten.log_p, 17.451947021877835, 1e-12, "log p, d = 10");
    test_near(ten.kl, 12.79614086013368, 1e-12, "KL, d = 10");
}

/* The raw head whose bounded log variance is l: -16 + softplus(a + 16) = t, 16 - softplus(16 - t) =
 * l, turned round. */
static double unbounded_logvar(double l) {
    double t = 16 - log(expm1(16 - l));
    return log(expm1(t + 16)) - 16;
}

static void set_at_optimum(const linear *f, const sample *s) {
    vae__real *w = test_parameter(f->model, "likelihood.weight")->values,
              *b = test_parameter(f->model, "likelihood.bias")->values,
              *a = test_parameter(f->model, "posterior.weight")->values,
              *c = test_parameter(f->model, "posterior.bias")->values,
              *log_sigma = test_parameter(f->model, "likelihood.log_sigma")->values;
    size_t width = s->width, d = f->latent;
    double variance = optimum_of(s, d).variance, least = f->model->spec.sigma_min;
    *log_sigma = (vae__real)(0.5 * log(variance - least * least));
    for (size_t i = 0; i < width; i++) b[i] = (vae__real)s->mean[i];
    for (size_t k = 0; k < d; k++) {
        double length = sqrt(s->values[k] - variance), shift = 0;
        for (size_t i = 0; i < width; i++) {
            double direction = s->vectors[k * width + i];
            w[i * d + k] = (vae__real)(length * direction);
            a[k * width + i] = (vae__real)(length * direction / s->values[k]);
            a[(d + k) * width + i] = 0;
            shift += length * direction / s->values[k] * s->mean[i];
        }
        c[k] = (vae__real)-shift;
        c[d + k] = (vae__real)unbounded_logvar(log(variance / s->values[k]));
    }
    f->model->edits++;
}

static linear open_at_optimum(const sample *s, size_t d) {
    char spec[100], options[40];
    snprintf(spec, sizeof spec, "input=64 latent=%zu likelihood=gaussian sigma=shared", d);
    snprintf(options, sizeof options, "adam samples=%zu", 2 * d);
    linear f = open_linear(spec, options);
    set_at_optimum(&f, s);
    return f;
}

/* With sigma points ELBO = log p and every gradient is 0. */
static void optimum_is_stationary(void **state) {
    const sample *s = *state;
    for (size_t d = 2; d <= 10; d += 8) {
        linear f = open_at_optimum(s, d);
        optimum best = optimum_of(s, d);
        const vae__parameters *parameters = &f.model->parameters;
        vae__real *noise = sigma_points(s->n, d),
                  *gradient = calloc(parameters->block_count, sizeof *gradient);
        vae__step_rows rows = {.rows = s->rows, .n = s->n, .noise = noise};
        vae_step_report report;
        assert_int_equal(vae__step_gradient(f.optimizer, &rows, &report, gradient), VAE_OK);
        test_near(report.elbo, best.log_p, test_tolerance(1e-5, 1e-12), "ELBO");
        test_near(report.kl, best.kl, test_tolerance(1e-6, 1e-12), "KL");
        test_near(log_p(&f, s), best.log_p, test_tolerance(1e-6, 1e-12), "log p");
        for (size_t i = 0; i < parameters->block_count; i++)
            test_near((double)gradient[i], 0, test_tolerance(1e-4, 1e-11), "a gradient");
        free(noise);
        free(gradient);
        close_linear(&f);
    }
}

/* ln N(x | mean, W W^T + sigma^2 I) of a row, from the eigenvectors. */
static double row_log_p(const sample *s, const float *x, size_t d) {
    double variance = optimum_of(s, d).variance, distance = 0, logs = 0;
    for (size_t k = 0; k < s->width; k++) {
        double along = 0, spread = k < d ? s->values[k] : variance;
        for (size_t i = 0; i < s->width; i++)
            along += s->vectors[k * s->width + i] * ((double)x[i] - s->mean[i]);
        distance += along * along / spread;
        logs += log(spread);
    }
    return -0.5 * (distance + logs + (double)s->width * 1.83787706640934548356);
}

/* log p(z) - log q(z|x) of z = mean + sd eps, at the optimum. */
static double log_prior_over_posterior(const sample *s, const float *x, const vae__real *eps,
                                       size_t d) {
    double variance = optimum_of(s, d).variance, sum = 0;
    for (size_t k = 0; k < d; k++) {
        double mean = 0, e = (double)eps[k], sd = sqrt(variance / s->values[k]);
        for (size_t i = 0; i < s->width; i++)
            mean += s->vectors[k * s->width + i] * ((double)x[i] - s->mean[i]);
        mean *= sqrt(s->values[k] - variance) / s->values[k];
        double z = mean + sd * e;
        sum += 0.5 * (e * e - z * z) + log(sd);
    }
    return sum;
}

/* q is the posterior there, so that p(x, z) / q(z|x) = p(x) for every z: each row's one drawn
 * sample gives log p(x) exactly. */
static void every_importance_sample_is_log_p(void **state) {
    const sample *s = *state;
    for (size_t d = 2; d <= 10; d += 8) {
        linear f = open_at_optimum(s, d);
        double *reconstruction = malloc(s->n * sizeof *reconstruction);
        vae__real *noise = malloc(s->n * d * sizeof *noise);
        const vae__stream stream = {9, 0, VAE__PURPOSE_POSTERIOR, 0};
        f.context->kernels->normals(&stream, 0, s->n, 1, d, noise);
        assert_int_equal(vae_elbo(f.model, s->rows, s->n, s->width, 9, NULL, reconstruction, NULL),
                         VAE_OK);
        for (size_t r = 0; r < s->n; r++) {
            const float *x = s->rows + r * s->width;
            double weight = reconstruction[r] + log_prior_over_posterior(s, x, noise + r * d, d);
            test_near(weight, row_log_p(s, x, d), test_tolerance(1e-5, 1e-11), "log weight");
        }
        free(reconstruction);
        free(noise);
        close_linear(&f);
    }
}

/* ---- trained ---- */

/* 2 width rows mean +- sqrt(width l_k) u_k: the same mean and covariance, and so the same optimum,
 * at a fraction of the rows. */
static sample condense(size_t width, const double *mean, const double *values,
                       const double *vectors) {
    sample s = {.n = 2 * width, .width = width};
    s.rows = malloc(s.n * width * sizeof *s.rows);
    for (size_t r = 0; r < s.n; r++) {
        double length = sqrt((double)width * fmax(0, values[r / 2])) * (r % 2 ? -1 : 1);
        for (size_t i = 0; i < width; i++)
            s.rows[r * width + i] = (float)(mean[i] + length * vectors[r / 2 * width + i]);
    }
    measure(&s);
    return s;
}

static vae_step_report train(const linear *f, const sample *s, const vae__real *noise,
                             size_t steps) {
    vae__step_rows rows = {.rows = s->rows, .n = s->n, .noise = noise};
    vae_step_report report = {0};
    for (size_t i = 0; i < steps; i++) {
        if (vae__step(f->optimizer, &rows, &report)) fail_msg("%s", vae_last_error());
    }
    return report;
}

/* The model's mean KL over the rows. */
static double mean_kl(const linear *f, const sample *s) {
    double *kl = malloc(s->n * sizeof *kl), sum = 0;
    assert_int_equal(vae_elbo(f->model, s->rows, s->n, s->width, 1, NULL, NULL, kl), VAE_OK);
    for (size_t r = 0; r < s->n; r++) sum += kl[r];
    free(kl);
    return sum / (double)s->n;
}

typedef struct tolerance {
    double log_p, variance, kl; /* nats, relative, relative */
} tolerance;

static void check_optimum(const linear *f, const sample *s, const optimum *best, tolerance t) {
    double variance = variance_of(f) / best->variance, kl = mean_kl(f, s) / best->kl;
    assert_true(log_p(f, s) <= best->log_p + 1e-6);
    test_near(log_p(f, s) - best->log_p, 0, t.log_p, "log p less the optimum");
    test_near(variance, 1, t.variance, "sigma^2 over the optimum");
    test_near(kl, 1, t.kl, "KL over the optimum");
}

/* Tens of thousands of steps find nothing new under a sanitizer, where they take minutes. */
static void skip_where_slow(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
    skip();
#endif
}

/* Short memories of both moments: Adam's usual 0.999 remembers the steep start for as long as the
 * whole run. */
#define ADAM "adam lr=0.03 beta1=0.98 beta2=0.98 samples=4 schedule=cosine steps=10000"

static void trained_with_sigma_points(void **state) {
    const sample *digits = *state;
    sample s = condense(digits->width, digits->mean, digits->values, digits->vectors);
    optimum best = optimum_of(digits, 2);
    vae__real *noise = sigma_points(s.n, 2);
    for (int seed = 1; seed <= 2; seed++) {
        char spec[100];
        snprintf(spec, sizeof spec, "input=64 latent=2 likelihood=gaussian seed=%d", seed);
        linear f = open_linear(spec, ADAM);
        vae_step_report last = train(&f, &s, noise, 10000);
        check_optimum(&f, &s, &best, (tolerance){1e-6, 1e-4, 1e-4});
        test_near(last.elbo, best.log_p, 1e-5, "ELBO");
        close_linear(&f);
    }
    free(noise);
    free(s.rows);
}

/* The public way: mini-batches of the digits themselves, noise drawn by the library. */
static void trained_on_batches(void **state) {
    skip_where_slow();
    const sample *s = *state;
    optimum best = optimum_of(s, 2);
    vae_dataset *data;
    vae_step_report report = {.struct_size = sizeof report};
    linear f = open_linear("input=64 latent=2 likelihood=gaussian",
                           "adam lr=0.02 beta2=0.99 schedule=cosine steps=12000 samples=2");
    assert_int_equal(
        vae_dataset_from_memory(f.context, s->rows, s->n, s->width, "batch=200", &data), VAE_OK);
    for (int i = 0; i < 12000; i++) {
        if (vae_step(f.model, f.optimizer, data, &report)) fail_msg("%s", vae_last_error());
    }
    check_optimum(&f, s, &best, (tolerance){2e-3, 5e-4, 2e-3});
    vae_dataset_destroy(data);
    close_linear(&f);
}

static void trained_with_drawn_noise(void **state) {
    skip_where_slow();
    const sample *digits = *state;
    sample s = condense(digits->width, digits->mean, digits->values, digits->vectors);
    optimum best = optimum_of(digits, 10);
    linear f = open_linear("input=64 latent=10 likelihood=gaussian",
                           "adam lr=0.03 beta2=0.99 schedule=cosine steps=30000 samples=2");
    train(&f, &s, NULL, 30000);
    check_optimum(&f, &s, &best, (tolerance){2e-3, 5e-4, 2e-3});
    close_linear(&f);
    free(s.rows);
}

/* ---- collapse ---- */

/* beta at a fixed sigma is the bound of a model with variance beta sigma^2: latent i lives if l_i is
 * above that, with Var[mean_i] = 1 - beta sigma^2 / l_i, and takes ln(l_i / beta sigma^2) / 2 nats;
 * else it collapses. */
static void check_active(const sample *s, double sigma, double beta, size_t expected) {
    enum { LATENT = 6, STEPS = 6000 };
    char spec[100], options[200];
    float mean[2 * WIDTH * LATENT];
    double threshold = beta * sigma * sigma, variances = 0, found = 0, kl = 0;
    size_t active = 0;
    snprintf(spec, sizeof spec, "input=%zu latent=%d likelihood=gaussian sigma=%g", s->width,
             LATENT, sigma);
    snprintf(options, sizeof options,
             "adam lr=0.03 beta1=0.98 beta2=0.98 samples=%d schedule=cosine steps=%d beta=%g",
             2 * LATENT, STEPS, beta);
    linear f = open_linear(spec, options);
    vae__real *noise = sigma_points(s->n, LATENT);
    train(&f, s, noise, STEPS);
    assert_int_equal(vae_encode(f.model, s->rows, s->n, s->width, mean, NULL), VAE_OK);
    for (size_t j = 0; j < LATENT; j++) {
        double sum = 0, squares = 0;
        for (size_t r = 0; r < s->n; r++) {
            sum += (double)mean[r * LATENT + j] / (double)s->n;
            squares += (double)mean[r * LATENT + j] * (double)mean[r * LATENT + j] / (double)s->n;
        }
        variances += squares - sum * sum;
        active += squares - sum * sum > 0.01;
    }
    for (size_t i = 0; i < expected; i++) {
        assert_true(s->values[i] > 1.5 * threshold);
        found += 1 - threshold / s->values[i];
        kl += 0.5 * log(s->values[i] / threshold);
    }
    assert_true(s->values[expected] * 1.5 < threshold);
    assert_int_equal(active, expected);
    test_near(variances, found, 1e-4, "sum of Var[mean]");
    test_near(mean_kl(&f, s), kl, 1e-4, "KL");
    free(noise);
    close_linear(&f);
}

static void active_latents(void **state) {
    enum { D = 8 };
    static const double values[D] = {4, 2, 0.8, 0.3, 0.08, 0.04, 0.02, 0.01};
    double mean[D], random[D * D], ignored[D], vectors[D * D];
    (void)state;
    for (size_t i = 0; i < D; i++) {
        mean[i] = test_uniform(50, i, -1, 1);
        for (size_t j = 0; j <= i; j++)
            random[i * D + j] = random[j * D + i] = test_uniform(51, i * D + j, -1, 1);
    }
    test_eigen(random, D, ignored, vectors);
    sample s = condense(D, mean, values, vectors);
    check_active(&s, 0.5, 0.5, 4);
    check_active(&s, 0.5, 2, 3);
    check_active(&s, 1, 1.25, 2);
    check_active(&s, 0.5, 30, 0);
    free(s.rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(optimum_is_stationary),
        cmocka_unit_test(every_importance_sample_is_log_p),
        cmocka_unit_test(trained_with_sigma_points),
        cmocka_unit_test(trained_on_batches),
        cmocka_unit_test(trained_with_drawn_noise),
        cmocka_unit_test(active_latents),
    };
    return cmocka_run_group_tests(tests, open_digits, close_digits);
}
