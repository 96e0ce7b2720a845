/* What a model computes for rows: const and pure, in chunks of rows. Calls are safe from many threads at once.
 * They fail with VAE_ERROR_DATA for rows that the likelihood does not take and for lack of memory. x, z and means
 * are the public API's floats unless they are vae__real. */
#ifndef VAE_MODEL_INFERENCE_H
#define VAE_MODEL_INFERENCE_H

#include "model/model.h"
#include "model/sampling.h"

vae_status vae__model_encode(const vae_model *model, const float *x, size_t n, float *mean,
                             float *logvar);
vae_status vae__model_decode(const vae_model *model, const float *z, size_t n, float *x_mean);
vae_status vae__model_reconstruct(const vae_model *model, const float *x, size_t n, float *x_mean);

/* z ~ p(z), E[x|z] and x ~ p(x|z), each of which may be NULL. VAE_STOPPED if progress stopped it. */
vae_status vae__model_sample(const vae_model *model, size_t n, uint64_t seed,
                             const vae__sampling *how, float *z, float *x_mean, float *x);

/* Per-row bound; noise keyed (seed, first_row + r). Any of the results may be NULL. */
typedef struct vae__bound {
    double *elbo, *reconstruction, *kl; /* [n] */
    vae__real *kl_by_latent;            /* [n, latent]; left alone where the prior has none */
} vae__bound;
vae_status vae__model_bound(const vae_model *model, const vae__real *x, size_t n, uint64_t seed,
                            uint64_t first_row, const vae__bound *out);

/* mean, logvar [n, latent] of rows in vae__real. */
vae_status vae__model_encode_rows(const vae_model *model, const vae__real *x, size_t n,
                                  uint64_t first_row, vae__real *mean, vae__real *logvar);

/* Per row at z = mean(x): score = KL(q||p) + the sum of by_value, by_value = -log p(x_i|z) [n, width]. Either
 * may be NULL. */
vae_status vae__model_score_at_mean(const vae_model *model, const float *x, size_t n, double *score,
                                    double *by_value);

/* vae__model_bound from the API's floats. */
vae_status vae__model_elbo(const vae_model *model, const float *x, size_t n, uint64_t seed,
                           const vae__bound *out);

#endif
