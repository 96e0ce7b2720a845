#include "data/dataset.h"

#include <stdint.h>
#include <string.h>

#include "data/scaling.h"
#include "data/split.h"
#include "data/state.h"

#define SPRITES "sprites"
#define SPRITES_COUNT 10000

#define CACHE_LINE 64
#define PREFETCHED 1024 /* bytes of a row; the hardware sees the rest coming */
#define AHEAD 4         /* rows */

/* ---- where rows come from ---- */

static vae__source_options source_options(const vae__dataset_options *options) {
    return (vae__source_options){.header = options->header,
                                 .columns = options->columns_text,
                                 .label_column = options->label_column,
                                 .where = options->where_text,
                                 .missing = options->missing,
                                 .delimiter = options->delimiter,
                                 .decimal = options->decimal,
                                 .comment = options->comment,
                                 .shifted = options->shift.kind != VAE__SHIFT_NONE};
}

static vae_status check_sprites_options(const vae__dataset_options *options) {
    const vae__source_options source = source_options(options);
    const char *given = vae__source_csv_option(&source);
    if (given)
        return vae__fail(VAE_ERROR_TEXT, "options: %s is for CSV files, not for " SPRITES, given);
    if (!options->label_path) return VAE_OK;
    return vae__fail(VAE_ERROR_TEXT,
                     "options: " SPRITES " has labels of its own; labels= cannot be given");
}

static vae_status generate_sprites(vae_dataset *dataset, const char *path,
                                   const vae__dataset_options *options) {
    const char *count_text = path + strlen(SPRITES);
    uint64_t count = SPRITES_COUNT;
    vae_status status = check_sprites_options(options);
    if (status) return status;
    if (*count_text && (!vae__parse_unsigned(count_text + 1, strlen(count_text + 1), &count) ||
                        !count || count > SIZE_MAX)) {
        return vae__fail(VAE_ERROR_TEXT,
                         "%s: expected \"" SPRITES ":COUNT\" with a count of at least 1", path);
    }
    return vae__sprites_generate(dataset->context, (size_t)count, options->seed, &dataset->table);
}

static vae_status load_rows(vae_dataset *dataset, const char *path,
                            const vae__dataset_options *options) {
    const size_t length = strlen(SPRITES);
    const vae__source_options source = source_options(options);
    int sprites = !strncmp(path, SPRITES, length) && (!path[length] || path[length] == ':');
    vae_status status = sprites
                            ? generate_sprites(dataset, path, options)
                            : vae__source_read(dataset->context, path, &source, &dataset->table);
    dataset->rows = dataset->table.values;
    return status;
}

