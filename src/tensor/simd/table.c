/* The table of kernels of one instruction set. Compiled once per set, with its name in every symbol; which
 * table is used is chosen when a context is created. */
#include "tensor/simd/table.h"

const vae__kernels KERNEL(kernels) = {
    .name = VAE__STRING(VAE__SIMD),
    .activation = KERNEL(activation),
    .sum = KERNEL(sum),
    .sum_squares = KERNEL(sum_squares),
    .sum_squared_differences = KERNEL(sum_squared_differences),
    .column_sums = KERNEL(column_sums),
    .within = KERNEL(within),
    .add = KERNEL(add),
    .scale = KERNEL(scale),
    .bound_logvar = KERNEL(bound_logvar),
    .exponential = KERNEL(exponential),
    .normals = KERNEL(normals),
    .posterior = KERNEL(posterior),
    .posterior_backward = KERNEL(posterior_backward),
    .adam = KERNEL(adam),
    .sgd = KERNEL(sgd),
    .tile_rows = TILE_ROWS,
    .tile_columns = TILE_COLUMNS,
    .tile = KERNEL(tile),
    .lower = KERNEL(lower),
    .raise = KERNEL(raise),
    .transpose = KERNEL(transpose),
    .products = KERNEL(products),
    .channel_sums = KERNEL(channel_sums),
    .channel_squares = KERNEL(channel_squares),
    .channel_products = KERNEL(channel_products),
    .channel_scale = KERNEL(channel_scale),
    .channel_correct = KERNEL(channel_correct),
};
