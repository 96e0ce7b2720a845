/* The toy data sets: their moments, their labels, their densities, and that a text which is none is refused with the
 * texts that are. */
#include <math.h>

#include "unit/data/scratch.h"

#include "data/gather.h"
#include "support/toy_densities.h"

#define ROWS 20000

typedef struct rows {
    double x[ROWS][2], label[ROWS];
} rows;

static vae_dataset *open_toy(void **state, const char *path, const char *options) {
    scratch *s = *state;
    vae_dataset *dataset;
    if (vae__dataset_open(s->context, path, options, &dataset))
        fail_msg("%s: %s", path, vae__last_message());
    assert_true(vae__dataset_width(dataset) == 2 && vae__dataset_label_width(dataset) == 1);
    return dataset;
}

static rows *read_toy(void **state, const char *path, const char *options) {
    vae_dataset *dataset = open_toy(state, path, options);
    rows *r = malloc(sizeof *r);
    vae__real x[2];
    assert_non_null(r);
    assert_int_equal(vae__dataset_size(dataset), ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(vae__dataset_read(dataset, i, 1, x), VAE_OK);
        vae__dataset_read_labels(dataset, i, 1, &r->label[i]);
        r->x[i][0] = (double)x[0];
        r->x[i][1] = (double)x[1];
    }
    vae__dataset_free(dataset);
    return r;
}

/* Mean and variance of a column, over the rows with that label (-1: all). */
static void moments(const rows *r, int column, int label, double *mean, double *variance) {
    double n = 0, sum = 0, squares = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (label >= 0 && r->label[i] != label) continue;
        n++;
        sum += r->x[i][column];
        squares += r->x[i][column] * r->x[i][column];
    }
    *mean = sum / n;
    *variance = squares / n - *mean * *mean;
}

static void assert_near(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("found %.6g, expected %.6g +- %.2g", found, expected, tolerance);
}

/* Each label as often as the others, to 5 standard deviations. */
static void assert_labels(const rows *r, int count) {
    double p = 1.0 / count, sd = sqrt(ROWS * p * (1 - p));
    for (int label = 0; label < count; label++) {
        double n = 0;
        for (size_t i = 0; i < ROWS; i++) n += r->label[i] == label;
        assert_near(n, ROWS * p, 5 * sd);
    }
}

static void ring_has_six_modes(void **state) {
    rows *r = read_toy(state, "toy:ring:20000", "");
    double mean, variance;
    assert_labels(r, 6);
    for (int k = 0; k < 6; k++) {
        for (int column = 0; column < 2; column++) {
            double angle = 3.14159265358979 / 3 * k;
            moments(r, column, k, &mean, &variance);
            assert_near(mean, column ? sin(angle) : cos(angle), 5 * 0.1 / sqrt(ROWS / 6.0));
            assert_near(variance, 0.01, 5 * 0.01 * sqrt(2 / (ROWS / 6.0)));
        }
    }
    for (int column = 0; column < 2; column++) {
        moments(r, column, -1, &mean, &variance);
        assert_near(mean, 0, 5 * sqrt(0.51 / ROWS));
        assert_near(variance, 0.51, 0.02); /* 1/2 of the hexagon and sd^2 */
    }
    free(r);
}

/* The distance of a row from the half circle of its label is that of normal noise. */
static void moons_are_half_circles(void **state) {
    rows *r = read_toy(state, "toy:moons:20000", "");
    double mean, variance, squares = 0, within = 0;
    assert_labels(r, 2);
    moments(r, 0, 0, &mean, &variance);
    assert_near(mean, 0, 5 * sqrt(0.51 / (ROWS / 2.0)));
    assert_near(variance, 0.51, 0.02);
    moments(r, 1, 0, &mean, &variance);
    assert_near(mean, 0.63662, 0.02); /* 2 / pi */
    moments(r, 0, 1, &mean, &variance);
    assert_near(mean, 1, 5 * sqrt(0.51 / (ROWS / 2.0)));
    moments(r, 1, 1, &mean, &variance);
    assert_near(mean, 0.5 - 0.63662, 0.02);
    for (size_t i = 0; i < ROWS; i++) {
        int lower = r->label[i] == 1;
        double right = r->x[i][0] - lower, up = lower ? 0.5 - r->x[i][1] : r->x[i][1];
        if (up < 0.4) continue; /* far from the ends of the arc */
        within++;
        squares += (hypot(right, up) - 1) * (hypot(right, up) - 1);
    }
    assert_near(squares / within, 0.01, 0.001);
    free(r);
}

static void checkerboard_fills_its_squares(void **state) {
    rows *r = read_toy(state, "toy:checkerboard:20000", "");
    double mean, variance;
    assert_labels(r, 8);
    for (size_t i = 0; i < ROWS; i++) {
        int column = (int)floor(r->x[i][0]) + 2, row = (int)floor(r->x[i][1]) + 2;
        assert_true(column >= 0 && column < 4 && row >= 0 && row < 4 && (column + row) % 2 == 0);
        assert_true(r->label[i] == column * 2 + row / 2);
        assert_true(r->x[i][0] != floor(r->x[i][0]) && r->x[i][1] != floor(r->x[i][1]));
    }
    for (int column = 0; column < 2; column++) {
        moments(r, column, -1, &mean, &variance);
        assert_near(mean, 0, 5 * sqrt(4 / 3.0 / ROWS));
        assert_near(variance, 4 / 3.0, 0.04); /* of a uniform distribution on [-2, 2] */
        moments(r, column, 5, &mean, &variance);
        assert_near(variance, 1 / 12.0, 0.01);
    }
    free(r);
}

