/* Eigenvalues and eigenvectors of semidefinite matrices: those whose answer is known, and what defines it for those
 * whose answer is not. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/cmocka.h"
#include "support/numbers.h"
#include "tensor/eigen.h"

enum { MOST = 70 };

typedef struct solved {
    double a[MOST * MOST], values[MOST], vectors[MOST * MOST];
    size_t n;
} solved;

static vae_status solve(solved *s, const double *a) {
    vae_context *context = test_context(NULL);
    memcpy(s->a, a, s->n * s->n * sizeof *a);
    vae_status status = vae__eigen_semidefinite(context, a, s->n, s->values, s->vectors);
    assert_memory_equal(s->a, a, s->n * s->n * sizeof *a);
    vae_context_destroy(context);
    return status;
}

static double largest(const solved *s) {
    double most = 0;
    for (size_t i = 0; i < s->n; i++) most = fmax(most, fabs(s->values[i]));
    return most;
}

/* A v = l v for every pair, to `residual` times the largest value, and V V^T = I. */
static void expect_pairs(const solved *s, double residual) {
    size_t n = s->n;
    double scale = largest(s), tolerance = 1e-14 * (double)(n + 4);
    for (size_t k = 0; k < n; k++) {
        const double *v = s->vectors + k * n;
        for (size_t i = 0; i < n; i++) {
            double product = 0;
            for (size_t j = 0; j < n; j++) product += s->a[i * n + j] * v[j];
            double off = product - s->values[k] * v[i];
            if (!(fabs(off) <= residual * scale)) fail_msg("n = %zu: A v - l v = %g", n, off);
        }
        for (size_t l = 0; l <= k; l++) {
            double along = 0;
            for (size_t i = 0; i < n; i++) along += v[i] * s->vectors[l * n + i];
            test_near(along, k == l ? 1 : 0, tolerance, "V V^T");
        }
    }
}

static void expect_eigen(const solved *s) {
    expect_pairs(s, 1e-14 * (double)(s->n + 4));
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The values, in ascending order, are `expected` within tolerance times the largest. */
static void expect_values(solved *s, const double *expected, double tolerance) {
    double sorted[MOST], scale = largest(s);
    memcpy(sorted, s->values, s->n * sizeof *sorted);
    qsort(sorted, s->n, sizeof *sorted, ascending);
    for (size_t i = 0; i < s->n; i++) {
        if (!(fabs(sorted[i] - expected[i]) <= tolerance * scale)) {
            fail_msg("n = %zu, value %zu: found %.17g, expected %.17g", s->n, i, sorted[i],
                     expected[i]);
        }
    }
}

/* B^T B for random B [rows, n]: of rank rows, if that is less than n. */
static void random_product(size_t n, size_t rows, double scale, double *a) {
    for (size_t i = 0; i < n * n; i++) {
        a[i] = 0;
        for (size_t k = 0; k < rows; k++)
            a[i] += scale * test_uniform(n, k * n + i / n, -1, 1) *
                    test_uniform(n, k * n + i % n, -1, 1);
    }
}

static void random_matrices(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 4, 5, 16, 17, 33, MOST};
    static const double scales[] = {1, 1e-100, 1e100};
    static solved s;
    static double a[MOST * MOST];
    for (size_t i = 0; i < 3 * sizeof sizes / sizeof sizes[0]; i++) {
        size_t n = s.n = sizes[i / 3];
        for (size_t k = 0; k < 3; k++) {
            double trace = 0, sum = 0;
            random_product(n, i % 3 == 2 ? (n + 1) / 2 : n + i % 3, scales[k], a);
            for (size_t r = 0; r < n; r++) trace += a[r * n + r];
            assert_int_equal(solve(&s, a), VAE_OK);
            expect_eigen(&s);
            for (size_t r = 0; r < n; r++) sum += s.values[r];
            test_near(sum / scales[k], trace / scales[k], 1e-12, "trace");
        }
    }
}

