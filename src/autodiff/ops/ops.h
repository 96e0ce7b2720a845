/* The general ops. Each has a function that adds it to a graph. */
#ifndef VAE_AUTODIFF_OPS_H
#define VAE_AUTODIFF_OPS_H

#include "autodiff/graph.h"

/* y [rows, out] = x [rows, in] w^T + b, with the first `out` rows of w [>= out, in] and b. */
vae_status vae__dense(vae__graph *graph, vae__id x, vae__id weight, vae__id bias, size_t out,
                      vae__id *y);

/* y = f(x), f one of VAE__ACTIVATIONS. */
vae_status vae__activation(vae__graph *graph, vae__id x, int activation, vae__id *y);

/* The names of VAE__ACTIVATIONS in order, ending in NULL. */
const char *const *vae__activation_names(void);

/* y = log(1 + x), for data: no gradient passes. */
vae_status vae__log1p(vae__graph *graph, vae__id x, vae__id *y);

/* Means over the rows of the batch: x [rows, width] -> y, per batch, [width]. No gradient passes.
 */
vae_status vae__batch_mean(vae__graph *graph, vae__id x, vae__id *y);

#endif
