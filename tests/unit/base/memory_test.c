#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "support/checks.h"
#include "support/cmocka.h"

typedef struct fixture {
    host_allocator counts;
    vae_context *context;
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    if (!f || vae__context_new(host_alloc, host_free, &f->counts, &f->context)) return -1;
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    size_t held = atomic_load(&f->context->bytes);
    vae__context_release(f->context);
    size_t blocks = atomic_load(&f->counts.blocks);
    free(f);
    if (held || blocks) print_error("%zu bytes, %zu blocks are still held\n", held, blocks);
    return held || blocks ? -1 : 0;
}

static int is_zero(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i]) return 0;
    }
    return 1;
}

/* The host's blocks are aligned to 16 only and full of rubbish. */
static void gives_zeroed_aligned_blocks(void **state) {
    fixture *f = *state;
    unsigned char *blocks[300];
    for (size_t size = 0; size < COUNT_OF(blocks); size++) {
        blocks[size] = vae__allocate(f->context, size, 1);
        assert_non_null(blocks[size]);
        assert_int_equal((uintptr_t)blocks[size] % 64, 0);
        assert_true(is_zero(blocks[size], size));
        memset(blocks[size], (int)size, size);
    }
    for (size_t size = 0; size < COUNT_OF(blocks); size++) {
        for (size_t i = 0; i < size; i++) assert_int_equal(blocks[size][i], size & 0xff);
        vae__release(f->context, blocks[size]);
    }
}

static void gives_a_pointer_for_zero(void **state) {
    fixture *f = *state;
    void *a = vae__allocate(f->context, 0, 8), *b = vae__allocate(f->context, 8, 0),
         *c = vae__allocate(f->context, SIZE_MAX, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    assert_ptr_not_equal(a, b);
    vae__release(f->context, a);
    vae__release(f->context, b);
    vae__release(f->context, c);
    vae__release(f->context, NULL);
}

static void refuses_overflow(void **state) {
    fixture *f = *state;
    static const size_t sizes[][2] = {{SIZE_MAX, 1},         {SIZE_MAX, 2},
                                      {1, SIZE_MAX},         {SIZE_MAX / 2 + 1, 2},
                                      {SIZE_MAX / 8 + 1, 8}, {(size_t)1 << 33, (size_t)1 << 33},
                                      {SIZE_MAX - 79, 1}};
    size_t calls = atomic_load(&f->counts.calls);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        assert_null(vae__allocate(f->context, sizes[i][0], sizes[i][1]));
        assert_fails(vae__last_status(), VAE_ERROR_MEMORY, "is more than can be addressed");
    }
    assert_int_equal(atomic_load(&f->counts.calls), calls);
    assert_null(vae__copy_text(f->context, "", SIZE_MAX));
    assert_int_equal(vae__last_status(), VAE_ERROR_MEMORY);
}

static void counts(void **state) {
    fixture *f = *state;
    vae_context *c = f->context;
    void *a = vae__allocate(c, 1000, 1);
    size_t first = atomic_load(&c->bytes);
    assert_true(first >= 1000 && first <= 1200);
    void *b = vae__allocate(c, 100, 20);
    size_t both = atomic_load(&c->bytes);
    assert_true(both >= first + 2000);
    assert_int_equal(atomic_load(&c->peak_bytes), both);
    assert_int_equal(atomic_load(&c->allocations), 2);
    /* what the context counts is what it took from the host, but for itself */
    assert_int_equal(both + sizeof *c, atomic_load(&f->counts.bytes));
    vae__release(c, a);
    assert_int_equal(atomic_load(&c->bytes), both - first);
    void *d = vae__allocate(c, 10, 1);
    assert_int_equal(atomic_load(&c->peak_bytes), both);
    assert_int_equal(atomic_load(&c->allocations), 3);
    vae__release(c, b);
    vae__release(c, d);
    assert_int_equal(atomic_load(&c->bytes), 0);
    assert_int_equal(atomic_load(&c->peak_bytes), both);
}

static void keeps_the_limit(void **state) {
    fixture *f = *state;
    vae_context *c = f->context;
    assert_int_equal(vae__memory_left(c), SIZE_MAX);
    void *probe = vae__allocate(c, 1000, 1);
    size_t cost = atomic_load(&c->bytes);
    vae__release(c, probe);
    c->memory_limit = 2 * cost;
    void *a = vae__allocate(c, 1000, 1), *b = vae__allocate(c, 1000, 1);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(vae__memory_left(c), 0);
    size_t calls = atomic_load(&f->counts.calls);
    assert_null(vae__allocate(c, 1, 1));
    assert_fails(vae__last_status(), VAE_ERROR_LIMIT, "needs 81 bytes, but memory_limit=");
    assert_int_equal(atomic_load(&f->counts.calls), calls);
    vae__release(c, b);
    assert_int_equal(vae__memory_left(c), cost);
    assert_null(vae__allocate(c, 1001, 1));
    assert_int_equal(vae__last_status(), VAE_ERROR_LIMIT);
    b = vae__allocate(c, 1000, 1);
    assert_non_null(b);
    vae__release(c, a);
    vae__release(c, b);
    assert_int_equal(atomic_load(&c->bytes), 0);
    c->memory_limit = 0;
    assert_null(vae__allocate(c, 0, 0));
    assert_int_equal(vae__memory_left(c), 0);
}

