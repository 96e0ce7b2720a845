#include <math.h>
#include <string.h>

#include "support/cmocka.h"
#include "train/held_out.h"
#include "train/initialize.h"
#include "unit/train/fixture.h"

enum { MANY = 700 }; /* more than two chunks */

static void averages_all_rows(void **state) {
    static const size_t counts[] = {1, 255, 256, 257, 512, MANY};
    static float x[MANY * FIXTURE_WIDTH];
    static double elbo[MANY], reconstruction[MANY], kl[MANY];
    fixture f;
    (void)state;
    fixture_begin(&f, "bernoulli", "adam", "batch=4");
    test_values(x, COUNT_OF(x), 5, 0, 1);
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        size_t n = counts[i];
        double sums[3] = {0};
        vae_dataset *dataset;
        vae_step_report report;
        assert_ok(vae_dataset_from_memory(NULL, x, n, FIXTURE_WIDTH, "batch=7", &dataset));
        assert_ok(vae__held_out_elbo(f.model, dataset, 9, &report, NULL));
        assert_ok(vae_elbo(f.model, x, n, FIXTURE_WIDTH, 9, elbo, reconstruction, kl));
        for (size_t r = 0; r < n; r++) {
            sums[0] += elbo[r] / (double)n;
            sums[1] += reconstruction[r] / (double)n;
            sums[2] += kl[r] / (double)n;
        }
        test_near(report.elbo, sums[0], test_tolerance(1e-6, 1e-12), "elbo");
        test_near(report.reconstruction, sums[1], test_tolerance(1e-6, 1e-12), "reconstruction");
        test_near(report.kl, sums[2], test_tolerance(1e-6, 1e-12), "kl");
        test_near(report.objective, report.elbo, 0, "objective");
        assert_int_equal(report.rows, n);
        vae_dataset_destroy(dataset);
    }
    fixture_end(&f);
}

/* Reading and evaluating leave the cursor, and with it all that follows. */
static void leaves_the_cursor(void **state) {
    fixture a, b;
    float row[FIXTURE_WIDTH];
    vae_step_report report;
    (void)state;
    fixture_begin(&a, "bernoulli", "adam", "batch=3");
    fixture_begin(&b, "bernoulli", "adam", "batch=3");
    for (int k = 0; k < 9; k++) {
        uint64_t epoch = vae_dataset_epoch(a.dataset), position = vae_dataset_position(a.dataset);
        assert_ok(vae__held_out_elbo(a.model, a.dataset, 1, &report, NULL));
        assert_ok(vae_dataset_read(a.dataset, (size_t)k, 1, row, FIXTURE_WIDTH));
        assert_int_equal(vae_dataset_epoch(a.dataset), epoch);
        assert_int_equal(vae_dataset_position(a.dataset), position);
        assert_ok(vae_step(a.model, a.optimizer, a.dataset, NULL));
        assert_ok(vae_step(b.model, b.optimizer, b.dataset, NULL));
    }
    assert_true(same_parameters(a.model, b.model));
    fixture_end(&a);
    fixture_end(&b);
}

static void names_bad_rows(void **state) {
    static float x[MANY * FIXTURE_WIDTH];
    fixture f;
    vae_dataset *dataset, *part;
    vae_step_report report;
    (void)state;
    fixture_begin(&f, "bernoulli", "adam", "batch=4");
    test_values(x, COUNT_OF(x), 5, 0, 1);
    x[600 * FIXTURE_WIDTH + 1] = NAN;
    assert_ok(vae_dataset_from_memory(NULL, x, MANY, FIXTURE_WIDTH, NULL, &dataset));
    assert_fails(vae__held_out_elbo(f.model, dataset, 1, &report, NULL), VAE_ERROR_DATA,
                 "row 600, column 1 is nan: expected finite values");
    assert_fails(vae__initialize_from_data(f.model, dataset), VAE_ERROR_DATA,
                 "row 600, column 1 is nan: expected finite values");
    vae_dataset_destroy(dataset);
    /* of two halves one has the row, under its number before the split */
    int refused = 0;
    for (int test = 0; test < 2; test++) {
        const char *options = test ? "split=test:0.5" : "split=train:0.5";
        assert_ok(vae_dataset_from_memory(NULL, x, MANY, FIXTURE_WIDTH, options, &part));
        if (vae__held_out_elbo(f.model, part, 1, &report, NULL)) {
            refused++;
            assert_non_null(strstr(vae_last_error(), "row 600, column 1 is nan"));
            assert_fails(vae__initialize_from_data(f.model, part), VAE_ERROR_DATA, "row 600, ");
        }
        vae_dataset_destroy(part);
    }
    assert_int_equal(refused, 1);
    fixture_end(&f);
}

