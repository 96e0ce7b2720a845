/* The bound's terms, estimates and losses: data for which the best prediction is known in closed form, so that log p(x) and
 * each term are too; whole paths of the true reverse chain; quadrature for few steps; gradients by differences; the
 * discretised Gaussian to its ends. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diffusion/bound.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

#define LOG_2_PI 1.83787706640934548356

enum { ROWS = 50, WIDTH = 3 };

/* Values of data N(m, s^2), and the best prediction of x_0 from x_t: its mean given x_t. */
typedef struct world {
    vae_context *context;
    vae__diffusion diffusion;
    double m, s;
} world;

static vae_status predict_best(void *user, const vae__real *x, size_t rows, const vae__real *t,
                               int one_step, vae__real *output) {
    const world *w = user;
    const vae__diffusion *d = &w->diffusion;
    for (size_t r = 0; r < rows; r++) {
        double a = d->schedule.retained[(size_t)t[one_step ? 0 : r]];
        const vae__prediction p = vae__prediction_of(d->predict, a);
        for (size_t j = 0; j < d->width; j++) {
            double x_t = (double)x[r * d->width + j];
            double gain = sqrt(a) * w->s * w->s / (a * w->s * w->s + 1 - a);
            double x0 = w->m + gain * (x_t - sqrt(a) * w->m);
            double noise = (x_t - sqrt(a) * x0) / sqrt(1 - a);
            output[r * d->width + j] = (vae__real)(p.of_data * x0 + p.of_noise * noise);
        }
    }
    return VAE_OK;
}

static world make(int kind, size_t steps, int variance, int predict, double m, double s) {
    world w = {.context = test_context(NULL), .m = m, .s = s};
    w.diffusion = (vae__diffusion){.predict = predict, .width = WIDTH};
    assert_ok(vae__noise_schedule_make(w.context, kind, steps, variance, &w.diffusion.schedule));
    return w;
}

static void release(world *w) {
    vae__noise_schedule_free(&w->diffusion.schedule);
    vae_context_destroy(w->context);
}

static double log_normal(double x, double mean, double variance) {
    return -0.5 * (LOG_2_PI + log(variance) + (x - mean) * (x - mean) / variance);
}

typedef struct fixture {
    vae__real x0[ROWS * WIDTH], *room;
    vae__denoise denoise;
    vae__diffusion_rows rows;
} fixture;

static fixture *begin(world *w) {
    fixture *f = calloc(1, sizeof *f);
    const vae__stream stream = {77, 0, VAE__PURPOSE_DRAW, 0};
    w->context->kernels->normals(&stream, 0, ROWS, 1, WIDTH, f->x0);
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        f->x0[i] = (vae__real)(w->m + w->s * (double)f->x0[i]);
    f->room = malloc(vae__diffusion_room(&w->diffusion, ROWS) * sizeof *f->room);
    f->denoise = (vae__denoise){&w->diffusion, predict_best, w};
    f->rows = (vae__diffusion_rows){
        f->x0, ROWS, 0, {3, 0, VAE__PURPOSE_PRIOR, 0}, w->context->kernels, f->room};
    return f;
}

static void end(fixture *f) {
    free(f->room);
    free(f);
}

/* The true reverse chain of N(0, I) has variance b: the weight of every path is log p(x). */
static void paths_of_the_true_chain_are_exact(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        for (int predict = 0; predict < 3; predict++) {
            world w = make(kind, 100, VAE__VARIANCE_LARGE, predict, 0, 1);
            fixture *f = begin(&w);
            double weight[ROWS], bound[ROWS], error[ROWS];
            for (uint64_t path = 0; path < 3; path++) {
                assert_ok(vae__diffusion_path_weight(&f->denoise, &f->rows, path, weight));
                for (size_t r = 0; r < ROWS; r++) {
                    double log_p = 0;
                    for (size_t j = 0; j < WIDTH; j++)
                        log_p += log_normal((double)f->x0[r * WIDTH + j], 0, 1);
                    test_near(weight[r], log_p, test_tolerance(2e-3, 1e-11), "weight of a path");
                }
            }
            assert_ok(vae__diffusion_sum_bound(&f->denoise, &f->rows, 100, bound, error));
            double mean = 0, log_p = 0;
            for (size_t r = 0; r < ROWS; r++) {
                mean += bound[r] / ROWS;
                for (size_t j = 0; j < WIDTH; j++)
                    log_p += log_normal((double)f->x0[r * WIDTH + j], 0, 1) / ROWS;
            }
            test_near(mean, log_p, 0.2, "the bound's mean is log p");
            end(f);
            release(&w);
        }
    }
}

