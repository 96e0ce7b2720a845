/* Sums of values, of squares and of columns. Values are added in lanes of vae__real for a stretch and then
 * in double, in an order that depends on the count alone. */
#include "tensor/simd/table.h"

/* Four rows of lanes that stay in registers. */
enum { ROWS = 4, BLOCK = ROWS * LANES };

/* Values added in vae__real before the lanes are emptied into double. */
#define STRETCH (BLOCK * 16)

static double empty(const lanes_of *sums, size_t rows) {
    double totals[LANES] = {0};
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < LANES; i++) totals[i] += (double)sums[r][i];
    }
    return add_doubles(totals);
}

/* sums += the block at a, less that at b unless b is NULL, squared where asked for: the compiler
 * makes a loop of each case. */
static inline void add_block(lanes_of *sums, const real *a, const real *b, int squared) {
    for (int k = 0; k < ROWS; k++) {
        lanes_of values, less;
        memcpy(&values, a + k * LANES, sizeof values);
        if (b) {
            memcpy(&less, b + k * LANES, sizeof less);
            values -= less;
        }
        sums[k] += squared ? values * values : values;
    }
}

static inline double sum_over(const real *a, const real *b, size_t n, int squared) {
    double total = 0;
    size_t i = 0;
    while (n - i >= BLOCK) {
        size_t end = n - i < STRETCH ? i + (n - i) / BLOCK * BLOCK : i + STRETCH;
        lanes_of sums[ROWS] = {{0}};
        for (; i < end; i += BLOCK) add_block(sums, a + i, b ? b + i : NULL, squared);
        total += empty(sums, ROWS);
    }
    if (i < n) {
        real rest[BLOCK] = {0}, less[BLOCK] = {0};
        lanes_of sums[ROWS] = {{0}};
        memcpy(rest, a + i, (n - i) * sizeof *rest);
        if (b) memcpy(less, b + i, (n - i) * sizeof *less);
        add_block(sums, rest, b ? less : NULL, squared);
        total += empty(sums, (n - i + LANES - 1) / LANES);
    }
    return total;
}

double KERNEL(sum)(const real *restrict a, size_t n) {
    return sum_over(a, NULL, n, 0);
}

double KERNEL(sum_squares)(const real *restrict a, size_t n) {
    return sum_over(a, NULL, n, 1);
}

double KERNEL(sum_squared_differences)(const real *restrict a, const real *restrict b, size_t n) {
    return sum_over(a, b, n, 1);
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
