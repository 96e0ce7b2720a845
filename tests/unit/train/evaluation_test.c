/* vae_evaluate: every figure against a direct computation from the rows, the baselines against
 * their formulas, and what it leaves alone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/cmocka.h"
#include "support/matrix.h"
#include "support/numbers.h"
#include "support/reference.h"
#include "train/evaluation.h"

enum { WIDTH = 6, LATENT = 3, ROWS = 300 }; /* more rows than a chunk of 256 */

#define LAYERS "encoder=[dense 5, tanh] decoder=[dense 4, tanh] "
#define BERNOULLI "input=6 latent=3 " LAYERS "likelihood=bernoulli"
#define GAUSSIAN "input=6 latent=3 " LAYERS "likelihood=gaussian sigma="

static void expect_message(const char *part) {
    if (!strstr(vae_last_error(), part)) fail_msg("no \"%s\" in \"%s\"", part, vae_last_error());
}

typedef struct fixture {
    vae_context *context;
    vae_model *model;
    vae_dataset *dataset;
    float x[ROWS * WIDTH];
    char log[400]; /* the last warning */
    int warnings;
} fixture;

static void take_log(void *user, int32_t level, const char *message) {
    fixture *f = user;
    if (level != VAE_LOG_WARNING) return;
    snprintf(f->log, sizeof f->log, "%s", message);
    f->warnings++;
}

static void set_up(fixture *f, const char *spec, double low, double high) {
    f->context = test_context("threads=2");
    f->model = test_model(f->context, spec, 0.9);
    f->log[0] = 0;
    f->warnings = 0;
    test_values(f->x, ROWS * WIDTH, 5, low, high);
    assert_int_equal(vae_context_set_log(f->context, take_log, f), VAE_OK);
    assert_int_equal(
        vae_dataset_from_memory(f->context, f->x, ROWS, WIDTH, "batch=32", &f->dataset), VAE_OK);
}

static void tear_down(fixture *f) {
    vae_dataset_destroy(f->dataset);
    vae_model_destroy(f->model);
    vae_context_destroy(f->context);
}

static vae_evaluation *evaluate(fixture *f, const char *options) {
    vae_evaluation *e;
    if (vae_evaluate(f->model, f->dataset, NULL, options, NULL, NULL, &e)) {
        fail_msg("%s: %s", options ? options : "defaults", vae_last_error());
    }
    return e;
}

static double figure(const vae_evaluation *e, const char *name) {
    double value = NAN;
    if (vae_evaluation_value(e, name, &value)) fail_msg("%s: %s", name, vae_last_error());
    return value;
}

static void expect_none(const vae_evaluation *e, const char *name) {
    double value = 77;
    assert_int_equal(vae_evaluation_value(e, name, &value), VAE_ERROR_UNSUPPORTED);
    assert_true(value == 77);
    expect_message(name);
}

static double mean_of(const double *values, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += values[i];
    return sum / (double)n;
}

/* sd / sqrt n */
static double error_of(const double *values, size_t n) {
    double mean = mean_of(values, n), squares = 0;
    for (size_t i = 0; i < n; i++) squares += (values[i] - mean) * (values[i] - mean);
    return sqrt(squares / (double)(n - 1) / (double)n);
}

/* ---- figures ---- */

static void figures_of_the_bound(void **state) {
    (void)state;
    static fixture f;
    static double elbo[ROWS], reconstruction[ROWS], kl[ROWS];
    set_up(&f, BERNOULLI, 0, 1);
    vae_evaluation *e = evaluate(&f, "seed=4");
    assert_int_equal(vae_elbo(f.model, f.x, ROWS, WIDTH, 4, elbo, reconstruction, kl), VAE_OK);
    double tolerance = test_tolerance(1e-6, 1e-12);
    assert_true(figure(e, "rows") == ROWS);
    test_near(figure(e, "elbo"), mean_of(elbo, ROWS), tolerance, "elbo");
    test_near(figure(e, "elbo_error"), error_of(elbo, ROWS), tolerance, "elbo_error");
    test_near(figure(e, "reconstruction"), mean_of(reconstruction, ROWS), tolerance,
              "reconstruction");
    test_near(figure(e, "kl"), mean_of(kl, ROWS), tolerance, "kl");
    test_near(figure(e, "bits_per_dim"), -mean_of(elbo, ROWS) / (WIDTH * log(2)), tolerance,
              "bits_per_dim of the ELBO");
    vae_evaluation_destroy(e);
    tear_down(&f);
}

/* A decoder that gives every category of a group the same logit: log2(choices) bits for each choice. */
static void bits_of_a_uniform_choice(void **state) {
    (void)state;
    static const struct {
        const char *input;
        size_t choices;
    } cases[] = {{"6", 6}, {"3x2", 2}, {"2x3", 3}, {"1x3x2", 2}, {"6x1", 1}};
    static fixture f;
    for (size_t i = 0; i < 5; i++) {
        char spec[100];
        snprintf(spec, sizeof spec, "input=%s latent=2 likelihood=categorical", cases[i].input);
        set_up(&f, spec, 0, 1);
        for (size_t k = 0; k < ROWS * WIDTH; k++)
            f.x[k] = k % cases[i].choices == k / WIDTH % cases[i].choices ? 1 : 0;
        vae_dataset_destroy(f.dataset);
        assert_int_equal(vae_dataset_from_memory(f.context, f.x, ROWS, WIDTH, NULL, &f.dataset),
                         VAE_OK);
        /* Nothing reaches the latents either: the ELBO is log p. */
        memset(f.model->parameters.block, 0, f.model->parameters.block_count * sizeof(vae__real));
        f.model->edits++;
        vae_evaluation *e = evaluate(&f, "baselines=0");
        test_near(figure(e, "bits_per_dim"), log2((double)cases[i].choices),
                  test_tolerance(1e-6, 1e-12), cases[i].input);
        vae_evaluation_destroy(e);
        tear_down(&f);
    }
}

