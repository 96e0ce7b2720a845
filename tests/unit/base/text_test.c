#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "support/checks.h"
#include "support/cmocka.h"

static vae__slice whole(const char *text) {
    return (vae__slice){"list", text, text, strlen(text)};
}

/* ---- lists ---- */

/* Items joined by '|'. */
static void cuts_lists(void **state) {
    static const struct {
        const char *text, *items;
    } cases[] = {
        {"[]", ""},
        {"[  ]", ""},
        {"[ # nothing\n ]", ""},
        {"[a]", "a|"},
        {"[ dense 400 , relu ]", "dense 400|relu|"},
        {"[a,b,c]", "a|b|c|"},
        {"[a,,b]", "a||b|"},
        {"[a,]", "a||"},
        {"[,]", "||"},
        {"[a # x, y\n, b # z\n]", "a|b|"},
        {"[\n  dense 4,\n  # c\n  relu\n]", "dense 4|relu|"},
        {"[\"p, abs\"]", "'p, abs'|"},
        {"[ \"#id\" , \"a ] b\", c]", "'#id'|'a ] b'|c|"},
        {"[\"\", \" a \"]", "''|' a '|"},
        {"[# \"x\n \"a\" # \"y\n, b]", "'a'|b|"},
        {"[5\" pipe, 6\"]", "5\" pipe|6\"|"},
        {"[[a, b], res[c, \"d,\"], e]", "[a, b]|res[c, \"d,\"]|e|"},
        {"[height[cm], [\"]\"]]", "height[cm]|[\"]\"]|"},
        {"[a], b]", "a]|b|"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char joined[200] = "";
        vae__slice value = whole(cases[i].text), rest, item;
        int quoted;
        assert_ok(vae__list_open(&value, "[a]", &rest));
        while (vae__list_next(&rest, &item, &quoted)) {
            if (quoted) strcat(joined, "'");
            strncat(joined, item.text, item.length);
            strcat(joined, quoted ? "'|" : "|");
        }
        assert_string_equal(joined, cases[i].items);
    }
}

static void refuses_what_is_no_list(void **state) {
    static const char *const texts[] = {"", "a", "[", "]", "[a", "a]", "dense 400"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        vae__slice value = whole(texts[i]), rest;
        assert_fails(
            vae__list_open(&value, "[temperature, pressure]", &rest), VAE_ERROR_TEXT,
            "list:1:1: expected a list in brackets, e.g. [temperature, pressure]; found '");
    }
}

static void refuses_broken_quotes(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[a, \"b]", "list:1:5: '\"' is never closed"},
        {"[\"]", "list:1:2: '\"' is never closed"},
        {"[\"a\" b]", "list:1:6: expected ',' or ']' after the closing quote, found 'b'"},
        {"[\"a\"\"b\"]", "list:1:5: expected ',' or ']' after the closing quote, found '\"'"},
        {"[a, \"b\" # c\n d]", "list:2:2: expected ',' or ']' after the closing quote, found 'd'"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        vae__slice value = whole(cases[i].text), rest;
        assert_fails(vae__list_open(&value, "[a]", &rest), VAE_ERROR_TEXT, cases[i].message);
    }
}

/* Where an item needs no quotes, they are part of it. */
static void keeps_quotes_that_nobody_expects(void **state) {
    vae__slice value = whole("[\"relu\"]"), rest, item;
    (void)state;
    assert_ok(vae__list_open(&value, "[a]", &rest));
    assert_int_equal(vae__list_next(&rest, &item, NULL), 1);
    assert_true(vae__slice_is(&item, "\"relu\""));
}

static void cuts_words(void **state) {
    vae__slice rest = whole("  dense\t400# wide\n last"), word;
    (void)state;
    assert_int_equal(vae__word_next(&rest, &word), 1);
    assert_true(vae__slice_is(&word, "dense"));
    assert_false(vae__slice_is(&word, "dens"));
    assert_false(vae__slice_is(&word, "dense 400"));
    assert_int_equal(vae__word_next(&rest, &word), 1);
    assert_true(vae__slice_is(&word, "400"));
    assert_int_equal(vae__word_next(&rest, &word), 1);
    assert_true(vae__slice_is(&word, "last"));
    assert_int_equal(vae__word_next(&rest, &word), 0);
}

/* ---- growing text ---- */

static void grows(void **state) {
    host_allocator counts;
    vae_context *context = counted_context(NULL, &counts);
    vae__buffer out = {.context = context};
    (void)state;
    for (int i = 0; i < 1000; i++) vae__append(&out, "%d,", i % 10);
    vae__append_bytes(&out, "a\0b", 3);
    assert_int_equal(out.length, 2003);
    assert_memory_equal(out.text, "0,1,2,3,", 8);
    assert_memory_equal(out.text + 1998, "9,a\0b", 6);
    vae__buffer huge = {.context = context};
    vae__append_bytes(&huge, "", SIZE_MAX);
    assert_true(huge.failed);
    assert_int_equal(vae__last_status(), VAE_ERROR_MEMORY);
    counts.refuse_from = 1;
    while (!out.failed) vae__append(&out, "%s", "more");
    size_t length = out.length;
    vae__append(&out, "lost");
    vae__append_bytes(&out, "lost", 4);
    assert_int_equal(out.length, length);
    assert_int_equal(vae__last_status(), VAE_ERROR_MEMORY);
    vae__buffer_free(&out);
    vae_context_destroy(context);
    assert_int_equal(atomic_load(&counts.blocks), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_lists),
        cmocka_unit_test(refuses_what_is_no_list),
        cmocka_unit_test(refuses_broken_quotes),
        cmocka_unit_test(keeps_quotes_that_nobody_expects),
        cmocka_unit_test(cuts_words),
        cmocka_unit_test(grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
