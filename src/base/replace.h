/* Writing a file so that nobody ever sees half of it. */
#ifndef VAE_BASE_REPLACE_H
#define VAE_BASE_REPLACE_H

#include "base/memory.h"

/* One piece of a file to write. */
typedef struct vae__piece {
    const void *bytes;
    size_t size;
} vae__piece;

/* Writes the pieces one after the other so that `path` holds either its old content or all of the
 * new: a temporary file in the same folder, fsync, rename, fsync of the folder. A
 * symbolic link stays: the file it leads to is replaced. The mode of an existing file is kept. */
vae_status vae__file_replace(vae_context *context, const char *path, const vae__piece *pieces,
                             size_t count);

#endif
