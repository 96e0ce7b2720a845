/* The doors of inference: what they refuse, that results do not depend on n, threads or alignment,
 * and that a steady state allocates nothing. */
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/checks.h"
#include "support/cmocka.h"

enum { ROWS = 700, WIDTH = 12, LATENT = 3 };

static const char *const specs[] = {
    "input=12 latent=3 likelihood=bernoulli encoder=[dense 9, relu] decoder=[dense 7, tanh] seed=3",
    "input=3x4 latent=3 likelihood=gaussian sigma=shared encoder=[dense 9, silu] decoder=[] seed=4",
    "input=12 latent=3 likelihood=gaussian sigma=per_dim encoder=[] decoder=[dense 8, elu] seed=5",
    "input=12 latent=3 likelihood=gaussian sigma=decoder encoder=[dense 6, gelu] "
    "decoder=[dense 8, tanh] seed=6",
    "input=12 latent=3 likelihood=gaussian sigma=optimal encoder=[dense 6] decoder=[dense 8] "
    "seed=7",
    "input=12 latent=3 likelihood=gaussian standardize=1 encoder=[dense 6] decoder=[dense 8] "
    "seed=8",
    "input=12 latent=3 likelihood=continuous_bernoulli encoder=[dense 6, relu] decoder=[dense 8]",
};

static float *test_rows(size_t n, size_t width) {
    float *rows = malloc(n * width * sizeof *rows);
    uint32_t state = 12345;
    for (size_t i = 0; rows && i < n * width; i++) {
        state = state * 1664525u + 1013904223u;
        rows[i] = (float)(state >> 8) / 16777216.0f;
    }
    return rows;
}

static vae_model *make(vae_context *context, const char *spec) {
    static const float zeros[WIDTH] = {0};
    vae_model *model = NULL;
    assert_ok(vae_model_create(context, spec, &model));
    if (strstr(spec, "standardize=1")) /* else it does not train */
        assert_ok(vae_model_parameter_set(model, "input.shift", zeros, WIDTH));
    return model;
}

static int has_builtin_blas(void) {
    return strstr(vae_build_info(), "builtin") != NULL;
}

/* ---- results of all five calls ---- */

typedef struct results {
    float mean[ROWS * LATENT], logvar[ROWS * LATENT], decoded[ROWS * WIDTH];
    float reconstructed[ROWS * WIDTH], z[ROWS * LATENT], x_mean[ROWS * WIDTH], x[ROWS * WIDTH];
    double elbo[ROWS], reconstruction[ROWS], kl[ROWS];
} results;

static results *make_results(void) {
    results *r = calloc(1, sizeof *r);
    assert_non_null(r);
    return r;
}

/* `x` at any alignment. Returns the first status that is not VAE_OK: threads may not assert. */
static vae_status infer(const vae_model *model, const float *x, size_t n, results *r) {
    vae_status status = vae_encode(model, x, n, WIDTH, r->mean, r->logvar);
    if (!status) status = vae_decode(model, x, n, LATENT, r->decoded);
    if (!status) status = vae_reconstruct(model, x, n, WIDTH, r->reconstructed);
    if (!status) status = vae_elbo(model, x, n, WIDTH, 11, r->elbo, r->reconstruction, r->kl);
    if (!status) status = vae_sample(model, n, 13, r->z, r->x_mean, r->x);
    return status;
}

static double float_distance(const float *a, const float *b, size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        double distance = fabs((double)a[i] - (double)b[i]) / fmax(1, fabs((double)a[i]));
        if (!(distance <= most)) most = distance;
    }
    return most;
}

static double double_distance(const double *a, const double *b, size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        double distance = fabs(a[i] - b[i]) / fmax(1, fabs(a[i]));
        if (!(distance <= most)) most = distance;
    }
    return most;
}

