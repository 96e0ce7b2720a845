/* model=diffusion of images: the text of a U-Net, its levels of 8 bits, and that a row depends on nothing but itself. Losses
 * and gradients are compared with PyTorch in tests/golden/diffusion_golden_test.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

enum { PIXELS = 64, ROWS = 70 };

#define UNET "model=diffusion input=1x8x8 steps=12 network=unet channels=[8, 16] attention=[4] "

/* Levels of 8 bits, the lowest and the highest often. */
static void fill_levels(float *x, size_t count) {
    test_values(x, count, 4, 0, 1);
    for (size_t i = 0; i < count; i++) x[i] = rintf(fminf(fmaxf(400 * x[i] - 70, 0), 255)) / 255;
}

static void text_is_canonical(void **state) {
    static const char whole[] =
        "model=diffusion input=3x8x16 likelihood=discretized_gaussian init=auto seed=1 "
        "steps=1000 schedule=cosine predict=v variance=large network=unet channels=[8, 16, 24] "
        "blocks=2 attention=[4] groups=4";
    vae_model *model, *again;
    (void)state;
    assert_ok(vae_model_create(NULL,
                               "model=diffusion input=3x8x16 likelihood=discretized_gaussian "
                               "channels=[8,16, 24] attention=[4] groups=4 blocks=2",
                               &model));
    assert_string_equal(vae_model_spec(model), whole);
    assert_ok(vae_model_create(NULL, whole, &again));
    assert_string_equal(vae_model_spec(again), whole);
    assert_true(vae_model_parameter_total(model) == vae_model_parameter_total(again));
    vae_model_destroy(again);
    vae_model_destroy(model);
    /* An image has a U-Net where no network is named, a vector none. */
    assert_ok(vae_model_create(NULL, "model=diffusion input=1x4x4", &model));
    assert_non_null(strstr(vae_model_spec(model), "network=unet channels=[32, 64, 64] blocks=1 "
                                                  "attention=[] groups=8"));
    vae_model_destroy(model);
    assert_ok(vae_model_create(NULL, "model=diffusion input=16", &model));
    assert_null(strstr(vae_model_spec(model), "channels"));
    vae_model_destroy(model);
}

static void refuses(void **state) {
    static const struct {
        const char *spec, *message;
    } all[] = {
        {"channels=[12, 30] groups=4", "30 channels do not make groups=4 equal groups"},
        {"channels=[8, 8, 8, 8, 8]", "cannot be halved 4 times"},
        {"attention=[7]",
         "no image of this network is 7 high; the heights go from 8 by halves to 2"},
        {"channels=[]  attention=[8] blocks=5", "blocks=5: expected a whole number from 1 to 4"},
        {"channels=[8, x]", "channels=x: expected a whole number"},
        {"channels=8", "expected a list in brackets"},
        {"channels=[8, 8, 8, 8, 8, 8, 8, 8, 8]", "at most 8 numbers"},
        {"channels=[0]", "channels=0"},
        {"network=[dense 3] channels=[8]", "'channels=' belongs to network=unet"},
        {"network=[dense 3] attention=[8]", "'attention=' belongs to network=unet"},
        {"network=[dense 3] blocks=1", "'blocks=' belongs to network=unet"},
        {"network=[dense 3] groups=1", "'groups=' belongs to network=unet"},
        {"network=Unet", "did you mean 'unet'"},
        {"network=vit", "expected unet, or a list of layers"},
        {"likelihood=discretized_logistic", "discretized_gaussian for 8-bit values"},
        {"likelihood=discretized_gaussian standardize=1", "belongs to likelihood=gaussian"},
    };
    vae_model *model = NULL;
    char spec[300];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        snprintf(spec, sizeof spec, "model=diffusion input=1x8x8 %s", all[i].spec);
        assert_fails(vae_model_create(NULL, spec, &model), VAE_ERROR_TEXT, all[i].message);
    }
    assert_fails(vae_model_create(NULL, "model=diffusion input=64 network=unet", &model),
                 VAE_ERROR_TEXT, "give the input as channels x height x width");
    assert_fails(vae_model_create(
                     NULL, "model=diffusion input=1x128x128 channels=[8] attention=[128]", &model),
                 VAE_ERROR_TEXT, "more than 4096 positions");
    assert_fails(vae_model_create(NULL, "input=4 latent=2 likelihood=discretized_gaussian", &model),
                 VAE_ERROR_TEXT, "belongs to model=diffusion");
    assert_fails(
        vae_model_create(NULL, "input=4 latent=2 likelihood=bernoulli channels=[8]", &model),
        VAE_ERROR_TEXT, "'channels=' belongs to model=diffusion");
}

