/* Schedules, steps and predictions: against their formulas, steps that skip others against consecutive ones, and the ends of
 * both schedules. */
#include <math.h>
#include <stdlib.h>

#include "diffusion/prediction.h"
#include "diffusion/sampler.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

static vae__noise_schedule make(vae_context *context, int kind, size_t steps, int variance) {
    vae__noise_schedule s;
    assert_ok(vae__noise_schedule_make(context, kind, steps, variance, &s));
    return s;
}

/* linear: b_t from 1e-4 to 0.02 at T = 1000, and the same noise in all at another T. */
static void linear_is_ho_s(void **state) {
    vae_context *context = test_context(NULL);
    (void)state;
    vae__noise_schedule s = make(context, VAE__NOISE_LINEAR, 1000, VAE__VARIANCE_LARGE);
    double a = 1;
    for (size_t t = 1; t <= 1000; t++) {
        a *= 1 - (1e-4 + (0.02 - 1e-4) * (double)(t - 1) / 999);
        test_near(s.retained[t] / a, 1, 1e-12, "A_t");
    }
    test_near(s.retained[1000], 4.03582976537e-05, 1e-15, "A_T of T = 1000");
    vae__noise_schedule few = make(context, VAE__NOISE_LINEAR, 100, VAE__VARIANCE_LARGE);
    assert_true(few.retained[100] < 4e-5 && few.retained[100] > 1e-5); /* b is scaled with T */
    vae__noise_schedule_free(&s);
    vae__noise_schedule_free(&few);
    assert_fails(vae__noise_schedule_make(context, VAE__NOISE_LINEAR, 20, 0, &s), VAE_ERROR_TEXT,
                 "needs more than 20 steps, found 20");
    assert_fails(vae__noise_schedule_make(context, VAE__NOISE_COSINE, 0, 0, &s), VAE_ERROR_TEXT,
                 "expected 1 to 65536");
    vae_context_destroy(context);
}

static void cosine_is_nichol_s(void **state) {
    vae_context *context = test_context(NULL);
    (void)state;
    vae__noise_schedule s = make(context, VAE__NOISE_COSINE, 50, VAE__VARIANCE_LARGE);
    double first = pow(cos(0.008 / 1.008 * acos(0)), 2);
    for (size_t t = 1; t < 50; t++)
        test_near(s.retained[t], pow(cos(((double)t / 50 + 0.008) / 1.008 * acos(0)), 2) / first,
                  1e-12, "A_t");
    test_near(s.retained[50] / s.retained[49], 1 - 0.999, 1e-12, "b_T is clipped");
    vae__noise_schedule_free(&s);
    s = make(context, VAE__NOISE_COSINE, 1, VAE__VARIANCE_LARGE);
    test_near(s.retained[1], 0.001, 1e-12, "T = 1");
    vae__noise_schedule_free(&s);
    vae_context_destroy(context);
}

/* The posterior by completing the square: precision of q(x_to|x_t, x_0). */
static void steps_are_the_posterior(void **state) {
    static const size_t pairs[][2] = {{2, 1}, {40, 39}, {100, 99}, {100, 60}, {37, 3}};
    vae_context *context = test_context(NULL);
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        vae__noise_schedule s = make(context, kind, 100, VAE__VARIANCE_LARGE);
        for (size_t i = 0; i < COUNT_OF(pairs); i++) {
            size_t t = pairs[i][0], to = pairs[i][1];
            const vae__noise_step step = vae__noise_step_of(&s, t, to, 0);
            double a = s.retained[t] / s.retained[to], b = 1 - a;
            double precision = a / b + 1 / (1 - s.retained[to]);
            test_near(step.added, b, 1e-14, "b'");
            test_near(step.small, 1 / precision, 1e-12, "small");
            test_near(step.of_data, sqrt(s.retained[to]) / (1 - s.retained[to]) / precision, 1e-12,
                      "of x_0");
            test_near(step.of_noisy, sqrt(a) / b / precision, 1e-12, "of x_t");
        }
        const vae__noise_step last = vae__noise_step_of(&s, 1, 0, 2);
        assert_true(last.is_last);
        test_near(last.of_data, 1, 1e-12, "the last step's mean is the prediction");
        test_near(last.of_noisy, 0, 1e-12, "of x_1");
        test_near(last.small, vae__noise_step_of(&s, 2, 1, 3).small, 1e-15,
                  "the second step's small variance");
        vae__noise_schedule_free(&s);
    }
    vae_context_destroy(context);
}

