#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/json.h"
#include "support/cmocka.h"

/* Text and strings are blocks of their exact size, so that a sanitizer sees any step past them. */
static vae__json start(const char *text, size_t size) {
    vae__json json = {.label = "test", .part = "text", .size = size};
    unsigned char *copy = malloc(size + !size);
    assert_non_null(copy);
    memcpy(copy, text, size);
    json.text = copy;
    json.strings = malloc(size + !size);
    assert_non_null(json.strings);
    return json;
}

static void finish(vae__json *json) {
    free((void *)(uintptr_t)json->text);
    free(json->strings);
}

/* Reads whatever is next, with the function that its first character asks for. */
static vae_status read_any(vae__json *json) {
    const char *string;
    uint64_t number;
    int more;
    while (json->at < json->size && strchr(" \t\r\n", json->text[json->at])) json->at++;
    int first = json->at < json->size ? json->text[json->at] : 0;
    if (first == '"') return vae__json_string(json, &string);
    if (first == '{') {
        vae_status status = vae__json_open_object(json);
        while (!status) {
            status = vae__json_next_key(json, &string);
            if (status || !string) return status;
            status = read_any(json);
        }
        return status;
    }
    if (first == '[') {
        vae_status status = vae__json_open_array(json);
        while (!status) {
            status = vae__json_next_item(json, &more);
            if (status || !more) return status;
            status = read_any(json);
        }
        return status;
    }
    return vae__json_unsigned(json, &number);
}

static vae_status read_all(const char *text, size_t size) {
    vae__json json = start(text, size);
    vae_status status = read_any(&json);
    if (!status) status = vae__json_end(&json);
    finish(&json);
    return status;
}

static void assert_refused(const char *text, const char *message) {
    assert_int_equal(read_all(text, strlen(text)), VAE_ERROR_FORMAT);
    if (!strstr(vae__last_message(), message)) {
        fail_msg("%s: \"%s\" lacks \"%s\"", text, vae__last_message(), message);
    }
}

/* ---- reading ---- */

static void reads_what_the_caller_expects(void **state) {
    (void)state;
    const char text[] = " { \"a\" : [1, 22 ,\t333],\r\n\"b\":\"text\", \"c\":{}, \"d\":[ ] }  ";
    vae__json json = start(text, sizeof text - 1);
    const char *key, *string;
    uint64_t number;
    int more;
    assert_int_equal(vae__json_open_object(&json), VAE_OK);
    assert_int_equal(vae__json_next_key(&json, &key), VAE_OK);
    assert_string_equal(key, "a");
    assert_int_equal(vae__json_offset(&json, key), 4);
    assert_int_equal(vae__json_open_array(&json), VAE_OK);
    for (uint64_t i = 1, ones = 1; i <= 3; i++, ones = ones * 10 + 1) {
        assert_int_equal(vae__json_next_item(&json, &more), VAE_OK);
        assert_int_equal(more, 1);
        assert_int_equal(vae__json_unsigned(&json, &number), VAE_OK);
        assert_int_equal(number, i * ones);
    }
    assert_int_equal(vae__json_next_item(&json, &more), VAE_OK);
    assert_int_equal(more, 0);
    assert_int_equal(vae__json_next_key(&json, &key), VAE_OK);
    assert_string_equal(key, "b");
    assert_int_equal(vae__json_string(&json, &string), VAE_OK);
    assert_string_equal(string, "text");
    assert_string_equal(key, "b"); /* still there */
    assert_int_equal(vae__json_next_key(&json, &key), VAE_OK);
    assert_int_equal(vae__json_open_object(&json), VAE_OK);
    assert_int_equal(vae__json_next_key(&json, &string), VAE_OK);
    assert_null(string);
    assert_int_equal(vae__json_next_key(&json, &key), VAE_OK);
    assert_string_equal(key, "d");
    assert_int_equal(vae__json_open_array(&json), VAE_OK);
    assert_int_equal(vae__json_next_item(&json, &more), VAE_OK);
    assert_int_equal(more, 0);
    assert_int_equal(vae__json_next_key(&json, &key), VAE_OK);
    assert_null(key);
    assert_int_equal(vae__json_end(&json), VAE_OK);
    assert_int_equal(json.depth, 0);
    finish(&json);
}

