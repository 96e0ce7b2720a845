/* The matrix products against loops in double, at sizes around those of tiles, panels and
 * vectors; with the builtin product also the promise that a row's bits are its own. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "support/cmocka.h"
#include "support/numbers.h"
#include "tensor/gemm.h"
#include "unit/tensor/levels.h"

enum { MOST = 129, SPARE = 5, AREA = MOST * (MOST + SPARE) };

static const size_t sizes[] = {1, 2, 3, 5, 17, 33, 64, MOST};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static vae__real left[AREA], right[AREA], found[AREA + 1], before[AREA];

static void fill(vae__real *x, uint64_t seed) {
    for (size_t i = 0; i < AREA; i++) x[i] = (vae__real)test_uniform(seed, i, -1, 1);
}

static int fill_operands(void **state) {
    (void)state;
    fill(left, 1);
    fill(right, 2);
    fill(before, 3);
    return 0;
}

/* Element (i, p) at data[i * row + p * column]. */
typedef struct view {
    const vae__real *data;
    size_t row, column;
} view;

/* found [m, n] = a [m, k] b [k, n], plus `before` if add. An inner product of k terms in any order
 * is off by less than k + 1 roundings of the sum of the terms' sizes (Higham 2002, 3.1). */
static void expect_product(size_t m, size_t n, size_t k, view a, view b, int add,
                           const char *what) {
    const double unit = test_tolerance(FLT_EPSILON, DBL_EPSILON);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = add ? (double)before[i * n + j] : 0, size = fabs(sum);
            for (size_t p = 0; p < k; p++) {
                double term = (double)a.data[i * a.row + p * a.column] *
                              (double)b.data[p * b.row + j * b.column];
                sum += term;
                size += fabs(term);
            }
            double off = (double)found[i * n + j] - sum;
            if (!(fabs(off) <= (double)(k + 2) * unit * size))
                fail_msg("%s [%zu, %zu, %zu]: element %zu, %zu is %.9g, not %.9g", what, m, n, k, i,
                         j, (double)found[i * n + j], sum);
        }
    }
    for (size_t i = m * n; i <= AREA; i++) assert_true(found[i] == 4711);
}

/* The result [count] as it is before the call: NaN where nothing may be read, and a mark behind. */
static void prepare(size_t count, int add) {
    for (size_t i = 0; i <= AREA; i++)
        found[i] = i >= count ? (vae__real)4711 : add ? before[i] : (vae__real)NAN;
}

static void check_forward(const vae__kernels *kernels, size_t rows, size_t in, size_t out) {
    prepare(rows * out, 0);
    vae__gemm_forward(kernels, rows, in, out, left, right, found);
    expect_product(rows, out, in, (view){left, in, 1}, (view){right, 1, in}, 0, "forward");
}

static void check_backward(const vae__kernels *kernels, size_t rows, size_t in, size_t out) {
    prepare(rows * in, 0);
    vae__gemm_backward(kernels, rows, in, out, left, right, found);
    expect_product(rows, in, out, (view){left, out, 1}, (view){right, in, 1}, 0, "backward");
}

static void check_weights(const vae__kernels *kernels, size_t rows, size_t in, size_t block) {
    for (size_t spare = 0; spare <= SPARE; spare += SPARE) {
        int add = spare > 0;
        view delta = {left, 1, block + spare};
        prepare(block * in, add);
        vae__gemm_weights(kernels, rows, in, block, left, block + spare, right, found, add);
        expect_product(block, in, rows, delta, (view){right, in, 1}, add, "weights");
    }
    prepare(block * in, 1);
    vae__gemm_weights(kernels, rows, in, block, left, block, right, found, 1);
    expect_product(block, in, rows, (view){left, 1, block}, (view){right, in, 1}, 1, "weights");
}

typedef void check(const vae__kernels *kernels, size_t rows, size_t in, size_t out);

static void check_sizes(check *product) {
    const vae__kernels *tables[MOST_LEVELS];
    size_t levels = test_levels(tables);
    if (strcmp(vae__gemm_name(), "builtin")) levels = 1; /* a BLAS does not read the table */
    for (size_t i = 0; i < levels * SIZES * SIZES * SIZES; i++) {
        product(tables[i / (SIZES * SIZES * SIZES)], sizes[i / (SIZES * SIZES) % SIZES],
                sizes[i / SIZES % SIZES], sizes[i % SIZES]);
    }
}

static void forward_is_x_times_w_transposed(void **state) {
    (void)state;
    check_sizes(check_forward);
}

