#include <stdint.h>
#include <string.h>

#include "base/shape.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

static void keeps_the_product(void **state) {
    vae__shape shape = {0};
    (void)state;
    assert_true(vae__shape_append(&shape, 3) && vae__shape_append(&shape, 5));
    assert_int_equal(shape.rank, 2);
    assert_int_equal(shape.size, 15);
    assert_true(vae__shape_append(&shape, 0));
    assert_int_equal(shape.size, 0);
    shape = vae__shape_vector(7);
    assert_true(shape.rank == 1 && shape.extents[0] == 7 && shape.size == 7);
}

static void refuses_what_cannot_be_addressed(void **state) {
    vae__shape shape = vae__shape_vector(SIZE_MAX / 64);
    (void)state;
    assert_false(vae__shape_append(&shape, 5));
    assert_int_equal(shape.rank, 1);
    assert_int_equal(shape.size, SIZE_MAX / 64);
    shape = vae__shape_vector(1);
    for (size_t i = 1; i < VAE__MAX_RANK; i++) assert_true(vae__shape_append(&shape, 1));
    assert_false(vae__shape_append(&shape, 1));
}

static void compares_and_prints(void **state) {
    vae_context *context = test_context(NULL);
    vae__buffer text = {.context = context};
    vae__shape a = vae__shape_vector(1), b = a;
    (void)state;
    assert_true(vae__shape_append(&a, 28) && vae__shape_equal(&a, &a));
    assert_false(vae__shape_equal(&a, &b));
    assert_true(vae__shape_append(&b, 27));
    assert_false(vae__shape_equal(&a, &b));
    vae__shape_print(&text, &a);
    assert_string_equal(text.text, "1x28");
    vae__buffer_free(&text);
    vae_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_product),
        cmocka_unit_test(refuses_what_cannot_be_addressed),
        cmocka_unit_test(compares_and_prints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
