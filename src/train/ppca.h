/* Probabilistic PCA (Tipping & Bishop 1999), the linear baseline of a Gaussian VAE with one sigma:
 * x ~ N(mean, W W^T + sigma^2 I), fitted in closed form by maximum likelihood. Of a model with
 * standardize=1 that is so for y = (x - mean) / scale, and log p(x) = log p(y) - sum log scale. */
#ifndef VAE_TRAIN_PPCA_H
#define VAE_TRAIN_PPCA_H

#include "data/dataset.h"

typedef struct vae__ppca {
    vae_context *context;
    size_t width, latent;
    double *mean, *mean_rest; /* [width]; the mean is their sum, which may not be one double */
    double *scale;            /* [width]; 1 unless columns are standardised */
    double *spread;        /* [width]: standard deviations of x, or of the standardised columns */
    double *directions;    /* [latent, width], orthonormal: eigenvectors of the covariance */
    double *eigenvalues;   /* [latent], descending: variances along the directions, floored */
    double noise_variance; /* sigma^2 = mean of the other eigenvalues, floored */
} vae__ppca;

/* Fits to all rows of `data`, or to its standardised columns; 0 < latent < its width. No variance
 * (of x, or of y) is below `least` (> 0): without a floor the likelihood of rows that lie in a plane
 * is unbounded. Columns may have different units, may nearly or wholly determine each other, may not
 * vary, may lie far from zero: a variance is right to about 1e-16 times the columns' own. Release
 * `out` in either case. */
vae_status vae__ppca_fit(vae_context *context, const vae_dataset *data, size_t latent,
                         int standardize, double least, vae__ppca *out);

/* Mean of log p(x) over the rows of `data`, in nats per row. */
vae_status vae__ppca_log_likelihood(const vae__ppca *fit, const vae_dataset *data,
                                    double *mean_log_p);

void vae__ppca_release(vae__ppca *fit);

#endif
