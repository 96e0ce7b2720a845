/* Growing text, and key=value texts as the library takes them (docs/text.md). */
#ifndef TOOL_TEXT_H
#define TOOL_TEXT_H

#include <stddef.h>

/* Memory that is there: without any the program says so and ends. */
void *text_allocate(size_t count, size_t size);

/* Starts as {0}; `text` is never NULL after the first append. */
typedef struct text {
    char *text;
    size_t length, capacity;
} text;

void text_append(text *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_append_bytes(text *to, const void *bytes, size_t count);
void text_free(text *to);

/* Appends a number in the fewest digits that read back as the same float or double. */
void text_append_float(text *to, float value);
void text_append_double(text *to, double value);

/* The same in as many digits as show steps of `resolution`. */
void text_append_rounded(text *to, double value, double resolution);

/* Appends a cell of a CSV file, in quotes where it needs them. */
void text_append_cell(text *to, const char *cell);

/* Appends a word as a shell reads it, in quotes where it needs them. */
void text_append_shell(text *to, const char *word);

/* One word of a key=value text: [begin, begin + length), of which the key is the first key_length
 * characters. Starts as {0} with `begin` at the text. Returns 1, or 0 at the end. */
typedef struct text_word {
    const char *begin;
    size_t length, key_length;
} text_word;
int text_next_word(text_word *word);

/* Whether the text has that key; *value (may be NULL) becomes a copy of its value, to be freed. */
int text_has_key(const char *options, const char *key, char **value);

/* Appends the words of `options` (NULL: none) whose keys are not in the list; the text is then never NULL. */
void text_append_without(text *to, const char *options, const char *const *keys);

/* Whether a NULL-terminated list holds the word. */
int text_listed(const char *const *list, const char *word, size_t length);

/* The name in the list (ends in NULL) that is nearest to a mistyped one; NULL if none is near. */
const char *text_nearest(const char *const *names, const char *typed);

#endif
