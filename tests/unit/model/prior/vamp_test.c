/* prior=vamp:K: its density against the mixture of the posteriors that vae_encode gives for its pseudo-inputs, draws by
 * their moments, the start at rows of the data, and what it makes of each kind of data. Gradients:
 * tests/unit/train/gradient_test.c; values against PyTorch: tests/golden. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/prior.h"
#include "model/programs.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

enum { WIDTH = 4, LATENT = 2, COUNT = 3, ROWS = 40 };

#define NETWORK "input=4 latent=2 encoder=[dense 5, tanh] decoder=[dense 4, tanh] prior=vamp:3 "
#define LOG_2_PI 1.83787706640934548356

static const char *const likelihoods[] = {"likelihood=gaussian", "likelihood=bernoulli",
                                          "likelihood=poisson",
                                          "likelihood=gaussian standardize=1"};

static double softplus(double a) {
    return fmax(a, 0) + log1p(exp(-fabs(a)));
}

/* The posteriors at the pseudo-inputs, through the public encoder: x is what it would have to be. */
static void components(vae_model *model, double mean[COUNT][LATENT], double logvar[COUNT][LATENT]) {
    const vae__parameter *inputs = test_parameter(model, "prior.inputs");
    float x[COUNT * WIDTH], m[COUNT * LATENT], l[COUNT * LATENT];
    for (size_t i = 0; i < COUNT * WIDTH; i++) {
        double raw = (double)inputs->values[i], seen = raw;
        if (model->spec.likelihood->log1p_input) seen = expm1(softplus(raw));
        if (model->spec.likelihood->high <= 1) seen = 1 / (1 + exp(-raw));
        if (model->spec.standardize)
            seen = seen * (double)test_parameter(model, "input.scale")->values[i % WIDTH] +
                   (double)test_parameter(model, "input.shift")->values[i % WIDTH];
        x[i] = (float)seen;
    }
    if (model->spec.likelihood
            ->log1p_input) { /* counts are whole numbers: none lies there; see below */
        memset(mean, 0, sizeof(double[COUNT][LATENT]));
        memset(logvar, 0, sizeof(double[COUNT][LATENT]));
        return;
    }
    assert_ok(vae_encode(model, x, COUNT, WIDTH, m, l));
    for (size_t i = 0; i < COUNT * LATENT; i++) {
        mean[i / LATENT][i % LATENT] = (double)m[i];
        logvar[i / LATENT][i % LATENT] = (double)l[i];
    }
}

static vae_model *make(const char *likelihood) {
    char spec[200];
    snprintf(spec, sizeof spec, NETWORK "%s", likelihood);
    vae_model *model = test_model(NULL, spec, 0.7);
    for (size_t i = 0; model->spec.standardize && i < WIDTH; i++) {
        test_parameter(model, "input.scale")->values[i] = (vae__real)(0.5 + (double)i);
        test_parameter(model, "input.shift")->values[i] = (vae__real)i;
    }
    return model;
}

static void densities(vae_model *model, const vae__real *z, double *log_p) {
    vae__program *program;
    vae__workspace *workspace;
    vae__real rows[ROWS * WIDTH] = {0};
    vae__feed feeds[VAE__MAX_INPUTS] = {{0}};
    assert_ok(vae__model_program(model, "density", &program));
    *vae__program_feed(program, feeds, "x") = (vae__feed){.rows = rows};
    *vae__program_feed(program, feeds, "z") = (vae__feed){.rows = z};
    assert_ok(vae__program_take(program, &workspace));
    vae__run run = {.workspace = workspace, .feeds = feeds, .rows = ROWS, .samples = 1};
    assert_ok(vae__run_rows(&run));
    memcpy(log_p, vae__program_double(program, &run, "log_prior"), ROWS * sizeof *log_p);
    vae__program_return(program, workspace);
}

static void density_is_the_mixture_of_posteriors(void **state) {
    (void)state;
    for (size_t c = 0; c < COUNT_OF(likelihoods); c++) {
        vae_model *model = make(likelihoods[c]);
        double mean[COUNT][LATENT], logvar[COUNT][LATENT], log_p[ROWS];
        vae__real z[ROWS * LATENT];
        for (size_t i = 0; i < COUNT_OF(z); i++) z[i] = (vae__real)test_uniform(41, i, -2, 2);
        components(model, mean, logvar);
        densities(model, z, log_p);
        for (size_t r = 0; r < ROWS && !model->spec.likelihood->log1p_input; r++) {
            double total = 0;
            for (size_t k = 0; k < COUNT; k++) {
                double value = -0.5 * LATENT * LOG_2_PI;
                for (size_t j = 0; j < LATENT; j++) {
                    double from = (double)z[r * LATENT + j] - mean[k][j];
                    value -= 0.5 * (logvar[k][j] + from * from * exp(-logvar[k][j]));
                }
                total += exp(value) / COUNT;
            }
            test_near(log_p[r], log(total), 2e-5, likelihoods[c]);
        }
        vae_model_destroy(model);
    }
}

