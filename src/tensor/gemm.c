/* The matrix products that a dense layer needs, and the only file that calls CBLAS. Every product runs on
 * the thread that calls it; where a BLAS has threads of its own they are kept at one around it. */
#include "tensor/gemm.h"

#include <limits.h>

#include "tensor/gemm_builtin.h"

size_t vae__gemm_largest(void) {
    return INT_MAX; /* CBLAS takes int */
}

#ifdef VAE_BLAS_BUILTIN

void vae__gemm_forward(const vae__kernels *kernels, size_t rows, size_t in, size_t out,
                       const vae__real *x, const vae__real *w, vae__real *c) {
    vae__matrix a = {x, in, 1}, b = {w, 1, in};
    vae__gemm_builtin(kernels, rows, out, in, &a, &b, c, out, 0);
}

void vae__gemm_backward(const vae__kernels *kernels, size_t rows, size_t in, size_t out,
                        const vae__real *delta, const vae__real *w, vae__real *dx) {
    vae__matrix a = {delta, out, 1}, b = {w, in, 1};
    vae__gemm_builtin(kernels, rows, in, out, &a, &b, dx, in, 0);
}

void vae__gemm_weights(const vae__kernels *kernels, size_t rows, size_t in, size_t block,
                       const vae__real *delta, size_t stride, const vae__real *x, vae__real *dw,
                       int add) {
    vae__matrix a = {delta, 1, stride}, b = {x, in, 1};
    vae__gemm_builtin(kernels, block, in, rows, &a, &b, dw, in, add);
}

void vae__gemm_products(const vae__kernels *kernels, const vae__products *products) {
    kernels->products(products);
}

int vae__gemm_begin_share(void) {
    return 0;
}

void vae__gemm_end_share(int before) {
    (void)before;
}

int vae__gemm_make_serial(void) {
    return 0;
}

vae__blas_threading vae__gemm_threading(void) {
    return VAE__BLAS_SAYS_NOTHING;
}

const char *vae__gemm_name(void) {
    return "builtin";
}

#else

#include <cblas.h>

#ifdef VAE_REAL_DOUBLE
#define GEMM cblas_dgemm
#define GEMV cblas_dgemv
#else
#define GEMM cblas_sgemm
#define GEMV cblas_sgemv
#endif

void vae__gemm_forward(const vae__kernels *kernels, size_t rows, size_t in, size_t out,
                       const vae__real *x, const vae__real *w, vae__real *c) {
    (void)kernels;
    int n = (int)rows, k = (int)in, m = (int)out;
    if (n == 1) {
        GEMV(CblasRowMajor, CblasNoTrans, m, k, 1, w, k, x, 1, 0, c, 1);
    } else {
        GEMM(CblasRowMajor, CblasNoTrans, CblasTrans, n, m, k, 1, x, k, w, k, 0, c, m);
    }
}

void vae__gemm_backward(const vae__kernels *kernels, size_t rows, size_t in, size_t out,
                        const vae__real *delta, const vae__real *w, vae__real *dx) {
    (void)kernels;
    int n = (int)rows, k = (int)in, m = (int)out;
    GEMM(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, k, m, 1, delta, m, w, k, 0, dx, k);
}

void vae__gemm_weights(const vae__kernels *kernels, size_t rows, size_t in, size_t block,
                       const vae__real *delta, size_t stride, const vae__real *x, vae__real *dw,
                       int add) {
    (void)kernels;
    GEMM(CblasRowMajor, CblasTrans, CblasNoTrans, (int)block, (int)in, (int)rows, 1, delta,
         (int)stride, x, (int)in, add ? 1 : 0, dw, (int)in);
}

void vae__gemm_products(const vae__kernels *kernels, const vae__products *p) {
    (void)kernels;
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)p->m, (int)p->n, (int)p->rows, 1,
                p->a, (int)p->a_stride, p->b, (int)p->b_stride, 1, p->c, (int)p->c_stride);
}

/* Present or not depending on the BLAS that is linked and on how it was built; all are optional.
 *
 * openblas_set_num_threads_local (OpenBLAS 0.3.27 and later) is not among them: it sets the same
 * number for the whole process and only returns the one before, so that threads which set it around
 * their products and put it back would undo each other's. */
#define OPTIONAL __attribute__((weak))
extern OPTIONAL void omp_set_num_threads(int);
extern OPTIONAL int omp_get_max_threads(void);
extern OPTIONAL int openblas_get_parallel(void); /* 0 serial, 1 pthreads, 2 OpenMP */
extern OPTIONAL void openblas_set_num_threads(int);
extern OPTIONAL int openblas_get_num_threads(void);
extern OPTIONAL void bli_thread_set_num_threads(int64_t);
extern OPTIONAL int64_t bli_thread_get_num_threads(void); /* -1: never set */

int vae__gemm_begin_share(void) {
    if (!omp_set_num_threads || !omp_get_max_threads) return 0;
    int before = omp_get_max_threads();
    if (before != 1) omp_set_num_threads(1);
    return before;
}

void vae__gemm_end_share(int before) {
    if (before > 1) omp_set_num_threads(before);
}

vae__blas_threading vae__gemm_threading(void) {
    int kind = openblas_get_parallel ? openblas_get_parallel() : -1;
    if (kind == 0) return VAE__BLAS_SERIAL;
    if (kind == 1) return VAE__BLAS_PTHREADS;
    return kind == 2 ? VAE__BLAS_OPENMP : VAE__BLAS_SAYS_NOTHING;
}

/* A static link leaves openblas_get_parallel out, so an OpenMP build may not be known as one: it sets the
 * number of the calling thread too, which is put back. */
static void make_openblas_serial(void) {
    int of_thread = vae__gemm_begin_share();
    openblas_set_num_threads(1);
    vae__gemm_end_share(of_thread);
}

int vae__gemm_make_serial(void) {
    int before = 1;
    if (openblas_get_num_threads && openblas_set_num_threads) {
        if (vae__gemm_threading() == VAE__BLAS_OPENMP) return 0; /* vae__gemm_begin_share does it */
        before = openblas_get_num_threads();
        if (before > 1) make_openblas_serial();
    } else if (bli_thread_get_num_threads && bli_thread_set_num_threads) {
        before = (int)bli_thread_get_num_threads();
        if (before != 1)
            bli_thread_set_num_threads(1); /* never set: the environment may ask for more */
    }
    return before > 1 ? before : 0;
}

const char *vae__gemm_name(void) {
#if defined(VAE_BLAS_BLIS)
    return "BLIS";
#elif defined(VAE_BLAS_CBLAS)
    return "CBLAS";
#else
    static const char *const names[] = {"OpenBLAS", "OpenBLAS (serial)", "OpenBLAS (pthreads)",
                                        "OpenBLAS (OpenMP)"};
    return names[vae__gemm_threading()];
#endif
}

#endif
