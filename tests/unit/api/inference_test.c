#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/checks.h"
#include "support/numbers.h"

enum { WIDTH = 7, LATENT = 3, ROWS = 600 }; /* more than two chunks */

static vae_model *model;
static float x[ROWS * WIDTH], z[ROWS * LATENT];

/* All that inference gives for n rows. */
typedef struct results {
    float mean[ROWS * LATENT], logvar[ROWS * LATENT], decoded[ROWS * WIDTH],
        reconstructed[ROWS * WIDTH], prior[ROWS * LATENT], prior_mean[ROWS * WIDTH],
        draws[ROWS * WIDTH];
    double elbo[ROWS], reconstruction[ROWS], kl[ROWS];
} results;

static int set_up_with(const char *likelihood, const char *context_options) {
    char spec[200];
    vae_context *context = test_context(context_options);
    snprintf(spec, sizeof spec,
             "input=7 latent=3 encoder=[dense 9, relu] decoder=[dense 8, gelu] likelihood=%s",
             likelihood);
    model = test_model(context, spec, 0.7);
    vae_context_destroy(context);
    test_values(x, COUNT_OF(x), 3, 0, 1);
    test_values(z, COUNT_OF(z), 4, -2, 2);
    return 0;
}

static int set_up(void **state) {
    (void)state;
    return set_up_with("bernoulli", NULL);
}

static int tear_down(void **state) {
    (void)state;
    vae_model_destroy(model);
    return 0;
}

/* Rows first .. first + n - 1 (sampling always begins at row 0). */
static vae_status infer(size_t first, size_t n, results *r) {
    const float *rows = x + first * WIDTH, *latents = z + first * LATENT;
    vae_status status = vae_encode(model, rows, n, WIDTH, r->mean, r->logvar);
    if (!status) status = vae_decode(model, latents, n, LATENT, r->decoded);
    if (!status) status = vae_reconstruct(model, rows, n, WIDTH, r->reconstructed);
    if (!status) status = vae_elbo(model, rows, n, WIDTH, 5, r->elbo, r->reconstruction, r->kl);
    if (!status) status = vae_sample(model, n, 5, r->prior, r->prior_mean, r->draws);
    return status;
}

static results *make(size_t first, size_t n) {
    results *r = calloc(1, sizeof *r);
    assert_ok(infer(first, n, r));
    return r;
}

/* ---- what is refused ---- */

#define REFUSED(call, part) assert_fails(call, VAE_ERROR_ARGUMENT, part)

static void refuses_null(void **state) {
    float out[WIDTH];
    double nats;
    (void)state;
    REFUSED(vae_encode(NULL, x, 1, WIDTH, out, NULL), "vae_encode: model is NULL");
    REFUSED(vae_encode(model, NULL, 1, WIDTH, out, NULL), "vae_encode: x is NULL");
    REFUSED(vae_decode(NULL, z, 1, LATENT, out), "vae_decode: model is NULL");
    REFUSED(vae_decode(model, NULL, 1, LATENT, out), "vae_decode: z is NULL");
    REFUSED(vae_reconstruct(NULL, x, 1, WIDTH, out), "vae_reconstruct: model is NULL");
    REFUSED(vae_reconstruct(model, NULL, 1, WIDTH, out), "vae_reconstruct: x is NULL");
    REFUSED(vae_elbo(NULL, x, 1, WIDTH, 1, &nats, NULL, NULL), "vae_elbo: model is NULL");
    REFUSED(vae_elbo(model, NULL, 1, WIDTH, 1, &nats, NULL, NULL), "vae_elbo: x is NULL");
    REFUSED(vae_sample(NULL, 1, 1, NULL, out, NULL), "vae_sample: model is NULL");
}

static void refuses_widths(void **state) {
    float out[WIDTH];
    double nats;
    (void)state;
    assert_fails(vae_encode(model, x, 1, 6, out, NULL), VAE_ERROR_WIDTH,
                 "vae_encode: width is 6; expected 7, the model's input");
    assert_fails(vae_encode(model, x, 0, 6, out, NULL), VAE_ERROR_WIDTH, "width is 6; expected 7");
    assert_fails(vae_decode(model, z, 1, 4, out), VAE_ERROR_WIDTH,
                 "vae_decode: latent is 4; expected 3, the model's latent");
    assert_fails(vae_reconstruct(model, x, 1, 8, out), VAE_ERROR_WIDTH,
                 "vae_reconstruct: width is 8; expected 7");
    assert_fails(vae_elbo(model, x, 1, 0, 1, &nats, NULL, NULL), VAE_ERROR_WIDTH,
                 "vae_elbo: width is 0; expected 7");
}

