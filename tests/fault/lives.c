#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifndef VAE_NO_ZLIB
#include <zlib.h>
#endif

#include "fault/lives.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/folder.h"

#define SPEC                                                                                   \
    "input=1x2x2 latent=2 likelihood=gaussian encoder=[conv 5 2, relu, dense 3] decoder=[res[" \
    "layernorm, dense 4], reshape 4x1x1, groupnorm 2]"

static const float x[12] = {0, 1, 0.5f, 0.25f, 1, 0, 0, 1, 0.5f, 0.5f, 0, 0};

static vae_status train_and_infer(vae_context *context, const void *unused) {
    vae_model *model = NULL, *clone = NULL, *loaded = NULL;
    vae_optimizer *optimizer = NULL;
    vae_dataset *dataset = NULL;
    unsigned char bytes[5000];
    size_t length;
    float out[12];
    double elbo[3];
    (void)unused;
    vae_status status = vae_model_create(context, SPEC, &model);
    if (!status) status = vae_dataset_from_memory(context, x, 3, 4, "batch=2", &dataset);
    if (!status) status = vae_model_initialize(model, dataset);
    if (!status) status = vae_optimizer_create(model, "adam clip_norm=1 ema=0.9", &optimizer);
    if (!status) status = vae_step(model, optimizer, dataset, NULL);
    if (!status) status = vae_optimizer_set(optimizer, "samples=2 free_bits=0.1");
    if (!status)
        status =
            vae_train(model, optimizer, dataset, dataset, "epochs=2 restore_best=1", NULL, NULL);
    if (!status) status = vae_reconstruct(model, x, 3, 4, out);
    if (!status) status = vae_elbo(model, x, 3, 4, 1, elbo, NULL, NULL);
    if (!status) status = vae_score(model, x, 3, 4, "samples=2", elbo, NULL);
    if (!status) status = vae_sample(model, 3, 1, NULL, out, NULL);
    if (!status) status = vae_model_set_metadata(model, "licence", "CC0");
    if (!status) status = vae_model_clone(model, &clone);
    if (!status) status = vae_model_save_memory(model, bytes, sizeof bytes, &length);
    if (!status) status = vae_model_load_memory(context, bytes, length, &loaded);
    if (!status) status = vae_model_plan(model, NULL, 0, &length);
    vae_dataset_destroy(dataset);
    vae_model_destroy(model);
    vae_model_destroy(clone);
    vae_model_destroy(loaded);
    vae_optimizer_destroy(optimizer);
    return status;
}

/* A model that records the shift of its rows, in a file and back. */
static vae_status shift_and_keep(vae_context *context, const void *options) {
    static const double values[8] = {1e9, 1, 1e9 + 1, 2, 1e9 + 2, 4, 1e9 + 5, 3};
    vae_model *model = NULL, *clone = NULL, *loaded = NULL;
    vae_dataset *dataset = NULL;
    vae_evaluation *evaluation = NULL;
    unsigned char bytes[3000];
    size_t length;
    vae_status status = vae_dataset_from_memory(context, values, 4, 2, options, &dataset);
    if (!status)
        status =
            vae_model_create(context, "input=2 latent=1 likelihood=gaussian standardize=1", &model);
    if (!status) status = vae_model_initialize(model, dataset);
    if (!status) status = vae_model_clone(model, &clone);
    assert_true(!status || !clone);
    if (!status) status = vae_model_save_memory(clone, bytes, sizeof bytes, &length);
    if (!status) status = vae_model_load_memory(context, bytes, length, &loaded);
    assert_true(!status || !loaded);
    if (!status) status = vae_evaluate(loaded, dataset, NULL, NULL, NULL, NULL, &evaluation);
    vae_evaluation_destroy(evaluation);
    vae_dataset_destroy(dataset);
    vae_model_destroy(model);
    vae_model_destroy(clone);
    vae_model_destroy(loaded);
    return status;
}

