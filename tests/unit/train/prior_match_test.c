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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_a_standard_prior_costs),
        cmocka_unit_test(distance_falls_with_a_fitted_prior),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
