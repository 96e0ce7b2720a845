/* Eigenvalues and eigenvectors of a dense symmetric matrix. */
#ifndef EIGEN_H
#define EIGEN_H

#include <stddef.h>

/* a [n, n] symmetric, destroyed; values [n], in no order; vectors [n, n]: row i belongs to
 * values[i], rows orthonormal. Householder tridiagonalisation, then implicit QR with Wilkinson's
 * shift (Golub & Van Loan, Matrix Computations, 8.3). Absolute error about 1e-15 times the largest
 * eigenvalue. Returns 0, or -1 without memory or convergence. */
int eigen_symmetric(double *a, size_t n, double *values, double *vectors);

#endif
