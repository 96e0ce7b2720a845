/* Images that are read from PNG and JPEG files, as 8-bit levels, and made to fit a size. The decoders are those of
 * libpng and libjpeg; where one of them is not installed when the tool is built, its files are refused by name. */
#ifndef TOOL_IMAGE_H
#define TOOL_IMAGE_H

#include <stddef.h>
#include <stdio.h>

/* Starts as {0}. */
typedef struct image {
    size_t width, height;
    size_t channels;       /* 1: grey; 3: red, green, blue */
    unsigned char *pixels; /* [height, width, channels] */
} image;

typedef enum image_result {
    IMAGE_READ,
    IMAGE_DAMAGED, /* or no image at all */
    IMAGE_MISSING  /* the library that decodes it was not there when the tool was built */
} image_result;

enum { IMAGE_PROBLEM = 300 };

/* Reads the file, whose format is told from its content. An image whose data end too early or cannot be decoded is
 * damaged, also where a viewer would show a part of it. On failure problem[IMAGE_PROBLEM] says why, and `out` holds
 * nothing. A JPEG file may be reduced while it is decoded, to not less than twice `side` pixels each way.
 * Transparent parts become white. */
image_result image_read(const char *path, size_t side, image *out, char *problem);
void image_free(image *of);

/* The largest part of the image around its centre that has the proportions of `height` x `width`, in that size, as
 * [channels, height, width] with 1 or 3 channels. Each pixel is the average of the area that it covers; where the image
 * is smaller than that, it is interpolated between the nearest ones. */
void image_fit(const image *from, size_t channels, size_t height, size_t width,
               unsigned char *pixels);

/* Turns and mirrors an image as the orientation of its EXIF data says: 1 (as it is) to 8. */
void image_turn(image *of, int orientation);

/* The orientation in the data of an EXIF marker, "Exif" and two zeros included; 1 where there is none. */
int image_orientation(const unsigned char *data, size_t size);

/* ---- The decoders, for image.c. As image_read; the file is at its beginning. ---- */

image_result image_read_png(FILE *file, image *out, char *problem);
image_result image_read_jpeg(FILE *file, size_t side, image *out, char *problem);

/* Whether the tool was built with them. */
int image_has_png(void);
int image_has_jpeg(void);

/* Says why, and returns 1, if so many pixels are none or too many. */
int image_check_size(size_t width, size_t height, char *problem);

/* Memory for the pixels of an image whose other fields are set; says why if there is none, or too much is asked for. */
image_result image_allocate(image *of, char *problem);

#endif
