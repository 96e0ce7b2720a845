#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "support/cmocka.h"

enum { LONGEST = 1023 };

static void fill(char *text, size_t length, char with) {
    memset(text, with, length);
    text[length] = 0;
}

static void sets_message_and_status(void **state) {
    (void)state;
    assert_int_equal(vae__fail(VAE_ERROR_WIDTH, "row %d of '%s'", 3, "x"), VAE_ERROR_WIDTH);
    assert_string_equal(vae__last_message(), "row 3 of 'x'");
    assert_ptr_equal(vae__last_message(), vae_last_error());
    assert_int_equal(vae__last_status(), VAE_ERROR_WIDTH);
    assert_int_equal(vae__fail(VAE_ERROR_DATA, "other"), VAE_ERROR_DATA);
    assert_string_equal(vae__last_message(), "other");
}

static void prefixes_message(void **state) {
    (void)state;
    vae__fail(VAE_ERROR_FILE, "cause");
    assert_int_equal(vae__fail_in("line %d", 7), VAE_ERROR_FILE);
    assert_string_equal(vae__last_message(), "line 7: cause");
    assert_int_equal(vae__fail_as(VAE_ERROR_FORMAT, "%s", "a.npy"), VAE_ERROR_FORMAT);
    assert_string_equal(vae__last_message(), "a.npy: line 7: cause");
    assert_int_equal(vae__last_status(), VAE_ERROR_FORMAT);
}

/* What ran out of memory is known further up; other failures are left as they are. */
static void prefixes_what_memory_was_for(void **state) {
    (void)state;
    vae__fail(VAE_ERROR_LIMIT, "needs much");
    assert_int_equal(vae__memory_in(VAE_ERROR_LIMIT, "plan for %d rows", 7), VAE_ERROR_LIMIT);
    assert_string_equal(vae__last_message(), "plan for 7 rows: needs much");
    vae__fail(VAE_ERROR_MEMORY, "out of memory");
    assert_int_equal(vae__memory_in(VAE_ERROR_MEMORY, "plan"), VAE_ERROR_MEMORY);
    assert_string_equal(vae__last_message(), "plan: out of memory");
    vae__fail(VAE_ERROR_DATA, "row 0");
    assert_int_equal(vae__memory_in(VAE_ERROR_DATA, "plan"), VAE_ERROR_DATA);
    assert_string_equal(vae__last_message(), "row 0");
    assert_int_equal(vae__memory_in(VAE_OK, "plan"), VAE_OK);
    assert_string_equal(vae__last_message(), "row 0");
}

/* A path of 4095 characters, the longest on Linux: its end goes, the cause stays. */
static void keeps_both_ends_of_long_messages(void **state) {
    char text[3000], path[4096], expected[8192];
    (void)state;
    fill(text, LONGEST, 'a');
    vae__fail(VAE_ERROR_DATA, "%s", text);
    assert_string_equal(vae__last_message(), text);
    fill(path, 4095, 'p');
    vae__fail(VAE_ERROR_FILE, "cannot open '%s': no such file", path);
    path[300 - 13] = 0;
    sprintf(expected, "cannot open '%s...", path);
    path[300 - 13] = 'p';
    path[LONGEST - 303 - 15] = 0;
    strcat(strcat(expected, path), "': no such file");
    assert_string_equal(vae__last_message(), expected);
}

/* Whatever their lengths: both ends are there, and in between nothing or a gap. */
static void keeps_both_ends_of_prefixed_messages(void **state) {
    static const size_t lengths[] = {0,    1,    599,  600,  1000, 1019, 1020,
                                     1021, 1022, 1023, 1024, 1025, 2000};
    char prefix[3000], cause[3000], expected[6100];
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t j = 0; j < sizeof lengths / sizeof lengths[0]; j++) {
            fill(prefix, lengths[i], 'p');
            fill(cause, lengths[j], 'c');
            vae__fail(VAE_ERROR_FORMAT, "%s", cause);
            sprintf(expected, "%s: %s", prefix, vae__last_message());
            vae__fail_in("%s", prefix);
            size_t whole = strlen(expected);
            const char *found = vae__last_message();
            assert_int_equal(strlen(found), whole < LONGEST ? whole : LONGEST);
            if (whole <= LONGEST) {
                assert_string_equal(found, expected);
                continue;
            }
            assert_memory_equal(found, expected, 300);
            assert_memory_equal(found + 300, "...", 3);
            assert_string_equal(found + 303, expected + whole - (LONGEST - 303));
        }
    }
}

