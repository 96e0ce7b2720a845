/* Every kernel of one level, under that level's names. */
#ifndef VAE_TENSOR_SIMD_TABLE_H
#define VAE_TENSOR_SIMD_TABLE_H

#include "tensor/simd/simd.h"

extern const vae__activation_kernels KERNEL(activation)[VAE__ACTIVATION_COUNT];

double KERNEL(sum)(const real *a, size_t n);
double KERNEL(sum_squares)(const real *a, size_t n);
double KERNEL(sum_squared_differences)(const real *a, const real *b, size_t n);
void KERNEL(column_sums)(const real *a, size_t stride, size_t rows, size_t width, real *out,
                         int add);
int KERNEL(within)(const real *a, size_t n, real low, real high);
void KERNEL(add)(real *y, const real *a, size_t n);
void KERNEL(scale)(real *y, real factor, size_t n);
void KERNEL(bound_logvar)(real *logvar, real *slope, size_t n);
void KERNEL(exponential)(real *y, size_t n);
void KERNEL(normals)(const vae__stream *stream, size_t first_row, size_t rows, size_t samples,
                     size_t columns, real *out);
void KERNEL(posterior)(const vae__posterior_rows *rows);
void KERNEL(posterior_backward)(const vae__posterior_rows *rows,
                                const vae__posterior_gradient *gradient, real *dhead);
double KERNEL(adam)(const vae__adam_step *step, real *parameter, real *mean, real *square,
                    const real *gradient, size_t n);
double KERNEL(sgd)(const vae__sgd_step *step, real *parameter, real *velocity, const real *gradient,
                   size_t n);

/* Rows and vector width of the GEMM tile: as many accumulators as the registers of the level hold.
 */
#define TILE_ROWS_generic 4
#define TILE_ROWS_sse2 4
#define TILE_ROWS_avx2 6
#define TILE_ROWS_avx512 8
#define VECTOR_BYTES_generic 16
#define VECTOR_BYTES_sse2 16
#define VECTOR_BYTES_avx2 32
#define VECTOR_BYTES_avx512 64
#define TILE_ROWS VAE__PASTE(TILE_ROWS_, VAE__SIMD)
#define VECTOR_BYTES VAE__PASTE(VECTOR_BYTES_, VAE__SIMD)
#define TILE_COLUMNS (2 * VECTOR_BYTES / sizeof(real))
void KERNEL(tile)(size_t depth, const real *a, const real *b, real *c, size_t c_stride);

void KERNEL(lower)(const vae__geometry *g, const real *images, size_t first, size_t count,
                   real *tile);
void KERNEL(raise)(const vae__geometry *g, const real *tile, size_t first, size_t count,
                   real *images);
void KERNEL(transpose)(const real *from, size_t rows, size_t columns, real *to);
void KERNEL(products)(const vae__products *products);
void KERNEL(channel_sums)(const vae__channels *g, const real *x, double *sums);
void KERNEL(channel_squares)(const vae__channels *g, const real *x, const double *centre,
                             double *sums);
void KERNEL(channel_products)(const vae__channels *g, const real *x, const double *centre,
                              const real *dy, double *sums, double *products);
void KERNEL(channel_scale)(const vae__channels *g, const real *x, const real *centre,
                           const real *scale, const real *shift, real *y);
void KERNEL(channel_correct)(const vae__channels *g, const real *x, const real *centre,
                             const real *dy, const vae__channel_correction *terms, real *dx);

extern const vae__kernels KERNEL(kernels);

#endif
