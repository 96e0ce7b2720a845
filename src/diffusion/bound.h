/* Estimates of the bound of log p(x), and of log p(x) by whole paths, for rows of data. Each is a function of (seed, row)
 * alone. A bound that is noisy must not be exponentiated: the mean of exp is above exp of the mean. */
#ifndef VAE_DIFFUSION_BOUND_H
#define VAE_DIFFUSION_BOUND_H

#include "diffusion/denoise.h"
#include "tensor/kernels.h"

/* Numbers of room that the functions below need for `rows` rows. */
size_t vae__diffusion_room(const vae__diffusion *d, size_t rows);

/* Which rows, and where their noise comes from: the stream's sample counts up from its own, and row r of x0 is row
 * first_row + r. */
typedef struct vae__diffusion_rows {
    const vae__real *x0; /* [rows, width] */
    size_t rows, first_row;
    vae__stream stream;
    const vae__kernels *kernels;
    vae__real *room;
} vae__diffusion_rows;

/* One draw: data [rows] = log p(x|x_1) with an x_1 of its own, rest [rows] = L_T + (T - 1) KL_t with t uniform on 2 .. T.
 * The bound is data - rest, without bias. Fails as the network does. */
vae_status vae__diffusion_draw_bound(const vae__denoise *denoise, const vae__diffusion_rows *rows,
                                     double *data, double *rest);

/* bound [rows] from t = 1 and samples - 1 strata of the other steps, weighted by their sizes; samples from 2 to T, and T
 * is the whole sum; T = 1 takes 1. Two replicates, whose mean it is; error [rows], half their difference. Fails as the
 * network does. */
vae_status vae__diffusion_sum_bound(const vae__denoise *denoise, const vae__diffusion_rows *rows,
                                    size_t samples, double *bound, double *error);

/* log_weight [rows] = log p(x_0 .. x_T) - log q(x_1 .. x_T|x_0) of one path x_1 .. x_T ~ q(.|x_0): the mean of its
 * exponential is p(x). `path` is the number of the draw. Fails as the network does. */
vae_status vae__diffusion_path_weight(const vae__denoise *denoise, const vae__diffusion_rows *rows,
                                      uint64_t path, double *log_weight);

#endif
