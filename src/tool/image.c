/* Opens an image file and hands it to the decoder of its format. Only regular files are opened, since a pipe of such a
 * name would never end. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* fstat, fileno */
#endif

#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_PIXELS ((size_t)1 << 27) /* of an image: 400 MB in colour */

int image_check_size(size_t width, size_t height, char *problem) {
    if (width && height && height <= MOST_PIXELS / width) return 0;
    snprintf(problem, IMAGE_PROBLEM, "it has %zu x %zu pixels; expected 1 to %zu in all", width,
             height, MOST_PIXELS);
    return 1;
}

image_result image_allocate(image *of, char *problem) {
    if (image_check_size(of->width, of->height, problem)) return IMAGE_DAMAGED;
    of->pixels = calloc(of->width * of->height, of->channels);
    if (of->pixels) return IMAGE_READ;
    snprintf(problem, IMAGE_PROBLEM, "there is not enough memory for %zu x %zu pixels", of->width,
             of->height);
    return IMAGE_DAMAGED;
}

void image_free(image *of) {
    free(of->pixels);
    *of = (image){0};
}

/* What the first bytes are, for the message. */
static void say_beginning(const unsigned char *head, size_t size, char *problem) {
    size_t used = (size_t)snprintf(problem, IMAGE_PROBLEM, "no PNG or JPEG image: ");
    if (!size) {
        snprintf(problem + used, IMAGE_PROBLEM - used, "the file is empty");
        return;
    }
    used += (size_t)snprintf(problem + used, IMAGE_PROBLEM - used, "it begins with ");
    for (size_t i = 0; i < size; i++) {
        int plain = head[i] > ' ' && head[i] < 127;
        used += (size_t)snprintf(problem + used, IMAGE_PROBLEM - used, plain ? "%c" : "\\x%02x",
                                 head[i]);
    }
}

static image_result decode(FILE *file, size_t side, image *out, char *problem) {
    static const unsigned char png[] = {0x89, 'P', 'N', 'G'}, jpeg[] = {0xff, 0xd8, 0xff};
    unsigned char head[8];
    size_t size = fread(head, 1, sizeof head, file);
    if (ferror(file)) {
        snprintf(problem, IMAGE_PROBLEM, "%s", strerror(errno));
        return IMAGE_DAMAGED;
    }
    rewind(file);
    if (size >= sizeof png && !memcmp(head, png, sizeof png))
        return image_read_png(file, out, problem);
    if (size >= sizeof jpeg && !memcmp(head, jpeg, sizeof jpeg))
        return image_read_jpeg(file, side, out, problem);
    say_beginning(head, size, problem);
    return IMAGE_DAMAGED;
}

image_result image_read(const char *path, size_t side, image *out, char *problem) {
    struct stat status;
    *out = (image){0};
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "rb") : NULL;
    if (!file || fstat(descriptor, &status)) {
        snprintf(problem, IMAGE_PROBLEM, "%s", strerror(errno));
        if (file) fclose(file);
        return IMAGE_DAMAGED;
    }
    image_result result = IMAGE_DAMAGED;
    if (S_ISREG(status.st_mode)) {
        result = decode(file, side, out, problem);
    } else {
        snprintf(problem, IMAGE_PROBLEM, "no regular file");
    }
    fclose(file);
    if (result != IMAGE_READ) image_free(out);
    return result;
}
