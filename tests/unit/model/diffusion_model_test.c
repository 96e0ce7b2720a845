/* model=diffusion: a new one with variance=large is N(0, I) in all that it does; training, files and checkpoints; its bound on
 * data whose density is known; and what it refuses. Formulas: tests/unit/diffusion; gradients: tests/unit/train/gradient_test.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/folder.h"
#include "support/numbers.h"
#include "support/toy_densities.h"

enum { WIDTH = 3, ROWS = 100 };

#define LOG_2_PI 1.83787706640934548356
#define SMALL "network=[dense 16, silu, dense 16, silu] steps=20"

static double log_normal(const float *x) {
    double total = 0;
    for (size_t j = 0; j < WIDTH; j++) total -= 0.5 * (LOG_2_PI + (double)x[j] * (double)x[j]);
    return total;
}

static vae_model *create(const char *options) {
    char spec[300];
    vae_model *model;
    snprintf(spec, sizeof spec, "model=diffusion input=3 %s", options);
    assert_ok(vae_model_create(NULL, spec, &model));
    return model;
}

/* Its network predicts v = 0, which is right for N(0, I), whose true reverse chain has the large variance. */
static void begins_as_the_standard_normal(void **state) {
    enum { SEEDS = 60, DRAWS = 20000 };
    static float x[DRAWS * WIDTH];
    double elbo[ROWS], log_p[ROWS], error[ROWS], ess[ROWS], mean = 0, squares = 0, truth = 0;
    float m[ROWS * WIDTH], logvar[ROWS * WIDTH];
    (void)state;
    vae_model *model = create(SMALL);
    assert_string_equal(
        vae_model_spec(model),
        "model=diffusion input=3 likelihood=gaussian standardize=0 init=auto seed=1 "
        "steps=20 schedule=cosine predict=v variance=large network=[dense 16, silu, "
        "dense 16, silu]");
    assert_int_equal(vae_model_latent(model), WIDTH);
    test_values(x, ROWS * WIDTH, 5, -2, 2);
    for (size_t r = 0; r < ROWS; r++) truth += log_normal(x + r * WIDTH) / ROWS;
    assert_ok(
        vae_log_likelihood(model, x, ROWS, WIDTH, "estimator=path samples=12", log_p, error, ess));
    for (size_t r = 0; r < ROWS; r++)
        test_near(log_p[r], log_normal(x + r * WIDTH), test_tolerance(1e-3, 1e-10),
                  "every path weighs log p");
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        assert_ok(vae_elbo(model, x, ROWS, WIDTH, seed, elbo, NULL, NULL));
        for (size_t r = 0; r < ROWS; r++) {
            double from = elbo[r] - log_normal(x + r * WIDTH);
            mean += from / (SEEDS * ROWS);
            squares += from * from / (SEEDS * ROWS);
        }
    }
    test_near(mean, 0, 4.5 * sqrt(squares / (SEEDS * ROWS)), "the bound's mean is log p");
    assert_ok(vae_log_likelihood(model, x, ROWS, WIDTH, "samples=20", log_p, error, ess));
    double whole = 0, whole_error = 0;
    for (size_t r = 0; r < ROWS; r++) {
        assert_true(isnan(ess[r]) && error[r] >= 0);
        whole += log_p[r] / ROWS;
        whole_error += error[r] * error[r] / ROWS / ROWS;
    }
    test_near(whole, truth, 6 * sqrt(whole_error), "the whole sum");
    assert_ok(vae_encode(model, x, ROWS, WIDTH, m, logvar));
    double a = model->diffusion->engine.schedule.retained[20];
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        test_near((double)m[i], sqrt(a) * (double)x[i], 1e-6, "mean of q(x_T|x)");
        test_near((double)logvar[i], log1p(-a), 1e-6, "log variance");
    }
    assert_ok(vae_sample(model, DRAWS, 3, NULL, NULL, x));
    for (size_t j = 0; j < WIDTH; j++) {
        double square = 0;
        for (size_t r = 0; r < DRAWS; r++)
            square += (double)x[r * WIDTH + j] * (double)x[r * WIDTH + j] / DRAWS;
        test_near(square, 1, 4.5 * sqrt(2.0 / DRAWS) + 1e-3, "variance of samples");
    }
    vae_model_destroy(model);
}

