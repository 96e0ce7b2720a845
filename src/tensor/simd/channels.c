/* Sums and linear maps of the channels of images with channels last: what groupnorm is made of. Sums are in double and in
 * the order of the positions, so that they are the same whatever lies beside the channel. */
#include "tensor/simd/table.h"

void KERNEL(channel_sums)(const vae__channels *g, const real *restrict x, double *restrict sums) {
    for (size_t c = 0; c < g->count; c++) sums[c] = 0;
    for (size_t p = 0; p < g->positions; p++, x += g->stride)
        for (size_t c = 0; c < g->count; c++) sums[c] += (double)x[c];
}

void KERNEL(channel_squares)(const vae__channels *g, const real *restrict x,
                             const double *restrict centre, double *restrict sums) {
    for (size_t c = 0; c < g->count; c++) sums[c] = 0;
    for (size_t p = 0; p < g->positions; p++, x += g->stride) {
        for (size_t c = 0; c < g->count; c++) {
            double from = (double)x[c] - centre[c];
            sums[c] += from * from;
        }
    }
}

void KERNEL(channel_products)(const vae__channels *g, const real *restrict x,
                              const double *restrict centre, const real *restrict dy,
                              double *restrict sums, double *restrict products) {
    for (size_t c = 0; c < g->count; c++) sums[c] = products[c] = 0;
    for (size_t p = 0; p < g->positions; p++, x += g->stride, dy += g->stride) {
        for (size_t c = 0; c < g->count; c++) {
            sums[c] += (double)dy[c];
            products[c] += ((double)x[c] - centre[c]) * (double)dy[c];
        }
    }
}

void KERNEL(channel_scale)(const vae__channels *g, const real *restrict x,
                           const real *restrict centre, const real *restrict scale,
                           const real *restrict shift, real *restrict y) {
    for (size_t p = 0; p < g->positions; p++, x += g->stride, y += g->stride)
        for (size_t c = 0; c < g->count; c++) y[c] = (x[c] - centre[c]) * scale[c] + shift[c];
}

void KERNEL(channel_correct)(const vae__channels *g, const real *restrict x,
                             const real *restrict centre, const real *restrict dy,
                             const vae__channel_correction *terms, real *restrict dx) {
    const real *restrict of_dy = terms->of_dy, *restrict of_x = terms->of_x;
    const real *restrict constant = terms->constant;
    for (size_t p = 0; p < g->positions; p++, x += g->stride, dy += g->stride, dx += g->stride)
        for (size_t c = 0; c < g->count; c++)
            dx[c] = dy[c] * of_dy[c] - (x[c] - centre[c]) * of_x[c] - constant[c];
}