/* Samples, the bound and what is decoded of a row are the same whatever the number of rows and of threads. */
static void rows_stand_alone(void **state) {
    vae_context *contexts[2] = {test_context("threads=1"), test_context("threads=2")};
    vae_model *models[2];
    static float x[ROWS * PIXELS], all[2][ROWS * PIXELS], one[PIXELS];
    double bound[2][ROWS], alone;
    (void)state;
    fill_levels(x, ROWS * PIXELS);
    for (int i = 0; i < 2; i++) {
        models[i] = test_model(contexts[i], UNET "likelihood=discretized_gaussian", 0.1);
        assert_ok(vae_sample(models[i], ROWS, 3, NULL, NULL, all[i]));
        assert_ok(
            vae_log_likelihood(models[i], x, ROWS, PIXELS, "samples=4", bound[i], NULL, NULL));
    }
    for (size_t i = 0; i < ROWS * PIXELS; i++) /* a level may turn over */
        test_near((double)all[0][i], (double)all[1][i], test_tolerance(0.01, 1e-9), "threads");
    for (size_t r = 0; r < ROWS; r++)
        test_near(bound[1][r], bound[0][r], test_tolerance(1e-3, 1e-9) * fabs(bound[0][r]),
                  "threads");
    assert_ok(vae_sample(models[1], 1, 3, NULL, NULL, one));
    for (size_t i = 0; i < PIXELS; i++)
        test_near((double)one[i], (double)all[0][i], test_tolerance(0.01, 1e-9), "one row");
    assert_ok(vae_log_likelihood(models[0], x, 1, PIXELS, "samples=4", &alone, NULL, NULL));
    test_near(alone, bound[0][0], test_tolerance(1e-3, 1e-9) * fabs(alone), "one row");
    for (int i = 0; i < 2; i++) {
        vae_model_destroy(models[i]);
        vae_context_destroy(contexts[i]);
    }
}

/* Samples are levels, their means lie between 0 and 1, and what is no level is refused. */
static void values_are_levels(void **state) {
    static float x[ROWS * PIXELS], mean[ROWS * PIXELS];
    double elbo[ROWS];
    (void)state;
    vae_model *model = test_model(NULL, UNET "likelihood=discretized_gaussian", 0.1);
    assert_ok(vae_sample(model, ROWS, 3, NULL, mean, x));
    int inside = 0;
    for (size_t i = 0; i < ROWS * PIXELS; i++) {
        assert_true(x[i] >= 0 && x[i] <= 1 && mean[i] >= 0 && mean[i] <= 1);
        test_near((double)x[i] * 255, rint((double)x[i] * 255), 1e-3, "a level");
        test_near((double)x[i], (double)mean[i], 0.5 / 255 + 1e-6, "the nearest level");
        inside += x[i] > 0 && x[i] < 1;
    }
    assert_true(inside > ROWS); /* not all of them at the ends */
    assert_ok(vae_elbo(model, x, ROWS, PIXELS, 1, elbo, NULL, NULL));
    x[PIXELS + 5] = 0.5f;
    assert_fails(vae_elbo(model, x, ROWS, PIXELS, 1, elbo, NULL, NULL), VAE_ERROR_DATA,
                 "row 1, column 5 is 0.5");
    x[PIXELS + 5] = 1.5f;
    assert_fails(vae_elbo(model, x, ROWS, PIXELS, 1, elbo, NULL, NULL), VAE_ERROR_DATA,
                 "row 1, column 5");
    vae_model_destroy(model);
}

/* A network whose last layer is 0 predicts v = 0, so that x_0 = sqrt(A_t) x_t: the bound of one pixel by hand, term by term,
 * without the library's tables. */
