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
uint64_t vae__dataset_epoch(const vae_dataset *dataset);
uint64_t vae__dataset_position(const vae_dataset *dataset);
size_t vae__dataset_shape(const vae_dataset *dataset, size_t *shape, size_t capacity); /* rank */

/* Name of a column as the file has it; "" where there is none. */
const char *vae__dataset_column_name(const vae_dataset *dataset, size_t column);
/* What shift= subtracts from each column, [width]; NULL where that is 0 for all of them. */
const double *vae__dataset_shift(const vae_dataset *dataset);

/* x = (stored - offset) / range, of every kind of scaling. The caller has checked the column. */
void vae__dataset_scaling(const vae_dataset *dataset, size_t column, double *offset, double *range);

/* Takes the next mini-batch off the cursor: which rows (at most `batch`), and whether it ends its
 * epoch. Never runs out. Converting is left to vae__dataset_gather so that threads can share it. */
typedef struct vae__batch {
    const uint64_t
        *rows; /* [count] stored row numbers; valid until the next call on the data set */
    size_t count;
    uint64_t epoch; /* the epoch these rows belong to: keys binarize=sample */
    int ends_epoch;
} vae__batch;
vae_status vae__dataset_next(vae_dataset *dataset, vae__batch *batch);

/* Mini-batches from a position to its epoch's end; from 0: of an epoch. */
size_t vae__dataset_batches(const vae_dataset *dataset, uint64_t position);

/* Puts the cursor back in front of the batch that vae__dataset_next gave last: of one that could not be
 * read, so that it is the next again. */
void vae__dataset_give_back(vae_dataset *dataset, const vae__batch *batch);

/* Appends what decides which rows come in what order and how they look, as words "name=value": equal
 * for two data sets whose batches are the same. `content` is a hash of up to 65536 stored values, in
 * whole rows spread over the set. Fails for want of memory, or if a row cannot be read. */
vae_status vae__dataset_describe(const vae_dataset *dataset, vae__buffer *out);

/* Sets the cursor. VAE_ERROR_ARGUMENT, and nothing changes, if no batch begins there. */
vae_status vae__dataset_seek(vae_dataset *dataset, uint64_t epoch, uint64_t position);

/* Converts, scales and binarises the given rows of the set into x [count, width]. Changes nothing;
 * several threads may call it at once. A row that cannot be read is the source's failure, with the row's
 * number in the file; x may then be left in any state. Rows in memory do not fail. */
vae_status vae__dataset_gather(const vae_dataset *dataset, const uint64_t *rows, size_t count,
                               uint64_t epoch, vae__real *x);

/* Rows first .. first + count - 1 in stored order (after the split), as epoch 0. The caller has
 * checked the range. Fails as vae__dataset_gather does. */
vae_status vae__dataset_read(const vae_dataset *dataset, size_t first, size_t count, vae__real *x);
void vae__dataset_read_labels(const vae_dataset *dataset, size_t first, size_t count,
                              double *labels);

/* Where a row of the set came from, for messages: its number in the file, before any row was left out
 * and before the split. */
uint64_t vae__dataset_source_row(const vae_dataset *dataset, uint64_t row);

#endif
