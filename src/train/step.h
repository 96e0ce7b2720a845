/* One training step: rows -> graph -> update. The optimizer handle lives here, since it owns the
 * training graph. */
#ifndef VAE_TRAIN_STEP_H
#define VAE_TRAIN_STEP_H

#include "data/dataset.h"
#include "model/model.h"
#include "train/options.h"

struct vae_optimizer {
    vae_context *context;
    vae_model *model; /* holds a reference */
    vae__training_options options;
    char *options_text;
    vae__optimizer_state state;
    uint64_t model_edits;              /* the model's as far as the state's bounds cover them */
    vae__objective_settings objective; /* what the graph reads: beta of the step under way */
    vae__program program; /* for the largest batch so far; program.plan.graph NULL: none yet */
    vae__workspace *workspace;
    vae__real *gradient; /* the whole gradient, for clipping and for checks; NULL until needed */
};

vae_status vae__optimizer_new(vae_model *model, const char *options, vae_optimizer **out);
vae_status vae__optimizer_change(vae_optimizer *optimizer, const char *options);
void vae__optimizer_free(vae_optimizer *optimizer);

/* Says in the log that the schedule leaves a learning rate of nearly 0, if it does. */
void vae__optimizer_warn_if_spent(const vae_optimizer *optimizer);

/* Bytes of the moments (and of the gradient if it is kept), and of the workspace. */
void vae__optimizer_bytes(const vae_optimizer *optimizer, uint64_t *state_bytes,
                          uint64_t *workspace_bytes);

/* The rows of a step: a batch of a data set, or rows given. */
typedef struct vae__step_rows {
    const vae_dataset *dataset; /* NULL: rows */
    vae__batch batch;
    const float *rows; /* [n, width] */
    size_t n;
    const vae__real *noise; /* [n K, latent] in place of drawn noise; NULL: drawn */
} vae__step_rows;

/* One update. With VAE_ERROR_DATA or VAE_ERROR_DIVERGED parameters and moments are as before. The
 * report's epoch and position are left to the caller. */
vae_status vae__step(vae_optimizer *optimizer, const vae__step_rows *rows, vae_step_report *report);

/* The gradient of the loss (minus the objective) at the current parameters, laid out as the
 * parameters' block; updates nothing. For tests and inspection. */
vae_status vae__step_gradient(vae_optimizer *optimizer, const vae__step_rows *rows,
                              vae_step_report *report, vae__real *gradient);

#endif