/* In units of the columns: the Jacobian is in every density, and samples come back as x. */
static void columns_are_standardised(void **state) {
    enum { N = 4000 };
    static float x[N * WIDTH], y[N * WIDTH];
    double log_p[ROWS], expected;
    vae_dataset *data;
    (void)state;
    for (size_t i = 0; i < N * WIDTH; i++) {
        double scale = i % WIDTH ? 1000 : 0.01, shift = i % WIDTH == 1 ? -5e4 : 3;
        x[i] = (float)(shift + scale * test_uniform(3, i, -1, 1));
    }
    vae_model *model = create("standardize=1 " SMALL);
    assert_ok(vae_dataset_from_memory(NULL, x, N, WIDTH, NULL, &data));
    assert_fails(vae_step(model, NULL, data, NULL), VAE_ERROR_ARGUMENT, "optimizer");
    assert_ok(vae_model_initialize(model, data));
    assert_ok(
        vae_log_likelihood(model, x, ROWS, WIDTH, "estimator=path samples=12", log_p, NULL, NULL));
    const vae__real *shift = test_parameter(model, "input.shift")->values;
    const vae__real *scale = test_parameter(model, "input.scale")->values;
    for (size_t r = 0; r < ROWS; r++) {
        expected = 0;
        for (size_t j = 0; j < WIDTH; j++) {
            double at = ((double)x[r * WIDTH + j] - (double)shift[j]) / (double)scale[j];
            expected -= 0.5 * (LOG_2_PI + at * at) + log((double)scale[j]);
        }
        test_near(log_p[r], expected, test_tolerance(1e-2, 1e-8), "log p(x) of N(shift, scale^2)");
    }
    assert_ok(vae_sample(model, N, 1, NULL, y, NULL));
    double mean = 0;
    for (size_t r = 0; r < N; r++) mean += (double)y[r * WIDTH + 1] / N;
    test_near(mean / -5e4, 1, 2e-3, "samples have the column's mean");
    vae_dataset_destroy(data);
    vae_model_destroy(model);
}

/* Trained for a second on the ring: its bound lies a little below the truth, and its samples on the ring. */
static void learns_the_ring(void **state) {
    enum { N = 4000, TEST = 1000 };
    static float x[N * 2], z[TEST * 2], back[TEST * 2];
    double bound[TEST], error[TEST], gap = 0, radius = 0, off = 0;
    vae_model *model;
    vae_dataset *data, *test;
    vae_optimizer *optimizer;
    (void)state;
    assert_ok(vae_dataset_open(NULL, "toy:ring:4000", "batch=200", &data));
    assert_ok(vae_dataset_open(NULL, "toy:ring:1000", "seed=2", &test));
    assert_ok(vae_model_create(NULL,
                               "model=diffusion input=2 steps=40 variance=optimal standardize=1 "
                               "network=[dense 64, silu, dense 64, silu]",
                               &model));
    assert_ok(vae_model_initialize(model, data));
    assert_ok(vae_optimizer_create(model, "adam lr=5e-3 schedule=cosine steps=1200 ema=0.99",
                                   &optimizer));
    assert_ok(vae_train(model, optimizer, data, NULL, "epochs=60", NULL, NULL));
    assert_ok(vae_dataset_read(test, 0, TEST, z, 2));
    assert_ok(vae_log_likelihood(model, z, TEST, 2, "samples=40", bound, error, NULL));
    for (size_t r = 0; r < TEST; r++)
        gap +=
            (test_ring_log_density((double[]){(double)z[2 * r], (double)z[2 * r + 1]}) - bound[r]) /
            TEST;
    print_message("bound %.3f nats below log p\n", gap);
    assert_true(gap > 0 && gap < 0.35);
    assert_ok(vae_sample(model, N, 1, NULL, NULL, x));
    for (size_t r = 0; r < N; r++) radius += hypot((double)x[2 * r], (double)x[2 * r + 1]) / N;
    test_near(radius, 1.005, 0.03, "radius");
    assert_ok(vae_reconstruct(model, z, TEST, 2, back));
    for (size_t i = 0; i < TEST * 2; i++) off += fabs((double)back[i] - (double)z[i]) / (TEST * 2);
    print_message("reconstructions off by %.3f\n", off);
    assert_true(off < 0.2);
    vae_optimizer_destroy(optimizer);
    vae_dataset_destroy(data);
    vae_dataset_destroy(test);
    vae_model_destroy(model);
}