/* Draws x are compared where they are continuous: rounding may flip a Bernoulli's. */
static void check_rows(const results *a, const results *b, size_t n, double tolerance, int draws,
                       const char *what) {
    const double found[] = {
        float_distance(a->mean, b->mean, n * LATENT),
        float_distance(a->logvar, b->logvar, n * LATENT),
        float_distance(a->decoded, b->decoded, n * WIDTH),
        float_distance(a->reconstructed, b->reconstructed, n * WIDTH),
        float_distance(a->z, b->z, n * LATENT),
        float_distance(a->x_mean, b->x_mean, n * WIDTH),
        double_distance(a->elbo, b->elbo, n),
        double_distance(a->reconstruction, b->reconstruction, n),
        double_distance(a->kl, b->kl, n),
        draws ? float_distance(a->x, b->x, n * WIDTH) : 0,
    };
    for (size_t i = 0; i < COUNT_OF(found); i++) {
        if (!(found[i] <= tolerance))
            fail_msg("%s, n %zu: result %zu is off by %g (tolerance %g)", what, n, i, found[i],
                     tolerance);
    }
}

static void does_not_depend_on_n(void **state) {
    static const size_t counts[] = {1, 2, 3, 31, 64, 257, 512, ROWS - 1};
    double tolerance = has_builtin_blas() ? 0 : 1e-5;
    float *x = test_rows(ROWS, WIDTH);
    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        vae_model *model = make(NULL, specs[s]);
        results *all = make_results(), *some = make_results();
        assert_ok(infer(model, x, ROWS, all));
        for (size_t c = 0; c < COUNT_OF(counts); c++) {
            assert_ok(infer(model, x, counts[c], some));
            check_rows(all, some, counts[c], tolerance, s > 0 || tolerance == 0, specs[s]);
        }
        free(some);
        free(all);
        vae_model_destroy(model);
    }
    free(x);
}

/* Equal rows, so that only the noise tells them apart: across chunks too. */
static void draws_other_noise_for_each_row(void **state) {
    vae_model *model = make(NULL, specs[1]);
    float *x = test_rows(ROWS, WIDTH);
    results *r = make_results();
    (void)state;
    for (size_t i = 1; i < ROWS; i++) memcpy(x + i * WIDTH, x, WIDTH * sizeof *x);
    assert_ok(infer(model, x, ROWS, r));
    for (size_t i = 1; i < ROWS; i++) {
        for (size_t j = 0; j < i; j++) {
            if (r->reconstruction[i] == r->reconstruction[j] ||
                !memcmp(r->z + i * LATENT, r->z + j * LATENT, LATENT * sizeof *r->z) ||
                !memcmp(r->x + i * WIDTH, r->x + j * WIDTH, WIDTH * sizeof *r->x))
                fail_msg("rows %zu and %zu have the same noise", j, i);
        }
    }
    vae_model_destroy(model);
    free(x);
    free(r);
}

static void takes_unaligned_rows(void **state) {
    double tolerance = has_builtin_blas() ? 0 : 1e-5;
    float *x = test_rows(ROWS, WIDTH), *moved = malloc((ROWS * WIDTH + 4) * sizeof *moved);
    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        vae_model *model = make(NULL, specs[s]);
        results *plain = make_results(), *shifted = make_results();
        assert_ok(infer(model, x, 100, plain));
        for (size_t shift = 1; shift < 4; shift++) {
            memcpy(moved + shift, x, 100 * WIDTH * sizeof *x);
            assert_ok(infer(model, moved + shift, 100, shifted));
            check_rows(plain, shifted, 100, tolerance, s > 0 || tolerance == 0, specs[s]);
            float *out = shifted->decoded + shift; /* output buffers too */
            assert_ok(vae_encode(model, moved + shift, 100, WIDTH, out, shifted->z + shift));
            assert_true(float_distance(plain->mean, out, 100 * LATENT) <= tolerance);
            assert_true(float_distance(plain->logvar, shifted->z + shift, 100 * LATENT) <=
                        tolerance);
        }
        free(shifted);
        free(plain);
        vae_model_destroy(model);
    }
    free(moved);
    free(x);
}

