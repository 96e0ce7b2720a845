/* The ELBO over a whole data set, as a training loop asks for it of its validation rows. Changes nothing but
 * the report. */
#ifndef VAE_TRAIN_HELD_OUT_H
#define VAE_TRAIN_HELD_OUT_H

#include "data/dataset.h"
#include "model/model.h"

/* The row of a data set whose ELBO is the lowest, and how much of the sum it is. */
typedef struct vae__lowest_row {
    uint64_t row; /* its number in the source */
    double elbo;
    double others; /* sum of the absolute values of the others' ELBOs */
} vae__lowest_row;

/* Means over the rows in stored order, noise keyed (seed, row): only objective, elbo,
 * reconstruction, kl, beta and rows of the report are set. A row whose ELBO is not finite is
 * VAE_ERROR_DIVERGED and named. lowest may be NULL. */
vae_status vae__held_out_elbo(const vae_model *model, const vae_dataset *dataset, uint64_t seed,
                              vae_step_report *report, vae__lowest_row *lowest);

#endif
