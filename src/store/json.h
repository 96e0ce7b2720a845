/* JSON (RFC 8259) pulled piece by piece by a caller that knows what must come next: objects,
 * arrays, strings and unsigned integers, the parts that file headers are made of. Strict: valid
 * UTF-8, no lone surrogates, no number but decimal integers below 2^64. Strings are given
 * 0-terminated, so \u0000 is refused. Allocates nothing. */
#ifndef VAE_STORE_JSON_H
#define VAE_STORE_JSON_H

#include "base/text.h"

#define VAE__JSON_DEPTH 16

/* Set the first five fields, leave the others 0. */
typedef struct vae__json {
    const char *label, *part;  /* messages begin "<label>: <part> byte <offset>: " */
    const unsigned char *text; /* not 0-terminated */
    size_t size;
    char *strings; /* [size]; a string is decoded to its offset in the text: it always fits */
    size_t at;     /* offset of the next byte */
    int depth;     /* containers that are open */
    int opened;    /* nothing has been read from the innermost one */
} vae__json;

/* All of these fail with VAE_ERROR_FORMAT and a message that says where, what was expected and what
 * was found. White space in front of a value is skipped. */

vae_status vae__json_open_object(vae__json *json);

/* The next key of the open object, its ':' read; NULL after the last one, when the object is
 * closed. */
vae_status vae__json_next_key(vae__json *json, const char **key);

vae_status vae__json_open_array(vae__json *json);

/* *more is 1 if the open array has a next item, whose value is to be read then; 0 when the array is
 * closed. */
vae_status vae__json_next_item(vae__json *json, int *more);

/* Valid as long as `strings`. */
vae_status vae__json_string(vae__json *json, const char **string);
vae_status vae__json_unsigned(vae__json *json, uint64_t *value);

/* Nothing but spaces up to the end of the text. */
vae_status vae__json_end(const vae__json *json);

/* Refuses the next byte: "expected <what>, found ...". */
vae_status vae__json_expected(const vae__json *json, const char *what);

/* Offset in the text of the first character of a string that was read. */
size_t vae__json_offset(const vae__json *json, const char *string);

/* Puts the place in front of the message that was just set, for a caller that refuses what it read.
 * Returns the status. */
vae_status vae__json_fail_in(const vae__json *json, size_t offset);

/* Appends `string` in quotes, with the shortest escapes: no JSON text of it is shorter, so that a file which
 * was read is not longer when it is written again. VAE_ERROR_TEXT if it is not valid UTF-8; out of memory is
 * left in the buffer. */
vae_status vae__json_append_string(vae__buffer *buffer, const char *string);

#endif
