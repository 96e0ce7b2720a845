/* Each density is one (it sums or integrates to 1 over x), is the density of what vae_sample draws,
 * and has the mean that vae_decode gives. */
#include <math.h>
#include <string.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

#define LOG_2PI 1.83787706640934548356

static const char *const gaussians[] = {
    "gaussian sigma=0.3",
    "gaussian sigma=shared",
    "gaussian sigma=shared sigma_min=0.5",
    "gaussian sigma=per_dim",
    "gaussian sigma=per_dim sigma_min=0.4",
    "gaussian sigma=optimal",
    "gaussian sigma=optimal sigma_min=0.6",
    "gaussian sigma=decoder",
    "gaussian sigma=decoder sigma_min=0.3",
    "gaussian sigma=shared standardize=1",
    "gaussian sigma=per_dim standardize=1",
    "gaussian sigma=decoder standardize=1",
};

static vae_model *make(const char *likelihood, const char *sizes, double scale) {
    char spec[200];
    snprintf(spec, sizeof spec, "%s decoder=[dense 3, tanh] likelihood=%s", sizes, likelihood);
    vae_model *model = test_model(NULL, spec, scale);
    vae__parameter *sigma2 = vae__parameters_find(&model->parameters, "likelihood.sigma2");
    if (sigma2) sigma2->values[0] = (vae__real)0.2;
    for (size_t i = 0; model->spec.standardize && i < model->spec.input.size; i++) {
        test_parameter(model, "input.shift")->values[i] = (vae__real)(0.5 * (double)i - 0.2);
        test_parameter(model, "input.scale")->values[i] = (vae__real)(0.4 + 0.3 * (double)i);
    }
    return model;
}

/* l = hi - softplus(hi - (lo + softplus(a - lo))), lo = -16, hi = 16 */
static double bounded(double a) {
    double t = -16 + log1p(exp(a + 16));
    return 16 - log1p(exp(16 - t));
}

/* sigma_i(z), by hand: head = w h + b, h = tanh(v z + c). */
static void sigma_at(vae_model *model, const float *z, double *sigma) {
    size_t width = vae_model_width(model), latent = vae_model_latent(model);
    if (model->spec.sigma.mode != VAE__SIGMA_DECODER) {
        assert_ok(vae_model_sigma(model, sigma, width));
        return;
    }
    const vae__parameter *v = test_parameter(model, "decoder.0.weight"),
                         *c = test_parameter(model, "decoder.0.bias"),
                         *w = test_parameter(model, "likelihood.weight"),
                         *b = test_parameter(model, "likelihood.bias");
    double h[3];
    for (size_t k = 0; k < 3; k++) {
        double sum = (double)c->values[k];
        for (size_t j = 0; j < latent; j++) sum += (double)v->values[k * latent + j] * (double)z[j];
        h[k] = tanh(sum);
    }
    for (size_t i = 0; i < width; i++) {
        double a = (double)b->values[width + i], least = model->spec.sigma_min;
        for (size_t k = 0; k < 3; k++) a += (double)w->values[(width + i) * 3 + k] * h[k];
        sigma[i] = sqrt(least * least + exp(bounded(a)));
        if (model->spec.standardize)
            sigma[i] *= (double)test_parameter(model, "input.scale")->values[i];
    }
}

/* ---- normalisation, width 1, a decoder that does not look at z ---- */

static void forget_z(vae_model *model) {
    vae__parameter *weight = test_parameter(model, "likelihood.weight");
    memset(weight->values, 0, vae__parameter_size(weight) * sizeof(vae__real));
    model->edits++;
}

static void gaussian_integrates_to_one(void **state) {
    enum { NODES = 4001 };
    static float x[NODES];
    static double log_p[NODES];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(gaussians); i++) {
        vae_model *model = make(gaussians[i], "input=1 latent=2", 0.6);
        const float z[2] = {0, 0};
        float mean;
        double sigma, total = 0, first = 0, second = 0;
        forget_z(model);
        assert_ok(vae_decode(model, z, 1, 2, &mean));
        sigma_at(model, z, &sigma);
        for (size_t k = 0; k < NODES; k++)
            x[k] = (float)((double)mean + sigma * 12 * (2.0 * (double)k / (NODES - 1) - 1));
        assert_ok(vae_elbo(model, x, NODES, 1, 1, NULL, log_p, NULL));
        for (size_t k = 1; k < NODES; k++) {
            double a = exp(log_p[k - 1]), b = exp(log_p[k]), u = (double)x[k - 1], v = (double)x[k];
            double m = (double)mean, h = (v - u) / 2;
            total += h * (a + b);
            first += h * (a * u + b * v);
            second += h * (a * (u - m) * (u - m) + b * (v - m) * (v - m));
        }
        test_near(total, 1, 1e-5, gaussians[i]);
        test_near(first, (double)mean, 1e-5, gaussians[i]);
        test_near(second, sigma * sigma, 1e-5, gaussians[i]);
        vae_model_destroy(model);
    }
}

