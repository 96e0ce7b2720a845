/* The shift that a model records: kept, printed, read again, and held against that of a data set. */
#include "model/shift.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/checks.h"

static vae_context *new_context(vae_alloc_fn allocate, vae_free_fn release, void *user) {
    vae_context *context;
    assert_ok(vae__context_new(allocate, release, user, &context));
    return context;
}

static void end(vae_context *context, vae__shift *shift) {
    vae__shift_free(context, shift);
    assert_int_equal(atomic_load(&context->bytes), 0);
    vae__context_release(context);
}

static void keeps_a_copy(void **state) {
    vae_context *context = new_context(NULL, NULL, NULL);
    double offsets[] = {1e9, 0, -2460310.5, 0.1};
    vae__shift shift;
    (void)state;
    assert_ok(vae__shift_make(context, offsets, 4, &shift));
    offsets[0] = 7;
    assert_true(shift.offsets[0] == 1e9 && shift.offsets[3] == 0.1);
    assert_string_equal(shift.text, "[1e+09, 0, -2460310.5, 0.1]");
    end(context, &shift);
}

static void zeros_are_none(void **state) {
    vae_context *context = new_context(NULL, NULL, NULL);
    const double zeros[] = {0, -0.0};
    vae__shift shift;
    (void)state;
    assert_ok(vae__shift_make(context, zeros, 2, &shift));
    assert_true(!shift.offsets && !shift.text);
    assert_ok(vae__shift_make(context, NULL, 2, &shift));
    assert_true(!shift.offsets && !shift.text);
    assert_ok(vae__shift_parse(context, "file", NULL, 2, &shift));
    assert_true(!shift.offsets && !shift.text);
    assert_ok(vae__shift_parse(context, "file", "[0, 0]", 2, &shift));
    assert_true(!shift.offsets && !shift.text);
    end(context, &shift);
}

/* The shortest text reads back as the same double, whatever it is. */
static void reads_what_it_prints(void **state) {
    vae_context *context = new_context(NULL, NULL, NULL);
    const double offsets[] = {1.0 / 3, 1700000000.123, -1e300, 5e-324, 1e9 + 1};
    vae__shift made, read;
    (void)state;
    assert_ok(vae__shift_make(context, offsets, 5, &made));
    assert_ok(vae__shift_parse(context, "file", made.text, 5, &read));
    assert_memory_equal(read.offsets, offsets, sizeof offsets);
    assert_string_equal(read.text, made.text);
    vae__shift_free(context, &made);
    end(context, &read);
}

static void refuses_other_texts(void **state) {
    static const char *const texts[] = {"",        "1, 2",     "[1]",         "[1, 2, 3]",
                                        "[]",      "[1, x]",   "[1, 2",       "[1, nan]",
                                        "[1,, 2]", "[1, inf]", "[1, 2] more", "[[1], 2]"};
    vae_context *context = new_context(NULL, NULL, NULL);
    vae__shift shift;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_fails(vae__shift_parse(context, "some file", texts[i], 2, &shift), VAE_ERROR_FORMAT,
                     "some file: __metadata__ 'dataset.shift' is '");
        assert_non_null(strstr(vae_last_error(), "expected a list of 2 finite numbers"));
        assert_true(!shift.offsets && !shift.text);
    }
    end(context, &shift);
}

/* ---- against a data set ---- */

static void compares_columns(void **state) {
    vae_context *context = new_context(NULL, NULL, NULL);
    const double offsets[] = {1e9, 0, 3}, other[] = {1e9, 0, 3.0000000000000004};
    const vae__shift none = {NULL, NULL};
    vae__shift shift;
    (void)state;
    assert_ok(vae__shift_make(context, offsets, 3, &shift));
    assert_ok(vae__shift_check(&shift, offsets, 3, "the data set"));
    assert_ok(vae__shift_check(&none, offsets, 3, "the data set"));
    assert_ok(vae__shift_check(&none, NULL, 3, "the data set"));
    assert_fails(vae__shift_check(&shift, other, 3, "the validation set"), VAE_ERROR_MISMATCH,
                 "the validation set subtracts 3.0000000000000004 from column 2 (from 0); the "
                 "model was initialized with rows from which 3 was subtracted: open it with "
                 "shift=[1e+09, 0, 3]");
    assert_fails(vae__shift_check(&shift, NULL, 3, "fitted_on"), VAE_ERROR_MISMATCH,
                 "fitted_on subtracts 0 from column 0 (from 0); the model was initialized with "
                 "rows from which 1e+09 was subtracted");
    end(context, &shift);
}

/* A list that is too long for a message stands in the model's file. */
static void names_the_metadata_of_wide_rows(void **state) {
    enum { WIDTH = 300 };
    vae_context *context = new_context(NULL, NULL, NULL);
    double offsets[WIDTH];
    vae__shift shift;
    (void)state;
    for (int i = 0; i < WIDTH; i++) offsets[i] = i;
    assert_ok(vae__shift_make(context, offsets, WIDTH, &shift));
    assert_fails(vae__shift_check(&shift, NULL, WIDTH, "the data set"), VAE_ERROR_MISMATCH,
                 "subtracts 0 from column 1 (from 0)");
    assert_non_null(strstr(vae_last_error(), "with shift=[..], the list that the model's metadata "
                                             "holds as dataset.shift"));
    end(context, &shift);
}

/* ---- memory that is refused ---- */

static void survives_every_refusal(void **state) {
    const double offsets[] = {1, 2};
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        vae_status status = VAE_ERROR_MEMORY;
        size_t number = 2; /* the first is the context's */
        for (; status; number++) {
            host_allocator counts = {.refuse_from = number};
            vae_context *context = new_context(host_alloc, host_free, &counts);
            vae__shift shift;
            status = kind ? vae__shift_make(context, offsets, 2, &shift)
                          : vae__shift_parse(context, "file", "[1, 2]", 2, &shift);
            assert_true(!status == !!shift.offsets && !status == !!shift.text);
            assert_true(!status || status == VAE_ERROR_MEMORY);
            end(context, &shift);
            assert_int_equal(atomic_load(&counts.blocks), 0);
        }
        assert_true(number > 4);
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
