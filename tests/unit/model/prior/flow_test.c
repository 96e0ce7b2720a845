/* prior=flow:L: the identity flow is N(0, I), the density against one that is differentiated numerically, its integral, draws
 * that go back to where they came from, and its text. Gradients: tests/unit/train/gradient_test.c; values against PyTorch:
 * tests/golden. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/prior.h"
#include "model/programs.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

enum { WIDTH = 4, ROWS = 40, MAX_LATENT = 5 };

#define NETWORK "input=4 likelihood=gaussian encoder=[dense 4, tanh] decoder=[dense 4, tanh] "
#define LOG_2_PI 1.83787706640934548356

/* ---- the flow again, in double: u and log |det du/dz| ---- */

static double forward(vae_model *model, const double *z, double *u) {
    size_t latent = vae_model_latent(model), hidden = (size_t)model->spec.prior.numbers[0];
    double total = 0;
    memcpy(u, z, latent * sizeof *u);
    for (size_t l = 0; l < model->spec.prior.count; l++) {
        char name[40];
        const vae__parameter *of[4];
        static const char *const parts[] = {"hidden.weight", "hidden.bias", "output.weight",
                                            "output.bias"};
        for (size_t i = 0; i < 4; i++) {
            snprintf(name, sizeof name, "prior.%zu.%s", l, parts[i]);
            of[i] = test_parameter(model, name);
        }
        size_t middle = latent / 2, to = l % 2 ? 0 : middle, from = l % 2 ? middle : 0;
        size_t changed = l % 2 ? middle : latent - middle, kept = latent - changed;
        double h[16];
        for (size_t i = 0; i < hidden; i++) {
            h[i] = (double)of[1]->values[i];
            for (size_t j = 0; j < kept; j++)
                h[i] += (double)of[0]->values[i * kept + j] * u[from + j];
            h[i] = tanh(h[i]);
        }
        for (size_t j = 0; j < changed; j++) {
            double raw = (double)of[3]->values[j], t = (double)of[3]->values[changed + j];
            for (size_t i = 0; i < hidden; i++) {
                raw += (double)of[2]->values[j * hidden + i] * h[i];
                t += (double)of[2]->values[(changed + j) * hidden + i] * h[i];
            }
            double s = 3 * tanh(raw / 3);
            u[to + j] = u[to + j] * exp(s) + t;
            total += s;
        }
    }
    return total;
}

static double log_normal(const double *u, size_t n) {
    double total = -0.5 * (double)n * LOG_2_PI;
    for (size_t i = 0; i < n; i++) total -= 0.5 * u[i] * u[i];
    return total;
}

/* log |det| by central differences and elimination. */
static double log_determinant(vae_model *model, const double *z) {
    size_t n = vae_model_latent(model);
    double a[MAX_LATENT * MAX_LATENT], total = 0, h = 1e-5;
    for (size_t j = 0; j < n; j++) {
        double near[MAX_LATENT], far[MAX_LATENT], moved[MAX_LATENT];
        memcpy(moved, z, n * sizeof *z);
        moved[j] = z[j] + h;
        forward(model, moved, near);
        moved[j] = z[j] - h;
        forward(model, moved, far);
        for (size_t i = 0; i < n; i++) a[i * n + j] = (near[i] - far[i]) / (2 * h);
    }
    for (size_t k = 0; k < n;
         k++) { /* couplings are triangular up to the order of values: pivots by size */
        size_t best = k;
        for (size_t i = k; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[best * n + k])) best = i;
        for (size_t j = 0; j < n; j++) {
            double swapped = a[k * n + j];
            a[k * n + j] = a[best * n + j];
            a[best * n + j] = swapped;
        }
        total += log(fabs(a[k * n + k]));
        for (size_t i = k + 1; i < n; i++) {
            double factor = a[i * n + k] / a[k * n + k];
            for (size_t j = k; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
        }
    }
    return total;
}

/* log p(z) of rows [n, latent] by the model's own program. */
static void densities(vae_model *model, const vae__real *z, size_t n, double *log_p) {
    vae__program *program;
    vae__workspace *workspace;
    float x[ROWS * WIDTH] = {0};
    vae__real rows[ROWS * WIDTH] = {0};
    (void)x;
    assert_ok(vae__model_program(model, "density", &program));
    for (size_t first = 0; first < n; first += ROWS) {
        size_t count = n - first < ROWS ? n - first : ROWS;
        vae__feed feeds[VAE__MAX_INPUTS] = {{0}};
        *vae__program_feed(program, feeds, "x") = (vae__feed){.rows = rows};
        *vae__program_feed(program, feeds, "z") =
            (vae__feed){.rows = z + first * vae_model_latent(model)};
        assert_ok(vae__program_take(program, &workspace));
        vae__run run = {.workspace = workspace, .feeds = feeds, .rows = count, .samples = 1};
        assert_ok(vae__run_rows(&run));
        memcpy(log_p + first, vae__program_double(program, &run, "log_prior"),
               count * sizeof *log_p);
        vae__program_return(program, workspace);
    }
}

