/* Columns of large numbers that lie close together, from the rows to the model and its files: the
 * option shift=, what a model records of it, and what meets a model later. */
#include <math.h>
#include <string.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/folder.h"

#define SPEC "input=2 latent=1 likelihood=gaussian encoder=[dense 3, tanh] standardize=1 "

enum { ROWS = 40, WIDTH = 2 };

/* Seconds since 1970, and a column that float holds. */
static double rows[ROWS * WIDTH];

static void make_rows(void) {
    for (int i = 0; i < ROWS; i++) {
        rows[WIDTH * i] = 1.7e9 + i * 13 % 17;
        rows[WIDTH * i + 1] = (i * 7 % 11) / 4.0;
    }
}

static vae_dataset *take(const double *values, size_t n, size_t width, const char *options) {
    vae_dataset *dataset = NULL;
    char text[200];
    snprintf(text, sizeof text, "dtype=float64 %s", options);
    assert_ok(vae_dataset_from_memory(NULL, values, n, width, text, &dataset));
    return dataset;
}

static double figure(const vae_model *model, const vae_dataset *dataset,
                     const vae_dataset *fitted_on, const char *name) {
    vae_evaluation *evaluation = NULL;
    double value = NAN;
    assert_ok(vae_evaluate(model, dataset, fitted_on, NULL, NULL, NULL, &evaluation));
    assert_ok(vae_evaluation_value(evaluation, name, &value));
    vae_evaluation_destroy(evaluation);
    return value;
}

/* The metadata's entry in a saved model, "" if there is none; valid until the next call. */
static const char *recorded(const vae_model *model) {
    static char bytes[5000];
    size_t length;
    assert_ok(vae_model_save_memory(model, bytes, sizeof bytes, &length));
    bytes[2000] = 0; /* in the header, which is text */
    const char *key = strstr(bytes + 8, "\"dataset.shift\":\"");
    if (!key) return "";
    key += strlen("\"dataset.shift\":\"");
    *strchr(key, '"') = 0;
    return key;
}

/* ---- what the shift is for ---- */

/* log p of the best Gaussian of variance 1.25. */
static void near_numbers_have_the_density_of_their_differences(void **state) {
    static const double values[] = {1e9 - 1, 1e9, 1e9 + 1, 1e9 + 2};
    static const char *const specs[] = {"input=1 latent=1 likelihood=gaussian",
                                        "input=1 latent=1 likelihood=gaussian standardize=1"};
    const double expected = -0.5 * log(2 * acos(-1) * exp(1) * 1.25);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(specs); i++) {
        vae_model *model = NULL;
        vae_dataset *dataset = take(values, 4, 1, "shift=columns");
        assert_ok(vae_model_create(NULL, specs[i], &model));
        assert_ok(vae_model_initialize(model, dataset));
        double found = figure(model, dataset, NULL, "baseline_marginals");
        if (!(fabs(found - expected) < 1e-6)) fail_msg("%s: %.9g", specs[i], found);
        vae_dataset_destroy(dataset);
        vae_model_destroy(model);
    }
}

/* Training sees differences: the same rows without the 1.7e9 give the same steps, bit for bit. */
static void training_is_that_of_the_differences(void **state) {
    double near_zero[ROWS * WIDTH];
    char bytes[2][5000];
    size_t length[2];
    (void)state;
    make_rows();
    for (int i = 0; i < ROWS * WIDTH; i++) near_zero[i] = rows[i] - (i % 2 ? 0 : 1.7e9 + 8);
    for (int shifted = 0; shifted < 2; shifted++) {
        vae_model *model = NULL;
        vae_optimizer *optimizer = NULL;
        vae_dataset *dataset = shifted ? take(rows, ROWS, WIDTH, "batch=7 shift=[1700000008, 0]")
                                       : take(near_zero, ROWS, WIDTH, "batch=7");
        assert_ok(vae_model_create(NULL, "input=2 latent=1 likelihood=gaussian", &model));
        assert_ok(vae_model_initialize(model, dataset));
        assert_ok(vae_optimizer_create(model, "adam lr=0.01", &optimizer));
        assert_ok(vae_train(model, optimizer, dataset, NULL, "epochs=3", NULL, NULL));
        assert_ok(vae_model_save_memory(model, bytes[shifted], 5000, &length[shifted]));
        vae_optimizer_destroy(optimizer);
        vae_model_destroy(model);
        vae_dataset_destroy(dataset);
    }
    assert_int_equal(length[0], length[1]);
    assert_memory_equal(bytes[0], bytes[1], length[0]);
}