static void figures_of_log_p(void **state) {
    (void)state;
    static fixture f;
    static double elbo[ROWS], log_p[ROWS], std_error[ROWS];
    static const char *const options[] = {"samples=40 seed=4", "samples=40 seed=4 estimator=prior"};
    for (size_t o = 0; o < 2; o++) {
        double squares = 0;
        set_up(&f, BERNOULLI, 0, 1);
        vae_evaluation *e = evaluate(&f, options[o]);
        assert_int_equal(vae_elbo(f.model, f.x, ROWS, WIDTH, 4, elbo, NULL, NULL), VAE_OK);
        assert_int_equal(
            vae_log_likelihood(f.model, f.x, ROWS, WIDTH, options[o], log_p, std_error, NULL),
            VAE_OK);
        size_t infinite = 0;
        for (size_t r = 0; r < ROWS; r++) {
            squares += std_error[r] * std_error[r];
            infinite += isinf(std_error[r]) ? 1 : 0;
        }
        double tolerance = test_tolerance(1e-6, 1e-12), mean = mean_of(log_p, ROWS);
        test_near(figure(e, "log_p"), mean, tolerance, "log_p");
        assert_true(figure(e, "untrusted_rows") == (double)infinite);
        if (infinite) {
            assert_true(isinf(figure(e, "log_p_monte_carlo_error")));
        } else {
            test_near(figure(e, "log_p_monte_carlo_error"), sqrt(squares) / ROWS, tolerance,
                      "Monte Carlo error");
        }
        test_near(figure(e, "log_p_sampling_error"), error_of(log_p, ROWS), tolerance,
                  "sampling error");
        test_near(figure(e, "gap"), mean - mean_of(elbo, ROWS), tolerance, "gap");
        test_near(figure(e, "bits_per_dim"), -mean / (WIDTH * log(2)), tolerance, "bits_per_dim");
        vae_evaluation_destroy(e);
        tear_down(&f);
    }
}

/* Too few samples to trust any row: the error says so, the mean is still there. */
static void untrusted_rows_are_counted(void **state) {
    (void)state;
    static fixture f;
    set_up(&f, BERNOULLI, 0, 1);
    vae_evaluation *e = evaluate(&f, "samples=9");
    assert_true(figure(e, "untrusted_rows") == ROWS);
    assert_true(isinf(figure(e, "log_p_monte_carlo_error")));
    assert_true(isfinite(figure(e, "log_p")) && isfinite(figure(e, "log_p_sampling_error")));
    vae_evaluation_destroy(e);
    tear_down(&f);
}

static void latents(void **state) {
    (void)state;
    static fixture f;
    static float mean[ROWS * LATENT], logvar[ROWS * LATENT];
    double kl[LATENT], found_mean[LATENT], variance[LATENT], aggregated[LATENT], active = 0;
    set_up(&f, BERNOULLI, 0, 1);
    /* One latent that varies little, but does. */
    vae__parameter *weight = test_parameter(f.model, "posterior.weight");
    for (size_t i = 0; i < weight->columns; i++) weight->values[i] *= (vae__real)0.05;
    vae_evaluation *e = evaluate(&f, NULL);
    assert_int_equal(vae_encode(f.model, f.x, ROWS, WIDTH, mean, logvar), VAE_OK);
    assert_int_equal(vae_evaluation_latents(e, "kl", kl, LATENT), VAE_OK);
    assert_int_equal(vae_evaluation_latents(e, "mean", found_mean, LATENT), VAE_OK);
    assert_int_equal(vae_evaluation_latents(e, "mean_variance", variance, LATENT), VAE_OK);
    assert_int_equal(vae_evaluation_latents(e, "aggregated_variance", aggregated, LATENT), VAE_OK);
    for (size_t j = 0; j < LATENT; j++) {
        double m[ROWS], v[ROWS], k[ROWS], squares = 0;
        for (size_t r = 0; r < ROWS; r++) {
            double l = (double)logvar[r * LATENT + j];
            m[r] = (double)mean[r * LATENT + j];
            v[r] = exp(l);
            k[r] = (m[r] * m[r] + v[r] - l - 1) / 2;
        }
        double middle = mean_of(m, ROWS);
        for (size_t r = 0; r < ROWS; r++) squares += (m[r] - middle) * (m[r] - middle) / ROWS;
        test_near(kl[j], mean_of(k, ROWS), 1e-5, "kl of a latent");
        test_near(found_mean[j], middle, 1e-5, "mean");
        test_near(variance[j], squares, 1e-5, "variance of the mean");
        test_near(aggregated[j], squares + mean_of(v, ROWS), 1e-5, "aggregated variance");
        active += squares > 0.01 ? 1 : 0;
    }
    assert_true(variance[0] > 0 && variance[0] < 0.01 && active == 2);
    assert_true(figure(e, "active_units") == active);
    test_near(kl[0] + kl[1] + kl[2], figure(e, "kl"), 1e-6, "kl");
    vae_evaluation_destroy(e);
    tear_down(&f);
}

/* ---- baselines ---- */

static void column_moments(const float *x, size_t n, double *mean, double *variance) {
    for (size_t i = 0; i < WIDTH; i++) {
        mean[i] = variance[i] = 0;
        for (size_t r = 0; r < n; r++) mean[i] += (double)x[r * WIDTH + i] / (double)n;
        for (size_t r = 0; r < n; r++) {
            double off = (double)x[r * WIDTH + i] - mean[i];
            variance[i] += off * off / (double)n;
        }
    }
}

/* Entropy of independent columns, for a Bernoulli: sum p ln p + (1 - p) ln (1 - p). */
static void marginals_of_a_bernoulli(void **state) {
    (void)state;
    static fixture f;
    double mean[WIDTH], variance[WIDTH], expected = 0;
    set_up(&f, BERNOULLI, 0, 1);
    column_moments(f.x, ROWS, mean, variance);
    for (size_t i = 0; i < WIDTH; i++)
        expected += mean[i] * log(mean[i]) + (1 - mean[i]) * log(1 - mean[i]);
    vae_evaluation *e = evaluate(&f, NULL);
    test_near(figure(e, "baseline_marginals"), expected, test_tolerance(1e-6, 1e-12), "marginals");
    expect_none(e, "baseline_ppca");
    vae_evaluation_destroy(e);
    e = evaluate(&f, "baselines=0");
    expect_none(e, "baseline_marginals");
    vae_evaluation_destroy(e);
    tear_down(&f);
}

