/* PNG files, by the simplified interface of libpng, which brings palettes, 16-bit samples and grey levels of 1, 2 and 4
 * bits to 8-bit levels and checks what it reads. */
#include "image.h"

#include <png.h>

int image_has_png(void) {
    return 1;
}

static image_result fail(png_image *png, char *problem) {
    snprintf(problem, IMAGE_PROBLEM, "the PNG image is damaged: %s", png->message);
    png_image_free(png);
    return IMAGE_DAMAGED;
}

image_result image_read_png(FILE *file, image *out, char *problem) {
    const png_color white = {255, 255, 255};
    png_image png = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_stdio(&png, file)) return fail(&png, problem);
    int in_colour = (png.format & PNG_FORMAT_FLAG_COLOR) != 0;
    png.format = in_colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    png.flags |=
        PNG_IMAGE_FLAG_16BIT_sRGB; /* what writes 16 bits without a word on gamma means sRGB */
    *out = (image){.width = png.width, .height = png.height, .channels = in_colour ? 3 : 1};
    image_result result = image_allocate(out, problem);
    if (result == IMAGE_READ && !png_image_finish_read(&png, &white, out->pixels, 0, NULL))
        return fail(&png, problem);
    png_image_free(&png);
    return result;
}