static void bernoulli_sums_to_one(void **state) {
    static const double logits[] = {-80, -20, -3, -0.1, 0, 0.7, 5, 30, 88};
    const float x[2] = {0, 1}, z = 0;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(logits); i++) {
        vae_model *model = make("bernoulli", "input=1 latent=1", 0.6);
        double log_p[2];
        float mean;
        forget_z(model);
        test_parameter(model, "likelihood.bias")->values[0] = (vae__real)logits[i];
        assert_ok(vae_elbo(model, x, 2, 1, 1, NULL, log_p, NULL));
        assert_ok(vae_decode(model, &z, 1, 1, &mean));
        test_near(exp(log_p[0]) + exp(log_p[1]), 1, 1e-6, "sum");
        test_near(exp(log_p[1]), (double)mean, 1e-6, "mean");
        test_near(log_p[1] - log_p[0], logits[i], 1e-6, "log odds");
        vae_model_destroy(model);
    }
}

/* All 2^10 images of a width-10 Bernoulli. */
static void bernoulli_sums_to_one_over_images(void **state) {
    enum { WIDTH = 10, IMAGES = 1 << WIDTH };
    static float x[IMAGES * WIDTH];
    static double log_p[IMAGES];
    double total = 0;
    (void)state;
    vae_model *model = make("bernoulli", "input=10 latent=2", 2);
    forget_z(model);
    for (size_t i = 0; i < IMAGES; i++) {
        for (size_t j = 0; j < WIDTH; j++) x[i * WIDTH + j] = (float)(i >> j & 1);
    }
    assert_ok(vae_elbo(model, x, IMAGES, WIDTH, 1, NULL, log_p, NULL));
    for (size_t i = 0; i < IMAGES; i++) total += exp(log_p[i]);
    test_near(total, 1, 1e-5, "sum over all images");
    vae_model_destroy(model);
}

/* ---- the density follows z: noise 0 puts z at the posterior mean ---- */

static double log_p_at_mean(vae_model *model, const float *x) {
    static const vae__real no_noise[4] = {0};
    vae_optimizer *optimizer;
    vae_step_report report;
    vae__step_rows rows = {.rows = x, .n = 1, .noise = no_noise};
    vae__real *gradient = calloc(model->parameters.block_count, sizeof *gradient);
    assert_ok(vae_optimizer_create(model, NULL, &optimizer));
    assert_ok(vae__step_gradient(optimizer, &rows, &report, gradient));
    vae_optimizer_destroy(optimizer);
    free(gradient);
    return report.reconstruction;
}

static void gaussian_is_the_formula(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(gaussians); i++) {
        vae_model *model = make(gaussians[i], "input=4 latent=2", 0.8);
        float x[4], z[2], mean[4];
        double sigma[4], expected = 0;
        test_values(x, 4, 5, -1, 1);
        assert_ok(vae_encode(model, x, 1, 4, z, NULL));
        assert_ok(vae_decode(model, z, 1, 2, mean));
        sigma_at(model, z, sigma);
        if (model->spec.sigma.mode == VAE__SIGMA_OPTIMAL) { /* a step takes the batch's own */
            double squares = 0, least = model->spec.sigma_min;
            for (size_t j = 0; j < 4; j++) {
                double off = (double)x[j] - (double)mean[j];
                squares += off * off / 4;
            }
            for (size_t j = 0; j < 4; j++) sigma[j] = fmax(sqrt(squares), least);
        }
        for (size_t j = 0; j < 4; j++) {
            double off = ((double)x[j] - (double)mean[j]) / sigma[j];
            expected -= 0.5 * (LOG_2PI + off * off) + log(sigma[j]);
        }
        test_near(log_p_at_mean(model, x), expected, 2e-5, gaussians[i]);
        vae_model_destroy(model);
    }
}

static void bernoulli_is_the_formula(void **state) {
    float x[4], z[2], mean[4];
    double expected = 0;
    (void)state;
    vae_model *model = make("bernoulli", "input=4 latent=2", 0.8);
    test_values(x, 4, 5, 0, 1);
    assert_ok(vae_encode(model, x, 1, 4, z, NULL));
    assert_ok(vae_decode(model, z, 1, 2, mean));
    for (size_t j = 0; j < 4; j++)
        expected +=
            (double)x[j] * log((double)mean[j]) + (1 - (double)x[j]) * log1p(-(double)mean[j]);
    test_near(log_p_at_mean(model, x), expected, 2e-5, "grey x");
    vae_model_destroy(model);
}

