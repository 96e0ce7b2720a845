/* Shapes: their product is kept beside the extents and never overflows. */
#include "base/shape.h"

#include <stdint.h>

int vae__shape_append(vae__shape *shape, size_t extent) {
    size_t before = shape->rank ? shape->size : 1;
    if (shape->rank == VAE__MAX_RANK || (extent && before > SIZE_MAX / 16 / extent)) return 0;
    shape->extents[shape->rank++] = extent;
    shape->size = before * extent;
    return 1;
}

int vae__shape_equal(const vae__shape *a, const vae__shape *b) {
    if (a->rank != b->rank) return 0;
    for (size_t i = 0; i < a->rank; i++)
        if (a->extents[i] != b->extents[i]) return 0;
    return 1;
}

void vae__shape_text(char *text, size_t size, const vae__shape *shape) {
    size_t used = 0;
    for (size_t i = 0; i < shape->rank && used < size; i++)
        used += vae__format(text + used, size - used, "%s%zu", i ? "x" : "", shape->extents[i]);
}

void vae__shape_print(vae__buffer *out, const vae__shape *shape) {
    for (size_t i = 0; i < shape->rank; i++)
        vae__append(out, "%s%zu", i ? "x" : "", shape->extents[i]);
}