static void backward_is_delta_times_w(void **state) {
    (void)state;
    check_sizes(check_backward);
}

static void weights_are_delta_transposed_times_x(void **state) {
    (void)state;
    check_sizes(check_weights);
}

/* Rows first .. first + rows - 1 of x alone give the bits they have in the product of all. */
static void check_rows(const vae__kernels *kernels) {
    enum { IN = 129, OUT = 67 };
    static vae__real whole[MOST * OUT];
    vae__gemm_forward(kernels, MOST, IN, OUT, left, right, whole);
    for (size_t rows = 1; rows < MOST; rows++) {
        size_t first = (MOST - rows) / 2;
        vae__gemm_forward(kernels, rows, IN, OUT, left + first * IN, right, found);
        assert_memory_equal(found, whole + first * OUT, rows * OUT * sizeof *found);
    }
    vae__gemm_backward(kernels, MOST, OUT, IN, left, right, whole);
    for (size_t rows = 1; rows < MOST; rows++) {
        size_t first = (MOST - rows) / 2;
        vae__gemm_backward(kernels, rows, OUT, IN, left + first * IN, right, found);
        assert_memory_equal(found, whole + first * OUT, rows * OUT * sizeof *found);
    }
    /* The rows of dw, whatever block they are made in. */
    vae__gemm_weights(kernels, 33, OUT, MOST, left, MOST, right, whole, 0);
    for (size_t block = 1; block < MOST; block++) {
        size_t first = (MOST - block) / 2;
        vae__gemm_weights(kernels, 33, OUT, block, left + first, MOST, right, found, 0);
        assert_memory_equal(found, whole + first * OUT, block * OUT * sizeof *found);
    }
}

static void builtin_rows_do_not_depend_on_each_other(void **state) {
    (void)state;
    if (strcmp(vae__gemm_name(), "builtin")) skip();
    test_each_level(check_rows);
}

/* ---- products of columns in double ---- */

static double left_double[AREA], right_double[AREA], found_double[AREA + 1];

/* c [m, n] += a^T b of rows that are up to `spare` longer, with nothing written beside c. */
static void check_products(void (*multiply)(const vae__kernels *, const vae__products *),
                           const vae__kernels *kernels, vae__products p) {
    for (size_t i = 0; i <= AREA; i++) found_double[i] = 0.25;
    multiply(kernels, &p);
    for (size_t i = 0; i <= AREA; i++) {
        double sum = 0.25, size = 0.25;
        if (i / p.c_stride < p.m && i % p.c_stride < p.n) {
            for (size_t k = 0; k < p.rows; k++) {
                double term =
                    p.a[k * p.a_stride + i / p.c_stride] * p.b[k * p.b_stride + i % p.c_stride];
                sum += term;
                size += fabs(term);
            }
        }
        if (!(fabs(found_double[i] - sum) <= (double)(p.rows + 2) * DBL_EPSILON * size))
            fail_msg("products [%zu, %zu, %zu]: place %zu is %.17g, not %.17g", p.rows, p.m, p.n, i,
                     found_double[i], sum);
    }
}

static void by_table(const vae__kernels *kernels, const vae__products *products) {
    kernels->products(products);
}

static void products_of_columns(const vae__kernels *kernels) {
    for (size_t i = 0; i < SIZES * SIZES * SIZES; i++) {
        size_t spare = i % 3;
        vae__products p = {.rows = sizes[i / (SIZES * SIZES)],
                           .m = sizes[i / SIZES % SIZES],
                           .n = sizes[i % SIZES],
                           .a = left_double,
                           .b = right_double,
                           .c = found_double};
        p.a_stride = p.m + spare;
        p.b_stride = p.n + 2 * spare;
        p.c_stride = p.n + spare;
        check_products(by_table, kernels, p);
        check_products(vae__gemm_products, kernels, p);
    }
}

static void products_are_a_transposed_times_b(void **state) {
    (void)state;
    for (size_t i = 0; i < AREA; i++) {
        left_double[i] = test_uniform(4, i, -1, 1);
        right_double[i] = test_uniform(5, i, -1, 1);
    }
    test_each_level(products_of_columns);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_is_x_times_w_transposed),
        cmocka_unit_test(backward_is_delta_times_w),
        cmocka_unit_test(weights_are_delta_transposed_times_x),
        cmocka_unit_test(products_are_a_transposed_times_b),
        cmocka_unit_test(builtin_rows_do_not_depend_on_each_other),
    };
    return cmocka_run_group_tests(tests, fill_operands, NULL);
}
