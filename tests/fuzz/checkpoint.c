/* Checkpoints: a refused one leaves the cursor where it was; a loaded one saves the same bytes, is
 * a model file too, and training goes on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/subjects.h"

#define LIMIT ((size_t)4 << 20)
enum { ROWS = 6, WIDTH = 2, BATCH = 2 };

typedef struct training {
    vae_dataset *dataset;
    vae_model *model;
    vae_optimizer *optimizer;
} training;

static void end(training *t) {
    vae_optimizer_destroy(t->optimizer);
    vae_model_destroy(t->model);
    vae_dataset_destroy(t->dataset);
}

/* The data set that the kept inputs were saved with. 1 if loaded. */
static int load(vae_context *context, const char *path, int with_dataset, training *t) {
    static const uint8_t rows[ROWS * WIDTH] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    *t = (training){0};
    if (with_dataset && !fuzz_succeeds(vae_dataset_from_memory(context, rows, ROWS, WIDTH,
                                                               "dtype=uint8 batch=2", &t->dataset)))
        return 0;
    vae_status status =
        fuzz_status(vae_checkpoint_load(context, path, t->dataset, &t->model, &t->optimizer));
    FUZZ_REQUIRE(!status == (t->model != NULL) && !status == (t->optimizer != NULL),
                 "handles and %s", vae_status_name(status));
    if (status) {
        FUZZ_REQUIRE(!vae_dataset_epoch(t->dataset) && !vae_dataset_position(t->dataset),
                     "the cursor moved");
    } else if (with_dataset) {
        FUZZ_REQUIRE(vae_dataset_position(t->dataset) % BATCH == 0, "within a batch");
    }
    return !status;
}

static unsigned char *saved(const training *t, const char *path, size_t *size) {
    if (!fuzz_succeeds(vae_checkpoint_save(t->model, t->optimizer, t->dataset, path))) return NULL;
    return fuzz_read(path, size);
}

static void resave(vae_context *context, const training *t, const char *path) {
    training again = {0};
    size_t size, size_again;
    char other[300];
    snprintf(other, sizeof other, "%s-saved", path);
    unsigned char *bytes = saved(t, other, &size), *bytes_again = NULL;
    if (bytes && load(context, other, t->dataset != NULL, &again)) {
        bytes_again = saved(&again, other, &size_again);
        FUZZ_REQUIRE(!bytes_again || (size == size_again && !memcmp(bytes, bytes_again, size)),
                     "%zu bytes became %zu others", size, size_again);
    }
    end(&again);
    free(bytes);
    free(bytes_again);
    unlink(other);
}

static void go_on(const training *t) {
    size_t width = vae_model_width(t->model);
    float x[WIDTH * 2] = {0};
    for (int i = 0; i < 2; i++) {
        if (t->dataset && width == WIDTH)
            fuzz_status(vae_step(t->model, t->optimizer, t->dataset, NULL));
        else if (width <= WIDTH)
            fuzz_status(vae_step_rows(t->model, t->optimizer, x, 2, width, NULL));
    }
}

static void check_model(vae_context *context, const training *t, const char *path) {
    vae_model *model = NULL;
    if (fuzz_succeeds(vae_model_load(context, path, &model))) {
        fuzz_same_metadata(model, t->model);
        fuzz_model(context, model);
    }
    vae_model_destroy(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vae_context *context = fuzz_context(LIMIT);
    const char *path = fuzz_file(data, size);
    for (int with_dataset = 0; with_dataset < 2; with_dataset++) {
        training t;
        int loaded = load(context, path, with_dataset, &t);
        if (loaded) resave(context, &t, path);
        if (loaded && !with_dataset) check_model(context, &t, path);
        if (loaded) go_on(&t);
        end(&t);
        if (!loaded) break; /* with a data set more is asked */
    }
    fuzz_context_end(context);
    return 0;
}
