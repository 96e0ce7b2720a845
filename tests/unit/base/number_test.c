#include <fenv.h>
#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

#include "base/rng.h"
#include "base/text.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/locale.h"

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double from_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t random_bits(uint32_t index) {
    const vae__stream stream = {42, 0, 200, 0};
    uint32_t words[4];
    vae__random_block(&stream, 0, index, words);
    return (uint64_t)words[0] << 32 | words[1];
}

/* ---- printing and reading back ---- */

static void check_round_trip(double value) {
    char text[VAE__NUMBER_SIZE];
    double back = 0;
    assert_ptr_equal(vae__number(text, value), text);
    if (strchr(text, ',')) fail_msg("a comma in %s", text);
    if (!vae__parse_real(text, strlen(text), &back)) fail_msg("'%s' does not parse", text);
    if (bits_of(back) != bits_of(value)) fail_msg("'%s': %a became %a", text, value, back);
}

static void check_all_round_trips(void) {
    static const double values[] = {0.0,
                                    -0.0,
                                    1,
                                    -1,
                                    0.1,
                                    1.0 / 3,
                                    1e22,
                                    1e23,
                                    123456,
                                    1234567,
                                    DBL_MIN,
                                    DBL_MAX,
                                    DBL_EPSILON,
                                    5e-324,
                                    -5e-324,
                                    1.5e-323,
                                    2.2250738585072011e-308,
                                    4294967296.0,
                                    9007199254740993.0,
                                    1e-5};
    for (size_t i = 0; i < COUNT_OF(values); i++) check_round_trip(values[i]);
    for (uint32_t i = 0; i < 10000; i++) {
        double value = from_bits(random_bits(i));
        if (isfinite(value)) check_round_trip(value);
        check_round_trip(from_bits(random_bits(i) >> 12)); /* subnormal */
        check_round_trip((double)(int64_t)(random_bits(i) >> 40) / 1000);
        check_round_trip((double)(float)(random_bits(i) >> 40) * 0x1p-30);
    }
}

static void round_trips(void **state) {
    (void)state;
    check_all_round_trips();
}

static void check_fixed(void) {
    static const struct {
        double value;
        int decimals;
        const char *text;
    } cases[] = {{-237.42129, 3, "-237.421"},
                 {0.0126, 3, "0.013"},
                 {0.9996, 3, "1.000"},
                 {10000, 0, "10000"},
                 {0, 3, "0.000"},
                 {-0.0, 3, "0.000"},
                 {0.0006, 3, "0.001"},
                 {-0.00042, 3, "-4.20e-04"},
                 {1e-300, 4, "1.00e-300"},
                 {999999999, 4, "999999999.0000"},
                 {-5.08558123e12, 3, "-5.08558e+12"},
                 {-DBL_MAX, 0, "-1.79769e+308"},
                 {(double)NAN, 3, "nan"},
                 {-(double)INFINITY, 3, "-inf"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[VAE__NUMBER_SIZE];
        assert_ptr_equal(vae__number_fixed(text, cases[i].value, cases[i].decimals), text);
        assert_string_equal(text, cases[i].text);
    }
}

static void prints_fixed_decimals(void **state) {
    (void)state;
    check_fixed();
}

static void prints_the_shortest(void **state) {
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "-0"},
                 {1, "1"},
                 {0.001, "0.001"},
                 {0.1, "0.1"},
                 {-2.5, "-2.5"},
                 {784, "784"},
                 {1e6, "1e+06"},
                 {1e300, "1e+300"},
                 {0.3, "0.3"},
                 {1e-3, "0.001"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {5e-324, "5e-324"},
                 {1e-320, "1e-320"},
                 {(double)INFINITY, "inf"},
                 {-(double)INFINITY, "-inf"},
                 {(double)NAN, "nan"}};
    char text[VAE__NUMBER_SIZE];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(vae__number(text, cases[i].value), cases[i].text);
    assert_string_equal(vae__number_short(text, 3.14159265), "3.142");
    assert_string_equal(vae__number_short(text, -1e9 / 3), "-3.333e+08");
    assert_string_equal(vae__number_short(text, (double)NAN), "nan");
    assert_string_equal(vae__number_short(text, -(double)INFINITY), "-inf");
}

/* As floats are told apart: the neighbours of 1 are not 1, and 0.1f is not 0.10000000149011612. */
static void prints_floats(void **state) {
    static const struct {
        float value;
        const char *text;
    } cases[] = {
        {1, "1"},
        {1.0000001f, "1.0000001"},
        {0.99999994f, "0.99999994"},
        {0.1f, "0.1"},
        {-2.5f, "-2.5"},
        {16777216, "16777216"},
        {1e10f, "1e+10"},
        {FLT_MAX, "3.4028235e+38"},
        {FLT_MIN, "1.1754944e-38"},
        {1e-45f, "1e-45"},
        {(float)NAN, "nan"},
        {-(float)INFINITY, "-inf"},
    };
    char text[VAE__NUMBER_SIZE];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(vae__number_float(text, cases[i].value), cases[i].text);
    for (uint32_t bits = 0x3f7ff000; bits < 0x3f801000; bits++) { /* around 1 */
        float value;
        double back;
        memcpy(&value, &bits, sizeof value);
        vae__number_float(text, value);
        assert_true(vae__parse_real(text, strlen(text), &back) && (float)back == value);
    }
}

