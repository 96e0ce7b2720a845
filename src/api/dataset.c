/* The public functions of the data-set handle. Each checks its arguments and calls src/data/. */
#include <stdint.h>

#include "api/arguments.h"
#include "api/texts.h"
#include "data/cursor.h"
#include "data/gather.h"
#include "data/options.h"
#include "train/suggest.h"

/* A made data set keeps the reference that resolve gave; a failed one gives it back. */
static vae_status settle(vae_context *context, vae_status status, const char *function) {
    if (status) vae__context_release(context);
    return vae__memory_in(status, "%s", function);
}

vae_status vae_dataset_open(vae_context *given, const char *path, const char *options,
                            vae_dataset **out) {
    vae_context *context = NULL;
    if (!out) return vae__fail(VAE_ERROR_ARGUMENT, "vae_dataset_open: out is NULL");
    *out = NULL;
    if (!path) return vae__fail(VAE_ERROR_ARGUMENT, "vae_dataset_open: path is NULL");
    vae_status status = vae__check_keys(&vae__dataset_table, options);
    if (!status) status = vae__context_resolve(given, &context);
    if (status) return status;
    return settle(context, vae__dataset_open(context, path, options, out), "vae_dataset_open");
}

vae_status vae_dataset_from_memory(vae_context *given, const void *rows, size_t n, size_t width,
                                   const char *options, vae_dataset **out) {
    vae_context *context = NULL;
    if (!out) return vae__fail(VAE_ERROR_ARGUMENT, "vae_dataset_from_memory: out is NULL");
    *out = NULL;
    vae_status status = vae__check_keys(&vae__dataset_table, options);
    if (!status) status = vae__context_resolve(given, &context);
    if (status) return status;
    return settle(context, vae__dataset_from_memory(context, rows, n, width, options, out),
                  "vae_dataset_from_memory");
}

void vae_dataset_destroy(vae_dataset *dataset) {
    if (!dataset) return;
    vae_context *context = vae__dataset_context(dataset);
    vae__dataset_free(dataset);
    vae__context_release(context);
}

size_t vae_dataset_size(const vae_dataset *dataset) {
    return dataset ? vae__dataset_size(dataset) : 0;
}

size_t vae_dataset_width(const vae_dataset *dataset) {
    return dataset ? vae__dataset_width(dataset) : 0;
}

size_t vae_dataset_batch(const vae_dataset *dataset) {
    return dataset ? vae__dataset_batch(dataset) : 0;
}

size_t vae_dataset_label_width(const vae_dataset *dataset) {
    return dataset ? vae__dataset_label_width(dataset) : 0;
}

uint64_t vae_dataset_epoch(const vae_dataset *dataset) {
    return dataset ? vae__dataset_epoch(dataset) : 0;
}

uint64_t vae_dataset_position(const vae_dataset *dataset) {
    return dataset ? vae__dataset_position(dataset) : 0;
}

vae_status vae_dataset_shape(const vae_dataset *dataset, size_t *shape, size_t capacity,
                             size_t *rank) {
    if (!dataset) return vae__fail(VAE_ERROR_ARGUMENT, "vae_dataset_shape: dataset is NULL");
    size_t found = vae__dataset_shape(dataset, shape, shape ? capacity : 0);
    if (rank) *rank = found;
    return VAE_OK;
}

const char *vae_dataset_column_name(const vae_dataset *dataset, size_t column) {
    return dataset ? vae__dataset_column_name(dataset, column) : "";
}

uint64_t vae_dataset_row_number(const vae_dataset *dataset, size_t row) {
    int is_row = dataset && row < vae__dataset_size(dataset);
    return is_row ? vae__dataset_source_row(dataset, row) : UINT64_MAX;
}

