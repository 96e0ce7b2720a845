#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "train/evaluate.h"
#include "unit/train/fixture.h"

/* What a callback saw, and when it stops. cmocka's asserts leave by longjmp, so it records only. */
typedef struct witness {
    const fixture *fixture;
    size_t events, steps, epochs, stop_at, validations, wrong; /* stop_at: event from 1; 0: never */
    vae_step_report last_step, last_train, last_validation;
    double elbos[64], objective_rows, elbo_rows;
    vae__real *at_epoch[64]; /* parameters after each epoch */
} witness;

static int32_t watch(void *user, int32_t event, const vae_step_report *train,
                     const vae_step_report *validation) {
    witness *w = user;
    const vae__parameters *parameters = &w->fixture->model->parameters;
    w->events++;
    if (train->struct_size != sizeof *train) w->wrong++;
    if (event == VAE_EVENT_STEP) {
        if (validation) w->wrong++;
        if (train->epoch != vae_dataset_epoch(w->fixture->dataset)) w->wrong++;
        w->last_step = *train;
        w->steps++;
        w->elbo_rows += train->elbo * (double)train->rows;
        w->objective_rows += train->objective * (double)train->rows;
    } else if (event == VAE_EVENT_EPOCH && w->epochs < 64) {
        if (!(w->last_step.flags & VAE_STEP_EPOCH_END)) w->wrong++;
        w->last_train = *train;
        if (validation) {
            if (validation->struct_size != sizeof *validation) w->wrong++;
            w->last_validation = *validation;
            w->elbos[w->epochs] = validation->elbo;
            w->validations++;
        }
        size_t bytes = parameters->block_count * sizeof(vae__real);
        w->at_epoch[w->epochs] = malloc(bytes);
        memcpy(w->at_epoch[w->epochs], parameters->block, bytes);
        w->epochs++;
    } else {
        w->wrong++;
    }
    return w->events == w->stop_at ? -7 : 0;
}

static void forget(witness *w) {
    for (size_t i = 0; i < 64; i++) free(w->at_epoch[i]);
}

static vae_status train(fixture *f, const vae_dataset *validation, const char *options,
                        witness *w) {
    *w = (witness){.fixture = f, .stop_at = w->stop_at};
    return vae_train(f->model, f->optimizer, f->dataset, validation, options, watch, w);
}

static int is_at(const fixture *f, const vae__real *parameters) {
    return !memcmp(f->model->parameters.block, parameters,
                   f->model->parameters.block_count * sizeof(vae__real));
}

/* ---- epochs ---- */

static void trains_for_epochs(void **state) {
    fixture f;
    witness w = {.stop_at = 0};
    (void)state;
    fixture_begin(&f, "gaussian", "adam lr=0.01 beta=0.5", "batch=4");
    assert_ok(train(&f, NULL, "epochs=3", &w));
    assert_int_equal(w.wrong, 0);
    assert_int_equal(w.steps, 9);
    assert_int_equal(w.epochs, 3);
    assert_int_equal(w.validations, 0);
    assert_int_equal(vae_dataset_epoch(f.dataset), 3);
    assert_int_equal(vae_dataset_position(f.dataset), 0);
    assert_int_equal(vae_optimizer_steps(f.optimizer), 9);
    forget(&w);
    assert_ok(train(&f, NULL, NULL, &w)); /* one epoch */
    assert_int_equal(w.steps, 3);
    /* an epoch's report is the mean over its rows */
    assert_int_equal(w.last_train.rows, 10);
    test_near(w.last_train.elbo, w.elbo_rows / 10, 1e-12, "elbo");
    test_near(w.last_train.objective, w.objective_rows / 10, 1e-12, "objective");
    assert_int_equal(w.last_train.step, 12);
    assert_int_equal(w.last_train.epoch, 4);
    assert_int_equal(w.last_train.position, 0);
    test_near(w.last_train.learning_rate, 0.01, 1e-12, "rate");
    test_near(w.last_train.beta, 0.5, 1e-12, "beta");
    forget(&w);
    fixture_end(&f);
}

/* An epoch that has begun is finished first, and is the first. */
static void finishes_a_begun_epoch(void **state) {
    fixture f;
    witness w = {.stop_at = 0};
    (void)state;
    fixture_begin(&f, "gaussian", "adam", "batch=4");
    assert_ok(vae_step(f.model, f.optimizer, f.dataset, NULL));
    assert_ok(train(&f, NULL, "epochs=2", &w));
    assert_int_equal(w.steps, 5);
    assert_int_equal(w.epochs, 2);
    assert_int_equal(vae_dataset_epoch(f.dataset), 2);
    forget(&w);
    assert_ok(vae_train(f.model, f.optimizer, f.dataset, NULL, "epochs=0", NULL, NULL));
    assert_int_equal(vae_optimizer_steps(f.optimizer), 6);
    fixture_end(&f);
}

