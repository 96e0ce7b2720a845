#include <math.h>
#include <string.h>

#include "support/cmocka.h"
#include "train/held_out.h"
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

/* Warnings of a log, and what the last line holds. */
static void check_logged(const fixture_log *log, size_t which, size_t warnings, const char *part) {
    if (log->warnings != warnings || (part && !strstr(log->warning, part)))
        fail_msg("case %zu: %zu warnings, expected %zu; no '%s' in '%s'", which, log->warnings,
                 warnings, part, log->warning);
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

/* events=epoch leaves out the steps' events, and changes nothing else. */
static int32_t count_events(void *user, int32_t event, const vae_step_report *train,
                            const vae_step_report *validation) {
    size_t *counts = user;
    (void)train;
    (void)validation;
    counts[event]++;
    return 0;
}

static void calls_for_epochs_only(void **state) {
    size_t counts[3] = {0};
    fixture f;
    (void)state;
    fixture_begin(&f, "gaussian", "adam lr=0.01", "batch=4");
    assert_ok(vae_train(f.model, f.optimizer, f.dataset, NULL, "epochs=3 events=epoch",
                        count_events, counts));
    assert_int_equal(counts[VAE_EVENT_STEP], 0);
    assert_int_equal(counts[VAE_EVENT_EPOCH], 3);
    assert_int_equal(vae_optimizer_steps(f.optimizer), 9);
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

/* A linear encoder that doubles 3e38: the row's mean of q(z|x) is no float. */
typedef struct overflow {
    vae_model *model;
    vae_optimizer *optimizer;
    vae_dataset *data, *validation;
    float x[20 * FIXTURE_WIDTH], held_out[20 * FIXTURE_WIDTH];
    size_t row; /* of held_out, which the validation set has */
    vae__real *best;
    size_t epochs, break_at; /* the epoch from 1 at whose end the row becomes 3e38 */
} overflow;

static void begin_overflow(overflow *o, size_t break_at) {
    float first[FIXTURE_WIDTH];
    *o = (overflow){.break_at = break_at};
    o->model = test_model(NULL, "input=4 latent=2 likelihood=gaussian", 0.1);
    for (size_t i = 0; i < 2; i++)
        test_parameter(o->model, "posterior.weight")->values[i * FIXTURE_WIDTH] = 2;
    test_values(o->x, COUNT_OF(o->x), 17, 0, 1);
    test_values(o->held_out, COUNT_OF(o->held_out), 18, 0, 1);
    assert_ok(vae_optimizer_create(o->model, "sgd lr=1e-5", &o->optimizer));
    assert_ok(vae_dataset_from_memory(NULL, o->x, 20, FIXTURE_WIDTH, "batch=5", &o->data));
    assert_ok(vae_dataset_from_memory(NULL, o->held_out, 20, FIXTURE_WIDTH, "copy=0 split=test:0.5",
                                      &o->validation));
    assert_ok(vae_dataset_read(o->validation, 3, 1, first, FIXTURE_WIDTH));
    while (memcmp(o->held_out + o->row * FIXTURE_WIDTH, first, sizeof first)) o->row++;
    assert_int_not_equal(o->row, 3);
    if (!break_at) o->held_out[o->row * FIXTURE_WIDTH] = 3e38f;
}

static void end_overflow(overflow *o) {
    free(o->best);
    vae_dataset_destroy(o->validation);
    vae_dataset_destroy(o->data);
    vae_optimizer_destroy(o->optimizer);
    vae_model_destroy(o->model);
}

static int32_t break_row(void *user, int32_t event, const vae_step_report *train,
                         const vae_step_report *validation) {
    overflow *o = user;
    size_t bytes = o->model->parameters.block_count * sizeof(vae__real);
    (void)train, (void)validation;
    if (event != VAE_EVENT_EPOCH) return 0;
    if (++o->epochs != o->break_at) return 0;
    o->held_out[o->row * FIXTURE_WIDTH] = 3e38f;
    o->best = malloc(bytes);
    memcpy(o->best, o->model->parameters.block, bytes);
    return 0;
}

/* Not a best epoch that is none: an error that names the row, under its number before the split. What
 * was the best until then is what restore_best=1 leaves. */
static void refuses_a_row_without_an_elbo(void **state) {
    (void)state;
    if (sizeof(vae__real) != sizeof(float)) skip(); /* 6e38 is a double */
    for (size_t k = 0; k < 6; k++) {
        static const char *const options[] = {"epochs=5", "epochs=5 patience=2",
                                              "epochs=5 restore_best=1"};
        overflow o;
        char message[200];
        begin_overflow(&o, k % 2 ? 2 : 0);
        snprintf(message, sizeof message,
                 "validation set: row %zu: its ELBO is not finite (reconstruction ", o.row);
        assert_fails(
            vae_train(o.model, o.optimizer, o.data, o.validation, options[k / 2], break_row, &o),
            VAE_ERROR_DIVERGED, message);
        assert_non_null(strstr(vae_last_error(), "the row's own largest is 3e+38 in column 0"));
        assert_null(strstr(vae_last_error(), "learning rate"));
        assert_int_equal(o.epochs, k % 2 ? 2 : 0);
        assert_int_equal(vae_dataset_epoch(o.data), k % 2 ? 3 : 1);
        if (k % 2 && k / 2 == 2) {
            /* each epoch of this training is better than the one before */
            assert_memory_equal(o.model->parameters.block, o.best,
                                o.model->parameters.block_count * sizeof(vae__real));
        }
        o.held_out[o.row * FIXTURE_WIDTH] = 0.5f;
        assert_ok(
            vae_train(o.model, o.optimizer, o.data, o.validation, options[k / 2], NULL, NULL));
        end_overflow(&o);
    }
}

/* A row of 1e20 has an ELBO, but the mean over the rows is then so large that no epoch differs from
 * another in it: that is said, and an error where epochs are to be compared. */
static void refuses_a_mean_that_shows_nothing(void **state) {
    fixture_log log = {0};
    fixture f;
    float rows[6 * FIXTURE_WIDTH];
    vae_dataset *validation;
    (void)state;
    test_values(rows, COUNT_OF(rows), 99, 0, 1);
    rows[4 * FIXTURE_WIDTH + 1] = 1e20f;
    fixture_begin(&f, "gaussian sigma=1", "adam", "batch=4");
    assert_ok(vae_context_set_log(f.context, fixture_hear, &log));
    assert_ok(vae_dataset_from_memory(NULL, rows, 6, FIXTURE_WIDTH, NULL, &validation));
    assert_ok(vae_train(f.model, f.optimizer, f.dataset, validation, "epochs=3", NULL, NULL));
    assert_int_equal(log.warnings, 1); /* not at each epoch */
    assert_non_null(strstr(log.warning,
                           "train: validation set: the ELBO of row 4, -5e+39, decides the "
                           "mean, -8.333e+38"));
    for (size_t i = 0; i < 2; i++) {
        uint64_t before = vae_dataset_epoch(f.dataset);
        assert_fails(vae_train(f.model, f.optimizer, f.dataset, validation,
                               i ? "epochs=3 patience=5" : "epochs=3 restore_best=1", NULL, NULL),
                     VAE_ERROR_DIVERGED,
                     "validation set: row 4 has an ELBO of -5e+39: in the mean over 6 rows, "
                     "-8.333e+38, no difference between epochs can be seen");
        assert_int_equal(vae_dataset_epoch(f.dataset), before + 2);
    }
    vae_dataset_destroy(validation);
    /* a row that is merely bad is no reason */
    rows[4 * FIXTURE_WIDTH + 1] = 1e3f;
    assert_ok(vae_dataset_from_memory(NULL, rows, 6, FIXTURE_WIDTH, NULL, &validation));
    log.warnings = 0;
    assert_ok(vae_train(f.model, f.optimizer, f.dataset, validation, "epochs=3 restore_best=1",
                        NULL, NULL));
    assert_int_equal(log.warnings, 0);
    vae_dataset_destroy(validation);
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

/* ---- what is said beforehand ---- */

/* Ten rows in batches of four: three updates an epoch, two with drop_last=1. */
static void says_when_no_epoch_counts(void **state) {
    static const struct {
        const char *optimizer, *dataset, *options;
        int steps_before, warns;
        const char *part;
    } cases[] = {
        {"adam warmup=10", "batch=4", "epochs=3 patience=1", 0, 1,
         "the warm-up lasts until update 10, and the last of 3 epochs ends at update 9"},
        {"adam beta_warmup=10", "batch=4", "epochs=3 restore_best=1", 0, 1, "until update 10"},
        {"adam warmup=4 beta_warmup=10", "batch=4", "epochs=3 restore_best=1 patience=2", 0, 1,
         "until update 10"},
        {"adam warmup=9", "batch=4", "epochs=3 patience=1", 0, 0, NULL},
        {"adam warmup=10", "batch=4", "epochs=4 patience=1", 0, 0, NULL},
        {"adam warmup=10", "batch=4", "epochs=3", 0, 0, NULL},
        {"adam warmup=7", "batch=4 drop_last=1", "epochs=3 patience=1", 0, 1, "at update 6"},
        {"adam warmup=6", "batch=4 drop_last=1", "epochs=3 patience=1", 0, 0, NULL},
        /* the first epoch is the rest of one */
        {"adam warmup=10", "batch=4", "epochs=3 patience=1", 1, 1, "at update 9"},
        {"adam warmup=10", "batch=4", "epochs=3 patience=1", 3, 0, NULL},
        {"adam beta_warmup=1000000000000000", "batch=4", "epochs=1000000000000 patience=1", 0, 1,
         "at update 3e+12"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fixture_log log = {0};
        fixture f;
        witness w = {.stop_at = 40};
        fixture_begin(&f, "gaussian", cases[i].optimizer, cases[i].dataset);
        for (int k = 0; k < cases[i].steps_before; k++)
            assert_ok(vae_step(f.model, f.optimizer, f.dataset, NULL));
        assert_ok(vae_context_set_log(f.context, fixture_hear, &log));
        assert_true(train(&f, f.dataset, cases[i].options, &w) >= 0);
        check_logged(&log, i, cases[i].warns, cases[i].part);
        forget(&w);
        fixture_end(&f);
    }
}

/* A schedule that is over leaves nothing to train with. */
static void says_when_the_rate_is_spent(void **state) {
    fixture_log log = {0};
    fixture f;
    (void)state;
    fixture_begin(&f, "gaussian", "adam schedule=cosine steps=4", "batch=4");
    assert_ok(vae_context_set_log(f.context, fixture_hear, &log));
    assert_ok(vae_train(f.model, f.optimizer, f.dataset, NULL, "epochs=2", NULL, NULL));
    assert_int_equal(log.warnings, 0);
    assert_ok(vae_train(f.model, f.optimizer, f.dataset, NULL, "epochs=1", NULL, NULL));
    check_logged(&log, 0, 1,
                 "the learning rate is 0 from here on: schedule=cosine steps=4 is counted from "
                 "update 0, and 6 updates were made");
    fixture_end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trains_for_epochs),
        cmocka_unit_test(finishes_a_begun_epoch),
        cmocka_unit_test(calls_for_epochs_only),
        cmocka_unit_test(equals_steps),
        cmocka_unit_test(stops_at_any_event),
        cmocka_unit_test(ends_with_the_first_error),
        cmocka_unit_test(validates_with_beta_one),
        cmocka_unit_test(needs_validation_rows),
        cmocka_unit_test(refuses_a_row_without_an_elbo),
        cmocka_unit_test(refuses_a_mean_that_shows_nothing),
        cmocka_unit_test(loses_patience),
        cmocka_unit_test(asks_for_a_difference),
        cmocka_unit_test(restores_the_best),
        cmocka_unit_test(keeps_what_it_has_during_warm_up),
        cmocka_unit_test(says_when_no_epoch_counts),
        cmocka_unit_test(says_when_the_rate_is_spent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
