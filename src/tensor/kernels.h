/* The element-wise kernels: one source (simd/), compiled once per instruction set, one table per
 * set. A context points to the table it was created with. Arrays are contiguous unless a stride is
 * named. */
#ifndef VAE_TENSOR_KERNELS_H
#define VAE_TENSOR_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/real.h"
#include "base/rng.h"
#include "base/status.h"
#include "tensor/lowering.h"

/* Activations: to add one, add a name here and its two formulas in simd/activation.c. */
#define VAE__ACTIVATIONS(X) \
    X(identity)             \
    X(relu)                 \
    X(leaky_relu)           \
    X(elu)                  \
    X(silu)                 \
    X(gelu)                 \
    X(tanh)                 \
    X(sigmoid)              \
    X(softplus)

#define VAE__ACTIVATION_NAME(name) VAE__ACTIVATION_##name,
enum { VAE__ACTIVATIONS(VAE__ACTIVATION_NAME) VAE__ACTIVATION_COUNT };
#undef VAE__ACTIVATION_NAME

typedef struct vae__activation_kernels {
    const char *name;
    int needs_input; /* backward reads the pre-activation, not the output */
    /* y [rows, width] = f(y + bias), in place; bias [width] or NULL. With needs_input, y + bias
     * goes to `input` too. */
    void (*forward)(vae__real *y, const vae__real *bias, vae__real *input, size_t rows,
                    size_t width);
    /* dy [count] *= f', from `saved`: y, or the pre-activation with needs_input. */
    void (*backward)(vae__real *dy, const vae__real *saved, size_t count);
} vae__activation_kernels;

/* Constants of one optimizer step. */
typedef struct vae__adam_step {
    vae__real beta2, step_size, inverse_sqrt_correction2, eps, decay, l2, gradient_scale;
    vae__real complement1, complement2; /* 1 - beta1, 1 - beta2: taken in double */
} vae__adam_step;

typedef struct vae__sgd_step {
    vae__real learning_rate, momentum, l2, gradient_scale;
    int nesterov, first; /* first: the velocity starts as the gradient */
} vae__sgd_step;

/* The diagonal Gaussian posterior of `rows` rows; [rows, latent] unless marked. See simd/gaussian.c. */
typedef struct vae__posterior_rows {
    const vae__real *head;  /* [rows, 2 latent]: means, then raw log variances */
    const vae__real *bias;  /* [2 latent], to be added; or NULL */
    const vae__real *noise; /* [rows * samples, latent] */
    vae__real *mean, *sd;   /* out */
    vae__real *slope;       /* out: d logvar / d raw */
    vae__real *excess;      /* out: exp(logvar) - 1 */
    vae__real *kl;          /* out: KL of each latent */
    double *row_kl;         /* out [rows]: KL(q || N(0, I)) */
    vae__real *z;           /* out [rows * samples, latent] */
    double *log_ratio;      /* out [rows * samples]: log p(z) - log q(z|x); NULL: not wanted */
    size_t rows, latent, samples;
} vae__posterior_rows;

/* What comes back to it. */
typedef struct vae__posterior_gradient {
    const vae__real *z;         /* [rows * samples, latent] */
    const vae__real *kl;        /* [rows, latent]; NULL: zero */
    const vae__real *log_ratio; /* [rows * samples]; NULL: zero */
} vae__posterior_gradient;

/* c [m, n] += a^T b for a [rows, m] and b [rows, n], all in double. Strides are from row to row. */
typedef struct vae__products {
    size_t rows, m, n;
    const double *a, *b;
    double *c;
    size_t a_stride, b_stride, c_stride;
} vae__products;

/* `count` neighbouring channels of an image with channels last: value c of position p is at p * stride + c. */
typedef struct vae__channels {
    size_t positions, count, stride;
} vae__channels;

/* dx = of_dy dy - of_x (x - centre) - constant, each [count]. */
typedef struct vae__channel_correction {
    const vae__real *of_dy, *of_x, *constant;
} vae__channel_correction;