static void bound_of_an_untrained_network(void **state) {
    enum { STEPS = 3 };
    vae_model *model;
    float x[1] = {200.0f / 255};
    double found = 0, mean = 0, error = 0, a[STEPS + 1] = {1}, y = 2 * (double)x[0] - 1;
    (void)state;
    assert_ok(
        vae_model_create(NULL,
                         "model=diffusion input=1x1x1 steps=3 likelihood=discretized_gaussian "
                         "network=unet channels=[2] groups=1",
                         &model));
    for (int t = 1; t <= STEPS; t++) {
        double f = cos((t / 3.0 + 0.008) / 1.008 * acos(-1) / 2),
               g = cos(((t - 1) / 3.0 + 0.008) / 1.008 * acos(-1) / 2);
        a[t] = a[t - 1] * (1 - fmin(1 - f * f / (g * g), 0.999));
    }
    double expected = 0.5 * (a[STEPS] * y * y - a[STEPS] - log1p(-a[STEPS]));
    for (int t = 1; t <= STEPS; t++) {
        double b = 1 - a[t] / a[t - 1], small = (1 - a[t - 1]) / (1 - a[t]) * b,
               of_data = sqrt(a[t - 1]) * b / (1 - a[t]);
        enum { GRID = 20001 };
        double total = 0, weight = 0;
        for (int i = 0; i < GRID; i++) { /* over x_t ~ q(x_t|x) */
            double e = -8 + 16.0 * i / (GRID - 1), p = exp(-0.5 * e * e), term;
            double x0 = sqrt(a[t]) * (sqrt(a[t]) * y + sqrt(1 - a[t]) * e), sd = sqrt(b);
            if (t == 1) {
                double low = (y - 1.0 / 255 - x0) / sd, high = (y + 1.0 / 255 - x0) / sd;
                term = -log(0.5 * (erfc(low / sqrt(2)) - erfc(high / sqrt(2))));
            } else {
                double from = of_data * (x0 - y);
                term = 0.5 * (small / b - 1 - log(small / b) + from * from / b);
            }
            if (p > 1e-12 && isfinite(term)) total += p * term, weight += p;
        }
        expected += total / weight;
    }
    enum { DRAWS = 4000 };
    for (uint64_t seed = 1; seed <= DRAWS; seed++) {
        assert_ok(vae_elbo(model, x, 1, 1, seed, &found, NULL, NULL));
        double before = mean;
        mean += (found - mean) / (double)seed;
        error += (found - before) * (found - mean);
    }
    error = sqrt(error / DRAWS / DRAWS);
    assert_true(error < 0.1);
    test_near(mean, -expected, 4 * error, "the bound");
    vae_model_destroy(model);
}

/* A step allocates nothing once the first one has made what it needs. */
static void steps_do_not_allocate(void **state) {
    vae_context *context = test_context("threads=2");
    vae_model *model = test_model(context, UNET, 0.1);
    vae_optimizer *optimizer;
    static float x[ROWS * PIXELS];
    uint64_t before, after;
    (void)state;
    test_values(x, ROWS * PIXELS, 3, -1, 1);
    assert_ok(vae_optimizer_create(model, "adam ema=0.9", &optimizer));
    assert_ok(vae_step_rows(model, optimizer, x, ROWS, PIXELS, NULL));
    assert_ok(vae_context_memory(context, NULL, NULL, &before));
    for (int i = 0; i < 3; i++) assert_ok(vae_step_rows(model, optimizer, x, ROWS, PIXELS, NULL));
    assert_ok(vae_context_memory(context, NULL, NULL, &after));
    assert_true(after == before);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

static int32_t stop_in_the_first_steps(void *user, uint64_t done, uint64_t total) {
    (void)done, (void)total;
    return ++*(int *)user == 3;
}

/* Sampling is long: it can be stopped between two steps. */
static void sampling_can_be_stopped(void **state) {
    float x[PIXELS];
    int calls = 0;
    (void)state;
    vae_model *model = test_model(NULL, UNET, 0.1);
    assert_int_equal(
        vae_generate(model, 1, 1, NULL, stop_in_the_first_steps, &calls, NULL, NULL, x),
        VAE_STOPPED);
    assert_int_equal(calls, 3);
    vae_model_destroy(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_canonical),
        cmocka_unit_test(refuses),
        cmocka_unit_test(rows_stand_alone),
        cmocka_unit_test(values_are_levels),
        cmocka_unit_test(bound_of_an_untrained_network),
        cmocka_unit_test(steps_do_not_allocate),
        cmocka_unit_test(sampling_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
