/* The three products of a convolution between large images, which its windows see, and small ones, which have
 * a value of each map for each position of the window. A transposed convolution is the same three with other
 * names: its input is the small image. Images lie with channels last. */
#ifndef VAE_TENSOR_CONVOLUTION_H
#define VAE_TENSOR_CONVOLUTION_H

#include "tensor/kernels.h"

typedef struct vae__convolution {
    const vae__kernels *kernels;
    vae__geometry geometry;  /* windows over the large images */
    size_t maps;             /* channels of the small images */
    size_t images;           /* of each kind */
    const vae__real *weight; /* [maps, kernel, kernel, channels]; not read by the third product */
    vae__real *tile;         /* room of vae__convolution_scratch bytes */
} vae__convolution;

/* Bytes of the tile that a product is lowered into, a piece at a time; 0 where nothing is lowered. */
size_t vae__convolution_scratch(const vae__geometry *geometry);

/* small [images, positions, maps] = the windows over `large` times weight^T. */
void vae__convolve(const vae__convolution *c, const vae__real *large, vae__real *small);

/* large = the sum of small times weight over the windows that see a value. Writes all of `large`. */
void vae__convolve_back(const vae__convolution *c, const vae__real *small, vae__real *large);

/* into [count, kernel, kernel, channels] = (add: +=) the gradient of weight's rows first .. first + count - 1,
 * the sum over positions of small times what the window sees of `large`. */
void vae__convolve_weights(const vae__convolution *c, const vae__real *large,
                           const vae__real *small, size_t first, size_t count, vae__real *into,
                           int add);

#endif
