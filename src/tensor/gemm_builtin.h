/* A plain blocked GEMM for machines without a BLAS and as the bit-reproducible reference: each
 * element of C adds its terms in the order of the inner dimension, whatever rows are passed with
 * it. */
#ifndef VAE_TENSOR_GEMM_BUILTIN_H
#define VAE_TENSOR_GEMM_BUILTIN_H

#include "tensor/kernels.h"

/* Element (i, j) is at data[i * row + j * column]. */
typedef struct vae__matrix {
    const vae__real *data;
    size_t row, column;
} vae__matrix;

/* c [m, n] = (add: +=) a [m, k] b [k, n]; c's rows are c_stride apart. */
void vae__gemm_builtin(const vae__kernels *kernels, size_t m, size_t n, size_t k,
                       const vae__matrix *a, const vae__matrix *b, vae__real *c, size_t c_stride,
                       int add);

#endif