/* Takes labels from a file of their own: one for each row of the data file, those left out too. */
static vae_status load_labels(vae_dataset *dataset, const char *path, const char *label_path) {
    const vae__source_options source = {.as_labels = 1};
    vae_context *context = dataset->context;
    vae__table labels = {0}, *table = &dataset->table;
    uint64_t expected = table->sources ? table->source_rows : table->rows;
    vae_status status = vae__source_read(context, label_path, &source, &labels);
    if (status) return vae__fail_in("labels");
    size_t width = labels.width, count = table->rows * width;
    if (labels.rows != expected) {
        status =
            vae__fail(VAE_ERROR_FORMAT, "labels: %s has %zu row%s, but %s has %llu", label_path,
                      labels.rows, vae__plural(labels.rows), path, (unsigned long long)expected);
        goto done;
    }
    status = vae__memory_check(context, count, sizeof(double), label_path);
    if (status) goto done;
    table->labels = vae__allocate(context, count, sizeof(double));
    if (!table->labels) {
        status = vae__fail_in("%s", label_path);
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        size_t row = (size_t)vae__table_source(table, i / width);
        table->labels[i] =
            vae__stored_value(labels.element, labels.values, row * width + i % width);
    }
    table->label_width = width;
done:
    vae__table_free(context, &labels);
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
    vae_status status = VAE_OK;
    if (options->label_path) status = load_labels(dataset, path, options->label_path);
    if (!status) status = vae__scaling_set(dataset, path, options);
    if (!status) {
        status = vae__split_rows(dataset->context, &options->split, options->split_seed,
                                 dataset->table.rows, path, &dataset->kept, &dataset->size);
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
    vae__table *table = &dataset->table;
    table->element = (vae__element)options->dtype;
    if (!rows)
        return vae__fail(VAE_ERROR_ARGUMENT, "rows is NULL; expected [%zu, %zu] values", n, width);
    if (!n || !width) {
        return vae__fail(VAE_ERROR_ARGUMENT,
                         "expected n and width of at least 1, found n = %zu, width = %zu", n,
                         width);
    }
    if (vae__table_set_extents(table, extents, 2, "rows")) {
        return vae__fail(VAE_ERROR_ARGUMENT,
                         "n = %zu rows of width = %zu are more bytes than can be addressed", n,
                         width);
    }
    dataset->rows = rows;
    if (!options->copy) return VAE_OK;
    size_t size = vae__element_size(table->element);
    vae_status status =
        vae__memory_check(dataset->context, (uint64_t)n * width, size, "copy of the rows");
    if (status) return status;
    table->values = vae__allocate(dataset->context, n * width, size);
    if (!table->values) return vae__last_status();
    memcpy(table->values, rows, n * width * size);
    dataset->rows = table->values;
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

void vae__dataset_free(vae_dataset *dataset) {
    if (!dataset) return;
    vae_context *context = dataset->context;
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
    return dataset->table.width;
}

size_t vae__dataset_batch(const vae_dataset *dataset) {
    return dataset->batch;
}

size_t vae__dataset_label_width(const vae_dataset *dataset) {
    return dataset->table.label_width;
}

uint64_t vae__dataset_epoch(const vae_dataset *dataset) {
    return dataset->epoch;
}

uint64_t vae__dataset_position(const vae_dataset *dataset) {
    return dataset->position;
}

size_t vae__dataset_shape(const vae_dataset *dataset, size_t *shape, size_t capacity) {
    const vae__table *table = &dataset->table;
    for (size_t i = 0; i < table->shape.rank && i < capacity; i++)
        shape[i] = table->shape.extents[i];
    return table->shape.rank;
}

const char *vae__dataset_column_name(const vae_dataset *dataset, size_t column) {
    const vae__table *table = &dataset->table;
    return table->names && column < table->width ? table->names[column] : "";
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
    return vae__table_source(&dataset->table, vae__dataset_stored_row(dataset, row));
}

/* ---- batches ---- */

static void order_rows(vae_dataset *dataset) {
    const vae__stream stream = {dataset->seed, dataset->epoch, VAE__PURPOSE_SHUFFLE, 0};
    int stays = !dataset->shuffle && dataset->order_epoch != UINT64_MAX;
    if (dataset->order_epoch == dataset->epoch) return;
    if (dataset->shuffle) vae__random_permutation(&stream, dataset->order, dataset->size);
    for (size_t i = 0; !dataset->shuffle && !stays && i < dataset->size; i++) dataset->order[i] = i;
    dataset->order_epoch = dataset->epoch;
}

vae_status vae__dataset_next(vae_dataset *dataset, vae__batch *batch) {
    order_rows(dataset);
    size_t left = dataset->size - dataset->position;
    size_t count = left < dataset->batch ? left : dataset->batch;
    left -= count;
    *batch = (vae__batch){dataset->order + dataset->position, count, dataset->epoch, 0};
    batch->ends_epoch = !left || (dataset->drop_last && left < dataset->batch);
    dataset->position += count;
    if (batch->ends_epoch) {
        dataset->position = 0;
        dataset->epoch++;
    }
    return VAE_OK;
}

size_t vae__dataset_batches(const vae_dataset *dataset, uint64_t position) {
    size_t left = dataset->size - (size_t)position;
    return left / dataset->batch + (left % dataset->batch && !dataset->drop_last);
}

void vae__dataset_give_back(vae_dataset *dataset, const vae__batch *batch) {
    dataset->epoch = batch->epoch;
    dataset->position = (size_t)(batch->rows - dataset->order);
}

static void gather_row(const vae_dataset *dataset, uint64_t row, uint64_t epoch, vae__real *x) {
    uint64_t stored = vae__dataset_stored_row(dataset, row);
    size_t width = dataset->table.width,
           row_size = width * vae__element_size(dataset->table.element);
    vae__convert(&dataset->conversion, dataset->rows + (size_t)stored * row_size, width, x);
    if (dataset->binarize == VAE__BINARIZE_THRESHOLD) vae__binarize_threshold(x, width);
    if (dataset->binarize == VAE__BINARIZE_SAMPLE) {
        const vae__stream stream = {dataset->seed, epoch, VAE__PURPOSE_BINARIZE,
                                    (uint32_t)(stored >> 32)};
        vae__binarize_sample(&stream, (uint32_t)stored, x, width);
    }
}

/* Rows of a shuffled batch lie anywhere in memory: asks for the start of one ahead of its use. */
static void prefetch_row(const vae_dataset *dataset, uint64_t row) {
#ifdef __GNUC__
    size_t stored = (size_t)vae__dataset_stored_row(dataset, row);
    size_t size = dataset->table.width * vae__element_size(dataset->table.element);
    const unsigned char *values = dataset->rows + stored * size;
    for (size_t i = 0; i < size && i < PREFETCHED; i += CACHE_LINE) __builtin_prefetch(values + i);
#else
    (void)dataset, (void)row;
#endif
}

void vae__dataset_gather(const vae_dataset *dataset, const uint64_t *rows, size_t count,
                         uint64_t epoch, vae__real *x) {
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count) prefetch_row(dataset, rows[i + AHEAD]);
        gather_row(dataset, rows[i], epoch, x + i * dataset->table.width);
    }
}

void vae__dataset_read(const vae_dataset *dataset, size_t first, size_t count, vae__real *x) {
    for (size_t i = 0; i < count; i++)
        gather_row(dataset, first + i, 0, x + i * dataset->table.width);
}

void vae__dataset_read_labels(const vae_dataset *dataset, size_t first, size_t count,
                              double *labels) {
    size_t width = dataset->table.label_width;
    for (size_t i = 0; width && i < count; i++) {
        size_t stored = (size_t)vae__dataset_stored_row(dataset, first + i);
        memcpy(labels + i * width, dataset->table.labels + stored * width, width * sizeof *labels);
    }
}