static void rows_stand_alone(void **state) {
    float all[300 * WIDTH], some[3 * WIDTH], x[40 * WIDTH], d[40 * WIDTH];
    double elbo[40], one;
    (void)state;
    vae_model *model = test_model(NULL, "model=diffusion input=3 " SMALL, 0.2);
    assert_ok(vae_sample(model, 300, 5, NULL, NULL, all));
    assert_ok(vae_sample(model, 3, 5, NULL, NULL, some));
    for (size_t i = 0; i < 3 * WIDTH; i++)
        test_near((double)some[i], (double)all[i], test_tolerance(1e-4, 1e-6), "sample");
    test_values(x, 40 * WIDTH, 5, -2, 2);
    assert_ok(vae_elbo(model, x, 40, WIDTH, 9, elbo, NULL, NULL));
    assert_ok(vae_elbo(model, x, 1, WIDTH, 9, &one, NULL, NULL));
    test_near(one, elbo[0], 1e-4 * (1 + fabs(one)), "bound");
    assert_ok(vae_score(model, x, 40, WIDTH, "samples=20", elbo, NULL));
    assert_ok(vae_score(model, x + 7 * WIDTH, 1, WIDTH, "samples=20", &one, NULL));
    test_near(one, elbo[7], 1e-4 * (1 + fabs(one)), "score");
    assert_ok(vae_decode(model, x, 40, WIDTH, d));
    assert_ok(vae_decode(model, x + 7 * WIDTH, 1, WIDTH, some));
    for (size_t i = 0; i < WIDTH; i++)
        test_near((double)some[i], (double)d[7 * WIDTH + i], test_tolerance(1e-4, 1e-6), "decoded");
    vae_model_destroy(model);
}

static void training_resumes_exactly(void **state) {
    static float x[200 * WIDTH];
    vae_model *model[2], *loaded;
    vae_dataset *data[2];
    vae_optimizer *optimizer[2], *resumed;
    vae_step_report report = {.struct_size = sizeof report}, again = report;
    (void)state;
    test_values(x, 200 * WIDTH, 6, -1, 1);
    for (int i = 0; i < 2; i++) {
        model[i] = create("variance=optimal " SMALL);
        assert_ok(vae_dataset_from_memory(NULL, x, 200, WIDTH, "batch=32", &data[i]));
        assert_ok(vae_optimizer_create(model[i], "adamw lr=0.01 ema=0.9", &optimizer[i]));
    }
    for (int s = 0; s < 25; s++) {
        assert_ok(vae_step(model[0], optimizer[0], data[0], &report));
        if (s < 11) assert_ok(vae_step(model[1], optimizer[1], data[1], NULL));
    }
    const char *path = test_in_folder("checkpoint");
    assert_ok(vae_checkpoint_save(model[1], optimizer[1], data[1], path));
    assert_ok(vae_checkpoint_load(NULL, path, data[1], &loaded, &resumed));
    for (int s = 11; s < 25; s++) assert_ok(vae_step(loaded, resumed, data[1], &again));
    assert_memory_equal(&report, &again, sizeof report);
    assert_memory_equal(model[0]->parameters.block, loaded->parameters.block,
                        model[0]->parameters.block_count * sizeof(vae__real));
    assert_true(report.learning_rate > 0 && isfinite(report.elbo) && report.objective < 0);
    vae_optimizer_destroy(resumed);
    vae_model_destroy(loaded);
    for (int i = 0; i < 2; i++) {
        vae_optimizer_destroy(optimizer[i]);
        vae_dataset_destroy(data[i]);
        vae_model_destroy(model[i]);
    }
}

