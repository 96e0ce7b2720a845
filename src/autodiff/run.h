/* Running a plan. First the rows: each segment over the threads, each thread through its rows slice by slice.
 * Then, in training, the weights: the gradient of each block of parameters over the whole batch, handed to the
 * optimizer while it is in cache. Allocates nothing. */
#ifndef VAE_AUTODIFF_RUN_H
#define VAE_AUTODIFF_RUN_H

#include <stdatomic.h>

#include "autodiff/workspace.h"

/* Where a graph input comes from: rows as they are, or a function that writes a range of them. */
typedef struct vae__feed {
    const vae__real *rows; /* [n, width] or [n K, width]; NULL: fill */
    /* Writes rows first .. first + count - 1 (times K for an input of samples). Runs on many threads at
     * once. A failure is the run's. */
    vae_status (*fill)(void *user, size_t first, size_t count, vae__real *into);
    void *user;
    int checked; /* refuse values outside [low, high], NaN included */
    vae__real low, high;
    int (*valid)(const void *user, const vae__real *row); /* and rows that this refuses; or NULL */
    const void *valid_user;
} vae__feed;

/* The first of rows [count, width] that a checked feed refuses; count: it takes all of them. */
size_t vae__feed_refused(const vae__feed *feed, const vae__kernels *kernels, const vae__real *rows,
                         size_t count, size_t width);

typedef struct vae__run {
    vae__workspace *workspace;
    const vae__feed *feeds;      /* one per graph input, in order */
    const vae__real *parameters; /* values, laid out as the list's block; NULL: the list's own */
    size_t rows;                 /* 1 .. capacity */
    size_t samples; /* K of this run; 0: the plan's. At most vae__plan_max_samples(plan, rows) */
    size_t workers; /* threads, set by vae__run_rows */
    atomic_int refused; /* a feed held a value outside its range: results are meaningless */
} vae__run;

/* All row segments. After it results can be read, unless `refused` is set. Fails if a feed does: with
 * several threads the failure is that of the first rows, whichever thread came first. */
vae_status vae__run_rows(vae__run *run);

/* A result of the run. */
const vae__real *vae__run_value(const vae__run *run, vae__id value);
const double *vae__run_double(const vae__run *run, vae__id value);

/* An upper bound of the absolute value of every entry of every parameter's gradient, from the ops' own
 * bounds. Infinite where an op has none; NaN or infinite where values are. */
double vae__run_gradient_bound(const vae__run *run);

/* Where gradients go, block by block. */
typedef struct vae__sink {
    /* Update: takes `count` values of the gradient of `parameter` from value `first` on, while they are in
     * cache, and returns the sum of their squares. Runs on many threads at once, on different blocks.
     * NULL: store. */
    double (*update)(void *user, vae__id parameter, size_t first, size_t count,
                     const vae__real *gradient);
    void *user;
    vae__real *gradient; /* store: all gradients, laid out as the parameters' block */
} vae__sink;

/* The weight phase. Returns the sum of squares of the whole gradient, added in the order of the blocks. */
double vae__run_weights(vae__run *run, const vae__sink *sink);

#endif
