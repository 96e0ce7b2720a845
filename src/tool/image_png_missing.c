/* Stands for image_png.c where libpng is not installed. */
#include "image.h"

int image_has_png(void) {
    return 0;
}

image_result image_read_png(FILE *file, image *out, char *problem) {
    (void)file, (void)out;
    snprintf(problem, IMAGE_PROBLEM,
             "PNG images need libpng, which this program was built without; install libpng-dev and "
             "build it again");
    return IMAGE_MISSING;
}
