/* Principal components by subspace iteration on the covariance, then the distance between two Gaussians in their space.
 * Loops add whole rows to whole rows, which compilers turn into vector code without reordering sums. */
#include "frechet.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { EXTRA = 16, MAX_ROUNDS = 300, MAX_SWEEPS = 60, ROWS_AT_ONCE = 4 };

static const char no_memory[] = "no memory";

/* y += a x */
static void add_scaled(double *y, double a, const double *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

static double dot(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* ---- symmetric matrices ---- */

/* Turns rows and columns p and q of a symmetric matrix so that its element (p, q) becomes 0, and rows p and q of
 * `vectors` with them. */
static void rotate(double *a, double *vectors, size_t n, size_t p, size_t q) {
    double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    for (size_t k = 0; k < n; k++) {
        double kp = a[k * n + p], kq = a[k * n + q];
        a[k * n + p] = c * kp - s * kq;
        a[k * n + q] = s * kp + c * kq;
    }
    for (size_t k = 0; k < n; k++) {
        double pk = a[p * n + k], qk = a[q * n + k];
        a[p * n + k] = c * pk - s * qk;
        a[q * n + k] = s * pk + c * qk;
    }
    for (size_t k = 0; k < n; k++) {
        double pk = vectors[p * n + k], qk = vectors[q * n + k];
        vectors[p * n + k] = c * pk - s * qk;
        vectors[q * n + k] = s * pk + c * qk;
    }
}

/* Eigenvalues of a symmetric matrix [n, n] by Jacobi's rotations: they end on the diagonal of `a`, their vectors in
 * the rows of `vectors`. */
static void diagonalise(double *a, double *vectors, size_t n) {
    for (size_t i = 0; i < n * n; i++) vectors[i] = i % (n + 1) == 0;
    for (int sweep = 0; sweep < MAX_SWEEPS; sweep++) {
        double off = 0, all = 0;
        for (size_t i = 0; i < n * n; i++) {
            all += a[i] * a[i];
            if (i % (n + 1)) off += a[i] * a[i];
        }
        if (off <= 1e-28 * all) return;
        for (size_t p = 0; p < n; p++) {
            for (size_t q = p + 1; q < n; q++)
                if (fabs(a[p * n + q]) > 0) rotate(a, vectors, n, p, q);
        }
    }
}

/* ---- mean and covariance ---- */

/* Adds the products of the row's values to the lower triangle. */
static void add_products(double *covariance, double rows[][FRECHET_MAX_WIDTH], size_t width) {
    for (size_t i = 0; i < width; i++) {
        double a = rows[0][i], b = rows[1][i], c = rows[2][i], d = rows[3][i];
        double *to = covariance + i * width;
        if (fabs(a) + fabs(b) + fabs(c) + fabs(d) <= 0) continue; /* pictures have black pixels */
        for (size_t j = 0; j <= i; j++)
            to[j] += a * rows[0][j] + b * rows[1][j] + c * rows[2][j] + d * rows[3][j];
    }
}

/* Of rows [n, width]: means, and the covariance [width, width] with 1 / n. */
static void measure(const float *rows, size_t n, size_t width, double *mean, double *covariance) {
    double piece[ROWS_AT_ONCE][FRECHET_MAX_WIDTH];
    memset(mean, 0, width * sizeof *mean);
    memset(covariance, 0, width * width * sizeof *covariance);
    for (size_t first = 0; first < n; first += ROWS_AT_ONCE) {
        for (size_t r = 0; r < ROWS_AT_ONCE; r++) {
            const float *row = rows + (first + r) * width;
            for (size_t i = 0; i < width; i++) piece[r][i] = first + r < n ? (double)row[i] : 0;
            add_scaled(mean, 1 / (double)n, piece[r], width);
        }
        add_products(covariance, piece, width);
    }
    for (size_t i = 0; i < width; i++) {
        for (size_t j = 0; j <= i; j++) {
            double value = covariance[i * width + j] / (double)n - mean[i] * mean[j];
            covariance[i * width + j] = covariance[j * width + i] = value;
        }
    }
}

/* ---- principal components ---- */

/* Makes the rows of v [count, width] orthonormal, from the first on (Gram and Schmidt, twice). A row that depends on
 * those before it becomes 0. */
static void orthonormalise(double *v, size_t count, size_t width) {
    for (size_t i = 0; i < count; i++) {
        double *row = v + i * width, before = sqrt(dot(row, row, width));
        for (int twice = 0; twice < 2; twice++) {
            for (size_t j = 0; j < i; j++)
                add_scaled(row, -dot(row, v + j * width, width), v + j * width, width);
        }
        double length = sqrt(dot(row, row, width));
        double factor = length > 1e-12 * before ? 1 / length : 0;
        for (size_t k = 0; k < width; k++) row[k] *= factor;
    }
}

/* made [count, width] = v [count, width] times a symmetric matrix */
static void multiply(const double *v, const double *matrix, size_t count, size_t width,
                     double *made) {
    memset(made, 0, count * width * sizeof *made);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < width; k++)
            add_scaled(made + i * width, v[i * width + k], matrix + k * width, width);
    }
}

typedef struct iteration {
    size_t count, width; /* of vectors, of values of each */
    const double *covariance;
    double *v, *made;            /* [count, width] */
    double *small, *turn;        /* [count, count] */
    double *variance, *diagonal; /* [count] */
} iteration;

/* The place of the largest number on the diagonal, which is taken out. */
static size_t take_largest(double *matrix, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (matrix[i * n + i] > matrix[best * n + best]) best = i;
    matrix[best * n + best] = -HUGE_VAL;
    return best;
}

