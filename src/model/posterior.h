/* q(z|x) = N(mean, diag exp(logvar)): the ops behind the encoder's last layer. */
#ifndef VAE_MODEL_POSTERIOR_H
#define VAE_MODEL_POSTERIOR_H

#include "autodiff/graph.h"

/* head [n, 2 latent] (means, raw log variances) -> mean, logvar [n, latent]; no gradient. */
vae_status vae__posterior_parameters(vae__graph *graph, vae__id head, vae__id *mean,
                                     vae__id *logvar);

/* head, noise [n K, latent] -> z = mean + sd noise [n K, latent]; kl [n] (double) and kl by latent
 * [n, latent], closed form against N(0, I). One pass forward, one back. */
vae_status vae__posterior_draw(vae__graph *graph, vae__id head, vae__id noise, vae__id *z,
                               vae__id *kl, vae__id *kl_by_latent);

#endif
