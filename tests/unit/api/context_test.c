/* The doors of status, version and context: every constant by name, options, the host's allocator,
 * the limit and the log. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/checks.h"
#include "support/cmocka.h"

#define SPEC "input=4 latent=2 likelihood=gaussian encoder=[dense 5, relu] decoder=[dense 5]"

static const float rows[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

/* ---- constants and names ---- */

/* "#define VAE_NAME number" of the header; 0 for any other line. */
static int parse_define(const char *line, char name[64], long long *value) {
    char rest[160];
    if (sscanf(line, "#define %63[A-Z_] %159[^\n]", name, rest) != 2) return 0;
    const char *digits = rest + strspn(rest, "(");
    char *end;
    *value = strtoll(digits, &end, 10);
    return !strncmp(name, "VAE_", 4) && end > digits && !strchr(".\"", *end + !*end);
}

static void knows_every_constant_of_the_header(void **state) {
    FILE *header = fopen("include/vae.h", "r");
    char line[512], name[64];
    long long expected;
    size_t found = 0, statuses = 0;
    (void)state;
    assert_non_null(header); /* tests run in the root of the tree */
    while (fgets(line, sizeof line, header)) {
        int64_t value = 12345;
        if (!parse_define(line, name, &expected)) continue;
        assert_ok(vae_constant(name, &value));
        if (value != expected) fail_msg("%s is %lld", name, (long long)value);
        found++;
        if (strncmp(name, "VAE_ERROR_", 10) && strcmp(name, "VAE_OK") &&
            strcmp(name, "VAE_STOPPED"))
            continue;
        assert_string_equal(vae_status_name((vae_status)value), name);
        statuses++;
    }
    fclose(header);
    assert_int_equal(statuses, 14);
    assert_true(found >= 24);
}

static void refuses_other_names(void **state) {
    static const char *const names[] = {"", "VAE_", "vae_ok", "VAE_OK ", "VAE_ERROR", "VAE_API"};
    static const vae_status numbers[] = {2, -13, -100, INT32_MAX, INT32_MIN};
    int64_t value = 7;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_fails(vae_constant(names[i], &value), VAE_ERROR_ARGUMENT, "vae.h has no constant");
        assert_int_equal(value, 7);
    }
    assert_fails(vae_constant(NULL, &value), VAE_ERROR_ARGUMENT, "name is NULL");
    assert_fails(vae_constant("VAE_OK", NULL), VAE_ERROR_ARGUMENT, "value is NULL");
    assert_fails(vae_constant("VAE_ERROR_TXT", &value), VAE_ERROR_ARGUMENT,
                 "vae.h has no constant 'VAE_ERROR_TXT'; did you mean 'VAE_ERROR_TEXT'?");
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        assert_string_equal(vae_status_name(numbers[i]), "unknown status");
}

static void tells_what_it_is(void **state) {
    char version[32];
    (void)state;
    assert_int_equal(vae_version_number(),
                     VAE_VERSION_MAJOR << 16 | VAE_VERSION_MINOR << 8 | VAE_VERSION_PATCH);
    snprintf(version, sizeof version, "libvae %d.%d.%d, ", VAE_VERSION_MAJOR, VAE_VERSION_MINOR,
             VAE_VERSION_PATCH);
    assert_memory_equal(vae_build_info(), version, strlen(version));
    assert_null(strchr(vae_build_info(), '\n'));
    assert_ptr_equal(vae_build_info(), vae_build_info());
}

/* ---- options ---- */

static void refuses_options(void **state) {
    static const struct {
        const char *options, *part;
    } cases[] = {
        {"threads=0", "threads=0: expected"},
        {"threads=257", "threads=257: expected"},
        {"threads=two", "threads=two"},
        {"threads=-1", "threads=-1"},
        {"threads=99999999999999999999", "threads=99999999999999999999"},
        {"threads", "expected '=' after 'threads'"},
        {"threads=", "threads"},
        {"thread=2", "unknown option 'thread'; did you mean 'threads'?"},
        {"threads=2 threads=2", "context:1:11: 'threads' is given twice"},
        {"threads=2\n  simd=mmx", "context:2:8: unknown simd 'mmx'"},
        {"memory_limit=1T", "memory_limit=1T: expected bytes"},
        {"memory_limit=-1", "memory_limit=-1: expected bytes"},
        {"memory_limit=99999999999G", "memory_limit=99999999999G"},
        {"blas_threads=some", "unknown blas_threads 'some'"},
    };
    host_allocator counts = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        vae_context *context = (vae_context *)&context;
        assert_fails(vae_context_create_with_allocator(cases[i].options, host_alloc, host_free,
                                                       &counts, &context),
                     VAE_ERROR_TEXT, cases[i].part);
        assert_null(context);
        assert_int_equal(counts.blocks, 0);
    }
    assert_fails(vae_context_create(NULL, NULL), VAE_ERROR_ARGUMENT, "out is NULL");
}