/* Independent normals: -1/2 sum [ln 2 pi v + residual^2 / v], v as the sigma mode has it. */
static void marginals_of_a_gaussian(void **state) {
    (void)state;
    static const char *const modes[] = {"0.5", "shared", "per_dim", "optimal", "decoder"};
    static fixture f;
    for (size_t m = 0; m < 5; m++) {
        char spec[200];
        double mean[WIDTH], variance[WIDTH], pooled = 0, expected = 0;
        snprintf(spec, sizeof spec, "%s%s", GAUSSIAN, modes[m]);
        set_up(&f, spec, -1, 2);
        column_moments(f.x, ROWS, mean, variance);
        for (size_t i = 0; i < WIDTH; i++) pooled += variance[i] / WIDTH;
        for (size_t i = 0; i < WIDTH; i++) {
            double v = m == 0 ? 0.25 : m == 1 || m == 3 ? pooled : variance[i];
            expected -= (log(2 * acos(-1) * v) + variance[i] / v) / 2;
        }
        vae_evaluation *e = evaluate(&f, NULL);
        test_near(figure(e, "baseline_marginals"), expected, test_tolerance(1e-5, 1e-6), modes[m]);
        expect_none(e, "bits_per_dim");
        vae_evaluation_destroy(e);
        tear_down(&f);
    }
}

/* -1/2 [D ln 2 pi + sum ln l_i + (D - d) ln sigma^2 + D] with the eigenvalues of the correlations. */
static double ppca_of_correlations(const float *x, const double *mean, const double *variance) {
    double r[WIDTH * WIDTH] = {0}, values[WIDTH], vectors[WIDTH * WIDTH], noise = 0;
    for (size_t n = 0; n < ROWS; n++) {
        for (size_t i = 0; i < WIDTH * WIDTH; i++) {
            size_t a = i / WIDTH, b = i % WIDTH;
            r[i] += ((double)x[n * WIDTH + a] - mean[a]) * ((double)x[n * WIDTH + b] - mean[b]) /
                    sqrt(variance[a] * variance[b]) / ROWS;
        }
    }
    test_eigen(r, WIDTH, values, vectors);
    double total = WIDTH * (log(2 * acos(-1)) + 1);
    for (size_t i = 0; i < LATENT; i++) total += log(values[i]);
    for (size_t i = LATENT; i < WIDTH; i++) noise += values[i] / (WIDTH - LATENT);
    return -(total + (WIDTH - LATENT) * log(noise)) / 2;
}

/* standardize=1: each column has a variance of its own, whatever the sigma mode pools, and
 * principal components are those of the correlations; both are densities of x. */
static void baselines_of_standardised_columns(void **state) {
    (void)state;
    static fixture f;
    static const double scales[WIDTH] = {1000, 1, 0.01, 5, 30, 0.2};
    double mean[WIDTH], variance[WIDTH], expected = 0, ppca;
    set_up(&f, GAUSSIAN "shared standardize=1", -1, 1);
    vae_dataset_destroy(f.dataset);
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        f.x[i] = (float)(scales[i % WIDTH] * (3 + (double)f.x[i]));
    }
    assert_int_equal(vae_dataset_from_memory(f.context, f.x, ROWS, WIDTH, NULL, &f.dataset),
                     VAE_OK);
    column_moments(f.x, ROWS, mean, variance);
    for (size_t i = 0; i < WIDTH; i++) expected -= (log(2 * acos(-1) * variance[i]) + 1) / 2;
    ppca = ppca_of_correlations(f.x, mean, variance);
    for (size_t i = 0; i < WIDTH; i++) ppca -= log(variance[i]) / 2;
    vae_evaluation *e = evaluate(&f, NULL);
    test_near(figure(e, "baseline_marginals"), expected, test_tolerance(1e-4, 1e-6), "marginals");
    test_near(figure(e, "baseline_ppca"), ppca, test_tolerance(1e-5, 1e-10), "ppca");
    vae_evaluation_destroy(e);
    tear_down(&f);
}

/* And probabilistic PCA is that of the standardised columns, with the Jacobian: its floor is of them. */
static void ppca_of_standardised_columns(void **state) {
    (void)state;
    static fixture f;
    static float y[ROWS * WIDTH];
    static const double scales[WIDTH] = {1000, 1, 1e-6, 5, 1e-5, 0.2};
    double log_scale = 0;
    vae_dataset *of_y;
    vae_evaluation *e, *expected;
    set_up(&f, GAUSSIAN "shared standardize=1", -1, 1);
    vae_dataset_destroy(f.dataset);
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        if (i % WIDTH > 3) f.x[i] = 0.1f * f.x[i] - f.x[i - 4];
    }
    for (size_t i = 0; i < ROWS * WIDTH; i++) f.x[i] = (float)(scales[i % WIDTH] * (double)f.x[i]);
    assert_int_equal(vae_dataset_from_memory(f.context, f.x, ROWS, WIDTH, NULL, &f.dataset),
                     VAE_OK);
    assert_int_equal(vae_model_initialize(f.model, f.dataset), VAE_OK);
    const vae__real *shift = test_parameter(f.model, "input.shift")->values,
                    *scale = test_parameter(f.model, "input.scale")->values;
    for (size_t i = 0; i < WIDTH; i++) log_scale += log((double)scale[i]);
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        y[i] = (float)(((double)f.x[i] - (double)shift[i % WIDTH]) / (double)scale[i % WIDTH]);
    }
    vae_model *plain = test_model(f.context, GAUSSIAN "shared", 0.9);
    assert_int_equal(vae_dataset_from_memory(f.context, y, ROWS, WIDTH, NULL, &of_y), VAE_OK);
    assert_int_equal(vae_evaluate(plain, of_y, NULL, NULL, NULL, NULL, &expected), VAE_OK);
    e = evaluate(&f, NULL);
    test_near(figure(e, "baseline_ppca"), figure(expected, "baseline_ppca") - log_scale, 1e-5,
              "ppca of standardised columns");
    vae_evaluation_destroy(expected);
    vae_evaluation_destroy(e);
    vae_dataset_destroy(of_y);
    vae_model_destroy(plain);
    tear_down(&f);
}

