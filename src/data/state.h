/* What a data set is made of, for the files of this folder only. */
#ifndef VAE_DATA_STATE_H
#define VAE_DATA_STATE_H

#include "data/convert.h"
#include "data/dataset.h"
#include "data/options.h"
#include "data/rows.h"

struct vae_dataset {
    vae_context *context;
    vae__row_source rows; /* all that are kept, before the split */
    vae__table table;     /* what else the file held: its values are in `rows` */
    vae__conversion conversion;
    double *offsets; /* [width] the conversion's, where shift= gave some; NULL: none */
    int binarize;    /* vae__binarize */
    uint64_t *kept;  /* [size] rows of the source, ascending; NULL: all */
    size_t size;     /* rows after the split */
    size_t batch;
    int shuffle, drop_last;
    uint64_t seed;
    uint64_t *order;      /* [size] the rows of epoch `order_epoch` in turn */
    uint64_t order_epoch; /* UINT64_MAX: none yet */
    uint64_t epoch;       /* the cursor: epochs completed */
    size_t position;      /* and rows taken of the current one */
};

/* Which row of the source a row of the set is. */
static inline uint64_t vae__dataset_stored_row(const vae_dataset *dataset, uint64_t row) {
    return dataset->kept ? dataset->kept[row] : row;
}

#endif
