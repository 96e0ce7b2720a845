/* The shift of the rows that a model with standardize=1 was initialized with (the data sets' option shift=): kept
 * with the model, so that rows with another one are an error and not a wrong number. */
#ifndef VAE_MODEL_SHIFT_H
#define VAE_MODEL_SHIFT_H

#include "model/model.h"

/* The entry of the model's metadata that holds it: a list in brackets, as shift= takes it. The model keeps the
 * numbers beside it, in model->shift. */
#define VAE__SHIFT_KEY "dataset.shift"

/* Notes the shift [width] of the rows; NULL or all 0 removes it. On failure the model is as before. */
vae_status vae__shift_record(vae_model *model, const double *offsets);

/* Reads it from the model's metadata, of a file named `label` in messages. VAE_ERROR_FORMAT unless the entry, if
 * there is one, is a list of `width` finite numbers. */
vae_status vae__shift_load(vae_model *model, const char *label);

/* VAE_ERROR_MISMATCH if one was recorded and `offsets` (NULL: all 0) are others. The message names the rows as
 * `rows`, the first column that differs, and what to open them with. */
vae_status vae__shift_check(const vae_model *model, const double *offsets, const char *rows);

#endif
