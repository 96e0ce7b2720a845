/* Places for buffers by their lifetimes: the largest first, each at the lowest offset where no buffer in
 * use at the same time lies. Takes time quadratic in their number, which is tens; two buffers whose
 * lifetimes overlap never share bytes. */
#include "autodiff/arena.h"

#include <stdint.h>

#define ALIGNMENT 64

static int is_used(const vae__lifetime *buffer) {
    return buffer->bytes > 0 && buffer->first <= buffer->last;
}

static int meet(const vae__lifetime *a, const vae__lifetime *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* Lowest offset at which `buffer` collides with none of the placed ones. Graphs have tens of
 * buffers. */
static size_t lowest_free(const vae__lifetime *buffers, const size_t *placed, size_t placed_count,
                          const vae__lifetime *buffer) {
    size_t offset = 0;
    for (size_t i = 0; i < placed_count;) {
        const vae__lifetime *other = &buffers[placed[i]];
        int apart =
            offset + buffer->bytes <= other->offset || other->offset + other->bytes <= offset;
        if (apart || !meet(buffer, other)) {
            i++;
        } else {
            offset = other->offset + other->bytes;
            i = 0;
        }
    }
    return offset;
}

vae_status vae__arena_place(vae_context *context, vae__lifetime *buffers, size_t count,
                            size_t *size) {
    size_t *placed = vae__allocate(context, count, sizeof *placed);
    if (!placed) return vae__last_status();
    size_t placed_count = 0;
    *size = 0;
    for (size_t i = 0; i < count; i++) {
        if (buffers[i].bytes > SIZE_MAX / 4 - ALIGNMENT) {
            vae__release(context, placed);
            return vae__fail(VAE_ERROR_MEMORY,
                             "out of memory: a buffer of %zu bytes is more than can be addressed",
                             buffers[i].bytes);
        }
        buffers[i].bytes = (buffers[i].bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        buffers[i].offset = SIZE_MAX;
    }
    for (;;) {
        size_t largest = SIZE_MAX;
        for (size_t i = 0; i < count; i++) {
            if (!is_used(&buffers[i]) || buffers[i].offset != SIZE_MAX) continue;
            if (largest == SIZE_MAX || buffers[i].bytes > buffers[largest].bytes) largest = i;
        }
        if (largest == SIZE_MAX) break;
        buffers[largest].offset = lowest_free(buffers, placed, placed_count, &buffers[largest]);
        placed[placed_count++] = largest;
        size_t end = buffers[largest].offset + buffers[largest].bytes;
        if (end > *size) *size = end;
    }
    vae__release(context, placed);
    return VAE_OK;
}