/* -1 2 -1: eigenvalues 2 - 2 cos(k pi / (n + 1)). */
static void second_differences(void **state) {
    (void)state;
    static solved s;
    static double a[MOST * MOST], expected[MOST];
    for (size_t n = 1; n <= MOST; n += 23) {
        s.n = n;
        memset(a, 0, sizeof a);
        for (size_t i = 0; i < n; i++) {
            a[i * n + i] = 2;
            if (i + 1 < n) a[i * n + i + 1] = a[(i + 1) * n + i] = -1;
            expected[i] = 2 - 2 * cos((double)(i + 1) * acos(-1) / (double)(n + 1));
        }
        assert_int_equal(solve(&s, a), VAE_OK);
        expect_eigen(&s);
        expect_values(&s, expected, 2e-15 * (double)n);
    }
}

/* Nothing to do, everything equal, everything zero, rank one: where a shift or a reflector divides
 * by zero if it is careless. */
static void degenerate_matrices(void **state) {
    (void)state;
    enum { N = 6 };
    static solved s = {.n = N};
    double a[N * N] = {0}, expected[N] = {0};
    assert_int_equal(solve(&s, a), VAE_OK);
    expect_eigen(&s);
    expect_values(&s, expected, 0);

    for (size_t i = 0; i < N; i++) a[i * N + i] = expected[i] = 3;
    assert_int_equal(solve(&s, a), VAE_OK);
    expect_eigen(&s);
    expect_values(&s, expected, DBL_EPSILON);

    for (size_t i = 0; i < N; i++) a[i * N + i] = expected[i] = (double)(i / 2);
    assert_int_equal(solve(&s, a), VAE_OK);
    expect_eigen(&s);
    expect_values(&s, expected, DBL_EPSILON);

    for (size_t i = 0; i < N * N; i++) a[i] = 1;
    for (size_t i = 0; i < N; i++) expected[i] = i + 1 < N ? 0 : N;
    assert_int_equal(solve(&s, a), VAE_OK);
    expect_eigen(&s);
    expect_values(&s, expected, 1e-15 * N);

    s.n = 0;
    assert_int_equal(solve(&s, a), VAE_OK);
}

/* The value next to `expected`, relative to it: no value of the matrix may be lost beside larger ones. */
static void expect_one_value(const solved *s, double expected, double tolerance) {
    double best = INFINITY;
    for (size_t i = 0; i < s->n; i++) best = fmin(best, fabs(s->values[i] / expected - 1));
    if (!(best <= tolerance))
        fail_msg("no value %.17g: the next is off by %.3g of it", expected, best);
}

/* Columns of scales 8 orders apart, in no order, whose correlations are all `correlation` = c: eigenvalue k, from the
 * largest, is its column's variance given the larger columns, d_k^2 (1 - c) (1 + k c) / (1 + (k - 1) c), to 1e-16. */
static void graded_columns(void **state) {
    (void)state;
    enum { N = 7 };
    static const size_t rank[N] = {4, 0, 6, 2, 5, 1, 3}; /* 0: the largest */
    static const double correlations[] = {0, 0.5, -0.15, 0.999};
    static solved s = {.n = N};
    for (size_t m = 0; m < 4; m++) {
        double a[N * N], c = correlations[m];
        for (size_t i = 0; i < N * N; i++) {
            double steps = (double)(rank[i / N] + rank[i % N]);
            a[i] = (i / N == i % N ? 1 : c) * pow(10, 24 - 8 * steps);
        }
        assert_int_equal(solve(&s, a), VAE_OK);
        for (size_t k = 0; k < N; k++) {
            double given = k ? (1 - c) * (1 + (double)k * c) / (1 + ((double)k - 1) * c) : 1;
            expect_one_value(&s, pow(10, 24 - 16 * (double)k) * given, 1e-14 / (1 - c));
        }
        expect_eigen(&s);
    }
}

/* Two columns: the small value is det / (the large one), and its vector is at right angles to the other's, to the digits
 * of its small component. */
