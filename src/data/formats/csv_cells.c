/* What a single cell of a CSV file says: a number, a missing value, or a word. Relies on the format that
 * was found for the file; depends on no locale. */
#include "data/formats/csv_cells.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

#define LONGEST_NUMBER 400 /* as vae__parse_real */

int vae__csv_number(const vae__csv_format *format, const char *text, size_t length, double *value) {
    char copy[LONGEST_NUMBER];
    if (format->point == '.') return vae__parse_real(text, length, value);
    if (length > sizeof copy || memchr(text, '.', length)) return 0;
    memcpy(copy, text, length);
    char *comma = memchr(copy, ',', length);
    if (comma) *comma = '.';
    return vae__parse_real(copy, length, value);
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int equal_in_any_case(const char *word, const char *text, size_t length) {
    if (strlen(word) != length) return 0;
    for (size_t i = 0; i < length; i++) {
        if (lower(text[i]) != word[i]) return 0;
    }
    return 1;
}

int vae__csv_is_missing(const char *text, size_t length) {
    static const char *const words[] = {"", "na", "n/a", "#n/a", "null", "none", "?", "-"};
    double value;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (equal_in_any_case(words[i], text, length)) return 1;
    }
    return vae__parse_real(text, length, &value) && isnan(value);
}

static int is_letter_or_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (unsigned char)c >= 0x80;
}

int vae__csv_is_signs(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (is_letter_or_digit(text[i])) return 0;
    }
    return 1;
}

const char *vae__csv_advise(const vae__csv_format *format, const char *text, size_t length) {
    size_t plain = 0;
    while (plain < length && memchr("0123456789.,+-eE' ", text[plain], 18)) plain++;
    int comma = memchr(text, ',', length) != NULL, point = memchr(text, '.', length) != NULL;
    if (vae__csv_is_missing(text, length))
        return "; missing=skip leaves out the rows with a missing value";
    if (vae__csv_is_signs(text, length))
        return "; if it stands for a missing value, leave the cell empty and say missing=skip, "
               "which leaves the row out";
    if (format->separator != ';' && memchr(text, ';', length))
        return "; if ';' separates the fields, say delimiter=semicolon";
    if (format->separator != '\t' && memchr(text, '\t', length))
        return "; if tabs separate the fields, say delimiter=tab";
    if (plain < length || (!comma && !point)) return "";
    if (format->point == ',')
        return "; with decimal=comma numbers have a comma, no point and no separator of thousands";
    if (!comma) return "";
    return format->separator == ','
               ? "; numbers have a point, no decimal comma and no separator of thousands"
               : "; say decimal=comma if 1,5 is one and a half here, delimiter=comma if ',' "
                 "separates the fields";
}
