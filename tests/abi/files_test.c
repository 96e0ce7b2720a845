/* What libvae 0.1 wrote is read, measured and trained on as 0.1 itself did: the same bits where the arithmetic is the same,
 * otherwise to rounding. tests/abi/cases.h has the cases, tests/abi/0.1/write.c wrote the files.
 *
 * The arithmetic is the same with BLAS=builtin in float and the kernels of SSE2, whichever compiler made it: those have no
 * fused multiply-add to choose, and no option lets a compiler reorder sums. The C library's exp, log, pow and cos must also
 * give what they gave then, which old_libm() compares. */
#include <stdio.h>

#include "abi/cases.h"
#include "support/checks.h"
#include "support/cmocka.h"

#include "data/0.1/expected.inc"

/* Relative to the larger of 1 and the value. The largest difference seen was 2e-6 with OpenBLAS and 6e-6 in double. */
static const double tolerance = 3e-5;

static vae_context *context;
static int exact;

static int make_context(void **state) {
    (void)state;
    exact = vae_context_create("simd=sse2", &context) == VAE_OK;
    if (!exact && vae_context_create(NULL, &context)) return -1; /* another processor */
    exact =
        exact && strstr(vae_build_info(), "BLAS builtin, float") && old_libm() == old_libm_found;
    print_message("compared with libvae 0.1 %s\n", exact ? "bit for bit" : "to rounding");
    return 0;
}

static int destroy_context(void **state) {
    (void)state;
    vae_context_destroy(context);
    return 0;
}

static int same(double found, double expected) {
    if (exact) return !memcmp(&found, &expected, sizeof found);
    return fabs(found - expected) <= tolerance * fmax(1, fabs(expected));
}

static void check_values(const char *name, const char *what, const double *found,
                         const double *expected, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!same(found[i], expected[i])) {
            fail_msg("%s: %s, value %zu: 0.1 gave %a (%.9g), found %a (%.9g)", name, what, i,
                     expected[i], expected[i], found[i], found[i]);
        }
    }
}

static const char *old_path(const old_case *c, const char *end) {
    static char path[100];
    snprintf(path, sizeof path, DATA_FOLDER "%s%s", c->name, end);
    return path;
}

static vae_model *load(const old_case *c, const char *end) {
    vae_model *model = NULL;
    assert_ok(vae_model_load(context, old_path(c, end), &model));
    return model;
}

static size_t parameter_size(const vae_model *model, size_t index) {
    size_t shape[8], rank, count = 1;
    assert_ok(vae_model_parameter_shape(model, index, shape, 8, &rank));
    for (size_t i = 0; i < rank; i++) count *= shape[i];
    return count;
}

/* Every parameter of the file that 0.1 wrote at the end is in `model`, under its name, with its values. */
static void check_parameters(const old_case *c, const vae_model *model) {
    vae_model *end = load(c, ".safetensors");
    assert_true(vae_model_parameter_count(end) > 0);
    for (size_t i = 0; i < vae_model_parameter_count(end); i++) {
        const char *name = vae_model_parameter_name(end, i);
        size_t count = parameter_size(end, i);
        float *found = malloc(count * sizeof *found), *expected = malloc(count * sizeof *expected);
        assert_true(found && expected);
        assert_ok(vae_model_parameter_get(model, name, found, count));
        assert_ok(vae_model_parameter_get(end, name, expected, count));
        for (size_t k = 0; k < count; k++) {
            if (!same((double)found[k], (double)expected[k])) {
                fail_msg("%s: %s, value %zu: 0.1 reached %a (%.9g), found %a (%.9g)", c->name, name,
                         k, (double)expected[k], (double)expected[k], (double)found[k],
                         (double)found[k]);
            }
        }
        free(expected);
        free(found);
    }
    vae_model_destroy(end);
}

static void cases_are_those_of_the_files(void **state) {
    (void)state;
    assert_int_equal(COUNT_OF(old_found), OLD_CASES);
    for (size_t i = 0; i < OLD_CASES; i++)
        assert_string_equal(old_found[i].name, old_cases[i].name);
}

static void old_models_give_the_same_values(void **state) {
    static const char *const ends[CUTS] = {".checkpoint", ".safetensors"};
    (void)state;
    for (size_t i = 0; i < OLD_CASES; i++) {
        vae_dataset *dataset;
        assert_ok(old_dataset(context, &old_cases[i], &dataset));
        for (size_t k = 0; k < CUTS; k++) {
            double values[VALUES];
            vae_model *model = load(&old_cases[i], ends[k]);
            assert_ok(old_measure(model, dataset, values));
            check_values(old_cases[i].name, ends[k], values, old_found[i].values[k], VALUES);
            vae_model_destroy(model);
        }
        vae_dataset_destroy(dataset);
    }
}

static void old_checkpoints_are_resumed(void **state) {
    (void)state;
    for (size_t i = 0; i < OLD_CASES; i++) {
        const old_case *c = &old_cases[i];
        double values[VALUES], report[REPORT];
        vae_dataset *dataset;
        vae_model *model;
        vae_optimizer *optimizer;
        assert_ok(old_dataset(context, c, &dataset));
        assert_ok(
            vae_checkpoint_load(context, old_path(c, ".checkpoint"), dataset, &model, &optimizer));
        assert_int_equal(vae_optimizer_steps(optimizer), c->before);
        assert_ok(old_steps(model, optimizer, dataset, c->after, report));
        check_values(c->name, "the last report", report, old_found[i].report, REPORT);
        check_parameters(c, model);
        assert_ok(old_measure(model, dataset, values));
        check_values(c->name, "after the last step", values, old_found[i].values[1], VALUES);
        vae_optimizer_destroy(optimizer);
        vae_model_destroy(model);
        vae_dataset_destroy(dataset);
    }
}

/* What is read is written again, so that a file may pass through any number of releases. */
static void old_files_survive_a_save(void **state) {
    (void)state;
    for (size_t i = 0; i < OLD_CASES; i++) {
        size_t size, length;
        vae_model *model = load(&old_cases[i], ".safetensors"), *again = NULL;
        assert_ok(vae_model_save_memory(model, NULL, 0, &size));
        unsigned char *bytes = malloc(size);
        assert_non_null(bytes);
        assert_ok(vae_model_save_memory(model, bytes, size, &length));
        assert_ok(vae_model_load_memory(context, bytes, size, &again));
        assert_string_equal(vae_model_spec(again), vae_model_spec(model));
        check_parameters(&old_cases[i], again);
        free(bytes);
        vae_model_destroy(again);
        vae_model_destroy(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_are_those_of_the_files),
        cmocka_unit_test(old_models_give_the_same_values),
        cmocka_unit_test(old_checkpoints_are_resumed),
        cmocka_unit_test(old_files_survive_a_save),
    };
    return cmocka_run_group_tests(tests, make_context, destroy_context);
}
