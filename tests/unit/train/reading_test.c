/* Rows that cannot be read while a model is trained, evaluated or initialized. */
#include <string.h>

#include "support/rows.h"
#include "data/describe.h"
#include "data/state.h"
#include "train/checkpoint.h"
#include "train/evaluation.h"
#include "train/suggest.h"
#include "unit/train/fixture.h"

/* The fixture's rows behind a source of rows. */
typedef struct source_fixture {
    fixture f;
    test_rows rows;
} source_fixture;

static void begin(source_fixture *s, const char *likelihood, const char *dataset) {
    fixture_begin(&s->f, likelihood, "adam lr=0.01", "");
    vae_dataset_destroy(s->f.dataset);
    s->rows = test_rows_of(s->f.x, FIXTURE_ROWS, FIXTURE_WIDTH);
    assert_ok(test_rows_open(&s->rows, s->f.context, dataset, &s->f.dataset));
}

static void mend(source_fixture *s) {
    for (size_t i = 0; i < 2; i++) atomic_store(&s->rows.broken[i], SIZE_MAX);
    atomic_store(&s->rows.fail_read, 0);
}

static vae_status step(fixture *f, vae_step_report *report) {
    *report = (vae_step_report){.struct_size = sizeof *report};
    return vae_step(f->model, f->optimizer, f->dataset, report);
}

/* ---- steps ---- */

static void a_step_fails_and_can_be_made_again(void **state) {
    source_fixture s, undisturbed;
    vae_step_report report;
    (void)state;
    begin(&s, "gaussian", "batch=4 shuffle=0");
    begin(&undisturbed, "gaussian", "batch=4 shuffle=0");
    assert_ok(step(&s.f, &report));
    atomic_store(&s.rows.broken[0], 6);
    frozen before = freeze(s.f.optimizer);
    for (int i = 0; i < 2; i++) {
        assert_fails(step(&s.f, &report), VAE_ERROR_FILE, "row 1006: " TEST_READ_FAILURE);
        assert_true(report.flags == 0 && report.step == 1);
        assert_true(vae_dataset_epoch(s.f.dataset) == 0 && vae_dataset_position(s.f.dataset) == 4);
    }
    assert_true(thaw(&before, s.f.optimizer));
    mend(&s);
    for (int i = 0; i < 4; i++) assert_ok(step(&s.f, &report));
    for (int i = 0; i < 5; i++) assert_ok(step(&undisturbed.f, &report));
    assert_true(same_parameters(s.f.model, undisturbed.f.model));
    assert_true(vae_dataset_epoch(s.f.dataset) == 1 && vae_dataset_position(s.f.dataset) == 8);
    fixture_end(&s.f);
    fixture_end(&undisturbed.f);
}

/* Also where the batch was the last of its epoch, and the next one has another order. */
static void an_epoch_s_last_batch_is_given_back(void **state) {
    source_fixture s, undisturbed;
    vae_step_report report;
    (void)state;
    begin(&s, "gaussian", "batch=4 seed=3");
    begin(&undisturbed, "gaussian", "batch=4 seed=3");
    for (int i = 0; i < 2; i++) assert_ok(step(&s.f, &report));
    atomic_store(&s.rows.fail_read, atomic_load(&s.rows.reads) + 2);
    assert_fails(step(&s.f, &report), VAE_ERROR_FILE, TEST_READ_FAILURE);
    assert_true(vae_dataset_epoch(s.f.dataset) == 0 && vae_dataset_position(s.f.dataset) == 8);
    for (int i = 0; i < 3; i++) assert_ok(step(&s.f, &report));
    for (int i = 0; i < 5; i++) assert_ok(step(&undisturbed.f, &report));
    assert_true(same_parameters(s.f.model, undisturbed.f.model));
    fixture_end(&s.f);
    fixture_end(&undisturbed.f);
}

enum { MANY = 96, WIDE = 64 };

