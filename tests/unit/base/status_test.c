#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"

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

static void truncates_long_messages(void **state) {
    char text[3000];
    (void)state;
    fill(text, LONGEST, 'a');
    vae__fail(VAE_ERROR_DATA, "%s", text);
    assert_string_equal(vae__last_message(), text);
    fill(text, 2999, 'b');
    vae__fail(VAE_ERROR_DATA, "%s", text);
    text[LONGEST] = 0;
    assert_string_equal(vae__last_message(), text);
}

/* The prefix stays whole, the end of the cause goes. */
static void truncates_prefixed_messages(void **state) {
    static const size_t lengths[] = {0,    1,    599,  600,  1000, 1019, 1020,
                                     1021, 1022, 1023, 1024, 1025, 2000};
    char prefix[3000], cause[3000], expected[6100];
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t j = 0; j < sizeof lengths / sizeof lengths[0]; j++) {
            fill(prefix, lengths[i], 'p');
            fill(cause, lengths[j], 'c');
            vae__fail(VAE_ERROR_FORMAT, "%s", cause);
            vae__fail_in("%s", prefix);
            strcpy(expected, prefix);
            strcat(strcat(expected, ": "), cause);
            expected[LONGEST] = 0;
            size_t length = strlen(vae__last_message());
            assert_true(length <= LONGEST);
            assert_memory_equal(vae__last_message(), expected, length);
            assert_true(length + 2 >= strlen(expected)); /* at most the ": " is lost */
        }
    }
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_message_and_status), cmocka_unit_test(prefixes_message),
        cmocka_unit_test(truncates_long_messages), cmocka_unit_test(truncates_prefixed_messages),
        cmocka_unit_test(formats_into_buffers),    cmocka_unit_test(belongs_to_the_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
