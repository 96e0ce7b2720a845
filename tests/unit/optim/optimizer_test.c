#include <float.h>
#include <math.h>
#include <string.h>

#include "optim/optimizer.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

#define PI 3.14159265358979323846

/* ---- schedules ---- */

static const vae__optimizer_settings plain = {.learning_rate = 0.4, .gamma = 0.1};

static void check_rate(const vae__optimizer_settings *s, uint64_t step, double expected) {
    char what[60];
    snprintf(what, sizeof what, "schedule %d, step %llu", s->schedule, (unsigned long long)step);
    test_near(vae__learning_rate(s, step), expected, 1e-14, what);
}

static void constant_stays(void **state) {
    (void)state;
    for (uint64_t step = 1; step < 1000; step += 99) check_rate(&plain, step, 0.4);
}

static void cosine_ends_at_zero(void **state) {
    vae__optimizer_settings s = plain;
    (void)state;
    s.schedule = VAE__SCHEDULE_COSINE;
    s.schedule_steps = 10;
    for (uint64_t t = 0; t < 10; t++)
        check_rate(&s, t + 1, 0.4 * (1 + cos(PI * (double)t / 10)) / 2);
    check_rate(&s, 1, 0.4);
    check_rate(&s, 6, 0.2);
    check_rate(&s, 11, 0);
    check_rate(&s, 1000000, 0);
}

static void exponential_falls(void **state) {
    vae__optimizer_settings s = plain;
    (void)state;
    s.schedule = VAE__SCHEDULE_EXPONENTIAL;
    s.schedule_steps = 100;
    s.gamma = 0.25;
    for (uint64_t t = 0; t <= 400; t += 50) check_rate(&s, t + 1, 0.4 * pow(0.25, (double)t / 100));
}

static void steps_fall_at_milestones(void **state) {
    vae__optimizer_settings s = plain;
    (void)state;
    s.schedule = VAE__SCHEDULE_STEPS;
    s.gamma = 0.5;
    s.milestones = (vae__milestones){{5, 10}, 2};
    for (uint64_t t = 0; t < 20; t++) check_rate(&s, t + 1, t < 5 ? 0.4 : t < 10 ? 0.2 : 0.1);
}

/* The schedule's own time starts behind the warm-up. */
static void warms_up(void **state) {
    vae__optimizer_settings s = plain;
    (void)state;
    s.warmup = 4;
    for (uint64_t step = 1; step <= 4; step++) check_rate(&s, step, 0.1 * (double)step);
    check_rate(&s, 5, 0.4);
    s.schedule = VAE__SCHEDULE_COSINE;
    s.schedule_steps = 10;
    check_rate(&s, 2, 0.2);
    check_rate(&s, 5, 0.4);
    check_rate(&s, 10, 0.2);
    check_rate(&s, 15, 0);
    s.schedule = VAE__SCHEDULE_STEPS;
    s.milestones = (vae__milestones){{1}, 1};
    check_rate(&s, 5, 0.4);
    check_rate(&s, 6, 0.04);
}

/* schedule_from moves the schedule's own time, and no warm-up. */
static void starts_where_it_is_told_to(void **state) {
    static const int schedules[] = {VAE__SCHEDULE_COSINE, VAE__SCHEDULE_EXPONENTIAL,
                                    VAE__SCHEDULE_STEPS};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(schedules); i++) {
        vae__optimizer_settings s = plain, later = plain;
        s.schedule = schedules[i];
        s.schedule_steps = 10;
        s.milestones = (vae__milestones){{3, 7}, 2};
        later = s;
        later.schedule_from = 100;
        for (uint64_t step = 1; step <= 100; step++) check_rate(&later, step, 0.4);
        for (uint64_t step = 1; step < 30; step++)
            check_rate(&later, 100 + step, vae__learning_rate(&s, step));
        later.warmup = 8; /* long over */
        check_rate(&later, 2, 0.1);
        for (uint64_t step = 1; step < 30; step++)
            check_rate(&later, 100 + step, vae__learning_rate(&s, step));
        later.warmup = 120; /* still under way: the schedule follows it */
        check_rate(&later, 105, 0.4 * 105 / 120);
        for (uint64_t step = 1; step < 30; step++)
            check_rate(&later, 120 + step, vae__learning_rate(&s, step));
        later.schedule_from = UINT64_MAX;
        check_rate(&later, UINT64_MAX, 0.4);
    }
}

/* ---- finite or not at all ---- */

enum { COUNT = 1000 };

typedef struct fixture {
    vae_context *context;
    vae__real *parameters, *gradient;
    vae__optimizer_settings settings;
    vae__optimizer_state state;
} fixture;

