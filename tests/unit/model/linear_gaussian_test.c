/* A linear decoder under a Gaussian likelihood has everything in closed form: p(x) = N(b, W W^T +
 * S), the posterior N(m, V) with V^-1 = I + W^T S^-1 W, and the gap KL(q || posterior) of any
 * encoder. Noise +-sqrt(d) e_j has mean 0 and covariance I, so the ELBO over those 2 d draws is
 * E_q's own value: log p - gap, and its gradient that of log p - gap. Encoder and parameters are
 * random, where first-order mistakes show, which they do not at an optimum. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/cmocka.h"
#include "support/matrix.h"
#include "support/numbers.h"

enum { MOST = 16 }; /* of x, z or a hidden layer */

typedef struct fixture {
    vae_context *context;
    vae_model *model;
    size_t width, latent, hidden; /* hidden: of the encoder */
    double *values;               /* the model's parameters in double, laid out as its block */
} fixture;

static const vae__parameter *find(const fixture *f, const char *name) {
    return vae__parameters_find(&f->model->parameters, name);
}

static const double *values_of(const fixture *f, const vae__parameter *parameter) {
    return f->values + (parameter->values - f->model->parameters.block);
}

/* y [out] = w x + b of the dense layer `name`. */
static void dense(const fixture *f, const char *name, const double *x, double *y) {
    char text[64];
    snprintf(text, sizeof text, "%s.weight", name);
    const vae__parameter *weight = find(f, text);
    snprintf(text, sizeof text, "%s.bias", name);
    const double *w = values_of(f, weight), *b = values_of(f, find(f, text));
    for (size_t i = 0; i < weight->rows; i++) {
        y[i] = b[i];
        for (size_t j = 0; j < weight->columns; j++) y[i] += w[i * weight->columns + j] * x[j];
    }
}

static void decode(const fixture *f, const double *z, double *x_mean) {
    double h[MOST];
    if (find(f, "decoder.0.weight")) {
        dense(f, "decoder.0", z, h);
        z = h;
    }
    dense(f, "likelihood", z, x_mean);
}

static double softplus(double a) {
    return a > 0 ? a + log1p(exp(-a)) : log1p(exp(a));
}

typedef struct gaussian {
    double mean[MOST], variance[MOST];
} gaussian;

/* q(z|x) of encoder=[dense N, tanh]. */
static gaussian encode(const fixture *f, const double *x) {
    double h[MOST], head[2 * MOST];
    gaussian q;
    dense(f, "encoder.0", x, h);
    for (size_t i = 0; i < f->hidden; i++) h[i] = tanh(h[i]);
    dense(f, "posterior", h, head);
    for (size_t j = 0; j < f->latent; j++) {
        double t = -16 + softplus(head[f->latent + j] + 16);
        q.mean[j] = head[j];
        q.variance[j] = exp(16 - softplus(16 - t));
    }
    return q;
}

/* b, W [width, latent] and the variances S of p(x|z). */
typedef struct decoder {
    double b[MOST], w[MOST * MOST], s[MOST];
} decoder;

static decoder decoder_of(const fixture *f) {
    decoder p;
    double z[MOST] = {0}, column[MOST];
    decode(f, z, p.b);
    for (size_t j = 0; j < f->latent; j++) {
        z[j] = 1;
        decode(f, z, column);
        z[j] = 0;
        for (size_t i = 0; i < f->width; i++) p.w[i * f->latent + j] = column[i] - p.b[i];
    }
    const vae__spec *spec = &f->model->spec;
    const vae__parameter *log_sigma = find(f, "likelihood.log_sigma");
    for (size_t i = 0; i < f->width; i++) {
        p.s[i] = spec->sigma.value * spec->sigma.value;
        if (log_sigma)
            p.s[i] = spec->sigma_min * spec->sigma_min +
                     exp(2 * values_of(f, log_sigma)[log_sigma->rows > 1 ? i : 0]);
    }
    return p;
}

static double log_p(const fixture *f, const decoder *p, const double *x) {
    double covariance[MOST * MOST];
    for (size_t i = 0; i < f->width; i++) {
        for (size_t k = 0; k < f->width; k++) {
            double sum = i == k ? p->s[i] : 0;
            for (size_t j = 0; j < f->latent; j++)
                sum += p->w[i * f->latent + j] * p->w[k * f->latent + j];
            covariance[i * f->width + k] = sum;
        }
    }
    double log_det = test_cholesky(covariance, f->width);
    return test_normal_log_density(x, p->b, covariance, log_det, f->width);
}