/* A failed save leaves the file that was there; a failed load neither handle nor a moved cursor. */
static vae_status save_and_resume(vae_context *context, const void *options) {
    vae_model *model = NULL, *loaded = NULL;
    vae_optimizer *optimizer = NULL, *resumed = NULL;
    vae_dataset *dataset = NULL, *again = NULL;
    const char *path = test_in_folder("checkpoint");
    vae_status status = vae_model_create(context, SPEC, &model);
    if (!status) status = vae_optimizer_create(model, options, &optimizer);
    if (!status) status = vae_dataset_from_memory(context, x, 3, 4, "batch=2", &dataset);
    if (!status) status = vae_dataset_from_memory(context, x, 3, 4, "batch=2", &again);
    if (!status) status = vae_step(model, optimizer, dataset, NULL);
    if (!status) status = vae_model_set_metadata(model, "a", "1");
    if (!status) status = vae_model_set_metadata(model, "a", "2");
    if (!status) status = vae_checkpoint_save(model, optimizer, dataset, path);
    if (!status) status = vae_checkpoint_load(context, path, again, &loaded, &resumed);
    assert_true(!status || (!loaded && !resumed));
    assert_int_equal(vae_dataset_position(again), status ? 0 : 2);
    if (!status) status = vae_step(loaded, resumed, again, NULL);
    vae_dataset_destroy(dataset);
    vae_dataset_destroy(again);
    vae_optimizer_destroy(optimizer);
    vae_optimizer_destroy(resumed);
    vae_model_destroy(model);
    vae_model_destroy(loaded);
    return status;
}

static vae_status evaluate(vae_context *context, const void *spec) {
    vae_model *model = NULL;
    vae_dataset *dataset = NULL;
    vae_evaluation *evaluation = NULL;
    vae_status status = vae_model_create(context, spec, &model);
    if (!status) status = vae_dataset_from_memory(context, x, 3, 4, "binarize=threshold", &dataset);
    if (!status)
        status =
            vae_evaluate(model, dataset, dataset, "samples=20 seed=3", NULL, NULL, &evaluation);
    assert_true(!status || !evaluation);
    vae_evaluation_destroy(evaluation);
    vae_dataset_destroy(dataset);
    vae_model_destroy(model);
    return status;
}

/* A learned prior: set, fitted, trained, in a file and back. A failure leaves the old one. */
static vae_status fit_and_keep(vae_context *context, const void *prior) {
    vae_model *model = NULL, *loaded = NULL;
    vae_optimizer *optimizer = NULL;
    vae_dataset *dataset = NULL;
    unsigned char bytes[5000];
    double values[3];
    size_t length;
    vae_status status = vae_model_create(context, SPEC, &model);
    if (!status) status = vae_dataset_from_memory(context, x, 3, 4, "batch=2", &dataset);
    if (!status) {
        status = vae_model_set_prior(model, prior);
        assert_true(!status || strstr(vae_model_spec(model), "prior=normal"));
    }
    if (!status) status = vae_model_fit_prior(model, dataset, "iterations=3", NULL, NULL);
    if (!status) status = vae_optimizer_create(model, "adam clip_norm=1", &optimizer);
    if (!status) status = vae_step(model, optimizer, dataset, NULL);
    if (!status) status = vae_log_likelihood(model, x, 3, 4, "samples=3", values, NULL, NULL);
    if (!status) status = vae_score(model, x, 3, 4, NULL, values, NULL);
    if (!status) status = vae_model_save_memory(model, bytes, sizeof bytes, &length);
    if (!status) status = vae_model_load_memory(context, bytes, length, &loaded);
    if (!status) status = vae_model_set_prior(loaded, "vamp:2");
    if (!status) status = vae_model_fit_prior(loaded, dataset, NULL, NULL, NULL);
    if (!status) status = vae_sample(loaded, 3, 1, NULL, NULL, (float[12]){0});
    if (!status) status = vae_model_set_prior(loaded, "normal");
    vae_dataset_destroy(dataset);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_model_destroy(loaded);
    return status;
}