static void begin(fixture *f, const vae__rule *rule) {
    *f = (fixture){.context = test_context(NULL),
                   .settings = {.learning_rate = 1e-3,
                                .beta1 = 0.9,
                                .beta2 = 0.999,
                                .eps = 1e-8,
                                .momentum = 0.9,
                                .gamma = 0.1}};
    f->parameters = vae__allocate(f->context, COUNT, sizeof(vae__real));
    f->gradient = vae__allocate(f->context, COUNT, sizeof(vae__real));
    for (size_t i = 0; i < COUNT; i++) {
        f->parameters[i] = (vae__real)test_uniform(1, i, -1, 1);
        f->gradient[i] = (vae__real)test_uniform(2, i, -1, 1);
    }
    assert_ok(
        vae__optimizer_state_make(f->context, rule, &f->settings, f->parameters, COUNT, &f->state));
}

static void end(fixture *f) {
    vae__optimizer_state_free(&f->state);
    vae__release(f->context, f->parameters);
    vae__release(f->context, f->gradient);
    assert_int_equal(atomic_load(&f->context->bytes), sizeof *f->context);
    vae_context_destroy(f->context);
}

static void update(fixture *f) {
    vae__update made;
    vae__update_begin(&f->state, &f->settings, 1, &made);
    vae__update_apply(&made, 0, COUNT, f->gradient);
    f->state.steps++;
}

static int would_be_finite(fixture *f) {
    vae__update made;
    vae__update_begin(&f->state, &f->settings, 1, &made);
    return vae__update_would_be_finite(&made, 0, COUNT, f->gradient);
}

static int all_finite(const fixture *f) {
    for (size_t i = 0; i < COUNT; i++) {
        if (!isfinite(f->parameters[i])) return 0;
        for (size_t m = 0; m < VAE__MOST_MOMENTS; m++) {
            if (f->state.moments[m] && !isfinite(f->state.moments[m][i])) return 0;
        }
    }
    return 1;
}

static double largest_real(void) {
    return sizeof(vae__real) == sizeof(float) ? (double)FLT_MAX : DBL_MAX;
}

static void knows_what_is_unsafe(void **state) {
    (void)state;
    for (size_t i = 0; vae__rules[i]; i++) {
        fixture f;
        begin(&f, vae__rules[i]);
        assert_true(vae__optimizer_is_safe(&f.state, &f.settings, 1));
        assert_true(vae__optimizer_is_safe(&f.state, &f.settings, 0));
        assert_false(vae__optimizer_is_safe(&f.state, &f.settings, (double)NAN));
        assert_false(vae__optimizer_is_safe(&f.state, &f.settings, (double)INFINITY));
        assert_false(vae__optimizer_is_safe(&f.state, &f.settings, largest_real()));
        assert_false(vae__optimizer_is_safe(&f.state, &f.settings, sqrt(largest_real())));
        f.settings.learning_rate = largest_real();
        assert_false(vae__optimizer_is_safe(&f.state, &f.settings, 1));
        f.settings.learning_rate = 1e-3;
        assert_true(vae__optimizer_is_safe(&f.state, &f.settings, 1));
        f.parameters[COUNT / 2] = (vae__real)(largest_real() / 2);
        vae__optimizer_measure(&f.state);
        assert_false(vae__optimizer_is_safe(&f.state, &f.settings, 1));
        end(&f);
    }
}

/* Bounds that have grown over many steps are measured anew before a step is called unsafe. */
static void stays_safe_for_long(void **state) {
    (void)state;
    for (size_t i = 0; vae__rules[i]; i++) {
        fixture f;
        begin(&f, vae__rules[i]);
        f.settings.learning_rate = 1;
        for (int step = 0; step < 200; step++) {
            if (!vae__optimizer_is_safe(&f.state, &f.settings, 1e6))
                fail_msg("%s: step %d", vae__rules[i]->name, step);
            update(&f);
        }
        assert_true(all_finite(&f));
        end(&f);
    }
}

/* What is called safe is finite, whatever the size of gradient, parameter, rate and decay. */
static void safe_is_finite(void **state) {
    (void)state;
    for (size_t trial = 0; trial < 400; trial++) {
        fixture f;
        double span = log10(largest_real());
        begin(&f, vae__rules[trial % 3]);
        double size = pow(10, test_uniform(3, trial, -3, span / 2)),
               parameter = pow(10, test_uniform(4, trial, -3, span));
        f.settings.learning_rate = pow(10, test_uniform(5, trial, -5, 6));
        f.settings.weight_decay = trial % 5 ? 0 : pow(10, test_uniform(6, trial, -3, 3));
        for (size_t i = 0; i < COUNT; i++) {
            f.parameters[i] = (vae__real)((double)f.parameters[i] * parameter);
            f.gradient[i] = (vae__real)((double)f.gradient[i] * size);
        }
        vae__optimizer_measure(&f.state);
        for (int step = 0; step < 3 && all_finite(&f); step++) {
            int safe = vae__optimizer_is_safe(&f.state, &f.settings, size);
            int finite = would_be_finite(&f);
            if (safe && !finite) fail_msg("trial %zu, step %d", trial, step);
            update(&f);
            assert_int_equal(all_finite(&f), finite);
        }
        end(&f);
    }
}

