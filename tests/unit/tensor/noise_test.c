/* The vector normals of every instruction set: against a scalar reference made from
 * vae__random_block, by their distribution, and as a pure function of (seed, step, row, column,
 * sample). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/numbers.h"

/* Calls `check` with the table of each level that this machine runs. */
static void at_each_level(void (*check)(const vae__kernels *kernels)) {
    static const char *const levels[] = {"generic", "sse2", "avx2", "avx512"};
    size_t ran = 0;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        const vae__kernels *kernels;
        if (vae__kernels_select(levels[i], &kernels)) continue;
        check(kernels);
        ran++;
    }
    assert_true(ran > 0);
}

/* Box & Muller in double on the top 24 bits of each word. The half step is rounded as the kernels
 * round it: near u = 1 it is as large as the radius. */
static double reference(const vae__stream *stream, uint32_t row, size_t column) {
    uint32_t words[4];
    vae__random_block(stream, row, (uint32_t)(column / 4), words);
    const uint32_t *pair = words + column % 4 / 2 * 2;
    volatile vae__real steps = (vae__real)(pair[0] >> 8) + (vae__real)0.5;
    double u = (double)steps * 0x1p-24, v = (double)(pair[1] >> 8) * 0x1p-24;
    double radius = sqrt(-2 * log(u)), angle = 6.283185307179586476925 * v;
    return radius * (column % 2 ? sin(angle) : cos(angle));
}

/* The outputs of a block's first pair are columns 0 and 1, of its second 2 and 3. */
static void check_reference(const vae__kernels *kernels) {
    static const size_t widths[] = {1, 2, 3, 4, 5, 16, 17, 33};
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        enum { ROWS = 40, SAMPLES = 3 };
        const vae__stream stream = {0x0123456789abcdefu, ((uint64_t)3 << 32) + 1000 + w,
                                    VAE__PURPOSE_POSTERIOR, 6};
        size_t columns = widths[w], count = ROWS * SAMPLES * columns;
        vae__real *found = calloc(count + 1, sizeof *found);
        found[count] = 77;
        kernels->normals(&stream, 1000, ROWS, SAMPLES, columns, found);
        for (size_t i = 0; i < count; i++) {
            vae__stream sample = stream;
            size_t row = i / columns / SAMPLES;
            sample.sample += (uint32_t)(i / columns % SAMPLES);
            test_near((double)found[i], reference(&sample, (uint32_t)(1000 + row), i % columns),
                      test_tolerance(1e-6, 1e-14), kernels->name);
        }
        assert_true(found[count] == 77);
        free(found);
    }
}

static void scalar_reference(void **state) {
    (void)state;
    at_each_level(check_reference);
}

/* Bit for bit the same, whatever rows and samples are drawn together and wherever they stand in a
 * vector. */
static void check_pure(const vae__kernels *kernels) {
    enum { ROWS = 23, SAMPLES = 5, COLUMNS = 7, WIDTH = SAMPLES * COLUMNS };
    const vae__stream stream = {4, 9, VAE__PURPOSE_POSTERIOR, 0};
    vae__real all[ROWS * WIDTH], part[ROWS * WIDTH];
    kernels->normals(&stream, 0, ROWS, SAMPLES, COLUMNS, all);
    for (size_t pieces = 2; pieces <= ROWS; pieces += 3) {
        for (size_t p = pieces; p-- > 0;) { /* the last rows first */
            size_t first = ROWS * p / pieces, end = ROWS * (p + 1) / pieces;
            kernels->normals(&stream, first, end - first, SAMPLES, COLUMNS, part + first * WIDTH);
        }
        assert_memory_equal(all, part, sizeof all);
    }
    for (size_t s = SAMPLES; s-- > 0;) {
        vae__stream one = stream;
        one.sample = (uint32_t)s;
        kernels->normals(&one, 0, ROWS, 1, COLUMNS, part);
        for (size_t r = 0; r < ROWS; r++)
            assert_memory_equal(all + r * WIDTH + s * COLUMNS, part + r * COLUMNS,
                                COLUMNS * sizeof *part);
    }
    kernels->normals(&stream, 0, ROWS, SAMPLES, COLUMNS - 3, part); /* columns are their own */
    for (size_t i = 0; i < ROWS * SAMPLES; i++)
        assert_memory_equal(all + i * COLUMNS, part + i * (COLUMNS - 3),
                            (COLUMNS - 3) * sizeof *part);
}