/* KL(q || N(m, V)) = (tr V^-1 Q + (mu - m)^T V^-1 (mu - m) - d + ln det V - ln det Q) / 2. */
static double gap(const fixture *f, const decoder *p, const double *x, const gaussian *q) {
    size_t d = f->latent;
    double precision[MOST * MOST], factor[MOST * MOST], m[MOST], sum;
    for (size_t j = 0; j < d; j++) {
        for (size_t k = 0; k < d; k++) {
            sum = j == k;
            for (size_t i = 0; i < f->width; i++)
                sum += p->w[i * d + j] * p->w[i * d + k] / p->s[i];
            precision[j * d + k] = factor[j * d + k] = sum;
        }
        m[j] = 0;
        for (size_t i = 0; i < f->width; i++) m[j] += p->w[i * d + j] * (x[i] - p->b[i]) / p->s[i];
    }
    sum = -(double)d - test_cholesky(factor, d);
    test_cholesky_solve(factor, d, m);
    for (size_t j = 0; j < d; j++) {
        sum += precision[j * d + j] * q->variance[j] - log(q->variance[j]);
        for (size_t k = 0; k < d; k++)
            sum += (q->mean[j] - m[j]) * precision[j * d + k] * (q->mean[k] - m[k]);
    }
    return sum / 2;
}

/* Mean of log p - gap over the rows. */
static double bound(const fixture *f, const float *rows, size_t n) {
    decoder p = decoder_of(f);
    double total = 0, x[MOST];
    for (size_t r = 0; r < n; r++) {
        for (size_t i = 0; i < f->width; i++) x[i] = (double)rows[r * f->width + i];
        gaussian q = encode(f, x);
        total += log_p(f, &p, x) - gap(f, &p, x, &q);
    }
    return total / (double)n;
}

static fixture open_fixture(const char *spec) {
    fixture f = {.context = test_context("threads=1")};
    f.model = test_model(f.context, spec, 0.8);
    f.width = vae_model_width(f.model);
    f.latent = vae_model_latent(f.model);
    f.hidden = find(&f, "encoder.0.weight")->rows;
    f.values = calloc(f.model->parameters.block_count, sizeof *f.values);
    for (size_t i = 0; i < f.model->parameters.block_count; i++)
        f.values[i] = (double)f.model->parameters.block[i];
    return f;
}

static void close_fixture(fixture *f) {
    free(f->values);
    vae_model_destroy(f->model);
    vae_context_destroy(f->context);
}

/* +-sqrt(d) e_j for n rows: [n, 2 d, d]. */
static vae__real *sigma_points(size_t n, size_t d) {
    vae__real *noise = calloc(n * 2 * d * d, sizeof *noise);
    for (size_t i = 0; i < n * 2 * d; i++)
        noise[i * d + i % (2 * d) / 2] = (vae__real)(i % 2 ? -sqrt((double)d) : sqrt((double)d));
    return noise;
}

/* d bound / d values[i] by 4-point differences. */
static double slope(fixture *f, double *value, const float *rows, size_t n) {
    static const double weights[] = {1, -8, 0, 8, -1};
    double at = *value, h = 1e-3, sum = 0;
    for (int k = 0; k < 5; k++) {
        *value = at + (k - 2) * h;
        if (k != 2) sum += weights[k] * bound(f, rows, n);
    }
    *value = at;
    return sum / (12 * h);
}

static const char *const specs[] = {
    "input=5 latent=3 encoder=[dense 4, tanh] likelihood=gaussian sigma=0.7",
    "input=5 latent=3 encoder=[dense 4, tanh] likelihood=gaussian sigma=shared",
    "input=5 latent=3 encoder=[dense 4, tanh] likelihood=gaussian sigma=shared sigma_min=0.6",
    "input=6 latent=2 encoder=[dense 4, tanh] likelihood=gaussian sigma=per_dim",
    "input=6 latent=2 encoder=[dense 4, tanh] likelihood=gaussian sigma=per_dim sigma_min=0.6",
    "input=6 latent=3 encoder=[dense 4, tanh] decoder=[dense 4] likelihood=gaussian sigma=per_dim",
    "input=2 latent=4 encoder=[dense 7, tanh] decoder=[dense 3, identity] likelihood=gaussian",
    "input=1 latent=1 encoder=[dense 1, tanh] likelihood=gaussian sigma=shared",
};

