/* Random rows that the pseudo-inputs of a prior begin at (prior=vamp:K): read first, which can fail, and taken later, which
 * cannot. */
#ifndef VAE_TRAIN_PRIOR_ROWS_H
#define VAE_TRAIN_PRIOR_ROWS_H

#include "data/dataset.h"
#include "model/model.h"

/* Rows as the data set has them [K, width]; NULL: the prior has no pseudo-inputs. */
typedef struct vae__prior_rows {
    vae_context *context;
    vae__real *x;
} vae__prior_rows;

/* Fails with VAE_ERROR_ARGUMENT for more components or pseudo-inputs than rows to begin them at. */
vae_status vae__prior_check_count(const vae_model *model, const vae_dataset *dataset);

/* Reads as many different rows as there are pseudo-inputs. Fails as vae__prior_check_count does, with VAE_ERROR_DATA for a
 * row that the likelihood does not take, as reading fails, and for lack of memory; there is then nothing to release. */
vae_status vae__prior_rows_read(const vae_model *model, const vae_dataset *dataset, uint64_t seed,
                                vae__prior_rows *out);

/* The pseudo-inputs become these rows, as the encoder sees them: after the model's shift and scale are known. */
void vae__prior_rows_take(vae_model *model, const vae__prior_rows *rows);
void vae__prior_rows_release(vae__prior_rows *rows);

#endif
