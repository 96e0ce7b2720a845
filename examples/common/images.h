/* Grey images to train on, and their test images in memory. */
#ifndef IMAGES_H
#define IMAGES_H

#include <stddef.h>

#include "vae.h"

#define IMAGES_CLASSES 10 /* at most */

typedef struct images {
    vae_dataset *train, *test;
    const char *name;               /* of the data */
    const char *const *class_names; /* [IMAGES_CLASSES] */
    size_t height, width, pixels;   /* of an image; pixels = height * width */
    size_t n;                       /* test images */
    float *x;                       /* [n, pixels] */
    double *label;                  /* [n] class of each; NULL without labels */
} images;

/* folder: where the four .gz files of the MNIST family lie; "sprites": the built-in generator;
 * NULL: Debian's Fashion-MNIST or, where it is not installed, the generator, which is then said on
 * stdout. `pixels` is what both sets have, "" or e.g. "binarize=threshold"; `options` the training
 * set alone. Returns NULL, or what went wrong; call images_close in either case. */
const char *images_open(images *out, vae_context *context, const char *folder, const char *pixels,
                        const char *options);
void images_close(images *data);

#endif
