#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* access */
#endif

#include "images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FASHION_MNIST "/usr/share/datasets/fashion-mnist"
#define SPRITES "sprites:20000"

static const char *const fashion_names[IMAGES_CLASSES] = {
    "T-shirt/top", "trouser", "pullover", "dress", "coat",
    "sandal",      "shirt",   "sneaker",  "bag",   "ankle boot"};
static const char *const number_names[IMAGES_CLASSES] = {"class 0", "class 1", "class 2", "class 3",
                                                         "class 4", "class 5", "class 6", "class 7",
                                                         "class 8", "class 9"};
static const char *const sprite_names[IMAGES_CLASSES] = {"square", "ellipse", "heart"};

static const char *open_mnist(images *out, vae_context *context, const char *folder,
                              const char *options) {
    char train[1024], test[1024], labels[1056];
    snprintf(train, sizeof train, "%s/train-images-idx3-ubyte.gz", folder);
    snprintf(test, sizeof test, "%s/t10k-images-idx3-ubyte.gz", folder);
    int length = snprintf(labels, sizeof labels, "labels=\"%s/t10k-labels-idx1-ubyte.gz\"", folder);
    if (length < 0 || (size_t)length > sizeof train) return "the folder's path is too long";
    out->name = folder;
    out->class_names = strstr(folder, "fashion") ? fashion_names : number_names;
    if (vae_dataset_open(context, train, options, &out->train) < 0 ||
        vae_dataset_open(context, test, labels, &out->test) < 0)
        return vae_last_error();
    return NULL;
}

static const char *open_sprites(images *out, vae_context *context, const char *options) {
    char text[512];
    int length = snprintf(text, sizeof text, "split=train:0.9 %s", options);
    if (length < 0 || (size_t)length >= sizeof text) return "the options are too long";
    out->name = SPRITES ", built in";
    out->class_names = sprite_names;
    if (vae_dataset_open(context, SPRITES, text, &out->train) < 0 ||
        vae_dataset_open(context, SPRITES, "split=test:0.9", &out->test) < 0)
        return vae_last_error();
    return NULL;
}

static const char *read_labels(images *data) {
    size_t width = vae_dataset_label_width(data->test);
    if (width == 0) return NULL;
    data->label = malloc(data->n * width * sizeof *data->label);
    if (!data->label) return "no memory for the labels";
    if (vae_dataset_read_labels(data->test, 0, data->n, data->label, width) < 0)
        return vae_last_error();
    for (size_t i = 0; i < data->n; i++) {
        data->label[i] =
            data->label[i * width]; /* of the sprites' five factors the first is the shape */
    }
    return NULL;
}

static const char *read_test(images *data) {
    size_t shape[8] = {0}, rank = 0;
    if (vae_dataset_shape(data->test, shape, 8, &rank) < 0) return vae_last_error();
    data->n = vae_dataset_size(data->test);
    data->pixels = vae_dataset_width(data->test);
    if (rank < 2 || rank > 8 || shape[rank - 2] * shape[rank - 1] != data->pixels || data->n == 0)
        return "the rows are not grey images";
    data->height = shape[rank - 2];
    data->width = shape[rank - 1];
    data->x = malloc(data->n * data->pixels * sizeof *data->x);
    if (!data->x) return "no memory for the test images";
    if (vae_dataset_read(data->test, 0, data->n, data->x, data->pixels) < 0)
        return vae_last_error();
    return read_labels(data);
}

const char *images_open(images *out, vae_context *context, const char *folder,
                        const char *options) {
    *out = (images){0};
    if (!folder && access(FASHION_MNIST "/train-images-idx3-ubyte.gz", R_OK) != 0) {
        printf("No %s, so the built-in sprites are used.\n"
               "For Fashion-MNIST: apt install dataset-fashion-mnist,\n"
               "or data=DIR where its four .gz files are.\n\n",
               FASHION_MNIST);
        folder = "sprites";
    }
    const char *problem = folder && strcmp(folder, "sprites") == 0
                              ? open_sprites(out, context, options)
                              : open_mnist(out, context, folder ? folder : FASHION_MNIST, options);
    return problem ? problem : read_test(out);
}

void images_close(images *data) {
    vae_dataset_destroy(data->train);
    vae_dataset_destroy(data->test);
    free(data->x);
    free(data->label);
    *data = (images){0};
}