/* ---- a model and what it recorded ---- */

typedef struct meeting {
    vae_model *model;
    vae_optimizer *optimizer;
    vae_dataset *shifted, *listed, *plain, *other; /* the same rows, opened in four ways */
} meeting;

static void begin(meeting *m) {
    make_rows();
    m->shifted = take(rows, ROWS, WIDTH, "batch=9 shift=columns");
    m->listed = take(rows, ROWS, WIDTH, "batch=9 shift=[1700000008, 1.25]");
    m->other = take(rows, ROWS, WIDTH, "batch=9 shift=[1700000008, 1]");
    m->plain = NULL;
    assert_ok(vae_dataset_from_memory(NULL, (const float[WIDTH * 2]){1, 2, 3, 4}, 2, WIDTH, NULL,
                                      &m->plain));
    assert_ok(vae_model_create(NULL, SPEC, &m->model));
    assert_ok(vae_model_initialize(m->model, m->shifted));
    assert_ok(vae_optimizer_create(m->model, "adam", &m->optimizer));
}

static void end(meeting *m) {
    vae_optimizer_destroy(m->optimizer);
    vae_model_destroy(m->model);
    vae_dataset_destroy(m->shifted);
    vae_dataset_destroy(m->listed);
    vae_dataset_destroy(m->plain);
    vae_dataset_destroy(m->other);
}

#define FIRST                                                                       \
    "subtracts 0 from column 0 (from 0); the model was initialized with rows from " \
    "which 1700000008 was subtracted: open it with shift=[1700000008, 1.25]"
#define SECOND                                                                      \
    "subtracts 1 from column 1 (from 0); the model was initialized with rows from " \
    "which 1.25 was subtracted: open it with shift=[1700000008, 1.25]"
#define MISMATCH VAE_ERROR_MISMATCH

static void other_shifts_are_refused(void **state) {
    meeting m;
    vae_evaluation *e = NULL;
    (void)state;
    begin(&m);
    assert_fails(vae_step(m.model, m.optimizer, m.plain, NULL), MISMATCH,
                 "vae_step: the data set " FIRST);
    assert_fails(vae_step(m.model, m.optimizer, m.other, NULL), MISMATCH,
                 "vae_step: the data set " SECOND);
    assert_int_equal(vae_dataset_position(m.other), 0);
    assert_fails(vae_train(m.model, m.optimizer, m.other, NULL, NULL, NULL, NULL), MISMATCH,
                 "vae_train: the data set " SECOND);
    assert_fails(vae_train(m.model, m.optimizer, m.shifted, m.plain, NULL, NULL, NULL), MISMATCH,
                 "vae_train: the validation set " FIRST);
    assert_fails(vae_evaluate(m.model, m.other, NULL, NULL, NULL, NULL, &e), MISMATCH,
                 "vae_evaluate: the data set " SECOND);
    assert_fails(vae_evaluate(m.model, m.shifted, m.other, NULL, NULL, NULL, &e), MISMATCH,
                 "vae_evaluate: fitted_on " SECOND);
    assert_null(e);
    assert_int_equal(vae_optimizer_steps(m.optimizer), 0);
    assert_ok(vae_step(m.model, m.optimizer, m.shifted, NULL));
    assert_ok(vae_train(m.model, m.optimizer, m.listed, m.shifted, NULL, NULL, NULL));
    assert_true(isfinite(figure(m.model, m.shifted, m.listed, "elbo")));
    end(&m);
}

