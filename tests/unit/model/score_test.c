/* vae_score: the parts add up, agree with densities written again in double, and depend on the row alone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/score.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"
#include "support/reference.h"

enum { WIDTH = 12, LATENT = 3, ROWS = 9 };

#define LAYERS " encoder=[dense 7, tanh] decoder=[dense 8, tanh] "

static const char *const likelihoods[] = {
    "likelihood=bernoulli",
    "likelihood=continuous_bernoulli",
    "likelihood=discretized_logistic",
    "likelihood=categorical",
    "likelihood=poisson",
    "likelihood=poisson size=total",
    "likelihood=negative_binomial",
    "likelihood=negative_binomial size=total",
    "likelihood=gaussian sigma=0.3",
    "likelihood=gaussian sigma=shared",
    "likelihood=gaussian sigma=per_dim",
    "likelihood=gaussian sigma=decoder",
    "likelihood=gaussian sigma=optimal",
    "likelihood=gaussian sigma=per_dim standardize=1",
    "likelihood=gaussian sigma=decoder standardize=1",
};

static vae_model *open_model(vae_context *context, const char *likelihood) {
    char spec[300];
    snprintf(spec, sizeof spec, "input=3x4 latent=3" LAYERS "%s", likelihood);
    vae_model *model = test_model(context, spec, 0.5);
    vae__parameter *scale = vae__parameters_find(&model->parameters, "input.scale");
    vae__parameter *variance = vae__parameters_find(&model->parameters, "likelihood.sigma2");
    for (size_t i = 0; scale && i < WIDTH; i++)
        scale->values[i] = (vae__real)(0.5 + 0.1 * (double)i);
    if (variance) variance->values[0] = (vae__real)0.4;
    /* A smallest sigma of its own, as a column that does not vary has it. */
    vae__parameter *floor = vae__parameters_find(&model->parameters, "likelihood.sigma_floor");
    for (size_t i = 0; floor && i < WIDTH; i++)
        floor->values[i] = (vae__real)(i % 3 == 1 ? 0.7 : 0);
    return model;
}

/* Rows within the support of the likelihood. */
static void fill_rows(const vae_model *model, float *x) {
    const vae__likelihood *likelihood = model->spec.likelihood;
    test_values(x, ROWS * WIDTH, 5, 0, 1);
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        if (likelihood->log1p_input) x[i] = floorf(8 * x[i]);
        if (!strcmp(likelihood->name, "discretized_logistic")) x[i] = roundf(255 * x[i]) / 255;
        if (!strcmp(likelihood->name, "categorical")) x[i] = i % 4 == i / 4 % 4 ? 1.0f : 0.0f;
        if (likelihood->low < -1) x[i] = 4 * x[i] - 2;
    }
}

/* KL(q||p) - log p(x | mean) from the reference. */
static double reference_score(const vae_model *model, const float *x) {
    double row[WIDTH], mean[LATENT], logvar[LATENT], head[REFERENCE_MOST], kl = 0;
    for (size_t i = 0; i < WIDTH; i++) row[i] = (double)x[i];
    reference_encode(model, row, mean, logvar);
    reference_decode(model, mean, head);
    for (size_t j = 0; j < LATENT; j++)
        kl += (mean[j] * mean[j] + exp(logvar[j]) - logvar[j] - 1) / 2;
    return kl - reference_log_density(model, row, head);
}

static void scores_agree_with_the_reference(void **state) {
    vae_context *context = test_context("threads=2");
    (void)state;
    for (size_t l = 0; l < COUNT_OF(likelihoods); l++) {
        vae_model *model = open_model(context, likelihoods[l]);
        float x[ROWS * WIDTH];
        double score[ROWS], by_value[ROWS * WIDTH], kl[ROWS];
        fill_rows(model, x);
        assert_ok(vae_score(model, x, ROWS, WIDTH, NULL, score, by_value));
        assert_ok(vae_elbo(model, x, ROWS, WIDTH, 1, NULL, NULL, kl));
        for (size_t r = 0; r < ROWS; r++) {
            double total = kl[r];
            for (size_t i = 0; i < WIDTH; i++) total += by_value[r * WIDTH + i];
            test_near(score[r], total, 1e-12, likelihoods[l]);
            test_near(score[r], reference_score(model, x + r * WIDTH), test_tolerance(2e-5, 1e-10),
                      likelihoods[l]);
        }
        vae_model_destroy(model);
    }
    vae_context_destroy(context);
}

