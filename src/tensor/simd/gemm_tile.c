/* The inner loop of the builtin GEMM: a block of C held in registers. */
#include "tensor/simd/table.h"

#define WIDTH (VECTOR_BYTES / sizeof(real))

typedef real vector __attribute__((vector_size(VECTOR_BYTES)));

/* c [TILE_ROWS, 2 WIDTH] += a b, with a packed [depth, TILE_ROWS] and b packed [depth, 2 WIDTH],
 * both aligned. Each element adds its terms in the order of depth, so results do not depend on
 * where a row stands. */
void KERNEL(tile)(size_t depth, const real *restrict a, const real *restrict b, real *restrict c,
                  size_t c_stride) {
    vector sum[TILE_ROWS][2];
    for (int i = 0; i < TILE_ROWS; i++) {
        memcpy(&sum[i][0], c + (size_t)i * c_stride, sizeof(vector));
        memcpy(&sum[i][1], c + (size_t)i * c_stride + WIDTH, sizeof(vector));
    }
    for (size_t k = 0; k < depth; k++, a += TILE_ROWS, b += 2 * WIDTH) {
        vector b0, b1;
        memcpy(&b0, b, sizeof b0);
        memcpy(&b1, b + WIDTH, sizeof b1);
        for (int i = 0; i < TILE_ROWS; i++) {
            sum[i][0] += a[i] * b0;
            sum[i][1] += a[i] * b1;
        }
    }
    for (int i = 0; i < TILE_ROWS; i++) {
        memcpy(c + (size_t)i * c_stride, &sum[i][0], sizeof(vector));
        memcpy(c + (size_t)i * c_stride + WIDTH, &sum[i][1], sizeof(vector));
    }
}