static void density_is_that_of_the_formula(void **state) {
    static const char *const priors[] = {"latent=2 prior=flow:1 prior_hidden=4",
                                         "latent=3 prior=flow:4 prior_hidden=7",
                                         "latent=5 prior=flow:3 prior_hidden=1"};
    (void)state;
    for (size_t c = 0; c < COUNT_OF(priors); c++) {
        char spec[200];
        snprintf(spec, sizeof spec, NETWORK "%s", priors[c]);
        vae_model *model = test_model(NULL, spec, 0.7);
        size_t latent = vae_model_latent(model);
        vae__real z[ROWS * MAX_LATENT];
        double log_p[ROWS], own[MAX_LATENT], u[MAX_LATENT];
        for (size_t i = 0; i < ROWS * latent; i++) z[i] = (vae__real)test_uniform(31, i, -2, 2);
        densities(model, z, ROWS, log_p);
        for (size_t r = 0; r < ROWS; r++) {
            for (size_t j = 0; j < latent; j++) own[j] = (double)z[r * latent + j];
            double log_det = forward(model, own, u);
            test_near(log_p[r], log_normal(u, latent) + log_det, test_tolerance(2e-5, 1e-11), spec);
            if (r < 5) test_near(log_det, log_determinant(model, own), 1e-7, "log |det|");
        }
        vae_model_destroy(model);
    }
}

static void begins_as_the_standard_normal(void **state) {
    vae_model *model;
    vae__real z[ROWS * 3];
    double log_p[ROWS], own[3];
    float plain[ROWS * 3], drawn[ROWS * 3];
    (void)state;
    assert_ok(vae_model_create(NULL, NETWORK "latent=3 prior=flow:4", &model));
    for (size_t i = 0; i < COUNT_OF(z); i++) z[i] = (vae__real)test_uniform(32, i, -3, 3);
    densities(model, z, ROWS, log_p);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t j = 0; j < 3; j++) own[j] = (double)z[r * 3 + j];
        test_near(log_p[r], log_normal(own, 3), test_tolerance(2e-6, 1e-13), "log N(z)");
    }
    assert_ok(vae_sample(model, ROWS, 4, drawn, NULL, NULL));
    assert_ok(vae_model_set_prior(model, "normal"));
    assert_ok(vae_sample(model, ROWS, 4, plain, NULL, NULL));
    assert_memory_equal(plain, drawn, sizeof plain);
    vae_model_destroy(model);
}

/* Draws are made backwards: forwards they are the normal numbers that they were made of. */
static void draws_go_back(void **state) {
    static const char *const couplings[] = {"flow:1 prior_hidden=4", "flow:4 prior_hidden=7"};
    float z[ROWS * 5], normal[ROWS * 5];
    (void)state;
    for (size_t c = 0; c < COUNT_OF(couplings); c++) {
        char spec[200];
        snprintf(spec, sizeof spec, NETWORK "latent=5 prior=%s", couplings[c]);
        vae_model *model = test_model(NULL, spec, 0.4);
        assert_ok(vae_sample(model, ROWS, 4, z, NULL, NULL));
        for (size_t r = 0; r < ROWS; r++) {
            double own[5], u[5];
            for (size_t j = 0; j < 5; j++) own[j] = (double)z[r * 5 + j];
            forward(model, own, u);
            for (size_t j = 0; j < 5; j++) normal[r * 5 + j] = (float)u[j];
        }
        assert_ok(vae_model_set_prior(model, "normal"));
        assert_ok(vae_sample(model, ROWS, 4, z, NULL, NULL));
        for (size_t i = 0; i < COUNT_OF(z); i++)
            test_near((double)normal[i], (double)z[i], 1e-5, "f(f^-1(u)) = u");
        vae_model_destroy(model);
    }
}

/* The density integrates to 1 (d = 2). */
static void integrates_to_one(void **state) {
    enum { SIDE = 360 };
    vae__real z[SIDE * 2];
    double log_p[SIDE], total = 0, low = -18, step = 36.0 / SIDE;
    (void)state;
    vae_model *model = test_model(NULL, NETWORK "latent=2 prior=flow:3 prior_hidden=4", 0.3);
    for (size_t i = 0; i < SIDE; i++) {
        for (size_t j = 0; j < SIDE; j++) {
            z[2 * j] = (vae__real)(low + ((double)i + 0.5) * step);
            z[2 * j + 1] = (vae__real)(low + ((double)j + 0.5) * step);
        }
        densities(model, z, SIDE, log_p);
        for (size_t j = 0; j < SIDE; j++) total += exp(log_p[j]) * step * step;
    }
    test_near(total, 1, 1e-4, "integral");
    vae_model_destroy(model);
}