/* Fitted to one set, evaluated on another. */
static void baselines_are_fitted_elsewhere(void **state) {
    (void)state;
    enum { N = 2 * WIDTH };
    static const double eigenvalues[WIDTH] = {4, 2, 1, 0.4, 0.3, 0.2},
                        means[WIDTH] = {1, 2, 3, -1, -2, -3};
    static fixture f;
    double vectors[WIDTH * WIDTH], x[N * WIDTH], expected = WIDTH * (log(2 * acos(-1)) + 1);
    double covariance[WIDTH * WIDTH], marginals = 0, ppca = 0, pooled = 7.9 / WIDTH;
    float rows[N * WIDTH];
    vae_dataset *fitted_on;
    vae_evaluation *e;
    set_up(&f, GAUSSIAN "shared", -4, 4);
    reference_orthonormal(3, WIDTH, WIDTH, vectors);
    reference_rows_of_covariance(means, eigenvalues, vectors, WIDTH, x);
    for (size_t i = 0; i < N * WIDTH; i++) rows[i] = (float)x[i];
    assert_int_equal(vae_dataset_from_memory(f.context, rows, N, WIDTH, NULL, &fitted_on), VAE_OK);

    /* On its own rows: -1/2 [D ln 2 pi + sum ln l_i + (D - d) ln sigma^2 + D], sigma^2 = 0.3. */
    for (size_t i = 0; i < LATENT; i++) expected += log(eigenvalues[i]);
    expected += (WIDTH - LATENT) * log(0.3);
    assert_int_equal(vae_evaluate(f.model, fitted_on, NULL, NULL, NULL, NULL, &e), VAE_OK);
    test_near(figure(e, "baseline_ppca"), -expected / 2, 2e-5, "ppca of the same rows");
    vae_evaluation_destroy(e);

    /* On others: N(mean, W W^T + sigma^2 I), and independent normals of the pooled variance. */
    for (size_t i = 0; i < WIDTH * WIDTH; i++) {
        covariance[i] = i % (WIDTH + 1) ? 0 : 0.3;
        for (size_t k = 0; k < LATENT; k++) {
            covariance[i] += (eigenvalues[k] - 0.3) * vectors[k * WIDTH + i / WIDTH] *
                             vectors[k * WIDTH + i % WIDTH];
        }
    }
    for (size_t r = 0; r < ROWS; r++) {
        double row[WIDTH];
        for (size_t i = 0; i < WIDTH; i++) {
            row[i] = (double)f.x[r * WIDTH + i];
            double off = row[i] - means[i];
            marginals -= (log(2 * acos(-1) * pooled) + off * off / pooled) / 2 / ROWS;
        }
        ppca += reference_log_normal(row, means, covariance, WIDTH) / ROWS;
    }
    assert_int_equal(vae_evaluate(f.model, f.dataset, fitted_on, NULL, NULL, NULL, &e), VAE_OK);
    test_near(figure(e, "baseline_ppca"), ppca, 2e-5, "ppca of other rows");
    test_near(figure(e, "baseline_marginals"), marginals, 2e-5, "marginals of other rows");
    vae_evaluation_destroy(e);
    vae_dataset_destroy(fitted_on);
    tear_down(&f);
}

/* Rows in a plane, or all the same: sigma_min bounds what would be infinite, in both baselines. */
static void baselines_of_flat_data(void **state) {
    (void)state;
    static fixture f;
    set_up(&f, GAUSSIAN "shared sigma_min=0.1", 0, 1);
    for (size_t flat = 0; flat < 2; flat++) {
        vae_dataset *plane;
        vae_evaluation *e;
        for (size_t i = 0; i < ROWS * WIDTH; i++) {
            if (flat || i % WIDTH > 1) f.x[i] = 0.25f;
        }
        assert_int_equal(vae_dataset_from_memory(f.context, f.x, ROWS, WIDTH, NULL, &plane),
                         VAE_OK);
        assert_int_equal(vae_evaluate(f.model, plane, NULL, NULL, NULL, NULL, &e), VAE_OK);
        double mean[WIDTH], variance[WIDTH], expected = WIDTH * log(2 * acos(-1));
        column_moments(f.x, ROWS, mean, variance);
        /* Two columns of some variance, hardly correlated; the others at the floor. */
        for (size_t i = 0; i < WIDTH; i++)
            expected += flat || i > 1 ? log(0.01) : log(variance[i]) + 1;
        test_near(figure(e, "baseline_ppca"), -expected / 2, flat ? 1e-5 : 0.02, "a plane");
        /* The soft floor of a learned sigma lies a little above sigma_min. */
        if (flat) test_near(figure(e, "baseline_marginals"), -expected / 2, 0.01, "all the same");
        vae_evaluation_destroy(e);
        vae_dataset_destroy(plane);
    }
    tear_down(&f);
}

/* Columns that do not vary, at whatever value, beside two that do: with v at its floor PCA gives each of them the density
 * of sigma_min, in the units of the model's scale of it, and no baseline is NaN or infinite. */
static void baselines_of_constant_columns(void **state) {
    (void)state;
    static const char *const specs[] = {"shared",
                                        "per_dim",
                                        "optimal",
                                        "decoder",
                                        "0.5",
                                        "shared standardize=1",
                                        "per_dim standardize=1",
                                        "optimal standardize=1"};
    static const float constants[WIDTH] = {0, 0, 0, 1e10f, -3, 1e-20f};
    static fixture f;
    for (size_t m = 0; m < sizeof specs / sizeof *specs; m++) {
        char spec[200];
        double mean[WIDTH], variance[WIDTH], expected = WIDTH * log(2 * acos(-1)) + 2;
        snprintf(spec, sizeof spec, "%s%s", GAUSSIAN, specs[m]);
        set_up(&f, spec, -1, 2);
        for (size_t i = 0; i < ROWS * WIDTH; i++)
            f.x[i] = i % WIDTH > 1 ? constants[i % WIDTH] : f.x[i];
        vae_dataset_destroy(f.dataset);
        assert_int_equal(vae_dataset_from_memory(f.context, f.x, ROWS, WIDTH, NULL, &f.dataset),
                         VAE_OK);
        assert_int_equal(vae_model_initialize(f.model, f.dataset), VAE_OK);
        column_moments(f.x, ROWS, mean, variance);
        for (size_t i = 0; i < WIDTH; i++) expected += i < 2 ? log(variance[i]) : log(1e-6);
        if (strstr(specs[m], "standardize=1")) expected += 2 * log(1e10 / 1000);
        vae_evaluation *e = evaluate(&f, NULL);
        test_near(figure(e, "baseline_ppca"), -expected / 2, 0.01,
                  specs[m]); /* but for a little correlation */
        assert_true(isfinite(figure(e, "baseline_marginals")));
        vae_evaluation_destroy(e);
        tear_down(&f);
    }
}