static void it_is_kept_with_the_model(void **state) {
    meeting m;
    vae_model *clone = NULL, *loaded = NULL, *again = NULL;
    const char *path = test_in_folder("model");
    (void)state;
    begin(&m);
    assert_string_equal(recorded(m.model), "[1700000008, 1.25]");
    assert_ok(vae_model_clone(m.model, &clone));
    assert_ok(vae_model_save(clone, path));
    assert_ok(vae_model_load(NULL, path, &loaded));
    assert_ok(vae_model_clone(loaded, &again));
    vae_model *const models[] = {clone, loaded, again};
    for (size_t i = 0; i < COUNT_OF(models); i++) {
        vae_evaluation *e = NULL;
        assert_string_equal(recorded(models[i]), "[1700000008, 1.25]");
        assert_fails(vae_evaluate(models[i], m.plain, NULL, NULL, NULL, NULL, &e), MISMATCH, FIRST);
        assert_true(figure(models[i], m.listed, NULL, "elbo") ==
                    figure(m.model, m.shifted, NULL, "elbo"));
        vae_model_destroy(models[i]);
    }
    end(&m);
}

static void checkpoints_keep_it(void **state) {
    meeting m;
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    const char *path = test_in_folder("checkpoint");
    (void)state;
    begin(&m);
    assert_ok(vae_step(m.model, m.optimizer, m.shifted, NULL));
    assert_fails(vae_checkpoint_save(m.model, m.optimizer, m.other, path), MISMATCH,
                 "vae_checkpoint_save: the data set " SECOND);
    assert_ok(vae_checkpoint_save(m.model, m.optimizer, m.shifted, path));
    assert_fails(vae_checkpoint_load(NULL, path, m.other, &model, &optimizer), MISMATCH, SECOND);
    assert_non_null(strstr(vae_last_error(), path));
    assert_true(!model && !optimizer && vae_dataset_position(m.other) == 0);
    assert_fails(vae_checkpoint_load(NULL, path, m.plain, &model, &optimizer), MISMATCH, FIRST);
    assert_ok(vae_checkpoint_load(NULL, path, m.listed, &model, &optimizer));
    assert_int_equal(vae_dataset_position(m.listed), 9);
    assert_string_equal(recorded(model), "[1700000008, 1.25]");
    assert_ok(vae_step(model, optimizer, m.listed, NULL));
    assert_fails(vae_step(model, optimizer, m.other, NULL), MISMATCH, SECOND);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    end(&m);
}

/* A data set of another width is told by its description, before columns are compared. */
static void checkpoints_tell_the_width_first(void **state) {
    meeting m;
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    const char *path = test_in_folder("checkpoint");
    (void)state;
    begin(&m);
    vae_dataset *narrow = take(rows, ROWS, 1, "batch=9 shift=columns");
    assert_ok(vae_checkpoint_save(m.model, m.optimizer, m.shifted, path));
    assert_fails(vae_checkpoint_load(NULL, path, narrow, &model, &optimizer), MISMATCH,
                 "expected width=2, found width=1");
    vae_dataset_destroy(narrow);
    end(&m);
}

/* Initializing again takes the shift of the new rows; rows without one leave none. */
static void initializing_records_anew(void **state) {
    meeting m;
    vae_model *model = NULL;
    (void)state;
    begin(&m);
    assert_ok(vae_model_create(NULL, SPEC, &model));
    assert_string_equal(recorded(model), "");
    assert_ok(vae_model_initialize(model, m.other));
    assert_string_equal(recorded(model), "[1700000008, 1]");
    assert_ok(vae_model_initialize(model, m.shifted));
    assert_string_equal(recorded(model), "[1700000008, 1.25]");
    assert_ok(vae_model_initialize(model, m.plain));
    assert_string_equal(recorded(model), "");
    vae_model_destroy(model);
    end(&m);
}

/* Without standardize=1 nothing is recorded, and any data set is taken, as 0.1 did. */
static void other_models_record_nothing(void **state) {
    meeting m;
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    (void)state;
    begin(&m);
    assert_ok(vae_model_create(NULL, "input=2 latent=1 likelihood=gaussian", &model));
    assert_ok(vae_model_initialize(model, m.shifted));
    assert_string_equal(recorded(model), "");
    assert_ok(vae_optimizer_create(model, NULL, &optimizer));
    assert_ok(vae_step(model, optimizer, m.shifted, NULL));
    assert_ok(vae_step(model, optimizer, m.other, NULL));
    assert_ok(vae_step(model, optimizer, m.plain, NULL));
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    end(&m);
}

