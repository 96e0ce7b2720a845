/* The one number type of activations, parameters and gradients: float, or double with `make
 * REAL=double`. */
#ifndef VAE_BASE_REAL_H
#define VAE_BASE_REAL_H

#include <float.h>

#ifdef VAE_REAL_DOUBLE
typedef double vae__real;
#define VAE__REAL_MAX DBL_MAX
#else
typedef float vae__real;
#define VAE__REAL_MAX FLT_MAX
#endif

/* The nearest finite one; the lowest for NaN. */
static inline vae__real vae__finite_real(double value) {
    double most = (double)VAE__REAL_MAX, bounded = value > -most ? value : -most;
    return (vae__real)(bounded < most ? bounded : most);
}

#define VAE__LOG_2PI 1.83787706640934548356 /* log(2 pi) */

#endif
