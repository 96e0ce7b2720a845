/* Streamed weights, and vae_log_likelihood as a function: options, refusals, splits of the rows,
 * threads, memory. That its numbers are right is in estimate_oracles_test.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/estimate.h"
#include "support/cmocka.h"
#include "support/numbers.h"

enum { WIDTH = 9, LATENT = 3 };

#define SPEC "input=9 latent=3 encoder=[dense 7, tanh] decoder=[dense 8, tanh] likelihood=bernoulli"

static void expect_message(const char *part) {
    if (!strstr(vae_last_error(), part)) fail_msg("no \"%s\" in \"%s\"", part, vae_last_error());
}

/* ---- streamed weights ---- */

static vae__estimate streamed(const double *log_w, size_t n) {
    vae__weights weights;
    vae__weights_start(&weights);
    for (size_t i = 0; i < n; i++) vae__weights_add(&weights, log_w[i]);
    return vae__weights_finish(&weights);
}

/* log mean w, (sum w)^2 / sum w^2 and the delta method's error from all weights at once. */
static vae__estimate two_pass(const double *log_w, size_t n) {
    double most = -INFINITY, sum = 0, square = 0, spread = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, log_w[i]);
    for (size_t i = 0; i < n; i++) {
        sum += exp(log_w[i] - most);
        square += exp(2 * (log_w[i] - most));
    }
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) {
        double off = exp(log_w[i] - most) - mean;
        spread += off * off;
    }
    vae__estimate e = {most + log(mean), sqrt(spread / (double)(n - 1) / (double)n) / mean,
                       sum * sum / square};
    if (e.ess < 10) e.std_error = INFINITY;
    return e;
}

static void expect_same(vae__estimate found, vae__estimate expected, double tolerance,
                        const char *what) {
    test_near(found.log_p, expected.log_p, tolerance, what);
    test_near(found.ess, expected.ess, tolerance, what);
    if (isinf(expected.std_error)) {
        assert_true(isinf(found.std_error) && found.std_error > 0);
    } else {
        test_near(found.std_error, expected.std_error, tolerance, what);
    }
}

static void weights_equal_two_passes(void **state) {
    (void)state;
    enum { N = 1000 };
    static double log_w[N], turned[N];
    static const double ranges[] = {0, 0.1, 1, 5, 40}, offsets[] = {0, -1e6, 1e6, -745, 710};
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 5; j++) {
            for (size_t k = 0; k < N; k++) {
                log_w[k] = offsets[j] + test_uniform(i, k, -ranges[i], ranges[i]);
                turned[N - 1 - k] = log_w[k];
            }
            vae__estimate expected = two_pass(log_w, N);
            expect_same(streamed(log_w, N), expected, 1e-12, "in order");
            expect_same(streamed(turned, N), expected, 1e-12, "turned round");
        }
    }
}

/* Rising, falling and mixed weights over the whole range of a double. */
static void weights_of_extreme_size(void **state) {
    (void)state;
    const double far_apart[] = {-1e6, 1e6, -1e6, 0};
    vae__estimate e = streamed(far_apart, 4);
    test_near(e.log_p, 1e6 - log(4), 1e-15, "one weight beyond all others");
    test_near(e.ess, 1, 1e-15, "its effective sample size");
    assert_true(isinf(e.std_error));

    const double none[] = {-INFINITY, -INFINITY};
    e = streamed(none, 2);
    assert_true(isinf(e.log_p) && e.log_p < 0 && isinf(e.std_error) && e.ess == 0);

    const double half[] = {-INFINITY, 3, -INFINITY, 3};
    e = streamed(half, 4);
    test_near(e.log_p, 3 - log(2), 1e-15, "half of the weights are zero");
    test_near(e.ess, 2, 1e-15, "half of the weights are zero");
}