/* The loop is nothing but steps. */
static void equals_steps(void **state) {
    fixture a, b;
    (void)state;
    fixture_begin(&a, "bernoulli", "adam lr=0.01", "batch=3");
    fixture_begin(&b, "bernoulli", "adam lr=0.01", "batch=3");
    assert_ok(vae_train(a.model, a.optimizer, a.dataset, a.dataset, "epochs=2", NULL, NULL));
    for (int k = 0; k < 8; k++) assert_ok(vae_step(b.model, b.optimizer, b.dataset, NULL));
    assert_true(same_parameters(a.model, b.model));
    fixture_end(&a);
    fixture_end(&b);
}

/* ---- stopping ---- */

static void stops_at_any_event(void **state) {
    (void)state;
    for (size_t event = 1; event <= 8; event++) {
        fixture f;
        witness w = {.stop_at = event};
        fixture_begin(&f, "gaussian", "adam", "batch=4");
        assert_int_equal(train(&f, event % 2 ? NULL : f.dataset, "epochs=3", &w), VAE_STOPPED);
        assert_int_equal(w.wrong, 0);
        assert_int_equal(w.events, event);
        assert_int_equal(w.epochs, event / 4);
        assert_int_equal(vae_optimizer_steps(f.optimizer), event - event / 4);
        if (w.epochs) assert_true(event % 4 || is_at(&f, w.at_epoch[w.epochs - 1]));
        forget(&w);
        fixture_end(&f);
    }
}

static void ends_with_the_first_error(void **state) {
    fixture f;
    witness w = {.stop_at = 0};
    (void)state;
    fixture_begin(&f, "bernoulli", "adam", "batch=4 shuffle=0");
    f.x[5 * FIXTURE_WIDTH] = 2;
    assert_fails(train(&f, NULL, "epochs=3", &w), VAE_ERROR_DATA, "row 5, column 0 is 2");
    assert_int_equal(w.steps, 1);
    assert_int_equal(w.epochs, 0);
    assert_int_equal(vae_dataset_position(f.dataset), 8);
    forget(&w);
    fixture_end(&f);
}

/* ---- validation ---- */

/* beta = 1, no free bits, the same noise every time; the rows are another set's. */
static void validates_with_beta_one(void **state) {
    fixture f;
    witness w = {.stop_at = 0};
    vae_dataset *validation;
    double elbo[6], reconstruction[6], kl[6], sums[3] = {0};
    float rows[6 * FIXTURE_WIDTH];
    (void)state;
    fixture_begin(&f, "gaussian", "adam lr=0.01 beta=7 free_bits=3", "batch=4");
    test_values(rows, COUNT_OF(rows), 99, 0, 1);
    assert_ok(vae_dataset_from_memory(NULL, rows, 6, FIXTURE_WIDTH, "batch=4", &validation));
    assert_ok(train(&f, validation, "epochs=2 validation_seed=5", &w));
    assert_int_equal(w.validations, 2);
    assert_ok(vae_elbo(f.model, rows, 6, FIXTURE_WIDTH, 5, elbo, reconstruction, kl));
    for (size_t r = 0; r < 6; r++) {
        sums[0] += elbo[r] / 6;
        sums[1] += reconstruction[r] / 6;
        sums[2] += kl[r] / 6;
    }
    test_near(w.last_validation.elbo, sums[0], 1e-9, "elbo");
    test_near(w.last_validation.objective, sums[0], 1e-9, "objective");
    test_near(w.last_validation.reconstruction, sums[1], 1e-9, "reconstruction");
    test_near(w.last_validation.kl, sums[2], 1e-9, "kl");
    test_near(w.last_validation.beta, 1, 0, "beta");
    assert_int_equal(w.last_validation.rows, 6);
    assert_int_equal(w.last_validation.step, 6);
    assert_int_equal(w.last_validation.epoch, 2);
    assert_int_equal(vae_dataset_epoch(validation) + vae_dataset_position(validation), 0);
    forget(&w);
    vae_dataset_destroy(validation);
    fixture_end(&f);
}

static void needs_validation_rows(void **state) {
    fixture f;
    vae_dataset *bad, *narrow;
    float rows[6 * FIXTURE_WIDTH];
    (void)state;
    fixture_begin(&f, "bernoulli", "adam", "batch=4");
    assert_fails(vae_train(f.model, f.optimizer, f.dataset, NULL, "patience=1", NULL, NULL),
                 VAE_ERROR_TEXT, "train: patience and restore_best need a validation data set");
    assert_fails(vae_train(f.model, f.optimizer, f.dataset, NULL, "restore_best=1", NULL, NULL),
                 VAE_ERROR_TEXT, "need a validation data set");
    assert_int_equal(vae_optimizer_steps(f.optimizer), 0);
    test_values(rows, COUNT_OF(rows), 99, 0, 1);
    rows[2 * FIXTURE_WIDTH + 3] = -1;
    assert_ok(vae_dataset_from_memory(NULL, rows, 6, FIXTURE_WIDTH, "batch=4", &bad));
    assert_fails(vae_train(f.model, f.optimizer, f.dataset, bad, NULL, NULL, NULL), VAE_ERROR_DATA,
                 "validation set: row 2, column 3 is -1");
    vae_dataset_destroy(bad);
    assert_ok(vae_dataset_from_memory(NULL, rows, 8, 3, NULL, &narrow));
    assert_fails(vae_train(f.model, f.optimizer, f.dataset, narrow, NULL, NULL, NULL),
                 VAE_ERROR_WIDTH, "vae_train: the validation set's width is 3; expected 4");
    vae_dataset_destroy(narrow);
    fixture_end(&f);
}

