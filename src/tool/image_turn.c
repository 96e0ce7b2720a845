/* The orientation of photographs: cameras store the picture as the sensor lies, and in EXIF data how to turn it. */
#include "image.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

#define ORIENTATION_TAG 0x0112

/* Whole numbers of the data, little or big endian. */
typedef struct tiff {
    const unsigned char *bytes;
    size_t size;
    int is_little;
} tiff;

static size_t number_at(const tiff *t, size_t at, size_t bytes) {
    size_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        size_t k = t->is_little ? bytes - 1 - i : i;
        value = value << 8 | t->bytes[at + k];
    }
    return value;
}

/* Entries of 12 bytes: tag, type, count, value. */
static int orientation_of(const tiff *t) {
    size_t list = number_at(t, 4, 4);
    if (list > t->size - 2) return 1;
    size_t count = number_at(t, list, 2);
    for (size_t i = 0, at = list + 2; i < count && at + 12 <= t->size; i++, at += 12) {
        if (number_at(t, at, 2) != ORIENTATION_TAG) continue;
        size_t value = number_at(t, at + 8, 2);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

int image_orientation(const unsigned char *data, size_t size) {
    static const unsigned char name[] = {'E', 'x', 'i', 'f', 0, 0};
    if (size < sizeof name + 8 || memcmp(data, name, sizeof name)) return 1;
    tiff t = {data + sizeof name, size - sizeof name, data[sizeof name] == 'I'};
    return number_at(&t, 2, 2) == 42 ? orientation_of(&t) : 1;
}

/* Orientations 5 to 8 exchange rows and columns; the others of 2 to 8 mirror one or both. Where the pixel of the turned
 * image at (row, column) comes from: */
static size_t source_of(const image *of, int orientation, size_t row, size_t column) {
    int is_swapped = orientation >= 5;
    int from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    int from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    size_t i = is_swapped ? column : row, j = is_swapped ? row : column;
    if (from_below) i = of->height - 1 - i;
    if (from_right) j = of->width - 1 - j;
    return (i * of->width + j) * of->channels;
}

void image_turn(image *of, int orientation) {
    if (orientation <= 1 || orientation > 8) return;
    image turned = {.width = orientation >= 5 ? of->height : of->width,
                    .height = orientation >= 5 ? of->width : of->height,
                    .channels = of->channels};
    turned.pixels = text_allocate(of->width * of->height, of->channels);
    unsigned char *to = turned.pixels;
    for (size_t row = 0; row < turned.height; row++) {
        for (size_t column = 0; column < turned.width; column++, to += of->channels)
            memcpy(to, of->pixels + source_of(of, orientation, row, column), of->channels);
    }
    free(of->pixels);
    *of = turned;
}
