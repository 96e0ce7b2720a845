/* Products of columns in double, whatever vae__real is: statistics of data, whose small differences a float
 * loses. For builds without a BLAS; see vae__gemm_products. */
#include "tensor/simd/table.h"

typedef double doubles __attribute__((vector_size(VECTOR_BYTES)));

enum { ACROSS = VECTOR_BYTES / sizeof(double), DOWN = 4 };

/* c [DOWN, 2 ACROSS] += a^T b with the sums in registers: column i of a times columns of b. */
static void tile(const vae__products *p, size_t i, size_t j) {
    doubles sum[DOWN][2];
    for (int k = 0; k < DOWN; k++)
        memcpy(sum[k], p->c + (i + (size_t)k) * p->c_stride + j, sizeof *sum);
    const double *a = p->a + i, *b = p->b + j;
    for (size_t row = 0; row < p->rows; row++, a += p->a_stride, b += p->b_stride) {
        doubles right[2];
        memcpy(right, b, sizeof right);
        for (int k = 0; k < DOWN; k++) {
            sum[k][0] += a[k] * right[0];
            sum[k][1] += a[k] * right[1];
        }
    }
    for (int k = 0; k < DOWN; k++)
        memcpy(p->c + (i + (size_t)k) * p->c_stride + j, sum[k], sizeof *sum);
}

/* What does not fill a tile: rows [i, i_end) and columns [j, j_end) of c. */
static void edge(const vae__products *p, size_t i, size_t i_end, size_t j, size_t j_end) {
    for (; i < i_end; i++) {
        for (size_t row = 0; row < p->rows; row++) {
            double factor = p->a[row * p->a_stride + i];
            const double *b = p->b + row * p->b_stride;
            double *c = p->c + i * p->c_stride;
            for (size_t k = j; k < j_end; k++) c[k] += factor * b[k];
        }
    }
}

void KERNEL(products)(const vae__products *p) {
    size_t whole_m = p->m / DOWN * DOWN, whole_n = p->n / (2 * ACROSS) * (2 * ACROSS);
    for (size_t j = 0; j < whole_n; j += 2 * ACROSS) {
        for (size_t i = 0; i < whole_m; i += DOWN) tile(p, i, j);
    }
    edge(p, 0, whole_m, whole_n, p->n);
    edge(p, whole_m, p->m, 0, p->n);
}
