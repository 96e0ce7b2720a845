/* What vae_evaluate says of the prior: what N(0, I) would cost, and the distance of the aggregated posterior to p(z). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

enum { ROWS = 2000, WIDTH = 3 };

static float rows[ROWS * WIDTH];

typedef struct figures {
    double kl, kl_standard, distance;
} figures;

static figures of(const vae_model *model, const char *options) {
    vae_evaluation *evaluation;
    vae_dataset *data;
    figures f;
    assert_ok(vae_dataset_from_memory(NULL, rows, ROWS, WIDTH, NULL, &data));
    assert_ok(vae_evaluate(model, data, NULL, options, NULL, NULL, &evaluation));
    assert_ok(vae_evaluation_value(evaluation, "kl", &f.kl));
    assert_ok(vae_evaluation_value(evaluation, "prior_distance", &f.distance));
    if (vae_evaluation_value(evaluation, "kl_standard", &f.kl_standard))
        f.kl_standard = (double)NAN;
    vae_evaluation_destroy(evaluation);
    vae_dataset_destroy(data);
    return f;
}

/* mean = x - 1, shifted, so that q(z) is far from N(0, I), and logvar about -2. */
static vae_model *make(void) {
    static const float weight[2 * WIDTH * WIDTH] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    static const float bias[2 * WIDTH] = {-1, -1, -1, -2, -2, -2};
    vae_model *model;
    test_values(rows, COUNT_OF(rows), 4, 3, 5);
    assert_ok(vae_model_create(NULL, "input=3 latent=3 likelihood=gaussian", &model));
    assert_ok(vae_model_parameter_set(model, "posterior.weight", weight, COUNT_OF(weight)));
    assert_ok(vae_model_parameter_set(model, "posterior.bias", bias, COUNT_OF(bias)));
    return model;
}

static void says_what_a_standard_prior_costs(void **state) {
    (void)state;
    vae_model *model = make();
    figures before = of(model, "baselines=0");
    assert_true(isnan(before.kl_standard)); /* it is the kl itself */
    assert_ok(vae_model_set_prior(model, "mixture:1"));
    figures after = of(model, "baselines=0");
    test_near(after.kl_standard, before.kl, test_tolerance(1e-5, 1e-10), "kl_standard");
    vae_model_destroy(model);
}

static void distance_falls_with_a_fitted_prior(void **state) {
    vae_dataset *data;
    (void)state;
    vae_model *model = make();
    assert_true(of(model, "baselines=0").distance > 0.5);
    assert_ok(vae_model_set_prior(model, "mixture:8"));
    assert_ok(vae_dataset_from_memory(NULL, rows, ROWS, WIDTH, NULL, &data));
    assert_ok(vae_model_fit_prior(model, data, NULL, NULL, NULL));
    for (int seed = 1; seed < 6; seed++) {
        char options[40];
        snprintf(options, sizeof options, "baselines=0 seed=%d", seed);
        double distance = of(model, options).distance;
        assert_true(distance >= 0 && distance < 0.01);
    }
    vae_dataset_destroy(data);
    vae_model_destroy(model);
}

/* Rows whose aggregated posterior is N(0, I): the statistic is about 0 whatever their number, where a mean over pairs that
 * are one draw twice would make it about 1 / rows. */
static void few_rows_are_no_bias(void **state) {
    static const float weight[2 * WIDTH * WIDTH] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    static const float bias[2 * WIDTH] = {0, 0, 0, -14, -14, -14};
    enum { FEW = 20, SETS = 60 };
    double total = 0;
    vae_model *model;
    (void)state;
    assert_ok(vae_model_create(NULL, "input=3 latent=3 likelihood=gaussian", &model));
    assert_ok(vae_model_parameter_set(model, "posterior.weight", weight, COUNT_OF(weight)));
    assert_ok(vae_model_parameter_set(model, "posterior.bias", bias, COUNT_OF(bias)));
    for (int set = 0; set < SETS; set++) {
        vae_evaluation *evaluation;
        vae_dataset *data;
        double distance;
        char options[40];
        float x[FEW * WIDTH];
        const vae__stream stream = {(uint64_t)set, 0, VAE__PURPOSE_DRAW, 0};
        for (size_t i = 0; i < COUNT_OF(x); i++)
            x[i] = (float)vae__random_normal(vae__random_uniform(&stream, (uint32_t)i, 0),
                                             vae__random_uniform(&stream, (uint32_t)i, 1));
        snprintf(options, sizeof options, "baselines=0 seed=%d", set);
        assert_ok(vae_dataset_from_memory(NULL, x, FEW, WIDTH, NULL, &data));
        assert_ok(vae_evaluate(model, data, NULL, options, NULL, NULL, &evaluation));
        assert_ok(vae_evaluation_value(evaluation, "prior_distance", &distance));
        total += distance / SETS;
        vae_evaluation_destroy(evaluation);
        vae_dataset_destroy(data);
    }
    print_message("mean statistic of %d rows: %.4f\n", FEW, total);
    assert_true(total <
                0.6 / FEW); /* what chance leaves above 0; with the bias it is above 1 / FEW */
    vae_model_destroy(model);
}

/* One row is no sample, and what overflows is no match. */
static void says_nothing_where_there_is_nothing(void **state) {
    vae_evaluation *evaluation;
    vae_dataset *data;
    double value;
    (void)state;
    vae_model *model = make();
    assert_ok(vae_dataset_from_memory(NULL, rows, 1, WIDTH, NULL, &data));
    assert_ok(vae_evaluate(model, data, NULL, "baselines=0", NULL, NULL, &evaluation));
    assert_fails(vae_evaluation_value(evaluation, "prior_distance", &value), VAE_ERROR_UNSUPPORTED,
                 "prior_distance");
    vae_evaluation_destroy(evaluation);
    vae_dataset_destroy(data);
    assert_ok(vae_model_set_prior(model, "mixture:2"));
    vae__parameter *whitening = test_parameter(model, "prior.whitening");
    for (size_t i = 0; i < WIDTH; i++) whitening->values[i] = -1000; /* exp(1000) */
    assert_ok(vae_dataset_from_memory(NULL, rows, ROWS, WIDTH, NULL, &data));
    assert_fails(vae_evaluate(model, data, NULL, "baselines=0", NULL, NULL, &evaluation),
                 VAE_ERROR_DIVERGED, "draws from the prior are not finite");
    vae_dataset_destroy(data);
    vae_model_destroy(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_a_standard_prior_costs),
        cmocka_unit_test(distance_falls_with_a_fitted_prior),
        cmocka_unit_test(few_rows_are_no_bias),
        cmocka_unit_test(says_nothing_where_there_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
