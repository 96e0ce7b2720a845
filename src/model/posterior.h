/* q(z|x) = N(mean, diag exp(logvar)): the ops behind the encoder's last layer. */
#ifndef VAE_MODEL_POSTERIOR_H
#define VAE_MODEL_POSTERIOR_H

#include "autodiff/graph.h"

/* head [n, 2 latent] (means, raw log variances) -> mean, logvar [n, latent]; no gradient. */
vae_status vae__posterior_parameters(vae__graph *graph, vae__id head, vae__id *mean,
                                     vae__id *logvar);

/* What the draw makes. */
typedef struct vae__posterior_ends {
    vae__id z;            /* [n K, latent]: mean + sd noise */
    vae__id kl;           /* [n], double: closed form against N(0, I) */
    vae__id kl_by_latent; /* [n, latent] */
    vae__id log_ratio; /* [n K], double: log p(z) - log q(z|x); only if asked for, else VAE__NONE */
} vae__posterior_ends;

/* From the head and noise [n K, latent]; one pass forward, one back. */
vae_status vae__posterior_draw(vae__graph *graph, vae__id head, vae__id noise, int wants_ratio,
                               vae__posterior_ends *ends);

#endif
