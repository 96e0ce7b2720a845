/* Opening data sets: rows from a file, from memory or from a source, then labels, conversion, split and cursor.
 * Relies on formats for what a file holds; a data set that cannot be made leaves nothing behind. */
#include "data/dataset.h"

#include <stdint.h>
#include <string.h>

#include "data/generator.h"
#include "data/scaling.h"
#include "data/split.h"
#include "data/state.h"

/* ---- where rows come from ---- */

static vae__format_request request_of(const vae__dataset_options *options) {
    return (vae__format_request){.shifted = options->shift.kind != VAE__SHIFT_NONE,
                                 .label_column = options->label_column,
                                 .options = options->formats};
}

/* For rows that come from no file. */
static vae_status refuse_file_options(const vae__dataset_options *options, const char *what) {
    const vae__format_request request = request_of(options);
    const vae__file_format *owner;
    const char *given = vae__format_other_option(&request, NULL, &owner);
    if (!given) return VAE_OK;
    return vae__fail(VAE_ERROR_TEXT, "options: %s is for %s files, not for %s", given, owner->name,
                     what);
}

static vae_status check_generator_options(const vae__generator *generator,
                                          const vae__dataset_options *options) {
    vae_status status = refuse_file_options(options, generator->name);
    if (status || !options->label_path) return status;
    return vae__fail(VAE_ERROR_TEXT, "options: %s has labels of its own; labels= cannot be given",
                     generator->name);
}

/* The table's values become the rows. */
static void own_values(vae_dataset *dataset) {
    vae__table *table = &dataset->table;
    vae__row_source_own(&dataset->rows, dataset->context, table->element, table->rows,
                        &table->shape, table->values);
    dataset->rows.numbers = table->sources;
    table->values = NULL;
}

static vae_status generate_rows(vae_dataset *dataset, const vae__generator *generator,
                                const char *path, const char *text,
                                const vae__dataset_options *options) {
    vae_status status = check_generator_options(generator, options);
    if (status) return status;
    return generator->generate(dataset->context, path, text, options->seed, &dataset->table,
                               &dataset->rows);
}

static vae_status load_rows(vae_dataset *dataset, const char *path,
                            const vae__dataset_options *options) {
    const vae__format_request request = request_of(options);
    const char *text;
    const vae__generator *generator = vae__generator_for(path, &text);
    vae_status status = generator
                            ? generate_rows(dataset, generator, path, text, options)
                            : vae__format_read(dataset->context, path, &request, &dataset->table);
    if (!status && dataset->table.values) own_values(dataset);
    return status;
}

/* The labels of the rows that are there, out of those of all rows of the data file. */
static vae_status take_labels(vae_dataset *dataset, const char *path, const char *label_path,
                              const vae__table *labels) {
    vae__table *table = &dataset->table;
    const vae__row_source *rows = &dataset->rows;
    uint64_t expected = rows->numbers ? table->source_rows : rows->count;
    size_t width = labels->shape.size, count = rows->count * width;
    if (labels->rows != expected) {
        return vae__fail(VAE_ERROR_FORMAT, "labels: %s has %zu row%s, but %s has %llu", label_path,
                         labels->rows, vae__plural(labels->rows), path,
                         (unsigned long long)expected);
    }
    vae_status status = vae__memory_check(dataset->context, count, sizeof(double), label_path);
    if (status) return status;
    table->labels = vae__allocate(dataset->context, count, sizeof(double));
    if (!table->labels) return vae__fail_in("%s", label_path);
    for (size_t i = 0; i < count; i++) {
        size_t row = (size_t)vae__row_number(rows, i / width);
        table->labels[i] =
            vae__stored_value(labels->element, labels->values, row * width + i % width);
    }
    table->label_width = width;
    return VAE_OK;
}

/* Takes labels from a file of their own: one for each row of the data file, those left out too. */
static vae_status load_labels(vae_dataset *dataset, const char *path, const char *label_path) {
    const vae__format_request request = {.as_labels = 1};
    vae__table labels = {0};
    vae_status status = vae__format_read(dataset->context, label_path, &request, &labels);
    if (status) return vae__fail_in("labels");
    status = take_labels(dataset, path, label_path, &labels);
    vae__table_free(dataset->context, &labels);
    return status;
}

/* ---- what becomes of them ---- */

static vae_status set_cursor(vae_dataset *dataset, const char *path,
                             const vae__dataset_options *options) {
    dataset->batch = (size_t)options->batch;
    dataset->shuffle = options->shuffle;
    dataset->drop_last = options->drop_last;
    dataset->seed = options->seed;
    dataset->order_epoch = UINT64_MAX;
    dataset->order = vae__allocate(dataset->context, dataset->size, sizeof *dataset->order);
    return dataset->order ? VAE_OK : vae__memory_in(vae__last_status(), "%s", path);
}

/* The rows are there: labels of their own file, conversion, split and cursor. */
static vae_status prepare(vae_dataset *dataset, const char *path,
                          const vae__dataset_options *options) {
    vae_status status = vae__row_source_prepare(&dataset->rows);
    if (!status && options->label_path) status = load_labels(dataset, path, options->label_path);
    if (!status) status = vae__scaling_set(dataset, path, options);
    if (!status) {
        status = vae__split_rows(dataset->context, &options->split, options->split_seed,
                                 dataset->rows.count, path, &dataset->kept, &dataset->size);
    }
    if (!status) status = set_cursor(dataset, path, options);
    return status;
}

/* ---- creating and freeing ---- */