/* A prior that steps are taken for; a failed fit leaves what was there. */
static vae_status fit_by_steps(vae_context *context, const void *prior) {
    vae_model *model = NULL;
    vae_dataset *dataset = NULL;
    vae_optimizer *optimizer = NULL;
    float z[6];
    double values[3], before[3], after[3];
    vae_status status = vae_model_create(context, "input=4 latent=2 likelihood=gaussian", &model);
    if (!status) status = vae_dataset_from_memory(context, x, 3, 4, "batch=2", &dataset);
    if (!status) status = vae_model_set_prior(model, prior);
    if (!status) status = vae_elbo(model, x, 3, 4, 1, before, NULL, NULL);
    if (!status) {
        status = vae_model_fit_prior(model, dataset, "iterations=2 batch=2", NULL, NULL);
        if (status && !vae_elbo(model, x, 3, 4, 1, after, NULL, NULL))
            assert_memory_equal(before, after, sizeof before);
    }
    if (!status) status = vae_optimizer_create(model, "adam train=prior ema=0.5", &optimizer);
    if (!status) status = vae_step(model, optimizer, dataset, NULL);
    if (!status) status = vae_sample(model, 3, 1, z, NULL, NULL);
    if (!status) status = vae_elbo(model, x, 3, 4, 1, values, NULL, NULL);
    if (!status)
        status =
            vae_log_likelihood(model, x, 3, 4, "estimator=prior samples=5", values, NULL, NULL);
    vae_optimizer_destroy(optimizer);
    vae_dataset_destroy(dataset);
    vae_model_destroy(model);
    return status;
}

/* model=diffusion, from its spec to each function. */
static vae_status diffuse(vae_context *context, const void *spec) {
    vae_model *model = NULL, *loaded = NULL;
    vae_dataset *dataset = NULL;
    vae_optimizer *optimizer = NULL;
    vae_evaluation *evaluation = NULL;
    unsigned char *bytes = NULL;
    size_t length;
    float out[12], logvar[12];
    double values[3];
    vae_status status = vae_model_create(context, spec, &model);
    if (!status) status = vae_dataset_from_memory(context, x, 3, 4, "batch=2", &dataset);
    if (!status) status = vae_model_initialize(model, dataset);
    if (!status) status = vae_optimizer_create(model, "adam ema=0.5", &optimizer);
    if (!status) status = vae_train(model, optimizer, dataset, dataset, "epochs=2", NULL, NULL);
    if (!status) status = vae_encode(model, x, 3, 4, out, logvar);
    if (!status) status = vae_decode(model, x, 3, 4, out);
    if (!status) status = vae_reconstruct(model, x, 3, 4, out);
    if (!status) status = vae_elbo(model, x, 3, 4, 1, values, NULL, NULL);
    if (!status) status = vae_log_likelihood(model, x, 3, 4, "samples=5", values, NULL, NULL);
    if (!status)
        status = vae_log_likelihood(model, x, 3, 4, "estimator=path samples=2", values, NULL, NULL);
    if (!status) status = vae_score(model, x, 3, 4, "samples=3", values, NULL);
    if (!status)
        status = vae_generate(model, 3, 1, "sampler=ddim steps=3", NULL, NULL, out, NULL, out);
    if (!status) status = vae_evaluate(model, dataset, NULL, NULL, NULL, NULL, &evaluation);
    if (!status) status = vae_model_save_memory(model, NULL, 0, &length);
    if (!status) bytes = malloc(length);
    if (!status) status = vae_model_save_memory(model, bytes, length, &length);
    if (!status) status = vae_model_load_memory(context, bytes, length, &loaded);
    free(bytes);
    vae_evaluation_destroy(evaluation);
    vae_optimizer_destroy(optimizer);
    vae_dataset_destroy(dataset);
    vae_model_destroy(loaded);
    vae_model_destroy(model);
    return status;
}

