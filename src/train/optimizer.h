/* The optimizer handle: the options of training, the moments of the update rule, and the program that computes
 * gradients. */
#ifndef VAE_TRAIN_OPTIMIZER_H
#define VAE_TRAIN_OPTIMIZER_H

#include "model/model.h"
#include "optim/average.h"
#include "train/diffusion_feed.h"
#include "train/options.h"

struct vae_optimizer {
    vae_context *context;
    vae_model *model; /* holds a reference */
    vae__training_options options;
    char *options_text;
    vae__optimizer_state state;
    vae__average average;              /* ema=: its weights are what is trained */
    uint64_t model_version;            /* the model's when this was made */
    uint64_t model_edits;              /* the model's as far as the state's bounds cover them */
    vae__objective_settings objective; /* what the graph reads: beta of the step under way */
    vae__program program; /* for the largest batch so far; program.plan.graph NULL: none yet */
    vae__workspace *workspace;
    vae__diffusion_feed diffusion; /* for the program's largest batch */
    vae__real *gradient; /* the whole gradient, for clipping and for checks; NULL until needed */
};

vae_status vae__optimizer_new(vae_model *model, const char *options, vae_optimizer **out);
vae_status vae__optimizer_change(vae_optimizer *optimizer, const char *options);
void vae__optimizer_free(vae_optimizer *optimizer);

/* Fails with VAE_ERROR_MISMATCH after vae_model_set_prior: its moments are those of other parameters. */
vae_status vae__optimizer_check(const vae_optimizer *optimizer);

/* Whether parameters of this group (VAE__GROUP_NETWORK, VAE__GROUP_PRIOR) are trained. */
int vae__optimizer_trains(const vae_optimizer *optimizer, unsigned group);

/* What the graph reads in update number `step`: all settings of the objective as the options now say. */
void vae__optimizer_begin_objective(vae_optimizer *optimizer, uint64_t step);

/* Says in the log that the schedule leaves a learning rate of nearly 0, if it does. */
void vae__optimizer_warn_if_spent(const vae_optimizer *optimizer);

/* Says in the log, once, that the schedule has come to its end. `rate` is that of the update just made. */
void vae__optimizer_announce_end(const vae_optimizer *optimizer, double rate);

/* The training program for a batch of so many rows: one that is there may be for more. */
vae_status vae__optimizer_ensure_plan(vae_optimizer *optimizer, size_t rows);

/* Room for the whole gradient. */
vae_status vae__optimizer_ensure_gradient(vae_optimizer *optimizer);

/* Bytes of the moments (and of the gradient if it is kept), and of the workspace. */
void vae__optimizer_bytes(const vae_optimizer *optimizer, uint64_t *state_bytes,
                          uint64_t *workspace_bytes);

#endif