static void variances_are_in_order(void **state) {
    vae_context *context = test_context(NULL);
    (void)state;
    vae__noise_schedule s = make(context, VAE__NOISE_COSINE, 100, VAE__VARIANCE_LEARNED);
    for (size_t t = 1; t <= 100; t++) {
        const vae__noise_step step = vae__noise_step_of(&s, t, t - 1, t < 100 ? t + 1 : 0);
        assert_true(step.small > 0 && step.small <= step.added);
        test_near(vae__noise_variance(&s, &step, 0, 1) / step.added, 1, 1e-12, "v = 1 is large");
        test_near(vae__noise_variance(&s, &step, 0, -1) / step.small, 1, 1e-12, "v = -1 is small");
    }
    vae__noise_schedule_free(&s);
    vae_context_destroy(context);
}

/* x_0 and the noise from each prediction, and noise prediction given up where hardly any data is left. */
static void predictions_agree(void **state) {
    static const double retained[] = {0.9999, 0.5, 2e-4, 5e-5};
    double x0 = 0.3, noise = -1.7;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(retained); i++) {
        double a = retained[i], x_t = sqrt(a) * x0 + sqrt(1 - a) * noise;
        for (int kind = 0; kind < 3; kind++) {
            const vae__prediction p = vae__prediction_of(kind, a);
            double target = p.of_data * x0 + p.of_noise * noise;
            test_near(p.of_noisy * x_t + p.of_prediction * target, x0, 1e-12, "x_0");
        }
        int in_force = vae__prediction_in_force(VAE__PREDICT_NOISE, a);
        assert_int_equal(in_force, a < 1e-4 ? VAE__PREDICT_V : VAE__PREDICT_NOISE);
    }
}

static void lists_of_steps(void **state) {
    static const uint32_t trailing[] = {999, 922, 845, 768, 691, 614, 537,
                                        461, 384, 307, 230, 153, 76};
    static const uint32_t leading[] = {900, 800, 700, 600, 500, 400, 300, 200, 100, 0};
    static const uint32_t linspace[] = {999, 749, 500, 250, 0};
    uint32_t list[1000];
    (void)state;
    assert_ok(vae__sampler_list(VAE__SPACING_TRAILING, 1000, 13, list));
    for (size_t i = 0; i < 13; i++) assert_int_equal(list[i], trailing[i] + 1);
    assert_ok(vae__sampler_list(VAE__SPACING_LEADING, 1000, 10, list));
    for (size_t i = 0; i < 10; i++) assert_int_equal(list[i], leading[i] + 1);
    assert_ok(vae__sampler_list(VAE__SPACING_LINSPACE, 1000, 5, list));
    for (size_t i = 0; i < 5; i++) assert_int_equal(list[i], linspace[i] + 1);
    for (int spacing = 0; spacing < 3; spacing++) {
        for (size_t n = 1; n <= 1000; n++) {
            assert_ok(vae__sampler_list(spacing, 1000, n, list));
            for (size_t i = 0; i < n; i++) {
                assert_in_range(list[i], 1, 1000);
                if (i) assert_true(list[i] < list[i - 1]);
            }
        }
        for (size_t i = 0; i < 1000; i++) assert_int_equal(list[i], 1000 - i);
    }
    assert_fails(vae__sampler_list(0, 1000, 1001, list), VAE_ERROR_TEXT, "expected 1 to 1000");
    assert_fails(vae__sampler_list(0, 1000, 0, list), VAE_ERROR_TEXT, "expected 1 to 1000");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_is_ho_s),          cmocka_unit_test(cosine_is_nichol_s),
        cmocka_unit_test(steps_are_the_posterior), cmocka_unit_test(variances_are_in_order),
        cmocka_unit_test(predictions_agree),       cmocka_unit_test(lists_of_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
