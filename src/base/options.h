/* Option tables: which keys a text may have, of what kind each is, and where its value goes. The same
 * table parses, checks, prints and suggests. */
#ifndef VAE_BASE_OPTIONS_H
#define VAE_BASE_OPTIONS_H

#include "base/text.h"
#include "base/words.h"

typedef enum vae__option_kind {
    VAE__OPTION_UNSIGNED, /* uint64_t in [minimum, maximum] */
    VAE__OPTION_REAL,     /* double in [minimum, maximum] */
    VAE__OPTION_FLAG,     /* int: 0 or 1 */
    VAE__OPTION_CHOICE,   /* int: index in `choices` */
    VAE__OPTION_BYTES,    /* uint64_t with suffix K, M, G */
    VAE__OPTION_NUMBERS,  /* vae__number_list: [32, 64, 64], each in [minimum, maximum] */
    VAE__OPTION_CUSTOM    /* `parse` writes the field, `print` appends the value */
} vae__option_kind;

enum { VAE__MOST_LISTED = 8 };

/* What [32, 64, 64] is read into. */
typedef struct vae__number_list {
    uint32_t items[VAE__MOST_LISTED];
    size_t count;
} vae__number_list;

typedef struct vae__option {
    const char *name;
    vae__option_kind kind;
    size_t offset; /* of the field in the struct that options are parsed into */
    double minimum, maximum;
    const char *const *choices; /* ends in NULL */
    vae_status (*parse)(const vae__slice *value, void *field, void *user);
    void (*print)(vae__buffer *out, const void *field);
} vae__option;

enum { VAE__MAX_OPTIONS = 64 }; /* of a table and its parts */

typedef struct vae__option_table {
    const char *label;          /* in messages: "spec" */
    const char *what;           /* in messages: unknown <what>; "key", "option" */
    const vae__option *options; /* ends in a NULL name */
    /* For a bare word (no "="); NULL: bare words are errors. `index` counts all items from 0. */
    vae_status (*bare)(const vae__slice *word, size_t index, void *into, void *user);
    const vae__alias *aliases; /* keys as other libraries call them; ends in a NULL text; or NULL */
    /* Tables whose keys the text may have too, each parsed into a struct of its own. Only their `options`
     * are used; NULL there: it has none. */
    const struct vae__option_table *const *parts; /* [part_count] */
    size_t part_count;
    /* In the struct parsed into: of [part_count] pointers to those of the parts; or VAE__PARTS_SHARE: their
     * fields are of that struct too. */
    size_t parts_offset;
} vae__option_table;

#define VAE__PARTS_SHARE SIZE_MAX

/* Parses text (NULL is "") into the struct at `into`, which holds the defaults. `seen`, if not
 * NULL, has one byte per entry of the table and then of its parts, set to 1 where the key was given.
 * A key given twice, an unknown key or a value out of range fails. */
vae_status vae__options_parse(const vae__option_table *table, const char *text, void *into,
                              unsigned char *seen, void *user);

/* Entry number `index` of the table, then of its parts, as `seen` counts them; NULL behind the last. */
const vae__option *vae__option_at(const vae__option_table *table, size_t index);

/* The entry of a key in the table or its parts, or NULL. */
const vae__option *vae__option_find(const vae__option_table *table, const vae__slice *key);

/* The option number `index` of a table, further lists included; NULL past the end. */
const vae__option *vae__option_at(const vae__option_table *table, size_t index);

/* Fails at the place of `key` in a text that was parsed with the table: for keys that contradict
 * each other. Without line and column if the text does not give the key. */
vae_status vae__fail_at_key(const vae__option_table *table, const char *text, const char *key,
                            const char *format, ...) VAE__PRINTF(4, 5);

/* Appends " name=value" for one option (no leading space on an empty buffer). */
void vae__option_print(vae__buffer *out, const vae__option *option, const void *from);

#endif
