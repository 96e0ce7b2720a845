/* log p(x) against exact answers: probabilistic PCA at and away from its optimum in closed form,
 * one and two latents by quadrature. Seeds are fixed; four standard errors are allowed where the
 * answer is an average. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/estimate.h"
#include "support/cmocka.h"
#include "support/numbers.h"
#include "support/reference.h"

/* Rounding of one row's log p in this build. */
#define ROUNDING test_tolerance(1e-4, 1e-9)

static void estimate_rows(const vae_model *model, const double *x, size_t n, int estimator,
                          uint64_t samples, uint64_t seed, vae__estimate *out) {
    const vae__estimate_options options = {estimator, samples, seed};
    size_t count = n * model->spec.input.size;
    vae__real *rows = malloc(count * sizeof *rows);
    for (size_t i = 0; i < count; i++) rows[i] = (vae__real)x[i];
    if (vae__model_log_likelihood(model, rows, n, 0, &options, out)) {
        fail_msg("%s", vae_last_error());
    }
    free(rows);
}

static void expect_within(const vae__estimate *found, double expected, const char *what) {
    double allowed = 4 * found->std_error + ROUNDING * fmax(1, fabs(expected));
    if (isfinite(found->std_error) && fabs(found->log_p - expected) <= allowed) return;
    fail_msg("%s: found %.10g +- %.3g (ess %.4g), expected %.10g", what, found->log_p,
             found->std_error, found->ess, expected);
}

/* Values that survive the rounding to float of what a data set holds. */
static void random_rows(double *x, size_t n, uint64_t seed, double low, double high) {
    for (size_t i = 0; i < n; i++) x[i] = (double)(float)test_uniform(seed, i, low, high);
}

/* ---- a linear decoder: p(x) = N(b, W W^T + sigma^2 I) ---- */

typedef struct linear {
    size_t width, latent;
    double w[64], b[16], variance, covariance[256];
} linear;

static linear linear_of(vae_model *model) {
    linear l = {.width = model->spec.input.size, .latent = (size_t)model->spec.latent};
    double sigma[16];
    assert_int_equal(vae_model_sigma(model, sigma, l.width), VAE_OK);
    l.variance = sigma[0] * sigma[0];
    const vae__real *w = test_parameter(model, "likelihood.weight")->values;
    const vae__real *b = test_parameter(model, "likelihood.bias")->values;
    for (size_t i = 0; i < l.width * l.latent; i++) l.w[i] = (double)w[i];
    for (size_t i = 0; i < l.width; i++) l.b[i] = (double)b[i];
    for (size_t i = 0; i < l.width; i++) {
        for (size_t j = 0; j < l.width; j++) {
            double sum = i == j ? l.variance : 0;
            for (size_t k = 0; k < l.latent; k++)
                sum += l.w[i * l.latent + k] * l.w[j * l.latent + k];
            l.covariance[i * l.width + j] = sum;
        }
    }
    return l;
}

/* precision [d, d] and mean [d] of p(z|x) */
static void linear_posterior(const linear *l, const double *x, double *precision, double *mean) {
    double factor[64];
    size_t d = l->latent;
    for (size_t j = 0; j < d; j++) {
        mean[j] = 0;
        for (size_t i = 0; i < l->width; i++)
            mean[j] += l->w[i * d + j] * (x[i] - l->b[i]) / l->variance;
        for (size_t k = 0; k < d; k++) {
            double sum = j == k ? 1 : 0;
            for (size_t i = 0; i < l->width; i++)
                sum += l->w[i * d + j] * l->w[i * d + k] / l->variance;
            precision[j * d + k] = sum;
        }
    }
    memcpy(factor, precision, d * d * sizeof *factor);
    reference_cholesky(factor, d);
    reference_solve(factor, d, mean);
}

/* Probabilistic PCA at its optimum (Tipping & Bishop 1999): eigenvalues l, the trailing ones with
 * mean sigma^2; W = U (L - sigma^2)^(1/2), encoder M^-1 W^T (x - mean), variances sigma^2 / l_i. */