/* Of several threads that meet such rows, the one with the first row is heard, on the caller's thread. */
static void names_the_first_row_of_all_threads(void **state) {
    static float x[MANY * WIDE];
    vae_context *context = test_context("threads=3");
    vae_model *model = test_model(context,
                                  "input=64 latent=2 encoder=[dense 512, tanh] decoder=[dense 512] "
                                  "likelihood=gaussian",
                                  0.1);
    test_rows rows = test_rows_of(x, MANY, WIDE);
    vae_optimizer *optimizer;
    vae_dataset *dataset;
    (void)state;
    test_values(x, COUNT_OF(x), 3, 0, 1);
    assert_ok(vae_optimizer_create(model, "adam", &optimizer));
    assert_ok(test_rows_open(&rows, context, "batch=96 shuffle=0", &dataset));
    assert_ok(vae_step(model, optimizer, dataset, NULL));
    assert_int_equal(vae__plan_workers(&optimizer->program.plan, MANY, 1), 3);
    atomic_store(&rows.broken[0], 90);
    atomic_store(&rows.broken[1], 40);
    for (int i = 0; i < 50; i++) {
        assert_fails(vae_step(model, optimizer, dataset, NULL), VAE_ERROR_FILE,
                     "row 1040: " TEST_READ_FAILURE);
    }
    atomic_store(&rows.broken[1], SIZE_MAX);
    assert_fails(vae_step(model, optimizer, dataset, NULL), VAE_ERROR_FILE, "row 1090: ");
    atomic_store(&rows.broken[0], SIZE_MAX);
    assert_ok(vae_step(model, optimizer, dataset, NULL));
    vae_dataset_destroy(dataset);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

static void a_step_allocates_nothing(void **state) {
    static float x[MANY * WIDE];
    host_allocator counts;
    vae_context *context = counted_context("threads=3", &counts);
    vae_model *model =
        test_model(context, "input=64 latent=2 encoder=[dense 512, tanh] likelihood=gaussian", 0.1);
    test_rows rows = test_rows_of(x, MANY, WIDE);
    vae_optimizer *optimizer;
    vae_dataset *dataset;
    (void)state;
    assert_ok(vae_optimizer_create(model, "adam", &optimizer));
    assert_ok(test_rows_open(&rows, context, "batch=96", &dataset));
    assert_ok(vae_step(model, optimizer, dataset, NULL));
    size_t calls = atomic_load(&counts.calls);
    for (int i = 0; i < 20; i++) assert_ok(vae_step(model, optimizer, dataset, NULL));
    assert_int_equal(atomic_load(&counts.calls), calls);
    vae_dataset_destroy(dataset);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_context_destroy(context);
    assert_int_equal(atomic_load(&counts.blocks), 0);
}

/* ---- training ---- */

static void training_goes_on_where_a_step_failed(void **state) {
    source_fixture s, undisturbed;
    (void)state;
    begin(&s, "gaussian", "batch=4");
    begin(&undisturbed, "gaussian", "batch=4");
    atomic_store(&s.rows.fail_read, atomic_load(&s.rows.reads) + FIXTURE_ROWS + 6);
    assert_fails(vae_train(s.f.model, s.f.optimizer, s.f.dataset, NULL, "epochs=3", NULL, NULL),
                 VAE_ERROR_FILE, TEST_READ_FAILURE);
    assert_true(vae_dataset_epoch(s.f.dataset) == 1 && vae_dataset_position(s.f.dataset) == 4);
    assert_int_equal(s.f.optimizer->state.steps, 4);
    assert_ok(vae_train(s.f.model, s.f.optimizer, s.f.dataset, NULL, "epochs=2", NULL, NULL));
    assert_ok(vae_train(undisturbed.f.model, undisturbed.f.optimizer, undisturbed.f.dataset, NULL,
                        "epochs=3", NULL, NULL));
    assert_true(same_parameters(s.f.model, undisturbed.f.model));
    fixture_end(&s.f);
    fixture_end(&undisturbed.f);
}

static void validation_fails_with_the_row(void **state) {
    source_fixture s;
    (void)state;
    begin(&s, "gaussian", "batch=4");
    test_rows rows = test_rows_of(s.f.x, FIXTURE_ROWS, FIXTURE_WIDTH);
    vae_dataset *validation;
    assert_ok(test_rows_open(&rows, s.f.context, "", &validation));
    atomic_store(&rows.broken[0], 3);
    assert_fails(
        vae_train(s.f.model, s.f.optimizer, s.f.dataset, validation, "epochs=2", NULL, NULL),
        VAE_ERROR_FILE, "validation set: row 1003: " TEST_READ_FAILURE);
    assert_int_equal(s.f.optimizer->state.steps, 3); /* what the steps before it did stays */
    atomic_store(&rows.broken[0], SIZE_MAX);
    assert_ok(vae_train(s.f.model, s.f.optimizer, s.f.dataset, validation, "", NULL, NULL));
    vae_dataset_destroy(validation);
    fixture_end(&s.f);
}

/* ---- passes over all rows ---- */

static vae_status evaluate(source_fixture *s, const vae_dataset *dataset, char *text) {
    vae_evaluation *evaluation = NULL;
    vae_status status =
        vae_evaluate(s->f.model, dataset, NULL, "samples=3", NULL, NULL, &evaluation);
    if (!status) snprintf(text, 2000, "%s", vae_evaluation_text(evaluation));
    vae_evaluation_destroy(evaluation);
    return status;
}

static vae_status initialize(source_fixture *s, const vae_dataset *dataset, char *text) {
    frozen before = freeze(s->f.optimizer);
    vae_status status = vae_model_initialize(s->f.model, dataset);
    int same = thaw(&before, s->f.optimizer);
    if (status && !same) fail_msg("a failed vae_model_initialize has changed the model");
    if (!status) snprintf(text, 2000, "%g", (double)s->f.model->parameters.block[0]);
    return status;
}

static vae_status suggest(source_fixture *s, const vae_dataset *dataset, char *text) {
    size_t length;
    vae_status status = vae_dataset_spec(dataset, text, 2000, &length);
    char *number = status ? NULL : strstr(text, ": row ");
    (void)s;
    if (number) *number = 0; /* which differs from that of rows in memory */
    return status;
}

static vae_status describe(source_fixture *s, const vae_dataset *dataset, char *text) {
    vae__buffer buffer = {.context = s->f.context};
    vae_status status = vae__dataset_describe(dataset, &buffer);
    if (!status) snprintf(text, 2000, "%s", buffer.text);
    vae__buffer_free(&buffer);
    return status;
}

static vae_status save(source_fixture *s, const vae_dataset *dataset, char *text) {
    *text = 0;
    return vae__checkpoint_write(s->f.optimizer, dataset, "/dev/null/nothing") == VAE_ERROR_FILE &&
                   !strstr(vae_last_error(), TEST_READ_FAILURE)
               ? VAE_OK
               : VAE_ERROR_FILE;
}

/* Each read of a pass fails once: the call does, with a row, and when none fails it gives what it gives for
 * rows in memory. */
static void every_read_of_a_pass_may_fail(void **state) {
    static vae_status (*const passes[])(source_fixture * s, const vae_dataset *dataset,
                                        char *text) = {evaluate, suggest, describe, save,
                                                       initialize};
    char expected[2000], found[2000];
    source_fixture s;
    vae_dataset *memory;
    (void)state;
    begin(&s, "gaussian sigma=per_dim standardize=1", "");
    assert_ok(vae_model_initialize(s.f.model, s.f.dataset));
    assert_ok(
        vae_dataset_from_memory(s.f.context, s.f.x, FIXTURE_ROWS, FIXTURE_WIDTH, "", &memory));
    for (size_t i = 0; i < COUNT_OF(passes); i++) {
        size_t failures = 0;
        vae_status status;
        do {
            atomic_store(&s.rows.reads, 0);
            atomic_store(&s.rows.fail_read, ++failures);
            status = passes[i](&s, s.f.dataset, found);
            if (status) {
                assert_int_equal(status, VAE_ERROR_FILE);
                assert_non_null(strstr(vae_last_error(), ": " TEST_READ_FAILURE));
                assert_non_null(strstr(vae_last_error(), "row 100"));
            }
        } while (status && failures < 1000);
        assert_in_range(failures, FIXTURE_ROWS + 1, 999);
        assert_ok(passes[i](&s, memory, expected));
        assert_string_equal(found, expected);
    }
    vae_dataset_destroy(memory);
    fixture_end(&s.f);
}

/* ---- images that are made when they are read ---- */

/* Trains on 200 images, of 600 KB in all. A limit while they are opened leaves no room for them. */
static vae_model *train_on_sprites(vae_context *context, int is_made) {
    vae_dataset *data = NULL;
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    context->memory_limit = is_made ? context->bytes + 900000 : SIZE_MAX;
    assert_ok(vae_dataset_open(context, "sprites:200:3x32x32", "batch=30 split=train:0.8", &data));
    assert_true((data->rows.memory == NULL) == is_made);
    context->memory_limit = SIZE_MAX;
    assert_ok(vae_model_create(context,
                               "input=3x32x32 latent=2 likelihood=discretized_logistic "
                               "encoder=[dense 4, tanh] decoder=[]",
                               &model));
    assert_ok(vae_model_initialize(model, data));
    assert_ok(vae_optimizer_create(model, "adam", &optimizer));
    assert_ok(vae_train(model, optimizer, data, data, "epochs=2", NULL, NULL));
    vae_optimizer_destroy(optimizer);
    vae_dataset_destroy(data);
    return model;
}

static void images_on_demand_train_as_those_in_memory(void **state) {
    vae_context *context = NULL;
    (void)state;
    assert_ok(vae_context_create("threads=2", &context));
    vae_model *kept = train_on_sprites(context, 0);
    vae_model *made = train_on_sprites(context, 1);
    assert_true(same_parameters(kept, made));
    vae_model_destroy(kept);
    vae_model_destroy(made);
    vae_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_fails_and_can_be_made_again),
        cmocka_unit_test(an_epoch_s_last_batch_is_given_back),
        cmocka_unit_test(names_the_first_row_of_all_threads),
        cmocka_unit_test(a_step_allocates_nothing),
        cmocka_unit_test(training_goes_on_where_a_step_failed),
        cmocka_unit_test(validation_fails_with_the_row),
        cmocka_unit_test(every_read_of_a_pass_may_fail),
        cmocka_unit_test(images_on_demand_train_as_those_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