static void refuses_bad_rows(void **state) {
    static const struct {
        float value;
        const char *message;
    } cases[] = {
        {NAN, "row 517, column 6 is nan: expected finite values"},
        {INFINITY, "row 517, column 6 is inf: expected finite values"},
        {-0.5f, "row 517, column 6 is -0.5: likelihood=bernoulli takes values from 0 to 1"},
        {2, "row 517, column 6 is 2: likelihood=bernoulli takes values from 0 to 1"}};
    static results r;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        float before = x[517 * WIDTH + 6];
        x[517 * WIDTH + 6] = cases[i].value;
        assert_fails(vae_encode(model, x, ROWS, WIDTH, r.mean, r.logvar), VAE_ERROR_DATA,
                     cases[i].message);
        assert_fails(vae_reconstruct(model, x, ROWS, WIDTH, r.reconstructed), VAE_ERROR_DATA,
                     cases[i].message);
        assert_fails(vae_elbo(model, x, ROWS, WIDTH, 1, r.elbo, NULL, NULL), VAE_ERROR_DATA,
                     cases[i].message);
        x[517 * WIDTH + 6] = before;
        assert_ok(infer(0, ROWS, &r)); /* the workspace is fine */
    }
    z[5 * LATENT] = NAN;
    assert_fails(vae_decode(model, z, ROWS, LATENT, r.decoded), VAE_ERROR_DATA,
                 "z holds a value that is not finite, in rows 0 to ");
    z[5 * LATENT] = -INFINITY;
    assert_fails(vae_decode(model, z, ROWS, LATENT, r.decoded), VAE_ERROR_DATA, "not finite");
    z[5 * LATENT] = 0;
}

/* ---- what is allowed ---- */

static void does_nothing_for_no_rows(void **state) {
    float out = 7;
    double nats = 7;
    (void)state;
    assert_ok(vae_encode(model, NULL, 0, WIDTH, NULL, NULL));
    assert_ok(vae_encode(model, x, 0, WIDTH, &out, &out));
    assert_ok(vae_decode(model, NULL, 0, LATENT, &out));
    assert_ok(vae_reconstruct(model, NULL, 0, WIDTH, &out));
    assert_ok(vae_elbo(model, NULL, 0, WIDTH, 1, &nats, &nats, &nats));
    assert_ok(vae_sample(model, 0, 1, &out, &out, &out));
    assert_true(out >= 7 && out <= 7 && nats >= 7 && nats <= 7);
}

static void leaves_out_what_is_not_wanted(void **state) {
    results *all = make(0, 9), *r = calloc(1, sizeof *r);
    (void)state;
    assert_ok(vae_encode(model, x, 9, WIDTH, NULL, NULL));
    assert_ok(vae_encode(model, x, 9, WIDTH, r->mean, NULL));
    assert_ok(vae_encode(model, x, 9, WIDTH, NULL, r->logvar));
    assert_ok(vae_decode(model, z, 9, LATENT, NULL));
    assert_ok(vae_reconstruct(model, x, 9, WIDTH, NULL));
    assert_ok(vae_elbo(model, x, 9, WIDTH, 5, NULL, NULL, NULL));
    assert_ok(vae_elbo(model, x, 9, WIDTH, 5, r->elbo, NULL, NULL));
    assert_ok(vae_elbo(model, x, 9, WIDTH, 5, NULL, r->reconstruction, NULL));
    assert_ok(vae_elbo(model, x, 9, WIDTH, 5, NULL, NULL, r->kl));
    assert_ok(vae_sample(model, 9, 5, NULL, NULL, NULL));
    assert_ok(vae_sample(model, 9, 5, r->prior, NULL, NULL));
    assert_ok(vae_sample(model, 9, 5, NULL, r->prior_mean, NULL));
    assert_ok(vae_sample(model, 9, 5, NULL, NULL, r->draws));
    memcpy(r->decoded, all->decoded, sizeof r->decoded);
    memcpy(r->reconstructed, all->reconstructed, sizeof r->reconstructed);
    assert_memory_equal(all, r, sizeof *r);
    free(all);
    free(r);
}

