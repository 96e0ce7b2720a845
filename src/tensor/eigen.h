/* Eigenvalues and eigenvectors of a dense symmetric positive semidefinite matrix, such as a covariance, in
 * double. */
#ifndef VAE_TENSOR_EIGEN_H
#define VAE_TENSOR_EIGEN_H

#include "base/memory.h"

/* a [n, n]; values [n], in no order; vectors [n, n]: row i belongs to values[i], rows orthonormal.
 *
 * Small eigenvalues keep their digits where the matrix is small for their sake, that is where columns have different
 * units: with a = D g D, D diagonal and g of unit diagonal, the relative error of every eigenvalue is about 1e-15
 * times the condition number of g, whatever D is (Demmel & Veselic 1992). An eigenvalue that is below rounding of the
 * columns that it is made of comes out as up to n 1e-16 times their diagonal entries. A zero column's value is 0.
 *
 * VAE_ERROR_DATA if `a` holds NaN or infinity. About 5 n^3 multiplications and additions a sweep, with five to ten
 * sweeps. */
vae_status vae__eigen_semidefinite(vae_context *context, const double *a, size_t n, double *values,
                                   double *vectors);

#endif
