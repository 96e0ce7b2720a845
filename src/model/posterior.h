/* q(z|x) = N(mean, diag exp(logvar)): the ops behind the encoder's last layer. They rely on the kernels of
 * tensor/simd/gaussian.c. */
#ifndef VAE_MODEL_POSTERIOR_H
#define VAE_MODEL_POSTERIOR_H

#include "model/objective/objective.h"

/* head [n, 2 latent] (means, raw log variances) -> mean, logvar [n, latent]; no gradient. */
vae_status vae__posterior_parameters(vae__graph *graph, vae__id head, vae__id *mean,
                                     vae__id *logvar);

/* z [n K, latent] = mean + sd noise from the head and noise [n K, latent], and against N(0, I) in closed form
 * kl and kl_by_latent, and log_ratio if it is wanted; one pass forward, one back. */
vae_status vae__posterior_draw(vae__graph *graph, vae__id head, vae__id noise, int wants_ratio,
                               vae__id *z, vae__bound_values *values);

/* What a prior without a closed-form KL is held against. */
typedef struct vae__posterior_values {
    vae__id z;                /* [n K, latent] = mean + sd noise */
    vae__id negative_entropy; /* [n], double: E_q[log q(z|x)] */
    vae__id log_q;            /* [n K], double: log q(z|x) at the draw */
    vae__id sd;               /* [n, latent] */
} vae__posterior_values;

/* These values from the head [n, 2 latent] and noise [n K, latent], with gradients of the first three.
 * (posterior_sample.c) */
vae_status vae__posterior_sample(vae__graph *graph, vae__id head, vae__id noise,
                                 vae__posterior_values *values);

#endif
