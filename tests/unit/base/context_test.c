#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "support/checks.h"
#include "support/cmocka.h"

static void starts_plain(void **state) {
    vae_context *context = NULL;
    (void)state;
    assert_ok(vae__context_new(NULL, NULL, NULL, &context));
    assert_int_equal(context->threads, 1);
    assert_int_equal(context->memory_limit, SIZE_MAX);
    assert_null(context->pool);
    assert_null(context->log);
    assert_int_equal(atomic_load(&context->bytes), 0);
    void *block = vae__allocate(context, 3, 5);
    assert_non_null(block);
    vae__release(context, block);
    vae__context_release(context);
}

static void lives_as_long_as_its_references(void **state) {
    host_allocator counts = {0};
    vae_context *context = NULL;
    (void)state;
    assert_ok(vae__context_new(host_alloc, host_free, &counts, &context));
    assert_ptr_equal(vae__context_retain(context), context);
    assert_null(vae__context_retain(NULL));
    vae__context_release(NULL);
    assert_ok(vae__pool_new(context, 3));
    vae__context_release(context);
    assert_int_equal(atomic_load(&counts.blocks), 2); /* the context and its pool */
    vae__context_release(context);
    assert_int_equal(atomic_load(&counts.blocks), 0);
    assert_int_equal(atomic_load(&counts.bytes), 0);
}

static void fails_without_memory(void **state) {
    host_allocator counts = {.refuse_from = 1};
    vae_context *context = NULL;
    (void)state;
    assert_fails(vae__context_new(host_alloc, host_free, &counts, &context), VAE_ERROR_MEMORY,
                 "the allocator refused");
    assert_null(context);
    counts = (host_allocator){.refuse_from = 2};
    assert_ok(vae__context_new(host_alloc, host_free, &counts, &context));
    assert_fails(vae__pool_new(context, 2), VAE_ERROR_MEMORY, "the allocator refused");
    assert_null(context->pool);
    vae__context_release(context);
    assert_int_equal(atomic_load(&counts.blocks), 0);
}

typedef struct heard {
    int32_t level;
    size_t count;
    char text[600];
} heard;

static void hear(void *user, int32_t level, const char *message) {
    heard *h = user;
    h->level = level;
    h->count++;
    snprintf(h->text, sizeof h->text, "%s", message);
}

static void logs(void **state) {
    heard h = {0};
    char longest[1000];
    vae_context *context = NULL;
    (void)state;
    memset(longest, 'l', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_ok(vae__context_new(NULL, NULL, NULL, &context));
    vae__log(context, VAE_LOG_INFO, "into the %s", "void");
    context->log = hear;
    context->log_user = &h;
    vae__log(context, VAE_LOG_WARNING, "latents %d and %d are dead", 3, 5);
    assert_int_equal(h.level, VAE_LOG_WARNING);
    assert_string_equal(h.text, "latents 3 and 5 are dead");
    vae__log(context, VAE_LOG_INFO, "%s", longest);
    assert_int_equal(h.count, 2);
    assert_int_equal(strlen(h.text), 511);
    vae__context_release(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_plain),
        cmocka_unit_test(lives_as_long_as_its_references),
        cmocka_unit_test(fails_without_memory),
        cmocka_unit_test(logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
