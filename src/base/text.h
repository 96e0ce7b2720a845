/* Text that does not read the locale: numbers, and the key=value grammar of specs and options
 * (docs/text.md).
 *
 *     text  = { word | key "=" value }     separated by white space; "#" starts a comment to the
 * end of the line value = plain characters | "[" anything, brackets balanced "]" | '"' anything '"'
 *
 * An option table says which keys there are, of what kind, and where their value goes; the same
 * table prints. */
#ifndef VAE_BASE_TEXT_H
#define VAE_BASE_TEXT_H

#include "base/context.h"

/* ---- numbers ---- */

/* Shortest decimal text that reads back as the same double; buffer of VAE__NUMBER_SIZE. Returns
 * buffer. */
#define VAE__NUMBER_SIZE 32
const char *vae__number(char buffer[VAE__NUMBER_SIZE], double value);

/* The same with four digits, for messages. */
const char *vae__number_short(char buffer[VAE__NUMBER_SIZE], double value);

/* For tables that people read: with `decimals` decimals, or with an exponent where these would all be zero or the number
 * would be long (from 1e9 on). */
const char *vae__number_fixed(char buffer[VAE__NUMBER_SIZE], double value, int decimals);

/* Decimal number [+-]digits[.digits][e[+-]digits], also inf and nan in any case, from exactly
 * `length` characters. Correctly rounded. 1 if the whole text is a number, else 0. */
int vae__parse_real(const char *text, size_t length, double *value);

/* Unsigned decimal integer; 1 if the whole text is one and it fits. */
int vae__parse_unsigned(const char *text, size_t length, uint64_t *value);

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

/* ---- key=value ---- */

/* A stretch of a text, with its place for messages: "spec:1:34: ...". */
typedef struct vae__slice {
    const char *label; /* "spec", "options" ... */
    const char *whole; /* the text that line and column are counted in */
    const char *text;  /* not 0-terminated */
    size_t length;
} vae__slice;

vae_status vae__fail_at(const vae__slice *where, const char *format, ...) VAE__PRINTF(2, 3);

/* Unknown word at `where`: "unknown <what> 'bernouli'; did you mean 'bernoulli'? (known: ...)".
 * names ends in NULL. */
vae_status vae__fail_unknown(const vae__slice *where, const char *what, const char *const *names);

int vae__slice_is(const vae__slice *slice, const char *word);

/* Opens a list value "[a, b c, d]": *rest is what vae__list_next cuts items off. Anything else
 * fails. */
vae_status vae__list_open(const vae__slice *value, vae__slice *rest);

/* Cuts the next item off, trimmed of white space; empty items are given back with length 0. 1, or 0
 * at the end. */
int vae__list_next(vae__slice *rest, vae__slice *item);

/* Next white-space separated word of an item. 1 or 0 at the end. */
int vae__word_next(vae__slice *rest, vae__slice *word);

typedef enum vae__option_kind {
    VAE__OPTION_UNSIGNED, /* uint64_t in [minimum, maximum] */
    VAE__OPTION_REAL,     /* double in [minimum, maximum] */
    VAE__OPTION_FLAG,     /* int: 0 or 1 */
    VAE__OPTION_CHOICE,   /* int: index in `choices` */
    VAE__OPTION_BYTES,    /* uint64_t with suffix K, M, G */
    VAE__OPTION_CUSTOM    /* `parse` writes the field, `print` appends the value */
} vae__option_kind;

typedef struct vae__option {
    const char *name;
    vae__option_kind kind;
    size_t offset; /* of the field in the struct that options are parsed into */
    double minimum, maximum;
    const char *const *choices; /* ends in NULL */
    vae_status (*parse)(const vae__slice *value, void *field, void *user);
    void (*print)(vae__buffer *out, const void *field);
} vae__option;

typedef struct vae__option_table {
    const char *label;          /* in messages: "spec" */
    const char *what;           /* in messages: unknown <what>; "key", "option" */
    const vae__option *options; /* ends in a NULL name */
    /* For a bare word (no "="); NULL: bare words are errors. `index` counts all items from 0. */
    vae_status (*bare)(const vae__slice *word, size_t index, void *into, void *user);
} vae__option_table;

/* Parses text (NULL is "") into the struct at `into`, which holds the defaults. `seen`, if not
 * NULL, has one byte per table entry, set to 1 where the key was given. A key given twice, an
 * unknown key or a value out of range fails. */
vae_status vae__options_parse(const vae__option_table *table, const char *text, void *into,
                              unsigned char *seen, void *user);

/* Fails at the place of `key` in a text that was parsed with the table: for keys that contradict
 * each other. Without line and column if the text does not give the key. */
vae_status vae__fail_at_key(const vae__option_table *table, const char *text, const char *key,
                            const char *format, ...) VAE__PRINTF(4, 5);

/* Appends " name=value" for one option (no leading space on an empty buffer). */
void vae__option_print(vae__buffer *out, const vae__option *option, const void *from);

#endif
