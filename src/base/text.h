/* Growing text, and the key=value grammar of specs and options (docs/text.md), which does not depend
 * on the locale:
 *
 *     text  = { word | key "=" value }         separated by white space
 *     value = plain characters | list | quoted
 *     list  = "[" item { "," item } "]"
 *     item  = plain characters, in which brackets are balanced | quoted
 *     quoted = '"' anything but '"' '"'
 *
 * Outside of quotes "#" begins a comment, up to the end of the line. */
#ifndef VAE_BASE_TEXT_H
#define VAE_BASE_TEXT_H

#include "base/context.h"
#include "base/number.h"

/* ---- growing text ---- */

typedef struct vae__buffer {
    vae_context *context;
    char *text; /* 0-terminated after the first append; NULL before */
    size_t length, capacity;
    int failed; /* an allocation failed: the message is set, later appends do nothing */
} vae__buffer;

void vae__append(vae__buffer *buffer, const char *format, ...) VAE__PRINTF(2, 3);
void vae__append_bytes(vae__buffer *buffer, const void *bytes, size_t count);
void vae__buffer_free(vae__buffer *buffer);

/* ---- places ---- */

/* A stretch of a text, with its place for messages: "spec:1:34: ...". */
typedef struct vae__slice {
    const char *label; /* "spec", "options" ... */
    const char *whole; /* the text that line and column are counted in */
    const char *text;  /* not 0-terminated */
    size_t length;
} vae__slice;

vae_status vae__fail_at(const vae__slice *where, const char *format, ...) VAE__PRINTF(2, 3);

/* Characters of a slice worth repeating in a message: the precision of "%.*s". */
int vae__shown(const vae__slice *slice);

int vae__slice_is(const vae__slice *slice, const char *word);

/* From begin up to end, which point into the same text. */
vae__slice vae__slice_between(const vae__slice *of, const char *begin, const char *end);

/* ---- cutting ---- */

/* Cuts the next "word" or "key=value" off. 1, 0 at the end, or a negative status. value->text is NULL
 * for a word; a quoted value is given without its quotes, a list with its brackets. */
int vae__pair_next(vae__slice *rest, vae__slice *key, vae__slice *value);

/* Opens a list value "[a, b c, d]": *rest is what vae__list_next cuts items off. Anything else fails
 * with `example`, a list that would do: "[dense 400, relu]". */
vae_status vae__list_open(const vae__slice *value, const char *example, vae__slice *rest);

/* Cuts the next item off, without the white space around it; an empty item has length 0. 1, or 0 at
 * the end. *quoted says whether it was in quotes, and the item is what is between them. With quoted
 * NULL, for items that need no quotes, they stay. */
int vae__list_next(vae__slice *rest, vae__slice *item, int *quoted);

/* Cuts the next word off an item; words are separated by white space. 1, or 0 at the end. */
int vae__word_next(vae__slice *rest, vae__slice *word);

#endif
