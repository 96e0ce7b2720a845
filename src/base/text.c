/* Growing text, and the grammar of specs and options (docs/text.md): places in messages, and cutting a
 * text into pairs, lists and words. A slice points into the text it was cut from; nothing is copied. */
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

int vae__shown(const vae__slice *slice) {
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

/* ---- cutting ---- */

static int is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

int vae__slice_is(const vae__slice *slice, const char *word) {
    return strlen(word) == slice->length && !memcmp(slice->text, word, slice->length);
}

vae__slice vae__slice_between(const vae__slice *of, const char *begin, const char *end) {
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
    *word = vae__slice_between(rest, begin, at);
    *rest = vae__slice_between(rest, at, end);
    return word->length > 0;
}

/* ---- lists ---- */

/* A walk over the characters of a list. Quotes count only where an item begins, so that a name such
 * as `5" pipe` needs none. */
typedef struct walk {
    const char *at, *end;
    size_t depth;        /* of brackets that are open */
    int begins_item;     /* nothing but white space and comments since '[' or ',' */
    const char *quote;   /* the quote that is never closed, or NULL */
    const char *comment; /* the first comment, or NULL */
} walk;

/* Over a comment, a quoted text, or one character. 0 if a quote is never closed. */
static int advance(walk *w) {
    char c = *w->at;
    if (c == '#') {
        if (!w->comment) w->comment = w->at;
        w->at = skip_comment(w->at, w->end);
        return 1;
    }
    if (c == '"' && w->begins_item) {
        const char *close = memchr(w->at + 1, '"', (size_t)(w->end - w->at - 1));
        if (!close) w->quote = w->at;
        w->at = close ? close + 1 : w->end;
        w->begins_item = 0;
        return close != NULL;
    }
    if (c == '[') w->depth++;
    if (c == ']' && w->depth) w->depth--;
    if (!is_space(c)) w->begins_item = c == '[' || c == ',';
    w->at++;
    return 1;
}

/* The next item, with its quotes if it has any; 0 at the end. *after_quote is where the text behind a
 * closing quote begins, NULL for an item without quotes. */
static int cut_item(vae__slice *rest, vae__slice *item, const char **after_quote) {
    *after_quote = NULL;
    if (!rest->text) return 0;
    walk w = {.at = rest->text, .end = rest->text + rest->length, .begins_item = 1};
    const char *begin = skip_space(w.at, w.end), *last = begin;
    w.at = begin;
    while (w.at < w.end && (*w.at != ',' || w.depth)) {
        char c = *w.at;
        advance(&w);
        if (c == '#' || is_space(c)) continue;
        if (last == begin && *begin == '"') *after_quote = w.at;
        last = w.at;
    }
    *item = vae__slice_between(rest, begin, last);
    *rest = w.at < w.end ? vae__slice_between(rest, w.at + 1, w.end)
                         : (vae__slice){rest->label, rest->whole, NULL, 0};
    return 1;
}

static vae_status check_quotes(vae__slice rest) {
    vae__slice item;
    const char *after;
    while (cut_item(&rest, &item, &after)) {
        const char *end = item.text + item.length;
        if (!after || (after == end && item.length > 1 && end[-1] == '"')) continue;
        if (after == end) return vae__fail_at(&item, "'\"' is never closed");
        const char *junk = skip_space(after, end);
        vae__slice place = vae__slice_between(&item, junk, end);
        return vae__fail_at(&place, "expected ',' or ']' after the closing quote, found '%c'",
                            *junk);
    }
    return VAE_OK;
}

vae_status vae__list_open(const vae__slice *value, const char *example, vae__slice *rest) {
    const char *end = value->text + value->length;
    if (value->length < 2 || *value->text != '[' || end[-1] != ']') {
        return vae__fail_at(value, "expected a list in brackets, e.g. %s; found '%.*s'", example,
                            vae__shown(value), value->text);
    }
    *rest = vae__slice_between(value, value->text + 1, end - 1);
    if (skip_space(rest->text, end - 1) == end - 1) rest->text = NULL;
    return check_quotes(*rest);
}

int vae__list_next(vae__slice *rest, vae__slice *item, int *quoted) {
    const char *after;
    if (!cut_item(rest, item, &after)) return 0;
    if (!quoted) return 1;
    *quoted = after != NULL;
    if (after) item->text++, item->length -= 2;
    return 1;
}

/* ---- pairs ---- */

/* Past the list at the walk's place; 0 if it or a quote in it is never closed. */
static int skip_list(walk *w) {
    do {
        if (!advance(w)) return 0;
    } while (w->depth && w->at < w->end);
    return !w->depth;
}

static vae_status fail_open_list(const vae__slice *value, const walk *w) {
    if (w->quote) {
        vae__slice place = vae__slice_between(value, w->quote, w->end);
        return vae__fail_at(&place, "'\"' is never closed");
    }
    if (!w->comment) return vae__fail_at(value, "'[' is never closed");
    return vae__fail_at(value,
                        "'[' is never closed: the '#' in it begins a comment, up to the end of the "
                        "line; a name with '#' goes into double quotes, e.g. [\"#id\"]");
}

/* *at, which is the first character of the value, becomes the one after the last. */
static vae_status cut_value(vae__slice *rest, const char **at, vae__slice *value) {
    const char *end = rest->text + rest->length, *first = *at;
    walk w = {.at = first, .end = end};
    *value = vae__slice_between(rest, first, end);
    if (first < end && *first == '"') {
        const char *close = memchr(first + 1, '"', (size_t)(end - first - 1));
        if (!close) return vae__fail_at(value, "'\"' is never closed");
        *value = vae__slice_between(rest, first + 1, close);
        *at = close + 1;
    } else if (first < end && *first == '[') {
        if (!skip_list(&w)) return fail_open_list(value, &w);
        *value = vae__slice_between(rest, first, w.at);
        *at = w.at;
    } else {
        while (*at < end && !is_space(**at) && **at != '#') ++*at;
        *value = vae__slice_between(rest, first, *at);
    }
    return VAE_OK;
}

int vae__pair_next(vae__slice *rest, vae__slice *key, vae__slice *value) {
    const char *end = rest->text + rest->length;
    const char *begin = skip_space(rest->text, end), *at = begin;
    if (begin == end) return 0;
    while (at < end && !is_space(*at) && *at != '=' && *at != '#') at++;
    *key = vae__slice_between(rest, begin, at);
    *value = (vae__slice){rest->label, rest->whole, NULL, 0};
    if (at < end && *at == '=') {
        at++;
        vae_status status = cut_value(rest, &at, value);
        if (status) return status;
        if (at < end && !is_space(*at) && *at != '#') {
            vae__slice junk = vae__slice_between(rest, at, end);
            return vae__fail_at(&junk, "expected a space after the value of '%.*s', found '%c'%s",
                                vae__shown(key), key->text, *at,
                                *at == ',' || *at == ';' ? "; keys are separated by spaces" : "");
        }
    }
    *rest = vae__slice_between(rest, at, end);
    return 1;
}