/* One column of deviation 3e10 beside three of 1: the right value is mpmath's. The golden test has more. */
static void ppca_of_columns_of_other_units(void **state) {
    (void)state;
    enum { N = 100 };
    static double x[N * 4];
    vae_context *context = test_context(NULL);
    vae_model *model;
    vae_dataset *data;
    vae_evaluation *e;
    for (int i = 0; i < N; i++) {
        x[i * 4] = (i % 10 - 4.5) / 3;
        x[i * 4 + 1] = 1e10 * (i / 10 - 4.5);
        x[i * 4 + 2] = (i * 7 % 13 - 6) / 4.;
        x[i * 4 + 3] = (i * 5 % 11 - 5) / 3.;
    }
    assert_int_equal(vae_model_create(context, "input=4 latent=2 likelihood=gaussian", &model),
                     VAE_OK);
    assert_int_equal(vae_dataset_from_memory(context, x, N, 4, "dtype=float64", &data), VAE_OK);
    if (vae_evaluate(model, data, NULL, NULL, NULL, NULL, &e)) fail_msg("%s", vae_last_error());
    test_near(figure(e, "baseline_ppca"), -29.703100169894772, 1e-8, "ppca");
    vae_evaluation_destroy(e);
    vae_dataset_destroy(data);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* Its cost grows with the cube of the width. */
static void no_ppca_of_very_many_columns(void **state) {
    (void)state;
    enum { MANY = 1025 };
    static fixture f;
    static float x[2 * MANY];
    vae_model *wide;
    vae_dataset *data;
    vae_evaluation *e;
    double value;
    for (size_t i = 0; i < 2 * MANY; i++)
        x[i] = (float)(10 * (i % 7)); /* enough for an active latent */
    set_up(&f, GAUSSIAN "shared", -1, 1);
    assert_int_equal(
        vae_model_create(f.context, "input=1025 latent=1 likelihood=gaussian sigma=1", &wide),
        VAE_OK);
    assert_int_equal(vae_dataset_from_memory(f.context, x, 2, MANY, NULL, &data), VAE_OK);
    assert_int_equal(vae_evaluate(wide, data, NULL, NULL, NULL, NULL, &e), VAE_OK);
    assert_int_equal(vae_evaluation_value(e, "baseline_marginals", &value), VAE_OK);
    assert_int_equal(vae_evaluation_value(e, "baseline_ppca", &value), VAE_ERROR_UNSUPPORTED);
    if (!strstr(f.log, "1025 columns")) fail_msg("\"%s\"", f.log);
    vae_evaluation_destroy(e);
    vae_dataset_destroy(data);
    vae_model_destroy(wide);
    tear_down(&f);
}

/* ---- collapse ---- */

static void collapse_is_reported(void **state) {
    (void)state;
    static fixture f;
    set_up(&f, BERNOULLI, 0, 1);
    vae_evaluation *e = evaluate(&f, NULL);
    assert_true(figure(e, "active_units") == LATENT);
    assert_int_equal(f.warnings, 0);
    assert_null(strstr(vae_evaluation_text(e), "not active"));
    vae_evaluation_destroy(e);

    vae__parameter *weight = test_parameter(f.model, "posterior.weight");
    size_t columns = weight->columns;
    for (size_t i = 0; i < columns; i++) {
        weight->values[i] = weight->values[2 * columns + i] = 0;
    }
    e = evaluate(&f, NULL);
    assert_true(figure(e, "active_units") == 1);
    assert_int_equal(f.warnings, 1);
    if (!strstr(f.log, "2 of 3") || !strstr(f.log, ": 0 2.")) fail_msg("\"%s\"", f.log);
    assert_non_null(strstr(vae_evaluation_text(e), "not active"));
    vae_evaluation_destroy(e);
    tear_down(&f);
}

/* More dead latents than a message has room for. */
static void many_dead_latents(void **state) {
    (void)state;
    static fixture f;
    set_up(&f, "input=6 latent=200 likelihood=bernoulli", 0, 1);
    vae__parameter *weight = test_parameter(f.model, "posterior.weight");
    for (size_t i = 0; i < vae__parameter_size(weight); i++) weight->values[i] = 0;
    vae_evaluation *e = evaluate(&f, "baselines=0");
    assert_int_equal(f.warnings, 1);
    if (!strstr(f.log, "200 of 200") || !strstr(f.log, ": 0 1 2 3 ")) fail_msg("\"%s\"", f.log);
    const char *end = strstr(f.log, " and more");
    if (!end || end[-3] != ' ') fail_msg("a number is cut: \"%s\"", f.log); /* two digits, whole */
    vae_evaluation_destroy(e);
    tear_down(&f);
}

/* ---- progress, and what an evaluation leaves alone ---- */

typedef struct progress {
    uint64_t done[4];
    size_t calls, stop_at;
} progress;

static int32_t count_progress(void *user, uint64_t done, uint64_t total) {
    progress *p = user;
    assert_int_equal(total, ROWS);
    assert_in_range(p->calls, 0, 3);
    p->done[p->calls++] = done;
    return p->calls == p->stop_at;
}

static void progress_can_stop(void **state) {
    (void)state;
    static fixture f;
    vae_evaluation *e;
    progress p = {.stop_at = 0};
    set_up(&f, BERNOULLI, 0, 1);
    assert_int_equal(vae_evaluate(f.model, f.dataset, NULL, NULL, count_progress, &p, &e), VAE_OK);
    assert_true(p.calls >= 2 && p.done[0] < p.done[1] && p.done[p.calls - 1] == ROWS);
    vae_evaluation_destroy(e);
    p = (progress){.stop_at = 1};
    e = (vae_evaluation *)&p;
    assert_int_equal(vae_evaluate(f.model, f.dataset, NULL, "samples=3", count_progress, &p, &e),
                     VAE_STOPPED);
    assert_null(e);
    assert_int_equal(p.calls, 1);
    tear_down(&f);
}

static uint64_t bytes_held(const fixture *f) {
    uint64_t bytes;
    assert_int_equal(vae_context_memory(f->context, &bytes, NULL, NULL), VAE_OK);
    return bytes;
}

static void nothing_else_changes(void **state) {
    (void)state;
    static fixture f;
    static vae__real before[1000];
    vae_optimizer *optimizer;
    set_up(&f, GAUSSIAN "shared", 0, 1);
    assert_int_equal(vae_optimizer_create(f.model, NULL, &optimizer), VAE_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(vae_step(f.model, optimizer, f.dataset, NULL), VAE_OK);
    }
    size_t count = f.model->parameters.block_count;
    assert_in_range(count, 1, 1000);
    memcpy(before, f.model->parameters.block, count * sizeof *before);
    vae_evaluation_destroy(evaluate(&f, "samples=20")); /* makes the workspaces */
    uint64_t bytes = bytes_held(&f);
    vae_evaluation *first = evaluate(&f, "samples=20"), *second = evaluate(&f, "samples=20");
    assert_string_equal(vae_evaluation_text(first), vae_evaluation_text(second));
    vae_evaluation_destroy(first);
    vae_evaluation_destroy(second);
    assert_int_equal(bytes_held(&f), bytes);
    assert_int_equal(vae_dataset_position(f.dataset), 96);
    assert_int_equal(vae_dataset_epoch(f.dataset), 0);
    assert_memory_equal(before, f.model->parameters.block, count * sizeof *before);
    vae_optimizer_destroy(optimizer);
    tear_down(&f);
}

/* An evaluation outlives what it was made of; the last of the handles returns the last block. */
typedef struct counting {
    size_t left, held;
} counting;

static void *counting_allocate(void *user, size_t size) {
    counting *c = user;
    if (!c->left) return NULL;
    c->left--;
    void *block = malloc(size);
    if (block) c->held++;
    return block;
}

static void counting_release(void *user, void *block) {
    counting *c = user;
    if (block) c->held--;
    free(block);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    static float x[20 * WIDTH];
    counting c = {SIZE_MAX, 0};
    vae_context *context;
    vae_dataset *dataset;
    vae_evaluation *e;
    assert_int_equal(
        vae_context_create_with_allocator(NULL, counting_allocate, counting_release, &c, &context),
        VAE_OK);
    vae_model *model = test_model(context, GAUSSIAN "shared", 0.9);
    test_values(x, 20 * WIDTH, 5, 0, 1);
    assert_int_equal(vae_dataset_from_memory(context, x, 20, WIDTH, NULL, &dataset), VAE_OK);
    assert_int_equal(vae_evaluate(model, dataset, NULL, "samples=9", NULL, NULL, &e), VAE_OK);
    vae_evaluation_destroy(e);
    size_t held = c.held, n = 0;
    for (vae_status status = VAE_ERROR_MEMORY; status; n++) {
        e = (vae_evaluation *)&c;
        c.left = n;
        status = vae_evaluate(model, dataset, NULL, "samples=9", NULL, NULL, &e);
        c.left = SIZE_MAX;
        if (!status) break;
        assert_int_equal(status, VAE_ERROR_MEMORY);
        assert_null(e);
        assert_int_equal(c.held, held);
    }
    assert_true(n > 10);
    vae_dataset_destroy(dataset);
    vae_model_destroy(model);
    vae_context_destroy(context);
    assert_true(figure(e, "rows") == 20 && c.held > 0);
    vae_evaluation_destroy(e);
    vae_evaluation_destroy(NULL);
    assert_int_equal(c.held, 0);
}

/* ---- the text ---- */

/* The line that begins with the word `name`, without its end; fails if there is none. */
static const char *line_of(const char *text, const char *name) {
    static char line[200];
    for (const char *at = text; at; at = strchr(at, '\n')) {
        at += *at == '\n' ? 1 : 0;
        if (strncmp(at, name, strlen(name)) || at[strlen(name)] != ' ') continue;
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
        return line;
    }
    fail_msg("no line '%s' in\n%s", name, text);
    return NULL;
}

/* The figure with three decimals, its point below those of the others. */
static void expect_mean(const vae_evaluation *e, const char *name) {
    char expected[60];
    const char *line = line_of(vae_evaluation_text(e), name);
    snprintf(expected, sizeof expected, " %.3f  ", figure(e, name));
    if (!strstr(line, expected)) fail_msg("no \"%s\" in \"%s\"", expected, line);
    if (strcspn(line, ".") != 32) fail_msg("not in its column: \"%s\"", line);
}

static void expect_in_line(const vae_evaluation *e, const char *name, const char *format,
                           double value) {
    char expected[60];
    const char *line = line_of(vae_evaluation_text(e), name);
    snprintf(expected, sizeof expected, format, value);
    if (!strstr(line, expected)) fail_msg("no \"%s\" in \"%s\"", expected, line);
}

static void text_is_for_people(void **state) {
    (void)state;
    static const char *const figures[] = {
        "elbo", "reconstruction",     "kl",           "log_p", "log_p_monte_carlo_error",
        "gap",  "baseline_marginals", "baseline_ppca"};
    static fixture f;
    set_up(&f, GAUSSIAN "2", 0, 1);
    vae_evaluation *e = evaluate(&f, "samples=1000");
    const char *text = vae_evaluation_text(e);
    if (strncmp(text, "300 rows. ", 10) || !strstr(text, "nats")) fail_msg("%s", text);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) expect_mean(e, figures[i]);
    expect_in_line(e, "elbo", " +- %.3f ", figure(e, "elbo_error"));
    expect_in_line(e, "log_p", " +- %.3f ", figure(e, "log_p_sampling_error"));
    expect_in_line(e, "untrusted_rows", " %.0f  of 300 ", figure(e, "untrusted_rows"));
    expect_in_line(e, "active_units", " %.0f  of 3 ", figure(e, "active_units"));
    for (const char *at = text; (at = strchr(at, '.')); at++) {
        if (strspn(at + 1, "0123456789") > 4) fail_msg("too many digits: %.20s", at);
    }
    vae_evaluation_destroy(e);
    e = evaluate(&f, "samples=5 baselines=0");
    assert_non_null(
        strstr(line_of(vae_evaluation_text(e), "log_p_monte_carlo_error"), " unknown "));
    assert_null(strstr(vae_evaluation_text(e), "baseline"));
    vae_evaluation_destroy(e);
    tear_down(&f);
}

