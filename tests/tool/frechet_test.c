/* The Frechet distance against closed forms: shifted, stretched and turned copies of the reference. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"
#include "../src/tool/frechet.h"

enum { ROWS = 600, WIDE = 100, NARROW = 7 };

/* Rows whose columns have falling deviations and are mixed with their neighbours. */
static void fill(float *rows, size_t width, uint64_t seed) {
    for (size_t r = 0; r < ROWS; r++) {
        float before = 0;
        for (size_t i = 0; i < width; i++) {
            float own = (float)test_uniform(seed, r * width + i, -2, 2) / (float)(1 + i);
            rows[r * width + i] = 0.3F + own + 0.5F * before;
            before = own;
        }
    }
}

static double distance_to(const frechet *to, const float *rows, size_t n) {
    double distance = -1;
    const char *problem = frechet_distance(to, rows, n, &distance);
    if (problem) fail_msg("%s", problem);
    return distance;
}

static void of_the_reference_is_0(void **state) {
    static float rows[ROWS * WIDE];
    static const size_t widths[] = {1, 2, NARROW, WIDE};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(widths); i++) {
        frechet f;
        fill(rows, widths[i], 1);
        assert_null(frechet_fit(&f, rows, ROWS, widths[i]));
        assert_int_equal(f.components, widths[i] < 64 ? widths[i] : 64);
        assert_true(distance_to(&f, rows, ROWS) < 1e-6);
        frechet_release(&f);
    }
}

/* The components are orthonormal, and their variances are those of the rows along them. */
static void components_are_principal(void **state) {
    static float rows[ROWS * WIDE];
    frechet f;
    (void)state;
    fill(rows, WIDE, 2);
    assert_null(frechet_fit(&f, rows, ROWS, WIDE));
    for (size_t a = 0; a < f.components; a++) {
        double variance = 0;
        for (size_t b = 0; b <= a; b++) {
            double product = 0;
            for (size_t i = 0; i < WIDE; i++)
                product += f.directions[a * WIDE + i] * f.directions[b * WIDE + i];
            test_near(product, a == b, 1e-9, "product of directions");
        }
        for (size_t r = 0; r < ROWS; r++) {
            double at = 0;
            for (size_t i = 0; i < WIDE; i++)
                at += ((double)rows[r * WIDE + i] - f.mean[i]) * f.directions[a * WIDE + i];
            variance += at * at / ROWS;
        }
        test_near(f.variances[a], variance, 1e-9, "variance along a direction");
        if (a > 0) assert_true(f.variances[a] <= f.variances[a - 1]);
    }
    frechet_release(&f);
}

/* |d|^2 for a shift by d; sum of variances times (s - 1)^2 where the rows are stretched by s around their mean. */
static void of_shifted_and_stretched(void **state) {
    static float rows[ROWS * NARROW], moved[ROWS * NARROW];
    double shift = 0, total = 0;
    frechet f;
    (void)state;
    fill(rows, NARROW, 3);
    assert_null(frechet_fit(&f, rows, ROWS, NARROW));
    for (size_t i = 0; i < NARROW; i++) shift += (double)i * (double)i;
    for (size_t i = 0; i < ROWS * NARROW; i++) moved[i] = rows[i] + (float)(i % NARROW);
    test_near(distance_to(&f, moved, ROWS), shift, 1e-4, "shifted");
    for (size_t i = 0; i < f.components; i++) total += f.variances[i];
    for (size_t i = 0; i < ROWS * NARROW; i++) {
        double mean = f.mean[i % NARROW];
        moved[i] = (float)(mean + 3 * ((double)rows[i] - mean));
    }
    test_near(distance_to(&f, moved, ROWS), 4 * total, 1e-4, "stretched");
    frechet_release(&f);
}

/* In two dimensions tr((A B)^(1/2)) = sqrt(tr(A B) + 2 sqrt(|A B|)); here B is A turned by a quarter. */
static void of_turned(void **state) {
    static float rows[ROWS * 2], turned[ROWS * 2];
    frechet f;
    (void)state;
    for (size_t r = 0; r < ROWS; r++) {
        rows[2 * r] = 3 * (float)test_uniform(4, 2 * r, -1, 1);
        rows[2 * r + 1] = (float)test_uniform(4, 2 * r + 1, -1, 1);
    }
    assert_null(frechet_fit(&f, rows, ROWS, 2));
    for (size_t r = 0; r < ROWS; r++) { /* around the mean, by a quarter */
        turned[2 * r] = (float)(f.mean[0] - ((double)rows[2 * r + 1] - f.mean[1]));
        turned[2 * r + 1] = (float)(f.mean[1] + (double)rows[2 * r] - f.mean[0]);
    }
    double a = f.variances[0], b = f.variances[1]; /* A = diag(a, b), B = diag(b, a) */
    test_near(distance_to(&f, turned, ROWS), 2 * (a + b) - 2 * sqrt(2 * a * b + 2 * a * b), 1e-5,
              "turned");
    frechet_release(&f);
}

static void refuses(void **state) {
    static float row[FRECHET_MAX_WIDTH + 1];
    double distance;
    frechet f;
    (void)state;
    assert_non_null(frechet_fit(&f, row, 1, 1));
    frechet_release(&f);
    assert_non_null(frechet_fit(&f, row, 2, FRECHET_MAX_WIDTH + 1));
    frechet_release(&f);
    assert_null(frechet_fit(&f, row, 4, 3)); /* rows that do not vary */
    assert_non_null(frechet_distance(&f, row, 1, &distance));
    assert_true(distance_to(&f, row, 5) <= 0);
    frechet_release(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(of_the_reference_is_0),
                                       cmocka_unit_test(components_are_principal),
                                       cmocka_unit_test(of_shifted_and_stretched),
                                       cmocka_unit_test(of_turned), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
