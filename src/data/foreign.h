/* Files that often stand where a data set should and are none: what they are, and what to do. */
#ifndef VAE_DATA_FOREIGN_H
#define VAE_DATA_FOREIGN_H

#include "base/status.h"

/* VAE_ERROR_FORMAT if the first `size` bytes of the file are those of another format that is known by
 * name, or of text in UTF-16; else VAE_OK. */
vae_status vae__foreign_check(const char *path, const unsigned char *head, size_t size);

#endif
