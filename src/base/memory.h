/* The context's allocator: zeroed, 64-byte aligned blocks, counted and limited. The only way memory
 * is obtained. */
#ifndef VAE_BASE_MEMORY_H
#define VAE_BASE_MEMORY_H

#include "base/context.h"

/* count * size bytes, zeroed, 64-byte aligned. NULL with the message set (VAE_ERROR_MEMORY,
 * VAE_ERROR_LIMIT) on overflow, limit or a NULL from the allocator: return vae__last_status().
 * count or size 0 gives a valid pointer. */
void *vae__allocate(vae_context *context, size_t count, size_t size);

/* A larger block with the first `used` bytes kept; the old one is released only on success. block
 * may be NULL. */
void *vae__reallocate(vae_context *context, void *block, size_t used, size_t count, size_t size);

/* NULL does nothing. */
void vae__release(vae_context *context, void *block);

/* A copy of the first `length` characters of text, 0-terminated. NULL on failure, as vae__allocate.
 */
char *vae__copy_text(vae_context *context, const char *text, size_t length);

/* Bytes a further allocation may take before memory_limit; SIZE_MAX without a limit. */
size_t vae__memory_left(const vae_context *context);

/* Fails with VAE_ERROR_LIMIT and a message naming `what` if count * size bytes cannot fit, before
 * anything is read. */
vae_status vae__memory_check(const vae_context *context, uint64_t count, uint64_t size,
                             const char *what);

#endif