/* float buffers at any multiple of 4 bytes, doubles of 8. */
static void takes_unaligned_buffers(void **state) {
    results *all = make(0, 20);
    static float block[20 * WIDTH + 20], in[20 * WIDTH + 20];
    static double nats[50];
    (void)state;
    for (size_t offset = 1; offset < 16; offset += 2) {
        float *out = block + offset;
        memcpy(in + offset, x, 20 * WIDTH * sizeof *in);
        assert_ok(vae_encode(model, in + offset, 20, WIDTH, out, NULL));
        assert_memory_equal(out, all->mean, 20 * LATENT * sizeof *out);
        assert_ok(vae_reconstruct(model, in + offset, 20, WIDTH, out));
        assert_memory_equal(out, all->reconstructed, 20 * WIDTH * sizeof *out);
        assert_ok(vae_elbo(model, in + offset, 20, WIDTH, 5, nats + offset, NULL, NULL));
        assert_memory_equal(nats + offset, all->elbo, 20 * sizeof *nats);
        assert_ok(vae_sample(model, 20, 5, NULL, NULL, out));
        assert_memory_equal(out, all->draws, 20 * WIDTH * sizeof *out);
        memcpy(in + offset, z, 20 * LATENT * sizeof *in);
        assert_ok(vae_decode(model, in + offset, 20, LATENT, out));
        assert_memory_equal(out, all->decoded, 20 * WIDTH * sizeof *out);
    }
    free(all);
}

/* ---- what comes out ---- */

static void fits_together(void **state) {
    results *r = make(0, ROWS);
    float *decoded = calloc(ROWS * WIDTH, sizeof *decoded);
    (void)state;
    assert_ok(vae_decode(model, r->mean, ROWS, LATENT, decoded));
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        test_near((double)r->reconstructed[i], (double)decoded[i], 1e-6, "reconstruct");
    assert_ok(vae_decode(model, r->prior, ROWS, LATENT, decoded));
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        test_near((double)r->prior_mean[i], (double)decoded[i], 1e-6, "sample");
    for (size_t n = 0; n < ROWS; n++) {
        double kl = 0;
        for (size_t j = 0; j < LATENT; j++) {
            double m = (double)r->mean[n * LATENT + j], l = (double)r->logvar[n * LATENT + j];
            kl += 0.5 * (m * m + exp(l) - l - 1);
            assert_true(l >= -16 && l <= 16);
        }
        test_near(r->kl[n], kl, 2e-5, "kl");
        test_near(r->elbo[n], r->reconstruction[n] - r->kl[n], 1e-12, "elbo");
    }
    free(decoded);
    free(r);
}

/* logvar stays in [-16, 16] and everything is finite, whatever the encoder says. */
static void bounds_logvar(void **state) {
    static const float heads[] = {-3e38f, -1e10f, -100, -16, 0, 16, 100, 1e10f, 3e38f};
    float weight[2 * LATENT * 9] = {0}, bias[2 * LATENT] = {0}, mean[LATENT], logvar[LATENT];
    (void)state;
    assert_ok(vae_model_parameter_set(model, "posterior.weight", weight, COUNT_OF(weight)));
    double last = -100;
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        double elbo;
        for (size_t j = 0; j < LATENT; j++) bias[LATENT + j] = heads[i];
        assert_ok(vae_model_parameter_set(model, "posterior.bias", bias, COUNT_OF(bias)));
        assert_ok(vae_encode(model, x, 1, WIDTH, mean, logvar));
        assert_true(logvar[0] >= -16 && logvar[0] <= 16);
        assert_true((double)logvar[0] >= last);
        last = (double)logvar[0];
        assert_ok(vae_elbo(model, x, 1, WIDTH, 1, &elbo, NULL, NULL));
        assert_true(isfinite(elbo));
    }
}

static void noise_is_the_seeds(void **state) {
    static results r, other;
    (void)state;
    assert_ok(infer(0, 20, &r));
    assert_ok(vae_elbo(model, x, 20, WIDTH, 6, other.elbo, NULL, other.kl));
    assert_ok(vae_sample(model, 20, 6, other.prior, NULL, other.draws));
    for (size_t i = 0; i < 20; i++) assert_true(fabs(r.elbo[i] - other.elbo[i]) > 0);
    assert_memory_equal(r.kl, other.kl, 20 * sizeof *r.kl); /* closed form */
    assert_memory_not_equal(r.prior, other.prior, 20 * LATENT * sizeof *r.prior);
    assert_memory_not_equal(r.draws, other.draws, 20 * WIDTH * sizeof *r.draws);
}

/* ---- chunks ---- */