/* ---- early stopping ---- */

/* A rate so high that training jumps about. */
#define WORSE "adam lr=0.3 seed=3"

static size_t best_of(const witness *w, size_t from) {
    size_t best = from;
    for (size_t i = from; i < w->epochs; i++) {
        if (w->elbos[i] > w->elbos[best]) best = i;
    }
    return best;
}

/* Ends exactly when the best ELBO (after the warm-ups) lies `patience` epochs back. */
static void loses_patience(void **state) {
    static const struct {
        const char *optimizer, *options;
        size_t patience, first; /* first epoch that counts, from 0 */
    } cases[] = {
        {WORSE, "epochs=60 patience=1", 1, 0},
        {WORSE, "epochs=60 patience=3", 3, 0},
        {WORSE " warmup=7", "epochs=60 patience=1", 1, 2},
        {WORSE " beta_warmup=30", "epochs=60 patience=2", 2, 9},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fixture f;
        witness w = {.stop_at = 0};
        fixture_begin(&f, "gaussian sigma=0.1", cases[i].optimizer, "batch=4");
        assert_ok(train(&f, f.dataset, cases[i].options, &w));
        assert_true(w.epochs < 60);
        assert_int_equal(best_of(&w, cases[i].first) + cases[i].patience + 1, w.epochs);
        for (size_t end = cases[i].first + 1; end < w.epochs; end++) {
            witness until = w;
            until.epochs = end;
            assert_true(best_of(&until, cases[i].first) + cases[i].patience + 1 > end);
        }
        assert_true(is_at(&f, w.at_epoch[w.epochs - 1])); /* not restored */
        forget(&w);
        fixture_end(&f);
    }
}

static void asks_for_a_difference(void **state) {
    fixture f;
    witness w = {.stop_at = 0};
    (void)state;
    fixture_begin(&f, "gaussian", "adam lr=1e-5", "batch=4");
    assert_ok(train(&f, f.dataset, "epochs=20 patience=2 min_delta=100", &w));
    assert_int_equal(w.epochs, 3); /* the first is the best, whatever follows */
    forget(&w);
    fixture_end(&f);
}

/* ---- the best parameters ---- */

static void restores_the_best(void **state) {
    static const struct {
        const char *optimizer, *options;
        size_t first, stop_at;
        vae_status status;
    } cases[] = {
        {WORSE, "epochs=12 restore_best=1", 0, 0, VAE_OK},
        {WORSE, "epochs=40 restore_best=1 patience=2", 0, 0, VAE_OK},
        {WORSE, "epochs=40 restore_best=1", 0, 19, VAE_STOPPED},
        {WORSE " beta_warmup=12", "epochs=12 restore_best=1", 3, 0, VAE_OK},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fixture f;
        witness w = {.stop_at = cases[i].stop_at};
        fixture_begin(&f, "gaussian sigma=0.1", cases[i].optimizer, "batch=4");
        assert_int_equal(train(&f, f.dataset, cases[i].options, &w), cases[i].status);
        size_t best = best_of(&w, cases[i].first);
        assert_true(best + 1 < w.epochs); /* else the test shows nothing */
        assert_true(is_at(&f, w.at_epoch[best]));
        assert_ok(vae_step(f.model, f.optimizer, f.dataset, NULL));
        forget(&w);
        fixture_end(&f);
    }
}

/* Before any epoch has counted there is nothing to restore. */
static void keeps_what_it_has_during_warm_up(void **state) {
    fixture f;
    witness w = {.stop_at = 0};
    (void)state;
    fixture_begin(&f, "gaussian", "adam warmup=1000", "batch=4");
    assert_ok(train(&f, f.dataset, "epochs=4 restore_best=1 patience=1", &w));
    assert_int_equal(w.epochs, 4);
    assert_true(is_at(&f, w.at_epoch[3]));
    forget(&w);
    fixture_end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trains_for_epochs),
        cmocka_unit_test(finishes_a_begun_epoch),
        cmocka_unit_test(equals_steps),
        cmocka_unit_test(stops_at_any_event),
        cmocka_unit_test(ends_with_the_first_error),
        cmocka_unit_test(validates_with_beta_one),
        cmocka_unit_test(needs_validation_rows),
        cmocka_unit_test(loses_patience),
        cmocka_unit_test(asks_for_a_difference),
        cmocka_unit_test(restores_the_best),
        cmocka_unit_test(keeps_what_it_has_during_warm_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
