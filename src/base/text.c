#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

/* ---- growing text ---- */

static int make_room(vae__buffer *buffer, size_t more) {
    if (buffer->failed) return 0;
    if (buffer->text && more < buffer->capacity - buffer->length) return 1;
    /* A block of SIZE_MAX bytes is refused, as what is too long for an int is below. */
    size_t length = more < SIZE_MAX / 8 ? buffer->length + more : SIZE_MAX;
    size_t capacity = length < SIZE_MAX / 4 ? (length + 64) * 2 : SIZE_MAX;
    char *text = vae__reallocate(buffer->context, buffer->text, buffer->length, capacity, 1);
    if (!text) {
        buffer->failed = 1;
        return 0;
    }
    buffer->text = text;
    buffer->capacity = capacity;
    return 1;
}

void vae__append_bytes(vae__buffer *buffer, const void *bytes, size_t count) {
    if (!make_room(buffer, count)) return;
    memcpy(buffer->text + buffer->length, bytes, count);
    buffer->length += count;
    buffer->text[buffer->length] = 0;
}

void vae__append(vae__buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t length = (size_t)vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (!make_room(buffer, length)) return;
    va_start(arguments, format);
    vsnprintf(buffer->text + buffer->length, length + 1, format, arguments);
    va_end(arguments);
    buffer->length += length;
}

void vae__buffer_free(vae__buffer *buffer) {
    vae__release(buffer->context, buffer->text);
    *buffer = (vae__buffer){.context = buffer->context};
}

/* ---- places and messages ---- */

/* Characters of a slice worth repeating in a message: the precision of "%.*s". */
static int shown(const vae__slice *slice) {
    return slice->length > 60 ? 60 : (int)slice->length;
}

static void find_place(const vae__slice *where, size_t *line, size_t *column) {
    *line = *column = 1;
    for (const char *at = where->whole; at < where->text; at++) {
        ++*column;
        if (*at == '\n') ++*line, *column = 1;
    }
}

vae_status vae__fail_at(const vae__slice *where, const char *format, ...) {
    char text[700];
    size_t line, column;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    find_place(where, &line, &column);
    return vae__fail(VAE_ERROR_TEXT, "%s:%zu:%zu: %s", where->label, line, column, text);
}

/* Levenshtein distance, for words of less than 32 characters. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t row[33];
    for (size_t j = 0; j <= b_length; j++) row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t substitute = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            size_t change = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = substitute < change ? substitute : change;
        }
    }
    return row[b_length];
}

static const char *nearest_name(const vae__slice *where, const char *const *names) {
    const char *nearest = NULL;
    size_t best = where->length / 2 + 1; /* farther than that is no misspelling */
    if (where->length > 31) return NULL;
    for (; *names; names++) {
        size_t length = strlen(*names);
        if (length > 31) continue;
        size_t distance = edit_distance(where->text, where->length, *names, length);
        if (distance < best) best = distance, nearest = *names;
    }
    return nearest;
}

vae_status vae__fail_unknown(const vae__slice *where, const char *what, const char *const *names) {
    char known[400] = "";
    size_t used = 0;
    for (const char *const *name = names; *name && used < sizeof known; name++) {
        used += vae__format(known + used, sizeof known - used, "%s%s", used ? " " : "", *name);
    }
    const char *nearest = nearest_name(where, names);
    return vae__fail_at(where, "unknown %s '%.*s'%s%s%s (known: %s)", what, shown(where),
                        where->text, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                        nearest ? "'?" : "", known);
}

/* ---- cutting ---- */

static int is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

int vae__slice_is(const vae__slice *slice, const char *word) {
    return strlen(word) == slice->length && !memcmp(slice->text, word, slice->length);
}

static vae__slice slice_between(const vae__slice *of, const char *begin, const char *end) {
    return (vae__slice){of->label, of->whole, begin, (size_t)(end - begin)};
}

static const char *skip_comment(const char *at, const char *end) {
    while (at < end && *at != '\n') at++;
    return at;
}

static const char *skip_space(const char *at, const char *end) {
    while (at < end && (is_space(*at) || *at == '#'))
        at = *at == '#' ? skip_comment(at, end) : at + 1;
    return at;
}

int vae__word_next(vae__slice *rest, vae__slice *word) {
    const char *end = rest->text + rest->length;
    const char *begin = skip_space(rest->text, end), *at = begin;
    while (at < end && !is_space(*at) && *at != '#') at++;
    *word = slice_between(rest, begin, at);
    *rest = slice_between(rest, at, end);
    return word->length > 0;
}