/* Where the host lets subnormal results become 0, no digits read back as the value: the loop has to end. */
static void prints_floats_without_subnormals(void **state) {
    (void)state;
#ifdef __SSE__
    const unsigned flush_to_zero = 0x8000, before = _mm_getcsr();
    char text[VAE__NUMBER_SIZE];
    double back;
    _mm_setcsr(before | flush_to_zero);
    vae__number_float(text, 1e-45f);
    _mm_setcsr(before);
    assert_true(vae__parse_real(text, strlen(text), &back) && (float)back == 1e-45f);
#endif
}

static void prints_bytes(void **state) {
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 bytes"},
        {1, "1 byte"},
        {1023, "1023 bytes"},
        {1024, "1 KiB"},
        {1025, "1.001 KiB (1025 bytes)"},
        {1536, "1.5 KiB"},
        {(uint64_t)64 << 20, "64 MiB"},
        {1288490189, "1.2 GiB (1288490189 bytes)"},
        {(uint64_t)3 << 40, "3 TiB"},
        {UINT64_MAX, "16 EiB"},
    };
    char text[VAE__BYTES_SIZE];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(vae__bytes(text, cases[i].bytes), cases[i].text);
    assert_string_equal(vae__plural(0), "s");
    assert_string_equal(vae__plural(1), "");
    assert_string_equal(vae__plural(2), "s");
}

/* ---- reading ---- */

static const struct {
    const char *text;
    double value;
} numbers[] = {
    {"0", 0},
    {"-0", -0.0},
    {"+1.5", 1.5},
    {".5", 0.5},
    {"5.", 5},
    {"1e3", 1000},
    {"1E-3", 1e-3},
    {"1e+03", 1000},
    {"00012.500", 12.5},
    {"0e999999999", 0},
    {"1e999999999", (double)INFINITY},
    {"-1e400", -(double)INFINITY},
    {"1e-400", 0},
    {"1e-999999999999999999999", 0},
    {"inf", (double)INFINITY},
    {"-Infinity", -(double)INFINITY},
    {"+INF", (double)INFINITY},
    /* halfway cases: to even, up if anything follows */
    {"9007199254740993", 9007199254740992.0},
    {"9007199254740995", 9007199254740996.0},
    {"9007199254740993.0000000000000000000000000000001", 9007199254740994.0},
    {"9007199254740992.9999999999999999999999999999999", 9007199254740992.0},
    {"1.00000000000000011102230246251565404236316680908203125", 1},
    {"1.00000000000000011102230246251565404236316680908203126", 1 + DBL_EPSILON},
    {"1.7976931348623158e308", DBL_MAX},
    {"1.7976931348623159e308", (double)INFINITY},
    {"2.2250738585072011e-308", 0x0.fffffffffffffp-1022},
    {"2.2250738585072014e-308", DBL_MIN},
    {"2.4703282292062327e-324", 0},
    {"2.4703282292062328e-324", 0x1p-1074},
    {"4.9406564584124654e-324", 0x1p-1074},
    {"0.1e1", 1},
    {"123456789012345678901234567890", 123456789012345678901234567890.0},
    {"0.000000000000000000000000000000000000001", 1e-39},
};

static void check_all_numbers(void) {
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        double value = 7;
        if (!vae__parse_real(numbers[i].text, strlen(numbers[i].text), &value))
            fail_msg("'%s' does not parse", numbers[i].text);
        if (bits_of(value) != bits_of(numbers[i].value))
            fail_msg("'%s' gave %a, expected %a", numbers[i].text, value, numbers[i].value);
    }
}

static void reads_numbers(void **state) {
    double value = 0;
    (void)state;
    check_all_numbers();
    assert_true(vae__parse_real("NaN", 3, &value) && isnan(value));
    assert_true(vae__parse_real("-nan", 4, &value) && isnan(value));
    assert_true(vae__parse_real("1234", 2, &value)); /* only what it was given */
    assert_true(value > 11.9 && value < 12.1);
}

/* The C library is exact too, under the C locale. */
static void agrees_with_strtod(void **state) {
    char text[80];
    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        uint64_t a = random_bits(i), b = random_bits(i + 100000);
        int digits = 1 + (int)(b % 30), exponent = (int)(b >> 32) % 340;
        snprintf(text, sizeof text, "%" PRIu64 "%" PRIu64, a, b);
        snprintf(text + digits, sizeof text - (size_t)digits, ".%" PRIu64 "e%d", b % 1000000,
                 exponent);
        double value = 0, expected = strtod(text, NULL);
        assert_true(vae__parse_real(text, strlen(text), &value));
        if (bits_of(value) != bits_of(expected))
            fail_msg("'%s' gave %a, expected %a", text, value, expected);
    }
}

