#include "fuzz/subjects.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef VAE_NO_ZLIB
#include <zlib.h>
#endif

enum { ROWS = 3, MOST_WIDTH = 2000, MOST_PARAMETERS = 20000, MOST_VALUES = 1 << 16 };

/* ---- model ---- */

/* The canonical spec makes a model of the same canonical spec. */
static void respecify(vae_context *context, const vae_model *model) {
    vae_model *again = NULL;
    const char *spec = vae_model_spec(model);
    if (fuzz_succeeds(vae_model_create(context, spec, &again)))
        FUZZ_REQUIRE(!strcmp(spec, vae_model_spec(again)), "%s / %s", spec, vae_model_spec(again));
    vae_model_destroy(again);
}

unsigned char *fuzz_saved(const vae_model *model, size_t *size) {
    if (!fuzz_succeeds(vae_model_save_memory(model, NULL, 0, size))) return NULL;
    unsigned char *bytes = malloc(*size);
    FUZZ_REQUIRE(bytes, "no memory");
    if (fuzz_succeeds(vae_model_save_memory(model, bytes, *size, size))) return bytes;
    free(bytes);
    return NULL;
}

/* Saved, loaded and saved again it has the same bytes. */
static void resave(vae_context *context, const vae_model *model) {
    size_t size, size_again;
    unsigned char *bytes = fuzz_saved(model, &size), *bytes_again;
    vae_model *again = NULL;
    if (bytes && fuzz_succeeds(vae_model_load_memory(context, bytes, size, &again))) {
        bytes_again = fuzz_saved(again, &size_again);
        FUZZ_REQUIRE(!bytes_again || (size == size_again && !memcmp(bytes, bytes_again, size)),
                     "%zu bytes became %zu others", size, size_again);
        free(bytes_again);
        fuzz_same_metadata(model, again);
    }
    vae_model_destroy(again);
    free(bytes);
}

/* Weights may be as large as floats are, and then values overflow; that must be said or done, not
 * crash. */
static void run(const vae_model *model) {
    size_t width = vae_model_width(model), latent = vae_model_latent(model);
    float *x = calloc(ROWS * width, sizeof *x), *mean = calloc(ROWS * width, sizeof *mean);
    float *z = calloc(ROWS * latent, sizeof *z), *logvar = calloc(ROWS * latent, sizeof *logvar);
    double *sigma = calloc(width, sizeof *sigma), a[ROWS], b[ROWS], c[ROWS];
    FUZZ_REQUIRE(x && mean && z && logvar && sigma, "no memory");
    fuzz_status(vae_encode(model, x, ROWS, width, NULL, logvar));
    for (size_t i = 0; i < ROWS * latent; i++)
        FUZZ_REQUIRE(!(fabsf(logvar[i]) > 16), "logvar %g", (double)logvar[i]);
    fuzz_status(vae_decode(model, z, ROWS, latent, mean));
    fuzz_status(vae_reconstruct(model, x, ROWS, width, mean));
    fuzz_status(vae_elbo(model, x, ROWS, width, 1, a, b, c));
    fuzz_status(vae_log_likelihood(model, x, ROWS, width, "samples=3", a, b, c));
    fuzz_status(vae_score(model, x, ROWS, width, NULL, a, NULL));
    fuzz_status(vae_sample(model, ROWS, 1, z, mean, x));
    fuzz_status(vae_model_sigma(model, sigma, width));
    free(x);
    free(mean);
    free(z);
    free(logvar);
    free(sigma);
}

int fuzz_runs_soon(const vae_model *model) {
    const char *steps = strstr(vae_model_spec(model), "steps=");
    return !steps || strtoul(steps + strlen("steps="), NULL, 10) <= 300;
}

void fuzz_model(vae_context *context, const vae_model *model) {
    respecify(context, model);
    resave(context, model);
    if (fuzz_runs_soon(model) && vae_model_parameter_total(model) <= MOST_PARAMETERS &&
        vae_model_width(model) <= MOST_WIDTH && vae_model_latent(model) <= MOST_WIDTH)
        run(model);
}

