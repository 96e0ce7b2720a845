/* The normals of every level: number by number against a scalar reference in double, and as a
 * sample of 200,000 against the distribution. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/cmocka.h"
#include "support/numbers.h"
#include "unit/tensor/levels.h"

enum { ROWS = 500, SAMPLES = 4, COLUMNS = 100, DRAWS = ROWS * SAMPLES * COLUMNS };

static const vae__stream stream = {0x123456789abcdefu, 0x300000007u, VAE__PURPOSE_POSTERIOR, 5};

/* Box & Muller from the words, as simd/noise.c describes it. The radius's uniform is rounded to
 * vae__real: near 1 the radius depends on that. */
static double reference(size_t row, size_t sample, size_t column) {
    vae__stream place = stream;
    uint32_t words[4];
    place.sample += (uint32_t)sample;
    vae__random_block(&place, (uint32_t)row, (uint32_t)(column / 4), words);
    const uint32_t *pair = words + column % 4 / 2 * 2;
    vae__real uniform = ((vae__real)(pair[0] >> 8) + (vae__real)0.5) * (vae__real)0x1p-24;
    double radius = sqrt(-2 * log((double)uniform));
    double angle = 6.283185307179586476925 * ((double)(pair[1] >> 8) * 0x1p-24);
    return radius * (column % 2 ? sin(angle) : cos(angle));
}

static void expect_reference(const vae__kernels *kernels, size_t first, size_t rows, size_t samples,
                             size_t columns) {
    size_t n = rows * samples * columns;
    vae__real *found = malloc((n + 1) * sizeof *found);
    assert_non_null(found);
    found[n] = 4711;
    kernels->normals(&stream, first, rows, samples, columns, found);
    for (size_t i = 0; i < n; i++) {
        size_t row = i / columns;
        test_near((double)found[i], reference(first + row / samples, row % samples, i % columns),
                  test_tolerance(1e-5, 1e-13), kernels->name);
    }
    assert_true(found[n] == 4711);
    free(found);
}

static void check_reference(const vae__kernels *kernels) {
    for (size_t columns = 1; columns <= 9; columns++)
        expect_reference(kernels, 1000, 11, 3, columns);
    expect_reference(kernels, 0, 1, 1, 131);
    expect_reference(kernels, 4000000000u, 2, 1, 64);
    expect_reference(kernels, 0, ROWS, SAMPLES, COLUMNS);
}

static void normals_are_box_muller_of_the_stream(void **state) {
    (void)state;
    test_each_level(check_reference);
}

/* Rows in pieces, and each sample alone: the same bits. */
static void check_splits(const vae__kernels *kernels) {
    enum { N = 37, K = 3, WIDTH = 7 };
    vae__real whole[N * K * WIDTH], part[N * K * WIDTH], alone[WIDTH];
    kernels->normals(&stream, 100, N, K, WIDTH, whole);
    static const size_t ends[] = {1, 6, 6, 23, N};
    for (size_t i = 0, row = 0; i < sizeof ends / sizeof ends[0]; row = ends[i++])
        kernels->normals(&stream, 100 + row, ends[i] - row, K, WIDTH, part + row * K * WIDTH);
    assert_memory_equal(part, whole, sizeof whole);
    for (size_t r = 0; r < N; r++) {
        for (size_t s = 0; s < K; s++) {
            vae__stream place = stream;
            place.sample += (uint32_t)s;
            kernels->normals(&place, 100 + r, 1, 1, WIDTH, alone);
            assert_memory_equal(alone, whole + (r * K + s) * WIDTH, sizeof alone);
        }
    }
}

static void rows_and_samples_may_be_split(void **state) {
    (void)state;
    test_each_level(check_splits);
}

/* Fails unless the sample's statistic is within 5 standard errors of 0. */
static void expect_small(double statistic, double variance, const char *what) {
    double error = sqrt(variance / DRAWS);
    if (!(fabs(statistic) <= 5 * error))
        fail_msg("%s off by %.3g standard errors", what, statistic / error);
}

static void check_moments(const vae__kernels *kernels) {
    vae__real *x = malloc(DRAWS * sizeof *x);
    assert_non_null(x);
    kernels->normals(&stream, 0, ROWS, SAMPLES, COLUMNS, x);
    double moment[5] = {0};
    for (size_t i = 0; i < DRAWS; i++) {
        double power = 1;
        for (int k = 1; k <= 4; k++) moment[k] += (power *= (double)x[i]) / DRAWS;
    }
    expect_small(moment[1], 1, "mean");
    double mean = moment[1], variance = moment[2] - mean * mean;
    double third = moment[3] - 3 * mean * moment[2] + 2 * pow(mean, 3);
    double fourth =
        moment[4] - 4 * mean * moment[3] + 6 * mean * mean * moment[2] - 3 * pow(mean, 4);
    expect_small(variance - 1, 2, "variance");
    expect_small(third / pow(variance, 1.5), 6, "skewness");
    expect_small(fourth / (variance * variance) - 3, 24, "kurtosis");
    free(x);
}

static void normals_have_the_moments(void **state) {
    (void)state;
    test_each_level(check_moments);
}

/* Neighbours in a row (the sine's cosine), two columns on, in the next sample and in the next row:
 * neither they nor their squares are correlated. */
static void check_correlation(const vae__kernels *kernels) {
    static const size_t lags[] = {1, 2, 4, COLUMNS, SAMPLES * COLUMNS};
    vae__real *x = malloc(DRAWS * sizeof *x);
    assert_non_null(x);
    kernels->normals(&stream, 0, ROWS, SAMPLES, COLUMNS, x);
    for (size_t l = 0; l < sizeof lags / sizeof lags[0]; l++) {
        double plain = 0, squares = 0;
        for (size_t i = 0; i < DRAWS; i++) {
            double a = (double)x[i], b = (double)x[(i + lags[l]) % DRAWS];
            plain += a * b / DRAWS;
            squares += (a * a - 1) * (b * b - 1) / DRAWS;
        }
        expect_small(plain, 1, "correlation");
        expect_small(squares, 4, "correlation of squares");
    }
    free(x);
}

static void normals_are_not_correlated(void **state) {
    (void)state;
    test_each_level(check_correlation);
}

static int ascending(const void *a, const void *b) {
    vae__real x = *(const vae__real *)a, y = *(const vae__real *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov & Smirnov: sqrt(n) D exceeds 2.23 once in 10,000 samples. */
static void check_distribution(const vae__kernels *kernels) {
    vae__real *x = malloc(DRAWS * sizeof *x);
    assert_non_null(x);
    kernels->normals(&stream, 0, ROWS, SAMPLES, COLUMNS, x);
    qsort(x, DRAWS, sizeof *x, ascending);
    double distance = 0;
    for (size_t i = 0; i < DRAWS; i++) {
        double below = 0.5 * erfc(-(double)x[i] * 0.70710678118654752440);
        distance = fmax(distance, fmax(below - (double)i / DRAWS, (double)(i + 1) / DRAWS - below));
    }
    if (!(distance * sqrt(DRAWS) < 2.23)) fail_msg("%s: distance %g", kernels->name, distance);
    free(x);
}

static void normals_have_the_distribution(void **state) {
    (void)state;
    test_each_level(check_distribution);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normals_are_box_muller_of_the_stream),
        cmocka_unit_test(rows_and_samples_may_be_split),
        cmocka_unit_test(normals_have_the_moments),
        cmocka_unit_test(normals_are_not_correlated),
        cmocka_unit_test(normals_have_the_distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
