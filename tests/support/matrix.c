#include "support/cmocka.h"
#include "support/matrix.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* a <- J^T a J for the rotation of rows and columns p, q that makes a[p, q] zero. */
static void rotate(double *a, double *vectors, size_t n, size_t p, size_t q) {
    double apq = a[p * n + q];
    if (fabs(apq) < 1e-300) return;
    double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    for (size_t k = 0; k < n; k++) {
        double kp = a[k * n + p], kq = a[k * n + q];
        a[k * n + p] = c * kp - s * kq;
        a[k * n + q] = s * kp + c * kq;
    }
    for (size_t k = 0; k < n; k++) {
        double pk = a[p * n + k], qk = a[q * n + k], vp = vectors[p * n + k],
               vq = vectors[q * n + k];
        a[p * n + k] = c * pk - s * qk;
        a[q * n + k] = s * pk + c * qk;
        vectors[p * n + k] = c * vp - s * vq;
        vectors[q * n + k] = s * vp + c * vq;
    }
    a[p * n + q] = a[q * n + p] = 0;
}

static double off_diagonal(const double *a, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) sum += i == j ? 0 : a[i * n + j] * a[i * n + j];
    }
    return sqrt(sum);
}

static void swap_rows(double *values, double *vectors, size_t n, size_t i, size_t j) {
    double value = values[i];
    values[i] = values[j];
    values[j] = value;
    for (size_t k = 0; k < n; k++) {
        double entry = vectors[i * n + k];
        vectors[i * n + k] = vectors[j * n + k];
        vectors[j * n + k] = entry;
    }
}

void test_eigen(double *a, size_t n, double *values, double *vectors) {
    double least = 0;
    for (size_t i = 0; i < n; i++) least = fmax(least, 1e-15 * fabs(a[i * n + i]));
    for (size_t i = 0; i < n * n; i++) vectors[i] = i % (n + 1) == 0;
    for (int sweep = 0; off_diagonal(a, n) > least; sweep++) {
        if (sweep == 50) fail_msg("the eigenvalues did not converge");
        for (size_t p = 0; p < n; p++) {
            for (size_t q = p + 1; q < n; q++) rotate(a, vectors, n, p, q);
        }
    }
    for (size_t i = 0; i < n; i++) values[i] = a[i * n + i];
    for (size_t i = 0; i < n; i++) {
        size_t largest = i;
        for (size_t j = i + 1; j < n; j++) largest = values[j] > values[largest] ? j : largest;
        swap_rows(values, vectors, n, i, largest);
    }
}

double test_cholesky(double *a, size_t n) {
    double log_det = 0;
    for (size_t j = 0; j < n; j++) {
        for (size_t i = j; i < n; i++) {
            double sum = a[i * n + j];
            for (size_t k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
            if (i > j) {
                a[i * n + j] = sum / a[j * n + j];
            } else if (sum > 0) {
                a[j * n + j] = sqrt(sum);
            } else {
                fail_msg("not positive definite");
            }
        }
        log_det += 2 * log(a[j * n + j]);
    }
    return log_det;
}

void test_cholesky_solve(const double *factor, size_t n, double *b) {
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) b[i] -= factor[i * n + k] * b[k];
        b[i] /= factor[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++) b[i] -= factor[k * n + i] * b[k];
        b[i] /= factor[i * n + i];
    }
}

double test_normal_log_density(const double *x, const double *mean, const double *factor,
                               double log_det, size_t n) {
    double *solved = malloc(n * sizeof *solved), distance = 0;
    for (size_t i = 0; i < n; i++) solved[i] = x[i] - mean[i];
    test_cholesky_solve(factor, n, solved);
    for (size_t i = 0; i < n; i++) distance += (x[i] - mean[i]) * solved[i];
    free(solved);
    return -0.5 * (distance + log_det + (double)n * 1.83787706640934548356);
}