/* Draws have the mixture's moments, and a temperature of 0 leaves the means. */
static void draws_come_from_it(void **state) {
    enum { DRAWS = 40000 };
    static float z[DRAWS * LATENT];
    (void)state;
    vae_model *model = make(likelihoods[1]);
    double mean[COUNT][LATENT], logvar[COUNT][LATENT];
    components(model, mean, logvar);
    assert_ok(vae_sample(model, DRAWS, 3, z, NULL, NULL));
    for (size_t j = 0; j < LATENT; j++) {
        double m = 0, square = 0, found = 0, squares = 0;
        for (size_t k = 0; k < COUNT; k++) {
            m += mean[k][j] / COUNT;
            square += (mean[k][j] * mean[k][j] + exp(logvar[k][j])) / COUNT;
        }
        for (size_t r = 0; r < DRAWS; r++) {
            found += (double)z[r * LATENT + j] / DRAWS;
            squares += (double)z[r * LATENT + j] * (double)z[r * LATENT + j] / DRAWS;
        }
        double deviation = sqrt(square - m * m);
        test_near(found, m, 5 * deviation / sqrt(DRAWS), "mean");
        test_near(squares, square, 0.05 * square, "second moment");
    }
    assert_ok(vae_generate(model, 50, 3, "temperature=0", NULL, NULL, z, NULL, NULL));
    for (size_t r = 0; r < 50; r++) {
        size_t k = 0;
        while (k < COUNT && fabs((double)z[r * LATENT] - mean[k][0]) > 1e-5) k++;
        assert_true(k < COUNT);
    }
    vae_model_destroy(model);
}

/* Whether sigmoid(raw) is one of the rows of 0 and 1, these pulled in by 0.01. */
static int is_a_row(const vae__real *raw, const float *x, size_t rows) {
    for (size_t r = 0; r < rows; r++) {
        size_t i = 0;
        while (i < WIDTH &&
               fabs(1 / (1 + exp(-(double)raw[i])) - (x[r * WIDTH + i] > 0 ? 0.99 : 0.01)) < 1e-5)
            i++;
        if (i == WIDTH) return 1;
    }
    return 0;
}

/* vae_model_initialize begins at rows of the data; then steps raise the bound, of the prior's own parameters alone. */
static void begins_at_rows_and_is_trained(void **state) {
    static float x[300 * WIDTH];
    vae_model *model;
    vae_dataset *data;
    vae_optimizer *optimizer;
    double elbo[300], started = 0, trained = 0;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(x); i++) x[i] = (float)(test_uniform(51, i, 0, 1) < 0.4);
    assert_ok(vae_dataset_from_memory(NULL, x, 300, WIDTH, "batch=100", &data));
    assert_ok(vae_model_create(
        NULL, "input=4 latent=2 likelihood=bernoulli encoder=[dense 8, tanh] prior=vamp:2",
        &model));
    assert_ok(vae_model_initialize(model, data));
    const vae__parameter *inputs = test_parameter(model, "prior.inputs");
    for (size_t k = 0; k < 2; k++) assert_true(is_a_row(inputs->values + k * WIDTH, x, 300));
    assert_ok(vae_elbo(model, x, 300, WIDTH, 1, elbo, NULL, NULL));
    for (size_t i = 0; i < 300; i++) started += elbo[i] / 300;
    assert_ok(vae_optimizer_create(model, "adam lr=0.02 train=prior", &optimizer));
    assert_ok(vae_train(model, optimizer, data, NULL, "epochs=40", NULL, NULL));
    assert_ok(vae_elbo(model, x, 300, WIDTH, 1, elbo, NULL, NULL));
    for (size_t i = 0; i < 300; i++) trained += elbo[i] / 300;
    print_message("ELBO %g -> %g\n", started, trained);
    assert_true(trained > started);
    assert_ok(vae_score(model, x, 3, WIDTH, NULL, elbo, NULL));
    assert_ok(
        vae_log_likelihood(model, x, 3, WIDTH, "estimator=prior samples=50", elbo, NULL, NULL));
    vae_optimizer_destroy(optimizer);
    vae_dataset_destroy(data);
    vae_model_destroy(model);
}

static void refuses_too_many(void **state) {
    vae_model *model = NULL;
    (void)state;
    assert_fails(
        vae_model_create(NULL, "input=4 latent=2 likelihood=gaussian prior=vamp:65537", &model),
        VAE_ERROR_TEXT, "at most 65536 pseudo-inputs");
    assert_fails(
        vae_model_create(NULL, "input=4 latent=5000 likelihood=gaussian prior=vamp:60000", &model),
        VAE_ERROR_TEXT, "vamp:60000 with latent=5000: expected at most 268435456 means");
    assert_null(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(density_is_the_mixture_of_posteriors),
        cmocka_unit_test(draws_come_from_it),
        cmocka_unit_test(begins_at_rows_and_is_trained),
        cmocka_unit_test(refuses_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
