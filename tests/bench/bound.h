/* What a step or an inference cannot do without: its matrix products and, for a step, one pass over
 * the parameters and the optimizer's moments. Taken from the plan that the library runs, on the
 * same threads and the same parameters. */
#ifndef BENCH_BOUND_H
#define BENCH_BOUND_H

#include "autodiff/plan.h"
#include "optim/optimizer.h"

enum { BENCH_MOST_PRODUCTS = 32 };

/* One dense layer, y [rows, out] = x [rows, in] w^T, with buffers of its own. */
typedef struct bench_product {
    vae__id weight;
    size_t in, out;
    size_t per_row; /* rows of x for each row of the graph: its samples */
    const vae__real *w;
    vae__real *x, *y; /* x may be the y of the layer before */
    vae__real *delta; /* training: d y; may be the dx of the layer after */
    vae__real *dx;    /* training: d x; NULL: not asked for */
} bench_product;

/* One convolution: its products, by tiles of lowered positions; every tile is the same buffer, since nothing is
 * lowered or added here. */
typedef struct bench_convolution {
    vae__id weight;
    size_t patch, maps, positions; /* positions of a row of the graph, its samples included */
    const vae__real *w;
    vae__real *small;      /* [rows positions, maps] */
    size_t tile_positions; /* of one product */
    int gathers, scatters,
        weights; /* how many products small = tile w^T, tile = small w; whether the third */
} bench_convolution;

typedef struct bench_bound {
    vae_context *context;
    const vae__plan *plan;
    const vae__optimizer_state *state; /* NULL: inference, forward products only */
    bench_product products[BENCH_MOST_PRODUCTS];
    size_t product_count;
    bench_convolution convolutions[BENCH_MOST_PRODUCTS];
    size_t convolution_count;
    vae__real *tiles, *sums; /* of each share: the largest tile; the largest kernel */
    size_t largest_tile, largest_kernel;
    size_t rows, chunk; /* rows in all, and at a time */
    size_t shares;
    vae__real *scratch; /* [shares, largest block] */
    double flops;       /* of one run's products */
    void *owned[4 * BENCH_MOST_PRODUCTS];
    size_t owned_count;
} bench_bound;

/* 1, or 0 if the plan has too many dense layers or convolutions. The plan
 * and the state must outlive the bound. */
int bench_bound_make(const vae__plan *plan, const vae__optimizer_state *state, size_t rows,
                     bench_bound *bound);
void bench_bound_free(bench_bound *bound);

/* Contenders; `user` is the bound. */
void bench_run_products(void *user);
void bench_run_bound(void *user); /* products and the pass; needs a state */

/* The products of convolution `index` alone, for all rows, on the calling thread. For one share. */
void bench_run_convolution(const bench_bound *bound, size_t index);

/* n values, 64-byte aligned: in (0, 1) with `fill`, else 0. Ends the program without room. */
vae__real *bench_values(size_t n, int fill);

#endif