/* KL from an exact posterior with variance small to one with the same mean's best guess and variance small: the gap is known
 * for each step (ratio of b and small). */
static void small_has_its_known_gap(void **state) {
    static const struct {
        int kind;
        size_t steps;
        double gap;
    } all[] = {{VAE__NOISE_COSINE, 100, 0.839},
               {VAE__NOISE_COSINE, 1000, 0.535},
               {VAE__NOISE_LINEAR, 100, 1.369},
               {VAE__NOISE_LINEAR, 1000, 0.579}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        double gap[2] = {0, 0};
        for (int variance = 0; variance < 2; variance++) {
            world w =
                make(all[i].kind, all[i].steps,
                     variance ? VAE__VARIANCE_SMALL : VAE__VARIANCE_LARGE, VAE__PREDICT_V, 0, 1);
            const vae__diffusion *d = &w.diffusion;
            /* In expectation over x_t: KL_t = (ratio - 1 - log ratio + E from^2 / variance) / 2, for each value, with
             * E from^2 = of_data^2 (1 - A_t), the variance of x_0 given x_t. */
            for (size_t t = 1; t <= d->schedule.steps; t++) {
                const vae__noise_step s =
                    vae__noise_step_of(&d->schedule, t, t - 1, t < d->schedule.steps ? t + 1 : 0);
                double v = vae__noise_variance(&d->schedule, &s, 0, 0);
                double square = s.of_data * s.of_data * (1 - s.retained) / v, ratio = s.small / v;
                gap[variance] += 0.5 * (s.is_last ? LOG_2_PI + log(v) + square
                                                  : ratio - 1 - log(ratio) + square);
            }
            release(&w);
        }
        test_near(gap[0], 0.5 * (LOG_2_PI + 1), 1e-3, "large: the entropy of N(0, 1)");
        test_near(gap[1] - gap[0], all[i].gap, 6e-4, "gap of small");
    }
}

/* Terms drawn many times against their expectations, and one-draw bounds against the whole sum, for N(m, s^2). */
static void estimates_agree(void **state) {
    enum { DRAWS = 4000 };
    static const int variances[] = {VAE__VARIANCE_LARGE, VAE__VARIANCE_SMALL};
    (void)state;
    for (size_t v = 0; v < COUNT_OF(variances); v++) {
        world w = make(VAE__NOISE_COSINE, 12, variances[v], VAE__PREDICT_V, 0.4, 0.5);
        fixture *f = begin(&w);
        double data[ROWS], rest[ROWS], bound[ROWS], error[ROWS];
        double one = 0, ones = 0, whole = 0, strata = 0, log_p = 0;
        for (uint64_t seed = 0; seed < DRAWS; seed++) {
            double mean = 0;
            f->rows.stream.seed = seed;
            assert_ok(vae__diffusion_draw_bound(&f->denoise, &f->rows, data, rest));
            for (size_t r = 0; r < ROWS; r++) mean += (data[r] - rest[r]) / ROWS;
            one += mean / DRAWS;
            ones += mean * mean / DRAWS;
            if (seed % 10) continue;
            assert_ok(vae__diffusion_sum_bound(&f->denoise, &f->rows, 12, bound, error));
            for (size_t r = 0; r < ROWS; r++) whole += bound[r] / ROWS / (DRAWS / 10);
            assert_ok(vae__diffusion_sum_bound(&f->denoise, &f->rows, 4, bound, error));
            for (size_t r = 0; r < ROWS; r++) strata += bound[r] / ROWS / (DRAWS / 10);
        }
        for (size_t i = 0; i < ROWS * WIDTH; i++)
            log_p += log_normal((double)f->x0[i], 0.4, 0.25) / ROWS;
        double error_of_one = sqrt((ones - one * one) / DRAWS);
        print_message("log p %.4f, whole sum %.4f, one draw %.4f +- %.4f, strata %.4f\n", log_p,
                      whole, one, error_of_one, strata);
        test_near(one, whole, 4 * error_of_one, "one draw is without bias");
        test_near(strata, whole, 6 * error_of_one, "strata are without bias");
        assert_true(whole < log_p);
        end(f);
        release(&w);
    }
}