/* ---- many threads on one model ---- */

typedef struct worker {
    pthread_t thread;
    const vae_model *model;
    const float *x;
    results *results;
    vae_status status;
} worker;

static void *work(void *argument) {
    worker *w = argument;
    for (int i = 0; i < 4 && !w->status; i++) w->status = infer(w->model, w->x, ROWS, w->results);
    return NULL;
}

static void is_the_same_from_many_threads(void **state) {
    worker workers[8];
    float *x = test_rows(ROWS, WIDTH);
    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        host_allocator counts;
        vae_context *context = counted_context("threads=2", &counts);
        vae_model *model = make(context, specs[s]);
        results *alone = make_results();
        assert_ok(infer(model, x, ROWS, alone));
        for (size_t i = 0; i < COUNT_OF(workers); i++) {
            workers[i] = (worker){.model = model, .x = x, .results = make_results()};
            assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
        }
        for (size_t i = 0; i < COUNT_OF(workers); i++) {
            pthread_join(workers[i].thread, NULL);
            assert_int_equal(workers[i].status, VAE_OK);
            assert_memory_equal(workers[i].results, alone, sizeof *alone);
            free(workers[i].results);
        }
        free(alone);
        vae_model_destroy(model);
        vae_context_destroy(context);
        assert_int_equal(counts.blocks, 0);
    }
    free(x);
}

/* ---- refusals ---- */

static void takes_no_rows(void **state) {
    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        vae_model *model = make(NULL, specs[s]);
        assert_ok(vae_encode(model, NULL, 0, WIDTH, NULL, NULL));
        assert_ok(vae_decode(model, NULL, 0, LATENT, NULL));
        assert_ok(vae_reconstruct(model, NULL, 0, WIDTH, NULL));
        assert_ok(vae_elbo(model, NULL, 0, WIDTH, 1, NULL, NULL, NULL));
        assert_ok(vae_sample(model, 0, 1, NULL, NULL, NULL));
        vae_model_destroy(model);
    }
}

static void leaves_out_outputs(void **state) {
    float *x = test_rows(ROWS, WIDTH);
    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        vae_model *model = make(NULL, specs[s]);
        results *all = make_results(), *one = make_results();
        assert_ok(infer(model, x, 5, all));
        assert_ok(vae_encode(model, x, 5, WIDTH, NULL, NULL));
        assert_ok(vae_decode(model, x, 5, LATENT, NULL));
        assert_ok(vae_reconstruct(model, x, 5, WIDTH, NULL));
        assert_ok(vae_elbo(model, x, 5, WIDTH, 11, NULL, NULL, NULL));
        assert_ok(vae_sample(model, 5, 13, NULL, NULL, NULL));
        assert_ok(vae_encode(model, x, 5, WIDTH, NULL, one->logvar));
        assert_ok(vae_encode(model, x, 5, WIDTH, one->mean, NULL));
        assert_ok(vae_elbo(model, x, 5, WIDTH, 11, one->elbo, NULL, NULL));
        assert_ok(vae_elbo(model, x, 5, WIDTH, 11, NULL, one->reconstruction, NULL));
        assert_ok(vae_elbo(model, x, 5, WIDTH, 11, NULL, NULL, one->kl));
        assert_ok(vae_sample(model, 5, 13, one->z, NULL, NULL));
        assert_ok(vae_sample(model, 5, 13, NULL, one->x_mean, NULL));
        assert_ok(vae_sample(model, 5, 13, NULL, NULL, one->x));
        assert_ok(vae_decode(model, x, 5, LATENT, one->decoded));
        assert_ok(vae_reconstruct(model, x, 5, WIDTH, one->reconstructed));
        assert_memory_equal(all, one, sizeof *all);
        free(one);
        free(all);
        vae_model_destroy(model);
    }
    free(x);
}

