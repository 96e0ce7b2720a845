/* What every handle shares: allocator, pool, kernel table, log. Reference-counted. */
#ifndef VAE_BASE_CONTEXT_H
#define VAE_BASE_CONTEXT_H

#include <stdatomic.h>

#include "base/status.h"

struct vae__pool;
struct vae__kernels; /* tensor/kernels.h: chosen where the context is created */

struct vae_context {
    atomic_size_t references;
    vae_alloc_fn allocate;
    vae_free_fn release;
    void *user;
    size_t memory_limit; /* bytes; SIZE_MAX: none */
    atomic_size_t bytes, peak_bytes, allocations;
    size_t threads;
    int blas_threads_before; /* a message for the log: that many became 1 in the BLAS; 0: none */
    struct vae__pool *pool;  /* created with the context, starts its threads at the first use */
    const struct vae__kernels *kernels;
    vae_log_fn log;
    void *log_user;
};

/* A context with one reference and no pool. allocate and release NULL: malloc and free. */
vae_status vae__context_new(vae_alloc_fn allocate, vae_free_fn release, void *user,
                            vae_context **out);

vae_context *vae__context_retain(vae_context *context);

/* Drops a reference; the last one stops the pool and frees the context. NULL does nothing. */
void vae__context_release(vae_context *context);

/* Sends one line to the log callback, if there is one. */
void vae__log(const vae_context *context, int32_t level, const char *format, ...) VAE__PRINTF(3, 4);

#endif