static void checks_before_taking(void **state) {
    fixture *f = *state;
    vae_context *c = f->context;
    assert_ok(vae__memory_check(c, UINT32_MAX, 1, "rows"));
    c->memory_limit = 1000;
    assert_ok(vae__memory_check(c, 100, 10, "rows"));
    assert_ok(vae__memory_check(c, UINT64_MAX, 0, "rows"));
    assert_fails(vae__memory_check(c, 101, 10, "rows"), VAE_ERROR_LIMIT,
                 "rows: needs 1010 bytes, but memory_limit=1000 leaves 1000 bytes");
    assert_fails(vae__memory_check(c, UINT64_MAX, UINT64_MAX, "rows"), VAE_ERROR_LIMIT,
                 "rows: needs 16 EiB");
    c->memory_limit = 3 << 20;
    assert_fails(vae__memory_check(c, 5 << 20, 1, "rows"), VAE_ERROR_LIMIT,
                 "rows: needs 5 MiB, but memory_limit=3M leaves 3 MiB");
    c->memory_limit = (size_t)3 << 40;
    assert_fails(vae__memory_check(c, (uint64_t)4 << 40, 1, "rows"), VAE_ERROR_LIMIT,
                 "memory_limit=3072G leaves 3 TiB");
    c->memory_limit = 1025;
    assert_fails(vae__memory_check(c, 1, 1026, "rows"), VAE_ERROR_LIMIT,
                 "rows: needs 1.002 KiB (1026 bytes), but memory_limit=1025 leaves 1.001 KiB");
}

static void survives_a_failing_allocator(void **state) {
    fixture *f = *state;
    vae_context *c = f->context;
    unsigned char *kept = vae__allocate(c, 10, 1);
    memset(kept, 7, 10);
    size_t bytes = atomic_load(&c->bytes), peak = atomic_load(&c->peak_bytes);
    f->counts.refuse_from = 1;
    assert_null(vae__allocate(c, 1, 1));
    assert_fails(vae__last_status(), VAE_ERROR_MEMORY, "the allocator refused");
    assert_null(vae__reallocate(c, kept, 10, 1000, 1));
    assert_int_equal(vae__last_status(), VAE_ERROR_MEMORY);
    assert_null(vae__copy_text(c, "text", 4));
    assert_int_equal(atomic_load(&c->bytes), bytes);
    assert_int_equal(atomic_load(&c->allocations), 1);
    assert_true(atomic_load(&c->peak_bytes) >= peak);
    for (size_t i = 0; i < 10; i++) assert_int_equal(kept[i], 7);
    f->counts.refuse_from = 0;
    vae__release(c, kept);
}

static void reallocates(void **state) {
    fixture *f = *state;
    unsigned char *block = vae__reallocate(f->context, NULL, 0, 5, 1);
    memcpy(block, "abcde", 5);
    block = vae__reallocate(f->context, block, 3, 200, 1);
    assert_memory_equal(block, "abc", 3);
    assert_true(is_zero(block + 3, 197));
    assert_int_equal(atomic_load(&f->counts.blocks), 2); /* the context's own and this one */
    vae__release(f->context, block);
}

static void copies_text(void **state) {
    fixture *f = *state;
    char *copy = vae__copy_text(f->context, "latent=20", 6);
    assert_string_equal(copy, "latent");
    vae__release(f->context, copy);
    copy = vae__copy_text(f->context, "x", 0);
    assert_string_equal(copy, "");
    vae__release(f->context, copy);
}

static void *allocate_often(void *argument) {
    vae_context *context = argument;
    for (size_t i = 0; i < 2000; i++) {
        void *block = vae__allocate(context, i % 700, 1);
        vae__release(context, block);
    }
    return NULL;
}

static void counts_from_many_threads(void **state) {
    fixture *f = *state;
    pthread_t threads[4];
    f->context->memory_limit = 1000;
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, allocate_often, f->context), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&f->context->bytes), 0);
    assert_true(atomic_load(&f->context->peak_bytes) <= 1000);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(gives_zeroed_aligned_blocks),
        TEST(gives_a_pointer_for_zero),
        TEST(refuses_overflow),
        TEST(counts),
        TEST(keeps_the_limit),
        TEST(checks_before_taking),
        TEST(survives_a_failing_allocator),
        TEST(reallocates),
        TEST(copies_text),
        TEST(counts_from_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