static void refuses_arguments(void **state) {
    vae_model *model = make(NULL, specs[0]);
    float x[WIDTH] = {0}, out[WIDTH];
    double nats[1];
    (void)state;
    assert_fails(vae_encode(NULL, x, 1, WIDTH, out, out), VAE_ERROR_ARGUMENT,
                 "vae_encode: model is NULL");
    assert_fails(vae_decode(NULL, x, 1, LATENT, out), VAE_ERROR_ARGUMENT,
                 "vae_decode: model is NULL");
    assert_fails(vae_reconstruct(NULL, x, 1, WIDTH, out), VAE_ERROR_ARGUMENT,
                 "vae_reconstruct: model is NULL");
    assert_fails(vae_elbo(NULL, x, 1, WIDTH, 1, nats, NULL, NULL), VAE_ERROR_ARGUMENT,
                 "vae_elbo: model is NULL");
    assert_fails(vae_sample(NULL, 1, 1, NULL, NULL, out), VAE_ERROR_ARGUMENT,
                 "vae_sample: model is NULL");
    assert_fails(vae_encode(model, NULL, 1, WIDTH, out, out), VAE_ERROR_ARGUMENT,
                 "vae_encode: x is NULL");
    assert_fails(vae_decode(model, NULL, 1, LATENT, out), VAE_ERROR_ARGUMENT,
                 "vae_decode: z is NULL");
    assert_fails(vae_reconstruct(model, NULL, 1, WIDTH, out), VAE_ERROR_ARGUMENT,
                 "vae_reconstruct: x is NULL");
    assert_fails(vae_elbo(model, NULL, 1, WIDTH, 1, nats, NULL, NULL), VAE_ERROR_ARGUMENT,
                 "vae_elbo: x is NULL");
    assert_fails(vae_encode(model, x, 1, 11, out, out), VAE_ERROR_WIDTH,
                 "vae_encode: width is 11; expected 12, the model's input");
    assert_fails(vae_decode(model, x, 1, 4, out), VAE_ERROR_WIDTH,
                 "vae_decode: latent is 4; expected 3, the model's latent");
    assert_fails(vae_reconstruct(model, x, 1, 13, out), VAE_ERROR_WIDTH, "width is 13");
    assert_fails(vae_elbo(model, x, 1, 0, 1, nats, NULL, NULL), VAE_ERROR_WIDTH, "width is 0");
    assert_fails(vae_encode(model, x, 0, 11, out, out), VAE_ERROR_WIDTH, "width is 11");
    vae_model_destroy(model);
}

static void refuses_values(void **state) {
    static const struct {
        int spec;
        float value;
        const char *part;
    } cases[] = {
        {0, 1.5f, "row 601, column 7 is 1.5: likelihood=bernoulli takes values from 0 to 1"},
        {0, -0.25f, "row 601, column 7 is -0.25: likelihood=bernoulli"},
        {0, NAN, "row 601, column 7 is nan: expected finite values"},
        {0, INFINITY, "row 601, column 7 is inf: expected finite values"},
        {1, NAN, "row 601, column 7 is nan: expected finite values"},
        {1, -INFINITY, "row 601, column 7 is -inf: expected finite values"},
        {3, INFINITY, "row 601, column 7 is inf: expected finite values"},
    };
    results *r = make_results();
    float *x = test_rows(ROWS, WIDTH);
    (void)state;
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        vae_model *model = make(NULL, specs[cases[c].spec]);
        float *at = &x[601 * WIDTH + 7], kept = *at;
        *at = cases[c].value;
        assert_fails(vae_encode(model, x, ROWS, WIDTH, r->mean, NULL), VAE_ERROR_DATA,
                     cases[c].part);
        assert_fails(vae_reconstruct(model, x, ROWS, WIDTH, r->x), VAE_ERROR_DATA, cases[c].part);
        assert_fails(vae_elbo(model, x, ROWS, WIDTH, 1, r->elbo, NULL, NULL), VAE_ERROR_DATA,
                     cases[c].part);
        *at = kept; /* the handle stays usable */
        assert_ok(infer(model, x, ROWS, r));
        vae_model_destroy(model);
    }
    vae_model *model = make(NULL, specs[0]);
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    static const char *const parts[] = {"row 2, column 1 of z is nan: expected finite values",
                                        "row 2, column 1 of z is inf",
                                        "row 2, column 1 of z is -inf"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        x[2 * LATENT + 1] = bad[i];
        assert_fails(vae_decode(model, x, 5, LATENT, r->x), VAE_ERROR_DATA, parts[i]);
    }
    vae_model_destroy(model);
    free(x);
    free(r);
}

