#include "tensor/simd/table.h"

/* Values added in vae__real before a lane is emptied into double. */
#define STRETCH (LANES * 64)

#define SUM_OVER(n, term)                                               \
    double total = 0;                                                   \
    size_t i = 0;                                                       \
    while (i < (n)) {                                                   \
        size_t end = (n)-i < STRETCH ? (n) : i + STRETCH;               \
        real lanes[LANES] = {0};                                        \
        for (; i + LANES <= end; i += LANES) {                          \
            for (size_t j = 0; j < LANES; j++) lanes[j] += term(i + j); \
        }                                                               \
        for (size_t j = 0; i < end; i++, j++) lanes[j] += term(i);      \
        total += add_lanes(lanes);                                      \
    }                                                                   \
    return total

double KERNEL(sum)(const real *restrict a, size_t n) {
#define TERM(i) a[i]
    SUM_OVER(n, TERM);
#undef TERM
}

double KERNEL(sum_squares)(const real *restrict a, size_t n) {
#define TERM(i) (a[i] * a[i])
    SUM_OVER(n, TERM);
#undef TERM
}

void KERNEL(column_sums)(const real *restrict a, size_t stride, size_t rows, size_t width,
                         real *restrict out, int add) {
    if (!add) memset(out, 0, width * sizeof *out);
    for (size_t r = 0; r < rows; r++) {
        const real *row = a + r * stride;
        for (size_t i = 0; i < width; i++) out[i] += row[i];
    }
}

int KERNEL(within)(const real *restrict a, size_t n, real low, real high) {
    int outside = 0;
    for (size_t i = 0; i < n; i++) outside |= !(a[i] >= low) | !(a[i] <= high);
    return !outside;
}

void KERNEL(add)(real *restrict y, const real *restrict a, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += a[i];
}

void KERNEL(scale)(real *restrict y, real factor, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] *= factor;
}

void KERNEL(exponential)(real *restrict y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = real_exp(y[i]);
}