static void bad_rows_are_named(void **state) {
    float x[4 * WIDTH] = {0};
    double value[4];
    vae_optimizer *optimizer;
    (void)state;
    vae_model *model = create(SMALL);
    x[2 * WIDTH + 1] = NAN;
    assert_fails(vae_elbo(model, x, 4, WIDTH, 1, value, NULL, NULL), VAE_ERROR_DATA,
                 "row 2, column 1 is nan");
    assert_fails(vae_log_likelihood(model, x, 4, WIDTH, NULL, value, NULL, NULL), VAE_ERROR_DATA,
                 "row 2, column 1");
    assert_fails(vae_decode(model, x, 4, WIDTH, x), VAE_ERROR_DATA, "row 2, column 1 of z is nan");
    assert_ok(vae_optimizer_create(model, NULL, &optimizer));
    assert_fails(vae_step_rows(model, optimizer, x, 4, WIDTH, NULL), VAE_ERROR_DATA,
                 "row 2, column 1");
    assert_ok(vae_elbo(model, x, 0, WIDTH, 1, value, NULL, NULL));
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
}

static void refuses(void **state) {
    static const struct {
        const char *spec, *message;
    } all[] = {
        {"model=diffusion", "expected at least model=diffusion and input="},
        {"model=diffusion input=2 latent=3", "'latent=' belongs to model=vae"},
        {"model=diffusion input=2 encoder=[dense 3]", "'encoder=' belongs to model=vae"},
        {"model=diffusion input=2 prior=mixture:3", "'prior=' belongs to model=vae"},
        {"model=diffusion input=2 prior_steps=3", "'prior_steps=' belongs to model=vae"},
        {"model=diffusion input=2 likelihood=bernoulli", "takes likelihood=gaussian"},
        {"model=diffusion input=2 steps=20 schedule=linear", "steps: a linear schedule"},
        {"model=diffusion input=2 steps=0", "steps=0"},
        {"model=diffusion input=4 network=[reshape 1x2x2, conv 2 3]", "layers of vectors"},
        {"model=diffusion input=4 network=[conv 2 3]", "network: "},
        {"model=difusion input=2", "did you mean 'diffusion'"},
        {"input=2 latent=2 likelihood=gaussian steps=30", "'steps=' belongs to model=diffusion"},
        {"input=2 latent=2 likelihood=gaussian network=[dense 3]", "belongs to model=diffusion"},
    };
    vae_model *model = NULL;
    vae_optimizer *optimizer;
    vae_dataset *data;
    float x[4 * WIDTH] = {0};
    double value[4 * WIDTH];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++)
        assert_fails(vae_model_create(NULL, all[i].spec, &model), VAE_ERROR_TEXT, all[i].message);
    model = create(SMALL);
    assert_ok(vae_dataset_from_memory(NULL, x, 4, WIDTH, NULL, &data));
    assert_fails(vae_score(model, x, 4, WIDTH, NULL, value, NULL), VAE_ERROR_UNSUPPORTED,
                 "take samples=100");
    assert_fails(vae_log_likelihood(model, x, 4, WIDTH, "estimator=importance", value, NULL, NULL),
                 VAE_ERROR_TEXT, "does not go with model=diffusion, which takes bound and path");
    assert_fails(vae_log_likelihood(model, x, 4, WIDTH, "samples=1", value, NULL, NULL),
                 VAE_ERROR_TEXT, "takes samples from 2");
    assert_fails(vae_model_sigma(model, value, WIDTH), VAE_ERROR_UNSUPPORTED, "no sigma");
    assert_fails(vae_model_set_prior(model, "mixture:2"), VAE_ERROR_UNSUPPORTED,
                 "no other prior than N(0, I)");
    assert_fails(vae_model_fit_prior(model, data, NULL, NULL, NULL), VAE_ERROR_UNSUPPORTED,
                 "model=diffusion");
    assert_fails(vae_optimizer_create(model, "objective=elbo", &optimizer), VAE_ERROR_TEXT,
                 "it is trained by objective=simple, vlb or hybrid");
    assert_fails(vae_optimizer_create(model, "train=prior", &optimizer), VAE_ERROR_TEXT,
                 "no prior");
    assert_fails(vae_optimizer_create(model, "samples=2", &optimizer), VAE_ERROR_TEXT, "samples=1");
    vae_model_destroy(model);
    assert_ok(vae_model_create(NULL, "input=3 latent=2 likelihood=gaussian", &model));
    assert_fails(vae_log_likelihood(model, x, 4, WIDTH, "estimator=bound", value, NULL, NULL),
                 VAE_ERROR_TEXT, "which takes importance and prior");
    vae_dataset_destroy(data);
    vae_model_destroy(model);
}

