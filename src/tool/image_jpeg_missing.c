/* Stands for image_jpeg.c where libjpeg is not installed. */
#include "image.h"

int image_has_jpeg(void) {
    return 0;
}

image_result image_read_jpeg(FILE *file, size_t side, image *out, char *problem) {
    (void)file, (void)side, (void)out;
    snprintf(problem, IMAGE_PROBLEM,
             "JPEG images need libjpeg, which this program was built without; install libjpeg-dev "
             "and build it again");
    return IMAGE_MISSING;
}