static void takes_options(void **state) {
    static const char *const options[] = {
        NULL,
        "",
        " # nothing\n",
        "threads=1",
        "threads=256",
        "threads=3 memory_limit=64M simd=auto blas_threads=keep",
        "memory_limit=0 blas_threads=set",
        "memory_limit=18446744073709551615",
        "threads=2 # two\n memory_limit=2G",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        vae_context *context = NULL;
        vae_model *model;
        assert_ok(vae_context_create(options[i], &context));
        assert_ok(vae_model_create(context, SPEC, &model));
        assert_ok(vae_encode(model, rows, 3, 4, NULL, NULL));
        vae_model_destroy(model);
        vae_context_destroy(context);
    }
    vae_context_destroy(NULL);
}

/* ---- errors ---- */

static void a_success_does_not_clear_the_error(void **state) {
    int64_t value;
    (void)state;
    assert_fails(vae_constant("VAE_NONE", &value), VAE_ERROR_ARGUMENT, "'VAE_NONE'");
    assert_ok(vae_constant("VAE_OK", &value));
    assert_non_null(strstr(vae_last_error(), "'VAE_NONE'"));
    char endless[4096];
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = 0;
    vae_context *context;
    assert_fails(vae_context_create(endless, &context), VAE_ERROR_TEXT, "xxx");
    assert_in_range(strlen(vae_last_error()), 1, 1023);
}

/* ---- allocator, memory, limit ---- */

static void an_allocator_comes_with_its_release(void **state) {
    host_allocator counts = {0};
    vae_context *context = (vae_context *)&context;
    (void)state;
    assert_fails(vae_context_create_with_allocator(NULL, host_alloc, NULL, &counts, &context),
                 VAE_ERROR_ARGUMENT, "give both alloc and release, or neither");
    assert_null(context);
    context = (vae_context *)&context;
    assert_fails(vae_context_create_with_allocator(NULL, NULL, host_free, &counts, &context),
                 VAE_ERROR_ARGUMENT, "give both alloc and release, or neither");
    assert_null(context);
    assert_fails(vae_context_create_with_allocator(NULL, host_alloc, host_free, &counts, NULL),
                 VAE_ERROR_ARGUMENT, "out is NULL");
    assert_int_equal(counts.calls, 0);
    assert_ok(vae_context_create_with_allocator(NULL, NULL, NULL, NULL, &context));
    vae_context_destroy(context);
}

static void counts_what_it_holds(void **state) {
    host_allocator counts;
    vae_context *context = counted_context(NULL, &counts);
    vae_model *model;
    uint64_t empty, held, peak, allocations;
    size_t base = counts.bytes;
    (void)state;
    assert_ok(vae_context_memory(context, &empty, &peak, &allocations));
    assert_int_equal(empty, counts.bytes); /* the context itself */
    assert_int_equal(peak, counts.bytes);
    assert_int_equal(allocations, counts.calls);
    assert_ok(vae_model_create(context, SPEC, &model));
    assert_ok(vae_encode(model, rows, 3, 4, NULL, NULL));
    assert_ok(vae_context_memory(context, &held, &peak, &allocations));
    assert_int_equal(held, counts.bytes); /* all of it came from the host */
    assert_int_equal(allocations, counts.calls);
    assert_true(peak >= held);
    vae_model_destroy(model);
    assert_ok(vae_context_memory(context, &held, NULL, NULL));
    assert_int_equal(held, empty);
    assert_int_equal(counts.bytes, base);
    assert_ok(vae_context_memory(context, NULL, NULL, NULL));
    assert_fails(vae_context_memory(NULL, &held, NULL, NULL), VAE_ERROR_ARGUMENT,
                 "context is NULL");
    vae_context_destroy(context);
    assert_int_equal(counts.blocks, 0);
}

static void refuses_more_than_the_limit(void **state) {
    host_allocator counts;
    vae_context *context = counted_context("memory_limit=1M", &counts);
    vae_model *model = (vae_model *)&model;
    vae_dataset *data = (vae_dataset *)&data;
    uint64_t before, after, peak;
    (void)state;
    assert_ok(vae_context_memory(context, &before, NULL, NULL));
    assert_fails(vae_model_create(context,
                                  "input=784 latent=20 likelihood=bernoulli encoder=[dense 400]",
                                  &model),
                 VAE_ERROR_LIMIT, "memory_limit");
    assert_null(model);
    assert_fails(vae_dataset_open(context, "sprites:10000", NULL, &data), VAE_ERROR_LIMIT,
                 "memory_limit");
    assert_null(data);
    assert_ok(vae_context_memory(context, &after, &peak, NULL));
    assert_int_equal(before, after);
    assert_true(peak <= 1 << 20);
    assert_ok(
        vae_dataset_from_memory(context, rows, 3, 4, NULL, &data)); /* what fits still works */
    vae_dataset_destroy(data);
    vae_context_destroy(context);
    assert_int_equal(counts.blocks, 0);
}