static void pure_function(void **state) {
    (void)state;
    at_each_level(check_pure);
}

/* Another seed, step, purpose or sample is other noise. */
static void check_streams(const vae__kernels *kernels) {
    enum { N = 40000, STREAMS = 6 };
    static const vae__stream streams[STREAMS] = {
        {1, 1, VAE__PURPOSE_POSTERIOR, 0}, {2, 1, VAE__PURPOSE_POSTERIOR, 0},
        {1, 2, VAE__PURPOSE_POSTERIOR, 0}, {1, 1, VAE__PURPOSE_PRIOR, 0},
        {1, 1, VAE__PURPOSE_POSTERIOR, 1}, {(uint64_t)1 << 32 | 1, 1, VAE__PURPOSE_POSTERIOR, 0}};
    vae__real *draws[STREAMS];
    for (size_t i = 0; i < STREAMS; i++) {
        draws[i] = malloc(N * sizeof **draws);
        kernels->normals(&streams[i], 0, N / 8, 1, 8, draws[i]);
    }
    for (size_t i = 0; i < STREAMS; i++) {
        for (size_t j = 0; j < i; j++) {
            double product = 0;
            for (size_t k = 0; k < N; k++) product += (double)draws[i][k] * (double)draws[j][k];
            assert_true(fabs(product / N) < 4 / sqrt((double)N));
        }
    }
    for (size_t i = 0; i < STREAMS; i++) free(draws[i]);
}

static void independent_streams(void **state) {
    (void)state;
    at_each_level(check_streams);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov & Smirnov: largest distance between the empirical and the normal distribution. */
static double distance(double *x, size_t n) {
    double largest = 0;
    qsort(x, n, sizeof *x, compare);
    for (size_t i = 0; i < n; i++) {
        double p = 0.5 * erfc(-x[i] / sqrt(2));
        largest = fmax(largest, fmax(p - (double)i / (double)n, (double)(i + 1) / (double)n - p));
    }
    return largest;
}

/* Moments 1 to 4 have errors sqrt(1, 2, 15, 96) / sqrt n; neighbours are uncorrelated. */
static void check_distribution(const vae__kernels *kernels) {
    enum { ROWS = 30000, COLUMNS = 10, N = ROWS * COLUMNS };
    static const double expected[] = {0, 1, 0, 3}, variance[] = {1, 2, 15, 96};
    const vae__stream stream = {11, 3, VAE__PURPOSE_POSTERIOR, 0};
    vae__real *draws = malloc(N * sizeof *draws);
    double *x = malloc(N * sizeof *x), power[4] = {0}, beside = 0, below = 0;
    kernels->normals(&stream, 0, ROWS, 1, COLUMNS, draws);
    for (size_t i = 0; i < N; i++) {
        double raised = 1;
        x[i] = (double)draws[i];
        for (size_t k = 0; k < 4; k++) power[k] += (raised *= x[i]) / N;
        if (i % COLUMNS) beside += x[i] * x[i - 1] / N;
        if (i >= COLUMNS) below += x[i] * x[i - COLUMNS] / N;
    }
    double error = 4 / sqrt((double)N);
    for (size_t k = 0; k < 4; k++)
        assert_true(fabs(power[k] - expected[k]) < error * sqrt(variance[k]));
    assert_true(fabs(beside) < error);
    assert_true(fabs(below) < error);
    assert_true(distance(x, N) < 1.95 / sqrt((double)N)); /* 0.1 % */
    /* 24-bit uniforms: nothing beyond sqrt(-2 ln 2^-25), but tails where they belong */
    assert_true(x[N - 1] > 3.9 && x[N - 1] < 5.89 && x[0] < -3.9 && x[0] > -5.89);
    free(draws);
    free(x);
}

static void distribution(void **state) {
    (void)state;
    at_each_level(check_distribution);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalar_reference),
        cmocka_unit_test(pure_function),
        cmocka_unit_test(independent_streams),
        cmocka_unit_test(distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
