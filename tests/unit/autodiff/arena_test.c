#include <string.h>

#include "autodiff/arena.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

static vae_context *context;

static int set_up(void **state) {
    (void)state;
    return vae__context_new(NULL, NULL, NULL, &context) ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    int held = atomic_load(&context->bytes) != 0;
    vae__context_release(context);
    return held ? -1 : 0;
}

static int is_used(const vae__lifetime *b) {
    return b->bytes && b->first <= b->last;
}

/* Live together but share a byte. */
static int collide(const vae__lifetime *a, const vae__lifetime *b) {
    int meet = a->first <= b->last && b->first <= a->last;
    return meet && a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

static void check(const vae__lifetime *buffers, size_t count, size_t size) {
    for (size_t i = 0; i < count; i++) {
        if (!is_used(&buffers[i])) continue;
        assert_int_equal(buffers[i].offset % 64, 0);
        assert_true(buffers[i].offset + buffers[i].bytes <= size);
        for (size_t j = 0; j < i; j++) {
            if (is_used(&buffers[j]) && collide(&buffers[i], &buffers[j]))
                fail_msg("buffers %zu and %zu of %zu collide", j, i, count);
        }
    }
}

/* Bytes that are live at the busiest time, each buffer rounded up to 64: no arena is smaller. */
static size_t least_size(const vae__lifetime *buffers, size_t count, size_t times) {
    size_t most = 0;
    for (size_t t = 0; t < times; t++) {
        size_t live = 0;
        for (size_t i = 0; i < count; i++) {
            if (is_used(&buffers[i]) && buffers[i].first <= t && t <= buffers[i].last)
                live += (buffers[i].bytes + 63) / 64 * 64;
        }
        if (live > most) most = live;
    }
    return most;
}

static size_t pick(uint64_t seed, size_t index, size_t limit) {
    return (size_t)test_uniform(seed, index, 0, (double)limit);
}

static void never_overlaps(void **state) {
    enum { MOST = 60, TIMES = 30 };
    double used = 0, needed = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        vae__lifetime buffers[MOST];
        size_t count = pick(seed, 0, MOST) + 1, size = 7;
        for (size_t i = 0; i < count; i++) {
            size_t first = pick(seed, 4 * i + 1, TIMES), length = pick(seed, 4 * i + 2, 8);
            size_t last = first + length < TIMES ? first + length : TIMES - 1;
            buffers[i] = (vae__lifetime){
                .bytes = pick(seed, 4 * i + 3, 3000), .first = first, .last = last, .offset = 1};
            if (i % 11 == 3) buffers[i].bytes = 0;
            if (i % 13 == 5) buffers[i].first = SIZE_MAX, buffers[i].last = 0;
        }
        size_t least = least_size(buffers, count, TIMES);
        assert_ok(vae__arena_place(context, buffers, count, &size));
        check(buffers, count, size);
        assert_true(size >= least);
        used += (double)size, needed += (double)least;
    }
    if (used > 1.25 * needed) fail_msg("arenas of %g bytes where %g would do", used, needed);
}

static void shares_what_does_not_meet(void **state) {
    vae__lifetime buffers[] = {{.bytes = 640, .first = 0, .last = 1},
                               {.bytes = 640, .first = 2, .last = 3},
                               {.bytes = 100, .first = 1, .last = 2},
                               {.bytes = 0, .first = 0, .last = 9},
                               {.bytes = 640, .first = 5, .last = 4}};
    size_t size;
    (void)state;
    assert_ok(vae__arena_place(context, buffers, COUNT_OF(buffers), &size));
    assert_int_equal(buffers[0].offset, 0);
    assert_int_equal(buffers[1].offset, 0);
    assert_int_equal(buffers[2].offset, 640);
    assert_int_equal(size, 640 + 128);
    assert_ok(vae__arena_place(context, buffers, 0, &size));
    assert_int_equal(size, 0);
}

static void refuses_what_cannot_be(void **state) {
    vae__lifetime huge = {.bytes = SIZE_MAX / 2, .first = 0, .last = 1}, small = {.bytes = 1};
    size_t size;
    (void)state;
    assert_fails(vae__arena_place(context, &huge, 1, &size), VAE_ERROR_MEMORY,
                 "is more than can be addressed");
    context->memory_limit = 10;
    assert_fails(vae__arena_place(context, &small, 1, &size), VAE_ERROR_LIMIT, "memory_limit");
    context->memory_limit = SIZE_MAX;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(never_overlaps), TEST(shares_what_does_not_meet),
                                       TEST(refuses_what_cannot_be)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
