/* A context's birth, its reference count and its log. Relies on the host's allocator, or malloc where
 * there is none; the last release stops the threads and frees the context. */
#include "base/context.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/threads.h"

static void *system_allocate(void *user, size_t size) {
    (void)user;
    return malloc(size);
}

static void system_release(void *user, void *block) {
    (void)user;
    free(block);
}

vae_status vae__context_new(vae_alloc_fn allocate, vae_free_fn release, void *user,
                            vae_context **out) {
    if (!allocate) allocate = system_allocate;
    if (!release) release = system_release;
    vae_context *context = allocate(user, sizeof *context);
    if (!context)
        return vae__fail(VAE_ERROR_MEMORY,
                         "out of memory: the allocator refused the %zu bytes of a context",
                         sizeof *context);
    *context = (vae_context){.allocate = allocate,
                             .release = release,
                             .user = user,
                             .memory_limit = SIZE_MAX,
                             .threads = 1};
    atomic_init(&context->references, 1);
    *out = context;
    return VAE_OK;
}

vae_context *vae__context_retain(vae_context *context) {
    if (context) atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    return context;
}

void vae__context_release(vae_context *context) {
    if (!context || atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) != 1)
        return;
    vae__pool_free(context);
    context->release(context->user, context);
}

void vae__log(const vae_context *context, int32_t level, const char *format, ...) {
    if (!context->log) return;
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    context->log(context->log_user, level, line);
}
