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
#define PATH_SIZE 1024
#define OPTIONS_SIZE 512

static const char *const fashion_names[IMAGES_CLASSES] = {
    "T-shirt/top", "trouser", "pullover", "dress", "coat",
    "sandal",      "shirt",   "sneaker",  "bag",   "ankle boot"};
static const char *const number_names[IMAGES_CLASSES] = {"class 0", "class 1", "class 2", "class 3",
                                                         "class 4", "class 5", "class 6", "class 7",
                                                         "class 8", "class 9"};
static const char *const sprite_names[IMAGES_CLASSES] = {"square", "ellipse", "heart"};

/* "folder/name"; the caller has checked that the folder's path is not too long. */
static void in_folder(char path[PATH_SIZE], const char *folder, const char *name) {
    snprintf(path, PATH_SIZE, "%s/%s", folder, name);
}

static const char *open_mnist(images *out, vae_context *context, const char *folder,
                              const char *pixels, const char *options) {
    char train[PATH_SIZE], test[PATH_SIZE], labels[PATH_SIZE];
    char train_options[OPTIONS_SIZE], test_options[PATH_SIZE + OPTIONS_SIZE];
    if (strlen(folder) + 40 > PATH_SIZE) return "the folder's path is too long";
    in_folder(train, folder, "train-images-idx3-ubyte.gz");
    in_folder(test, folder, "t10k-images-idx3-ubyte.gz");
    in_folder(labels, folder, "t10k-labels-idx1-ubyte.gz");
    snprintf(train_options, sizeof train_options, "%s %s", pixels, options);
    snprintf(test_options, sizeof test_options, "%s labels=\"%s\"", pixels, labels);
    out->name = folder;
    out->class_names = strstr(folder, "fashion") ? fashion_names : number_names;
    if (vae_dataset_open(context, train, train_options, &out->train) < 0 ||
        vae_dataset_open(context, test, test_options, &out->test) < 0)
        return vae_last_error();
    return NULL;
}

static const char *open_sprites(images *out, vae_context *context, const char *pixels,
                                const char *options) {
    char train[OPTIONS_SIZE], test[OPTIONS_SIZE];
    snprintf(train, sizeof train, "split=train:0.9 %s %s", pixels, options);
    snprintf(test, sizeof test, "split=test:0.9 %s", pixels);
    out->name = SPRITES ", built in";
    out->class_names = sprite_names;
    if (vae_dataset_open(context, SPRITES, train, &out->train) < 0 ||
        vae_dataset_open(context, SPRITES, test, &out->test) < 0)
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

const char *images_open(images *out, vae_context *context, const char *folder, const char *pixels,
                        const char *options) {
    *out = (images){0};
    if (strlen(pixels) + strlen(options) + 32 > OPTIONS_SIZE) return "the options are too long";
    if (!folder && access(FASHION_MNIST "/train-images-idx3-ubyte.gz", R_OK) != 0) {
        printf("No %s, so the built-in sprites are used.\n"
               "For Fashion-MNIST: apt install dataset-fashion-mnist,\n"
               "or data=DIR where its four .gz files are.\n\n",
               FASHION_MNIST);
        folder = "sprites";
    }
    if (!folder) folder = FASHION_MNIST;
    const char *problem = strcmp(folder, "sprites") == 0
                              ? open_sprites(out, context, pixels, options)
                              : open_mnist(out, context, folder, pixels, options);
    return problem ? problem : read_test(out);
}

void images_close(images *data) {
    vae_dataset_destroy(data->train);
    vae_dataset_destroy(data->test);
    free(data->x);
    free(data->label);
    *data = (images){0};
}
