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

#endif