/* By the midpoint rule on a grid: what a density integrates to, and the mean of its logarithm. */
static void integrate(double (*log_density)(const double x[2]), double step, double *total,
                      double *mean) {
    const int cells = (int)(6 / step + 0.5);
    *total = *mean = 0;
    for (int i = 0; i < cells; i++) {
        for (int j = 0; j < cells; j++) {
            const double x[2] = {(i + 0.5) * step - 3, (j + 0.5) * step - 3};
            double log_p = log_density(x);
            if (log_p == -HUGE_VAL) continue;
            *total += exp(log_p) * step * step;
            *mean += log_p * exp(log_p) * step * step;
        }
    }
}

static void densities_integrate_to_1(void **state) {
    double total, mean;
    (void)state;
    integrate(test_ring_log_density, 0.02, &total, &mean);
    assert_near(total, 1, 1e-9);
    assert_near(mean, TEST_RING_MEAN_LOG_DENSITY, 1e-9);
    integrate(test_checkerboard_log_density, 0.25, &total, &mean);
    assert_near(total, 1, 1e-12);
    assert_near(mean, TEST_CHECKERBOARD_MEAN_LOG_DENSITY, 1e-12);
}

/* The rows come from the distribution that the densities are of. */
static void rows_have_the_densities(void **state) {
    rows *ring = read_toy(state, "toy:ring:20000", "seed=4"),
         *board = read_toy(state, "toy:checkerboard:20000", "seed=4");
    double sum = 0;
    for (size_t i = 0; i < ROWS; i++) sum += test_ring_log_density(ring->x[i]);
    assert_near(sum / ROWS, TEST_RING_MEAN_LOG_DENSITY, 5 * sqrt(1.0 / ROWS)); /* its sd is 1 */
    for (size_t i = 0; i < ROWS; i++)
        assert_true(test_checkerboard_log_density(board->x[i]) == -log(8));
    free(ring);
    free(board);
}

static void rows_follow_from_the_seed(void **state) {
    static const char *const paths[] = {"toy:moons:20000", "toy:ring:20000",
                                        "toy:checkerboard:20000"};
    for (int i = 0; i < 3; i++) {
        rows *a = read_toy(state, paths[i], "seed=1"), *b = read_toy(state, paths[i], ""),
             *c = read_toy(state, paths[i], "seed=2");
        assert_memory_equal(a, b, sizeof *a);
        assert_memory_not_equal(a, c, sizeof *a);
        free(a);
        free(b);
        free(c);
    }
    vae_dataset *few = open_toy(state, "toy:ring:3", ""), *many = open_toy(state, "toy:ring", "");
    vae__real x[6], y[6];
    assert_int_equal(vae__dataset_size(many), 10000);
    assert_int_equal(vae__dataset_read(few, 0, 3, x), VAE_OK);
    assert_int_equal(vae__dataset_read(many, 0, 3, y), VAE_OK);
    assert_memory_equal(x, y, sizeof x);
    vae__dataset_free(few);
    vae__dataset_free(many);
}

static void bad_texts_are_refused(void **state) {
    static const struct {
        const char *path, *options, *says;
    } cases[] = {
        {"toy:spiral:10", "",
         "toy:spiral:10: unknown toy data set 'spiral' (known: toy:moons, toy:ring, "
         "toy:checkerboard, each also with a count of rows, toy:ring:5000)"},
        {"toy:rings", "", "unknown toy data set 'rings'; did you mean 'ring'? (known:"},
        {"toy:", "", "toy:: unknown toy data set '' (known:"},
        {"toy:ring:", "",
         "toy:ring:: expected \"toy:ring:COUNT\" with a count of at least 1, found ''"},
        {"toy:ring:0", "", "found '0'"},
        {"toy:moons:-3", "", "expected \"toy:moons:COUNT\""},
        {"toy:moons:10:2", "", "found '10:2'"},
        {"toy:ring:9223372036854775807", "",
         "toy: 9223372036854775807 rows are more bytes than can be addressed"},
        {"toy:ring", "labels=file", "options: toy has labels of its own"},
        {"toy:ring", "header=no", "header= is for CSV files, not for toy"},
    };
    scratch *s = *state;
    vae_dataset *dataset;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(vae__dataset_open(s->context, cases[i].path, cases[i].options, &dataset),
                         VAE_ERROR_TEXT);
        assert_null(dataset);
        assert_message(cases[i].says);
    }
    assert_int_equal(vae__dataset_open(s->context, "toy", "", &dataset), VAE_ERROR_FILE);
    s->context->memory_limit = 1 << 20;
    assert_int_equal(vae__dataset_open(s->context, "toy:ring:100000", "", &dataset),
                     VAE_ERROR_LIMIT);
    assert_message("toy: needs");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(ring_has_six_modes),
        SCRATCH_TEST(moons_are_half_circles),
        SCRATCH_TEST(checkerboard_fills_its_squares),
        SCRATCH_TEST(densities_integrate_to_1),
        SCRATCH_TEST(rows_have_the_densities),
        SCRATCH_TEST(rows_follow_from_the_seed),
        SCRATCH_TEST(bad_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