enum { PCA_WIDTH = 7, PCA_LATENT = 3 };
static const double pca_eigenvalues[PCA_WIDTH] = {4, 1.5, 0.6, 0.4, 0.3, 0.2, 0.1};

static vae_model *pca_optimum(vae_context *context, const double *mean, const double *directions) {
    vae_model *model = test_model(
        context, "input=7 latent=3 encoder=[] decoder=[] likelihood=gaussian sigma=0.5", 0);
    double noise = 0.25;
    vae__real *encoder = test_parameter(model, "posterior.weight")->values;
    vae__real *encoder_bias = test_parameter(model, "posterior.bias")->values;
    vae__real *decoder = test_parameter(model, "likelihood.weight")->values;
    vae__real *bias = test_parameter(model, "likelihood.bias")->values;
    for (size_t k = 0; k < PCA_LATENT; k++) {
        double l = pca_eigenvalues[k], scale = sqrt(l - noise), shift = 0;
        for (size_t i = 0; i < PCA_WIDTH; i++) {
            double u = directions[k * PCA_WIDTH + i];
            decoder[i * PCA_LATENT + k] = (vae__real)(scale * u);
            encoder[k * PCA_WIDTH + i] = (vae__real)(scale / l * u);
            shift += scale / l * u * mean[i];
        }
        encoder_bias[k] = (vae__real)-shift;
        encoder_bias[PCA_LATENT + k] = (vae__real)reference_raw_logvar(log(noise / l));
    }
    for (size_t i = 0; i < PCA_WIDTH; i++) bias[i] = (vae__real)mean[i];
    model->edits++;
    return model;
}

static void every_sample_is_exact_at_the_optimum(void **state) {
    (void)state;
    enum { N = 2 * PCA_WIDTH };
    double directions[PCA_WIDTH * PCA_WIDTH], mean[PCA_WIDTH], x[N * PCA_WIDTH], total = 0;
    vae__estimate found[N];
    vae_context *context = test_context("threads=2");
    reference_orthonormal(5, PCA_WIDTH, PCA_WIDTH, directions);
    for (size_t i = 0; i < PCA_WIDTH; i++) mean[i] = test_uniform(6, i, -1, 1);
    reference_rows_of_covariance(mean, pca_eigenvalues, directions, PCA_WIDTH, x);
    vae_model *model = pca_optimum(context, mean, directions);
    linear l = linear_of(model);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        estimate_rows(model, x, N, VAE__ESTIMATOR_IMPORTANCE, 1, seed, found);
        for (size_t r = 0; r < N; r++) {
            double exact = reference_log_normal(x + r * PCA_WIDTH, l.b, l.covariance, PCA_WIDTH);
            test_near(found[r].log_p, exact, ROUNDING, "a single sample");
        }
    }
    estimate_rows(model, x, N, VAE__ESTIMATOR_IMPORTANCE, 100, 1, found);
    for (size_t r = 0; r < N; r++) {
        total += found[r].log_p;
        test_near(found[r].std_error, 0, test_tolerance(1e-5, 1e-10), "standard error");
        test_near(found[r].ess, 100, test_tolerance(1e-6, 1e-12), "effective samples");
    }
    /* -1/2 [D ln 2 pi + sum ln l_i + (D - d) ln sigma^2 + D] */
    double optimum = PCA_WIDTH * (log(2 * acos(-1)) + 1) + (PCA_WIDTH - PCA_LATENT) * log(0.25);
    for (size_t k = 0; k < PCA_LATENT; k++) optimum += log(pca_eigenvalues[k]);
    test_near(total / N, -optimum / 2, ROUNDING, "mean log p");
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* ln E_q[w^2] / E_q[w]^2 for p(z|x) = N(m, P^-1) and q = N(mu, Q^-1), Q diagonal: the integral of
 * p^2 / q is |P| |Q|^-1/2 |A|^-1/2 exp(h^T A^-1 h / 2 - m^T P m + mu^T Q mu / 2) with A = 2 P - Q
 * and h = 2 P m - Q mu. It is the limit of K / ESS. Needs A positive definite: q not too narrow. */