static void refuses_what_is_no_number(void **state) {
    static const char *const texts[] = {
        "",         "-",      "+",   ".",   "-.",   "e5",   ".e5",   "1e",    "1e+",
        "1e-",      "0x1",    "1,5", "1 ",  " 1",   "1f",   "1..2",  "1.2.3", "infin",
        "infinit",  "nan(1)", "1_0", "--1", "+-1",  "1e5.", "1e1e1", "1\n",   "one",
        "\xd9\xa1", "1d5",    "in",  "1ex", "1e+x", "1e/"};
    char longest[402];
    double value = 7;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (vae__parse_real(texts[i], strlen(texts[i]), &value)) fail_msg("'%s' parses", texts[i]);
    }
    memset(longest, '1', sizeof longest);
    assert_false(vae__parse_real(longest, 401, &value));
    assert_false(vae__parse_real("1\0002", 3, &value));
    assert_true(bits_of(value) == bits_of(7));
    memset(longest, '0', 400);
    longest[0] = '.', longest[399] = '1';
    assert_true(vae__parse_real(longest, 400, &value));
    assert_true(bits_of(value) == 0);
}

static void reads_unsigned(void **state) {
    static const struct {
        const char *text;
        int good;
        uint64_t value;
    } cases[] = {{"0", 1, 0},
                 {"007", 1, 7},
                 {"4294967296", 1, 4294967296u},
                 {"18446744073709551615", 1, UINT64_MAX},
                 {"18446744073709551614", 1, UINT64_MAX - 1},
                 {"18446744073709551610", 1, UINT64_MAX - 5},
                 {"00000000000000000000000000000000001", 1, 1},
                 {"18446744073709551616", 0, 0},
                 {"18446744073709551620", 0, 0},
                 {"28446744073709551615", 0, 0},
                 {"99999999999999999999", 0, 0},
                 {"184467440737095516150", 0, 0},
                 {"", 0, 0},
                 {"-1", 0, 0},
                 {"+1", 0, 0},
                 {" 1", 0, 0},
                 {"1 ", 0, 0},
                 {"1.0", 0, 0},
                 {"1e3", 0, 0},
                 {"0x10", 0, 0}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t value = 5;
        int good = vae__parse_unsigned(cases[i].text, strlen(cases[i].text), &value);
        if (good != cases[i].good || value != (good ? cases[i].value : 5))
            fail_msg("'%s' gave %d, %" PRIu64, cases[i].text, good, value);
    }
}

/* ---- what the host has set ---- */

/* The locale that is set writes `half` for 0.5. */
static void check_under_locale(const char *half) {
    char text[VAE__NUMBER_SIZE];
    double value;
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, half); /* the test is one */
    check_all_round_trips();
    check_all_numbers();
    assert_string_equal(vae__number(text, 0.25), "0.25");
    assert_string_equal(vae__number_short(text, 1234.5678), "1235");
    assert_string_equal(vae__number_short(text, 0.12345678), "0.1235");
    assert_false(vae__parse_real("0,5", 3, &value));
    assert_false(vae__parse_real("1,000000000000000000000000001", 29, &value));
    check_fixed();
    setlocale(LC_ALL, "C");
}

static void ignores_a_decimal_comma(void **state) {
    (void)state;
    if (!test_comma_locale()) skip();
    check_under_locale("0,5");
}

static void ignores_a_radix_of_two_bytes(void **state) {
    (void)state;
    if (!test_wide_radix_locale()) skip();
    check_under_locale("0" TEST_WIDE_RADIX "5");
}

/* The C library rounds as the host has set; then the text may be one unit off, but there is one. */
static void ends_under_any_rounding(void **state) {
    static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    char text[VAE__NUMBER_SIZE];
    double back;
    (void)state;
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        assert_int_equal(fesetround(modes[m]), 0);
        for (uint32_t i = 0; i < 2000; i++) {
            double value = from_bits(random_bits(i) >> 2 | (uint64_t)1 << 61);
            vae__number(text, value);
            int good = vae__parse_real(text, strlen(text), &back);
            if (!good || fabs(back - value) > 4 * DBL_EPSILON * value) {
                fesetround(FE_TONEAREST);
                fail_msg("%a became '%s'", value, text);
            }
        }
    }
    fesetround(FE_TONEAREST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(prints_the_shortest),
        cmocka_unit_test(prints_fixed_decimals),
        cmocka_unit_test(prints_floats),
        cmocka_unit_test(prints_floats_without_subnormals),
        cmocka_unit_test(prints_bytes),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(agrees_with_strtod),
        cmocka_unit_test(refuses_what_is_no_number),
        cmocka_unit_test(reads_unsigned),
        cmocka_unit_test(ignores_a_decimal_comma),
        cmocka_unit_test(ignores_a_radix_of_two_bytes),
        cmocka_unit_test(ends_under_any_rounding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