static void other_functions_work(void **state) {
    static float x[300 * WIDTH];
    vae_model *model = create("variance=learned schedule=linear steps=30 network=[dense 8, silu]");
    vae_model *loaded, *clone;
    vae_evaluation *evaluation;
    vae_dataset *data;
    double value, elbo[2][5];
    size_t length;
    uint64_t bytes;
    (void)state;
    test_values(x, 300 * WIDTH, 6, -1, 1);
    assert_ok(vae_dataset_from_memory(NULL, x, 300, WIDTH, NULL, &data));
    assert_ok(vae_model_initialize(model, data));
    assert_ok(vae_evaluate(model, data, NULL, "samples=10", NULL, NULL, &evaluation));
    assert_ok(vae_evaluation_value(evaluation, "log_p", &value));
    assert_ok(vae_evaluation_value(evaluation, "baseline_marginals", &value));
    assert_non_null(strstr(vae_evaluation_text(evaluation), "elbo"));
    vae_evaluation_destroy(evaluation);
    assert_ok(vae_model_plan(model, NULL, 0, &length));
    assert_ok(vae_model_memory(model, &bytes, &bytes));
    assert_ok(vae_model_save_memory(model, NULL, 0, &length));
    unsigned char *file = malloc(length);
    assert_ok(vae_model_save_memory(model, file, length, &length));
    assert_ok(vae_model_load_memory(NULL, file, length, &loaded));
    assert_ok(vae_model_clone(loaded, &clone));
    assert_ok(vae_elbo(model, x, 5, WIDTH, 3, elbo[0], NULL, NULL));
    assert_ok(vae_elbo(clone, x, 5, WIDTH, 3, elbo[1], NULL, NULL));
    assert_memory_equal(elbo[0], elbo[1], sizeof elbo[0]);
    free(file);
    vae_model_destroy(clone);
    vae_model_destroy(loaded);
    vae_dataset_destroy(data);
    vae_model_destroy(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_as_the_standard_normal),
        cmocka_unit_test(columns_are_standardised),
        cmocka_unit_test(learns_the_ring),
        cmocka_unit_test(rows_stand_alone),
        cmocka_unit_test(training_resumes_exactly),
        cmocka_unit_test(bad_rows_are_named),
        cmocka_unit_test(refuses),
        cmocka_unit_test(other_functions_work),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_remove);
}
