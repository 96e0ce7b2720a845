/* 8-bit values on [0, 1]: the multiples of 1/255. What the discretised likelihoods share. */
#ifndef VAE_MODEL_LIKELIHOOD_LEVELS_H
#define VAE_MODEL_LIKELIHOOD_LEVELS_H

#include "model/likelihood.h"
#include "tensor/simd/simd.h"

#define TOP 255 /* the highest level; levels are 0 .. TOP */

/* The level nearest to x; vector code has no call for rounding at every instruction set. */
static inline real level_of(real x) {
    return (real)(int32_t)(x * TOP + (real)0.5);
}

/* Within a thousandth of a level: more than float's rounding, less than any other scale leaves. */
static inline int is_level(real x) {
    return real_abs(x * TOP - level_of(x)) < (real)1e-3;
}

/* For vae__likelihood.valid. */
static inline int are_levels(const vae__spec *spec, const vae__real *x, size_t *column) {
    size_t width = spec->input.size;
    int bad = 0;
    for (size_t i = 0; i < width; i++) bad |= !is_level(x[i]);
    if (!bad) return 1;
    for (size_t i = 0; i < width; i++) {
        *column = i;
        if (!is_level(x[i])) return 0;
    }
    return 1;
}

#endif
