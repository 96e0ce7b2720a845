/* What training maximises, as the last op of the training graph: it has no output, it starts the
 * gradients. */
#ifndef VAE_MODEL_OBJECTIVE_H
#define VAE_MODEL_OBJECTIVE_H

#include "autodiff/run.h"

/* Read at every run: beta changes while training. */
typedef struct vae__objective_settings {
    double beta;      /* weight of the KL now */
    double free_bits; /* nats per latent */
} vae__objective_settings;

/* Adds E_q[log p(x|z)] - beta KL to the graph: log_p [n K] averaged over the samples, kl_by_latent
 * [n, latent]. With free bits, kl_mean is the batch mean per latent, which the caller makes a
 * result; else VAE__NONE. */
vae_status vae__objective_elbo(vae__graph *graph, const vae__objective_settings *settings,
                               vae__id log_p, vae__id kl_by_latent, vae__id kl_mean);

/* The objective's value from the batch means: reconstruction, KL, and with free bits the KL of each
 * latent (else NULL). */
double vae__objective_value(const vae__objective_settings *settings, double reconstruction,
                            double kl, const double *kl_by_latent, size_t latent);

#endif