/* p(x) of few steps in one dimension by quadrature lies above the bound by what the path weights say. */
static void paths_come_to_log_p(void **state) {
    enum { GRID = 400, PATHS = 20000 };
    (void)state;
    for (size_t steps = 2; steps <= 3; steps++) {
        world w = make(VAE__NOISE_COSINE, steps, VAE__VARIANCE_LARGE, VAE__PREDICT_DATA, 0.4, 0.5);
        w.diffusion.width = 1;
        fixture *f = begin(&w);
        const vae__diffusion *d = &w.diffusion;
        /* p(x_t) on a grid, from T to 0. */
        double low = -6, step = 12.0 / GRID, p[GRID], next[GRID];
        vae__real x[GRID], output[GRID];
        for (size_t i = 0; i < GRID; i++) {
            x[i] = (vae__real)(low + ((double)i + 0.5) * step);
            p[i] = exp(log_normal((double)x[i], 0, 1));
        }
        for (size_t t = steps; t > 0; t--) {
            const vae__noise_step s =
                vae__noise_step_of(&d->schedule, t, t - 1, t < steps ? t + 1 : 0);
            vae__real at = (vae__real)t;
            memset(next, 0, sizeof next);
            assert_ok(predict_best(&w, x, GRID, &at, 1, output));
            for (size_t i = 0; i < GRID; i++) {
                double mean = s.of_data * (double)output[i] + s.of_noisy * (double)x[i];
                for (size_t j = 0; j < GRID; j++)
                    next[j] += step * p[i] * exp(log_normal((double)x[j], mean, s.added));
            }
            memcpy(p, next, sizeof p);
        }
        size_t row = 230;
        vae__real x0 = x[row];
        f->rows.x0 = &x0;
        f->rows.rows = 1;
        double sum = 0, squares = 0, weight, bound = 0;
        for (uint64_t path = 0; path < PATHS; path++) {
            assert_ok(vae__diffusion_path_weight(&f->denoise, &f->rows, path, &weight));
            sum += exp(weight) / PATHS;
            squares += exp(2 * weight) / PATHS;
            bound += weight / PATHS;
        }
        print_message("T=%zu: p %.5f, mean weight %.5f, log p %.4f, bound %.4f\n", steps, p[row],
                      sum, log(p[row]), bound);
        test_near(sum, p[row], 4 * sqrt((squares - sum * sum) / PATHS) + 1e-4, "mean of exp");
        assert_true(bound < log(p[row]));
        end(f);
        release(&w);
    }
}

/* ---- losses ---- */