/* A row whose values leave the floats inside the network, in the second chunk: an error, and no mean
 * that is not a number. */
static void names_rows_without_an_elbo(void **state) {
    static float x[MANY * FIXTURE_WIDTH];
    (void)state;
    if (sizeof(vae__real) != sizeof(float)) skip(); /* 6e38 is a double */
    vae_model *model = test_model(NULL, "input=4 latent=2 likelihood=gaussian", 0.1);
    vae_evaluation *evaluation = (vae_evaluation *)&evaluation;
    vae_dataset *whole, *part;
    vae_step_report report;
    vae__lowest_row lowest;
    int refused = 0;
    for (size_t i = 0; i < 2; i++)
        test_parameter(model, "posterior.weight")->values[i * FIXTURE_WIDTH + 2] = 2;
    test_values(x, COUNT_OF(x), 5, 0, 1);
    assert_ok(vae_dataset_from_memory(NULL, x, MANY, FIXTURE_WIDTH, "copy=0", &whole));
    x[400 * FIXTURE_WIDTH + 1] = 30; /* the lowest so far */
    assert_ok(vae__held_out_elbo(model, whole, 1, &report, &lowest));
    assert_int_equal(lowest.row, 400);
    assert_true(lowest.elbo < -100 && lowest.others > 100);
    x[600 * FIXTURE_WIDTH + 2] = 3e38f;
    assert_fails(vae__held_out_elbo(model, whole, 1, &report, NULL), VAE_ERROR_DIVERGED,
                 "row 600: its ELBO is not finite (reconstruction ");
    assert_non_null(strstr(vae_last_error(), "the row's own largest is 3e+38 in column 2"));
    for (int test = 0; test < 2; test++) {
        const char *options = test ? "split=test:0.5 copy=0" : "split=train:0.5 copy=0";
        assert_ok(vae_dataset_from_memory(NULL, x, MANY, FIXTURE_WIDTH, options, &part));
        evaluation = (vae_evaluation *)&evaluation;
        vae_status status = vae_evaluate(model, part, NULL, "samples=3", NULL, NULL, &evaluation);
        if (status) {
            refused++;
            assert_int_equal(status, VAE_ERROR_DIVERGED);
            assert_non_null(strstr(vae_last_error(), "row 600: its ELBO is not finite"));
            assert_null(evaluation);
        }
        vae_evaluation_destroy(evaluation);
        vae_dataset_destroy(part);
    }
    assert_int_equal(refused, 1);
    vae_dataset_destroy(whole);
    vae_model_destroy(model);
}

static void reports_lack_of_memory(void **state) {
    fixture f;
    vae_step_report report;
    (void)state;
    fixture_begin(&f, "gaussian", "adam", "batch=4");
    vae_model *before;
    assert_ok(vae_model_clone(f.model, &before));
    f.context->memory_limit = atomic_load(&f.context->bytes) + 10;
    assert_int_equal(vae__held_out_elbo(f.model, f.dataset, 1, &report, NULL), VAE_ERROR_LIMIT);
    assert_int_equal(vae__initialize_from_data(f.model, f.dataset), VAE_ERROR_LIMIT);
    f.context->memory_limit = atomic_load(&f.context->bytes) + 256 * FIXTURE_WIDTH * 8 + 1024;
    assert_int_equal(vae__initialize_from_data(f.model, f.dataset), VAE_OK);
    assert_false(same_parameters(f.model, before));
    f.context->memory_limit = SIZE_MAX;
    vae_model_destroy(before);
    fixture_end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(averages_all_rows),      cmocka_unit_test(leaves_the_cursor),
        cmocka_unit_test(names_bad_rows),         cmocka_unit_test(names_rows_without_an_elbo),
        cmocka_unit_test(reports_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
