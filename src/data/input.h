/* What the format readers share: the bytes of a file, its head included, with exact accounting of
 * how many there are. */
#ifndef VAE_DATA_INPUT_H
#define VAE_DATA_INPUT_H

#include "base/file.h"

/* A reader whose first bytes were already taken to recognise the format. */
typedef struct vae__input {
    vae__reader *reader;
    const unsigned char *head; /* what is left of them */
    size_t head_size;
} vae__input;

/* Reads up to `size` bytes; *got < size only at the end of the file. */
vae_status vae__input_read(vae__input *input, void *into, size_t size, size_t *got);

/* Bytes given out so far: the offset for messages. */
uint64_t vae__input_offset(const vae__input *input);

/* Reads `size` bytes; fewer is VAE_ERROR_FORMAT naming `what`, offset, expected and found. */
vae_status vae__input_exactly(vae__input *input, void *into, size_t size, const char *what);

/* Whether the rest of the file can be exactly count * size bytes, as its size on disk shows, and
 * whether the memory limit leaves `held` bytes for each of the `count` values. Reads nothing. */
vae_status vae__input_expect(vae_context *context, const vae__input *input, size_t count,
                             size_t size, size_t held);

/* The rest of the file, which must be exactly count * size bytes, at the beginning of a block of
 * count * room bytes (room >= size). vae__input_expect has approved of them. No memory is taken that
 * the file could not fill: its size bounds the block if it is plain, its content as it comes if it is
 * compressed. */
vae_status vae__input_rest(vae_context *context, vae__input *input, size_t count, size_t size,
                           size_t room, void **block);

/* Turns values of `size` bytes from the given byte order into the machine's. */
void vae__to_host_order(void *values, size_t count, size_t size, int big_endian);

/* Bytes of a file as text fit for a message: about 40 characters, zeros as '?', tabs and line ends as
 * \t, \n and \r. Returns buffer. */
#define VAE__EXCERPT_SIZE 48
const char *vae__excerpt(char buffer[VAE__EXCERPT_SIZE], const void *bytes, size_t length);

#endif
