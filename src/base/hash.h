/* FNV-1a, 64 bits (Fowler, Noll & Vo; RFC 9923): a quick hash of bytes, not a cryptographic one. */
#ifndef VAE_BASE_HASH_H
#define VAE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define VAE__HASH_START 0xcbf29ce484222325u

/* The hash of what was hashed before, followed by `count` bytes. Begin with VAE__HASH_START. */
static inline uint64_t vae__hash(uint64_t hash, const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

#endif