/* The grammar of one, and no error, which one row does not have. */
static void text_of_one_row(void **state) {
    (void)state;
    static fixture f;
    vae_dataset *one;
    vae_evaluation *e;
    set_up(&f, BERNOULLI, 0, 1);
    assert_int_equal(vae_dataset_from_memory(f.context, f.x, 1, WIDTH, NULL, &one), VAE_OK);
    assert_int_equal(vae_evaluate(f.model, one, NULL, NULL, NULL, NULL, &e), VAE_OK);
    const char *text = vae_evaluation_text(e);
    if (strncmp(text, "1 row. ", 7)) fail_msg("%s", text);
    assert_non_null(strstr(line_of(text, "elbo"), "+- unknown"));
    expect_mean(e, "bits_per_dim");
    vae_evaluation_destroy(e);
    vae_dataset_destroy(one);
    tear_down(&f);
}

/* ---- names and refusals ---- */

/* Every name in the header is a figure, or is refused where the header says so. */
static void names_are_as_documented(void **state) {
    (void)state;
    static const char *const always[] = {"rows",           "elbo", "elbo_error",
                                         "reconstruction", "kl",   "active_units"};
    static const char *const sampled[] = {"log_p", "log_p_monte_carlo_error",
                                          "log_p_sampling_error", "gap", "untrusted_rows"};
    static fixture f;
    for (int samples = 0; samples < 2; samples++) {
        for (int gaussian = 0; gaussian < 2; gaussian++) {
            set_up(&f, gaussian ? GAUSSIAN "0.5" : BERNOULLI, 0, 1);
            vae_evaluation *e = evaluate(&f, samples ? "samples=20" : NULL);
            for (size_t i = 0; i < 6; i++) assert_true(isfinite(figure(e, always[i])));
            for (size_t i = 0; i < 5; i++) {
                if (samples) {
                    assert_false(isnan(figure(e, sampled[i])));
                } else {
                    expect_none(e, sampled[i]);
                    expect_message("samples=N");
                }
            }
            assert_true(isfinite(figure(e, "baseline_marginals")));
            if (gaussian) {
                assert_true(isfinite(figure(e, "baseline_ppca")));
                expect_none(e, "bits_per_dim");
                expect_message("dequantisation");
            } else {
                assert_true(isfinite(figure(e, "bits_per_dim")));
                expect_none(e, "baseline_ppca");
            }
            expect_none(e, "log");
            expect_none(e, "");
            vae_evaluation_destroy(e);
            tear_down(&f);
        }
    }
}