/* Functions that make what they need at their first call, each called first. */
static vae_status call_first(vae_context *context, const void *name) {
    vae_model *model = NULL, *loaded = NULL;
    vae_optimizer *optimizer = NULL;
    float out[12];
    double values[3];
    uint64_t bytes;
    const char *path = test_in_folder("model");
    vae_status status = vae_model_create(context, SPEC, &model);
    if (status) return status;
    if (!strcmp(name, "encode")) status = vae_encode(model, x, 3, 4, out, NULL);
    if (!strcmp(name, "decode")) status = vae_decode(model, x, 3, 2, out);
    if (!strcmp(name, "reconstruct")) status = vae_reconstruct(model, x, 3, 4, out);
    if (!strcmp(name, "elbo")) status = vae_elbo(model, x, 3, 4, 1, values, NULL, NULL);
    if (!strcmp(name, "sample")) status = vae_sample(model, 3, 1, NULL, out, NULL);
    if (!strcmp(name, "memory")) status = vae_model_memory(model, NULL, &bytes);
    if (!strcmp(name, "likelihood"))
        status = vae_log_likelihood(model, x, 3, 4, "samples=20", values, NULL, NULL);
    if (!strcmp(name, "save")) status = vae_model_save(model, path);
    if (!status && !strcmp(name, "save")) status = vae_model_load(context, path, &loaded);
    if (!strcmp(name, "step")) status = vae_optimizer_create(model, NULL, &optimizer);
    if (optimizer) status = vae_step_rows(model, optimizer, x, 3, 4, NULL);
    size_t length;
    if (!status && optimizer) status = vae_optimizer_plan(optimizer, NULL, 0, &length);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(loaded);
    vae_model_destroy(model);
    return status;
}

typedef struct data_kind {
    const char *name, *options; /* of a file in the folder, or of the generator */
} data_kind;

static vae_status read_all(vae_status status, vae_dataset *dataset) {
    float row[1024];
    double labels[8];
    size_t width = vae_dataset_width(dataset), label_width = vae_dataset_label_width(dataset);
    assert_true(!status == !!dataset);
    if (!status) status = vae_dataset_spec(dataset, NULL, 0, NULL);
    /* In the double build reading takes memory too. */
    for (size_t i = 0; !status && i < vae_dataset_size(dataset); i++) {
        status = vae_dataset_read(dataset, i, 1, row, width);
        if (label_width) assert_ok(vae_dataset_read_labels(dataset, i, 1, labels, label_width));
    }
    vae_dataset_destroy(dataset);
    return status;
}

static vae_status open_data(vae_context *context, const void *which) {
    const data_kind *kind = which;
    vae_dataset *dataset;
    int generated = strchr(kind->name, ':') != NULL;
    const char *path = generated ? kind->name : test_in_folder(kind->name);
    char options[200];
    snprintf(options, sizeof options, kind->options, test_in_folder("labels"));
    vae_status status = vae_dataset_open(context, path, options, &dataset);
    return read_all(status, dataset);
}

static vae_status take_data(vae_context *context, const void *options) {
    static const double values[12] = {0, 1, 0, 1, 1, 0, 0.5, 0.25, 1, 1, 0, 0};
    vae_dataset *dataset;
    vae_status status = vae_dataset_from_memory(context, values, 3, 4, options, &dataset);
    return read_all(status, dataset);
}

