/* Activations and their derivatives. For each name of VAE__ACTIVATIONS: NAME_value(x), and
 * NAME_slope(s), the derivative from what backward is given: the output, or the pre-activation
 * where NAME_NEEDS_INPUT is 1. */
#include "tensor/simd/table.h"

#define LEAKY_SLOPE ((real)0.01)

#define identity_NEEDS_INPUT 0
static inline real identity_value(real x) {
    return x;
}
static inline real identity_slope(real y) {
    return (void)y, (real)1;
}

#define relu_NEEDS_INPUT 0
static inline real relu_value(real x) {
    return x < 0 ? (real)0 : x;
}
static inline real relu_slope(real y) {
    return y > 0 ? (real)1 : (real)0;
}

#define leaky_relu_NEEDS_INPUT 0
static inline real leaky_relu_value(real x) {
    return x < 0 ? LEAKY_SLOPE * x : x;
}
static inline real leaky_relu_slope(real y) {
    return y > 0 ? (real)1 : LEAKY_SLOPE;
}

/* elu (Clevert et al. 2016), alpha = 1: for y <= 0 the derivative e^x is y + 1. */
#define elu_NEEDS_INPUT 0
static inline real elu_value(real x) {
    real negative = real_expm1(x < 0 ? x : (real)0);
    return x < 0 ? negative : x;
}
static inline real elu_slope(real y) {
    return y > 0 ? (real)1 : y + 1;
}

/* silu: x sigmoid(x). */
#define silu_NEEDS_INPUT 1
static inline real silu_value(real x) {
    return x * real_sigmoid(x);
}
static inline real silu_slope(real x) {
    real s = real_sigmoid(x);
    return s + x * s * (1 - s);
}

/* gelu (Hendrycks & Gimpel 2016), exact: x Phi(x). */
#define gelu_NEEDS_INPUT 1
static inline real gelu_value(real x) {
    return (real)0.5 * x * (1 + real_erf(x * (real)0.70710678118654752));
}
static inline real gelu_slope(real x) {
    real density = (real)0.39894228040143268 * real_exp((real)-0.5 * x * x);
    return (real)0.5 * (1 + real_erf(x * (real)0.70710678118654752)) + x * density;
}

#define tanh_NEEDS_INPUT 0
static inline real tanh_value(real x) {
    return real_tanh(x);
}
static inline real tanh_slope(real y) {
    return 1 - y * y;
}

#define sigmoid_NEEDS_INPUT 0
static inline real sigmoid_value(real x) {
    return real_sigmoid(x);
}
static inline real sigmoid_slope(real y) {
    return y * (1 - y);
}

/* softplus: the derivative sigmoid(x) is 1 - e^-y. */
#define softplus_NEEDS_INPUT 0
static inline real softplus_value(real x) {
    return real_softplus(x);
}
static inline real softplus_slope(real y) {
    return -real_expm1(-y);
}

#define DEFINE(name)                                                                               \
    void KERNEL(name##_forward)(real *restrict y, const real *restrict bias, real *restrict input, \
                                size_t rows, size_t width);                                        \
    void KERNEL(name##_backward)(real *restrict dy, const real *restrict saved, size_t count);     \
    void KERNEL(name##_forward)(real *restrict y, const real *restrict bias, real *restrict input, \
                                size_t rows, size_t width) {                                       \
        for (size_t r = 0; r < rows; r++, y += width) {                                            \
            if (bias) {                                                                            \
                for (size_t i = 0; i < width; i++) y[i] += bias[i];                                \
            }                                                                                      \
            if (name##_NEEDS_INPUT) memcpy(input + r * width, y, width * sizeof *y);               \
            for (size_t i = 0; i < width; i++) y[i] = name##_value(y[i]);                          \
        }                                                                                          \
    }                                                                                              \
    void KERNEL(name##_backward)(real *restrict dy, const real *restrict saved, size_t count) {    \
        for (size_t i = 0; i < count; i++) dy[i] *= name##_slope(saved[i]);                        \
    }

VAE__ACTIVATIONS(DEFINE)

#define ENTRY(n) {#n, n##_NEEDS_INPUT, KERNEL(n##_forward), KERNEL(n##_backward)},
const vae__activation_kernels KERNEL(activation)[VAE__ACTIVATION_COUNT] = {VAE__ACTIVATIONS(ENTRY)};