static void training_raises_the_bound(void **state) {
    static float x[400 * WIDTH];
    double before = 0, after = 0, elbo[400];
    vae_model *model;
    vae_dataset *data;
    vae_optimizer *optimizer;
    (void)state;
    test_values(x, COUNT_OF(x), 8, -1, 3);
    assert_ok(vae_dataset_from_memory(NULL, x, 400, WIDTH, "batch=100", &data));
    assert_ok(vae_model_create(NULL, NETWORK "latent=3", &model));
    assert_ok(vae_model_initialize(model, data));
    assert_ok(vae_optimizer_create(model, "adam lr=1e-2", &optimizer));
    assert_ok(vae_train(model, optimizer, data, NULL, "epochs=20", NULL, NULL));
    vae_optimizer_destroy(optimizer);
    assert_ok(vae_elbo(model, x, 400, WIDTH, 1, elbo, NULL, NULL));
    for (size_t i = 0; i < 400; i++) before += elbo[i] / 400;
    assert_ok(vae_model_set_prior(model, "flow:4 prior_hidden=16"));
    assert_ok(vae_optimizer_create(model, "adam lr=1e-2 train=prior ema=0.98", &optimizer));
    assert_ok(vae_train(model, optimizer, data, NULL, "epochs=60", NULL, NULL));
    vae_optimizer_destroy(optimizer);
    assert_ok(vae_elbo(model, x, 400, WIDTH, 1, elbo, NULL, NULL));
    for (size_t i = 0; i < 400; i++) after += elbo[i] / 400;
    assert_true(after > before + 0.05);
    assert_ok(vae_score(model, x, 2, WIDTH, "samples=50", elbo, NULL));
    size_t length;
    assert_ok(vae_model_plan(model, NULL, 0, &length));
    assert_ok(vae_model_memory(model, NULL, &(uint64_t){0}));
    vae_dataset_destroy(data);
    vae_model_destroy(model);
}

/* At the mean a score's E_q[log p(z)] is a mean over fixed draws, which is exact for the identity flow, and near that of
 * many random draws for another one. It is the row's own, and what is said of single values is the decoder's at the mean. */
static void scores_take_fixed_draws(void **state) {
    enum { N = 12, SEEDS = 3000 };
    float x[N * WIDTH];
    double score[N], normal[N], alone, by_value[2][N * WIDTH], kl[N], mean[N] = {0},
                                                                      squares[N] = {0};
    (void)state;
    test_values(x, COUNT_OF(x), 8, -1, 3);
    vae_model *model = test_model(NULL, NETWORK "latent=3", 0.5);
    assert_ok(vae_score(model, x, N, WIDTH, NULL, normal, by_value[0]));
    assert_ok(vae_model_set_prior(model, "flow:2 prior_hidden=4"));
    assert_ok(vae_score(model, x, N, WIDTH, "at=mean", score, by_value[1]));
    for (size_t r = 0; r < N; r++) test_near(score[r], normal[r], 2e-6, "identity flow");
    assert_memory_equal(by_value[0], by_value[1], sizeof by_value[0]);
    vae_model_destroy(model);
    model = test_model(NULL, NETWORK "latent=3 prior=flow:3 prior_hidden=4", 0.5);
    assert_ok(vae_score(model, x, N, WIDTH, NULL, score, by_value[0]));
    assert_ok(vae_score(model, x + 7 * WIDTH, 1, WIDTH, NULL, &alone, NULL));
    test_near(alone, score[7], 1e-6, "a row alone");
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        assert_ok(vae_elbo(model, x, N, WIDTH, seed, NULL, NULL, kl));
        for (size_t r = 0; r < N; r++) {
            mean[r] += kl[r] / SEEDS;
            squares[r] += kl[r] * kl[r] / SEEDS;
        }
    }
    for (size_t r = 0; r < N; r++) {
        double found = score[r], deviation = sqrt(squares[r] - mean[r] * mean[r]);
        for (size_t i = 0; i < WIDTH; i++) found -= by_value[0][r * WIDTH + i];
        test_near(found, mean[r], 0.35 * deviation, "KL over fixed draws");
    }
    vae_model_destroy(model);
}

static void refuses_what_has_no_halves(void **state) {
    vae_model *model = NULL;
    (void)state;
    assert_fails(
        vae_model_create(NULL, "input=4 latent=1 likelihood=gaussian prior=flow:2", &model),
        VAE_ERROR_TEXT, "latent=1 has no halves");
    assert_fails(
        vae_model_create(NULL, "input=4 latent=2 likelihood=gaussian prior=flow:65", &model),
        VAE_ERROR_TEXT, "at most 64 couplings");
    assert_fails(vae_model_create(NULL, "input=4 latent=2 likelihood=gaussian prior=flow", &model),
                 VAE_ERROR_TEXT, "the number of couplings");
    assert_fails(
        vae_model_create(NULL,
                         "input=4 latent=2 likelihood=gaussian prior=flow:2 prior_covariance=full",
                         &model),
        VAE_ERROR_TEXT, "belongs to prior=mixture:N");
    assert_null(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(density_is_that_of_the_formula),
        cmocka_unit_test(begins_as_the_standard_normal),
        cmocka_unit_test(draws_go_back),
        cmocka_unit_test(integrates_to_one),
        cmocka_unit_test(training_raises_the_bound),
        cmocka_unit_test(scores_take_fixed_draws),
        cmocka_unit_test(refuses_what_has_no_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
