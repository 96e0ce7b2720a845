/* Steps along the gradient that fit a prior to posteriors, where it has no fit of its own (flow, vamp). */
#ifndef VAE_TRAIN_PRIOR_STEPS_H
#define VAE_TRAIN_PRIOR_STEPS_H

#include "model/prior.h"

/* How. */
typedef struct vae__prior_steps {
    uint64_t epochs; /* passes over the posteriors, at least 1 */
    uint64_t batch;  /* rows of a step, at least 1; more than there are: all */
    uint64_t seed;   /* of the order and of the draws */
    double learning_rate;
    /* Called after each step with the passes done and the rows of the next one; anything else than 0 stops. */
    int32_t (*after)(void *user, uint64_t epoch, uint64_t rows);
    void *user;
} vae__prior_steps;

/* Trains the prior's parameters, from what they are, by Adam on draws from the posteriors.
 * Fails with VAE_ERROR_DIVERGED where a loss, a gradient or an update is not finite, with VAE_STOPPED, and for lack of
 * memory. After a failure the parameters may be anything: the caller keeps a copy. */
vae_status vae__prior_take_steps(vae_model *model, const vae__moments *moments,
                                 const vae__prior_steps *how);

/* The mean of log p(z) over one fixed draw a row of the posteriors, under the parameters as they are. Fails for lack of
 * memory. */
vae_status vae__prior_mean_density(vae_model *model, const vae__moments *moments, uint64_t seed,
                                   double *mean);

#endif