static void shows_what_can_be_shown(void **state) {
    (void)state;
    vae__fail(VAE_ERROR_TEXT, "unknown '%s'", "a\nb\x1b[31m\x7f");
    assert_string_equal(vae__last_message(), "unknown 'a?b?[31m?'");
    vae__fail(VAE_ERROR_TEXT, "%s", "\xc3\xa9 \xe2\x82\xac \xf0\x9d\x84\x9e");
    assert_string_equal(vae__last_message(), "\xc3\xa9 \xe2\x82\xac \xf0\x9d\x84\x9e");
    vae__fail(VAE_ERROR_TEXT, "%s", "\xc2\x9b[2J \xc2\x85 \xc2\xa0");
    assert_string_equal(vae__last_message(), "??[2J ?? \xc2\xa0");
    vae__fail(VAE_ERROR_TEXT, "%s", "\xff\xc3.\xed\xa0\x80\xc0\x80\xe2\x82");
    assert_string_equal(vae__last_message(), "??.???????");
    vae__fail_in("%.4s", "abc\xc3\xa9");
    assert_string_equal(vae__last_message(), "abc?: ??.???????");
}

static void formats_into_buffers(void **state) {
    char buffer[6] = "xxxxx";
    (void)state;
    assert_int_equal(vae__format(buffer, sizeof buffer, "%s", "four"), 4);
    assert_string_equal(buffer, "four");
    assert_int_equal(vae__format(buffer, sizeof buffer, "%s %d", "seven", 77), 8);
    assert_string_equal(buffer, "seven");
    assert_int_equal(vae__format(NULL, 0, "%s", "none"), 4);
}

/* cmocka's asserts belong to the main thread: the other one records. */
typedef struct seen {
    int empty_before, own_after;
    vae_status status_before;
} seen;

static void *fail_elsewhere(void *argument) {
    seen *s = argument;
    s->empty_before = !vae__last_message()[0];
    s->status_before = vae__last_status();
    vae__fail(VAE_ERROR_LIMIT, "elsewhere");
    s->own_after = !strcmp(vae__last_message(), "elsewhere");
    return NULL;
}

static void belongs_to_the_thread(void **state) {
    pthread_t thread;
    seen s = {0};
    (void)state;
    vae__fail(VAE_ERROR_DATA, "here");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &s), 0);
    pthread_join(thread, NULL);
    assert_true(s.empty_before);
    assert_int_equal(s.status_before, VAE_OK);
    assert_true(s.own_after);
    assert_string_equal(vae__last_message(), "here");
    assert_int_equal(vae__last_status(), VAE_ERROR_DATA);
}

/* What a thread kept, another one has. */
static void *keep_elsewhere(void *argument) {
    vae__fail(VAE_ERROR_FILE, "of a thread");
    vae__failure_keep(argument, 7);
    return NULL;
}

static void carries_the_first_failure_to_a_thread(void **state) {
    pthread_t thread;
    vae__failure failure;
    (void)state;
    vae__failure_begin(&failure);
    vae__fail(VAE_ERROR_DATA, "before");
    assert_int_equal(vae__failure_take(&failure), VAE_OK);
    assert_string_equal(vae__last_message(), "before");
    assert_int_equal(pthread_create(&thread, NULL, keep_elsewhere, &failure), 0);
    pthread_join(thread, NULL);
    vae__fail(VAE_ERROR_DATA, "a later one");
    vae__failure_keep(&failure, 8);
    assert_int_equal(vae__failure_take(&failure), VAE_ERROR_FILE);
    assert_string_equal(vae__last_message(), "of a thread");
    assert_int_equal(vae__last_status(), VAE_ERROR_FILE);
    vae__fail(VAE_ERROR_DATA, "an earlier one: %%s");
    vae__failure_keep(&failure, 6);
    assert_int_equal(vae__failure_take(&failure), VAE_ERROR_DATA);
    assert_string_equal(vae__last_message(), "an earlier one: %s");
    vae__failure_begin(&failure);
    assert_int_equal(vae__failure_take(&failure), VAE_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_message_and_status),
        cmocka_unit_test(prefixes_message),
        cmocka_unit_test(prefixes_what_memory_was_for),
        cmocka_unit_test(keeps_both_ends_of_long_messages),
        cmocka_unit_test(keeps_both_ends_of_prefixed_messages),
        cmocka_unit_test(shows_what_can_be_shown),
        cmocka_unit_test(formats_into_buffers),
        cmocka_unit_test(belongs_to_the_thread),
        cmocka_unit_test(carries_the_first_failure_to_a_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