static vae_status dataset_new(vae_context *context, vae_dataset **out) {
    *out = vae__allocate(context, 1, sizeof **out);
    if (!*out) return vae__last_status();
    (*out)->context = context;
    return VAE_OK;
}

vae_status vae__dataset_open(vae_context *context, const char *path, const char *options_text,
                             vae_dataset **out) {
    vae__dataset_options options;
    vae_dataset *dataset = NULL;
    vae_status status =
        vae__dataset_options_parse(context, options_text, VAE__ORIGIN_PATH, &options);
    if (!status) status = dataset_new(context, &dataset);
    if (!status) status = load_rows(dataset, path, &options);
    if (!status) status = prepare(dataset, path, &options);
    vae__dataset_options_free(context, &options);
    if (status) vae__dataset_free(dataset);
    *out = status ? NULL : dataset;
    return status;
}

static vae_status take_rows(vae_dataset *dataset, const void *rows, size_t n, size_t width,
                            const vae__dataset_options *options) {
    const uint64_t extents[] = {n, width};
    vae__table table = {.element = (vae__element)options->dtype};
    if (!rows)
        return vae__fail(VAE_ERROR_ARGUMENT, "rows is NULL; expected [%zu, %zu] values", n, width);
    if (!n || !width) {
        return vae__fail(VAE_ERROR_ARGUMENT,
                         "expected n and width of at least 1, found n = %zu, width = %zu", n,
                         width);
    }
    if (vae__table_set_extents(&table, extents, 2, "rows")) {
        return vae__fail(VAE_ERROR_ARGUMENT,
                         "n = %zu rows of width = %zu are more bytes than can be addressed", n,
                         width);
    }
    vae_context *context = dataset->context;
    vae__row_source_borrow(&dataset->rows, context, table.element, n, &table.shape, rows);
    if (!options->copy) return VAE_OK;
    size_t size = vae__element_size(table.element);
    vae_status status = vae__memory_check(context, (uint64_t)n * width, size, "copy of the rows");
    if (status) return status;
    void *copy = vae__allocate(context, n * width, size);
    if (!copy) return vae__last_status();
    memcpy(copy, rows, n * width * size);
    vae__row_source_own(&dataset->rows, context, table.element, n, &table.shape, copy);
    return VAE_OK;
}

vae_status vae__dataset_from_memory(vae_context *context, const void *rows, size_t n, size_t width,
                                    const char *options_text, vae_dataset **out) {
    vae__dataset_options options;
    vae_dataset *dataset = NULL;
    vae_status status =
        vae__dataset_options_parse(context, options_text, VAE__ORIGIN_MEMORY, &options);
    if (!status) status = dataset_new(context, &dataset);
    if (!status) status = take_rows(dataset, rows, n, width, &options);
    if (!status) status = prepare(dataset, "rows", &options);
    vae__dataset_options_free(context, &options);
    if (status) vae__dataset_free(dataset);
    *out = status ? NULL : dataset;
    return status;
}

vae_status vae__dataset_from_source(vae__row_source *source, const char *options_text,
                                    vae_dataset **out) {
    vae_context *context = source->context;
    vae__dataset_options options;
    vae_dataset *dataset = NULL;
    vae_status status =
        vae__dataset_options_parse(context, options_text, VAE__ORIGIN_PATH, &options);
    if (!status) status = refuse_file_options(&options, "rows of a source");
    if (!status) status = dataset_new(context, &dataset);
    if (!status) {
        dataset->rows = *source;
        *source = (vae__row_source){0};
        status = prepare(dataset, "rows", &options);
    }
    vae__dataset_options_free(context, &options);
    vae__row_source_close(source);
    if (status) vae__dataset_free(dataset);
    *out = status ? NULL : dataset;
    return status;
}

void vae__dataset_free(vae_dataset *dataset) {
    if (!dataset) return;
    vae_context *context = dataset->context;
    vae__row_source_close(&dataset->rows);
    vae__table_free(context, &dataset->table);
    vae__release(context, dataset->offsets);
    vae__release(context, dataset->kept);
    vae__release(context, dataset->order);
    vae__release(context, dataset);
}

/* ---- queries ---- */

vae_context *vae__dataset_context(const vae_dataset *dataset) {
    return dataset->context;
}

size_t vae__dataset_size(const vae_dataset *dataset) {
    return dataset->size;
}

size_t vae__dataset_width(const vae_dataset *dataset) {
    return dataset->rows.shape.size;
}

size_t vae__dataset_batch(const vae_dataset *dataset) {
    return dataset->batch;
}

size_t vae__dataset_label_width(const vae_dataset *dataset) {
    return dataset->table.label_width;
}

size_t vae__dataset_shape(const vae_dataset *dataset, size_t *shape, size_t capacity) {
    const vae__shape *found = &dataset->rows.shape;
    for (size_t i = 0; i < found->rank && i < capacity; i++) shape[i] = found->extents[i];
    return found->rank;
}

const char *vae__dataset_column_name(const vae_dataset *dataset, size_t column) {
    char **names = dataset->table.names;
    return names && column < dataset->rows.shape.size ? names[column] : "";
}

const double *vae__dataset_shift(const vae_dataset *dataset) {
    return dataset->offsets;
}

void vae__dataset_scaling(const vae_dataset *dataset, size_t column, double *offset,
                          double *range) {
    *offset = dataset->offsets ? dataset->offsets[column] : dataset->conversion.low;
    *range = dataset->conversion.range;
}

uint64_t vae__dataset_source_row(const vae_dataset *dataset, uint64_t row) {
    return vae__row_number(&dataset->rows, vae__dataset_stored_row(dataset, row));
}
