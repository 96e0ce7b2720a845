/* The list of texts that a model carries: order, changes, limits, and that a change which fails changes nothing. */
#include <string.h>

#include "model/metadata.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

static vae_context *context;
static vae__model_metadata list;

static int set_up(void **state) {
    (void)state;
    context = test_context(NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    vae__metadata_free(context, &list);
    assert_int_equal(atomic_load(&context->bytes), sizeof *context);
    vae_context_destroy(context);
    return 0;
}

static void put(const char *key, const char *value) {
    assert_ok(vae__metadata_put(context, &list, key, value));
}

/* "a=1 b=2 " */
static void assert_list(const char *expected) {
    char found[200] = "";
    for (size_t i = 0; i < list.count; i++) {
        const vae__metadata_entry *entry = &list.entries[i];
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s=%s ", entry->key,
                 entry->value);
        assert_ptr_equal(vae__metadata_find(&list, entry->key), entry->value);
    }
    assert_string_equal(found, expected);
}

static void keeps_the_order(void **state) {
    (void)state;
    assert_list("");
    assert_null(vae__metadata_find(&list, "a"));
    put("b", "1");
    put("a", "");
    put("\xc3\xa9\n\"", "3");
    assert_list("b=1 a= \xc3\xa9\n\"=3 ");
    put("a", "a longer one");
    put("b", "2");
    assert_list("b=2 a=a longer one \xc3\xa9\n\"=3 ");
    put("a", NULL);
    assert_list("b=2 \xc3\xa9\n\"=3 ");
    put("a", "last");
    assert_list("b=2 \xc3\xa9\n\"=3 a=last ");
    put("none", NULL);
    put("a", NULL);
    put("b", NULL);
    put("\xc3\xa9\n\"", NULL);
    assert_list("");
    put("b", NULL);
    assert_null(list.entries);
}

/* What the list gave is taken too. */
static void takes_its_own_texts(void **state) {
    (void)state;
    put("a", "1");
    put("b", "2");
    put("c", vae__metadata_find(&list, "a"));
    put("a", vae__metadata_find(&list, "b"));
    put(list.entries[1].key, list.entries[0].key);
    assert_list("a=2 b=a c=1 ");
    put(vae__metadata_find(&list, "b"), vae__metadata_find(&list, "b"));
    assert_list("a=a b=a c=1 ");
    while (list.count) put(list.entries[0].key, NULL);
}

static void knows_the_reserved_keys(void **state) {
    static const char *const reserved[] = {"format",        "spec",        "checkpoint",
                                           "optimizer.",    "optimizer.x", "dataset",
                                           "dataset.epoch", "dataset_name"};
    static const char *const others[] = {"",          "formats",    "Spec", "checkpoint.x",
                                         "optimizer", "my.dataset", "data", "specs"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        assert_true(vae__metadata_is_reserved(reserved[i]));
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_false(vae__metadata_is_reserved(others[i]));
    put("dataset.shift", "[1, 2]"); /* by the library itself */
    assert_list("dataset.shift=[1, 2] ");
}

static void refuses_what_is_no_text(void **state) {
    static const char *const bad[] = {"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80"};
    (void)state;
    put("a", "1");
    assert_fails(vae__metadata_put(context, &list, "", "x"), VAE_ERROR_ARGUMENT,
                 "key: expected at least one character");
    assert_fails(vae__metadata_put(context, &list, "", NULL), VAE_ERROR_ARGUMENT, "key");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_fails(vae__metadata_put(context, &list, bad[i], "x"), VAE_ERROR_TEXT,
                     "key: expected valid UTF-8, found byte 0x");
        assert_fails(vae__metadata_put(context, &list, "a", bad[i]), VAE_ERROR_TEXT,
                     "value: expected valid UTF-8, found byte 0x");
    }
    assert_list("a=1 ");
}

static char *text_of(size_t length) {
    char *text = malloc(length + 1);
    assert_non_null(text);
    memset(text, 'x', length);
    text[length] = 0;
    return text;
}

static void holds_the_limit(void **state) {
    char *text = text_of(VAE__METADATA_LIMIT - 7);
    (void)state;
    put("small", "1");
    put("a", text); /* all of it */
    assert_fails(vae__metadata_put(context, &list, "small", "12"), VAE_ERROR_ARGUMENT,
                 "would be 10000001 bytes together; expected at most 10000000");
    assert_string_equal(vae__metadata_find(&list, "small"), "1");
    put("small", "2");
    put("small", NULL);
    put("small", "");
    free(text);
}

/* As from a file: it stays, may shrink, and does not grow. */
static void keeps_more_than_the_limit(void **state) {
    char *text = text_of(VAE__METADATA_LIMIT + 10);
    const vae__metadata_entry entries[] = {{"a", text}, {"b", "2"}, {"", "3"}};
    (void)state;
    assert_ok(vae__metadata_copy(context, entries, 3, &list));
    assert_string_equal(vae__metadata_find(&list, "a"), text);
    assert_string_equal(vae__metadata_find(&list, ""), "3");
    assert_fails(vae__metadata_put(context, &list, "c", ""), VAE_ERROR_ARGUMENT,
                 "expected at most");
    put("b", "4");
    put("b", NULL);
    assert_int_equal(list.count, 2);
    put("a", "short");
    put("c", "5");
    assert_list("a=short =3 c=5 ");
    free(text);
}

/* Every allocation refused in turn. */
static void stays_as_it_was_without_memory(void **state) {
    host_allocator counts = {0};
    vae_context *host = NULL;
    vae__model_metadata tried = {0};
    (void)state;
    assert_ok(vae_context_create_with_allocator(NULL, host_alloc, host_free, &counts, &host));
    assert_ok(vae__metadata_put(host, &tried, "a", "1"));
    assert_ok(vae__metadata_put(host, &tried, "b", "2"));
    static const struct {
        const char *key, *value;
    } changes[] = {{"a", "another"}, {"c", "3"}, {"b", NULL}};
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        size_t refused = 0;
        vae_status status;
        do {
            const char *before = tried.entries[0].key;
            size_t blocks = atomic_load(&counts.blocks);
            counts.refuse_from = atomic_load(&counts.calls) + ++refused;
            status = vae__metadata_put(host, &tried, changes[i].key, changes[i].value);
            counts.refuse_from = 0;
            if (!status) break;
            assert_int_equal(status, VAE_ERROR_MEMORY);
            assert_ptr_equal(tried.entries[0].key, before);
            assert_int_equal(atomic_load(&counts.blocks), blocks);
        } while (refused < 100);
        assert_int_equal(refused, 4);
    }
    assert_string_equal(vae__metadata_find(&tried, "a"), "another");
    assert_string_equal(vae__metadata_find(&tried, "c"), "3");
    assert_null(vae__metadata_find(&tried, "b"));
    vae__metadata_free(host, &tried);
    vae_context_destroy(host);
    assert_int_equal(atomic_load(&counts.blocks), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(keeps_the_order),           TEST(takes_its_own_texts),
        TEST(knows_the_reserved_keys),   TEST(refuses_what_is_no_text),
        TEST(holds_the_limit),           TEST(holds_the_limit),
        TEST(keeps_more_than_the_limit), TEST(stays_as_it_was_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
