/* What simd.h computes at one level, to be held against libm. */
#ifndef ULP_FUNCTIONS_H
#define ULP_FUNCTIONS_H

#include <stddef.h>

enum { ULP_FUNCTIONS = 8 }; /* exp, expm1, log, log1p, softplus, sigmoid, tanh, erf */

typedef struct ulp_level {
    const char *name;
    void (*apply[ULP_FUNCTIONS])(float *y, size_t n); /* in place */
} ulp_level;

#endif
