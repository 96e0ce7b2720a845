/* Sums and the range check of every level against plain loops: every length around the blocks, a
 * long one, and values that are not finite. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "support/cmocka.h"
#include "support/numbers.h"
#include "unit/tensor/levels.h"

enum { SHORT = 130, LONG = 10007 };

static vae__real values[LONG];

static int fill_values(void **state) {
    (void)state;
    for (size_t i = 0; i < LONG; i++) values[i] = (vae__real)test_uniform(1, i, -2, 3);
    return 0;
}

/* Length `i` of those tried; 0 .. SHORT, then LONG. */
static size_t length(size_t i) {
    return i <= SHORT ? i : LONG;
}

/* A lane adds 16 values before it is emptied into double: 17 roundings of the sum of sizes; in the
 * double build also those of the total, over at most 64 lanes of 10 stretches. */
static void expect_sum(double found, long double expected, long double size, const char *what) {
    double roundings = test_tolerance(17 * FLT_EPSILON / 2, 700 * DBL_EPSILON / 2);
    if (!(fabsl((long double)found - expected) <= (long double)roundings * size))
        fail_msg("%s: %.17g, not %.17g", what, found, (double)expected);
}

static void check_sums(const vae__kernels *kernels) {
    for (size_t i = 0; i <= SHORT + 1; i++) {
        long double sum = 0, size = 0, squares = 0;
        for (size_t j = 0; j < length(i); j++) {
            sum += (long double)values[j];
            size += fabsl((long double)values[j]);
            squares += (long double)values[j] * (long double)values[j];
        }
        expect_sum(kernels->sum(values, length(i)), sum, size, "sum");
        expect_sum(kernels->sum_squares(values, length(i)), squares, squares, "sum_squares");
    }
}

static void sums_are_those_of_plain_loops(void **state) {
    (void)state;
    test_each_level(check_sums);
}

static void sum_has_the_same_bits_at_every_level(void **state) {
    (void)state;
    const vae__kernels *tables[MOST_LEVELS];
    size_t count = test_levels(tables);
    for (size_t i = 0; i <= SHORT + 1; i++) {
        double first = tables[0]->sum(values, length(i));
        for (size_t k = 1; k < count; k++) assert_true(tables[k]->sum(values, length(i)) == first);
    }
}

/* To the bit what sum_squares makes of the differences, also where those are not finite. */
static void check_differences(const vae__kernels *kernels) {
    static vae__real other[LONG], difference[LONG];
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i < LONG; i++) {
            other[i] = (vae__real)test_uniform(2, i, -3, 1);
            if (k && i % 50 == 7) other[i] = k == 1 ? VAE__REAL_MAX : -(vae__real)INFINITY;
            difference[i] = values[i] - other[i];
        }
        for (size_t i = 0; i <= SHORT + 1; i++) {
            double found = kernels->sum_squared_differences(values, other, length(i));
            assert_true(found == kernels->sum_squares(difference, length(i)));
        }
    }
}

static void squared_differences_are_squares_of_differences(void **state) {
    (void)state;
    test_each_level(check_differences);
}

static void check_spread(const vae__kernels *kernels) {
    vae__real a[SHORT] = {0};
    for (size_t i = 0; i < SHORT; i++) {
        a[i] = (vae__real)NAN;
        assert_true(isnan(kernels->sum(a, SHORT)));
        assert_true(isnan(kernels->sum_squares(a, SHORT)));
        a[i] = -(vae__real)INFINITY;
        assert_true(kernels->sum(a, SHORT) == -INFINITY);
        assert_true(kernels->sum_squares(a, SHORT) == INFINITY);
        a[i] = 3; /* alone, exact */
        assert_true(kernels->sum(a, SHORT) == 3);
        assert_true(kernels->sum_squares(a, SHORT) == 9);
        assert_true(kernels->sum(a, i) == 0); /* nothing behind the end is read */
        a[i] = 0;
    }
}

static void what_is_not_finite_reaches_the_sum(void **state) {
    (void)state;
    test_each_level(check_spread);
}

static void expect_columns(const vae__kernels *kernels, size_t rows, size_t width, size_t stride,
                           int add) {
    vae__real out[SHORT + 2];
    for (size_t i = 0; i < SHORT + 2; i++)
        out[i] = i >= width ? (vae__real)4711 : add ? (vae__real)0.75 : (vae__real)NAN;
    kernels->column_sums(values, stride, rows, width, out, add);
    for (size_t i = 0; i < width; i++) {
        double sum = add ? 0.75 : 0, size = fabs(sum);
        for (size_t r = 0; r < rows; r++) {
            sum += (double)values[r * stride + i];
            size += fabs((double)values[r * stride + i]);
        }
        double unit = test_tolerance(FLT_EPSILON, DBL_EPSILON);
        if (!(fabs((double)out[i] - sum) <= unit * (double)rows * size))
            fail_msg("%s: column %zu of %zu, %zu rows: %.9g, not %.9g", kernels->name, i, width,
                     rows, (double)out[i], sum);
    }
    assert_true(out[width] == 4711);
}

static void check_columns(const vae__kernels *kernels) {
    static const size_t rows[] = {0, 1, 2, 5, 64};
    for (size_t width = 0; width <= SHORT; width++) {
        for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
            expect_columns(kernels, rows[r], width, width, 0);
            expect_columns(kernels, rows[r], width, width + 7, 1);
        }
    }
    expect_columns(kernels, LONG, 1, 1, 0);
    expect_columns(kernels, LONG / 3, 3, 3, 1);
}

static void column_sums_are_those_of_plain_loops(void **state) {
    (void)state;
    test_each_level(check_columns);
}

static void check_within(const vae__kernels *kernels) {
    static const struct {
        double value;
        int inside;
    } cases[] = {
        {-1, 1}, {2, 1}, {0, 1}, {-1.0001, 0}, {2.0001, 0}, {INFINITY, 0}, {-INFINITY, 0}, {NAN, 0},
    };
    vae__real a[SHORT];
    for (size_t i = 0; i < SHORT; i++) a[i] = (vae__real)0.5;
    for (size_t i = 0; i < SHORT; i++) {
        for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
            a[i] = (vae__real)cases[c].value;
            assert_int_equal(kernels->within(a, SHORT, -1, 2), cases[c].inside);
            assert_int_equal(kernels->within(a, i + 1, -1, 2), cases[c].inside);
            assert_int_equal(kernels->within(a, i, -1, 2), 1);
            if (isinf(cases[c].value) || isnan(cases[c].value)) {
                vae__real most = (vae__real)test_tolerance(FLT_MAX, DBL_MAX);
                assert_int_equal(kernels->within(a, SHORT, -most, most), 0);
            }
        }
        a[i] = (vae__real)0.5;
    }
    assert_int_equal(kernels->within(values, LONG, -2, 3), 1);
    assert_int_equal(kernels->within(values, LONG, -2, (vae__real)2.9), 0);
    assert_int_equal(kernels->within(a, SHORT, (vae__real)0.5, (vae__real)0.5), 1);
}

static void within_has_its_ends_inside_and_nan_outside(void **state) {
    (void)state;
    test_each_level(check_within);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_plain_loops),
        cmocka_unit_test(sum_has_the_same_bits_at_every_level),
        cmocka_unit_test(squared_differences_are_squares_of_differences),
        cmocka_unit_test(what_is_not_finite_reaches_the_sum),
        cmocka_unit_test(column_sums_are_those_of_plain_loops),
        cmocka_unit_test(within_has_its_ends_inside_and_nan_outside),
    };
    return cmocka_run_group_tests(tests, fill_values, NULL);
}