static void gradients_are_those_of_the_losses(void **state) {
    static const size_t places[] = {1, 2, 7, 20};
    vae__real x0[WIDTH], noise[WIDTH], x_t[WIDTH], output[2 * WIDTH], gradient[2 * WIDTH];
    vae__real miss[20];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(miss); i++) miss[i] = (vae__real)0.03;
    for (int predict = 0; predict < 3; predict++) {
        for (int variance = 0; variance < 4; variance++) {
            world w = make(VAE__NOISE_COSINE, 20, variance, predict, 0, 1);
            vae__diffusion *d = &w.diffusion;
            d->miss = miss;
            for (size_t k = 0; k < 3 * 2 * COUNT_OF(places); k++) {
                int loss = (int)(k % 3), checked_mean = loss != VAE__LOSS_HYBRID;
                size_t t = places[k / 6];
                d->data = (int)(k / 3 % 2);
                for (size_t j = 0; j < WIDTH; j++) {
                    x0[j] = (vae__real)(rint(255 * test_uniform(5, j, 0, 1)) / 127.5 - 1);
                    noise[j] = (vae__real)test_uniform(6, j, -2, 2);
                    output[j] = (vae__real)test_uniform(7, j, -1, 1);
                    output[WIDTH + j] = (vae__real)test_uniform(8, j, -1, 1);
                }
                vae__diffusion_add_noise(d, t, x0, noise, x_t);
                vae__diffusion_gradient(d, loss, t, x0, noise, x_t, output, 1, gradient);
                for (size_t j = 0; j < vae__diffusion_outputs(d); j++) {
                    double h = test_tolerance(4e-3, 1e-4), f[4];
                    vae__real before = output[j];
                    if (j < WIDTH && !checked_mean && variance == VAE__VARIANCE_LEARNED) continue;
                    for (int i = 0; i < 4; i++) {
                        static const double at[] = {1, -1, 2, -2};
                        output[j] = (vae__real)((double)before + at[i] * h);
                        f[i] = vae__diffusion_loss(d, loss, t, x0, noise, x_t, output);
                    }
                    output[j] = before;
                    double expected = (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * h);
                    if (!checked_mean && j < WIDTH) /* detached: the squared error's alone */
                        expected =
                            2 *
                            ((double)output[j] -
                             ((double)x0[j] *
                                  vae__prediction_of(predict, d->schedule.retained[t]).of_data +
                              (double)noise[j] *
                                  vae__prediction_of(predict, d->schedule.retained[t]).of_noise));
                    test_near((double)gradient[j] / (1 + fabs(expected)),
                              expected / (1 + fabs(expected)), test_tolerance(2e-2, 2e-7),
                              "gradient");
                }
            }
            release(&w);
        }
    }
}

/* ---- the discretised Gaussian ---- */

static void bins_add_up(void **state) {
    static const double means[] = {-1.3, -0.999, 0.001, 0.7, 5},
                        deviations[] = {1e-3, 0.02, 0.5, 3};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(means); i++) {
        for (size_t k = 0; k < COUNT_OF(deviations); k++) {
            double total = 0;
            for (int level = 0; level < 256; level++)
                total += exp(vae__data_density(VAE__DATA_DISCRETIZED, level / 127.5 - 1, means[i],
                                               deviations[k] * deviations[k])
                                 .value);
            test_near(total, 1, 1e-12, "masses");
        }
    }
}

/* Far away it is finite and follows the square, never a clamp. */
static void tails_are_not_clamped(void **state) {
    double before = 0;
    (void)state;
    for (int i = 1; i < 60; i++) {
        double mean = -1.0 - i, sd = 0.01;
        const vae__log_density at = vae__data_density(VAE__DATA_DISCRETIZED, 0.5, mean, sd * sd);
        double edge = 0.5 - 1.0 / 255 - mean;
        assert_true(isfinite(at.value) && isfinite(at.by_mean) && isfinite(at.by_log_variance));
        test_near(at.value / (-0.5 * edge * edge / (sd * sd)), 1, 3e-4, "the square");
        assert_true(at.value < before);
        before = at.value;
    }
}

static void slopes_of_bins(void **state) {
    (void)state;
    for (size_t i = 0; i < 200; i++) {
        double x = rint(255 * test_uniform(11, i, 0, 1)) / 127.5 - 1, h = 1e-5;
        double mean = x + test_uniform(12, i, -0.3, 0.3), log_variance = test_uniform(13, i, -8, 1);
        if (i % 10 == 0) x = i % 20 ? 1 : -1;
        const vae__log_density at =
            vae__data_density(VAE__DATA_DISCRETIZED, x, mean, exp(log_variance));
        double by_mean =
            (vae__data_density(VAE__DATA_DISCRETIZED, x, mean + h, exp(log_variance)).value -
             vae__data_density(VAE__DATA_DISCRETIZED, x, mean - h, exp(log_variance)).value) /
            (2 * h);
        double by_variance =
            (vae__data_density(VAE__DATA_DISCRETIZED, x, mean, exp(log_variance + h)).value -
             vae__data_density(VAE__DATA_DISCRETIZED, x, mean, exp(log_variance - h)).value) /
            (2 * h);
        test_near(at.by_mean, by_mean, 1e-5, "by mean");
        test_near(at.by_log_variance, by_variance, 1e-5, "by log variance");
    }
}

/* ---- strata ---- */