static void refusals_of_the_result(void **state) {
    (void)state;
    static fixture f;
    double value = 77, values[LATENT + 1] = {77};
    set_up(&f, BERNOULLI, 0, 1);
    vae_evaluation *e = evaluate(&f, "baselines=0");
    assert_int_equal(vae_evaluation_value(NULL, "elbo", &value), VAE_ERROR_ARGUMENT);
    assert_int_equal(vae_evaluation_value(e, NULL, &value), VAE_ERROR_ARGUMENT);
    assert_int_equal(vae_evaluation_value(e, "elbo", NULL), VAE_ERROR_ARGUMENT);
    assert_int_equal(vae_evaluation_latents(NULL, "kl", values, LATENT), VAE_ERROR_ARGUMENT);
    assert_int_equal(vae_evaluation_latents(e, NULL, values, LATENT), VAE_ERROR_ARGUMENT);
    assert_int_equal(vae_evaluation_latents(e, "kl", NULL, LATENT), VAE_ERROR_ARGUMENT);
    assert_int_equal(vae_evaluation_latents(e, "kl", values, LATENT + 1), VAE_ERROR_WIDTH);
    assert_int_equal(vae_evaluation_latents(e, "kll", values, LATENT), VAE_ERROR_ARGUMENT);
    expect_message("mean_variance");
    assert_true(value == 77 && values[0] == 77);
    assert_string_equal(vae_evaluation_text(NULL), "");
    vae_evaluation_destroy(e);
    tear_down(&f);
}

static void expect_refused(const vae_model *model, const vae_dataset *dataset,
                           const vae_dataset *fitted_on, const char *options, vae_status expected,
                           const char *part) {
    vae_evaluation *e = (vae_evaluation *)&expected;
    vae_status status = vae_evaluate(model, dataset, fitted_on, options, NULL, NULL, &e);
    if (status != expected) {
        fail_msg("%s: %s instead of %s", part, vae_status_name(status), vae_status_name(expected));
    }
    assert_null(e);
    expect_message(part);
}

/* A row whose figures overflow is named, by its number in the file; what comes out is no NaN. */
static void rows_that_are_not_finite(void **state) {
    (void)state;
    static fixture f;
    vae_dataset *part;
    set_up(&f, "input=6 latent=3 likelihood=gaussian sigma=0.5", 0, 1);
    vae__parameter *weight = test_parameter(f.model, "posterior.weight"),
                   *bias = test_parameter(f.model, "posterior.bias");
    vae_dataset_destroy(f.dataset);
    /* The posterior mean is 3e38 (in double 1e308) times a column that is 0 in all rows but one. */
    for (size_t i = 0; i < vae__parameter_size(weight); i++) weight->values[i] = 0;
    for (size_t i = 0; i < vae__parameter_size(bias); i++) bias->values[i] = 0;
    weight->values[0] = (vae__real)test_tolerance(3e38, 1e308);
    for (size_t r = 0; r < ROWS; r++) f.x[r * WIDTH] = r == 271 ? 100 : 0;
    assert_int_equal(vae_dataset_from_memory(f.context, f.x, ROWS, WIDTH, NULL, &f.dataset),
                     VAE_OK);
    expect_refused(f.model, f.dataset, NULL, NULL, VAE_ERROR_DIVERGED,
                   "row 271: its ELBO is not finite");
    expect_refused(f.model, f.dataset, NULL, "samples=3", VAE_ERROR_DIVERGED, "row 271: its ELBO");
    assert_int_equal(vae_dataset_from_memory(f.context, f.x, ROWS, WIDTH, "split=train:0.5", &part),
                     VAE_OK);
    vae_evaluation *e;
    if (vae_evaluate(f.model, part, NULL, NULL, NULL, NULL, &e) == VAE_OK) {
        vae_evaluation_destroy(e);
        vae_dataset_destroy(part);
        assert_int_equal(
            vae_dataset_from_memory(f.context, f.x, ROWS, WIDTH, "split=test:0.5", &part), VAE_OK);
    }
    expect_refused(f.model, part, NULL, NULL, VAE_ERROR_DIVERGED, "row 271: its ELBO");
    vae_dataset_destroy(part);
    tear_down(&f);
}

