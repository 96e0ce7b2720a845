/* What the built-in images are made of: shapes and factors of variation, after dSprites (Matthey, Higgins, Hassabis &
 * Lerchner 2017) with factors drawn instead of enumerated. */
#ifndef VAE_DATA_GENERATORS_SPRITES_H
#define VAE_DATA_GENERATORS_SPRITES_H

#include "data/generator.h"

/* The factors of an image, which are its labels in this order. */
typedef struct vae__sprite {
    int shape;          /* by its place in vae__sprite_shapes */
    double size;        /* radius of the disc that holds it, pixels */
    double rotation;    /* radians in [0, 2 pi) */
    double row, column; /* of its centre, pixels from the top left corner */
    double colour;      /* in [0, 1); not a factor of black and white images */
} vae__sprite;

enum { VAE__SPRITE_FACTORS = 6 };

/* Height and width of an image, pixels. */
enum { VAE__SPRITE_SMALLEST = 8, VAE__SPRITE_LARGEST = 4096 };

/* Whether a point, in units of the disc around the shape, x to the right and y up, is inside of it: square, ellipse,
 * heart, triangle, star. */
enum { VAE__SPRITE_SHAPES = 5 };
typedef int vae__sprite_shape(double x, double y);
extern vae__sprite_shape *const vae__sprite_shapes[VAE__SPRITE_SHAPES];

/* The factors of image `row`, with one of the first `shapes` shapes. They scale with the shorter side, so that an image
 * shows the same at every size. */
vae__sprite vae__sprite_draw(uint64_t seed, uint64_t row, int shapes, size_t height, size_t width);

/* The first `count` factors. */
void vae__sprite_labels(const vae__sprite *sprite, size_t count, double *labels);

/* Images [1 or 3, height, width] of 8-bit levels with soft edges, as many as table->rows, of table->shape. Few are
 * made at once, into the table; where that would take much memory, `rows` becomes a source that makes each image when
 * it is read. Fails as vae__generator.generate does. */
vae_status vae__sprite_images(vae_context *context, uint64_t seed, vae__table *table,
                              vae__row_source *rows);

#endif
