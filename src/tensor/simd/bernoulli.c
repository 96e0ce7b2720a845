#include "tensor/simd/table.h"

/* sum x a - softplus(a) and its gradient x - sigmoid(a) share one exponential: with e = exp(-|a|),
 * softplus(a) = max(a, 0) + log1p(e) and sigmoid(a) = (a < 0 ? e : 1) / (1 + e). */
static inline real term(real a, real x, real *gradient) {
    real e = real_exp(-real_abs(a));
    *gradient = x - (a < 0 ? e : (real)1) / (1 + e);
    return x * a - (a < 0 ? (real)0 : a) - real_log1p(e);
}

double KERNEL(bernoulli_row)(real *restrict a, const real *restrict bias, const real *restrict x,
                             size_t n, real weight) {
    double total = 0;
    if (bias) KERNEL(add)(a, bias, n);
    size_t i = 0;
    while (i < n) {
        real lanes[LANES] = {0}, gradient;
        size_t end = n - i < LANES * 64 ? n : i + LANES * 64;
        for (; i + LANES <= end; i += LANES) {
            for (size_t j = 0; j < LANES; j++) {
                lanes[j] += term(a[i + j], x[i + j], &gradient);
                a[i + j] = weight * gradient;
            }
        }
        for (size_t j = 0; i < end; i++, j++) {
            lanes[j] += term(a[i], x[i], &gradient);
            a[i] = weight * gradient;
        }
        total += add_lanes(lanes);
    }
    return total;
}
