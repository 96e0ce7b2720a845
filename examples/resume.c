/* Save, load and resume. Trains four epochs in one go; then two epochs, a checkpoint, and two epochs more from
 * the checkpoint, as another process would go on. Both ways end with the same parameters, bit for bit.
 *
 *     resume [checkpoint=resume.checkpoint] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vae.h>

#define SPEC                                       \
    "input=1x32x32 latent=8 likelihood=bernoulli " \
    "encoder=[dense 64, relu] decoder=[dense 64, relu]"

/* What a training needs. The data set is opened the same way each time: a checkpoint holds its cursor and checks
 * that it is the same one. */
typedef struct training {
    vae_dataset *data;
    vae_model *model;
    vae_optimizer *optimizer;
} training;

static void end(training *t) {
    vae_optimizer_destroy(t->optimizer);
    vae_model_destroy(t->model);
    vae_dataset_destroy(t->data);
    memset(t, 0, sizeof *t);
}

static int begin(training *t) {
    return vae_dataset_open(NULL, "sprites:2000", "batch=100 seed=5", &t->data) ||
           vae_model_create(NULL, SPEC, &t->model) || vae_model_initialize(t->model, t->data) ||
           vae_optimizer_create(t->model, "adam lr=1e-3", &t->optimizer);
}

static int train(training *t, const char *options) {
    return vae_train(t->model, t->optimizer, t->data, NULL, options, NULL, NULL);
}

/* The bytes of the model file. */
static unsigned char *bytes_of(const vae_model *model, size_t *size) {
    if (vae_model_save_memory(model, NULL, 0, size)) return NULL;
    unsigned char *bytes = malloc(*size);
    if (bytes && !vae_model_save_memory(model, bytes, *size, size)) return bytes;
    free(bytes);
    return NULL;
}

int main(int count, char **arguments) {
    const char *path = count > 1 ? arguments[1] : "resume.checkpoint";
    training whole = {0}, first = {0}, second = {0};
    size_t size = 0, other_size = 0;
    unsigned char *bytes = NULL, *other = NULL;
    int failed = begin(&whole) || train(&whole, "epochs=4") ||
                 /* the first process */
                 begin(&first) || train(&first, "epochs=2") ||
                 vae_checkpoint_save(first.model, first.optimizer, first.data, path);
    end(&first);
    failed = failed || /* the second process */
             vae_dataset_open(NULL, "sprites:2000", "batch=100 seed=5", &second.data) ||
             vae_checkpoint_load(NULL, path, second.data, &second.model, &second.optimizer) ||
             train(&second, "epochs=2");
    if (failed) {
        fprintf(stderr, "resume: %s\n", vae_last_error());
    } else {
        bytes = bytes_of(whole.model, &size);
        other = bytes_of(second.model, &other_size);
        failed = !bytes || !other || size != other_size || memcmp(bytes, other, size);
        printf("%s has %d updates; resumed and uninterrupted training %s\n", path,
               (int)vae_optimizer_steps(second.optimizer), failed ? "differ" : "are equal");
    }
    free(bytes);
    free(other);
    end(&whole);
    end(&second);
    return failed;
}
