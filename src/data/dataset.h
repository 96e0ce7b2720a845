/* A data set: rows kept in the type they came in, converted per batch; a cursor; a shuffle that is
 * a pure function of (seed, epoch). */
#ifndef VAE_DATA_DATASET_H
#define VAE_DATA_DATASET_H

#include "base/memory.h"
#include "base/real.h"
#include "base/text.h"
#include "data/rows.h"

vae_status vae__dataset_open(vae_context *context, const char *path, const char *options,
                             vae_dataset **out);
vae_status vae__dataset_from_memory(vae_context *context, const void *rows, size_t n, size_t width,
                                    const char *options, vae_dataset **out);
/* Takes the source over, and closes it if this fails. The options are those for files. */
vae_status vae__dataset_from_source(vae__row_source *source, const char *options,
                                    vae_dataset **out);
void vae__dataset_free(vae_dataset *dataset);

vae_context *vae__dataset_context(const vae_dataset *dataset);
size_t vae__dataset_size(const vae_dataset *dataset);
size_t vae__dataset_width(const vae_dataset *dataset);
size_t vae__dataset_batch(const vae_dataset *dataset);
size_t vae__dataset_label_width(const vae_dataset *dataset);
size_t vae__dataset_shape(const vae_dataset *dataset, size_t *shape, size_t capacity); /* rank */

/* Name of a column as the file has it; "" where there is none. */
const char *vae__dataset_column_name(const vae_dataset *dataset, size_t column);
/* What shift= subtracts from each column, [width]; NULL where that is 0 for all of them. */
const double *vae__dataset_shift(const vae_dataset *dataset);

/* x = (stored - offset) / range, of every kind of scaling. The caller has checked the column. */
void vae__dataset_scaling(const vae_dataset *dataset, size_t column, double *offset, double *range);

/* Where a row of the set came from, for messages: its number in the file, before any row was left out
 * and before the split. */
uint64_t vae__dataset_source_row(const vae_dataset *dataset, uint64_t row);

#endif