typedef struct vae__kernels {
    const char *name;                          /* "avx2" ... */
    const vae__activation_kernels *activation; /* [VAE__ACTIVATION_COUNT] */

    /* ---- sums; lanes in vae__real, their total in double, the same order for any row split ----
     */
    double (*sum)(const vae__real *a, size_t n);
    double (*sum_squares)(const vae__real *a, size_t n);
    /* sum (a - b)^2, the bits of sum_squares over a - b. The squares are of vae__real: infinite from
     * |a - b| = 1.8e19 on in float. */
    double (*sum_squared_differences)(const vae__real *a, const vae__real *b, size_t n);
    /* out [width] = or += sum over rows of a [rows, stride]. */
    void (*column_sums)(const vae__real *a, size_t stride, size_t rows, size_t width,
                        vae__real *out, int add);
    /* 1 if every value is finite and within [low, high]. */
    int (*within)(const vae__real *a, size_t n, vae__real low, vae__real high);
    void (*add)(vae__real *y, const vae__real *a, size_t n);
    void (*scale)(vae__real *y, vae__real factor, size_t n);
    /* logvar [n] bounded in place; slope [n] = its derivative, or NULL. */
    void (*bound_logvar)(vae__real *logvar, vae__real *slope, size_t n);
    void (*exponential)(vae__real *y, size_t n);

    /* ---- noise ---- */
    /* out [rows * samples, columns] of N(0, 1): row r of the stream is first_row + r, sample s in
     * its counter. */
    void (*normals)(const vae__stream *stream, size_t first_row, size_t rows, size_t samples,
                    size_t columns, vae__real *out);

    /* ---- the posterior ---- */
    void (*posterior)(const vae__posterior_rows *rows);
    /* dhead [rows, 2 latent]. */
    void (*posterior_backward)(const vae__posterior_rows *rows,
                               const vae__posterior_gradient *gradient, vae__real *dhead);

    /* ---- updates of one stretch of parameters; return the sum of squares of the unscaled gradient
     * ---- */
    double (*adam)(const vae__adam_step *step, vae__real *parameter, vae__real *mean,
                   vae__real *square, const vae__real *gradient, size_t n);
    double (*sgd)(const vae__sgd_step *step, vae__real *parameter, vae__real *velocity,
                  const vae__real *gradient, size_t n);

    /* ---- the builtin GEMM's inner tile: see gemm_builtin.c ---- */
    size_t tile_rows, tile_columns;
    void (*tile)(size_t depth, const vae__real *a, const vae__real *b, vae__real *c,
                 size_t c_stride);

    /* ---- windows of a convolution: see lowering.h ---- */
    /* tile [count, patch] = what the windows number first .. first + count - 1 see of the images. */
    void (*lower)(const vae__geometry *geometry, const vae__real *images, size_t first,
                  size_t count, vae__real *tile);
    /* Adds the rows of the tile to what these windows see. */
    void (*raise)(const vae__geometry *geometry, const vae__real *tile, size_t first, size_t count,
                  vae__real *images);

    /* to [columns, rows] = from [rows, columns]^T */
    void (*transpose)(const vae__real *from, size_t rows, size_t columns, vae__real *to);

    /* ---- products of columns in double, for builds without a BLAS ---- */
    void (*products)(const vae__products *products);

    /* ---- channels of an image with channels last; per channel: centre, scale, shift, sums [count] ---- */
    void (*channel_sums)(const vae__channels *g, const vae__real *x, double *sums);
    /* sums of (x - centre)^2 */
    void (*channel_squares)(const vae__channels *g, const vae__real *x, const double *centre,
                            double *sums);
    /* sums of dy, and of (x - centre) dy */
    void (*channel_products)(const vae__channels *g, const vae__real *x, const double *centre,
                             const vae__real *dy, double *sums, double *products);
    /* y = (x - centre) scale + shift */
    void (*channel_scale)(const vae__channels *g, const vae__real *x, const vae__real *centre,
                          const vae__real *scale, const vae__real *shift, vae__real *y);
    void (*channel_correct)(const vae__channels *g, const vae__real *x, const vae__real *centre,
                            const vae__real *dy, const vae__channel_correction *terms,
                            vae__real *dx);
} vae__kernels;

/* The table for "auto" (the best this machine runs), "sse2", "avx2", "avx512" or "generic". A level
 * that the machine or the build lacks fails with VAE_ERROR_UNSUPPORTED. */
vae_status vae__kernels_select(const char *level, const vae__kernels **out);

/* The levels compiled into this build, best first, e.g. "avx512 avx2 sse2". */
const char *vae__kernels_built(void);

#endif