static void two_columns(void **state) {
    (void)state;
    static solved s = {.n = 2};
    static const double scales[] = {1, 1e5, 1e-9, 1e13};
    for (size_t i = 0; i < 4; i++) {
        for (int near = 0; near < 12; near++) {
            double c = 1 - pow(10, -near), d = scales[i], a[4] = {d * d, c * d, c * d, 1};
            double trace = d * d + 1, determinant = d * d * (1 - c) * (1 + c);
            double large = (trace + sqrt((d * d - 1) * (d * d - 1) + 4 * c * c * d * d)) / 2;
            assert_int_equal(solve(&s, a), VAE_OK);
            expect_one_value(&s, large, 1e-14);
            expect_one_value(&s, determinant / large, 1e-14 / (1 - c));
            double u = s.vectors[0] * s.vectors[2], v = s.vectors[1] * s.vectors[3];
            assert_true(fabs(u + v) <= 1e-15 * (fabs(u) + fabs(v)));
        }
    }
}

/* Eigenvalues over 16 orders of magnitude in columns of one scale: there, absolute accuracy is what is promised. */
static void graded_values(void **state) {
    (void)state;
    enum { N = 9 };
    static solved s = {.n = N};
    double a[N * N], expected[N], direction[N], length = 0;
    for (size_t i = 0; i < N; i++) {
        expected[i] = pow(10, 2 * (double)i - 12);
        direction[i] = test_uniform(4, i, -1, 1);
        length += direction[i] * direction[i];
    }
    /* H diag(l) H with the reflector H = I - 2 v v^T / |v|^2 */
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) {
            a[i * N + j] = 0;
            for (size_t k = 0; k < N; k++) {
                double left = (i == k) - 2 * direction[i] * direction[k] / length;
                double right = (j == k) - 2 * direction[j] * direction[k] / length;
                a[i * N + j] += left * expected[k] * right;
            }
        }
    }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < i; j++) a[i * N + j] = a[j * N + i];
    assert_int_equal(solve(&s, a), VAE_OK);
    expect_eigen(&s);
    expect_values(&s, expected, 1e-14);
}

/* Fewer rows than columns, whose units differ by up to 16 orders of magnitude and of which some nearly or wholly
 * determine each other: what rounding leaves of such a matrix is not semidefinite. */
static void few_rows_of_many_units(void **state) {
    (void)state;
    static solved s;
    static double a[MOST * MOST];
    for (size_t seed = 0; seed < 400; seed++) {
        size_t n = s.n = 6 + seed % 16, rows = 3 + seed % 5;
        memset(a, 0, sizeof a);
        for (size_t r = 0; r < rows; r++) {
            double x[MOST], common = test_uniform(seed, r, -1, 1);
            for (size_t j = 0; j < n; j++) {
                size_t place = 1000 + r * n + j, kind = (j + seed) % 4;
                double own = test_uniform(seed, place, -1, 1);
                double noise = kind == 3 ? 0 : kind == 2 ? 1e-5 : kind == 1 ? 1e-3 : 1;
                double unit = pow(10, test_uniform(seed, 100 + j, -8, 8));
                x[j] = unit * (kind ? common + noise * own : own);
            }
            for (size_t i = 0; i < n * n; i++) a[i] += x[i / n] * x[i % n];
        }
        assert_int_equal(solve(&s, a), VAE_OK);
        /* Rounding is the larger, the less a pivot has left of its column. */
        expect_pairs(&s, 1e-10);
    }
}

static void not_numbers(void **state) {
    (void)state;
    static const double values[] = {NAN, INFINITY, -INFINITY};
    static solved s;
    for (s.n = 1; s.n <= 5; s.n += 2) {
        for (size_t i = 0; i < 3; i++) {
            double a[25] = {0};
            for (size_t k = 0; k < s.n; k++) a[k * s.n + k] = (double)k + 1;
            a[s.n * s.n - 1] = values[i];
            assert_int_equal(solve(&s, a), VAE_ERROR_DATA);
            assert_non_null(strstr(vae_last_error(), "NaN"));
            a[s.n * s.n - 1] = 1;
            a[1 % s.n] = a[1 % s.n * s.n] = values[i];
            assert_int_equal(solve(&s, a), VAE_ERROR_DATA);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_matrices),     cmocka_unit_test(second_differences),
        cmocka_unit_test(degenerate_matrices), cmocka_unit_test(graded_values),
        cmocka_unit_test(graded_columns),      cmocka_unit_test(two_columns),
        cmocka_unit_test(not_numbers),         cmocka_unit_test(few_rows_of_many_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
