/* The three matrix products against plain loops in double, at sizes on both sides of every tile,
 * panel and vector; and with the builtin GEMM the same bits for a row whatever rows come with it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/numbers.h"
#include "tensor/gemm.h"

typedef struct shape {
    size_t rows, in, out;
} shape;

static const shape shapes[] = {{1, 1, 1},   {1, 5, 7},    {2, 3, 1},    {3, 1, 2},
                               {4, 16, 8},  {5, 17, 33},  {6, 32, 31},  {7, 31, 129},
                               {8, 64, 16}, {9, 127, 15}, {13, 128, 2}, {17, 129, 65},
                               {1, 300, 3}, {129, 7, 9},  {260, 2, 34}, {33, 257, 130}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* n values in [-1, 1) with one more behind them that must stay. */
static vae__real *values(uint64_t seed, size_t n) {
    vae__real *made = malloc((n + 1) * sizeof *made);
    for (size_t i = 0; i < n; i++) made[i] = (vae__real)test_uniform(seed, i, -1, 1);
    made[n] = 77;
    return made;
}

/* Element (i, j) of a product: terms a[i arow + p acolumn] b[p brow + j bcolumn]. */
typedef struct product {
    const vae__real *a, *b, *before; /* before: what is added to, or NULL */
    size_t arow, acolumn, brow, bcolumn, depth;
} product;

/* |found - exact| <= depth roundings of the sum of magnitudes. */
static void check_product(const product *p, size_t m, size_t n, const vae__real *found,
                          const char *what) {
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = p->before ? (double)p->before[i * n + j] : 0, size = fabs(sum);
            for (size_t k = 0; k < p->depth; k++) {
                double term = (double)p->a[i * p->arow + k * p->acolumn] *
                              (double)p->b[k * p->brow + j * p->bcolumn];
                sum += term;
                size += fabs(term);
            }
            double bound = test_tolerance(0x1p-24, 0x1p-53) * (double)(p->depth + 1) * size;
            if (fabs((double)found[i * n + j] - sum) > bound)
                fail_msg("%s [%zu, %zu] depth %zu: element %zu, %zu is %.9g, expected %.9g", what,
                         m, n, p->depth, i, j, (double)found[i * n + j], sum);
        }
    }
    assert_true(found[m * n] == 77);
}

static void check_shape(const vae__kernels *kernels, shape s) {
    vae__real *x = values(1, s.rows * s.in), *w = values(2, s.out * s.in),
              *delta = values(3, s.rows * s.out), *c = values(4, s.rows * s.out),
              *dx = values(5, s.rows * s.in), *dw = values(6, s.out * s.in),
              *before = values(6, s.out * s.in);
    vae__gemm_forward(kernels, s.rows, s.in, s.out, x, w, c);
    product forward = {x, w, NULL, s.in, 1, 1, s.in, s.in};
    check_product(&forward, s.rows, s.out, c, "forward");
    vae__gemm_backward(kernels, s.rows, s.in, s.out, delta, w, dx);
    product backward = {delta, w, NULL, s.out, 1, s.in, 1, s.out};
    check_product(&backward, s.rows, s.in, dx, "backward");
    product weights = {delta, x, before, 1, s.out, s.in, 1, s.rows};
    vae__gemm_weights(kernels, s.rows, s.in, s.out, delta, s.out, x, dw, 1);
    check_product(&weights, s.out, s.in, dw, "weights, added");
    weights.before = NULL;
    vae__gemm_weights(kernels, s.rows, s.in, s.out, delta, s.out, x, dw, 0);
    check_product(&weights, s.out, s.in, dw, "weights");
    vae__real *all[] = {x, w, delta, c, dx, dw, before};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
}

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

static void check_shapes(const vae__kernels *kernels) {
    for (size_t i = 0; i < SHAPES; i++) check_shape(kernels, shapes[i]);
}

static void against_loops(void **state) {
    (void)state;
    at_each_level(check_shapes);
}

