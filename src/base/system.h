/* What reading and writing files share. */
#ifndef VAE_BASE_SYSTEM_H
#define VAE_BASE_SYSTEM_H

#include <stddef.h>
#include <sys/types.h>

#include "base/status.h"

/* Most bytes per system or zlib call: fits counts of 32 bits. */
#define VAE__MOST_BYTES ((size_t)1 << 30)

/* VAE_ERROR_FILE "cannot <action> '<path>': <what errno says>". */
vae_status vae__fail_system(const char *action, const char *path);

/* Refuses NULL and "". */
vae_status vae__check_path(const char *path);

/* open(), repeated when a signal interrupts it; closed on exec. Never a standard stream's number,
 * where a host that closed its own may still write. */
int vae__open_file(const char *path, int flags, mode_t mode);

#endif
