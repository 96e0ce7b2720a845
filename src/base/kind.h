/* What a file is, from its first bytes: for messages about a file of another kind than was expected. */
#ifndef VAE_BASE_KIND_H
#define VAE_BASE_KIND_H

#include <stddef.h>

typedef struct vae__file_kind {
    const char *what; /* "a PNG picture" */
    /* How to make a data set of it; NULL for a file that the data sets' readers take, or text. */
    const char *advice;
} vae__file_kind;

/* NULL if the bytes say nothing. 16 bytes are enough, 64 tell a text from other data more surely. */
const vae__file_kind *vae__file_kind_of(const unsigned char *head, size_t size);

/* The first bytes for a message: "'timestam'" of a text, else "bytes 89 50 4e 47 ...".
 * Returns buffer. */
#define VAE__BEGINNING_SIZE 40
const char *vae__beginning(char buffer[VAE__BEGINNING_SIZE], const unsigned char *head,
                           size_t size);

#endif