/* A block of dw's rows: delta is wider than the block. */
static void check_blocks(const vae__kernels *kernels) {
    enum { ROWS = 11, IN = 19, OUT = 23 };
    vae__real *delta = values(3, ROWS * OUT), *x = values(1, ROWS * IN);
    for (size_t first = 0; first < OUT; first += 5) {
        size_t block = OUT - first < 5 ? OUT - first : 5;
        vae__real *dw = values(7, block * IN);
        product weights = {delta + first, x, NULL, 1, OUT, IN, 1, ROWS};
        vae__gemm_weights(kernels, ROWS, IN, block, delta + first, OUT, x, dw, 0);
        check_product(&weights, block, IN, dw, "a block of weights");
        free(dw);
    }
    free(delta);
    free(x);
}

static void blocks_of_weights(void **state) {
    (void)state;
    at_each_level(check_blocks);
}

/* What was in the output is overwritten, not multiplied by 0: it may be NaN. */
static void check_overwrites(const vae__kernels *kernels) {
    enum { ROWS = 3, IN = 5, OUT = 4 };
    vae__real *x = values(1, ROWS * IN), *w = values(2, OUT * IN), *delta = values(3, ROWS * OUT),
              result[OUT * IN];
    for (size_t i = 0; i < OUT * IN; i++) result[i] = (vae__real)NAN;
    vae__gemm_forward(kernels, ROWS, IN, OUT, x, w, result);
    for (size_t i = 0; i < ROWS * OUT; i++) assert_true(isfinite((double)result[i]));
    for (size_t i = 0; i < OUT * IN; i++) result[i] = (vae__real)NAN;
    vae__gemm_backward(kernels, ROWS, IN, OUT, delta, w, result);
    for (size_t i = 0; i < ROWS * IN; i++) assert_true(isfinite((double)result[i]));
    for (size_t i = 0; i < OUT * IN; i++) result[i] = (vae__real)NAN;
    vae__gemm_weights(kernels, ROWS, IN, OUT, delta, OUT, x, result, 0);
    for (size_t i = 0; i < OUT * IN; i++) assert_true(isfinite((double)result[i]));
    for (size_t i = 0; i < OUT * IN; i++) result[i] = (vae__real)NAN;
    vae__gemm_forward(kernels, 1, IN, OUT, x, w, result); /* one row may be another routine */
    for (size_t i = 0; i < OUT; i++) assert_true(isfinite((double)result[i]));
    free(x);
    free(w);
    free(delta);
}

static void overwrites(void **state) {
    (void)state;
    at_each_level(check_overwrites);
}

/* Row r of each product alone, and in every group of rows around it. */
static void check_row_bits(const vae__kernels *kernels) {
    for (size_t s = 0; s < SHAPES; s++) {
        size_t rows = shapes[s].rows, in = shapes[s].in, out = shapes[s].out;
        vae__real *x = values(1, rows * in), *w = values(2, out * in),
                  *delta = values(3, rows * out), *c = values(4, rows * out),
                  *dx = values(5, rows * in), *dw = values(6, out * in),
                  *part = values(7, (in > out ? in : out) * (rows > out ? rows : out));
        vae__gemm_forward(kernels, rows, in, out, x, w, c);
        vae__gemm_backward(kernels, rows, in, out, delta, w, dx);
        vae__gemm_weights(kernels, rows, in, out, delta, out, x, dw, 0);
        for (size_t first = 0; first < rows; first += 1 + first / 3) {
            size_t some = rows - first < first % 5 + 1 ? rows - first : first % 5 + 1;
            vae__gemm_forward(kernels, some, in, out, x + first * in, w, part);
            assert_memory_equal(part, c + first * out, some * out * sizeof *part);
            vae__gemm_backward(kernels, some, in, out, delta + first * out, w, part);
            assert_memory_equal(part, dx + first * in, some * in * sizeof *part);
        }
        for (size_t first = 0; first < out; first += 1 + first / 3) {
            size_t some = out - first < first % 5 + 1 ? out - first : first % 5 + 1;
            vae__gemm_weights(kernels, rows, in, some, delta + first, out, x, part, 0);
            assert_memory_equal(part, dw + first * in, some * in * sizeof *part);
        }
        vae__real *all[] = {x, w, delta, c, dx, dw, part};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
    }
}

/* A BLAS does not promise that. */
static void builtin_row_bits(void **state) {
    (void)state;
    if (strcmp(vae__gemm_name(), "builtin")) skip();
    at_each_level(check_row_bits);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_loops),
        cmocka_unit_test(blocks_of_weights),
        cmocka_unit_test(overwrites),
        cmocka_unit_test(builtin_row_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
