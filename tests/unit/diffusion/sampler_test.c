/* The samplers on data N(m, s^2), whose best prediction is linear in x_t: what they make is linear in the noise too, so that
 * distributions are closed forms; and each fault that samplers are known for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diffusion/sampler.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

enum { ROWS = 6000, WIDTH = 2, STEPS = 60 };

typedef struct world {
    vae_context *context;
    vae__diffusion diffusion;
    vae__sampler sampler;
    double m, s;
    double constant; /* not 0: what is predicted whatever x is */
    uint32_t list[STEPS];
    vae__denoise denoise;
    vae__sampling_run run;
    vae__real x[ROWS * WIDTH];
} world;

static vae_status predict(void *user, const vae__real *x, size_t rows, const vae__real *t,
                          int one_step, vae__real *output) {
    const world *w = user;
    const vae__diffusion *d = &w->diffusion;
    double a = d->schedule.retained[(size_t)t[0]];
    const vae__prediction p = vae__prediction_of(d->predict, a);
    assert_true(one_step);
    for (size_t i = 0; i < rows * d->width; i++) {
        double x_t = (double)x[i], gain = sqrt(a) * w->s * w->s / (a * w->s * w->s + 1 - a);
        double x0 = w->m + gain * (x_t - sqrt(a) * w->m);
        if (fabs(w->constant) > 0) x0 = w->constant;
        output[i] = (vae__real)(p.of_data * x0 + p.of_noise * (x_t - sqrt(a) * x0) / sqrt(1 - a));
    }
    return VAE_OK;
}

static world *make(int variance, int predicts, vae__sampler sampler) {
    world *w = calloc(1, sizeof *w);
    w->context = test_context(NULL);
    w->m = 0.7;
    w->s = 0.4;
    w->sampler = sampler;
    w->diffusion = (vae__diffusion){.predict = predicts, .width = WIDTH};
    assert_ok(vae__noise_schedule_make(w->context, VAE__NOISE_COSINE, STEPS, variance,
                                       &w->diffusion.schedule));
    assert_ok(vae__sampler_list(sampler.spacing, STEPS, sampler.steps, w->list));
    w->denoise = (vae__denoise){&w->diffusion, predict, w};
    w->run = (vae__sampling_run){.denoise = &w->denoise,
                                 .sampler = &w->sampler,
                                 .list = w->list,
                                 .kernels = w->context->kernels,
                                 .stream = {5, 0, VAE__PURPOSE_PRIOR, 0},
                                 .rows = ROWS,
                                 .room = malloc(ROWS * 3 * WIDTH * sizeof(vae__real))};
    return w;
}

static void release(world *w) {
    free(w->run.room);
    vae__noise_schedule_free(&w->diffusion.schedule);
    vae_context_destroy(w->context);
    free(w);
}

static void sample(world *w) {
    vae__sampler_start(&w->run, 1, w->x);
    assert_ok(vae__sampler_run(&w->run, w->x));
}

static void check_moments(const world *w, double mean, double variance, const char *what) {
    double m = 0, square = 0;
    size_t n = ROWS * WIDTH;
    for (size_t i = 0; i < n; i++) m += (double)w->x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        square += ((double)w->x[i] - m) * ((double)w->x[i] - m) / (double)n;
    test_near(m, mean, 4.5 * sqrt(variance / (double)n) + 1e-6, what);
    test_near(square / variance, 1, 4.5 * sqrt(2.0 / (double)n), what);
}

