/* The shift that a model records: kept in two forms that agree, read again, and held against that of a data set. */
#include "model/shift.h"
#include "support/cmocka.h"

#include <math.h>

#include "support/checks.h"

static vae_model *new_model(size_t width) {
    char spec[80];
    vae_model *model = NULL;
    snprintf(spec, sizeof spec, "input=%zu latent=1 likelihood=gaussian standardize=1", width);
    assert_ok(vae_model_create(NULL, spec, &model));
    return model;
}

/* The model as if it had been loaded with this text. */
static vae_status load(vae_model *model, const char *text) {
    assert_ok(vae__metadata_put(model->context, &model->metadata, VAE__SHIFT_KEY, text));
    return vae__shift_load(model, "some file");
}

static void keeps_a_copy(void **state) {
    double offsets[] = {1e9, 0, -2460310.5, 0.1};
    vae_model *model = new_model(4), *clone = NULL;
    (void)state;
    assert_ok(vae__shift_record(model, offsets));
    offsets[0] = 7;
    assert_true(model->shift[0] == 1e9 && model->shift[3] == 0.1);
    assert_string_equal(vae_model_metadata(model, "dataset.shift"), "[1e+09, 0, -2460310.5, 0.1]");
    assert_ok(vae_model_clone(model, &clone));
    assert_memory_equal(clone->shift, model->shift, sizeof offsets);
    vae_model_destroy(clone);
    vae_model_destroy(model);
}

static void zeros_are_none(void **state) {
    const double zeros[] = {0, -0.0}, some[] = {0, 3};
    vae_model *model = new_model(2);
    (void)state;
    assert_ok(vae__shift_record(model, zeros));
    assert_true(!model->shift && !vae_model_metadata(model, "dataset.shift"));
    assert_ok(vae__shift_load(model, "some file"));
    assert_null(model->shift);
    assert_ok(load(model, "[0, 0]"));
    assert_null(model->shift);
    assert_ok(vae__shift_record(model, some));
    assert_non_null(model->shift);
    assert_ok(vae__shift_record(model, NULL));
    assert_true(!model->shift && !vae_model_metadata(model, "dataset.shift"));
    vae_model_destroy(model);
}

/* The shortest text reads back as the same double, whatever it is. */
static void reads_what_it_prints(void **state) {
    const double offsets[] = {1.0 / 3, 1700000000.123, -1e300, 5e-324, 1e9 + 1};
    vae_model *made = new_model(5), *read = new_model(5);
    (void)state;
    assert_ok(vae__shift_record(made, offsets));
    assert_ok(load(read, vae_model_metadata(made, "dataset.shift")));
    assert_memory_equal(read->shift, offsets, sizeof offsets);
    vae_model_destroy(made);
    vae_model_destroy(read);
}

static void refuses_other_texts(void **state) {
    static const char *const texts[] = {"",        "1, 2",     "[1]",         "[1, 2, 3]",
                                        "[]",      "[1, x]",   "[1, 2",       "[1, nan]",
                                        "[1,, 2]", "[1, inf]", "[1, 2] more", "[[1], 2]"};
    vae_model *model = new_model(2);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_fails(load(model, texts[i]), VAE_ERROR_FORMAT,
                     "some file: __metadata__ 'dataset.shift' is '");
        assert_non_null(strstr(vae_last_error(), "expected a list of 2 finite numbers"));
        assert_null(model->shift);
    }
    vae_model_destroy(model);
}

/* ---- against a data set ---- */

static void compares_columns(void **state) {
    const double offsets[] = {1e9, 0, 3}, other[] = {1e9, 0, 3.0000000000000004};
    vae_model *model = new_model(3), *none = new_model(3);
    (void)state;
    assert_ok(vae__shift_record(model, offsets));
    assert_ok(vae__shift_check(model, offsets, "the data set"));
    assert_ok(vae__shift_check(none, offsets, "the data set"));
    assert_ok(vae__shift_check(none, NULL, "the data set"));
    assert_fails(vae__shift_check(model, other, "the validation set"), VAE_ERROR_MISMATCH,
                 "the validation set subtracts 3.0000000000000004 from column 2 (from 0); the "
                 "model was initialized with rows from which 3 was subtracted: open it with "
                 "shift=[1e+09, 0, 3]");
    assert_fails(vae__shift_check(model, NULL, "fitted_on"), VAE_ERROR_MISMATCH,
                 "fitted_on subtracts 0 from column 0 (from 0); the model was initialized with "
                 "rows from which 1e+09 was subtracted");
    vae_model_destroy(model);
    vae_model_destroy(none);
}

/* A list that is too long for a message stands in the model's file. */
static void names_the_metadata_of_wide_rows(void **state) {
    enum { WIDTH = 300 };
    double offsets[WIDTH];
    vae_model *model = new_model(WIDTH);
    (void)state;
    for (int i = 0; i < WIDTH; i++) offsets[i] = i;
    assert_ok(vae__shift_record(model, offsets));
    assert_fails(vae__shift_check(model, NULL, "the data set"), VAE_ERROR_MISMATCH,
                 "subtracts 0 from column 1 (from 0)");
    assert_non_null(strstr(vae_last_error(), "with shift=[..], the list that the model's metadata "
                                             "holds as dataset.shift"));
    vae_model_destroy(model);
}

/* ---- memory that is refused ---- */

static void survives_every_refusal(void **state) {
    const double before[] = {1, 2}, offsets[] = {3, 4};
    (void)state;
    for (size_t number = 1, refused = 1; refused; number++) {
        host_allocator counts;
        vae_context *context = counted_context(NULL, &counts);
        vae_model *model = NULL;
        assert_ok(vae_model_create(context, "input=2 latent=1 likelihood=gaussian standardize=1",
                                   &model));
        assert_ok(vae__shift_record(model, before));
        counts.refuse_once = 1;
        counts.refuse_from = atomic_load(&counts.calls) + number;
        vae_status status = vae__shift_record(model, offsets);
        refused = atomic_load(&counts.calls) >= counts.refuse_from;
        counts.refuse_from = 0;
        assert_int_equal(status, refused ? VAE_ERROR_MEMORY : VAE_OK);
        assert_memory_equal(model->shift, refused ? before : offsets, sizeof before);
        assert_string_equal(vae_model_metadata(model, "dataset.shift"),
                            refused ? "[1, 2]" : "[3, 4]");
        assert_true(refused || number > 3);
        vae_model_destroy(model);
        vae_context_destroy(context);
        assert_int_equal(atomic_load(&counts.blocks), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_a_copy),           cmocka_unit_test(zeros_are_none),
        cmocka_unit_test(reads_what_it_prints),   cmocka_unit_test(refuses_other_texts),
        cmocka_unit_test(compares_columns),       cmocka_unit_test(names_the_metadata_of_wide_rows),
        cmocka_unit_test(survives_every_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