static void strata_cover_the_steps(void **state) {
    world w = make(VAE__NOISE_COSINE, 50, VAE__VARIANCE_LARGE, VAE__PREDICT_V, 0, 1);
    uint64_t order[100];
    vae__real t[100], again[100];
    size_t counts[51] = {0}, first = 0;
    (void)state;
    for (uint64_t step = 0; step < 200; step++) {
        const vae__stream stream = {9, step, VAE__PURPOSE_FIT, 0};
        vae__diffusion_strata(&w.diffusion, VAE__LOSS_SIMPLE, &stream, 100, order, t);
        size_t seen[51] = {0};
        for (size_t r = 0; r < 100; r++) {
            assert_in_range((size_t)t[r], 1, 50);
            seen[(size_t)t[r]]++;
        }
        for (size_t i = 1; i <= 50; i++) assert_int_equal(seen[i], 2); /* 100 strata, 50 steps */
        counts[(size_t)t[0]]++;
        vae__diffusion_strata(&w.diffusion, VAE__LOSS_SIMPLE, &stream, 100, order, again);
        assert_memory_equal(t, again, sizeof t);
    }
    for (size_t i = 1; i <= 50; i++) first += counts[i] > 0;
    assert_true(first > 40); /* a row has any step */
    release(&w);
}

/* Steps that are drawn by weight are each drawn, and a weighted mean over them is the mean over all steps. */
static void weights_leave_no_bias(void **state) {
    enum { STEPS = 50, ROWS_OF_BATCH = 40, BATCHES = 500 };
    world w = make(VAE__NOISE_COSINE, STEPS, VAE__VARIANCE_LARGE, VAE__PREDICT_V, 0, 1);
    double cumulative[STEPS + 1], sums[STEPS + 1] = {0}, total = 0;
    uint64_t order[ROWS_OF_BATCH];
    vae__real t[ROWS_OF_BATCH];
    (void)state;
    vae__diffusion_shares(&w.diffusion.schedule, cumulative);
    assert_true(cumulative[0] >= 0 && cumulative[0] <= 0);
    assert_true(cumulative[STEPS] >= 1 && cumulative[STEPS] <= 1);
    for (size_t i = 1; i <= STEPS; i++) /* at least half of what even draws give */
        assert_true(cumulative[i] - cumulative[i - 1] >= 0.5 / STEPS - 1e-12);
    assert_true(cumulative[1] > 2.0 / STEPS &&
                cumulative[STEPS] - cumulative[STEPS - 1] < 1.0 / STEPS);
    w.diffusion.cumulative = cumulative;
    for (uint64_t step = 0; step < BATCHES; step++) {
        const vae__stream stream = {9, step, VAE__PURPOSE_FIT, 0};
        vae__diffusion_strata(&w.diffusion, VAE__LOSS_VLB, &stream, ROWS_OF_BATCH, order, t);
        for (size_t r = 0; r < ROWS_OF_BATCH; r++) {
            assert_in_range((size_t)t[r], 1, STEPS);
            double weight = vae__diffusion_weight(&w.diffusion, VAE__LOSS_VLB, (size_t)t[r]);
            sums[(size_t)t[r]] += weight;
            total += weight;
        }
    }
    for (size_t i = 1; i <= STEPS; i++)
        test_near(sums[i] * STEPS / (ROWS_OF_BATCH * BATCHES), 1, 0.15, "each step");
    test_near(total / (ROWS_OF_BATCH * BATCHES), 1, 0.01, "all steps");
    test_near(vae__diffusion_weight(&w.diffusion, VAE__LOSS_SIMPLE, 1), 1, 0, "the simple loss");
    release(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_of_the_true_chain_are_exact),
        cmocka_unit_test(small_has_its_known_gap),
        cmocka_unit_test(estimates_agree),
        cmocka_unit_test(paths_come_to_log_p),
        cmocka_unit_test(gradients_are_those_of_the_losses),
        cmocka_unit_test(weights_leave_no_bias),
        cmocka_unit_test(bins_add_up),
        cmocka_unit_test(tails_are_not_clamped),
        cmocka_unit_test(slopes_of_bins),
        cmocka_unit_test(strata_cover_the_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