enum { SPECS = sizeof specs / sizeof specs[0], ROWS = 7 };

static void elbo_is_log_p_less_the_gap(void **state) {
    (void)state;
    for (size_t s = 0; s < SPECS; s++) {
        fixture f = open_fixture(specs[s]);
        float rows[ROWS * MOST];
        char options[40];
        vae_optimizer *optimizer;
        vae_step_report report;
        test_values(rows, ROWS * f.width, 31, -2, 2);
        snprintf(options, sizeof options, "adam samples=%zu", 2 * f.latent);
        assert_int_equal(vae_optimizer_create(f.model, options, &optimizer), VAE_OK);
        vae__real *noise = sigma_points(ROWS, f.latent),
                  *gradient = calloc(f.model->parameters.block_count, sizeof *gradient);
        for (size_t r = 0; r < ROWS; r++) {
            vae__step_rows row = {.rows = rows + r * f.width, .n = 1, .noise = noise};
            assert_int_equal(vae__step_gradient(optimizer, &row, &report, gradient), VAE_OK);
            test_near(report.elbo, bound(&f, row.rows, 1), test_tolerance(2e-6, 1e-13), specs[s]);
        }
        vae__step_rows all = {.rows = rows, .n = ROWS, .noise = noise};
        assert_int_equal(vae__step_gradient(optimizer, &all, &report, gradient), VAE_OK);
        test_near(report.elbo, bound(&f, rows, ROWS), test_tolerance(2e-6, 1e-13), specs[s]);
        for (size_t p = 0; p < f.model->parameters.count; p++) {
            const vae__parameter *parameter = &f.model->parameters.items[p];
            size_t first = (size_t)(parameter->values - f.model->parameters.block);
            for (size_t i = first; i < first + vae__parameter_size(parameter); i++) {
                test_near(-(double)gradient[i], slope(&f, &f.values[i], rows, ROWS),
                          test_tolerance(1e-5, 1e-9), parameter->name);
            }
        }
        free(noise);
        free(gradient);
        vae_optimizer_destroy(optimizer);
        close_fixture(&f);
    }
}

/* Inference draws its own noise: the mean over many copies of a row is E_q's value within four
 * standard errors, and the KL that of q and N(0, I). */
static void drawn_elbo_has_that_mean(void **state) {
    (void)state;
    enum { COPIES = 20000 };
    double *elbo = malloc(COPIES * sizeof *elbo), *kl = malloc(COPIES * sizeof *kl);
    for (size_t s = 0; s < SPECS; s++) {
        fixture f = open_fixture(specs[s]);
        float row[MOST], *rows = malloc(COPIES * f.width * sizeof *rows);
        double sum = 0, squares = 0, x[MOST], expected_kl = 0;
        test_values(row, f.width, 32, -2, 2);
        for (size_t i = 0; i < COPIES * f.width; i++) rows[i] = row[i % f.width];
        for (size_t i = 0; i < f.width; i++) x[i] = (double)row[i];
        assert_int_equal(vae_elbo(f.model, rows, COPIES, f.width, 5, elbo, NULL, kl), VAE_OK);
        double expected = bound(&f, row, 1);
        for (size_t r = 0; r < COPIES; r++) {
            sum += elbo[r] - expected;
            squares += (elbo[r] - expected) * (elbo[r] - expected);
        }
        double mean = sum / COPIES, error = sqrt((squares / COPIES - mean * mean) / COPIES);
        if (!(fabs(mean) < 4 * error))
            fail_msg("%s: %g off, standard error %g", specs[s], mean, error);
        gaussian q = encode(&f, x);
        for (size_t j = 0; j < f.latent; j++)
            expected_kl += (q.mean[j] * q.mean[j] + q.variance[j] - log(q.variance[j]) - 1) / 2;
        test_near(kl[0], expected_kl, test_tolerance(1e-6, 1e-13), specs[s]);
        free(rows);
        close_fixture(&f);
    }
    free(elbo);
    free(kl);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elbo_is_log_p_less_the_gap),
        cmocka_unit_test(drawn_elbo_has_that_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