vae_status vae__list_open(const vae__slice *value, vae__slice *rest) {
    const char *end = value->text + value->length;
    if (value->length < 2 || *value->text != '[' || end[-1] != ']') {
        return vae__fail_at(value,
                            "expected a list in brackets, e.g. [dense 400, relu]; found '%.*s'",
                            shown(value), value->text);
    }
    *rest = slice_between(value, value->text + 1, end - 1);
    if (skip_space(rest->text, end - 1) == end - 1) rest->text = NULL;
    return VAE_OK;
}

int vae__list_next(vae__slice *rest, vae__slice *item) {
    if (!rest->text) return 0;
    const char *end = rest->text + rest->length;
    const char *begin = skip_space(rest->text, end), *at = begin, *last = begin;
    while (at < end && *at != ',') {
        if (*at == '#') {
            at = skip_comment(at, end);
        } else if (!is_space(*at++)) {
            last = at;
        }
    }
    *item = slice_between(rest, begin, last);
    *rest = at < end ? slice_between(rest, at + 1, end)
                     : (vae__slice){rest->label, rest->whole, NULL, 0};
    return 1;
}

/* Past a value that starts at `at`; NULL if its bracket or quote is never closed. */
static const char *skip_value(const char *at, const char *end) {
    if (at < end && *at == '"') {
        const char *close = memchr(at + 1, '"', (size_t)(end - at - 1));
        return close ? close + 1 : NULL;
    }
    if (at < end && *at == '[') {
        size_t depth = 0;
        for (; at < end; at++) {
            if (*at == '#') at = skip_comment(at, end);
            if (at == end) return NULL;
            if (*at == '[') depth++;
            if (*at == ']' && --depth == 0) return at + 1;
        }
        return NULL;
    }
    while (at < end && !is_space(*at) && *at != '#') at++;
    return at;
}

/* Next "word" or "key=value" off rest. 1, 0 at the end, or a negative status. value->text is NULL
 * for a bare word. */
static int next_pair(vae__slice *rest, vae__slice *key, vae__slice *value) {
    const char *end = rest->text + rest->length;
    const char *begin = skip_space(rest->text, end), *at = begin;
    if (begin == end) return 0;
    while (at < end && !is_space(*at) && *at != '=' && *at != '#') at++;
    *key = slice_between(rest, begin, at);
    *value = (vae__slice){rest->label, rest->whole, NULL, 0};
    if (at < end && *at == '=') {
        const char *first = at + 1;
        at = skip_value(first, end);
        *value = slice_between(rest, first, at ? at : end);
        if (!at) return vae__fail_at(value, "'%c' is never closed", *first);
        if (at < end && !is_space(*at) && *at != '#') {
            vae__slice junk = slice_between(rest, at, at + 1);
            return vae__fail_at(&junk, "expected white space after the value of '%.*s', found '%c'",
                                shown(key), key->text, *at);
        }
        if (*first == '"') value->text++, value->length -= 2;
    }
    *rest = slice_between(rest, at, end);
    return 1;
}

/* ---- option tables ---- */

#define MOST_OPTIONS 64

static vae_status fail_range(const vae__option *option, const vae__slice *value, const char *kind) {
    char low[VAE__NUMBER_SIZE], high[VAE__NUMBER_SIZE];
    return vae__fail_at(value, "%s=%.*s: expected %s from %s to %s", option->name, shown(value),
                        value->text, kind, vae__number(low, option->minimum),
                        option->maximum > 0 ? vae__number(high, option->maximum) : "2^64 - 1");
}

static vae_status parse_unsigned(const vae__option *option, const vae__slice *value,
                                 uint64_t *field) {
    uint64_t number;
    if (!vae__parse_unsigned(value->text, value->length, &number) ||
        (double)number < option->minimum ||
        (option->maximum > 0 && (double)number > option->maximum)) {
        return fail_range(option, value, "a whole number");
    }
    *field = number;
    return VAE_OK;
}

static vae_status parse_real(const vae__option *option, const vae__slice *value, double *field) {
    double number;
    if (!vae__parse_real(value->text, value->length, &number) ||
        !(number >= option->minimum && number <= option->maximum)) {
        return fail_range(option, value, "a number");
    }
    *field = number;
    return VAE_OK;
}

static vae_status parse_flag(const vae__option *option, const vae__slice *value, int *field) {
    if (!vae__slice_is(value, "0") && !vae__slice_is(value, "1")) {
        return vae__fail_at(value, "%s=%.*s: expected 0 or 1", option->name, shown(value),
                            value->text);
    }
    *field = *value->text == '1';
    return VAE_OK;
}

static vae_status parse_choice(const vae__option *option, const vae__slice *value, int *field) {
    for (int i = 0; option->choices[i]; i++) {
        if (!vae__slice_is(value, option->choices[i])) continue;
        *field = i;
        return VAE_OK;
    }
    return vae__fail_unknown(value, option->name, option->choices);
}

