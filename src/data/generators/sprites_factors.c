/* Shapes and factors of the built-in images. A factor is a function of seed, row and nothing else, so that an image
 * does not depend on how many there are. */
#include <math.h>

#include "base/rng.h"
#include "data/generators/sprites.h"

#define DRAWS 6
#define SMALLEST \
    5.0 /* radius of the disc around a shape, pixels of an image whose shorter side has 32 */
#define LARGEST 10.0
#define SIDE 32.0
#define PI 3.14159265358979323846

static int in_square(double x, double y) {
    return fabs(x) <= 0.7071 && fabs(y) <= 0.7071;
}

static int in_ellipse(double x, double y) {
    return x * x + 4 * y * y <= 1;
}

/* (x^2 + y^2 - 1)^3 <= x^2 y^3, which reaches 1.425 from the origin. */
static int in_heart(double x, double y) {
    x *= 1.43;
    y *= 1.43;
    double r = x * x + y * y - 1;
    return r * r * r <= x * x * y * y * y;
}

/* Equal sides, with a corner on top. */
static int in_triangle(double x, double y) {
    return y >= -0.5 && 1.7320508 * fabs(x) + y <= 1;
}

/* A pentagram: the points that are beyond at most one of the five lines that its sides are on. */
static int in_star(double x, double y) {
    static const double right[] = {0, 0.95105652, 0.58778525, -0.58778525, -0.95105652};
    static const double up[] = {-1, -0.30901699, 0.80901699, 0.80901699, -0.30901699};
    int beyond = 0;
    for (int i = 0; i < 5; i++) beyond += right[i] * x + up[i] * y > 0.30901699;
    return beyond < 2;
}

vae__sprite_shape *const vae__sprite_shapes[] = {in_square, in_ellipse, in_heart, in_triangle,
                                                 in_star};

vae__sprite vae__sprite_draw(uint64_t seed, uint64_t row, int shapes, size_t height, size_t width) {
    const vae__stream stream = {seed, 0, VAE__PURPOSE_SPRITES, (uint32_t)(row >> 32)};
    double scale = (double)(height < width ? height : width) / SIDE, u[DRAWS];
    for (uint32_t i = 0; i < DRAWS; i++) u[i] = vae__random_uniform(&stream, (uint32_t)row, i);
    double size = scale * (SMALLEST + (LARGEST - SMALLEST) * u[1]);
    return (vae__sprite){.shape = (int)(shapes * u[0]),
                         .size = size,
                         .rotation = 2 * PI * u[2],
                         .row = size + ((double)height - 2 * size) * u[3],
                         .column = size + ((double)width - 2 * size) * u[4],
                         .colour = u[5]};
}

void vae__sprite_labels(const vae__sprite *sprite, size_t count, double *labels) {
    const double all[] = {sprite->shape, sprite->size,   sprite->rotation,
                          sprite->row,   sprite->column, sprite->colour};
    for (size_t i = 0; i < count; i++) labels[i] = all[i];
}