/* ---- a steady state ---- */

/* An epoch and the calls that a program makes between steps. */
static void go_round(vae_model *model, vae_optimizer *optimizer, vae_dataset *data, const float *x,
                     results *r) {
    vae_step_report report = {.struct_size = sizeof report};
    do assert_ok(vae_step(model, optimizer, data, &report));
    while (!(report.flags & VAE_STEP_EPOCH_END));
    assert_ok(vae_step_rows(model, optimizer, x, 17, WIDTH, &report));
    assert_ok(infer(model, x, ROWS, r));
    assert_ok(infer(model, x, 3, r));
}

static void check_steady(const char *spec, const char *options, const char *optimizer_options) {
    host_allocator counts;
    vae_context *context = counted_context(options, &counts);
    vae_model *model = make(context, spec);
    vae_dataset *data;
    vae_optimizer *optimizer;
    results *r = make_results();
    float *x = test_rows(ROWS, WIDTH);
    uint64_t bytes[2], peak[2], allocations[2];
    assert_ok(vae_dataset_from_memory(context, x, ROWS, WIDTH, "batch=96", &data));
    assert_ok(vae_optimizer_create(model, optimizer_options, &optimizer));
    go_round(model, optimizer, data, x, r);
    size_t calls = counts.calls;
    assert_ok(vae_context_memory(context, &bytes[0], &peak[0], &allocations[0]));
    for (int i = 0; i < 3; i++) go_round(model, optimizer, data, x, r);
    assert_ok(vae_context_memory(context, &bytes[1], &peak[1], &allocations[1]));
    if (counts.calls != calls || allocations[0] != allocations[1])
        fail_msg("%s, %s, %s: %zu allocations in a steady state, %llu counted by the library", spec,
                 options, optimizer_options, counts.calls - calls,
                 (unsigned long long)(allocations[1] - allocations[0]));
    assert_int_equal(bytes[0], bytes[1]);
    assert_int_equal(peak[0], peak[1]);
    vae_optimizer_destroy(optimizer);
    vae_dataset_destroy(data);
    vae_model_destroy(model);
    vae_context_destroy(context);
    assert_int_equal(counts.blocks, 0);
    free(x);
    free(r);
}

static void allocates_nothing_in_a_steady_state(void **state) {
    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        check_steady(specs[s], "threads=1", NULL);
        check_steady(specs[s], "threads=2", "adamw samples=2 free_bits=0.1");
        check_steady(specs[s], "threads=3", "sgd lr=1e-4 momentum=0.9 clip_norm=0.5");
    }
}

/* ---- threads and results of training ---- */

enum { STEPS = 30 };

/* Parameters as large as a float holds: the decoder's values are infinite, what it gives is NaN, and every draw still
 * ends. */
