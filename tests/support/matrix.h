/* Small dense linear algebra in double, for closed-form answers. Row-major. */
#ifndef TESTS_SUPPORT_MATRIX_H
#define TESTS_SUPPORT_MATRIX_H

#include <stddef.h>

/* Eigenvalues of a symmetric a [n, n], which is destroyed, falling; vectors [n, n]: row i belongs
 * to values[i]. Cyclic Jacobi rotations (Golub & Van Loan, Matrix Computations, 8.5). */
void test_eigen(double *a, size_t n, double *values, double *vectors);

/* The lower triangle of a [n, n], positive definite, becomes its Cholesky factor L. Returns
 * ln det a; fails the test if a is not positive definite. */
double test_cholesky(double *a, size_t n);

/* b [n] <- a^-1 b, from the factor. */
void test_cholesky_solve(const double *factor, size_t n, double *b);

/* ln N(x | mean, covariance) from the covariance's factor and ln det. */
double test_normal_log_density(const double *x, const double *mean, const double *factor,
                               double log_det, size_t n);

#endif
