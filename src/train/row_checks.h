/* Rows of a data set that a pass over it refuses. Every message names the row by its number in the file or
 * array that it came from, not by its place in a split. */
#ifndef VAE_TRAIN_ROW_CHECKS_H
#define VAE_TRAIN_ROW_CHECKS_H

#include "data/dataset.h"
#include "model/model.h"

/* Fails with VAE_ERROR_DATA for the first value of rows [count, width] that the likelihood does not take; they
 * are rows `first` and following of the data set. */
vae_status vae__check_rows(const vae_model *model, const vae_dataset *dataset,
                           const vae__real *rows, size_t first, size_t count);

/* Fails with VAE_ERROR_DIVERGED for a row whose ELBO is not finite: its number in the source, and the largest
 * value of x [width]. */
vae_status vae__refuse_elbo(uint64_t row, double reconstruction, double kl, const vae__real *x,
                            size_t width);

/* Fails with VAE_ERROR_DIVERGED if the value that was computed of a row of the data set is not finite: it would
 * make every mean so, and a mean says nothing of the row. `what` names the value. */
vae_status vae__check_finite(const vae_dataset *dataset, size_t row, double value,
                             const char *what);

#endif
