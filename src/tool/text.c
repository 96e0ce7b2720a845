/* Text that grows, and the grammar of key=value words. The tool never sets a locale, so that printf and
 * strtod write and read a decimal point. */
#include "text.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *text_allocate(size_t count, size_t size) {
    void *block = calloc(count + !count, size);
    if (!block) {
        fputs("vae: there is not enough memory\n", stderr);
        exit(1);
    }
    return block;
}

static void make_room(text *to, size_t more) {
    if (to->capacity - to->length > more) return;
    size_t capacity = 2 * (to->length + more) + 64;
    char *larger = text_allocate(capacity, 1);
    if (to->length) memcpy(larger, to->text, to->length);
    free(to->text);
    to->text = larger;
    to->capacity = capacity;
}

void text_append(text *to, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    make_room(to, (size_t)length);
    va_start(arguments, format);
    vsnprintf(to->text + to->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    to->length += (size_t)length;
}

void text_append_bytes(text *to, const void *bytes, size_t count) {
    make_room(to, count);
    memcpy(to->text + to->length, bytes, count);
    to->text[to->length += count] = 0;
}

void text_free(text *to) {
    free(to->text);
    *to = (text){0};
}

void text_append_float(text *to, float value) {
    char digits[32];
    int precision = 6;
    do snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
    while (precision++ < 9 && strtof(digits, NULL) != value);
    text_append(to, "%s", digits);
}

void text_append_double(text *to, double value) {
    char digits[40];
    int precision = 6;
    do snprintf(digits, sizeof digits, "%.*g", precision, value);
    while (precision++ < 17 && strtod(digits, NULL) != value);
    text_append(to, "%s", digits);
}

void text_append_rounded(text *to, double value, double resolution) {
    double digits = value != 0 && resolution > 0 ? ceil(log10(fabs(value) / resolution)) + 1 : 6;
    text_append(to, "%.*g", (int)fmin(fmax(digits, 6), 17), value);
}

void text_append_cell(text *to, const char *cell) {
    if (*cell && !strpbrk(cell, ",;\t\"\r\n ")) {
        text_append(to, "%s", cell);
        return;
    }
    text_append(to, "\"");
    for (; *cell; cell++) text_append(to, *cell == '"' ? "\"\"" : "%c", *cell);
    text_append(to, "\"");
}

void text_append_shell(text *to, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./,:=+@%";
    if (*word && !word[strspn(word, plain)]) {
        text_append(to, "%s", word);
        return;
    }
    text_append(to, "'");
    for (; *word; word++) text_append(to, *word == '\'' ? "'\\''" : "%c", *word);
    text_append(to, "'");
}

/* ---- key=value ---- */

/* Past the white space and the comments at `at`. */
static const char *skip_space(const char *at) {
    for (;; at++) {
        if (*at == '#') at += strcspn(at, "\n");
        if (!*at || !isspace((unsigned char)*at)) return at;
    }
}

/* Past a value: in quotes and brackets it may hold white space. A quote begins something quoted where a value or an
 * item of a list begins. What is not closed ends with the text; the library then says what is wrong with it. */
static const char *skip_value(const char *at) {
    int depth = 0, begins = 1;
    for (; *at; at++) {
        int space = isspace((unsigned char)*at);
        if (*at == '"' && begins) {
            at += 1 + strcspn(at + 1, "\"");
            if (!*at) break;
        }
        if (depth <= 0 && (space || *at == '#')) break;
        depth += (*at == '[') - (*at == ']');
        begins = *at == '=' || *at == '[' || *at == ',' || (begins && space);
    }
    return at;
}

int text_next_word(text_word *word) {
    word->begin = skip_space(word->begin + word->length);
    word->length = (size_t)(skip_value(word->begin) - word->begin);
    const char *equals = memchr(word->begin, '=', word->length);
    word->key_length = equals ? (size_t)(equals - word->begin) : word->length;
    return word->length > 0;
}

int text_has_key(const char *options, const char *key, char **value) {
    text_word word = {.begin = options};
    while (options && text_next_word(&word)) {
        if (strlen(key) != word.key_length || strncmp(word.begin, key, word.key_length)) continue;
        size_t skip = word.key_length + (word.key_length < word.length);
        if (value) {
            *value = text_allocate(word.length - skip + 1, 1);
            memcpy(*value, word.begin + skip, word.length - skip);
        }
        return 1;
    }
    return 0;
}

int text_listed(const char *const *list, const char *word, size_t length) {
    for (; *list; list++) {
        if (strlen(*list) == length && !strncmp(*list, word, length)) return 1;
    }
    return 0;
}

void text_append_without(text *to, const char *options, const char *const *keys) {
    text_word word = {.begin = options};
    text_append(to, "%s", "");
    while (options && text_next_word(&word)) {
        if (text_listed(keys, word.begin, word.key_length)) continue;
        text_append(to, "%s%.*s", to->length ? " " : "", (int)word.length, word.begin);
    }
}

/* ---- suggestions ---- */

enum { LONGEST = 32 };

/* Levenshtein's distance; large for words that are longer than any option. */
static size_t distance(const char *a, const char *b) {
    size_t rows[2][LONGEST + 1], n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST) return LONGEST;
    for (size_t j = 0; j <= m; j++) rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *above = rows[(i - 1) % 2], *row = rows[i % 2];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);
            size_t shift = (above[j] < row[j - 1] ? above[j] : row[j - 1]) + 1;
            row[j] = change < shift ? change : shift;
        }
    }
    return rows[n % 2][m];
}

const char *text_nearest(const char *const *names, const char *typed) {
    const char *nearest = NULL;
    size_t best = strlen(typed) < 5 ? 2 : 3; /* from here on it is another word */
    for (; *names; names++) {
        size_t apart = distance(*names, typed);
        int begins = strlen(typed) > 2 && !strncmp(*names, typed, strlen(typed));
        if (begins) apart = 1;
        if (apart >= best) continue;
        best = apart;
        nearest = *names;
    }
    return nearest;
}