static void draws_end_whatever_the_parameters_are(void **state) {
    static const char *const likelihoods[] = {"bernoulli",
                                              "continuous_bernoulli",
                                              "gaussian sigma=decoder",
                                              "discretized_logistic",
                                              "categorical",
                                              "poisson",
                                              "negative_binomial"};
    static const float largest[4] = {FLT_MAX, FLT_MAX, FLT_MAX, FLT_MAX}, none[4 * WIDTH];
    float x[ROWS * WIDTH];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(likelihoods); i++) {
        char spec[120];
        vae_model *model;
        snprintf(spec, sizeof spec, "input=%d latent=2 likelihood=%s decoder=[dense 2, dense 2]",
                 WIDTH, likelihoods[i]);
        assert_ok(vae_model_create(NULL, spec, &model));
        size_t heads = i == 2 || i == 3 ? 2 : 1;
        assert_ok(vae_model_parameter_set(model, "decoder.0.weight", largest, 4));
        assert_ok(vae_model_parameter_set(model, "decoder.1.weight", largest, 4));
        assert_ok(vae_model_parameter_set(model, "likelihood.weight", none, heads * 2 * WIDTH));
        assert_ok(vae_sample(model, ROWS, 1, NULL, NULL, x));
        vae_model_destroy(model);
    }
}

/* ---- vae_generate ---- */

enum { SEEN = 300 };

typedef struct watch {
    uint64_t done, total, stop_at;
} watch;

static int32_t look(void *user, uint64_t done, uint64_t total) {
    watch *w = user;
    w->done = done;
    w->total = total;
    return w->stop_at && done >= w->stop_at;
}

static void generates_as_it_samples(void **state) {
    static float z[ROWS * LATENT], x[ROWS * WIDTH], other_z[ROWS * LATENT], other_x[ROWS * WIDTH];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(specs); i++) {
        vae_model *model = make(NULL, specs[i]);
        watch w = {0};
        assert_ok(vae_sample(model, ROWS, 3, z, NULL, x));
        assert_ok(vae_generate(model, ROWS, 3, NULL, look, &w, other_z, NULL, other_x));
        assert_memory_equal(z, other_z, sizeof z);
        assert_memory_equal(x, other_x, sizeof x);
        assert_true(w.done == ROWS && w.total == ROWS);
        vae_model_destroy(model);
    }
}

static void temperature_scales_deviations(void **state) {
    static float z[ROWS * LATENT], warm[ROWS * LATENT], means[4 * LATENT];
    (void)state;
    vae_model *model = make(NULL, specs[0]);
    assert_ok(vae_generate(model, ROWS, 3, "temperature=1", NULL, NULL, z, NULL, NULL));
    assert_ok(vae_generate(model, ROWS, 3, "temperature=0.25", NULL, NULL, warm, NULL, NULL));
    for (size_t i = 0; i < COUNT_OF(z); i++)
        assert_true(warm[i] >= z[i] / 4 && warm[i] <= z[i] / 4);
    assert_ok(vae_model_set_prior(model, "mixture:4 prior_covariance=full"));
    assert_ok(vae_model_parameter_get(model, "prior.mean", means, COUNT_OF(means)));
    assert_ok(vae_generate(model, ROWS, 3, "temperature=0", NULL, NULL, warm, NULL, NULL));
    size_t used[4] = {0};
    for (size_t r = 0; r < ROWS; r++) {
        size_t k = 0;
        while (k < 4 && memcmp(warm + r * LATENT, means + k * LATENT, LATENT * sizeof *means)) k++;
        assert_true(k < 4);
        used[k]++;
    }
    for (size_t k = 0; k < 4; k++)
        assert_true(used[k] > ROWS / 8); /* weights stay: a quarter each */
    vae_model_destroy(model);
}

