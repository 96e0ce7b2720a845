/* a = R^T R by Cholesky with pivoting, then rotations of the rows of R until they are orthogonal: R = diag(s) V, so
 * that a = V^T diag(s^2) V (one-sided Jacobi; Veselic & Hari 1989; Drmac & Veselic 2008). A rounding error is always
 * small compared with the column that it is made in, which is why columns of different units do no harm; pivoting makes
 * the rows fall in size, which is why few sweeps are needed. */
#include "tensor/eigen.h"

#include <float.h>
#include <math.h>

/* Ten are many. */
#define MAX_SWEEPS 60

static double dot(const double *restrict a, const double *restrict b, size_t n) {
    double sums[8] = {0}, rest = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        for (size_t k = 0; k < 8; k++) sums[k] += a[i + k] * b[i + k];
    }
    for (; i < n; i++) rest += a[i] * b[i];
    for (size_t k = 0; k < 8; k++) rest += sums[k];
    return rest;
}

/* sum |a_i b_i| */
static double dot_of_sizes(const double *restrict a, const double *restrict b, size_t n) {
    double sums[8] = {0}, rest = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        for (size_t k = 0; k < 8; k++) sums[k] += fabs(a[i + k] * b[i + k]);
    }
    for (; i < n; i++) rest += fabs(a[i] * b[i]);
    for (size_t k = 0; k < 8; k++) rest += sums[k];
    return rest;
}

/* ---- Cholesky ---- */

/* What the rows so far leave of a column's diagonal entry; of one that has its row: */
#define DONE (-1.0)

/* Writes row `row` of R, that of column `pivot`, and takes its squares off `left` [n]. What is left of a column is at
 * least the rounding of its diagonal entry: below that even its sign would mean nothing. An entry of the row is at most
 * the root of what is left of its column, as in any semidefinite matrix: of columns that determine each other rounding
 * may leave more, and that would grow from row to row. */
static void factor_row(const double *a, size_t n, size_t row, size_t pivot, double *r,
                       double *left) {
    double *next = r + row * n, root = sqrt(left[pivot]);
    for (size_t i = 0; i < n; i++) next[i] = a[pivot * n + i];
    for (size_t k = 0; k < row; k++) {
        const double *earlier = r + k * n;
        double factor = earlier[pivot];
        for (size_t i = 0; i < n; i++) next[i] -= factor * earlier[i];
    }
    left[pivot] = DONE;
    for (size_t i = 0; i < n; i++) {
        double bound = left[i] < 0 ? 0 : sqrt(left[i]);
        next[i] = fmax(-bound, fmin(next[i] / root, bound));
        if (left[i] < 0) continue;
        left[i] = fmax(left[i] - next[i] * next[i], (double)n * DBL_EPSILON * a[i * n + i]);
    }
    next[pivot] = root;
}

/* a = R^T R; r [n, n] gets the rows of R, the largest pivot's first, its columns in the places that they have in a.
 * A zero column has no row; its unit vector, which belongs to the eigenvalue 0, is put behind the rows instead. Returns
 * the number of rows of R. */
static size_t factorise(const double *a, size_t n, double *r, double *left) {
    size_t rows = 0, last = n;
    for (size_t i = 0; i < n; i++) left[i] = fmax(a[i * n + i], 0);
    for (size_t i = 0; i < n * n; i++) r[i] = 0;
    for (; rows < n; rows++) {
        size_t pivot = 0;
        for (size_t i = 1; i < n; i++) pivot = left[i] > left[pivot] ? i : pivot;
        if (!(left[pivot] > 0)) break;
        factor_row(a, n, rows, pivot, r, left);
    }
    for (size_t i = 0; i < n; i++) {
        if (left[i] == 0) r[--last * n + i] = 1;
    }
    return rows;
}

/* ---- rotations ---- */

/* Whether p . q = along [n] is no more than the rounding of its terms. The terms may be much less than the norms
 * (`norms` is their product), where a small row has next to nothing in the columns of a large one: the two are then held
 * to be that orthogonal. */
static int is_rounding(double along, const double *p, const double *q, size_t n, double norms) {
    double tolerance = DBL_EPSILON * sqrt((double)n);
    return fabs(along) <= tolerance * norms && fabs(along) <= tolerance * dot_of_sizes(p, q, n);
}

/* Makes rows p and q [n] orthogonal; p2, q2 are their squared norms and are kept up to date. 0 if they were. */
static int rotate(double *restrict p, double *restrict q, size_t n, double *p2, double *q2) {
    double along = dot(p, q, n);
    if (is_rounding(along, p, q, n, sqrt(*p2) * sqrt(*q2))) return 0;
    double cotangent = (*q2 - *p2) / (2 * along); /* of twice the angle */
    double t = copysign(1 / (fabs(cotangent) + hypot(1, cotangent)), cotangent);
    double c = 1 / sqrt(1 + t * t), s = c * t;
    for (size_t i = 0; i < n; i++) {
        double before = p[i];
        p[i] = c * before - s * q[i];
        q[i] = s * before + c * q[i];
    }
    double p2_before = *p2, q2_before = *q2;
    *p2 -= t * along;
    *q2 += t * along;
    if (*p2 < p2_before / 2) *p2 = dot(p, p, n); /* the difference has lost digits */
    if (*q2 < q2_before / 2) *q2 = dot(q, q, n);
    return 1;
}

/* Each pair of rows of r [rows, n] once, in an order in which some rows stay in the cache. 0 if all were orthogonal. */
static int sweep(double *r, size_t rows, size_t n, double *squares) {
    enum { BLOCK = 16 };
    int rotated = 0;
    for (size_t first = 0; first < rows; first += BLOCK) {
        for (size_t q = first + 1; q < rows; q++) {
            for (size_t p = first; p < q && p < first + BLOCK; p++)
                rotated |= rotate(r + p * n, r + q * n, n, &squares[p], &squares[q]);
        }
    }
    return rotated;
}

/* Rotates the rows of r [rows, n] until all are orthogonal; squares [rows] their squared norms. -1 if that does not
 * come to an end. */
static int orthogonalise(double *r, size_t rows, size_t n, double *squares) {
    for (int sweeps = 0; sweeps < MAX_SWEEPS; sweeps++) {
        for (size_t p = 0; p < rows; p++) {
            squares[p] = dot(r + p * n, r + p * n, n);
            if (!isfinite(squares[p])) return -1;
        }
        if (!sweep(r, rows, n, squares)) return 0;
    }
    return -1;
}

static int all_finite(const double *a, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += 0 * a[i];
    return sum == 0;
}

vae_status vae__eigen_semidefinite(vae_context *context, const double *a, size_t n, double *values,
                                   double *vectors) {
    double *left = vae__allocate(context, n, sizeof *left);
    if (!left) return vae__last_status();
    int failed = !all_finite(a, n * n);
    size_t rows = failed ? 0 : factorise(a, n, vectors, left);
    failed |= orthogonalise(vectors, rows, n, values);
    for (size_t i = 0; i < n * n && !failed; i++) {
        if (i / n < rows) vectors[i] /= sqrt(values[i / n]);
    }
    for (size_t i = rows; i < n; i++) values[i] = 0;
    vae__release(context, left);
    if (!failed) return VAE_OK;
    return vae__fail(VAE_ERROR_DATA,
                     "the eigenvalues of a %zu x %zu matrix did not converge: does it hold NaN or "
                     "infinity?",
                     n, n);
}
