/* The generator: the cipher's published vectors, what a stream's fields do, and that what is drawn
 * from it is uniform. Every draw is a pure function of its stream, so no test can fail by chance. */
#include <stdint.h>
#include <string.h>

#include "base/rng.h"
#include "support/cmocka.h"

/* Random123's kat_vectors, philox4x32 with 10 rounds. */
static void cipher_gives_the_published_vectors(void **state) {
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

static void stream_fields_go_where_the_header_says(void **state) {
    (void)state;
    const vae__stream stream = {0x0123456789abcdefu, 0xfedcba9876543210u, 0x5a, 0x00c0ffee};
    const uint32_t counter[4] = {77, 88, 0x76543210u, 0x5ac0ffeeu};
    const uint32_t key[2] = {0x89abcdefu, 0x01234567u ^ 0xfedcba98u};
    uint32_t expected[4], found[4];
    vae__philox(counter, key, expected);
    vae__random_block(&stream, 88, 77, found);
    assert_memory_equal(found, expected, sizeof found);
}

/* No word of one stream at the place of the same word in another, whichever field differs. */
static void every_field_gives_another_stream(void **state) {
    (void)state;
    enum { STREAMS = 8, BLOCKS = 16 };
    vae__stream streams[STREAMS];
    for (int i = 0; i < STREAMS; i++) streams[i] = (vae__stream){5, 9, VAE__PURPOSE_POSTERIOR, 1};
    streams[1].seed = 6;
    streams[2].seed = 5 | (uint64_t)1 << 32;
    streams[3].step = 10;
    streams[4].step = 9 | (uint64_t)2 << 32;
    streams[5].purpose = VAE__PURPOSE_PRIOR;
    streams[6].purpose = VAE__PURPOSE_DRAW;
    streams[7].sample = 2;
    uint32_t words[STREAMS + 1][4 * BLOCKS];
    for (int i = 0; i < STREAMS; i++) {
        for (uint32_t b = 0; b < BLOCKS; b++)
            vae__random_block(&streams[i], 3, b, words[i] + 4 * b);
    }
    for (uint32_t b = 0; b < BLOCKS; b++) /* and another row */
        vae__random_block(&streams[0], 4, b, words[STREAMS] + 4 * b);
    for (int i = 0; i <= STREAMS; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < 4 * BLOCKS; k++) assert_true(words[i][k] != words[j][k]);
        }
    }
}

static void uniform_takes_53_bits_of_its_word_pair(void **state) {
    (void)state;
    const vae__stream stream = {11, 12, VAE__PURPOSE_BINARIZE, 13};
    for (uint32_t index = 0; index < 100; index++) {
        uint32_t words[4];
        vae__random_block(&stream, 7, index / 2, words);
        uint64_t high = words[index % 2 * 2], low = words[index % 2 * 2 + 1];
        double expected = (double)(high << 21 | low >> 11) / 9007199254740992.0;
        assert_true(vae__random_uniform(&stream, 7, index) == expected);
    }
}

/* Pearson's statistic of counts that should all be `expected`. */
static double chi_square(const uint32_t *counts, size_t n, double expected) {
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        double off = (double)counts[i] - expected;
        total += off * off / expected;
    }
    return total;
}

/* 255 degrees of freedom: mean 255, standard deviation 22.6. */
static void uniforms_are_uniform_singly_and_in_pairs(void **state) {
    (void)state;
    enum { DRAWS = 100000 };
    const vae__stream stream = {20, 0, VAE__PURPOSE_DRAW, 0};
    uint32_t single[256] = {0}, pair[256] = {0}, across[256] = {0};
    for (uint32_t i = 0; i < DRAWS; i++) {
        double u = vae__random_uniform(&stream, 0, 2 * i);
        double v = vae__random_uniform(&stream, 0, 2 * i + 1);
        double below = vae__random_uniform(&stream, 1, 2 * i);
        assert_true(u >= 0 && u < 1);
        single[(int)(u * 256)]++;
        pair[(int)(u * 16) * 16 + (int)(v * 16)]++;
        across[(int)(u * 16) * 16 + (int)(below * 16)]++;
    }
    const double most = 255 + 4 * 22.6;
    assert_true(chi_square(single, 256, DRAWS / 256.0) < most);
    assert_true(chi_square(pair, 256, DRAWS / 256.0) < most);
    assert_true(chi_square(across, 256, DRAWS / 256.0) < most);
}

static void permutation_holds_every_index_once(void **state) {
    (void)state;
    enum { MOST = 1001 };
    static const size_t sizes[] = {0, 1, 2, 3, 17, 256, MOST};
    const vae__stream stream = {1, 2, VAE__PURPOSE_SHUFFLE, 0};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        uint64_t order[MOST + 1];
        unsigned char seen[MOST] = {0};
        order[sizes[s]] = 4711;
        vae__random_permutation(&stream, order, sizes[s]);
        for (size_t i = 0; i < sizes[s]; i++) {
            assert_true(order[i] < sizes[s]);
            assert_false(seen[order[i]]++);
        }
        assert_true(order[sizes[s]] == 4711);
    }
}

static void permutation_depends_on_its_stream_alone(void **state) {
    (void)state;
    enum { SIZE = 64 };
    vae__stream stream = {1, 2, VAE__PURPOSE_SHUFFLE, 0};
    uint64_t first[SIZE], again[SIZE], other[SIZE];
    vae__random_permutation(&stream, first, SIZE);
    vae__random_permutation(&stream, again, SIZE);
    assert_memory_equal(first, again, sizeof first);
    stream.step++;
    vae__random_permutation(&stream, other, SIZE);
    assert_memory_not_equal(first, other, sizeof first);
    stream.step--, stream.purpose = VAE__PURPOSE_SPLIT;
    vae__random_permutation(&stream, other, SIZE);
    assert_memory_not_equal(first, other, sizeof first);
}

/* All 120 orders of 5: 119 degrees of freedom, standard deviation 15.4. */
static void permutations_are_uniform(void **state) {
    (void)state;
    enum { SIZE = 5, ORDERS = 120, DRAWS = 60000 };
    uint32_t counts[ORDERS] = {0};
    for (uint32_t step = 0; step < DRAWS; step++) {
        const vae__stream stream = {3, step, VAE__PURPOSE_SHUFFLE, 0};
        uint64_t order[SIZE];
        vae__random_permutation(&stream, order, SIZE);
        size_t rank = 0;
        for (size_t i = 0; i < SIZE; i++) {
            size_t smaller = 0;
            for (size_t j = i + 1; j < SIZE; j++) smaller += order[j] < order[i];
            rank = rank * (SIZE - i) + smaller;
        }
        counts[rank]++;
    }
    assert_true(chi_square(counts, ORDERS, (double)DRAWS / ORDERS) < 119 + 4 * 15.4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cipher_gives_the_published_vectors),
        cmocka_unit_test(stream_fields_go_where_the_header_says),
        cmocka_unit_test(every_field_gives_another_stream),
        cmocka_unit_test(uniform_takes_53_bits_of_its_word_pair),
        cmocka_unit_test(uniforms_are_uniform_singly_and_in_pairs),
        cmocka_unit_test(permutation_holds_every_index_once),
        cmocka_unit_test(permutation_depends_on_its_stream_alone),
        cmocka_unit_test(permutations_are_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