static void error_needs_ten_samples(void **state) {
    (void)state;
    double log_w[20] = {0};
    vae__estimate e = streamed(log_w, 9);
    assert_true(isinf(e.std_error));
    test_near(e.ess, 9, 1e-15, "nine equal weights");
    e = streamed(log_w, 10);
    assert_true(e.std_error == 0);
    for (size_t i = 0; i < 20; i++) log_w[i] = i < 8 ? 0 : -3;
    e = streamed(log_w, 20);
    assert_true(e.ess < 10 && isinf(e.std_error));
    e = streamed(log_w, 1);
    assert_true(e.log_p == 0 && isinf(e.std_error) && e.ess == 1);
}

/* ---- the function: rows, threads, seeds ---- */

typedef struct results {
    double log_p[300], std_error[300], ess[300];
} results;

static void run_on(const vae_model *model, const float *x, size_t n, const char *options,
                   results *out) {
    if (vae_log_likelihood(model, x, n, WIDTH, options, out->log_p, out->std_error, out->ess)) {
        fail_msg("%s: %s", options ? options : "defaults", vae_last_error());
    }
}

/* Bit for bit where no BLAS may choose its order by the number of rows; see performance.md. */
static void expect_rows(const results *found, const results *expected, size_t n, const char *what) {
    int exact = strstr(vae_build_info(), "builtin") != NULL;
    for (size_t r = 0; r < n; r++) {
        double tolerance = exact ? 0 : 1e-5;
        test_near(found->log_p[r], expected->log_p[r], tolerance, what);
        test_near(found->ess[r], expected->ess[r], exact ? 0 : 1e-3, what);
        if (isinf(expected->std_error[r])) {
            assert_true(isinf(found->std_error[r]));
        } else {
            test_near(found->std_error[r], expected->std_error[r], tolerance, what);
        }
    }
}

/* More rows than one chunk of 256, and chunks, groups and parts that come out uneven. */
static void rows_do_not_depend_on_their_company(void **state) {
    (void)state;
    static const char *const options[] = {"samples=1", "samples=7", "samples=333 seed=5",
                                          "samples=40 estimator=prior"};
    static const size_t counts[] = {1, 2, 3, 16, 17, 255, 257, 300};
    static float x[300 * WIDTH];
    static results all, some, other;
    test_values(x, 300 * WIDTH, 3, 0, 1);
    vae_context *one = test_context("threads=1"), *two = test_context("threads=2");
    vae_context *five = test_context("threads=5"); /* two rows in three parts each */
    vae_model *alone = test_model(one, SPEC, 0.9), *shared = test_model(two, SPEC, 0.9);
    vae_model *parted = test_model(five, SPEC, 0.9);
    for (size_t o = 0; o < 4; o++) {
        run_on(alone, x, 300, options[o], &all);
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            char what[100];
            snprintf(what, sizeof what, "%s, %zu rows", options[o], counts[c]);
            run_on(alone, x, counts[c], options[o], &some);
            run_on(shared, x, counts[c], options[o], &other);
            expect_rows(&some, &all, counts[c], what);
            expect_rows(&other, &all, counts[c], "on two threads");
            run_on(parted, x, counts[c], options[o], &other);
            expect_rows(&other, &all, counts[c], "on five threads");
        }
    }
    vae_model_destroy(alone);
    vae_model_destroy(shared);
    vae_model_destroy(parted);
    vae_context_destroy(five);
    vae_context_destroy(one);
    vae_context_destroy(two);
}