/* A change takes as long as the list is: not of all of a long one. */
void fuzz_metadata(vae_model *model) {
    char text[64];
    for (size_t i = 0; i < 4 && vae_model_metadata_key(model, i); i++) {
        const char *key = vae_model_metadata_key(model, i);
        FUZZ_REQUIRE(vae_model_metadata(model, key), "key %zu has no value", i);
        snprintf(text, sizeof text, "value %zu", i);
        vae_status status = vae_model_set_metadata(model, key, text);
        fuzz_message(status); /* ARGUMENT: a key that is the library's own, or empty */
        key = vae_model_metadata_key(model, i);
        FUZZ_REQUIRE(key && (status || !strcmp(vae_model_metadata(model, key), text)), "key %zu",
                     i);
    }
}

void fuzz_same_metadata(const vae_model *a, const vae_model *b) {
    for (size_t i = 0;; i++) {
        const char *key = vae_model_metadata_key(a, i), *same = vae_model_metadata_key(b, i);
        FUZZ_REQUIRE(!key == !same && (!key || !strcmp(key, same)), "key %zu", i);
        if (!key || i == 100) return; /* a value is looked for among all */
        FUZZ_REQUIRE(!strcmp(vae_model_metadata(a, key), vae_model_metadata(b, key)), "value %zu",
                     i);
    }
}

/* In a build in double a weight may be more than the float holds as which it is given; fuzz_model,
 * which loads what it saved, looks at those. */
static int is_weight(float value) {
#ifdef VAE_REAL_DOUBLE
    return !isnan(value);
#else
    return isfinite(value);
#endif
}

void fuzz_finite(const vae_model *model) {
    for (size_t i = 0; i < vae_model_parameter_count(model); i++) {
        size_t shape[2] = {1, 1}, rank;
        const char *name = vae_model_parameter_name(model, i);
        FUZZ_REQUIRE(!vae_model_parameter_shape(model, i, shape, 2, &rank), "%s", name);
        size_t count = rank == 1 ? shape[0] : shape[0] * shape[1];
        float *values = malloc(count * sizeof *values);
        FUZZ_REQUIRE(values && !vae_model_parameter_get(model, name, values, count), "%s", name);
        for (size_t j = 0; j < count; j++)
            FUZZ_REQUIRE(is_weight(values[j]), "%s holds %g", name, (double)values[j]);
        free(values);
    }
}

/* ---- data ---- */

static void check_shape(const vae_dataset *dataset) {
    size_t shape[8], rank, product = 1;
    FUZZ_REQUIRE(!vae_dataset_shape(dataset, shape, 8, &rank) && rank >= 1 && rank <= 8, "rank");
    for (size_t i = 0; i < rank; i++) product *= shape[i];
    FUZZ_REQUIRE(product == vae_dataset_width(dataset), "%zu values a row", product);
    FUZZ_REQUIRE(vae_dataset_size(dataset) && product, "empty");
}

static void read_ends(const vae_dataset *dataset) {
    size_t width = vae_dataset_width(dataset), labels = vae_dataset_label_width(dataset);
    size_t last = vae_dataset_size(dataset) - 1;
    float *x = malloc(width * sizeof *x);
    double *label = malloc((labels + 1) * sizeof *label);
    FUZZ_REQUIRE(x && label, "no memory");
    fuzz_status(vae_dataset_read(dataset, 0, 1, x, width));
    fuzz_status(vae_dataset_read(dataset, last, 1, x, width));
    size_t length, named = 0;
    fuzz_status(vae_dataset_spec(dataset, NULL, 0, &length));
    for (size_t i = 0; i <= width; i++) named += strlen(vae_dataset_column_name(dataset, i));
    FUZZ_REQUIRE(vae_dataset_row_number(dataset, last) >= last, "row numbers");
    FUZZ_REQUIRE(!*vae_dataset_column_name(dataset, width) && named < SIZE_MAX, "names");
    if (labels) fuzz_status(vae_dataset_read_labels(dataset, last, 1, label, labels));
    free(x);
    free(label);
}

