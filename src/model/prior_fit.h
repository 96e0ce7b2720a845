/* The program that fits a prior's parameters to draws of z by their gradient. Relies on the prior's density; no encoder
 * and no decoder is in it, except what the prior itself makes of the network. */
#ifndef VAE_MODEL_PRIOR_FIT_H
#define VAE_MODEL_PRIOR_FIT_H

#include "model/kind.h"

/* Adds input "z" [n, latent], result "log_p" [n] in double, and the loss -mean log p(z) behind it. The prior has a
 * density. Fails as vae__graph_add does. */
vae_status vae__prior_build_fit(const vae__build *build);

#endif