/* Mean and variance of what the chain makes, step by step: each is linear in x_t. */
static void expected_moments(const world *w, double *mean, double *variance) {
    const vae__noise_schedule *s = &w->diffusion.schedule;
    *mean = 0;
    *variance = 1;
    for (size_t i = 0; i < w->sampler.steps; i++) {
        size_t t = w->list[i], to = i + 1 < w->sampler.steps ? w->list[i + 1] : 0;
        double a = s->retained[t], b = 1 - a / s->retained[to], a_to = s->retained[to];
        double gain = sqrt(a) * w->s * w->s / (a * w->s * w->s + 1 - a);
        double small = (1 - a_to) / (1 - a) * b, added, of_x, of_one;
        if (w->sampler.kind == VAE__SAMPLER_DDPM) {
            double of_data = sqrt(a_to) * b / (1 - a);
            of_x = of_data * gain + sqrt(1 - b) * (1 - a_to) / (1 - a);
            of_one = of_data * (w->m - gain * sqrt(a) * w->m);
            added = s->variance == VAE__VARIANCE_LARGE ? b : small;
        } else {
            added = w->sampler.eta * w->sampler.eta * small;
            double of_noise = sqrt(1 - a_to - added) / sqrt(1 - a);
            double of_data = sqrt(a_to) - of_noise * sqrt(a);
            of_x = of_noise + of_data * gain;
            of_one = of_data * (w->m - gain * sqrt(a) * w->m);
        }
        *mean = of_x * *mean + of_one;
        *variance = of_x * of_x * *variance + (to ? added : 0);
    }
}

static void distributions_are_those_of_the_chain(void **state) {
    static const vae__sampler samplers[] = {
        {VAE__SAMPLER_DDPM, VAE__SPACING_TRAILING, STEPS, 0, 0, 0},
        {VAE__SAMPLER_DDPM, VAE__SPACING_TRAILING, 17, 0, 0, 0},
        {VAE__SAMPLER_DDPM, VAE__SPACING_LEADING, 7, 0, 0, 0},
        {VAE__SAMPLER_DDIM, VAE__SPACING_TRAILING, STEPS, 0, 0, 0},
        {VAE__SAMPLER_DDIM, VAE__SPACING_TRAILING, 10, 0, 0, 0},
        {VAE__SAMPLER_DDIM, VAE__SPACING_LINSPACE, 23, 0, 0.6, 0},
        {VAE__SAMPLER_DDIM, VAE__SPACING_TRAILING, 1, 0, 1, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samplers); i++) {
        for (int predicts = 0; predicts < 3; predicts++) {
            for (int variance = 0; variance < 2; variance++) {
                world *w = make(variance, predicts, samplers[i]);
                double mean, square;
                sample(w);
                expected_moments(w, &mean, &square);
                if (samplers[i].steps > 1) check_moments(w, mean, square, "moments of samples");
                if (samplers[i].steps == STEPS && !variance)
                    print_message("%s: mean %.3f, sd %.3f of 0.7, 0.4\n",
                                  vae__sampler_names[samplers[i].kind], mean, sqrt(square));
                release(w);
            }
        }
    }
}

/* eta = 1 on consecutive steps is the ancestral sampler with the small variance, draw by draw. */
static void eta_1_is_ancestral(void **state) {
    (void)state;
    world *a = make(VAE__VARIANCE_SMALL, VAE__PREDICT_V,
                    (vae__sampler){VAE__SAMPLER_DDPM, VAE__SPACING_TRAILING, STEPS, 0, 0, 0});
    world *b = make(VAE__VARIANCE_SMALL, VAE__PREDICT_V,
                    (vae__sampler){VAE__SAMPLER_DDIM, VAE__SPACING_TRAILING, STEPS, 0, 1, 0});
    sample(a);
    sample(b);
    for (size_t i = 0; i < 200; i++)
        test_near((double)b->x[i], (double)a->x[i], test_tolerance(2e-5, 1e-12), "value");
    release(a);
    release(b);
}

/* A row is a function of (seed, row): other rows in the call, and where it begins, change nothing. */
static void rows_stand_alone(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        world *w = make(VAE__VARIANCE_LARGE, VAE__PREDICT_V,
                        (vae__sampler){kind, VAE__SPACING_TRAILING, 9, 0, 0.5, 0});
        vae__real some[3 * WIDTH];
        sample(w);
        w->run.first_row = 40;
        w->run.rows = 3;
        vae__sampler_start(&w->run, 1, some);
        assert_ok(vae__sampler_run(&w->run, some));
        assert_memory_equal(some, w->x + 40 * WIDTH, sizeof some);
        release(w);
    }
}

