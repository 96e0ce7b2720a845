/* From the options to the conversion of a data set: offsets, range, and whether its columns survive
 * them. For the files of this folder. */
#ifndef VAE_DATA_SCALING_H
#define VAE_DATA_SCALING_H

#include "data/state.h"

/* Sets conversion, offsets and binarize of a data set whose rows are there; reads all rows, before
 * the split, so that the parts of a split agree. `path` names them in messages.
 * VAE_ERROR_DATA for values that scale=unit or binarize=sample cannot take, and for a column that
 * loses its values (precision.h). VAE_ERROR_TEXT for a list of offsets of another length. */
vae_status vae__scaling_set(vae_dataset *dataset, const char *path,
                            const vae__dataset_options *options);

/* "column 3 (from 0)" or "column 3 (from 0, named time)", for messages. Returns text. */
#define VAE__COLUMN_TEXT 128
const char *vae__column_text(const vae_dataset *dataset, size_t column,
                             char text[VAE__COLUMN_TEXT]);

#endif
