/* Blocks from the context's allocator, with a header in front that knows their size. Guarantees zeroed,
 * 64-byte aligned memory, a count that never passes the limit, and a message where there is none to be
 * had. */
#include "base/memory.h"

#include <stdint.h>
#include <string.h>

#include "base/number.h"

#define ALIGNMENT 64

/* In front of each block: what the host's allocator gave, and how much was asked of it. */
typedef struct header {
    void *raw;
    size_t total;
} header;

static header *header_of(void *block) {
    return (header *)((unsigned char *)block - sizeof(header));
}

/* Reserves `total` bytes of the limit; 0 if they do not fit. */
static int reserve(vae_context *context, size_t total) {
    size_t held = atomic_load_explicit(&context->bytes, memory_order_relaxed);
    do {
        if (total > context->memory_limit || held > context->memory_limit - total) return 0;
    } while (!atomic_compare_exchange_weak(&context->bytes, &held, /* a race: LCOV_EXCL_BR_LINE */
                                           held + total));
    size_t now = held + total;
    size_t peak = atomic_load_explicit(&context->peak_bytes, memory_order_relaxed);
    while (peak < now) {
        int set = atomic_compare_exchange_weak(&context->peak_bytes, &peak, now);
        if (set) break; /* a race: LCOV_EXCL_BR_LINE */
    }
    return 1;
}

/* The limit as its option is written: "2G", "1536". */
static void print_limit(char text[24], size_t limit) {
    static const char *const suffixes[] = {"", "K", "M", "G"};
    int power = 0;
    while (limit && power < 3 && limit % 1024 == 0) limit /= 1024, power++;
    vae__format(text, 24, "%zu%s", limit, suffixes[power]);
}

/* "WHAT: needs 1.2 GiB (...), but memory_limit=1G leaves 300 MiB"; what NULL: callers put it in front. */
static vae_status fail_limit(const vae_context *context, const char *what, uint64_t wanted) {
    char needed[VAE__BYTES_SIZE], left[VAE__BYTES_SIZE], limit[24];
    print_limit(limit, context->memory_limit);
    return vae__fail(VAE_ERROR_LIMIT, "%s%sneeds %s, but memory_limit=%s leaves %s",
                     what ? what : "", what ? ": " : "", vae__bytes(needed, wanted), limit,
                     vae__bytes(left, vae__memory_left(context)));
}

void *vae__allocate(vae_context *context, size_t count, size_t size) {
    const size_t overhead = ALIGNMENT + sizeof(header);
    if (size && count > (SIZE_MAX - overhead) / size) {
        vae__fail(VAE_ERROR_MEMORY, "out of memory: %zu x %zu bytes is more than can be addressed",
                  count, size);
        return NULL;
    }
    size_t total = count * size + overhead;
    if (!reserve(context, total)) {
        fail_limit(context, NULL, total);
        return NULL;
    }
    unsigned char *raw = context->allocate(context->user, total);
    if (!raw) {
        atomic_fetch_sub(&context->bytes, total);
        char wanted[VAE__BYTES_SIZE];
        vae__fail(VAE_ERROR_MEMORY, "out of memory: the allocator refused %s",
                  vae__bytes(wanted, total));
        return NULL;
    }
    atomic_fetch_add_explicit(&context->allocations, 1, memory_order_relaxed);
    uintptr_t first = (uintptr_t)raw + sizeof(header);
    unsigned char *block = raw + sizeof(header) + (ALIGNMENT - first % ALIGNMENT) % ALIGNMENT;
    memset(block, 0, count * size);
    *header_of(block) = (header){raw, total};
    return block;
}

void *vae__reallocate(vae_context *context, void *block, size_t used, size_t count, size_t size) {
    void *larger = vae__allocate(context, count, size);
    if (!larger) return NULL;
    if (block) memcpy(larger, block, used);
    vae__release(context, block);
    return larger;
}

void vae__release(vae_context *context, void *block) {
    if (!block) return;
    header head = *header_of(block);
    context->release(context->user, head.raw);
    atomic_fetch_sub(&context->bytes, head.total);
}

char *vae__copy_text(vae_context *context, const char *text, size_t length) {
    if (length == SIZE_MAX) length--;
    char *copy = vae__allocate(context, length + 1, 1);
    if (copy) memcpy(copy, text, length);
    return copy;
}

size_t vae__memory_left(const vae_context *context) {
    size_t held = atomic_load_explicit(&context->bytes, memory_order_relaxed);
    if (context->memory_limit == SIZE_MAX) return SIZE_MAX;
    return held < context->memory_limit ? context->memory_limit - held : 0;
}

vae_status vae__memory_check(const vae_context *context, uint64_t count, uint64_t size,
                             const char *what) {
    size_t left = vae__memory_left(context);
    if (size && count > left / size) {
        return fail_limit(context, what, count > UINT64_MAX / size ? UINT64_MAX : count * size);
    }
    return VAE_OK;
}