static void generation_stops_and_refuses(void **state) {
    static float x[ROWS * WIDTH];
    (void)state;
    vae_model *model = make(NULL, specs[0]);
    watch w = {.stop_at = SEEN};
    assert_int_equal(vae_generate(model, ROWS, 3, NULL, look, &w, NULL, x, NULL), VAE_STOPPED);
    assert_true(w.done >= SEEN && w.done < ROWS);
    assert_ok(vae_generate(model, 0, 3, NULL, look, &w, NULL, NULL, NULL));
    assert_fails(vae_generate(NULL, 1, 3, NULL, NULL, NULL, NULL, x, NULL), VAE_ERROR_ARGUMENT,
                 "vae_generate: model is NULL");
    assert_fails(vae_generate(model, 1, 3, "temperature=-1", NULL, NULL, NULL, x, NULL),
                 VAE_ERROR_TEXT, "generate:1:13: temperature=-1: expected a number from 0 to 1000");
    assert_fails(vae_generate(model, 1, 3, "temprature=1", NULL, NULL, NULL, x, NULL),
                 VAE_ERROR_TEXT, "did you mean 'temperature'?");
    assert_fails(vae_generate(model, 1, 3, "samples=3", NULL, NULL, NULL, x, NULL), VAE_ERROR_TEXT,
                 "unknown option 'samples': it belongs to");
    vae_model_destroy(model);
}

typedef struct trained {
    double elbo[STEPS];
    size_t length;
    unsigned char *file;
} trained;

static trained train(const char *spec, const char *options, const char *optimizer_options) {
    trained result;
    vae_context *context;
    vae_dataset *data;
    vae_optimizer *optimizer;
    float *x = test_rows(ROWS, WIDTH);
    assert_ok(vae_context_create(options, &context));
    vae_model *model = make(context, spec);
    assert_ok(vae_dataset_from_memory(context, x, ROWS, WIDTH, "batch=100", &data));
    assert_ok(vae_optimizer_create(model, optimizer_options, &optimizer));
    for (size_t i = 0; i < STEPS; i++) {
        vae_step_report report = {.struct_size = sizeof report};
        assert_ok(vae_step(model, optimizer, data, &report));
        result.elbo[i] = report.elbo;
    }
    assert_ok(vae_model_save_memory(model, NULL, 0, &result.length));
    result.file = malloc(result.length);
    assert_ok(vae_model_save_memory(model, result.file, result.length, &result.length));
    vae_optimizer_destroy(optimizer);
    vae_dataset_destroy(data);
    vae_model_destroy(model);
    vae_context_destroy(context);
    free(x);
    return result;
}

static void trains_the_same_with_any_threads(void **state) {
    static const char *const threads[] = {"threads=2", "threads=3", "threads=4", "threads=8"};
    static const char *const optimizers[] = {"adam", "sgd lr=1e-3 momentum=0.9 clip_norm=1"};
    (void)state;
    for (size_t c = 0; c < COUNT_OF(specs) * COUNT_OF(optimizers); c++) {
        const char *spec = specs[c / 2], *optimizer = optimizers[c % 2];
        trained one = train(spec, "threads=1", optimizer);
        for (size_t t = 0; t < COUNT_OF(threads); t++) {
            trained many = train(spec, threads[t], optimizer);
            double off = double_distance(one.elbo, many.elbo, STEPS);
            if (!(off <= 1e-5))
                fail_msg("%s, %s, %s: loss off by %g", spec, threads[t], optimizer, off);
            assert_int_equal(one.length, many.length);
            if (has_builtin_blas() && memcmp(one.file, many.file, one.length))
                fail_msg("%s, %s, %s: other parameters", spec, threads[t], optimizer);
            free(many.file);
        }
        free(one.file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_no_rows),
        cmocka_unit_test(leaves_out_outputs),
        cmocka_unit_test(refuses_arguments),
        cmocka_unit_test(refuses_values),
        cmocka_unit_test(does_not_depend_on_n),
        cmocka_unit_test(draws_other_noise_for_each_row),
        cmocka_unit_test(takes_unaligned_rows),
        cmocka_unit_test(is_the_same_from_many_threads),
        cmocka_unit_test(allocates_nothing_in_a_steady_state),
        cmocka_unit_test(trains_the_same_with_any_threads),
        cmocka_unit_test(draws_end_whatever_the_parameters_are),
        cmocka_unit_test(generates_as_it_samples),
        cmocka_unit_test(temperature_scales_deviations),
        cmocka_unit_test(generation_stops_and_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