/* The results of rows do not depend on which call they are part of; bits, where the BLAS is ours. */
static void does_not_depend_on_chunks(void **state) {
    static const size_t sizes[] = {1, 2, 255, 256, 257, 511, 513};
    int exact = strstr(vae_build_info(), "BLAS builtin") != NULL;
    results *all = make(0, ROWS);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        results *r = make(0, sizes[i]);
        double nats = 0, value = 0;
        for (size_t k = 0; k < sizes[i]; k++) {
            nats = fmax(nats, fabs(r->elbo[k] - all->elbo[k]));
            for (size_t j = 0; j < WIDTH; j++) {
                size_t at = k * WIDTH + j;
                value = fmax(value, fabs((double)r->decoded[at] - (double)all->decoded[at]));
                value = fmax(value, fabs((double)r->prior_mean[at] - (double)all->prior_mean[at]));
            }
            for (size_t j = 0; j < LATENT; j++) {
                size_t at = k * LATENT + j;
                value = fmax(value, fabs((double)r->mean[at] - (double)all->mean[at]));
            }
        }
        assert_true(nats <= (exact ? 0 : 1e-5) && value <= (exact ? 0 : 1e-5));
        assert_memory_equal(r->prior, all->prior, sizes[i] * LATENT * sizeof *r->prior);
        free(r);
    }
    /* row by row */
    for (size_t k = 0; k < ROWS; k += 37) {
        results *r = make(k, 1);
        for (size_t j = 0; j < LATENT; j++)
            test_near((double)r->mean[j], (double)all->mean[k * LATENT + j], exact ? 0 : 1e-6,
                      "mean of one row");
        for (size_t j = 0; j < WIDTH; j++)
            test_near((double)r->decoded[j], (double)all->decoded[k * WIDTH + j], exact ? 0 : 1e-6,
                      "decoding of one row");
        free(r);
    }
    free(all);
}

/* ---- many threads at once ---- */

enum { CALLERS = 8, ROUNDS = 6, CALL_ROWS = 300 };

typedef struct caller {
    const results *expected;
    int different;
    vae_status failed;
} caller;

static void *call(void *argument) {
    caller *c = argument;
    results *r = calloc(1, sizeof *r);
    for (int i = 0; i < ROUNDS && !c->failed; i++) {
        memset(r, 0, sizeof *r);
        c->failed = infer(0, CALL_ROWS, r);
        c->different |= memcmp(r, c->expected, sizeof *r) != 0;
    }
    free(r);
    return NULL;
}

static void check_callers(void) {
    pthread_t threads[CALLERS];
    caller callers[CALLERS];
    results *alone = make(0, CALL_ROWS);
    for (size_t i = 0; i < CALLERS; i++) {
        callers[i] = (caller){.expected = alone};
        assert_int_equal(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
    }
    for (size_t i = 0; i < CALLERS; i++) pthread_join(threads[i], NULL);
    for (size_t i = 0; i < CALLERS; i++) {
        assert_int_equal(callers[i].failed, VAE_OK);
        assert_false(callers[i].different);
    }
    free(alone);
}

static void gives_eight_threads_the_same(void **state) {
    (void)state;
    check_callers();
}

/* With a pool some calls get it and others do their work alone; our own GEMM gives the same bits
 * either way. */
static void gives_eight_threads_of_a_pool_the_same(void **state) {
    (void)state;
    if (!strstr(vae_build_info(), "BLAS builtin")) skip();
    vae_model_destroy(model);
    set_up_with("gaussian sigma=per_dim", "threads=3");
    check_callers();
}

/* ---- memory ---- */

static void infers_without_allocating(void **state) {
    static const char *const likelihoods[] = {"bernoulli", "gaussian", "gaussian sigma=decoder",
                                              "gaussian sigma=optimal"};
    static results r;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(likelihoods); i++) {
        uint64_t before[3], after[3];
        vae_model_destroy(model);
        set_up_with(likelihoods[i], i % 2 ? "threads=2" : NULL);
        vae_context *context = model->context;
        assert_ok(infer(0, 1, &r));
        assert_ok(vae_context_memory(context, &before[0], &before[1], &before[2]));
        for (size_t n = 1; n <= ROWS; n += 149) assert_ok(infer(0, n, &r));
        assert_ok(vae_context_memory(context, &after[0], &after[1], &after[2]));
        for (size_t k = 0; k < 3; k++) assert_int_equal(after[k], before[k]);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(refuses_null),
        TEST(refuses_widths),
        TEST(refuses_bad_rows),
        TEST(does_nothing_for_no_rows),
        TEST(leaves_out_what_is_not_wanted),
        TEST(takes_unaligned_buffers),
        TEST(fits_together),
        TEST(bounds_logvar),
        TEST(noise_is_the_seeds),
        TEST(does_not_depend_on_chunks),
        TEST(gives_eight_threads_the_same),
        TEST(gives_eight_threads_of_a_pool_the_same),
        TEST(infers_without_allocating),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
