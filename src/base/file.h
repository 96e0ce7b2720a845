/* Reading files. */
#ifndef VAE_BASE_FILE_H
#define VAE_BASE_FILE_H

#include "base/memory.h"

/* A file being read from start to end; gzip is recognised by its first bytes and inflated on the
 * way. */
typedef struct vae__reader vae__reader;

/* Fails with VAE_ERROR_FILE naming the path: missing, a directory, unreadable, not a
 * regular file (a FIFO may block for ever, and its size bounds nothing). */
vae_status vae__reader_open(vae_context *context, const char *path, vae__reader **out);

/* Reads up to `size` bytes; *got < size only at the end of the file. A damaged gzip stream is
 * VAE_ERROR_FORMAT. */
vae_status vae__reader_read(vae__reader *reader, void *into, size_t size, size_t *got);

/* Bytes given out so far (after inflating): the offset for messages. */
uint64_t vae__reader_offset(const vae__reader *reader);

/* Size of the file on disk, and whether it is compressed (then the size says nothing of the
 * content's). */
uint64_t vae__reader_file_size(const vae__reader *reader);
int vae__reader_compressed(const vae__reader *reader);
const char *vae__reader_path(const vae__reader *reader);
void vae__reader_close(vae__reader *reader);

/* All that is left of the file (inflated) in one block of the context, one 0 byte after its end.
 * More than `limit` bytes is VAE_ERROR_LIMIT. Release with vae__release. */
vae_status vae__reader_all(vae__reader *reader, size_t limit, unsigned char **bytes, size_t *size);

#endif
