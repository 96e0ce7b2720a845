/* Numbers printed and read, the same under every locale. Reading goes through strtod, which rounds
 * correctly, with the decimal point that the host's locale wants; printing adds digits until the text reads
 * back as the same number. */
#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EXACT_DIGITS 15    /* decimal digits that a double always holds exactly */
#define EXACT_POWER 22     /* largest power of ten that is a double */
#define LONGEST_NUMBER 400 /* characters; longer texts are not numbers */

/* printf writes the locale's radix character, which may be several bytes: anything that is no
 * digit, sign or exponent. */
static void localise_to_point(char *text) {
    char *to = text;
    for (const char *from = text; *from; from++) {
        int plain = (*from >= '0' && *from <= '9') || *from == '-' || *from == '+' || *from == 'e';
        if (plain) {
            *to++ = *from;
        } else if (to[-1] != '.') { /* a digit comes first */
            *to++ = '.';
        }
    }
    *to = 0;
}

/* Writes `digits` significant digits and reads them back. */
static double print_digits(char buffer[VAE__NUMBER_SIZE], int digits, double value) {
    double back = 0;
    snprintf(buffer, VAE__NUMBER_SIZE, "%.*g", digits, value);
    localise_to_point(buffer);
    vae__parse_real(buffer, strlen(buffer), &back);
    return back;
}

const char *vae__number(char buffer[VAE__NUMBER_SIZE], double value) {
    if (isnan(value)) return strcpy(buffer, "nan");
    if (isinf(value)) return strcpy(buffer, value < 0 ? "-inf" : "inf");
    /* Below DBL_MIN fewer than six digits may tell a number from its neighbours. */
    int digits = fabs(value) < DBL_MIN ? 1 : 6;
    while (print_digits(buffer, digits, value) != value && digits < 17) digits++;
    return buffer;
}

const char *vae__number_float(char buffer[VAE__NUMBER_SIZE], float value) {
    if (isnan(value) || isinf(value)) return vae__number(buffer, (double)value);
    int digits = fabsf(value) < FLT_MIN ? 1 : 6;
    while ((float)print_digits(buffer, digits, (double)value) != value && digits < 9) digits++;
    return buffer;
}

const char *vae__number_short(char buffer[VAE__NUMBER_SIZE], double value) {
    if (isnan(value) || isinf(value)) return vae__number(buffer, value);
    print_digits(buffer, 4, value);
    return buffer;
}

const char *vae__plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

const char *vae__bytes(char buffer[VAE__BYTES_SIZE], uint64_t bytes) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    int unit = -1;
    double amount = (double)bytes;
    for (; amount >= 1024; unit++) amount /= 1024;
    if (unit < 0) {
        snprintf(buffer, VAE__BYTES_SIZE, "%d byte%s", (int)bytes, vae__plural(bytes));
        return buffer;
    }
    char number[VAE__NUMBER_SIZE];
    if (print_digits(number, 4, amount) == amount) {
        snprintf(buffer, VAE__BYTES_SIZE, "%s %s", number, units[unit]);
    } else {
        snprintf(buffer, VAE__BYTES_SIZE, "%s %s (%llu bytes)", number, units[unit],
                 (unsigned long long)bytes);
    }
    return buffer;
}

const char *vae__number_fixed(char buffer[VAE__NUMBER_SIZE], double value, int decimals) {
    if (isnan(value) || isinf(value)) return vae__number(buffer, value);
    double size = fabs(value);
    if (size < 1e9 && (size == 0 || size >= 0.5 * pow(10, -decimals))) {
        snprintf(buffer, VAE__NUMBER_SIZE, "%.*f", decimals, size);
    } else {
        snprintf(buffer, VAE__NUMBER_SIZE, "%.*e", size < 1 ? 2 : 5, size);
    }
    localise_to_point(buffer);
    if (value < 0) { /* not the zero that has a sign */
        memmove(buffer + 1, buffer, strlen(buffer) + 1);
        buffer[0] = '-';
    }
    return buffer;
}

/* What the text says, before it becomes a double: significant * 10^exponent. */
typedef struct decimal {
    int negative, digits; /* digits: significant ones seen */
    uint64_t significant; /* the first 19 of them */
    long exponent;
} decimal;

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

static void take_digit(decimal *number, char digit) {
    if (number->digits == 0 && digit == '0') return;
    if (number->digits < 19) {
        number->significant = number->significant * 10 + (uint64_t)(digit - '0');
    } else {
        number->exponent++;
    }
    number->digits++;
}

static const char *take_exponent(const char *at, const char *end, decimal *number) {
    int negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    if (at == end || !is_digit(*at)) return NULL;
    long exponent = 0;
    for (; at < end && is_digit(*at); at++) {
        if (exponent < 100000) exponent = exponent * 10 + (*at - '0');
    }
    number->exponent += negative ? -exponent : exponent;
    return at;
}

/* 1 if all of the text is a decimal number. */
static int read_decimal(const char *at, const char *end, decimal *number) {
    int any = 0;
    if (at < end && (*at == '-' || *at == '+')) number->negative = *at++ == '-';
    for (; at < end && is_digit(*at); at++, any = 1) take_digit(number, *at);
    if (at < end && *at == '.') {
        for (at++; at < end && is_digit(*at); at++, any = 1) {
            take_digit(number, *at);
            number->exponent--;
        }
    }
    if (!any) return 0;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at = take_exponent(at + 1, end, number);
        if (!at) return 0;
    }
    return at == end;
}

/* Both factors are exact doubles, so one rounding happens (Clinger 1990). */
static int convert_exactly(const decimal *number, double *value) {
    static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (number->digits > EXACT_DIGITS || labs(number->exponent) > EXACT_POWER) return 0;
    double result = (double)number->significant;
    result = number->exponent < 0 ? result / powers[-number->exponent]
                                  : result * powers[number->exponent];
    *value = number->negative ? -result : result;
    return 1;
}

/* strtod rounds correctly but reads the locale's radix: give it that one. */
static void convert_slowly(const char *text, size_t length, double *value) {
    char radix[16], copy[LONGEST_NUMBER + sizeof radix];
    snprintf(radix, sizeof radix, "%.1f", 0.5);
    size_t radix_length = strlen(radix) - 2, used = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '.') {
            memcpy(copy + used, radix + 1, radix_length);
            used += radix_length;
        } else {
            copy[used++] = text[i];
        }
    }
    copy[used] = 0;
    *value = strtod(copy, NULL);
}

static int parse_special(const char *text, size_t length, double *value) {
    int negative = length && *text == '-';
    if (length && (*text == '-' || *text == '+')) text++, length--;
    if (length == 3 && !strncasecmp(text, "nan", 3)) {
        *value = (double)NAN;
    } else if ((length == 3 && !strncasecmp(text, "inf", 3)) ||
               (length == 8 && !strncasecmp(text, "infinity", 8))) {
        *value = negative ? -(double)INFINITY : (double)INFINITY;
    } else {
        return 0;
    }
    return 1;
}

int vae__parse_real(const char *text, size_t length, double *value) {
    decimal number = {0};
    if (length > LONGEST_NUMBER) return 0;
    if (!read_decimal(text, text + length, &number)) return parse_special(text, length, value);
    if (!convert_exactly(&number, value)) convert_slowly(text, length, value);
    return 1;
}

int vae__parse_unsigned(const char *text, size_t length, uint64_t *value) {
    uint64_t result = 0;
    if (!length) return 0;
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(text[i])) return 0;
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (result > (UINT64_MAX - digit) / 10) return 0;
        result = result * 10 + digit;
    }
    *value = result;
    return 1;
}