vae_status vae_dataset_spec(const vae_dataset *dataset, char *buffer, size_t size, size_t *length) {
    vae_status status = vae__need(dataset, "vae_dataset_spec", "dataset");
    if (status) return status;
    vae__buffer text = {.context = vae__dataset_context(dataset)};
    status = vae__suggest_spec(dataset, &text);
    if (!status) vae__give_text(text.text, buffer, size, length);
    vae__buffer_free(&text);
    return vae__memory_in(status, "vae_dataset_spec");
}

vae_status vae_dataset_scaling(const vae_dataset *dataset, size_t column, double *offset,
                               double *range) {
    double subtracted, divisor;
    if (!dataset) return vae__fail(VAE_ERROR_ARGUMENT, "vae_dataset_scaling: dataset is NULL");
    size_t width = vae__dataset_width(dataset);
    if (column >= width) {
        return vae__fail(VAE_ERROR_ARGUMENT,
                         "vae_dataset_scaling: column is %zu; the data set has %zu, from 0", column,
                         width);
    }
    vae__dataset_scaling(dataset, column, &subtracted, &divisor);
    if (offset) *offset = subtracted;
    if (range) *range = divisor;
    return VAE_OK;
}

/* Whether [n, found] values of rows first .. first + n - 1 can be read. */
static vae_status check_rows(const char *function, const vae_dataset *dataset, size_t first,
                             size_t n, const void *into, size_t found, size_t expected) {
    size_t size = vae__dataset_size(dataset);
    if (found != expected) {
        return vae__fail(VAE_ERROR_WIDTH, "%s: expected width %zu, found %zu", function, expected,
                         found);
    }
    if (first > size || n > size - first) {
        return vae__fail(VAE_ERROR_ARGUMENT,
                         "%s: expected rows of 0 .. %zu, found %zu from row %zu", function,
                         size - 1, n, first);
    }
    if (n && !into)
        return vae__fail(VAE_ERROR_ARGUMENT, "%s: the buffer for %zu row%s is NULL", function, n,
                         vae__plural(n));
    return VAE_OK;
}

/* Rows as float, whatever vae__real is. */
static vae_status read_rows(const vae_dataset *dataset, size_t first, size_t n, float *x) {
#ifdef VAE_REAL_DOUBLE
    vae_context *context = vae__dataset_context(dataset);
    size_t width = vae__dataset_width(dataset);
    vae__real *row = vae__allocate(context, width, sizeof *row);
    if (!row) return vae__memory_in(vae__last_status(), "vae_dataset_read");
    vae_status status = VAE_OK;
    for (size_t i = 0; !status && i < n; i++) {
        status = vae__dataset_read(dataset, first + i, 1, row);
        for (size_t j = 0; j < width; j++) x[i * width + j] = (float)row[j];
    }
    vae__release(context, row);
    return status;
#else
    return vae__dataset_read(dataset, first, n, x);
#endif
}

vae_status vae_dataset_read(const vae_dataset *dataset, size_t first, size_t n, float *x,
                            size_t width) {
    if (!dataset) return vae__fail(VAE_ERROR_ARGUMENT, "vae_dataset_read: dataset is NULL");
    vae_status status =
        check_rows("vae_dataset_read", dataset, first, n, x, width, vae__dataset_width(dataset));
    if (!status) status = read_rows(dataset, first, n, x);
    return status;
}

vae_status vae_dataset_read_labels(const vae_dataset *dataset, size_t first, size_t n,
                                   double *labels, size_t label_width) {
    const char *function = "vae_dataset_read_labels";
    if (!dataset) return vae__fail(VAE_ERROR_ARGUMENT, "%s: dataset is NULL", function);
    size_t expected = vae__dataset_label_width(dataset);
    if (!expected)
        return vae__fail(VAE_ERROR_UNSUPPORTED,
                         "%s: the data set has no labels; open it with labels=", function);
    vae_status status = check_rows(function, dataset, first, n, labels, label_width, expected);
    if (!status) vae__dataset_read_labels(dataset, first, n, labels);
    return status;
}
