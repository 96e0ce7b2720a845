/* Eigenvalues and eigenvectors of a dense symmetric matrix, in double. */
#ifndef VAE_TENSOR_EIGEN_H
#define VAE_TENSOR_EIGEN_H

#include "base/memory.h"

/* a [n, n] symmetric, destroyed; values [n], in no order; vectors [n, n]: row i belongs to values[i],
 * rows orthonormal. Householder tridiagonalisation, then implicit QR with Wilkinson's shift (Golub &
 * Van Loan, Matrix Computations, 8.3). Absolute error about 1e-15 times the largest eigenvalue. */
vae_status vae__eigen_symmetric(vae_context *context, double *a, size_t n, double *values,
                                double *vectors);

#endif