/* The squares of these deviations are no floats: one column far apart, or one that is held near a large value. */
static void far_values_have_finite_scores(void **state) {
    (void)state;
    for (int held = 0; held < 2; held++) {
        vae_model *model;
        vae_dataset *dataset;
        float x[ROWS];
        double score[ROWS], by_value[ROWS], sigma;
        for (size_t r = 0; r < ROWS; r++) x[r] = held ? 1e30f : 1e20f * ((float)r - 4);
        assert_ok(
            vae_model_create(NULL, "input=1 latent=1 likelihood=gaussian sigma=per_dim", &model));
        assert_ok(vae_dataset_from_memory(NULL, x, ROWS, 1, NULL, &dataset));
        assert_ok(vae_model_initialize(model, dataset));
        assert_ok(vae_model_sigma(model, &sigma, 1));
        assert_true(sigma > 0.9e20 && sigma < 1.1e26);
        if (held) x[0] = 1.001e30f;
        assert_ok(vae_score(model, x, ROWS, 1, NULL, score, by_value));
        for (size_t r = 0; r < ROWS; r++) {
            float mean, logvar, made;
            assert_ok(vae_encode(model, &x[r], 1, 1, &mean, &logvar));
            assert_ok(vae_decode(model, &mean, 1, 1, &made));
            double off = ((double)x[r] - (double)made) / sigma;
            double expected = (off * off + log(2 * 3.14159265358979323846)) / 2 + log(sigma);
            test_near(by_value[r], expected, 1e-4, "by value");
            assert_true(isfinite(score[r]));
        }
        vae_dataset_destroy(dataset);
        vae_model_destroy(model);
    }
}

/* At a fixed output layer: what the hook gives adds up to the row's log p, and each value's part depends on
 * that value alone (but for rates that the whole row's size multiplies). */
static void values_are_parts_of_their_row(void **state) {
    vae_context *context = test_context(NULL);
    (void)state;
    for (size_t l = 0; l < COUNT_OF(likelihoods); l++) {
        vae_model *model = open_model(context, likelihoods[l]);
        const vae__likelihood *likelihood = model->spec.likelihood;
        float rows[ROWS * WIDTH];
        vae__real x[WIDTH], a[2 * WIDTH], head[2 * WIDTH];
        double before[WIDTH], after[WIDTH], total = 0;
        size_t group = strcmp(likelihood->name, "categorical") ? 1 : 4;
        vae__likelihood_row row = {.kernels = context->kernels,
                                   .spec = &model->spec,
                                   .extra = vae__model_extra(model),
                                   .floor = vae__model_floor(model),
                                   .a = a,
                                   .x = x,
                                   .width = WIDTH,
                                   .weight = 1};
        fill_rows(model, rows);
        for (size_t i = 0; i < 2 * WIDTH; i++) head[i] = (vae__real)test_uniform(3, i, -1, 1);
        for (size_t i = 0; i < WIDTH; i++) x[i] = (vae__real)rows[i];
        memcpy(a, head, sizeof a);
        likelihood->by_value(&row, before);
        for (size_t i = 0; i < WIDTH; i++) total += before[i];
        memcpy(a, head, sizeof a);
        test_near(total, likelihood->row(&row), test_tolerance(2e-6, 1e-12), likelihoods[l]);
        for (size_t i = 0; i < group; i++) x[4 + i] = (vae__real)rows[WIDTH + 4 + i];
        memcpy(a, head, sizeof a);
        likelihood->by_value(&row, after);
        for (size_t i = 0; i < WIDTH && !strstr(likelihoods[l], "size="); i++) {
            if (i == 4) {
                assert_true(before[i] != after[i] || x[i] == (vae__real)rows[i]);
            } else {
                assert_true(before[i] == after[i]);
            }
            if (i % group) assert_true(before[i] == 0);
        }
        vae_model_destroy(model);
    }
    vae_context_destroy(context);
}

/* The row alone, and at places 0 and 7 of a call. */
static void a_row_scores_the_same_anywhere(void **state) {
    static const char *const options[] = {"at=mean", "samples=70 seed=3"};
    double tolerance = strstr(vae_build_info(), "builtin") ? 0 : 1e-5;
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        vae_context *context = test_context(threads == 1 ? NULL : "threads=2");
        vae_model *model = open_model(context, likelihoods[10]);
        for (size_t o = 0; o < COUNT_OF(options); o++) {
            float x[ROWS * WIDTH], alone[WIDTH];
            double score[ROWS], single, by_value[ROWS * WIDTH], single_by_value[WIDTH];
            fill_rows(model, x);
            memcpy(alone, x + 7 * WIDTH, sizeof alone);
            alone[3] = x[7 * WIDTH + 3] = -0.0f;
            memcpy(x, alone, sizeof alone);
            x[3] = 0.0f;
            assert_ok(vae_score(model, alone, 1, WIDTH, options[o], &single, single_by_value));
            assert_ok(vae_score(model, x, ROWS, WIDTH, options[o], score, by_value));
            test_near(score[0], single, tolerance, options[o]);
            test_near(score[7], single, tolerance, options[o]);
            for (size_t i = 0; i < WIDTH; i++)
                test_near(by_value[7 * WIDTH + i], single_by_value[i], tolerance, options[o]);
        }
        vae_model_destroy(model);
        vae_context_destroy(context);
    }
}