/* The rows of a call that a caller inside splits: keyed by the first row it names. */
static void noise_is_keyed_by_the_row(void **state) {
    (void)state;
    enum { N = 20 };
    vae_context *context = test_context(NULL);
    vae_model *model = test_model(context, SPEC, 0.9);
    vae__estimate_options options = {VAE__ESTIMATOR_IMPORTANCE, 50, 4};
    vae__real x[N * WIDTH];
    vae__estimate all[N], part[N];
    for (size_t i = 0; i < N * WIDTH; i++) x[i] = (vae__real)test_uniform(9, i, 0, 1);
    assert_int_equal(vae__model_log_likelihood(model, x, N, 0, &options, all), VAE_OK);
    for (size_t first = 0; first < N; first += 7) {
        size_t rows = N - first < 7 ? N - first : 7;
        assert_int_equal(
            vae__model_log_likelihood(model, x + first * WIDTH, rows, first, &options, part),
            VAE_OK);
        for (size_t r = 0; r < rows; r++) {
            test_near(part[r].log_p, all[first + r].log_p, 1e-5, "a split of the rows");
        }
    }
    assert_int_equal(vae__model_log_likelihood(model, x, N, 1, &options, part), VAE_OK);
    assert_true(fabs(part[0].log_p - all[0].log_p) > 1e-5);
    options.seed = 5;
    assert_int_equal(vae__model_log_likelihood(model, x, N, 0, &options, part), VAE_OK);
    assert_true(fabs(part[0].log_p - all[0].log_p) > 1e-5);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

static void defaults_and_optional_results(void **state) {
    (void)state;
    vae_context *context = test_context(NULL);
    vae_model *model = test_model(context, SPEC, 0.9);
    static float x[4 * WIDTH];
    static results plain, named;
    double only[4];
    test_values(x, 4 * WIDTH, 3, 0, 1);
    run_on(model, x, 4, NULL, &plain);
    run_on(model, x, 4, "estimator=importance samples=500 seed=1", &named);
    assert_memory_equal(plain.log_p, named.log_p, 4 * sizeof(double));
    assert_int_equal(vae_log_likelihood(model, x, 4, WIDTH, "", only, NULL, NULL), VAE_OK);
    assert_memory_equal(plain.log_p, only, sizeof only);
    assert_int_equal(vae_log_likelihood(model, x, 4, WIDTH, NULL, NULL, only, NULL), VAE_OK);
    assert_memory_equal(plain.std_error, only, sizeof only);
    assert_int_equal(vae_log_likelihood(model, x, 4, WIDTH, NULL, NULL, NULL, only), VAE_OK);
    assert_memory_equal(plain.ess, only, sizeof only);
    assert_int_equal(vae_log_likelihood(model, x, 4, WIDTH, NULL, NULL, NULL, NULL), VAE_OK);
    assert_int_equal(vae_log_likelihood(model, NULL, 0, WIDTH, NULL, only, NULL, NULL), VAE_OK);
    assert_int_equal(vae_log_likelihood(model, NULL, 0, WIDTH, "estimator=prior", only, NULL, NULL),
                     VAE_OK);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* ---- refusals ---- */

enum { ROWS = 270, UNTOUCHED = 77 };

static void expect_refused(const vae_model *model, const float *x, size_t width,
                           const char *options, vae_status expected, const char *part) {
    static double out[3][ROWS];
    for (size_t i = 0; i < 3 * ROWS; i++) out[i / ROWS][i % ROWS] = UNTOUCHED;
    vae_status status = vae_log_likelihood(model, x, ROWS, width, options, out[0], out[1], out[2]);
    if (status != expected) {
        fail_msg("%s: %s instead of %s", part, vae_status_name(status), vae_status_name(expected));
    }
    expect_message(part);
    for (size_t i = 0; i < 3 * ROWS; i++) assert_true(out[i / ROWS][i % ROWS] == UNTOUCHED);
}

static void refusals(void **state) {
    (void)state;
    vae_context *context = test_context("threads=2");
    vae_model *model = test_model(context, SPEC, 0.9);
    static float x[ROWS * WIDTH];
    test_values(x, ROWS * WIDTH, 3, 0, 1);
    expect_refused(model, x, WIDTH, "samples=0", VAE_ERROR_TEXT, "samples");
    expect_refused(model, x, WIDTH, "samples=16777217", VAE_ERROR_TEXT, "16777216");
    expect_refused(model, x, WIDTH, "samples=-1", VAE_ERROR_TEXT, "samples");
    expect_refused(model, x, WIDTH, "estimator=importanse", VAE_ERROR_TEXT, "importance");
    expect_refused(model, x, WIDTH, "estimator=", VAE_ERROR_TEXT, "estimator");
    expect_refused(model, x, WIDTH, "sample=5", VAE_ERROR_TEXT, "samples");
    expect_refused(model, x, WIDTH - 1, NULL, VAE_ERROR_WIDTH, "8");
    expect_refused(model, x, WIDTH + 1, NULL, VAE_ERROR_WIDTH, "10");
    expect_refused(model, NULL, WIDTH, NULL, VAE_ERROR_ARGUMENT, "x");
    expect_refused(NULL, x, WIDTH, NULL, VAE_ERROR_ARGUMENT, "model");
    static const char *const estimators[] = {"samples=20", "samples=20 estimator=prior"};
    static const float values[] = {NAN, INFINITY, -INFINITY, -0.1f, 1.1f};
    for (size_t i = 0; i < 10; i++) {
        float before = x[260 * WIDTH + 4]; /* in the second chunk */
        x[260 * WIDTH + 4] = values[i / 2];
        expect_refused(model, x, WIDTH, estimators[i % 2], VAE_ERROR_DATA, "row 260, column 4");
        x[260 * WIDTH + 4] = before;
    }
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* ---- memory ---- */

static uint64_t peak_after(const char *options) {
    static float x[3 * WIDTH];
    double log_p[3];
    uint64_t peak;
    vae_context *context = test_context("threads=2");
    vae_model *model = test_model(context, SPEC, 0.9);
    test_values(x, 3 * WIDTH, 3, 0, 1);
    assert_int_equal(vae_log_likelihood(model, x, 3, WIDTH, options, log_p, NULL, NULL), VAE_OK);
    assert_int_equal(vae_context_memory(context, NULL, &peak, NULL), VAE_OK);
    vae_model_destroy(model);
    vae_context_destroy(context);
    return peak;
}

static void memory_is_constant_in_samples(void **state) {
    (void)state;
    assert_int_equal(peak_after("samples=20000"), peak_after("samples=100"));
    assert_int_equal(peak_after("samples=20000 estimator=prior"),
                     peak_after("samples=100 estimator=prior"));
}

/* Fails one allocation and counts those that live. */
typedef struct failing {
    size_t left; /* allocations before the one that fails */
    size_t held;
} failing;

static void *failing_allocate(void *user, size_t size) {
    failing *f = user;
    if (!f->left) return NULL;
    f->left--;
    void *block = malloc(size);
    if (block) f->held++;
    return block;
}

static void failing_release(void *user, void *block) {
    failing *f = user;
    if (block) f->held--;
    free(block);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    static const char *const options[] = {"samples=20", "samples=20 estimator=prior"};
    static float x[ROWS * WIDTH];
    test_values(x, ROWS * WIDTH, 3, 0, 1);
    for (size_t o = 0; o < 2; o++) {
        failing f = {SIZE_MAX, 0};
        vae_context *context;
        assert_int_equal(vae_context_create_with_allocator(NULL, failing_allocate, failing_release,
                                                           &f, &context),
                         VAE_OK);
        vae_model *model = test_model(context, SPEC, 0.9);
        size_t n = 0;
        static double log_p[ROWS];
        vae_status status = VAE_ERROR_MEMORY;
        for (; status; n++) {
            /* Workspaces that one attempt made are kept for the next, so `held` may grow once. */
            f.left = n;
            log_p[0] = UNTOUCHED;
            status = vae_log_likelihood(model, x, ROWS, WIDTH, options[o], log_p, NULL, NULL);
            f.left = SIZE_MAX;
            if (status) assert_int_equal(status, VAE_ERROR_MEMORY);
            assert_true((log_p[0] == UNTOUCHED) == (status != VAE_OK));
        }
        assert_true(n > 3);
        vae_model_destroy(model);
        vae_context_destroy(context);
        assert_int_equal(f.held, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_equal_two_passes),
        cmocka_unit_test(weights_of_extreme_size),
        cmocka_unit_test(error_needs_ten_samples),
        cmocka_unit_test(rows_do_not_depend_on_their_company),
        cmocka_unit_test(noise_is_keyed_by_the_row),
        cmocka_unit_test(defaults_and_optional_results),
        cmocka_unit_test(refusals),
        cmocka_unit_test(memory_is_constant_in_samples),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
