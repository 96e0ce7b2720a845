/* The one number type of activations, parameters and gradients: float, or double with `make
 * REAL=double`. */
#ifndef VAE_BASE_REAL_H
#define VAE_BASE_REAL_H

#ifdef VAE_REAL_DOUBLE
typedef double vae__real;
#else
typedef float vae__real;
#endif

#endif
