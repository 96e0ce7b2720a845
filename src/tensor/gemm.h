/* Matrix products on row-major matrices: the only door to BLAS. Always on the calling thread alone.
 */
#ifndef VAE_TENSOR_GEMM_H
#define VAE_TENSOR_GEMM_H

#include "base/context.h"
#include "tensor/kernels.h"

/* c [rows, out] = x [rows, in] w [out, in]^T; the leading dimension of each is its width. */
void vae__gemm_forward(const vae__kernels *kernels, size_t rows, size_t in, size_t out,
                       const vae__real *x, const vae__real *w, vae__real *c);

/* dx [rows, in] = delta [rows, out] w [out, in]. */
void vae__gemm_backward(const vae__kernels *kernels, size_t rows, size_t in, size_t out,
                        const vae__real *delta, const vae__real *w, vae__real *dx);

/* dw [block, in] = (add: +=) delta [rows, block]^T x [rows, in]; delta's rows are `stride` apart.
 */
void vae__gemm_weights(const vae__kernels *kernels, size_t rows, size_t in, size_t block,
                       const vae__real *delta, size_t stride, const vae__real *x, vae__real *dw,
                       int add);

/* c += a^T b in double, also where vae__real is float: for statistics of data. A stride that is an odd multiple of
 * eight keeps rows out of each other's places in the cache. */
void vae__gemm_products(const vae__kernels *kernels, const vae__products *products);

/* Keeps the BLAS on one thread inside our own threads. begin/end bracket a share of work on its
 * thread: an OpenMP BLAS has a per-thread setting, which is put back at the end. */
int vae__gemm_begin_share(void);
void vae__gemm_end_share(int before);

/* Called once when a context gets more than one thread: makes a BLAS with a process-wide thread
 * count serial, unless `keep`. */
void vae__gemm_use_threads(int keep);

/* Largest dimension that the BLAS takes: callers check before they call. */
size_t vae__gemm_largest(void);

/* "OpenBLAS 0.3.21 (OpenMP)", "builtin" ... */
const char *vae__gemm_name(void);

#endif
