/* Lives while the host's allocator gives out, at every allocation in turn, and under every memory
 * limit: an error with its message, no leak, no crash. */
#include <string.h>

#include "fault/lives.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/folder.h"

/* The message of a failure for want of memory begins with the function that was called. */
static void names_the_function(void) {
    const char *message = vae_last_error();
    size_t length = strcspn(message, ":");
    for (size_t i = 0; i < length; i++) {
        int fits = message[i] == '_' || (message[i] >= 'a' && message[i] <= 'z');
        if (!fits || strncmp(message, "vae_", 4))
            fail_msg("no function in front of \"%s\"", message);
    }
}

/* From allocation `number` on none is granted; `once`: none but this one is refused. */
static vae_status live_with_refusals(const life *l, size_t number, int once) {
    host_allocator counts = {.refuse_from = number, .refuse_once = once};
    vae_context *context = NULL;
    vae_status status =
        vae_context_create_with_allocator(NULL, host_alloc, host_free, &counts, &context);
    if (!status) status = l->live(context, l->what);
    vae_context_destroy(context);
    assert_int_equal(atomic_load(&counts.blocks), 0);
    if (!status) return status;
    assert_int_equal(status, VAE_ERROR_MEMORY);
    assert_non_null(strstr(vae_last_error(), "the allocator refused"));
    names_the_function();
    return status;
}

static void survives_every_refusal(void **state) {
    size_t refused = 0;
    (void)state;
    for (size_t i = 0; i < life_count; i++) {
        size_t number = 1;
        while (live_with_refusals(&lives[i], number, 0)) {
            live_with_refusals(&lives[i], number, 1);
            number++;
        }
        if (number <= lives[i].least) fail_msg("life %zu: only %zu allocations", i, number - 1);
        refused += number - 1;
    }
    print_message("%zu allocations refused in %zu lives, each alone and with all after it\n",
                  refused, life_count);
}

static void respects_the_limit(void **state) {
    (void)state;
    for (size_t i = 0; i < life_count; i++) {
        const life *l = &lives[i];
        host_allocator counts;
        uint64_t empty = 0, needed = 0, peak = 0;
        vae_context *context = counted_context(NULL, &counts);
        assert_ok(vae_context_memory(context, &empty, NULL, NULL));
        assert_ok(l->live(context, l->what));
        assert_ok(vae_context_memory(context, NULL, &needed, NULL));
        vae_context_destroy(context);
        for (uint64_t limit = empty; limit <= needed + needed / 7; limit += needed / 7) {
            char options[60];
            snprintf(options, sizeof options, "memory_limit=%llu", (unsigned long long)limit);
            context = counted_context(options, &counts);
            size_t own = atomic_load(&counts.bytes);
            vae_status status = l->live(context, l->what);
            if (status != (limit >= needed ? VAE_OK : VAE_ERROR_LIMIT))
                fail_msg("life %zu, %d of %d bytes: %s", i, (int)limit, (int)needed,
                         status ? vae_last_error() : "no error");
            if (status) {
                assert_non_null(strstr(vae_last_error(), " but memory_limit="));
                names_the_function();
            }
            assert_ok(vae_context_memory(context, NULL, &peak, NULL));
            assert_true(peak <= limit);
            assert_int_equal(atomic_load(&counts.bytes), own);
            vae_context_destroy(context);
        }
    }
}

static void works_without_a_context(void **state) {
    (void)state;
    for (size_t i = 0; i < life_count; i++) assert_ok(lives[i].live(NULL, lives[i].what));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_every_refusal),
        cmocka_unit_test(respects_the_limit),
        cmocka_unit_test(works_without_a_context),
    };
    return cmocka_run_group_tests(tests, lives_begin, test_folder_remove);
}
