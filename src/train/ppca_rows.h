/* The rows of a data set as a fit of probabilistic PCA sees them: y = (x - mean) / scale in double, a chunk at a time. */
#ifndef VAE_TRAIN_PPCA_ROWS_H
#define VAE_TRAIN_PPCA_ROWS_H

#include "train/ppca.h"

enum {
    VAE__PPCA_CHUNK = 256, /* rows read at a time */
    /* From column to column of a transposed chunk: an odd number of cache lines. */
    VAE__PPCA_SPAN = VAE__PPCA_CHUNK + 8
};

typedef struct vae__ppca_rows {
    const vae__ppca *fit;
    const vae_dataset *data;
    size_t n, first, count; /* rows in all; of the chunk */
    size_t stride;          /* from row to row of y: an odd number of cache lines */
    vae__real *x;           /* [VAE__PPCA_CHUNK, width] */
    double *y;              /* [VAE__PPCA_CHUNK, stride], or transposed [width, VAE__PPCA_SPAN] */
} vae__ppca_rows;

/* Close in either case. */
vae_status vae__ppca_rows_open(vae__ppca_rows *rows, const vae__ppca *fit, const vae_dataset *data);
void vae__ppca_rows_close(vae__ppca_rows *rows);

/* Reads the next chunk into y, by rows or transposed. 1: there is one. 0: there are no more rows, and the next call reads
 * the first chunk again; or a failure, which is then *status. */
int vae__ppca_next_rows(vae__ppca_rows *rows, vae_status *status);
int vae__ppca_next_columns(vae__ppca_rows *rows, vae_status *status);

/* One value of y. The mean is taken off as two doubles: where a column lies far from zero, one would be off by part of
 * the column's deviation. */
static inline double vae__ppca_centre(const vae__ppca *fit, size_t column, vae__real x) {
    double off = ((double)x - fit->mean[column]) - fit->mean_rest[column];
    return off / fit->scale[column];
}

/* Sets mean, spread and, if wanted, the scales of a model with standardize=1, from means of 0 and scales of 1. */
vae_status vae__ppca_find_scale(vae__ppca *fit, vae__ppca_rows *rows, int standardize);

#endif
