/* What training maximises, as the last op of the training graph: it has no output, it starts the
 * gradients. One file each: elbo.c, iwae.c. */
#ifndef VAE_MODEL_OBJECTIVE_H
#define VAE_MODEL_OBJECTIVE_H

#include "autodiff/run.h"

typedef enum vae__objective_kind { VAE__OBJECTIVE_ELBO, VAE__OBJECTIVE_IWAE } vae__objective_kind;

/* Read at every run: beta changes while training. */
typedef struct vae__objective_settings {
    vae__objective_kind kind;
    double beta;      /* ELBO: weight of the KL now */
    double free_bits; /* ELBO: nats per latent */
} vae__objective_settings;

/* Adds E_q[log p(x|z)] - beta KL to the graph: log_p [n K] averaged over the samples, kl_by_latent
 * [n, latent]. With free bits, kl_mean is the batch mean per latent, which the caller makes a result;
 * else VAE__NONE. */
vae_status vae__objective_elbo(vae__graph *graph, const vae__objective_settings *settings,
                               vae__id log_p, vae__id kl_by_latent, vae__id kl_mean);

/* Its value from the batch means: reconstruction, KL, and with free bits the KL of each latent (else
 * NULL). */
double vae__objective_elbo_value(const vae__objective_settings *settings, double reconstruction,
                                 double kl, const double *kl_by_latent, size_t latent);

/* Adds the importance-weighted bound (Burda, Grosse & Salakhutdinov 2016, eq. 8): log (1/K) sum_k w_k
 * with log w = log p(x|z) + log p(z) - log q(z|x), from log_p and log_ratio [n K]. */
vae_status vae__objective_iwae(vae__graph *graph, vae__id log_p, vae__id log_ratio);

/* Its value: the mean over n rows of log (1/K) sum_k w_k. */
double vae__objective_iwae_value(const double *log_p, const double *log_ratio, size_t n,
                                 size_t samples);

#endif
