#include "data/dataset.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "data/split.h"
#include "data/state.h"

#define SPRITES "sprites"
#define SPRITES_COUNT 10000

#define CACHE_LINE 64
#define PREFETCHED 1024 /* bytes of a row; the hardware sees the rest coming */
#define AHEAD 4         /* rows */

/* ---- where rows come from ---- */

static vae_status check_sprites_options(const vae__dataset_options *options) {
    const char *given = options->columns_text ? "columns=" : options->header ? "header=" : NULL;
    if (options->label_column) given = "labels=column:";
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
    const vae__source_options source = {options->header, options->columns_text,
                                        options->label_column, 0};
    int sprites = !strncmp(path, SPRITES, length) && (!path[length] || path[length] == ':');
    vae_status status = sprites
                            ? generate_sprites(dataset, path, options)
                            : vae__source_read(dataset->context, path, &source, &dataset->table);
    dataset->rows = dataset->table.values;
    return status;
}

/* Takes labels from a file of their own. */
static vae_status load_labels(vae_dataset *dataset, const char *path, const char *label_path) {
    const vae__source_options source = {.as_labels = 1};
    vae_context *context = dataset->context;
    vae__table labels = {0};
    vae_status status = vae__source_read(context, label_path, &source, &labels);
    if (status) return vae__fail_in("labels");
    size_t count = labels.rows * labels.width;
    if (labels.rows != dataset->table.rows) {
        status = vae__fail(VAE_ERROR_FORMAT, "labels: %s has %zu rows, but %s has %zu", label_path,
                           labels.rows, path, dataset->table.rows);
        goto done;
    }
    status = vae__memory_check(context, count, sizeof(double), label_path);
    if (status) goto done;
    dataset->table.labels = vae__allocate(context, count, sizeof(double));
    if (!dataset->table.labels) {
        status = vae__fail_in("%s", label_path);
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        dataset->table.labels[i] = vae__stored_value(labels.element, labels.values, i);
    }
    dataset->table.label_width = labels.width;
done:
    vae__table_free(context, &labels);
    return status;
}

/* ---- what becomes of them ---- */

static vae_status fail_value(const vae_dataset *dataset, const char *what, size_t at,
                             const char *expected) {
    char number[VAE__NUMBER_SIZE];
    size_t width = dataset->table.width;
    vae__number_short(number, vae__stored_value(dataset->table.element, dataset->rows, at));
    return vae__fail(VAE_ERROR_DATA, "%s: row %zu, column %zu (both from 0): expected %s, found %s",
                     what, at / width, at % width, expected, number);
}

/* scale=unit: the range of all rows, so that the parts of a split agree. Equal values all become 0.
 */
static vae_status measure_range(vae_dataset *dataset, const char *path) {
    const vae__table *table = &dataset->table;
    double low, high;
    size_t at;
    if (!vae__stored_range(table->element, dataset->rows, table->rows * table->width, &low, &high,
                           &at)) {
        return fail_value(dataset, path, at, "finite values for scale=unit");
    }
    if (!isfinite(high - low)) {
        return vae__fail(VAE_ERROR_DATA, "%s: the values' range is too large for scale=unit", path);
    }
    dataset->conversion.low = low;
    dataset->conversion.range = high > low ? high - low : 1;
    return VAE_OK;
}

/* binarize=sample draws with probability x: refuses a data set with an x that is none. */
static vae_status check_probabilities(const vae_dataset *dataset, const char *path) {
    const vae__table *table = &dataset->table;
    double range = dataset->conversion.range, low = dataset->conversion.low;
    for (size_t i = 0; i < table->rows * table->width; i++) {
        double x = (vae__stored_value(table->element, dataset->rows, i) - low) / range;
        if (!(x >= 0 && x <= 1))
            return fail_value(dataset, path, i,
                              "values in [0, 1] after scaling for binarize=sample");
    }
    return VAE_OK;
}

static vae_status set_conversion(vae_dataset *dataset, const char *path,
                                 const vae__dataset_options *options) {
    vae__element element = dataset->table.element;
    vae_status status = VAE_OK;
    int bytes = options->scale == VAE__SCALE_AUTO && element == VAE__ELEMENT_UINT8;
    dataset->conversion = (vae__conversion){element, 0, bytes ? 255 : 1};
    dataset->binarize = options->binarize;
    if (options->scale == VAE__SCALE_UNIT) status = measure_range(dataset, path);
    if (!status && options->binarize == VAE__BINARIZE_SAMPLE)
        status = check_probabilities(dataset, path);
    return status;
}

static vae_status set_cursor(vae_dataset *dataset, const char *path,
                             const vae__dataset_options *options) {
    dataset->batch = (size_t)options->batch;
    dataset->shuffle = options->shuffle;
    dataset->drop_last = options->drop_last;
    dataset->seed = options->seed;
    dataset->order_epoch = UINT64_MAX;
    if (dataset->drop_last && dataset->size < dataset->batch) {
        return vae__fail(VAE_ERROR_TEXT,
                         "options: drop_last=1 leaves no batch: batch=%zu, but %s has %zu rows%s",
                         dataset->batch, path, dataset->size,
                         dataset->kept ? " after the split" : "");
    }
    dataset->order = vae__allocate(dataset->context, dataset->size, sizeof *dataset->order);
    return dataset->order ? VAE_OK : vae__last_status();
}

/* The rows are there: labels of their own file, conversion, split and cursor. */
static vae_status prepare(vae_dataset *dataset, const char *path,
                          const vae__dataset_options *options) {
    vae_status status = VAE_OK;
    if (options->label_path) status = load_labels(dataset, path, options->label_path);
    if (!status) status = set_conversion(dataset, path, options);
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
    for (size_t i = 0; i < table->rank && i < capacity; i++) shape[i] = table->shape[i];
    return table->rank;
}

uint64_t vae__dataset_source_row(const vae_dataset *dataset, uint64_t row) {
    return dataset->kept ? dataset->kept[row] : row;
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
    uint64_t source = vae__dataset_source_row(dataset, row);
    size_t width = dataset->table.width,
           row_size = width * vae__element_size(dataset->table.element);
    vae__convert(&dataset->conversion, dataset->rows + (size_t)source * row_size, width, x);
    if (dataset->binarize == VAE__BINARIZE_THRESHOLD) vae__binarize_threshold(x, width);
    if (dataset->binarize == VAE__BINARIZE_SAMPLE) {
        const vae__stream stream = {dataset->seed, epoch, VAE__PURPOSE_BINARIZE,
                                    (uint32_t)(source >> 32)};
        vae__binarize_sample(&stream, (uint32_t)source, x, width);
    }
}

/* Rows of a shuffled batch lie anywhere in memory: asks for the start of one ahead of its use. */
static void prefetch_row(const vae_dataset *dataset, uint64_t row) {
#ifdef __GNUC__
    size_t source = (size_t)vae__dataset_source_row(dataset, row);
    size_t size = dataset->table.width * vae__element_size(dataset->table.element);
    const unsigned char *values = dataset->rows + source * size;
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
        size_t source = (size_t)vae__dataset_source_row(dataset, first + i);
        memcpy(labels + i * width, dataset->table.labels + source * width, width * sizeof *labels);
    }
}
