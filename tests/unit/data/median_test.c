#include "data/median.h"

#include <math.h>

#include "base/rng.h"
#include "unit/data/scratch.h"

static int ascending(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double expected_median(const double *values, size_t count) {
    double *sorted = malloc(count * sizeof *sorted);
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, ascending);
    double median = sorted[(count - 1) / 2];
    free(sorted);
    return median;
}

static void assert_median(const double *values, size_t count) {
    double *copy = malloc(count * sizeof *copy), expected = expected_median(values, count);
    memcpy(copy, values, count * sizeof *copy);
    double found = vae__lower_median(copy, count);
    if (found != expected) fail_msg("%zu values: %.17g, not %.17g", count, found, expected);
    free(copy);
}

static void finds_the_lower_median(void **state) {
    const double lists[][5] = {{1, 2, 3, 4, 5},
                               {1e9 - 1, 1e9, 1e9 + 1, 1e9 + 2, 1e9 + 3},
                               {-3, -1, -2, -5, -4},
                               {-1, 1, -2, 2, 0},
                               {7, 7, 7, 7, 8},
                               {5e-324, 0, -5e-324, 1e-310, 1},
                               {INFINITY, -INFINITY, 1.7e308, -1.7e308, 3},
                               {0.1, 0.1 + 1.4e-17, 0.1 - 1.4e-17, 0.2, 0.3}};
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (size_t count = 1; count <= 5; count++) assert_median(lists[i], count);
    }
}

/* Zeros of both signs are one value, and an offset of -0 would be printed. */
static void gives_no_negative_zero(void **state) {
    double values[] = {-0.0, -0.0, 0};
    (void)state;
    assert_false(signbit(vae__lower_median(values, 3)));
}

/* Values of any magnitude, with many equal ones, in rising, falling and organ-pipe order too: a
 * quickselect by pivots is slow on some of these. */
static void finds_it_among_many(void **state) {
    enum { COUNT = 20001 };
    static double values[COUNT];
    const vae__stream stream = {9, 0, VAE__PURPOSE_SPLIT, 0};
    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        for (uint32_t i = 0; i < COUNT; i++) {
            double u = vae__random_uniform(&stream, i, (uint32_t)kind);
            values[i] = kind == 0   ? ldexp(u - 0.5, (int)(600 * u) - 300)
                        : kind == 1 ? floor(20 * u)
                        : kind == 2 ? i
                        : kind == 3 ? -(double)i
                        : kind == 4 ? (double)(i < COUNT / 2 ? i : COUNT - i)
                                    : 1.7e9 + u;
        }
        assert_median(values, COUNT);
        assert_median(values, COUNT - 1);
    }
}

/* ---- columns ---- */

static void fills(unsigned char *rows, vae__element element, size_t i, double value) {
    float single = (float)value;
    unsigned char byte = (unsigned char)value;
    if (element == VAE__ELEMENT_UINT8) memcpy(rows + i, &byte, 1);
    if (element == VAE__ELEMENT_FLOAT32) memcpy(rows + 4 * i, &single, 4);
    if (element == VAE__ELEMENT_FLOAT64) memcpy(rows + 8 * i, &value, 8);
}

static vae_status take_medians(vae_context *context, vae__element element, const void *rows,
                               size_t n, size_t width, double *medians) {
    const vae__shape shape = vae__shape_vector(width);
    vae__row_source source;
    vae__row_source_borrow(&source, context, element, n, &shape, rows);
    vae_status status = vae__column_medians(&source, medians);
    vae__row_source_close(&source);
    return status;
}

/* Every element type, widths about the number of columns that are read together, rows that begin at
 * any address. */
static void takes_each_column(void **state) {
    enum { ROWS = 30, WIDEST = 700 };
    static unsigned char room[8 * ROWS * WIDEST + 3];
    const size_t widths[] = {1, 7, 8, 9, 16, 19, 75, 100, 520, WIDEST};
    unsigned char *rows = room + 3;
    scratch *s = *state;
    for (int element = 0; element < 3; element++) {
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
            double medians[WIDEST], column[ROWS];
            size_t width = widths[w];
            for (size_t i = 0; i < ROWS * width; i++)
                fills(rows, (vae__element)element, i, (double)(i * i * 31 % 251));
            assert_int_equal(
                take_medians(s->context, (vae__element)element, rows, ROWS, width, medians),
                VAE_OK);
            for (size_t j = 0; j < width; j++) {
                for (size_t i = 0; i < ROWS; i++) {
                    size_t at = i * width + j;
                    column[i] = (double)(at * at * 31 % 251);
                }
                assert_true(medians[j] == expected_median(column, ROWS));
            }
        }
    }
}

static void passes_over_what_is_not_finite(void **state) {
    const double rows[] = {NAN, NAN, 5, INFINITY, NAN, 6, 3, -INFINITY, 9};
    double medians[3];
    scratch *s = *state;
    assert_int_equal(take_medians(s->context, VAE__ELEMENT_FLOAT64, rows, 3, 3, medians), VAE_OK);
    assert_true(medians[0] == 3 && medians[1] == 0 && medians[2] == 6);
}

static void respects_the_limit(void **state) {
    static const double rows[2000];
    double medians[20];
    scratch *s = *state;
    s->context->memory_limit = 6000; /* 100 rows, 8 columns of 8 bytes at a time: 6400 */
    assert_int_equal(take_medians(s->context, VAE__ELEMENT_FLOAT64, rows, 100, 20, medians),
                     VAE_ERROR_LIMIT);
    s->context->memory_limit = 8000;
    assert_int_equal(take_medians(s->context, VAE__ELEMENT_FLOAT64, rows, 100, 20, medians),
                     VAE_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(finds_the_lower_median), SCRATCH_TEST(gives_no_negative_zero),
        SCRATCH_TEST(finds_it_among_many),    SCRATCH_TEST(takes_each_column),
        SCRATCH_TEST(respects_the_limit),     SCRATCH_TEST(passes_over_what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