const life lives[] = {
    {train_and_infer, NULL, 50},
    {shift_and_keep, "dtype=float64 shift=columns", 50},
    {fit_and_keep, "mixture:2", 50},
    {fit_and_keep, "mixture:2 prior_covariance=full", 50},
    {fit_by_steps, "flow:2 prior_hidden=3", 50},
    {fit_by_steps, "vamp:2", 50},
    {fit_by_steps, "diffusion prior_steps=4 prior_network=[dense 3, silu]", 50},
    {diffuse,
     "model=diffusion input=4 steps=5 variance=optimal standardize=1 network=[dense 3, silu]", 50},
    {diffuse,
     "model=diffusion input=1x2x2 steps=5 network=unet channels=[2, 2] groups=1 attention=[1]", 50},
    {save_and_resume, "adam", 50},
    {save_and_resume, "sgd momentum=0.9 clip_norm=1", 50},
    {call_first, "encode", 20},
    {call_first, "decode", 20},
    {call_first, "reconstruct", 20},
    {call_first, "elbo", 20},
    {call_first, "sample", 20},
    {call_first, "memory", 50},
    {call_first, "likelihood", 20},
    {call_first, "save", 20},
    {call_first, "step", 20},
    {evaluate, SPEC, 50},
    {evaluate, "input=4 latent=2 likelihood=gaussian sigma=per_dim standardize=1", 50},
    {evaluate, "input=4 latent=2 likelihood=bernoulli", 50},
    {evaluate, "input=2x2 latent=2 likelihood=poisson size=total", 50},
    {open_data, &(data_kind){"idx", "labels=%s binarize=sample split=test:0.5"}, 5},
    {open_data, &(data_kind){"npy", "scale=unit"}, 4},
    {open_data, &(data_kind){"fortran", "scale=unit split=train:0.7"}, 5},
    {open_data, &(data_kind){"csv", "columns=[b, 0] labels=column:c"}, 5},
    {open_data, &(data_kind){"gaps", "where=[k=a, 1<5] missing=skip decimal=, comment=\"#\""}, 5},
    {open_data, &(data_kind){"gaps", "where=[k=a] missing=skip decimal=, comment=\"#\" labels=%s"},
     5},
    {open_data, &(data_kind){"csv", "shift=columns split=train:0.5"}, 8},
#ifndef VAE_NO_ZLIB
    {open_data, &(data_kind){"idx.gz", "labels=%s"}, 5},
    {open_data, &(data_kind){"npy.gz", ""}, 4},
    {open_data, &(data_kind){"fortran.gz", "labels=%s"}, 5},
    {open_data, &(data_kind){"csv.gz", "header=yes split=train:0.5"}, 5},
#endif
    {open_data, &(data_kind){"sprites:5", "split=train:0.6 seed=4"}, 4},
    {open_data, &(data_kind){"sprites:5:3x16x9", "split=train:0.6 seed=4"}, 4},
    {open_data, &(data_kind){"toy:ring:5", "scale=unit"}, 4},
    {take_data, "dtype=float64 split=train:0.7 scale=unit", 3},
    {take_data, "dtype=uint8", 3},
    {take_data, "dtype=float64 shift=[1, 2, 3, 4]", 4},
    {take_data, "copy=0 dtype=float64 shift=columns", 4},
    {take_data, "dtype=float64 scale=range:-1:3 binarize=sample", 3},
    {take_data, "copy=0 dtype=float64", 2},
};
const size_t life_count = COUNT_OF(lives);

/* ---- the files ---- */

static void write_bytes(const char *name, const void *bytes, size_t size) {
    char zipped[20];
    FILE *file = fopen(test_in_folder(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    snprintf(zipped, sizeof zipped, "%s.gz", name);
#ifndef VAE_NO_ZLIB
    gzFile gzip = gzopen(test_in_folder(zipped), "wb");
    assert_non_null(gzip);
    assert_int_equal(gzwrite(gzip, bytes, (unsigned)size), (int)size);
    assert_int_equal(gzclose(gzip), Z_OK);
#endif
}

static void write_npy(const char *name, const char *descr, const char *order, const void *values,
                      size_t size) {
    unsigned char bytes[128 + sizeof x] = "\x93NUMPY\x01";
    char *header = (char *)bytes + 10;
    memset(header, ' ', 117);
    bytes[8] = 118;
    int length = snprintf(header, 117, "{'descr': '%s', 'fortran_order': %s, 'shape': (3, 4), }",
                          descr, order);
    header[length] = ' ';
    bytes[127] = '\n';
    memcpy(bytes + 128, values, size);
    write_bytes(name, bytes, 128 + size);
}

int lives_begin(void **state) {
    static const unsigned char idx[] = {0, 0, 8, 3, 0, 0, 0, 3, 0,   0, 0, 1, 0, 0,
                                        0, 4, 0, 1, 2, 3, 4, 5, 255, 7, 8, 9, 0, 1};
    static const unsigned char labels[] = {0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3};
    static const unsigned char shorts[24] = {0, 1, 255, 255, 127, 255, 128, 0};
    static const char csv[] = "a,b,c\n1,2,3\n4.5,\"5\",6\n7,8,9e1\n";
    static const char gaps[] = "# k is text\nk;x;y\na;1;2,5\na;;3\nb;4;5\n";
    if (test_folder_make(state)) return -1;
    write_bytes("idx", idx, sizeof idx);
    write_bytes("labels", labels, sizeof labels);
    write_bytes("csv", csv, sizeof csv - 1);
    write_bytes("gaps", gaps, sizeof gaps - 1);
    write_npy("npy", "<f4", "False", x, sizeof x);
    write_npy("fortran", ">i2", "True", shorts, sizeof shorts);
    return 0;
}