static void refuses_a_limit_below_itself(void **state) {
    host_allocator counts = {0};
    vae_context *context = (vae_context *)&context;
    (void)state;
    assert_fails(
        vae_context_create_with_allocator("memory_limit=1", host_alloc, host_free, &counts,
                                          &context),
        VAE_ERROR_LIMIT,
        "vae_context_create: the context: needs 112 bytes, but memory_limit=1 leaves 1 byte");
    assert_null(context);
    assert_int_equal(counts.blocks, 0);
}

static void tells_that_memory_is_out(void **state) {
    (void)state;
    for (size_t refused = 1;; refused++) {
        host_allocator counts = {.refuse_from = refused};
        vae_context *context = (vae_context *)&context;
        vae_model *model = NULL;
        vae_optimizer *optimizer = NULL;
        vae_status status = vae_context_create_with_allocator("threads=2", host_alloc, host_free,
                                                              &counts, &context);
        if (status) assert_null(context);
        if (!status) status = vae_model_create(context, SPEC, &model);
        if (!status) status = vae_optimizer_create(model, NULL, &optimizer);
        if (!status) status = vae_step_rows(model, optimizer, rows, 3, 4, NULL);
        if (!status) status = vae_encode(model, rows, 3, 4, NULL, NULL);
        vae_optimizer_destroy(optimizer);
        vae_model_destroy(model);
        vae_context_destroy(context);
        assert_int_equal(counts.blocks, 0);
        if (!status) break;
        assert_int_equal(status, VAE_ERROR_MEMORY);
        assert_non_null(strstr(vae_last_error(), "the allocator refused"));
        assert_in_range(refused, 1, 1000);
    }
}

/* ---- log ---- */

typedef struct journal {
    size_t lines;
    int32_t level;
    char last[512];
} journal;

static void note(void *user, int32_t level, const char *message) {
    journal *j = user;
    j->lines++;
    j->level = level;
    snprintf(j->last, sizeof j->last, "%s", message);
}

static void logs_the_training_plan(void **state) {
    vae_context *context;
    vae_model *model;
    vae_optimizer *optimizer;
    journal heard = {0};
    (void)state;
    assert_fails(vae_context_set_log(NULL, note, &heard), VAE_ERROR_ARGUMENT, "context is NULL");
    assert_ok(vae_context_create(NULL, &context));
    assert_ok(vae_context_set_log(context, note, &heard));
    assert_ok(vae_model_create(context, SPEC, &model));
    assert_ok(vae_optimizer_create(model, "samples=2", &optimizer));
    assert_int_equal(heard.lines, 0);
    assert_ok(vae_step_rows(model, optimizer, rows, 2, 4, NULL));
    assert_int_equal(heard.lines, 1);
    assert_int_equal(heard.level, VAE_LOG_INFO);
    assert_non_null(strstr(heard.last, "training plan for 2 rows, 2 samples"));
    assert_ok(vae_step_rows(model, optimizer, rows, 1, 4, NULL)); /* the plan fits */
    assert_int_equal(heard.lines, 1);
    assert_ok(vae_step_rows(model, optimizer, rows, 3, 4, NULL));
    assert_int_equal(heard.lines, 2);
    assert_non_null(strstr(heard.last, "training plan for 3 rows"));
    assert_ok(vae_context_set_log(context, NULL, NULL));
    assert_ok(vae_optimizer_set(optimizer, "samples=1"));
    assert_ok(vae_step_rows(model, optimizer, rows, 3, 4, NULL));
    assert_int_equal(heard.lines, 2);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_constant_of_the_header),
        cmocka_unit_test(refuses_other_names),
        cmocka_unit_test(tells_what_it_is),
        cmocka_unit_test(refuses_options),
        cmocka_unit_test(takes_options),
        cmocka_unit_test(a_success_does_not_clear_the_error),
        cmocka_unit_test(an_allocator_comes_with_its_release),
        cmocka_unit_test(counts_what_it_holds),
        cmocka_unit_test(refuses_more_than_the_limit),
        cmocka_unit_test(refuses_a_limit_below_itself),
        cmocka_unit_test(tells_that_memory_is_out),
        cmocka_unit_test(logs_the_training_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
