/* One training step: rows -> graph -> update. */
#ifndef VAE_TRAIN_STEP_H
#define VAE_TRAIN_STEP_H

#include "data/cursor.h"
#include "train/optimizer.h"

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
