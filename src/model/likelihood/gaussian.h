/* What the files of the Gaussian share: gaussian.c is the likelihood, gaussian_row.c its density of a row,
 * gaussian_optimal.c the density of sigma=optimal in training, which needs the whole batch. */
#ifndef VAE_MODEL_LIKELIHOOD_GAUSSIAN_H
#define VAE_MODEL_LIKELIHOOD_GAUSSIAN_H

#include "model/likelihood.h"
#include "tensor/simd/simd.h"

/* Below it a real loses digits. */
#define SMALLEST_REAL (sizeof(vae__real) == sizeof(float) ? (double)FLT_MIN : DBL_MIN)

static inline double floor_square(const vae__spec *spec) {
    return spec->sigma_min * spec->sigma_min;
}

/* log p of a row from its sum of ((x - m) / sigma)^2. */
static inline double scalar_log_p(double ratios, double variance, size_t width) {
    return -0.5 * (ratios + (double)width * (log(variance) + VAE__LOG_2PI));
}

/* The variance, and d variance / d log_sigma for a learned one. */
static inline double scalar_variance(const vae__spec *spec, const vae__real *extra, double *slope) {
    double least = floor_square(spec);
    *slope = 0;
    if (spec->sigma.mode == VAE__SIGMA_VALUE) return spec->sigma.value * spec->sigma.value;
    double parameter = (double)extra[0];
    if (spec->sigma.mode == VAE__SIGMA_OPTIMAL) return parameter > least ? parameter : least;
    double above = exp(2 * parameter);
    *slope = 2 * above;
    return least + above;
}

/* Whether a factor keeps its digits as a real. */
static inline int is_ordinary(double factor) {
    return factor == 0 || (fabs(factor) >= SMALLEST_REAL && fabs(factor) <= (double)VAE__REAL_MAX);
}

/* log p(x|z) of a row, and its gradients (vae__likelihood.row); every sigma is a value or a parameter. (gaussian_row.c) */
double KERNEL(gaussian_row)(const vae__likelihood_row *r);

/* The same for each value alone, without gradients (vae__likelihood.by_value). (gaussian_row.c) */
void KERNEL(gaussian_by_value)(const vae__likelihood_row *r, double *log_p);

/* Adds the density of sigma=optimal in training to the graph; *variance is the batch's sigma^2.
 * (gaussian_optimal.c) */
vae_status KERNEL(gaussian_optimal_density)(const vae__likelihood_build *build, vae__id *log_p,
                                            vae__id *variance);

#endif