/* Computed apart: FNV-1a of the bytes 0000803f 00000000 00002040. */
static void the_key_is_a_hash_of_the_values(void **state) {
    const float row[] = {1, -0.0f, 2.5f}, other[] = {1, 0.0f, 2.5f}, swapped[] = {-0.0f, 1, 2.5f};
    (void)state;
    assert_true(vae__score_key(row, 3) == UINT64_C(0xf1be02ea2ce80af8));
    assert_true(vae__score_key(other, 3) == vae__score_key(row, 3));
    assert_true(vae__score_key(swapped, 3) != vae__score_key(row, 3));
}

/* Many samples: minus log p(x), which vae_log_likelihood estimates with other noise. */
static void samples_estimate_log_p(void **state) {
    vae_context *context = test_context(NULL);
    vae_model *model = open_model(context, likelihoods[0]);
    float x[ROWS * WIDTH];
    double score[ROWS], other_seed[ROWS], log_p[ROWS], error[ROWS];
    (void)state;
    fill_rows(model, x);
    assert_ok(vae_score(model, x, ROWS, WIDTH, "samples=4000", score, NULL));
    assert_ok(vae_score(model, x, ROWS, WIDTH, "samples=4000 seed=2", other_seed, NULL));
    assert_ok(vae_log_likelihood(model, x, ROWS, WIDTH, "samples=4000", log_p, error, NULL));
    for (size_t r = 0; r < ROWS; r++) {
        assert_true(error[r] < 0.1);
        assert_true(fabs(score[r] + log_p[r]) <= 5 * sqrt(2) * error[r]);
        assert_true(score[r] != other_seed[r] && score[r] != -log_p[r]);
    }
    vae_model_destroy(model);
    vae_context_destroy(context);
}

static void refusals_say_why(void **state) {
    vae_context *context = test_context(NULL);
    vae_model *model = open_model(context, likelihoods[0]);
    float x[ROWS * WIDTH];
    double score[ROWS];
    (void)state;
    fill_rows(model, x);
    assert_fails(vae_score(NULL, x, 1, WIDTH, NULL, score, NULL), VAE_ERROR_ARGUMENT, "model");
    assert_fails(vae_score(model, NULL, 1, WIDTH, NULL, score, NULL), VAE_ERROR_ARGUMENT, "x");
    assert_fails(vae_score(model, x, 1, WIDTH - 1, NULL, score, NULL), VAE_ERROR_WIDTH, "11");
    assert_fails(vae_score(model, x, 1, WIDTH, "at=median", score, NULL), VAE_ERROR_TEXT, "mean");
    assert_fails(vae_score(model, x, 1, WIDTH, "at=mean samples=3", score, NULL), VAE_ERROR_TEXT,
                 "samples");
    assert_fails(vae_score(model, x, 1, WIDTH, "seed=3", score, NULL), VAE_ERROR_TEXT, "samples=N");
    x[7 * WIDTH + 2] = 2;
    assert_fails(vae_score(model, x, ROWS, WIDTH, NULL, score, NULL), VAE_ERROR_DATA,
                 "row 7, column 2");
    assert_fails(vae_score(model, x, ROWS, WIDTH, "samples=2", score, NULL), VAE_ERROR_DATA,
                 "row 7, column 2");
    assert_ok(vae_score(model, NULL, 0, WIDTH, NULL, NULL, NULL));
    assert_ok(vae_score(model, x, 1, WIDTH, NULL, NULL, NULL));
    vae_model_destroy(model);
    vae_context_destroy(context);
}

static void a_steady_call_allocates_nothing(void **state) {
    vae_context *context = test_context(NULL);
    vae_model *model = open_model(context, likelihoods[10]);
    float x[ROWS * WIDTH];
    double score[ROWS], by_value[ROWS * WIDTH];
    uint64_t before, after;
    (void)state;
    fill_rows(model, x);
    assert_ok(vae_score(model, x, 1, WIDTH, "at=mean", score, by_value));
    vae_context_memory(context, NULL, NULL, &before);
    for (int i = 0; i < 3; i++)
        assert_ok(vae_score(model, x, ROWS, WIDTH, "at=mean", score, by_value));
    vae_context_memory(context, NULL, NULL, &after);
    assert_true(after == before);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_agree_with_the_reference),
        cmocka_unit_test(far_values_have_finite_scores),
        cmocka_unit_test(values_are_parts_of_their_row),
        cmocka_unit_test(a_row_scores_the_same_anywhere),
        cmocka_unit_test(the_key_is_a_hash_of_the_values),
        cmocka_unit_test(samples_estimate_log_p),
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(a_steady_call_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
