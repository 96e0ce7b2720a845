#include "tensor/eigen.h"

#include <float.h>
#include <math.h>

static double dot(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* Turns x [n] into v with |v|^2 = 2 (or v = 0), so that (I - v v^T) x = (result, 0, ..., 0). */
static double reflector(double *x, size_t n) {
    double tail = dot(x + 1, x + 1, n - 1);
    double first = x[0];
    if (tail == 0) {
        x[0] = 0;
        return first;
    }
    double target = -copysign(sqrt(first * first + tail), first);
    x[0] = first - target;
    double scale = sqrt(2 / (x[0] * x[0] + tail));
    for (size_t i = 0; i < n; i++) {
        x[i] *= scale;
    }
    return target;
}

/* A <- H A H for H = I - v v^T on the trailing m x m block at `a` (row stride n); w [m] is scratch.
 * */
static void reflect_block(double *a, size_t n, size_t m, const double *v, double *w) {
    for (size_t i = 0; i < m; i++) {
        w[i] = dot(a + i * n, v, m);
    }
    double half = dot(w, v, m) / 2;
    for (size_t i = 0; i < m; i++) {
        w[i] -= half * v[i];
    }
    for (size_t i = 0; i < m; i++) {
        double *row = a + i * n;
        double vi = v[i], wi = w[i];
        for (size_t j = 0; j < m; j++) {
            row[j] -= vi * w[j] + wi * v[j];
        }
    }
}

/* A = Q T Q^T with T tridiagonal: diagonal [n], off [n - 1]. Leaves the reflectors in the rows of
 * `a` right of the diagonal. */
static void tridiagonalise(double *a, size_t n, double *diagonal, double *off, double *scratch) {
    for (size_t k = 0; k + 1 < n; k++) {
        double *v = a + k * n + k + 1;
        size_t m = n - k - 1;
        off[k] = reflector(v, m);
        reflect_block(a + (k + 1) * n + k + 1, n, m, v, scratch);
    }
    for (size_t k = 0; k < n; k++) {
        diagonal[k] = a[k * n + k];
    }
}

/* q <- Q^T from the reflectors: the last one first, so that each touches only the rows and columns
 * behind it. */
static void transposed_basis(const double *a, size_t n, double *q) {
    for (size_t i = 0; i < n * n; i++) {
        q[i] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        q[i * n + i] = 1;
    }
    for (size_t k = n - 1; k-- > 0;) {
        const double *v = a + k * n + k + 1;
        size_t m = n - k - 1;
        for (size_t i = k + 1; i < n; i++) {
            double *row = q + i * n + k + 1;
            double along = dot(row, v, m);
            for (size_t j = 0; j < m; j++) {
                row[j] -= along * v[j];
            }
        }
    }
}

static void rotate_rows(double *upper, double *lower, size_t n, double c, double s) {
    for (size_t i = 0; i < n; i++) {
        double u = upper[i], l = lower[i];
        upper[i] = c * u + s * l;
        lower[i] = c * l - s * u;
    }
}

/* The eigenvalue of the trailing 2 x 2 block that is nearer to its last entry. */
static double wilkinson_shift(double before, double last, double off) {
    double delta = (before - last) / 2;
    return last - off * off / (delta + copysign(hypot(delta, off), delta));
}

/* One shifted QR step on rows first .. last of the tridiagonal: a bulge is made at the top and
 * chased to the bottom. */
static void qr_step(double *d, double *e, size_t first, size_t last, double *vectors, size_t n) {
    double x = d[first] - wilkinson_shift(d[last - 1], d[last], e[last - 1]);
    double bulge = e[first];
    for (size_t k = first; k < last; k++) {
        double r = hypot(x, bulge);
        double c = r > 0 ? x / r : 1, s = r > 0 ? bulge / r : 0;
        double upper = d[k], lower = d[k + 1], off = e[k];
        if (k > first) {
            e[k - 1] = r;
        }
        d[k] = c * c * upper + 2 * c * s * off + s * s * lower;
        d[k + 1] = s * s * upper - 2 * c * s * off + c * c * lower;
        e[k] = c * s * (lower - upper) + (c * c - s * s) * off;
        if (k + 1 < last) {
            x = e[k];
            bulge = s * e[k + 1];
            e[k + 1] *= c;
        }
        rotate_rows(vectors + k * n, vectors + (k + 1) * n, n, c, s);
    }
}

/* Diagonalises the tridiagonal (d, e), turning the rows of `vectors` along. -1 if it holds a NaN or
 * infinity, or does not converge. */
static int diagonalise(double *d, double *e, size_t n, double *vectors) {
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        double size = fabs(d[i]) + (i + 1 < n ? fabs(e[i]) : 0);
        if (!isfinite(size)) {
            return -1;
        }
        largest = fmax(largest, size);
    }
    double negligible = DBL_EPSILON * largest;
    size_t last = n - 1;
    for (size_t steps = 0; steps < 40 * n; steps++) {
        while (last > 0 && !(fabs(e[last - 1]) > negligible)) {
            last--;
        }
        if (last == 0) {
            return 0;
        }
        size_t first = last - 1;
        while (first > 0 && fabs(e[first - 1]) > negligible) {
            first--;
        }
        qr_step(d, e, first, last, vectors, n);
    }
    return -1;
}

vae_status vae__eigen_symmetric(vae_context *context, double *a, size_t n, double *values,
                                double *vectors) {
    double *off = vae__allocate(context, n, sizeof *off);
    double *scratch = vae__allocate(context, n, sizeof *scratch);
    vae_status status = off && scratch ? VAE_OK : vae__last_status();
    if (!status && n > 0) {
        tridiagonalise(a, n, values, off, scratch);
        transposed_basis(a, n, vectors);
        if (diagonalise(values, off, n, vectors)) {
            status = vae__fail(VAE_ERROR_DATA,
                               "the eigenvalues of a %zu x %zu matrix did not converge: "
                               "does it hold NaN or infinity?",
                               n, n);
        }
    }
    vae__release(context, scratch);
    vae__release(context, off);
    return status;
}
