/* The shift of the rows that a model was initialized with (the data sets' option shift=): kept with
 * the model, so that rows with another one are an error and not a wrong number. */
#ifndef VAE_MODEL_SHIFT_H
#define VAE_MODEL_SHIFT_H

#include "base/memory.h"
#include "base/text.h"

/* The entry of a model file's __metadata__ that holds it: a list in brackets, as shift= takes it. */
#define VAE__SHIFT_KEY "dataset.shift"

typedef struct vae__shift {
    double *offsets; /* [width], not all 0; NULL: none was recorded */
    char *text;      /* the list */
} vae__shift;

/* offsets NULL: none. On failure *out is none. */
vae_status vae__shift_make(vae_context *context, const double *offsets, size_t width,
                           vae__shift *out);

/* From the text of a file, named `label` in messages; NULL: none. VAE_ERROR_FORMAT unless it is a
 * list of `width` finite numbers. */
vae_status vae__shift_parse(vae_context *context, const char *label, const char *text, size_t width,
                            vae__shift *out);

void vae__shift_free(vae_context *context, vae__shift *shift);

/* VAE_ERROR_MISMATCH if one was recorded and `offsets` (NULL: all 0) are others. The message names
 * the rows as `rows`, the first column that differs, and what to open them with. */
vae_status vae__shift_check(const vae__shift *recorded, const double *offsets, size_t width,
                            const char *rows);

#endif