void fuzz_scaling(const vae_dataset *dataset) {
    for (size_t i = 0; i < vae_dataset_width(dataset); i++) {
        double offset, range;
        FUZZ_REQUIRE(!vae_dataset_scaling(dataset, i, &offset, &range), "column %zu", i);
        FUZZ_REQUIRE(isfinite(offset) && range > 0 && isfinite(range), "%g %g", offset, range);
    }
}

/* The same rows, each column without a value of its own. */
static void shift(vae_context *context, const char *path) {
    vae_dataset *dataset = NULL;
    vae_status status = fuzz_status(vae_dataset_open(context, path, "shift=columns", &dataset));
    FUZZ_REQUIRE(!status == (dataset != NULL), "a handle and %s", vae_status_name(status));
    if (!dataset) return;
    fuzz_scaling(dataset);
    read_ends(dataset);
    vae_dataset_destroy(dataset);
}

int fuzz_table(vae_context *context, const char *path, const char *options) {
    vae_dataset *dataset = NULL;
    vae_status status = fuzz_status(vae_dataset_open(context, path, options, &dataset));
    FUZZ_REQUIRE(!status == (dataset != NULL), "a handle and %s", vae_status_name(status));
    if (!dataset) return 0;
    check_shape(dataset);
    fuzz_scaling(dataset);
    read_ends(dataset);
    vae_dataset_destroy(dataset);
    if (!options || !*options) shift(context, path);
    return 1;
}

#ifdef VAE_NO_ZLIB
void fuzz_compressed(vae_context *context, const void *data, size_t size) {
    (void)context;
    (void)data;
    (void)size;
}
#else

/* A gzip file of the bytes; free it. */
static unsigned char *compress_bytes(const void *data, size_t size, size_t *compressed_size) {
    z_stream stream = {0};
    FUZZ_REQUIRE(!deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 1, 0), "zlib");
    size_t room = deflateBound(&stream, size);
    unsigned char *bytes = malloc(room);
    FUZZ_REQUIRE(bytes, "no memory");
    stream.next_in = (unsigned char *)(uintptr_t)data; /* zlib does not write there */
    stream.avail_in = (uInt)size;
    stream.next_out = bytes;
    stream.avail_out = (uInt)room;
    FUZZ_REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib");
    *compressed_size = stream.total_out;
    deflateEnd(&stream);
    return bytes;
}

/* All rows as floats, NULL if they are many or the file does not open. */
static float *read_all(vae_context *context, const char *path, size_t *count) {
    vae_dataset *dataset = NULL;
    float *x = NULL;
    *count = 0;
    if (!fuzz_status(vae_dataset_open(context, path, NULL, &dataset))) {
        size_t width = vae_dataset_width(dataset), rows = vae_dataset_size(dataset);
        if (rows <= MOST_VALUES / width) {
            *count = rows * width;
            x = malloc(*count * sizeof *x);
            FUZZ_REQUIRE(x, "no memory");
            fuzz_status(vae_dataset_read(dataset, 0, rows, x, width));
        }
    }
    vae_dataset_destroy(dataset);
    return x;
}

void fuzz_compressed(vae_context *context, const void *data, size_t size) {
    const unsigned char *bytes = data;
    size_t count, count_again, compressed_size;
    if (size < 2 || (bytes[0] == 0x1f && bytes[1] == 0x8b)) return;
    float *plain = read_all(context, fuzz_file(data, size), &count);
    if (!plain) return;
    unsigned char *compressed = compress_bytes(data, size, &compressed_size);
    float *again = read_all(context, fuzz_file(compressed, compressed_size), &count_again);
    FUZZ_REQUIRE(again && count == count_again && !memcmp(plain, again, count * sizeof *plain),
                 "%zu values, compressed %zu", count, count_again);
    free(plain);
    free(compressed);
    free(again);
}
#endif