/* One bad value among many is seen, wherever it is, and nothing is written. */
static void trial_writes_nothing(void **state) {
    static const size_t places[] = {0, 1, 255, 256, 257, 511, COUNT - 1};
    const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, largest_real()};
    (void)state;
    for (size_t r = 0; vae__rules[r]; r++) {
        for (size_t p = 0; p < COUNT_OF(places); p++) {
            for (size_t b = 0; b < COUNT_OF(bad); b++) {
                fixture f;
                vae__real before[3][COUNT];
                int is_sgd = vae__rules[r] == &vae__rule_sgd;
                begin(&f, vae__rules[r]);
                if (is_sgd) f.settings.learning_rate = 1e6; /* lr g overflows; adam squares g */
                update(&f);
                memcpy(before[0], f.parameters, sizeof before[0]);
                memcpy(before[1], f.state.moments[0], sizeof before[1]);
                if (!is_sgd) memcpy(before[2], f.state.moments[1], sizeof before[2]);
                assert_true(would_be_finite(&f));
                f.gradient[places[p]] = (vae__real)bad[b];
                assert_false(would_be_finite(&f));
                assert_memory_equal(before[0], f.parameters, sizeof before[0]);
                assert_memory_equal(before[1], f.state.moments[0], sizeof before[1]);
                if (!is_sgd) assert_memory_equal(before[2], f.state.moments[1], sizeof before[2]);
                assert_int_equal(f.state.steps, 1);
                end(&f);
            }
        }
    }
}

/* ---- one update against the formulas, in double ---- */

static void updates_as_published(void **state) {
    (void)state;
    for (size_t r = 0; vae__rules[r]; r++) {
        for (int nesterov = 0; nesterov < 2; nesterov++) {
            fixture f;
            begin(&f, vae__rules[r]);
            f.settings.learning_rate = 0.01;
            f.settings.weight_decay = 0.1;
            f.settings.nesterov = nesterov;
            double p = (double)f.parameters[3], m = 0, v = 0;
            for (int step = 1; step <= 3; step++) {
                double g = (double)f.gradient[3];
                if (vae__rules[r] == &vae__rule_adamw) {
                    p *= 1 - 0.01 * 0.1;
                } else {
                    g += 0.1 * p;
                }
                if (vae__rules[r] == &vae__rule_sgd) {
                    m = step == 1 ? g : 0.9 * m + g;
                    p -= 0.01 * (nesterov ? g + 0.9 * m : m);
                } else {
                    m = 0.9 * m + 0.1 * g;
                    v = 0.999 * v + 0.001 * g * g;
                    p -=
                        0.01 * m / (1 - pow(0.9, step)) / (sqrt(v / (1 - pow(0.999, step))) + 1e-8);
                }
                update(&f);
            }
            test_near((double)f.parameters[3], p, test_tolerance(1e-6, 1e-13), vae__rules[r]->name);
            end(&f);
        }
    }
}

/* Adam's corrections cancel in the first update, which is lr g / |g|, however near 1 the decays are. */
static void first_update_is_the_rate(void **state) {
    (void)state;
    for (int mean = 0; mean < 2; mean++) {
        fixture f;
        begin(&f, &vae__rule_adam);
        f.settings.learning_rate = 0.5;
        *(mean ? &f.settings.beta1 : &f.settings.beta2) = 0.9999999;
        double before = (double)f.parameters[3], g = (double)f.gradient[3];
        update(&f);
        test_near((double)f.parameters[3] - before, g > 0 ? -0.5 : 0.5, test_tolerance(1e-6, 1e-7),
                  mean ? "beta1 near 1" : "beta2 near 1");
        end(&f);
    }
}

static void needs_memory_for_moments(void **state) {
    (void)state;
    for (size_t r = 0; vae__rules[r]; r++) {
        fixture f;
        vae__optimizer_state other;
        begin(&f, vae__rules[r]);
        for (size_t blocks = 0; blocks < vae__rules[r]->moments(&f.settings); blocks++) {
            size_t held = atomic_load(&f.context->bytes);
            f.context->memory_limit = held + blocks * (COUNT * sizeof(vae__real) + 200);
            assert_int_equal(vae__optimizer_state_make(f.context, vae__rules[r], &f.settings,
                                                       f.parameters, COUNT, &other),
                             VAE_ERROR_LIMIT);
            assert_int_equal(atomic_load(&f.context->bytes), held);
        }
        f.context->memory_limit = SIZE_MAX;
        end(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_stays),
        cmocka_unit_test(cosine_ends_at_zero),
        cmocka_unit_test(exponential_falls),
        cmocka_unit_test(steps_fall_at_milestones),
        cmocka_unit_test(warms_up),
        cmocka_unit_test(starts_where_it_is_told_to),
        cmocka_unit_test(knows_what_is_unsafe),
        cmocka_unit_test(stays_safe_for_long),
        cmocka_unit_test(safe_is_finite),
        cmocka_unit_test(trial_writes_nothing),
        cmocka_unit_test(updates_as_published),
        cmocka_unit_test(first_update_is_the_rate),
        cmocka_unit_test(needs_memory_for_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
