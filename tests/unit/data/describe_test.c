#include "unit/data/scratch.h"

#include "data/describe.h"
#include "base/text.h"

enum { ROWS = 1000, WIDTH = 300 };

static uint8_t rows[ROWS * WIDTH];

static vae_dataset *take(const scratch *s, size_t n, size_t width, const char *options) {
    vae_dataset *dataset;
    assert_int_equal(vae__dataset_from_memory(s->context, rows, n, width, options, &dataset), 0);
    return dataset;
}

/* The description of rows as they are now; to be freed. */
static char *describe(const scratch *s, size_t n, size_t width, const char *options) {
    vae_dataset *dataset = take(s, n, width, options);
    vae__buffer text = {.context = s->context};
    assert_int_equal(vae__dataset_describe(dataset, &text), VAE_OK);
    char *copy = strdup(text.text);
    vae__buffer_free(&text);
    vae__dataset_free(dataset);
    return copy;
}

static void assert_same(char *a, char *b, int same) {
    if ((strcmp(a, b) == 0) != same) fail_msg("%s\n%s", a, b);
    free(a);
    free(b);
}

static void says_what_it_is(void **state) {
    const scratch *s = *state;
    memset(rows, 0, sizeof rows);
    char *text = describe(s, 2, 1, "dtype=uint8 batch=7 shuffle=0 seed=9 binarize=sample");
    /* FNV-1a of two zero bytes: the offset basis times the prime's square, modulo 2^64 */
    const char expected[] = "rows=2 width=1 batch=7 shuffle=0 seed=9 drop_last=0 binarize=sample "
                            "dtype=uint8 offset=0 range=255 content=08328807b4eb6fed";
    assert_string_equal(text, expected);
    free(text);
    rows[0] = 3;
    rows[1] = 8;
    text = describe(s, 2, 1, "dtype=uint8 scale=unit drop_last=1 batch=2");
    assert_non_null(strstr(text, "drop_last=1 binarize=none dtype=uint8 offset=3 range=5 content"));
    free(text);
}

/* Offsets of columns are told by a hash; where there are none the words are those of 0.1, which its
 * checkpoints hold. */
static void tells_offsets(void **state) {
    const scratch *s = *state;
    for (size_t i = 0; i < 40; i++) rows[i] = (uint8_t)(3 + i * i % 50);
    char *text = describe(s, 20, 2, "dtype=uint8 shift=[3, 2.5] scale=none");
    const char *word = strstr(text, " offset=columns:");
    assert_non_null(word);
    assert_int_equal(strspn(word + 16, "0123456789abcdef"), 16);
    assert_non_null(strstr(word + 32, " range=1 content="));
    free(text);
    assert_same(describe(s, 20, 2, "dtype=uint8 shift=[3, 2.5]"),
                describe(s, 20, 2, "dtype=uint8 shift=[3,2.50] split=train:1"), 1);
    assert_same(describe(s, 20, 2, "dtype=uint8 shift=[3, 2.5]"),
                describe(s, 20, 2, "dtype=uint8 shift=[2.5, 3]"), 0);
    assert_same(describe(s, 20, 2, "dtype=uint8 shift=columns"), describe(s, 20, 2, "dtype=uint8"),
                0);
    assert_same(describe(s, 20, 2, "dtype=uint8 shift=[0, 0]"), describe(s, 20, 2, "dtype=uint8"),
                1);
    assert_same(describe(s, 20, 2, "dtype=uint8 shift=none scale=none"),
                describe(s, 20, 2, "dtype=uint8 scale=none"), 1);
    text = describe(s, 20, 2, "dtype=uint8 scale=range:-0.5:100.5");
    assert_non_null(strstr(text, " offset=-0.5 range=101 content="));
    free(text);
}

/* Options that change no batch do not count; others do, and so does each value of a small set. */
static void tells_contents(void **state) {
    const scratch *s = *state;
    for (size_t i = 0; i < sizeof rows; i++) rows[i] = (uint8_t)(i * i >> 3);
    assert_same(describe(s, 200, WIDTH, "dtype=uint8"),
                describe(s, 200, WIDTH, "dtype=uint8 copy=0 split=train:1"), 1);
    assert_same(describe(s, 200, WIDTH, "dtype=uint8 split=train:0.5"),
                describe(s, 200, WIDTH, "dtype=uint8 split=test:0.5"), 0);
    assert_same(describe(s, 200, WIDTH, "dtype=uint8 split=train:0.5"),
                describe(s, 200, WIDTH, "dtype=uint8 split=train:0.5 split_seed=2"), 0);
    for (size_t i = 0; i < 200 * WIDTH; i += 997) {
        char *before = describe(s, 200, WIDTH, "dtype=uint8");
        rows[i] ^= 1;
        assert_same(before, describe(s, 200, WIDTH, "dtype=uint8"), 0);
    }
}

/* 65536 / 300 = 218 whole rows, every fourth; of a wider row than that, the first. */
static void samples_large_sets(void **state) {
    const scratch *s = *state;
    const struct {
        size_t n, width, changed;
        int same;
    } cases[] = {{ROWS, WIDTH, 0, 0},
                 {ROWS, WIDTH, 4 * WIDTH + 299, 0},
                 {ROWS, WIDTH, 217 * 4 * WIDTH, 0},
                 {ROWS, WIDTH, WIDTH, 1},
                 {ROWS, WIDTH, 999 * WIDTH, 1},
                 {3, 100000, 99999, 0},
                 {3, 100000, 100000, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *before = describe(s, cases[i].n, cases[i].width, "dtype=uint8");
        rows[cases[i].changed] ^= 1;
        assert_same(before, describe(s, cases[i].n, cases[i].width, "dtype=uint8"), cases[i].same);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(says_what_it_is),
        SCRATCH_TEST(tells_offsets),
        SCRATCH_TEST(tells_contents),
        SCRATCH_TEST(samples_large_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
