/* The cursor of a data set: epochs, shuffled orders, mini-batches. */
#ifndef VAE_DATA_CURSOR_H
#define VAE_DATA_CURSOR_H

#include "data/dataset.h"

/* Epochs completed, and rows taken of the current one. */
uint64_t vae__dataset_epoch(const vae_dataset *dataset);
uint64_t vae__dataset_position(const vae_dataset *dataset);

/* Takes the next mini-batch off the cursor: which rows (at most `batch`), and whether it ends its
 * epoch. Never runs out. Converting is left to vae__dataset_gather so that threads can share it. */
typedef struct vae__batch {
    const uint64_t *rows; /* [count] of the set; valid until the next call on the data set */
    size_t count;
    uint64_t epoch; /* the epoch these rows belong to: keys binarize=sample */
    int ends_epoch;
} vae__batch;
void vae__dataset_next(vae_dataset *dataset, vae__batch *batch);

/* Mini-batches from a position to its epoch's end; from 0: of an epoch. */
size_t vae__dataset_batches(const vae_dataset *dataset, uint64_t position);

/* Puts the cursor back in front of the batch that vae__dataset_next gave last: of one that could not be
 * read, so that it is the next again. */
void vae__dataset_give_back(vae_dataset *dataset, const vae__batch *batch);

/* Sets the cursor. VAE_ERROR_ARGUMENT, and nothing changes, if no batch begins there. */
vae_status vae__dataset_seek(vae_dataset *dataset, uint64_t epoch, uint64_t position);

#endif