static vae_status parse_bytes(const vae__option *option, const vae__slice *value, uint64_t *field) {
    static const char suffixes[] = {'K', 'M', 'G'};
    size_t length = value->length;
    int shift = 0;
    const char *suffix = length ? memchr(suffixes, value->text[length - 1], sizeof suffixes) : NULL;
    if (suffix) shift = 10 * ((int)(suffix - suffixes) + 1), length--;
    uint64_t number;
    if (!vae__parse_unsigned(value->text, length, &number) || number > UINT64_MAX >> shift) {
        return vae__fail_at(value, "%s=%.*s: expected bytes, e.g. 1000000, 64M or 2G", option->name,
                            shown(value), value->text);
    }
    *field = number << shift;
    return VAE_OK;
}

static vae_status parse_option(const vae__option *option, const vae__slice *value, void *into,
                               void *user) {
    void *field = (char *)into + option->offset;
    switch (option->kind) {
    case VAE__OPTION_UNSIGNED: return parse_unsigned(option, value, field);
    case VAE__OPTION_REAL: return parse_real(option, value, field);
    case VAE__OPTION_FLAG: return parse_flag(option, value, field);
    case VAE__OPTION_CHOICE: return parse_choice(option, value, field);
    case VAE__OPTION_BYTES: return parse_bytes(option, value, field);
    case VAE__OPTION_CUSTOM:
    default: return option->parse(value, field, user);
    }
}

static vae_status fail_unknown_key(const vae__option_table *table, const vae__slice *key) {
    const char *names[MOST_OPTIONS + 1];
    size_t count = 0;
    for (; table->options[count].name; count++) names[count] = table->options[count].name;
    names[count] = NULL;
    return vae__fail_unknown(key, table->what, names);
}

static vae_status parse_pair(const vae__option_table *table, const vae__slice *key,
                             const vae__slice *value, void *into, unsigned char *seen, void *user) {
    size_t index = 0;
    while (table->options[index].name && !vae__slice_is(key, table->options[index].name)) index++;
    if (!table->options[index].name) return fail_unknown_key(table, key);
    if (!value->text) {
        return vae__fail_at(key, "expected '=' after '%.*s', e.g. %s=VALUE", shown(key), key->text,
                            table->options[index].name);
    }
    if (seen[index]) return vae__fail_at(key, "'%s' is given twice", table->options[index].name);
    seen[index] = 1;
    return parse_option(&table->options[index], value, into, user);
}

vae_status vae__options_parse(const vae__option_table *table, const char *text, void *into,
                              unsigned char *seen, void *user) {
    unsigned char local[MOST_OPTIONS] = {0};
    if (!text) text = "";
    if (!seen) seen = local;
    vae__slice rest = {table->label, text, text, strlen(text)}, key, value;
    int found;
    for (size_t index = 0; (found = next_pair(&rest, &key, &value)) > 0; index++) {
        vae_status status = !value.text && table->bare
                                ? table->bare(&key, index, into, user)
                                : parse_pair(table, &key, &value, into, seen, user);
        if (status) return status;
    }
    return found;
}

vae_status vae__fail_at_key(const vae__option_table *table, const char *text, const char *name,
                            const char *format, ...) {
    char why[700];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (!text) text = "";
    vae__slice rest = {table->label, text, text, strlen(text)}, key, value;
    while (next_pair(&rest, &key, &value) > 0) {
        if (value.text && vae__slice_is(&key, name)) return vae__fail_at(&key, "%s", why);
    }
    return vae__fail(VAE_ERROR_TEXT, "%s: %s", table->label, why);
}

static void print_number(vae__buffer *out, double value) {
    char number[VAE__NUMBER_SIZE];
    vae__append(out, "%s", vae__number(number, value));
}

void vae__option_print(vae__buffer *out, const vae__option *option, const void *from) {
    const void *field = (const char *)from + option->offset;
    vae__append(out, "%s%s=", out->length ? " " : "", option->name);
    switch (option->kind) {
    case VAE__OPTION_UNSIGNED:
    case VAE__OPTION_BYTES:
        vae__append(out, "%llu", (unsigned long long)*(const uint64_t *)field);
        break;
    case VAE__OPTION_REAL: print_number(out, *(const double *)field); break;
    case VAE__OPTION_FLAG: vae__append(out, "%d", *(const int *)field); break;
    case VAE__OPTION_CHOICE: vae__append(out, "%s", option->choices[*(const int *)field]); break;
    case VAE__OPTION_CUSTOM:
    default: option->print(out, field); break;
    }
}
