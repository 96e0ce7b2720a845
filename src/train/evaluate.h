/* Passes over a whole data set that change nothing: held-out ELBO, statistics for initialisation.
 */
#ifndef VAE_TRAIN_EVALUATE_H
#define VAE_TRAIN_EVALUATE_H

#include "data/dataset.h"
#include "model/model.h"

/* The row of a data set whose ELBO is the lowest, and how much of the sum it is. */
typedef struct vae__lowest_row {
    uint64_t row; /* its number in the source */
    double elbo;
    double others; /* sum of the sizes of the others' ELBOs */
} vae__lowest_row;

/* Means over the rows in stored order, noise keyed (seed, row): only objective, elbo,
 * reconstruction, kl, beta and rows of the report are set. A row whose ELBO is not finite is
 * VAE_ERROR_DIVERGED and named. lowest may be NULL. */
vae_status vae__evaluate_elbo(const vae_model *model, const vae_dataset *dataset, uint64_t seed,
                              vae_step_report *report, vae__lowest_row *lowest);

/* Fails with VAE_ERROR_DIVERGED for a row whose ELBO is not finite: its number in the source, and
 * the largest value of x [width]. */
vae_status vae__refuse_elbo(uint64_t row, double reconstruction, double kl, const vae__real *x,
                            size_t width);

/* Data-dependent start of any model: column means and variances, then vae__model_initialize. */
vae_status vae__initialize_from_data(vae_model *model, const vae_dataset *dataset);

/* vae_model_initialize: the same for a model that may still be started, which is drawn anew if it was
 * initialised before; says in the log what will hinder training. */
vae_status vae__start_from_data(vae_model *model, const vae_dataset *dataset);

#endif
