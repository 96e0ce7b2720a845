/* A prior p(z): one file in prior/ with its density, its gradient and its draws, and one name in VAE__PRIORS.
 * Relies on the posterior's ops for q(z|x). */
#ifndef VAE_MODEL_PRIOR_H
#define VAE_MODEL_PRIOR_H

#include "model/model.h"

#define VAE__PRIORS(X) X(normal)

/* What a prior's functions outside a graph see. */
typedef struct vae__prior_call {
    const vae__kernels *kernels;
    const vae__spec *spec;
    const vae__parameters *parameters;
    const vae__network *network;
} vae__prior_call;

typedef struct vae__prior {
    const char *name;

    /* Adds to the graph the draw z [n K, latent] from head [n, 2 latent] and noise [n K, latent], and sets
     * kl [n] and, if wanted, log_ratio [n K] of the values; kl_by_latent [n, latent] where the KL is a sum
     * over latents, else that stays VAE__NONE. */
    vae_status (*draw_posterior)(const vae__build *build, vae__id head, vae__id noise,
                                 int wants_ratio, vae__id *z, vae__bound_values *values);

    /* z [rows, latent] ~ p(z), row i from row first_row + i of the stream. */
    void (*draw)(const vae__prior_call *call, const vae__stream *stream, size_t first_row,
                 size_t rows, vae__real *z);

    /* ratio [draws] = log p(z) - log q(z|x) of draws z = mean + sd noise [draws, latent] from one posterior,
     * whose log variances are logvar [latent]. */
    void (*log_ratio)(const vae__prior_call *call, const vae__real *logvar, const vae__real *noise,
                      const vae__real *z, size_t draws, double *ratio);
} vae__prior;

/* The names in VAE__PRIORS, ending in NULL. */
extern const char *const vae__prior_names[];

const vae__prior *vae__prior_of(const vae__spec *spec);

/* What the functions of the model's prior see. */
vae__prior_call vae__model_prior_call(const vae_model *model);

#endif