/* The best directions within the span of v, by falling variance (Rayleigh and Ritz). */
static void choose_directions(iteration *t) {
    size_t n = t->count, width = t->width;
    multiply(t->v, t->covariance, n, width, t->made);
    for (size_t i = 0; i < n * n; i++)
        t->small[i] = dot(t->made + i / n * width, t->v + i % n * width, width);
    diagonalise(t->small, t->turn, n);
    memset(t->made, 0, n * width * sizeof *t->made);
    for (size_t i = 0; i < n; i++) t->diagonal[i] = t->small[i * n + i];
    for (size_t i = 0; i < n; i++) {
        size_t from = take_largest(t->small, n);
        t->variance[i] = t->diagonal[from];
        for (size_t k = 0; k < n; k++)
            add_scaled(t->made + i * width, t->turn[from * n + k], t->v + k * width, width);
    }
    memcpy(t->v, t->made, n * width * sizeof *t->v);
}

/* Iterates until the variances of the first `wanted` directions stand still. */
static void iterate(iteration *t, size_t wanted) {
    double before = 0;
    uint64_t state = 1; /* directions at random (Knuth's MMIX generator), the same in every call */
    for (size_t i = 0; i < t->count * t->width; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        t->v[i] = (double)(state >> 11) * 0x1p-52 - 1;
    }
    orthonormalise(t->v, t->count, t->width);
    for (int round = 0; round < MAX_ROUNDS; round++) {
        multiply(t->v, t->covariance, t->count, t->width, t->made);
        memcpy(t->v, t->made, t->count * t->width * sizeof *t->v);
        orthonormalise(t->v, t->count, t->width);
        if (round % 10 != 9) continue;
        choose_directions(t);
        double total = 0;
        for (size_t i = 0; i < wanted; i++) total += t->variance[i];
        if (total - before <= 1e-9 * total) return;
        before = total;
    }
}

const char *frechet_fit(frechet *to, const float *rows, size_t n, size_t width) {
    *to = (frechet){.width = width};
    if (n < 2) return "a distance needs at least two reference rows";
    if (width > FRECHET_MAX_WIDTH)
        return "rows of more than 4096 values have no Frechet distance here";
    to->components = width < FRECHET_COMPONENTS ? width : FRECHET_COMPONENTS;
    iteration t = {.width = width};
    t.count = width < to->components + EXTRA ? width : to->components + EXTRA;
    double *covariance = malloc(width * width * sizeof *covariance);
    double *vectors = malloc(2 * t.count * width * sizeof *vectors);
    double *small = malloc((2 * t.count + 2) * t.count * sizeof *small);
    to->mean = malloc(width * sizeof *to->mean);
    to->directions = malloc(to->components * width * sizeof *to->directions);
    to->variances = malloc(to->components * sizeof *to->variances);
    int complete = covariance && vectors && small && to->mean && to->directions && to->variances;
    if (complete) {
        t.covariance = covariance;
        t.v = vectors, t.made = vectors + t.count * width;
        t.small = small, t.turn = small + t.count * t.count;
        t.variance = t.turn + t.count * t.count, t.diagonal = t.variance + t.count;
        measure(rows, n, width, to->mean, covariance);
        iterate(&t, to->components);
        memcpy(to->directions, t.v, to->components * width * sizeof *to->directions);
        for (size_t i = 0; i < to->components; i++) to->variances[i] = fmax(t.variance[i], 0);
    }
    free(small);
    free(vectors);
    free(covariance);
    return complete ? NULL : no_memory;
}

/* ---- the distance ---- */

/* Where the rows lie along the directions: [n, components]. */
static float *project(const frechet *to, const float *rows, size_t n) {
    size_t width = to->width, components = to->components;
    float *at = malloc(n * components * sizeof *at);
    double *row = malloc(width * sizeof *row);
    if (!at || !row) {
        free(at);
        free(row);
        return NULL;
    }
    for (size_t r = 0; r < n; r++) {
        for (size_t i = 0; i < width; i++) row[i] = (double)rows[r * width + i] - to->mean[i];
        for (size_t c = 0; c < components; c++)
            at[r * components + c] = (float)dot(row, to->directions + c * width, width);
    }
    free(row);
    return at;
}

/* tr((L C L)^(1/2)), L the reference's standard deviations: C becomes L C L. */
static double root_trace(const frechet *to, double *covariance, double *vectors) {
    size_t n = to->components;
    double trace = 0;
    for (size_t i = 0; i < n * n; i++)
        covariance[i] *= sqrt(to->variances[i / n]) * sqrt(to->variances[i % n]);
    diagonalise(covariance, vectors, n);
    for (size_t i = 0; i < n; i++) trace += sqrt(fmax(covariance[i * n + i], 0));
    return trace;
}

const char *frechet_distance(const frechet *to, const float *rows, size_t n, double *distance) {
    size_t components = to->components;
    if (n < 2) return "a distance needs at least two rows";
    float *at = project(to, rows, n);
    double *mean = malloc((1 + 2 * components) * components * sizeof *mean);
    int complete = at && mean;
    if (complete) {
        double *covariance = mean + components, *vectors = covariance + components * components;
        measure(at, n, components, mean, covariance);
        double total = dot(mean, mean, components);
        for (size_t i = 0; i < components; i++)
            total += covariance[i * components + i] + to->variances[i];
        *distance = fmax(total - 2 * root_trace(to, covariance, vectors), 0);
    }
    free(mean);
    free(at);
    return complete ? NULL : no_memory;
}

void frechet_release(frechet *to) {
    free(to->mean);
    free(to->directions);
    free(to->variances);
    *to = (frechet){0};
}
