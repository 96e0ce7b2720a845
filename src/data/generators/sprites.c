/* The built-in generator of images. "sprites" and "sprites:COUNT" are the images of version 0.1: one filled shape,
 * black and white, whose five factors are its labels; their rows stay what they were. "sprites:COUNT:3x64x64" are
 * those of sprites_images.c. */
#include <math.h>
#include <string.h>

#include "data/generators/sprites.h"

#define COUNT 10000
#define SIDE 32
#define FACTORS 5 /* without the colour */
#define SHAPES 3  /* square, ellipse, heart */

/* ---- black and white ---- */

static void paint(const vae__sprite *sprite, unsigned char *pixels) {
    double c = cos(sprite->rotation) / sprite->size, s = sin(sprite->rotation) / sprite->size;
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            double right = j + 0.5 - sprite->column, up = sprite->row - i - 0.5;
            int inside = vae__sprite_shapes[sprite->shape](c * right + s * up, c * up - s * right);
            pixels[i * SIDE + j] = inside ? 255 : 0;
        }
    }
}

static vae_status make_binary(vae_context *context, uint64_t seed, vae__table *table) {
    table->label_width = FACTORS;
    vae_status status = vae__generator_allocate(context, "sprites", 1, table);
    for (size_t i = 0; !status && i < table->rows; i++) {
        vae__sprite sprite = vae__sprite_draw(seed, i, SHAPES, SIDE, SIDE);
        paint(&sprite, (unsigned char *)table->values + i * SIDE * SIDE);
        vae__sprite_labels(&sprite, FACTORS, table->labels + i * FACTORS);
    }
    return status;
}

/* ---- the text "COUNT" or "COUNT:3x64x64" ---- */

/* Reads "3x64x64" into extents. 0: it is none. */
static int read_shape(const char *text, uint64_t extents[3]) {
    for (int i = 0; i < 3; i++) {
        size_t length = strcspn(text, "x");
        if (!vae__parse_unsigned(text, length, &extents[i]) || (text[length] != 0) != (i < 2))
            return 0;
        text += length + 1;
    }
    return 1;
}

static int is_side(uint64_t extent) {
    return extent >= VAE__SPRITE_SMALLEST && extent <= VAE__SPRITE_LARGEST;
}

static vae_status check_shape(const char *path, const uint64_t extents[3]) {
    if (extents[0] != 1 && extents[0] != 3) {
        return vae__fail(VAE_ERROR_TEXT,
                         "%s: expected 1 channel (grey) or 3 (red, green, blue), found %llu", path,
                         (unsigned long long)extents[0]);
    }
    if (is_side(extents[1]) && is_side(extents[2])) return VAE_OK;
    return vae__fail(VAE_ERROR_TEXT,
                     "%s: expected height and width from %d to %d, found %llu and %llu", path,
                     VAE__SPRITE_SMALLEST, VAE__SPRITE_LARGEST, (unsigned long long)extents[1],
                     (unsigned long long)extents[2]);
}

/* `text` as vae__generator has it. *sized: a shape was given. */
static vae_status read_text(const char *path, const char *text, uint64_t extents[4], int *sized) {
    const char *colon = text ? strchr(text, ':') : NULL;
    size_t length = !text ? 0 : colon ? (size_t)(colon - text) : strlen(text);
    if (text && !vae__generator_count(text, length, &extents[0])) {
        return vae__fail(VAE_ERROR_TEXT,
                         "%s: expected \"sprites:COUNT\" or \"sprites:COUNT:3x64x64\" with a count "
                         "of at least 1",
                         path);
    }
    *sized = colon != NULL;
    if (!colon) return VAE_OK;
    if (read_shape(colon + 1, extents + 1)) return check_shape(path, extents + 1);
    return vae__fail(VAE_ERROR_TEXT,
                     "%s: expected a shape behind the count, channels x height x width such as "
                     "3x64x64 or 1x28x28, found '%.60s'",
                     path, colon + 1);
}

static vae_status generate(vae_context *context, const char *path, const char *text, uint64_t seed,
                           vae__table *table, vae__row_source *rows) {
    uint64_t extents[] = {COUNT, 1, SIDE, SIDE};
    int sized = 0;
    *table = (vae__table){.element = VAE__ELEMENT_UINT8};
    vae_status status = read_text(path, text, extents, &sized);
    if (status) return status;
    if (vae__table_set_extents(table, extents, 4, "sprites")) {
        return vae__fail(VAE_ERROR_TEXT,
                         "sprites: %llu images are more bytes than can be addressed",
                         (unsigned long long)extents[0]);
    }
    return sized ? vae__sprite_images(context, seed, table, rows)
                 : make_binary(context, seed, table);
}

const vae__generator vae__generator_sprites = {
    .name = "sprites", .stands_alone = 1, .generate = generate};