static int warnings;

static void hear(void *user, int32_t level, const char *message) {
    (void)user;
    warnings += level == VAE_LOG_WARNING && strstr(message, "the data set has a shift") != NULL;
}

/* A model that was fitted to rows without a shift takes shifted ones, since its input.shift may have
 * been set for them; it is said. */
static void an_unknown_shift_is_said(void **state) {
    meeting m;
    vae_context *context = NULL;
    vae_model *model = NULL, *shifted = NULL;
    vae_optimizer *optimizer = NULL;
    (void)state;
    begin(&m);
    assert_ok(vae_context_create(NULL, &context));
    assert_ok(vae_context_set_log(context, hear, NULL));
    assert_ok(vae_model_create(context, SPEC, &model));
    assert_ok(vae_model_initialize(model, m.plain));
    assert_ok(vae_optimizer_create(model, NULL, &optimizer));
    warnings = 0;
    figure(model, m.plain, NULL, "elbo");
    assert_int_equal(warnings, 0);
    figure(model, m.shifted, NULL, "elbo");
    assert_int_equal(warnings, 1);
    assert_ok(vae_train(model, optimizer, m.shifted, NULL, "epochs=1", NULL, NULL));
    assert_int_equal(warnings, 2);
    assert_ok(vae_model_create(context, SPEC, &shifted));
    assert_ok(vae_model_initialize(shifted, m.shifted));
    figure(shifted, m.shifted, NULL, "elbo");
    assert_int_equal(warnings, 2);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_model_destroy(shifted);
    vae_context_destroy(context);
    end(&m);
}

/* Values that the model makes, in the units of the file: x range + offset. */
static void outputs_are_shifted(void **state) {
    meeting m;
    float x[ROWS * WIDTH], mean[ROWS * WIDTH];
    double offset, range, sum = 0;
    (void)state;
    begin(&m);
    assert_ok(vae_dataset_read(m.shifted, 0, ROWS, x, WIDTH));
    assert_ok(vae_reconstruct(m.model, x, ROWS, WIDTH, mean));
    assert_ok(vae_dataset_scaling(m.shifted, 0, &offset, &range));
    for (int i = 0; i < ROWS; i++) {
        assert_true((double)x[WIDTH * i] * range + offset == rows[WIDTH * i]);
        sum += (double)mean[WIDTH * i] * range + offset;
    }
    assert_true(fabs(sum / ROWS - 1.7e9 - 8) < 3); /* an untrained model gives about the mean */
    end(&m);
}

/* ---- hostile files ---- */

static void damaged_lists_are_refused(void **state) {
    meeting m;
    char bytes[5000];
    size_t length;
    vae_model *model = NULL;
    (void)state;
    begin(&m);
    assert_ok(vae_model_save_memory(m.model, bytes, sizeof bytes, &length));
    char *list = NULL;
    for (size_t i = 8; i < length && !list; i++)
        if (!memcmp(bytes + i, "[1700000008, 1.25]", 18)) list = bytes + i;
    assert_non_null(list);
    memcpy(list, "[1700000008; 1.25]", 18);
    assert_fails(vae_model_load_memory(NULL, bytes, length, &model), VAE_ERROR_FORMAT,
                 "memory: __metadata__ 'dataset.shift' is '[1700000008; 1.25]'; expected a list of "
                 "2 finite numbers, one for each column");
    assert_null(model);
    end(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_numbers_have_the_density_of_their_differences),
        cmocka_unit_test(training_is_that_of_the_differences),
        cmocka_unit_test(other_shifts_are_refused),
        cmocka_unit_test(it_is_kept_with_the_model),
        cmocka_unit_test(checkpoints_keep_it),
        cmocka_unit_test(checkpoints_tell_the_width_first),
        cmocka_unit_test(initializing_records_anew),
        cmocka_unit_test(other_models_record_nothing),
        cmocka_unit_test(an_unknown_shift_is_said),
        cmocka_unit_test(outputs_are_shifted),
        cmocka_unit_test(damaged_lists_are_refused),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_remove);
}