static void decodes_strings(void **state) {
    (void)state;
    const struct {
        const char *text, *string;
    } cases[] = {
        {"\"\"", ""},
        {"\"plain\x7f\"", "plain\x7f"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0001\\u0041\\u007f\"", "\x01\x41\x7f"},
        {"\"\\u0080\\u00e9\\u07ff\"", "\xc2\x80\xc3\xa9\xdf\xbf"},
        {"\"\\u0800\\u20AC\\uffff\"", "\xe0\xa0\x80\xe2\x82\xac\xef\xbf\xbf"},
        {"\"\\ud7ff\\ue000\"", "\xed\x9f\xbf\xee\x80\x80"},
        {"\"\\ud800\\udc00\\uD83D\\uDE00\\udbff\\udfff\"",
         "\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"},
        /* first and last character of each length, and both sides of the surrogates */
        {"\"\xc2\x80\xdf\xbf\"", "\xc2\x80\xdf\xbf"},
        {"\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"",
         "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"},
        {"\"\xf0\x90\x80\x80\xf1\x80\x80\x80\xf4\x8f\xbf\xbf\"",
         "\xf0\x90\x80\x80\xf1\x80\x80\x80\xf4\x8f\xbf\xbf"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vae__json json = start(cases[i].text, strlen(cases[i].text));
        const char *string;
        assert_int_equal(vae__json_string(&json, &string), VAE_OK);
        assert_string_equal(string, cases[i].string);
        assert_int_equal(vae__json_end(&json), VAE_OK);
        finish(&json);
    }
}

static void refuses_strings(void **state) {
    (void)state;
    const struct {
        const char *text, *message;
    } cases[] = {
        {"\"", "test: text byte 1: expected '\"', found the end of the text"},
        {"\"ab", "byte 3: expected '\"', found the end of the text"},
        {"\"a\nb\"", "byte 2: expected control characters to be escaped, found byte 0x0a"},
        {"\"\\", "byte 2: expected one of \"\\/bfnrtu after '\\', found the end of the text"},
        {"\"\\x41\"", "byte 2: expected one of \"\\/bfnrtu after '\\', found 'x'"},
        {"\"\\'\"", "found '''"},
        {"\"\\u\"", "byte 3: expected a hexadecimal digit, found '\"'"},
        {"\"\\u12", "byte 5: expected a hexadecimal digit, found the end of the text"},
        {"\"\\u12g4\"", "byte 5: expected a hexadecimal digit, found 'g'"},
        {"\"\\u12/4\"", "found '/'"},
        {"\"\\u12:4\"", "found ':'"},
        {"\"\\u12@4\"", "found '@'"},
        {"\"\\u12G4\"", "found 'G'"},
        {"\"\\u12`4\"", "found '`'"},
        {"\"a\\u0000\"", "byte 2: \\u0000 is not supported in a string"},
        {"\"\\udc00\"", "byte 1: expected a surrogate pair, found half of one"},
        {"\"\\udfff\\ud800\"", "byte 1: expected a surrogate pair, found half of one"},
        {"\"a\\ud800\"", "byte 2: expected a surrogate pair, found half of one"},
        {"\"\\ud800", "byte 1: expected a surrogate pair, found half of one"},
        {"\"\\ud800\\n\"", "byte 1: expected a surrogate pair, found half of one"},
        {"\"\\ud800u0041\"", "byte 1: expected a surrogate pair, found half of one"},
        {"\"\\ud800\\u0041\"", "byte 1: expected a surrogate pair, found half of one"},
        {"\"\\ud800\\udbff\"", "byte 1: expected a surrogate pair, found half of one"},
        {"\"\\ud800\\ue000\"", "byte 1: expected a surrogate pair, found half of one"},
        {"\"\\ud800\\udz\"", "byte 10: expected a hexadecimal digit, found 'z'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_refused(cases[i].text, cases[i].message);
    }
}

static void refuses_what_is_not_utf8(void **state) {
    (void)state;
    const char *const cases[] = {
        "\x80", /* a continuation byte alone */
        "\xbf",
        "\xc0\x80", /* overlong 0 */
        "\xc1\xbf",
        "\xc3",  /* cut off */
        "\xc3(", /* no continuation */
        "\xc3\xc0",
        "\xe0\x9f\xbf", /* overlong U+07FF */
        "\xe2\x82",     /* cut off */
        "\xe2\x28\xa1",
        "\xe2\x82\x28",
        "\xed\xa0\x80",     /* U+D800 */
        "\xed\xbf\xbf",     /* U+DFFF */
        "\xf0\x8f\xbf\xbf", /* overlong U+FFFF */
        "\xf0\x9f\x98",     /* cut off */
        "\xf0\x9f\x98\xc0",
        "\xf0\x9f\x28\x80",
        "\xf4\x90\x80\x80", /* U+110000 */
        "\xf5\x80\x80\x80",
        "\xff",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[16], message[80];
        snprintf(text, sizeof text, "\"a%s\"", cases[i]);
        snprintf(message, sizeof message, "byte 2: expected valid UTF-8, found byte 0x%02x",
                 (unsigned char)*cases[i]);
        assert_refused(text, message);
        assert_int_equal(read_all(text, strlen(text) - 1), VAE_ERROR_FORMAT); /* ends within */
        vae__buffer buffer = {.context = NULL};
        assert_int_equal(vae__context_new(NULL, NULL, NULL, &buffer.context), VAE_OK);
        snprintf(text, sizeof text, "a%s", cases[i]);
        assert_int_equal(vae__json_append_string(&buffer, text), VAE_ERROR_TEXT);
        snprintf(message, sizeof message, "expected valid UTF-8, found byte 0x%02x at offset 1",
                 (unsigned char)*cases[i]);
        assert_string_equal(vae__last_message(), message);
        vae__buffer_free(&buffer);
        vae__context_release(buffer.context);
    }
}

static void reads_every_uint64_exactly(void **state) {
    (void)state;
    const uint64_t numbers[] = {0,
                                1,
                                9,
                                10,
                                9007199254740993u, /* 2^53 + 1: no double */
                                UINT64_MAX - 1,
                                UINT64_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char text[32];
        uint64_t number = 7;
        snprintf(text, sizeof text, " %llu", (unsigned long long)numbers[i]);
        vae__json json = start(text, strlen(text));
        assert_int_equal(vae__json_unsigned(&json, &number), VAE_OK);
        assert_true(number == numbers[i]);
        finish(&json);
    }
}

static void refuses_other_numbers(void **state) {
    (void)state;
    const struct {
        const char *text, *message;
    } cases[] = {
        {"", "test: text byte 0: expected a whole number, found the end of the text"},
        {"-1", "byte 0: expected a whole number, found '-'"},
        {"+1", "byte 0: expected a whole number, found '+'"},
        {".5", "byte 0: expected a whole number, found '.'"},
        {"01", "byte 1: expected no digit after a leading 0, found '1'"},
        {"00", "byte 1: expected no digit after a leading 0, found '0'"},
        {"1.0", "byte 1: expected nothing but spaces, found '.'"},
        {"[1e3]", "byte 2: expected ',' or ']', found 'e'"},
        {"[0x10]", "byte 2: expected ',' or ']', found 'x'"},
        {"18446744073709551616", "byte 0: expected a number below 2^64"},
        {"[ 18446744073709551620 ]", "byte 2: expected a number below 2^64"},
        {"100000000000000000000", "byte 0: expected a number below 2^64"},
        {"true", "byte 0: expected a whole number, found 't'"},
        {"null", "byte 0: expected a whole number, found 'n'"},
        {"NaN", "byte 0: expected a whole number, found 'N'"},
        {"\xef\xbb\xbf"
         "1",
         "byte 0: expected a whole number, found byte 0xef"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_refused(cases[i].text, cases[i].message);
    }
    vae__json json = start("1", 1);
    const char *string;
    int more;
    assert_int_equal(vae__json_string(&json, &string), VAE_ERROR_FORMAT);
    assert_string_equal(vae__last_message(),
                        "test: text byte 0: expected a string in double quotes, found '1'");
    assert_int_equal(vae__json_open_array(&json), VAE_ERROR_FORMAT);
    assert_string_equal(vae__last_message(), "test: text byte 0: expected '[', found '1'");
    assert_int_equal(vae__json_open_object(&json), VAE_ERROR_FORMAT);
    assert_string_equal(vae__last_message(), "test: text byte 0: expected '{', found '1'");
    assert_int_equal(vae__json_next_item(&json, &more), VAE_ERROR_FORMAT);
    finish(&json);
}

static void refuses_malformed_containers(void **state) {
    (void)state;
    const struct {
        const char *text, *message;
    } cases[] = {
        {"{", "byte 1: expected a key in double quotes, found the end of the text"},
        {"{,}", "byte 1: expected a key in double quotes, found ','"},
        {"{1:2}", "byte 1: expected a key in double quotes, found '1'"},
        {"{'a':1}", "byte 1: expected a key in double quotes, found '''"},
        {"{\"a}", "byte 4: expected '\"', found the end of the text"},
        {"{\"a\"}", "byte 4: expected ':', found '}'"},
        {"{\"a\"", "byte 4: expected ':', found the end of the text"},
        {"{\"a\":}", "byte 5: expected a whole number, found '}'"},
        {"{\"a\":1", "byte 6: expected ',' or '}', found the end of the text"},
        {"{\"a\":1]", "byte 6: expected ',' or '}', found ']'"},
        {"{\"a\":1,}", "byte 7: expected a key in double quotes, found '}'"},
        {"{\"a\":1 \"b\":2}", "byte 7: expected ',' or '}', found '\"'"},
        {"{\"a\":1}}", "byte 7: expected nothing but spaces, found '}'"},
        {"{}\n", "byte 2: expected nothing but spaces, found byte 0x0a"},
        {"{} /* no */", "byte 3: expected nothing but spaces, found '/'"},
        {"[", "byte 1: expected a whole number, found the end of the text"},
        {"[,1]", "byte 1: expected a whole number, found ','"},
        {"[1,]", "byte 3: expected a whole number, found ']'"},
        {"[1 2]", "byte 3: expected ',' or ']', found '2'"},
        {"[1,,2]", "byte 3: expected a whole number, found ','"},
        {"[1}", "byte 2: expected ',' or ']', found '}'"},
        {"[1", "byte 2: expected ',' or ']', found the end of the text"},
        {"[\v1]", "byte 1: expected a whole number, found byte 0x0b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_refused(cases[i].text, cases[i].message);
    }
}

static void bounds_the_depth(void **state) {
    (void)state;
    char text[2 * VAE__JSON_DEPTH + 3], message[80];
    memset(text, '[', VAE__JSON_DEPTH);
    memset(text + VAE__JSON_DEPTH, ']', VAE__JSON_DEPTH);
    assert_int_equal(read_all(text, 2 * VAE__JSON_DEPTH), VAE_OK);
    memset(text, '[', VAE__JSON_DEPTH + 1);
    memset(text + VAE__JSON_DEPTH + 1, ']', VAE__JSON_DEPTH + 1);
    text[2 * VAE__JSON_DEPTH + 2] = 0;
    snprintf(message, sizeof message, "byte %d: nested too deep", VAE__JSON_DEPTH);
    assert_refused(text, message);
    /* Closed ones do not count. */
    assert_int_equal(read_all("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]", 58),
                     VAE_OK);
}

static void refuses_every_beginning_of_a_text(void **state) {
    (void)state;
    const char text[] = "{\"a\\n\\u00e9\\ud83d\\ude00\xc3\xa9\":{\"b\":[12,\"x\"],\"c\":{}}}";
    assert_int_equal(read_all(text, sizeof text - 1), VAE_OK);
    for (size_t size = 0; size < sizeof text - 1; size++) {
        assert_int_equal(read_all(text, size), VAE_ERROR_FORMAT);
    }
}

/* ---- writing ---- */

static void writes_strings_that_read_back(void **state) {
    (void)state;
    vae__buffer buffer = {.context = NULL};
    char every[200];
    assert_int_equal(vae__context_new(NULL, NULL, NULL, &buffer.context), VAE_OK);
    for (int c = 1; c < 128; c++) every[c - 1] = (char)c;
    strcpy(every + 127, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_int_equal(vae__json_append_string(&buffer, every), VAE_OK);
    for (size_t i = 0; i < buffer.length; i++) assert_true((unsigned char)buffer.text[i] >= ' ');
    vae__json json = start(buffer.text, buffer.length);
    const char *string;
    assert_int_equal(vae__json_string(&json, &string), VAE_OK);
    assert_string_equal(string, every);
    finish(&json);
    vae__buffer_free(&buffer);
    assert_int_equal(vae__json_append_string(&buffer, "a \"b\"\\\n"), VAE_OK);
    assert_string_equal(buffer.text, "\"a \\\"b\\\"\\\\\\n\"");
    vae__buffer_free(&buffer);
    assert_int_equal(vae__json_append_string(&buffer, "\b\f\r\t\x01\x1f\x7f/"), VAE_OK);
    assert_string_equal(buffer.text, "\"\\b\\f\\r\\t\\u0001\\u001f\x7f/\"");
    vae__buffer_free(&buffer);
    vae__context_release(buffer.context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_caller_expects),
        cmocka_unit_test(decodes_strings),
        cmocka_unit_test(refuses_strings),
        cmocka_unit_test(refuses_what_is_not_utf8),
        cmocka_unit_test(reads_every_uint64_exactly),
        cmocka_unit_test(refuses_other_numbers),
        cmocka_unit_test(refuses_malformed_containers),
        cmocka_unit_test(bounds_the_depth),
        cmocka_unit_test(refuses_every_beginning_of_a_text),
        cmocka_unit_test(writes_strings_that_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
