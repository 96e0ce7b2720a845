/* A model of data whose density is known: its bound and its log-likelihood are below the truth, as an expectation
 * over rows must be for any density that integrates to 1, and training brings them closer to it. */
#include <math.h>
#include <stdlib.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/toy_densities.h"

enum { ROWS = 1000 };

/* The mean of `found` less the true log p(x), and the standard error of it. */
static double gap(const double *found, const float *x, double (*log_density)(const double x[2]),
                  double *error) {
    double sum = 0, squares = 0;
    for (int i = 0; i < ROWS; i++) {
        const double row[] = {(double)x[2 * i], (double)x[2 * i + 1]};
        double difference = found[i] - log_density(row);
        sum += difference;
        squares += difference * difference;
    }
    *error = sqrt((squares / ROWS - sum / ROWS * (sum / ROWS)) / ROWS);
    return sum / ROWS;
}

static void check_bound(const char *train, const char *test,
                        double (*log_density)(const double x[2]), double closest) {
    vae_dataset *rows = NULL, *others = NULL;
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    float x[2 * ROWS];
    double elbo[ROWS], log_p[ROWS], before[ROWS], error;
    assert_ok(vae_dataset_open(NULL, train, "batch=200", &rows));
    assert_ok(vae_dataset_open(NULL, test, "seed=99", &others)); /* of the same distribution */
    assert_ok(vae_dataset_read(others, 0, ROWS, x, 2));
    assert_ok(vae_model_create(NULL,
                               "input=2 latent=2 likelihood=gaussian sigma=0.15 "
                               "encoder=[dense 64, tanh, dense 64, tanh] "
                               "decoder=[dense 64, tanh, dense 64, tanh]",
                               &model));
    assert_ok(vae_model_initialize(model, rows));
    assert_ok(vae_elbo(model, x, ROWS, 2, 1, before, NULL, NULL));
    assert_ok(vae_optimizer_create(model, "adam lr=3e-3", &optimizer));
    assert_ok(vae_train(model, optimizer, rows, NULL, "epochs=100", NULL, NULL));
    assert_ok(vae_elbo(model, x, ROWS, 2, 1, elbo, NULL, NULL));
    assert_ok(vae_log_likelihood(model, x, ROWS, 2, "samples=200", log_p, NULL, NULL));
    double start = gap(before, x, log_density, &error);
    double bound = gap(elbo, x, log_density, &error), bound_error = error;
    double likelihood = gap(log_p, x, log_density, &error);
    print_message("%s: ELBO - ln p: %.3f, then %.3f +- %.3f; log p(x) - ln p: %.3f +- %.3f\n",
                  train, start, bound, bound_error, likelihood, error);
    assert_true(bound < 4 * bound_error && likelihood < 4 * error);
    assert_true(bound < likelihood + 4 * error && bound > start && likelihood > closest);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_dataset_destroy(rows);
    vae_dataset_destroy(others);
}

static void the_truth_is_not_reached(void **state) {
    (void)state;
    check_bound("toy:ring:2000", "toy:ring:1000", test_ring_log_density, -1);
    check_bound("toy:checkerboard:2000", "toy:checkerboard:1000", test_checkerboard_log_density,
                -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_truth_is_not_reached)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
