/* Matrix products on row-major matrices: the only file that calls the BLAS. Each runs on the calling
 * thread alone. */
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

/* ---- The BLAS's own threads ----
 *
 * Every product runs on the thread that asks for it. A BLAS with threads of its own is kept from using them
 * in one of two ways, whichever it has. */

/* A number of threads for each thread that calls it (OpenMP). Products stand between begin and end, which
 * makes the calling thread's number 1 and puts it back. */
int vae__gemm_begin_share(void);
void vae__gemm_end_share(int before);

/* One number for the whole process (OpenBLAS on POSIX threads, BLIS): makes it 1, for good. Returns the
 * number that it was, or 0 if nothing had to be changed. */
int vae__gemm_make_serial(void);

/* How the BLAS that is loaded was built, where it says so. A constant of the process. */
typedef enum vae__blas_threading {
    VAE__BLAS_SAYS_NOTHING,
    VAE__BLAS_SERIAL,
    VAE__BLAS_PTHREADS,
    VAE__BLAS_OPENMP
} vae__blas_threading;
vae__blas_threading vae__gemm_threading(void);

/* Largest dimension that the BLAS takes: callers check before they call. */
size_t vae__gemm_largest(void);

/* "OpenBLAS (OpenMP)", "builtin" ... Never NULL; static. */
const char *vae__gemm_name(void);

#endif
