/* The windows of a convolution over images with channels last, [height, width, channels]. Lowering copies what
 * each window sees into a row of a matrix, so that a convolution is a matrix product; raising adds such rows
 * back to the places that the windows saw. The kernels that do it are `lower` and `raise` of vae__kernels. */
#ifndef VAE_TENSOR_LOWERING_H
#define VAE_TENSOR_LOWERING_H

#include <stddef.h>
#include <stdint.h>

/* A square window of kernel x kernel, moved by `stride`, over an image with `pad` zeros on each side. */
typedef struct vae__window {
    size_t kernel, stride, pad;
} vae__window;

/* A window and the images that it moves over. Positions of the window are counted over all images, line by
 * line: position p is of image p / (out_height * out_width). */
typedef struct vae__geometry {
    vae__window window;
    size_t channels, height, width; /* of an image */
    size_t out_height, out_width;   /* positions of the window down and across an image */
} vae__geometry;

static inline size_t vae__geometry_positions(const vae__geometry *geometry) {
    return geometry->out_height * geometry->out_width;
}

/* Values that a window sees: [kernel, kernel, channels]. */
static inline size_t vae__geometry_patch(const vae__geometry *geometry) {
    return geometry->window.kernel * geometry->window.kernel * geometry->channels;
}

/* Positions of the window along `extent` values. 0: it does not fit. */
static inline size_t vae__window_positions(const vae__window *window, size_t extent) {
    size_t padded = extent + 2 * window->pad;
    return padded < window->kernel ? 0 : (padded - window->kernel) / window->stride + 1;
}

/* The extent along which the window has that many positions, with nothing left over: what a transposed
 * convolution makes of `positions` values. 0: nothing is left of it, or it cannot be addressed. */
static inline size_t vae__window_extent(const vae__window *window, size_t positions) {
    if (positions - 1 > (SIZE_MAX / 4 - window->kernel) / window->stride) return 0;
    size_t padded = (positions - 1) * window->stride + window->kernel;
    return padded <= 2 * window->pad ? 0 : padded - 2 * window->pad;
}

#endif