static double log_cost_of_samples(const double *precision, const double *mean, const double *q_mean,
                                  const double *q_logvar, size_t d) {
    double a[64], h[8], factor[64], solved[8], total;
    for (size_t j = 0; j < d; j++) {
        double q = exp(-q_logvar[j]);
        h[j] = -q * q_mean[j];
        for (size_t k = 0; k < d; k++) {
            a[j * d + k] = 2 * precision[j * d + k] - (j == k ? q : 0);
            h[j] += 2 * precision[j * d + k] * mean[k];
        }
    }
    memcpy(factor, precision, d * d * sizeof *factor);
    total = reference_cholesky(factor, d);
    total -= reference_cholesky(a, d) / 2;
    memcpy(solved, h, d * sizeof *h);
    reference_solve(a, d, solved);
    for (size_t j = 0; j < d; j++) {
        double q = exp(-q_logvar[j]), pm = 0;
        for (size_t k = 0; k < d; k++) pm += precision[j * d + k] * mean[k];
        total +=
            q_logvar[j] / 2 + h[j] * solved[j] / 2 - mean[j] * pm + q * q_mean[j] * q_mean[j] / 2;
    }
    return total;
}

/* KL(q || p(z|x)): what the ELBO lacks. */
static double linear_gap(const double *precision, const double *mean, const double *q_mean,
                         const double *q_logvar, size_t d) {
    double factor[64], total;
    memcpy(factor, precision, d * d * sizeof *factor);
    total = -reference_cholesky(factor, d) - (double)d;
    for (size_t j = 0; j < d; j++) {
        total += precision[j * d + j] * exp(q_logvar[j]) - q_logvar[j];
        for (size_t k = 0; k < d; k++) {
            total += (q_mean[j] - mean[j]) * precision[j * d + k] * (q_mean[k] - mean[k]);
        }
    }
    return total / 2;
}

static vae_model *random_linear(vae_context *context) {
    vae_model *model = test_model(
        context,
        "input=5 latent=3 encoder=[dense 4, tanh] decoder=[] likelihood=gaussian sigma=0.8", 0.6);
    vae__parameter *bias = test_parameter(model, "posterior.bias");
    for (size_t j = 3; j < 6; j++) bias->values[j] = (vae__real)0.5;
    return model;
}