/* What is predicted is kept within -1 and 1, and the noise is that of what it became: with a stale noise the samples would
 * not come to the prediction. */
static void clipping_takes_the_noise_along(void **state) {
    (void)state;
    for (int clip = 0; clip < 2; clip++) {
        world *w = make(VAE__VARIANCE_LARGE, VAE__PREDICT_DATA,
                        (vae__sampler){VAE__SAMPLER_DDIM, VAE__SPACING_TRAILING, 10, 0, 0, clip});
        w->constant = 3;
        sample(w);
        for (size_t i = 0; i < 100; i++) test_near((double)w->x[i], clip ? 1 : 3, 1e-5, "sample");
        /* one step of it by hand: x = sqrt(A_to) x0 + sqrt(1 - A_to) (x_t - sqrt(A_t) x0) / sqrt(1 - A_t) */
        const double *a = w->diffusion.schedule.retained;
        double x0 = clip ? 1 : 3, at = a[w->list[0]], to = a[w->list[1]];
        vae__sampler_start(&w->run, 1, w->x);
        double x = (double)w->x[0];
        for (size_t i = 1; i < 10; i++) {
            x = sqrt(to) * x0 + sqrt(1 - to) * (x - sqrt(at) * x0) / sqrt(1 - at);
            at = to;
            to = i + 1 < 10 ? a[w->list[i + 1]] : 1;
        }
        assert_true(fabs(x - x0) < 2);
        release(w);
    }
}

static int32_t stop_at_4(void *user, size_t done) {
    size_t *last = user;
    *last = done;
    return done == 4;
}

static void it_can_be_stopped(void **state) {
    (void)state;
    world *w = make(VAE__VARIANCE_LARGE, VAE__PREDICT_V,
                    (vae__sampler){VAE__SAMPLER_DDPM, VAE__SPACING_TRAILING, 10, 0, 0, 0});
    size_t done = 0;
    w->run.after = stop_at_4;
    w->run.user = &done;
    vae__sampler_start(&w->run, 1, w->x);
    assert_int_equal(vae__sampler_run(&w->run, w->x), VAE_STOPPED);
    assert_int_equal(done, 4);
    release(w);
}

/* To x_T and back: the error falls with the number of steps, as that of a method of first order does. */
static void inversion_comes_back(void **state) {
    static const size_t steps[] = {7, 15, 30, 60};
    double before = 1e9;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        world *w =
            make(VAE__VARIANCE_LARGE, VAE__PREDICT_V,
                 (vae__sampler){VAE__SAMPLER_DDIM, VAE__SPACING_TRAILING, steps[i], 0, 0, 0});
        double worst = 0, m = 0;
        for (size_t r = 0; r < 200; r++)
            w->x[r] = (vae__real)(w->m + w->s * test_uniform(4, r, -1.7, 1.7));
        w->run.rows = 200 / WIDTH;
        vae__real *start = malloc(200 * sizeof *start);
        memcpy(start, w->x, 200 * sizeof *start);
        assert_ok(vae__sampler_invert(&w->run, w->x));
        for (size_t r = 0; r < 200; r++) m += (double)w->x[r] / 200;
        assert_ok(vae__sampler_run(&w->run, w->x));
        for (size_t r = 0; r < 200; r++)
            worst = fmax(worst, fabs((double)w->x[r] - (double)start[r]));
        print_message("%zu steps: off by %.4f at most; mean of x_T %.3f\n", steps[i], worst, m);
        assert_true(worst < (i ? 0.65 : 1) * before);
        before = worst;
        free(start);
        release(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributions_are_those_of_the_chain),
        cmocka_unit_test(eta_1_is_ancestral),
        cmocka_unit_test(rows_stand_alone),
        cmocka_unit_test(clipping_takes_the_noise_along),
        cmocka_unit_test(it_can_be_stopped),
        cmocka_unit_test(inversion_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
