/* A pool of threads that share one piece of work at a time. Started at the first use, blocked for
 * every signal, restarted in a child after fork. Waiting threads spin briefly, then sleep. */
#ifndef VAE_BASE_THREADS_H
#define VAE_BASE_THREADS_H

#include "base/context.h"

/* Called once per share: share = 0 .. shares - 1. May run on any thread. Must not fail: record
 * errors in `argument`. */
typedef void (*vae__share_fn)(void *argument, size_t share, size_t shares);

/* Runs fn for shares 0 .. shares - 1, any of them on the caller's thread, and returns when all are
 * done. If the pool is busy (another host thread is in it), cannot start, or this is one of its own
 * threads, the caller runs every share itself. */
void vae__parallel(vae_context *context, vae__share_fn fn, void *argument, size_t shares);

vae_status vae__pool_new(vae_context *context, size_t threads);
void vae__pool_free(vae_context *context);

#endif