/* ---- draws ---- */

enum { DRAWS = 20000 };
static float z[DRAWS * 2], means[DRAWS * 3], draws[DRAWS * 3], decoded[DRAWS * 3];

static void sample(const vae_model *model) {
    assert_ok(vae_sample(model, DRAWS, 7, z, means, draws));
    assert_ok(vae_decode(model, z, DRAWS, 2, decoded));
    for (size_t i = 0; i < DRAWS * 3; i++)
        test_near((double)means[i], (double)decoded[i], 1e-5, "E[x|z] of sample and decode");
}

/* z ~ N(0, I); (x - E[x|z]) / sigma(z) is standard normal in every column: mean, variance, fourth
 * moment and independence of its neighbour within five standard errors. */
static void gaussian_draws_fit(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(gaussians); i++) {
        vae_model *model = make(gaussians[i], "input=3 latent=2", 0.8);
        double first[3] = {0}, second[3] = {0}, fourth[3] = {0}, with_next[3] = {0}, error;
        sample(model);
        for (size_t r = 0; r < DRAWS; r++) {
            double sigma[3], u[3];
            sigma_at(model, z + r * 2, sigma);
            for (size_t j = 0; j < 3; j++)
                u[j] = ((double)draws[r * 3 + j] - (double)means[r * 3 + j]) / sigma[j];
            for (size_t j = 0; j < 3; j++) {
                first[j] += u[j] / DRAWS;
                second[j] += u[j] * u[j] / DRAWS;
                fourth[j] += u[j] * u[j] * u[j] * u[j] / DRAWS;
                with_next[j] += u[j] * u[(j + 1) % 3] / DRAWS;
            }
        }
        error = 5 / sqrt(DRAWS);
        for (size_t j = 0; j < 3; j++) {
            test_near(first[j], 0, error, gaussians[i]);
            test_near(second[j], 1, error * sqrt(2), gaussians[i]);
            test_near(fourth[j], 3, error * sqrt(96) / 3, gaussians[i]);
            test_near(with_next[j], 0, error, gaussians[i]);
        }
        vae_model_destroy(model);
    }
}

static void bernoulli_draws_fit(void **state) {
    double off[3] = {0}, variance[3] = {0}, with_mean[3] = {0};
    (void)state;
    vae_model *model = make("bernoulli", "input=3 latent=2", 1.5);
    sample(model);
    for (size_t i = 0; i < DRAWS * 3; i++) {
        double p = (double)means[i], x = (double)draws[i];
        assert_true(draws[i] <= 0 || (draws[i] >= 1 && draws[i] <= 1));
        off[i % 3] += x - p;
        with_mean[i % 3] += (x - p) * (p - 0.5);
        variance[i % 3] += p * (1 - p);
    }
    for (size_t j = 0; j < 3; j++) {
        assert_true(fabs(off[j]) < 5 * sqrt(variance[j]));
        assert_true(fabs(with_mean[j]) < 2.5 * sqrt(variance[j]));
    }
    vae_model_destroy(model);
}

static void latents_are_the_prior(void **state) {
    double moment[5] = {0};
    (void)state;
    vae_model *model = make("bernoulli", "input=3 latent=2", 1);
    sample(model);
    for (size_t r = 0; r < DRAWS; r++) {
        double a = (double)z[r * 2], b = (double)z[r * 2 + 1];
        moment[0] += a / DRAWS, moment[1] += b / DRAWS;
        moment[2] += a * a / DRAWS, moment[3] += b * b / DRAWS, moment[4] += a * b / DRAWS;
    }
    double error = 5 / sqrt(DRAWS);
    test_near(moment[0], 0, error, "mean");
    test_near(moment[1], 0, error, "mean");
    test_near(moment[2], 1, error * sqrt(2), "variance");
    test_near(moment[3], 1, error * sqrt(2), "variance");
    test_near(moment[4], 0, error, "covariance");
    vae_model_destroy(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaussian_integrates_to_one),
        cmocka_unit_test(bernoulli_sums_to_one),
        cmocka_unit_test(bernoulli_sums_to_one_over_images),
        cmocka_unit_test(gaussian_is_the_formula),
        cmocka_unit_test(bernoulli_is_the_formula),
        cmocka_unit_test(gaussian_draws_fit),
        cmocka_unit_test(bernoulli_draws_fit),
        cmocka_unit_test(latents_are_the_prior),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