/* Where the ELBO's one draw of z does no harm, one of many may: two units of a layer cancel, until both are infinite. */
static void estimates_that_are_not_finite(void **state) {
    (void)state;
    static fixture f;
    double elbo = NAN;
    char options[40];
    int seed = 0;
    set_up(&f, "input=6 latent=1 decoder=[dense 2, relu] likelihood=gaussian sigma=0.5", 0, 1);
    vae__parameters *all = &f.model->parameters;
    memset(all->block, 0, all->block_count * sizeof *all->block);
    vae__parameter *first = test_parameter(f.model, "decoder.0.weight"),
                   *last = test_parameter(f.model, "likelihood.weight");
    first->values[0] = first->values[1] = (vae__real)test_tolerance(3e38, 1.5e308);
    last->values[0] = 1;
    last->values[1] = -1;
    f.model->edits++;
    vae_dataset_destroy(f.dataset);
    assert_int_equal(vae_dataset_from_memory(f.context, f.x, 1, WIDTH, NULL, &f.dataset), VAE_OK);
    while (!isfinite(elbo))
        assert_int_equal(vae_elbo(f.model, f.x, 1, WIDTH, (uint64_t)++seed, &elbo, NULL, NULL),
                         VAE_OK);
    snprintf(options, sizeof options, "samples=500 seed=%d", seed);
    expect_refused(f.model, f.dataset, NULL, options, VAE_ERROR_DIVERGED,
                   "row 0: the estimate of log p is not finite");
    tear_down(&f);
}

static void refusals(void **state) {
    (void)state;
    static fixture f;
    vae_evaluation *e;
    vae_dataset *other, *bad, *part;
    float rows[20] = {0};
    set_up(&f, BERNOULLI, 0, 1);
    assert_int_equal(vae_dataset_from_memory(f.context, rows, 4, 5, NULL, &other), VAE_OK);
    f.x[270 * WIDTH + 2] = NAN;
    assert_int_equal(vae_dataset_from_memory(f.context, f.x, ROWS, WIDTH, NULL, &bad), VAE_OK);
    assert_int_equal(vae_evaluate(f.model, f.dataset, NULL, NULL, NULL, NULL, NULL),
                     VAE_ERROR_ARGUMENT);
    expect_refused(NULL, f.dataset, NULL, NULL, VAE_ERROR_ARGUMENT, "model");
    expect_refused(f.model, NULL, NULL, NULL, VAE_ERROR_ARGUMENT, "dataset");
    expect_refused(f.model, other, NULL, NULL, VAE_ERROR_WIDTH, "5");
    expect_refused(f.model, f.dataset, other, NULL, VAE_ERROR_WIDTH, "fitted_on");
    expect_refused(f.model, f.dataset, NULL, "sample=3", VAE_ERROR_TEXT, "samples");
    expect_refused(f.model, f.dataset, NULL, "estimator=naive", VAE_ERROR_TEXT, "prior");
    expect_refused(f.model, f.dataset, NULL, "samples=-3", VAE_ERROR_TEXT, "samples");
    expect_refused(f.model, bad, NULL, NULL, VAE_ERROR_DATA, "row 270, column 2");
    expect_refused(f.model, bad, NULL, "samples=3", VAE_ERROR_DATA, "row 270, column 2");
    expect_refused(f.model, f.dataset, bad, NULL, VAE_ERROR_DATA, "fitted_on: row 270, column 2");
    assert_int_equal(vae_dataset_from_memory(f.context, f.x, ROWS, WIDTH, "split=test:0.5", &part),
                     VAE_OK);
    if (vae_evaluate(f.model, part, NULL, NULL, NULL, NULL, &e) == VAE_OK) {
        vae_evaluation_destroy(e);
        vae_dataset_destroy(part);
        assert_int_equal(
            vae_dataset_from_memory(f.context, f.x, ROWS, WIDTH, "split=train:0.5", &part), VAE_OK);
    }
    expect_refused(f.model, part, NULL, NULL, VAE_ERROR_DATA, "row 270, column 2");
    vae_dataset_destroy(part);
    vae_dataset_destroy(bad);
    vae_dataset_destroy(other);
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_of_the_bound),
        cmocka_unit_test(bits_of_a_uniform_choice),
        cmocka_unit_test(figures_of_log_p),
        cmocka_unit_test(untrusted_rows_are_counted),
        cmocka_unit_test(latents),
        cmocka_unit_test(marginals_of_a_bernoulli),
        cmocka_unit_test(marginals_of_a_gaussian),
        cmocka_unit_test(ppca_of_standardised_columns),
        cmocka_unit_test(baselines_of_standardised_columns),
        cmocka_unit_test(baselines_are_fitted_elsewhere),
        cmocka_unit_test(baselines_of_flat_data),
        cmocka_unit_test(baselines_of_constant_columns),
        cmocka_unit_test(ppca_of_columns_of_other_units),
        cmocka_unit_test(no_ppca_of_very_many_columns),
        cmocka_unit_test(collapse_is_reported),
        cmocka_unit_test(many_dead_latents),
        cmocka_unit_test(progress_can_stop),
        cmocka_unit_test(nothing_else_changes),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(text_is_for_people),
        cmocka_unit_test(text_of_one_row),
        cmocka_unit_test(names_are_as_documented),
        cmocka_unit_test(refusals_of_the_result),
        cmocka_unit_test(rows_that_are_not_finite),
        cmocka_unit_test(estimates_that_are_not_finite),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