static void linear_decoder_with_a_random_encoder(void **state) {
    (void)state;
    enum { N = 40, SAMPLES = 20000 };
    double x[N * 5], precision[9], mean[3], q_mean[3], q_logvar[3];
    vae__estimate found[N], prior[N];
    vae_context *context = test_context("threads=2");
    vae_model *model = random_linear(context);
    linear l = linear_of(model);
    random_rows(x, N * 5, 11, -1.5, 1.5);
    estimate_rows(model, x, N, VAE__ESTIMATOR_IMPORTANCE, SAMPLES, 1, found);
    estimate_rows(model, x, N, VAE__ESTIMATOR_PRIOR, SAMPLES, 1, prior);
    for (size_t r = 0; r < N; r++) {
        double exact = reference_log_normal(x + r * 5, l.b, l.covariance, 5);
        linear_posterior(&l, x + r * 5, precision, mean);
        reference_encode(model, x + r * 5, q_mean, q_logvar);
        double share = exp(-log_cost_of_samples(precision, mean, q_mean, q_logvar, 3));
        assert_true(found[r].std_error < 0.05); /* or the comparison says little */
        expect_within(&found[r], exact, "importance sampling");
        expect_within(&prior[r], exact, "naive Monte Carlo");
        test_near(found[r].ess / SAMPLES, share, 0.01, "ESS / K");
        double error = sqrt((1 / share - 1) / SAMPLES);
        assert_true(fabs(found[r].std_error / error - 1) < 0.1);
    }
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* The mean of many draws of the ELBO of one row is log p - KL(q || p(z|x)). */
static void elbo_lacks_the_gap(void **state) {
    (void)state;
    enum { N = 4000 };
    static float x[N * 5];
    static double elbo[N];
    double row[5], precision[9], mean[3], q_mean[3], q_logvar[3], sum = 0, squares = 0;
    vae_context *context = test_context(NULL);
    vae_model *model = random_linear(context);
    linear l = linear_of(model);
    random_rows(row, 5, 12, -1.5, 1.5);
    for (size_t i = 0; i < N * 5; i++) x[i] = (float)row[i % 5];
    assert_int_equal(vae_elbo(model, x, N, 5, 3, elbo, NULL, NULL), VAE_OK);
    for (size_t r = 0; r < N; r++) sum += elbo[r] / N;
    for (size_t r = 0; r < N; r++) squares += (elbo[r] - sum) * (elbo[r] - sum);
    linear_posterior(&l, row, precision, mean);
    reference_encode(model, row, q_mean, q_logvar);
    double gap = linear_gap(precision, mean, q_mean, q_logvar, 3);
    const vae__estimate found = {sum, sqrt(squares / N / N), N};
    assert_true(gap > 20 * found.std_error); /* or its absence would not show */
    expect_within(&found, reference_log_normal(row, l.b, l.covariance, 5) - gap, "mean ELBO");
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* ---- one or two latents, a non-linear decoder ---- */

/* Random parameters with an encoder that is `wide`: the variance of q(z|x) is about e^wide. `data`
 * is input=... likelihood=... */
static vae_model *nonlinear(vae_context *context, const char *data, size_t latent, double wide) {
    char spec[200];
    snprintf(spec, sizeof spec, "%s latent=%zu encoder=[dense 4, tanh] decoder=[dense 5, tanh]",
             data, latent);
    /* Heads of the others say more of z: with these their posterior has one peak, which q covers. */
    vae_model *model = test_model(context, spec, strstr(data, "bernoulli") ? 1.2 : 0.7);
    vae__parameter *weight = test_parameter(model, "posterior.weight");
    vae__parameter *bias = test_parameter(model, "posterior.bias");
    for (size_t i = 0; i < vae__parameter_size(weight); i++) weight->values[i] *= (vae__real)0.2;
    for (size_t j = 0; j < latent; j++) {
        bias->values[j] *= (vae__real)0.2;
        bias->values[latent + j] = (vae__real)wide;
    }
    for (size_t i = 0; model->spec.standardize && i < model->spec.input.size; i++) {
        test_parameter(model, "input.shift")->values[i] = (vae__real)0.25;
        test_parameter(model, "input.scale")->values[i] = (vae__real)(0.5 + (double)i / 4);
    }
    return model;
}

#define BERNOULLI "input=6 likelihood=bernoulli"

/* Rows of what the likelihood takes. */
static void rows_of(const vae_model *model, double *x, size_t n, uint64_t seed) {
    const vae__likelihood *likelihood = model->spec.likelihood;
    size_t width = model->spec.input.size;
    size_t group = model->spec.input.extents[model->spec.input.rank - 1];
    random_rows(x, n * width, seed, likelihood->low < 0 ? -1 : 0, 1);
    for (size_t i = 0; i < n * width; i++) {
        if (likelihood->log1p_input) x[i] = floor(6 * x[i] * x[i]);
        if (!strcmp(likelihood->name, "discretized_logistic")) x[i] = rint(255 * x[i]) / 255;
        if (!strcmp(likelihood->name, "categorical"))
            x[i] = (size_t)test_uniform(seed, i / group, 0, (double)group) == i % group;
    }
}

/* log p(x), with a q at least 1.2 times as wide as the posterior: a narrower one does not cover it,
 * and the estimate's own error then says nothing. */
static double covered_log_p(const vae_model *model, const reference_grid *grid, const double *x) {
    double mean[2], sd[2], q_mean[2], q_logvar[2];
    double log_p = reference_grid_log_p(grid, x, mean, sd);
    reference_encode(model, x, q_mean, q_logvar);
    for (size_t j = 0; j < (size_t)model->spec.latent; j++) {
        if (exp(q_logvar[j] / 2) < 1.2 * sd[j]) {
            fail_msg("q is %g times as wide as the posterior", exp(q_logvar[j] / 2) / sd[j]);
        }
    }
    return log_p;
}

static void check_against_quadrature(const char *data, size_t latent) {
    enum { N = 6, MOST = 8 };
    double x[N * MOST];
    vae__estimate found[N], prior[N];
    reference_grid grid;
    vae_context *context = test_context("threads=2");
    vae_model *model = nonlinear(context, data, latent, 0.7);
    size_t width = model->spec.input.size;
    reference_grid_make(model, &grid);
    rows_of(model, x, N, 21);
    estimate_rows(model, x, N, VAE__ESTIMATOR_IMPORTANCE, 20000, 2, found);
    estimate_rows(model, x, N, VAE__ESTIMATOR_PRIOR, 20000, 2, prior);
    for (size_t r = 0; r < N; r++) {
        double exact = covered_log_p(model, &grid, x + r * width);
        assert_true(found[r].std_error < 0.02);
        expect_within(&found[r], exact, data);
        expect_within(&prior[r], exact, data);
    }
    reference_grid_free(&grid);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

static void quadrature(void **state) {
    (void)state;
    static const char *const data[] = {BERNOULLI,
                                       "input=6 likelihood=continuous_bernoulli",
                                       "input=6 likelihood=gaussian sigma=0.9",
                                       "input=6 likelihood=gaussian sigma=per_dim",
                                       "input=6 likelihood=gaussian sigma=decoder",
                                       "input=4 likelihood=gaussian sigma=0.9 standardize=1",
                                       "input=6 likelihood=discretized_logistic",
                                       "input=2x3 likelihood=categorical",
                                       "input=6 likelihood=poisson",
                                       "input=6 likelihood=poisson size=total",
                                       "input=6 likelihood=negative_binomial",
                                       "input=6 likelihood=negative_binomial size=total"};
    for (size_t i = 0; i < sizeof data / sizeof data[0]; i++) {
        check_against_quadrature(data[i], 1);
        check_against_quadrature(data[i], 2);
    }
}

/* standardize=1 at shift 2 and scale 0.5: y = (x - 2) / 0.5 is what the network sees, and
 * log p(x) = log p(y) - D log 0.5. Both estimators against the same model of y. */
static void standardised_columns(void **state) {
    (void)state;
    enum { N = 5, D = 4 };
    double x[N * D], y[N * D];
    vae__estimate of_x[N], of_y[N];
    vae_context *context = test_context(NULL);
    char spec[] =
        "input=4 latent=2 decoder=[dense 5, tanh] likelihood=gaussian sigma=0.7 standardize=1";
    vae_model *model = test_model(context, spec, 0.8);
    vae__parameter *shift = test_parameter(model, "input.shift");
    vae__parameter *scale = test_parameter(model, "input.scale");
    for (size_t i = 0; i < D; i++) {
        shift->values[i] = 2;
        scale->values[i] = (vae__real)0.5;
    }
    *strstr(spec, " standardize") = 0;
    vae_model *inner = test_model(context, spec, 0.8);
    for (size_t i = 0; i < inner->parameters.count; i++) {
        vae__parameter *to = &inner->parameters.items[i];
        memcpy(to->values, test_parameter(model, to->name)->values,
               vae__parameter_size(to) * sizeof *to->values);
    }
    random_rows(x, N * D, 41, 1, 3);
    for (size_t i = 0; i < N * D; i++) y[i] = (x[i] - 2) / 0.5;
    for (int estimator = 0; estimator < 2; estimator++) {
        estimate_rows(model, x, N, estimator, 30, 1, of_x);
        estimate_rows(inner, y, N, estimator, 30, 1, of_y);
        for (size_t r = 0; r < N; r++) {
            test_near(of_x[r].log_p, of_y[r].log_p - D * log(0.5), ROUNDING, "log p");
            test_near(of_x[r].ess, of_y[r].ess, ROUNDING, "effective samples");
        }
    }
    vae_model_destroy(inner);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* Bounds from disjoint subsets of one set of weights: by Jensen their mean rises with the subsets'
 * size, whatever the weights; and as weights of the model they stay below log p. */
static void bound_rises_with_the_samples(void **state) {
    (void)state;
    enum { N = 12, D = 6, K = 64 };
    static vae__estimate found[K][N];
    double x[N * D], exact = 0, before = -INFINITY;
    reference_grid grid;
    vae_context *context = test_context(NULL);
    vae_model *model = nonlinear(context, BERNOULLI, 2, 0.7);
    reference_grid_make(model, &grid);
    random_rows(x, N * D, 22, 0, 1);
    for (size_t k = 0; k < K; k++) {
        estimate_rows(model, x, N, VAE__ESTIMATOR_IMPORTANCE, 1, 100 + k, found[k]);
    }
    for (size_t r = 0; r < N; r++) exact += reference_grid_log_p(&grid, x + r * D, NULL, NULL) / N;
    for (size_t size = 1; size <= K; size *= 2) {
        double bound = 0;
        for (size_t i = 0; i < N * K / size; i++) {
            vae__weights weights;
            vae__weights_start(&weights);
            for (size_t k = 0; k < size; k++) {
                vae__weights_add(&weights, found[i % (K / size) * size + k][i / (K / size)].log_p);
            }
            bound += vae__weights_finish(&weights).log_p / (double)(N * K / size);
        }
        if (!(bound > before)) fail_msg("%zu samples: %.10g after %.10g", size, bound, before);
        before = bound;
        if (size < 16) assert_true(bound < exact);
    }
    test_near(before, exact, 0.05, "64 samples");
    reference_grid_free(&grid);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* The library's own bounds of 1, 5 and 50 samples, the mean of many rows: they rise to log p. */
static void estimate_rises_to_log_p(void **state) {
    (void)state;
    enum { N = 2000, D = 6 };
    static double x[N * D];
    static vae__estimate found[N];
    static const uint64_t samples[] = {1, 5, 50, 1000};
    double row[D], mean[4] = {0};
    reference_grid grid;
    vae_context *context = test_context("threads=2");
    vae_model *model = nonlinear(context, BERNOULLI, 2, 0.7);
    reference_grid_make(model, &grid);
    random_rows(row, D, 23, 0, 1);
    for (size_t i = 0; i < N * D; i++) x[i] = row[i % D];
    for (size_t s = 0; s < 4; s++) {
        estimate_rows(model, x, samples[s] == 1000 ? 40 : N, VAE__ESTIMATOR_IMPORTANCE, samples[s],
                      7, found);
        size_t rows = samples[s] == 1000 ? 40 : N;
        for (size_t r = 0; r < rows; r++) mean[s] += found[r].log_p / (double)rows;
    }
    double exact = reference_grid_log_p(&grid, row, NULL, NULL);
    assert_true(mean[0] < mean[1] && mean[1] < mean[2] && mean[2] < exact);
    test_near(mean[3], exact, 0.003, "1000 samples");
    reference_grid_free(&grid);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* Row `number` of all rows that there are, each value one of `levels`. */
static void row_number(const vae_model *model, size_t number, size_t levels, double *x) {
    const char *name = model->spec.likelihood->name;
    size_t width = model->spec.input.size;
    if (!strcmp(name, "categorical")) {
        size_t group = model->spec.input.extents[model->spec.input.rank - 1];
        for (size_t i = 0; i < width; i++) {
            x[i] = number % group == i % group;
            if (i % group == group - 1) number /= group;
        }
        return;
    }
    for (size_t i = 0; i < width; i++, number /= levels) {
        x[i] = (double)(number % levels);
        if (!strcmp(name, "discretized_logistic")) x[i] /= 255;
    }
}

/* sum over all x of p(x) = 1: by quadrature, which is exact, and by importance sampling. */
static void check_sum(const char *data, size_t latent, size_t levels, size_t rows) {
    double exact = 0, estimated = 0, variance = 0;
    reference_grid grid;
    vae_context *context = test_context("threads=2");
    vae_model *model = nonlinear(context, data, latent, 0.7);
    size_t width = model->spec.input.size;
    double *x = malloc(rows * width * sizeof *x);
    vae__estimate *found = malloc(rows * sizeof *found);
    reference_grid_make(model, &grid);
    for (size_t r = 0; r < rows; r++) row_number(model, r, levels, x + r * width);
    estimate_rows(model, x, rows, VAE__ESTIMATOR_IMPORTANCE, 3000000 / rows, 3, found);
    for (size_t r = 0; r < rows; r++) {
        double p = exp(found[r].log_p);
        exact += exp(reference_grid_log_p(&grid, x + r * width, NULL, NULL));
        estimated += p;
        /* of a row where hardly a sample counts the error is unknown, but p is nothing */
        if (isfinite(found[r].std_error)) {
            variance += p * p * found[r].std_error * found[r].std_error;
        } else {
            assert_true(p < 1e-9);
        }
    }
    test_near(exact, 1, 1e-8, data);
    if (fabs(estimated - 1) > 4 * sqrt(variance)) {
        fail_msg("%s: %.6g +- %.2g", data, estimated, sqrt(variance));
    }
    assert_true(variance < 1e-5);
    reference_grid_free(&grid);
    free(found);
    free(x);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

static void probabilities_sum_to_one(void **state) {
    (void)state;
    check_sum(BERNOULLI, 2, 2, 64);
    check_sum("input=10 likelihood=bernoulli", 1, 2, 1024);
    check_sum("input=3x4 likelihood=categorical", 2, 2, 64);
    check_sum("input=1 likelihood=discretized_logistic", 1, 256, 256);
    check_sum("input=1 likelihood=poisson", 2, 60, 60);
    check_sum("input=1 likelihood=negative_binomial", 1, 400, 400);
}

/* Every single sample against the formula, with the noise the estimator is documented to use. */
static void single_samples(void **state) {
    (void)state;
    enum { N = 5, D = 6, LATENT = 2 };
    double x[N * D];
    vae__estimate found[N];
    vae_context *context = test_context(NULL);
    vae_model *model = nonlinear(context, "input=6 likelihood=gaussian sigma=0.4", LATENT, -1.5);
    random_rows(x, N * D, 24, -1, 1);
    estimate_rows(model, x, N, VAE__ESTIMATOR_IMPORTANCE, 1, 31, found);
    for (size_t r = 0; r < N; r++) {
        const vae__stream stream = {31, 0, VAE__PURPOSE_POSTERIOR, 0};
        vae__real noise[LATENT];
        double mean[LATENT], logvar[LATENT], z[LATENT];
        context->kernels->normals(&stream, r, 1, 1, LATENT, noise);
        reference_encode(model, x + r * D, mean, logvar);
        for (size_t j = 0; j < LATENT; j++) z[j] = mean[j] + exp(logvar[j] / 2) * (double)noise[j];
        test_near(found[r].log_p, reference_log_weight(model, x + r * D, mean, logvar, z), ROUNDING,
                  "one sample");
    }
    vae_model_destroy(model);
    vae_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_is_exact_at_the_optimum),
        cmocka_unit_test(linear_decoder_with_a_random_encoder),
        cmocka_unit_test(elbo_lacks_the_gap),
        cmocka_unit_test(quadrature),
        cmocka_unit_test(standardised_columns),
        cmocka_unit_test(bound_rises_with_the_samples),
        cmocka_unit_test(estimate_rises_to_log_p),
        cmocka_unit_test(probabilities_sum_to_one),
        cmocka_unit_test(single_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
