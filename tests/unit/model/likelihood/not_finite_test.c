/* A decoder output that is not a number, as overflow makes it, is never taken for one: the density
 * is NaN and a step refuses. */
#include <math.h>
#include <stdio.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

static const char *const specs[] = {
    "input=4 likelihood=bernoulli",
    "input=4 likelihood=continuous_bernoulli",
    "input=4 likelihood=discretized_logistic",
    "input=2x2 likelihood=categorical",
    "input=4 likelihood=poisson",
    "input=4 likelihood=poisson size=total",
    "input=4 likelihood=negative_binomial",
    "input=4 likelihood=gaussian sigma=0.5",
    "input=4 likelihood=gaussian sigma=shared",
    "input=4 likelihood=gaussian sigma=optimal",
    "input=4 likelihood=gaussian sigma=per_dim",
    "input=4 likelihood=gaussian sigma=decoder",
    "input=4 likelihood=gaussian standardize=1",
};

static vae_model *make(const char *spec) {
    char text[200];
    snprintf(text, sizeof text, "latent=2 %s", spec);
    vae_model *model = test_model(NULL, text, 0.5);
    const vae__parameter *scale = vae__parameters_find(&model->parameters, "input.scale");
    for (size_t i = 0; scale && i < scale->rows; i++) scale->values[i] = 2;
    return model;
}

/* Each output in turn, and each parameter that the likelihood has of its own. */
static void is_never_taken_for_a_number(void **state) {
    static const char *const names[] = {"likelihood.bias", "likelihood.log_sigma",
                                        "likelihood.log_dispersion", "posterior.bias"};
    static const float x[8] = {1, 0, 0, 1, 0, 1, 1, 0};
    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        vae_model *model = make(specs[s]);
        vae_optimizer *optimizer;
        double elbo[2];
        assert_ok(vae_optimizer_create(model, NULL, &optimizer));
        for (size_t n = 0; n < COUNT_OF(names); n++) {
            vae__parameter *parameter = vae__parameters_find(&model->parameters, names[n]);
            for (size_t i = 0; parameter && i < parameter->rows; i++) {
                vae__real kept = parameter->values[i];
                parameter->values[i] = (vae__real)NAN;
                assert_ok(vae_elbo(model, x, 2, 4, 1, elbo, NULL, NULL));
                if (!isnan(elbo[0]))
                    fail_msg("%s, %s %zu: ELBO %g", specs[s], names[n], i, elbo[0]);
                assert_fails(vae_step_rows(model, optimizer, x, 2, 4, NULL), VAE_ERROR_DIVERGED,
                             "finite");
                parameter->values[i] = kept;
            }
        }
        if (vae_step_rows(model, optimizer, x, 2, 4, NULL))
            fail_msg("%s: %s", specs[s], vae_last_error());
        vae_optimizer_destroy(optimizer);
        vae_model_destroy(model);
    }
}

/* Columns far rarer than the others, relative to a size that they hardly add to. */
static void counts_start_finite(void **state) {
    static const char *const counts[] = {"poisson", "poisson size=total", "negative_binomial",
                                         "negative_binomial size=total"};
    static const float x[12] = {1e9f};
    (void)state;
    for (size_t s = 0; s < COUNT_OF(counts); s++) {
        char text[100];
        double elbo[3];
        vae_dataset *dataset;
        snprintf(text, sizeof text, "input=4 likelihood=%s", counts[s]);
        vae_model *model = make(text);
        assert_ok(vae_dataset_from_memory(NULL, x, 3, 4, NULL, &dataset));
        assert_ok(vae_model_initialize(model, dataset));
        for (size_t i = 0; i < model->parameters.block_count; i++)
            assert_true(isfinite(model->parameters.block[i]));
        assert_ok(vae_elbo(model, x, 3, 4, 1, elbo, NULL, NULL));
        for (size_t i = 0; i < 3; i++) assert_true(isfinite(elbo[i]));
        vae_dataset_destroy(dataset);
        vae_model_destroy(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_never_taken_for_a_number),
        cmocka_unit_test(counts_start_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
