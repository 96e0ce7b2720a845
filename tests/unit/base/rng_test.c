/* Philox 4x32-10 against the known answers of Random123 (Salmon et al. 2011, file kat_vectors), the
 * documented layout of key and counter, and what is made of the words. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

static void known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], expected[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint32_t found[4];
        vae__philox(vectors[i].counter, vectors[i].key, found);
        assert_memory_equal(found, vectors[i].expected, sizeof found);
    }
}

/* The layout that rng.h documents: noise of one release must stay that of the next. */
static void block_layout(void **state) {
    (void)state;
    const vae__stream stream = {0x1122334455667788u, 0x99aabbccddeeff00u, VAE__PURPOSE_DRAW,
                                0xabcdef};
    const uint32_t counter[4] = {17, 5, 0xddeeff00u, (uint32_t)VAE__PURPOSE_DRAW << 24 | 0xabcdef},
                   key[2] = {0x55667788u, 0x11223344u ^ 0x99aabbccu};
    uint32_t found[4], expected[4];
    vae__random_block(&stream, 5, 17, found);
    vae__philox(counter, key, expected);
    assert_memory_equal(found, expected, sizeof found);
}

/* Uniforms are word pairs of the blocks, in [0, 1). */
static void uniforms(void **state) {
    (void)state;
    enum { N = 100000 };
    const vae__stream stream = {3, 1, VAE__PURPOSE_INITIALIZE, 0};
    double sum = 0, squares = 0, product = 0, before = 0.5;
    uint32_t words[4];
    vae__random_block(&stream, 9, 2, words);
    uint64_t pair = (uint64_t)words[2] << 32 | words[3];
    assert_true(vae__random_uniform(&stream, 9, 5) == (double)(pair >> 11) * 0x1p-53);
    for (uint32_t i = 0; i < N; i++) {
        double u = vae__random_uniform(&stream, 9, i);
        assert_true(u >= 0 && u < 1);
        sum += u - 0.5;
        squares += (u - 0.5) * (u - 0.5) - 1.0 / 12;
        product += (u - 0.5) * (before - 0.5);
        before = u;
    }
    /* four standard errors: Var u = 1/12, Var (u - 1/2)^2 = 1/180, Var product = 1/144 */
    assert_true(fabs(sum / N) < 4 * sqrt(1.0 / 12 / N));
    assert_true(fabs(squares / N) < 4 * sqrt(1.0 / 180 / N));
    assert_true(fabs(product / N) < 4 * sqrt(1.0 / 144 / N));
}

static void check_permutation(const vae__stream *stream, size_t n) {
    uint64_t *order = malloc((n + 1) * sizeof *order);
    unsigned char *seen = calloc(n + 1, 1);
    order[n] = 77; /* must not be touched */
    vae__random_permutation(stream, order, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(order[i] < n);
        assert_int_equal(seen[order[i]]++, 0);
    }
    assert_int_equal(order[n], 77);
    free(order);
    free(seen);
}

static void permutations(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 17, 1000, 60001};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (uint64_t seed = 0; seed < 3; seed++) {
            const vae__stream stream = {seed, seed, VAE__PURPOSE_SHUFFLE, 0};
            check_permutation(&stream, sizes[i]);
        }
    }
    uint64_t first[100], second[100];
    const vae__stream one = {1, 0, VAE__PURPOSE_SHUFFLE, 0}, next = {1, 1, VAE__PURPOSE_SHUFFLE, 0};
    vae__random_permutation(&one, first, 100);
    vae__random_permutation(&one, second, 100);
    assert_memory_equal(first, second, sizeof first);
    vae__random_permutation(&next, second, 100);
    assert_memory_not_equal(first, second, sizeof first);
}

/* All 24 orders of four things are equally likely: chi squared with 23 degrees of freedom. */
static void permutations_are_uniform(void **state) {
    (void)state;
    enum { DRAWS = 24000 };
    size_t counts[256] = {0};
    double statistic = 0;
    int orders = 0;
    for (uint64_t step = 0; step < DRAWS; step++) {
        uint64_t order[4];
        const vae__stream stream = {5, step, VAE__PURPOSE_SHUFFLE, 0};
        vae__random_permutation(&stream, order, 4);
        counts[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]]++;
    }
    for (size_t i = 0; i < 256; i++) {
        double off = (double)counts[i] - DRAWS / 24;
        if (counts[i]) statistic += off * off / (DRAWS / 24);
        orders += counts[i] > 0;
    }
    assert_int_equal(orders, 24);
    assert_true(statistic < 49.7); /* 0.1 % */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(block_layout),
        cmocka_unit_test(uniforms),
        cmocka_unit_test(permutations),
        cmocka_unit_test(permutations_are_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
