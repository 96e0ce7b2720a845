/* The shape of a row, a parameter or a stored tensor: one type for all of them. Outermost extent first; the
 * extents of an image are [channels, height, width]. */
#ifndef VAE_BASE_SHAPE_H
#define VAE_BASE_SHAPE_H

#include "base/text.h"

enum { VAE__MAX_RANK = 8 }; /* of data files; a model's input has 3 at most, a parameter 4 */

typedef struct vae__shape {
    size_t rank; /* 0: a single number */
    size_t extents[VAE__MAX_RANK];
    size_t size; /* numbers in all: the product of the extents */
} vae__shape;

/* [size] */
static inline vae__shape vae__shape_vector(size_t size) {
    return (vae__shape){1, {size}, size};
}

/* Appends an extent. 0: the rank is full, or more numbers than can be addressed; the shape is unchanged. */
int vae__shape_append(vae__shape *shape, size_t extent);

int vae__shape_equal(const vae__shape *a, const vae__shape *b);

/* "1x28x28" into text, cut short where `size` characters do not hold it. */
void vae__shape_text(char *text, size_t size, const vae__shape *shape);

/* Appends "1x28x28". */
void vae__shape_print(vae__buffer *out, const vae__shape *shape);

#endif
