/* The built-in generator: one filled shape an image, its five factors as labels, after dSprites
 * (Matthey, Higgins, Hassabis & Lerchner 2017) with factors drawn instead of enumerated. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/rng.h"
#include "data/generator.h"

#define COUNT 10000
#define SIDE 32
#define FACTORS 5
#define SMALLEST 5.0 /* radius of the disc around a shape, pixels */
#define LARGEST 10.0
#define PI 3.14159265358979323846

typedef struct sprite_factors {
    int shape;          /* 0 square, 1 ellipse, 2 heart */
    double size;        /* radius of the disc that holds it, pixels */
    double rotation;    /* radians in [0, 2 pi) */
    double row, column; /* of its centre, pixels from the top left corner */
} sprite_factors;

/* Whether a point, in units of the disc around the shape, x to the right and y up, is inside it. */
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

static int (*const shapes[])(double x, double y) = {in_square, in_ellipse, in_heart};

static sprite_factors draw_factors(uint64_t seed, uint64_t row) {
    const vae__stream stream = {seed, 0, VAE__PURPOSE_SPRITES, (uint32_t)(row >> 32)};
    double u[FACTORS];
    for (uint32_t i = 0; i < FACTORS; i++) u[i] = vae__random_uniform(&stream, (uint32_t)row, i);
    double size = SMALLEST + (LARGEST - SMALLEST) * u[1], room = SIDE - 2 * size;
    return (sprite_factors){(int)(3 * u[0]), size, 2 * PI * u[2], size + room * u[3],
                            size + room * u[4]};
}

static void paint(const sprite_factors *sprite, unsigned char *pixels) {
    double c = cos(sprite->rotation) / sprite->size, s = sin(sprite->rotation) / sprite->size;
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            double right = j + 0.5 - sprite->column, up = sprite->row - i - 0.5;
            int inside = shapes[sprite->shape](c * right + s * up, c * up - s * right);
            pixels[i * SIDE + j] = inside ? 255 : 0;
        }
    }
}

static void write_labels(const sprite_factors *sprite, double *labels) {
    labels[0] = sprite->shape;
    labels[1] = sprite->size;
    labels[2] = sprite->rotation;
    labels[3] = sprite->row;
    labels[4] = sprite->column;
}

static vae_status allocate(vae_context *context, uint64_t count, vae__table *table) {
    const uint64_t extents[] = {count, 1, SIDE, SIDE};
    *table = (vae__table){.element = VAE__ELEMENT_UINT8, .label_width = FACTORS};
    if (vae__table_set_extents(table, extents, 4, "sprites")) {
        return vae__fail(VAE_ERROR_TEXT,
                         "sprites: %llu images are more bytes than can be addressed",
                         (unsigned long long)count);
    }
    return vae__generator_allocate(context, "sprites", 1, table);
}

static vae_status generate(vae_context *context, const char *path, const char *text, uint64_t seed,
                           vae__table *table, vae__row_source *rows) {
    uint64_t count = COUNT;
    (void)rows;
    if (text && !vae__generator_count(text, strlen(text), &count)) {
        return vae__fail(VAE_ERROR_TEXT,
                         "%s: expected \"sprites:COUNT\" with a count of at least 1", path);
    }
    vae_status status = allocate(context, count, table);
    if (status) return status;
    for (size_t i = 0; i < table->rows; i++) {
        sprite_factors sprite = draw_factors(seed, i);
        paint(&sprite, (unsigned char *)table->values + i * SIDE * SIDE);
        write_labels(&sprite, table->labels + i * FACTORS);
    }
    return VAE_OK;
}

const vae__generator vae__generator_sprites = {
    .name = "sprites", .stands_alone = 1, .generate = generate};
