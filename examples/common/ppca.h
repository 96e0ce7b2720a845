/* Probabilistic PCA (Tipping & Bishop 1999), the linear baseline of a Gaussian VAE with one sigma:
 * x ~ N(mean, W W^T + sigma^2 I), fitted in closed form by maximum likelihood. */
#ifndef PPCA_H
#define PPCA_H

#include <stddef.h>

#include "vae.h"

typedef struct ppca {
    size_t width, latent;
    double *mean;          /* [width] */
    double *directions;    /* [latent, width], orthonormal: eigenvectors of the covariance */
    double *eigenvalues;   /* [latent], descending: variances along the directions */
    double noise_variance; /* sigma^2 = mean of the other eigenvalues */
} ppca;

/* Fits to all rows of `train`; 0 < latent < its width. Returns NULL, or what went wrong. Release
 * `out` in either case. */
const char *ppca_fit(ppca *out, const vae_dataset *train, size_t latent);

/* Mean of log p(x) over the rows of `rows`, in nats per row. Returns NULL, or what went wrong. */
const char *ppca_log_likelihood(const ppca *fit, const vae_dataset *rows, double *mean_log_p);

void ppca_release(ppca *fit);

#endif
