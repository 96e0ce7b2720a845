/* The elementary functions of simd.h over arrays, at one instruction set; compiled once for each. */
#include "ulp/functions.h"

#include "tensor/simd/simd.h"

#define OVER(name, call)                                     \
    static void name(float *restrict y, size_t n) {          \
        for (size_t i = 0; i < n; i++) y[i] = (float)(call); \
    }
OVER(exp_of, real_exp(y[i]))
OVER(expm1_of, real_expm1(y[i]))
OVER(log_of, real_log(y[i]))
OVER(log1p_of, real_log1p(y[i]))
OVER(softplus_of, real_softplus(y[i]))
OVER(sigmoid_of, real_sigmoid(y[i]))
OVER(tanh_of, real_tanh(y[i]))
OVER(erf_of, real_erf(y[i]))

extern const ulp_level KERNEL(ulp_level);
const ulp_level KERNEL(ulp_level) = {
    VAE__STRING(VAE__SIMD),
    {exp_of, expm1_of, log_of, log1p_of, softplus_of, sigmoid_of, tanh_of, erf_of}};
