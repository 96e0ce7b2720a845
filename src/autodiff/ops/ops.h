/* The general ops. Each has a function that adds it to a graph and fails as vae__graph_add does. They know
 * no model. */
#ifndef VAE_AUTODIFF_OPS_H
#define VAE_AUTODIFF_OPS_H

#include "autodiff/graph.h"

/* y [rows, out] = x [rows, in] w^T + b, with the first `out` rows of w [>= out, in] and b. (dense.c) */
vae_status vae__dense(vae__graph *graph, vae__id x, vae__id weight, vae__id bias, size_t out,
                      vae__id *y);

/* y = f(x), f one of VAE__ACTIVATIONS. (activation.c) */
vae_status vae__activation(vae__graph *graph, vae__id x, int activation, vae__id *y);

/* The names of VAE__ACTIVATIONS in order, ending in NULL. */
extern const char *const vae__activation_names[VAE__ACTIVATION_COUNT + 1];

/* y = a + b. (add.c) */
vae_status vae__add(vae__graph *graph, vae__id a, vae__id b, vae__id *y);

/* y = x + e, e [rows or 1, channels], at each position of images with channels last; or of vectors, e [rows or 1, width].
 * (add_channels.c) */
vae_status vae__add_channels(vae__graph *graph, vae__id x, vae__id e, vae__id *y);

/* y = the channels of a, then those of b, for images of one size with channels last. (concat.c) */
vae_status vae__concat(vae__graph *graph, vae__id a, vae__id b, vae__id *y);

/* y = weight n + bias, n each row of x at mean 0 and variance 1; weight and bias [width]. (layernorm.c) */
vae_status vae__layernorm(vae__graph *graph, vae__id x, vae__id weight, vae__id bias, vae__id *y);

/* y = log(1 + x), for data: no gradient passes. (log1p.c) */
vae_status vae__log1p(vae__graph *graph, vae__id x, vae__id *y);

/* y [1, width], in double: the mean over the rows of the batch. y [n, width], in double: the mean over the
 * samples of each row of x [n K, width]. (reduce.c) */
vae_status vae__batch_mean(vae__graph *graph, vae__id x, vae__id *y);
vae_status vae__batch_mean_detached(vae__graph *graph, vae__id x,
                                    vae__id *y); /* passes no gradient */
vae_status vae__sample_mean(vae__graph *graph, vae__id x, vae__id *y);

/* y = the one row of x, for each row or sample. (broadcast.c) */
vae_status vae__broadcast(vae__graph *graph, vae__id x, vae__domain domain, vae__id *y);

/* y = a - b, in double, for values of the same rows and width. (difference.c) */
vae_status vae__difference(vae__graph *graph, vae__id a, vae__id b, vae__id *y);

/* y = x, with *factor times the gradient: what lies before x counts that much, what lies behind it once.
 * `factor` is read at each run and outlives the graph. (scale_gradient.c) */
vae_status vae__scale_gradient(vae__graph *graph, vae__id x, const double *factor, vae__id *y);

/* y [rows, features] = sines and cosines of *scale times t [rows, 1] at frequencies from 1 to nearly 1 / 10000; an even
 * number of features. No gradient passes. `scale` is read at each run and outlives the graph. (sinusoid.c) */
vae_status vae__sinusoid(vae__graph *graph, vae__id t, size_t features, const double *scale,
                         vae__id *y);

/* y = w * x + b over images with channels last, `out` of them (conv.c): a convolution, with the first `out`
 * rows of w [>= out, kernel, kernel, channels of x]; a transposed one, with w [channels of x, kernel, kernel,
 * out]. The bias is the parameter behind the weight. */
vae_status vae__conv(vae__graph *graph, vae__id x, vae__id weight, const vae__window *window,
                     size_t out, vae__id *y);
vae_status vae__deconv(vae__graph *graph, vae__id x, vae__id weight, const vae__window *window,
                       size_t out, vae__id *y);

/* Images with channels last: y = the mean of each block of factor x factor values; each value in all of such a
 * block. (pool.c) */
vae_status vae__avgpool(vae__graph *graph, vae__id x, size_t factor, vae__id *y);
vae_status vae__upsample(vae__graph *graph, vae__id x, size_t factor, vae__id *y);

/* y = weight n + bias, n each of `groups` groups of channels of x at mean 0 and variance 1, over images with
 * channels last; weight and, behind it, bias [channels]. (groupnorm.c) */
vae_status vae__groupnorm(vae__graph *graph, vae__id x, vae__id weight, size_t groups, vae__id *y);

/* y [channels, ..] = attention of x [3 channels, ..], which holds q, k and v, over the positions of images with
 * channels last. (attention.c) */
vae_status vae__attention(vae__graph *graph, vae__id x, size_t heads, vae__id *y);

/* y = the numbers of x, channels first, as rows of this shape; the first `count` of them. (reshape.c) */
vae_status vae__reshape(vae__graph *graph, vae__id x, const vae__shape *shape, vae__id *y);
vae_status vae__first_values(vae__graph *graph, vae__id x, size_t count, vae__id *y);

/* y = x in the given layout; y is x itself where both layouts are the same order. (layout.c) */
vae_status vae__layout_node(vae__graph *graph, vae__id x, vae__layout layout, vae__id *y);

/* y = the numbers of x, channels first, as an image of this shape with channels last. (layout.c) */
vae_status vae__image(vae__graph *graph, vae__id x, const vae__shape *shape, vae__id *y);

/* Whether the value's numbers lie in that layout, or would lie the same way. */
int vae__layout_fits(const vae__value *value, vae__layout layout);

#endif
