/* Rows of a data set as the model sees them. Relies on the row source for stored values: those in memory are
 * converted where they lie, others are read a few at a time into a buffer that the source keeps. */
#include "data/gather.h"

#include <string.h>

#include "data/state.h"

#define CACHE_LINE 64
#define PREFETCHED 1024 /* bytes of a row; the hardware sees the rest coming */
#define AHEAD 4         /* rows */

/* Stored values of one row to what the model sees. */
static void convert_row(const vae_dataset *dataset, uint64_t stored, const unsigned char *values,
                        uint64_t epoch, vae__real *x) {
    size_t width = dataset->rows.shape.size;
    vae__convert(&dataset->conversion, values, width, x);
    if (dataset->binarize == VAE__BINARIZE_THRESHOLD) vae__binarize_threshold(x, width);
    if (dataset->binarize == VAE__BINARIZE_SAMPLE) {
        const vae__stream stream = {dataset->seed, epoch, VAE__PURPOSE_BINARIZE,
                                    (uint32_t)(stored >> 32)};
        vae__binarize_sample(&stream, (uint32_t)stored, x, width);
    }
}

/* Rows of a shuffled batch lie anywhere in memory: asks for the start of one ahead of its use. */
static void prefetch_row(const unsigned char *values, size_t size) {
#ifdef __GNUC__
    for (size_t i = 0; i < size && i < PREFETCHED; i += CACHE_LINE) __builtin_prefetch(values + i);
#else
    (void)values, (void)size;
#endif
}

/* Rows of the set: those of a list, or first, first + 1, .. */
typedef struct row_list {
    const uint64_t *rows; /* NULL: from first on */
    size_t first, count;
} row_list;

static uint64_t stored_row(const vae_dataset *dataset, const row_list *list, size_t i) {
    return vae__dataset_stored_row(dataset, list->rows ? list->rows[i] : list->first + i);
}

static void gather_from_memory(const vae_dataset *dataset, const row_list *list, uint64_t epoch,
                               vae__real *x) {
    const unsigned char *memory = dataset->rows.memory;
    size_t width = dataset->rows.shape.size, size = vae__row_bytes(&dataset->rows);
    for (size_t i = 0; i < list->count; i++) {
        if (list->rows && i + AHEAD < list->count)
            prefetch_row(memory + (size_t)stored_row(dataset, list, i + AHEAD) * size, size);
        uint64_t stored = stored_row(dataset, list, i);
        convert_row(dataset, stored, memory + (size_t)stored * size, epoch, x + i * width);
    }
}

static vae_status gather_by_reading(const vae_dataset *dataset, const row_list *list,
                                    uint64_t epoch, vae__real *x) {
    size_t width = dataset->rows.shape.size, size = vae__row_bytes(&dataset->rows);
    uint64_t stored[VAE__ROWS_AT_ONCE];
    vae__row_reader reader;
    vae_status status = vae__row_reader_open(&reader, &dataset->rows);
    for (size_t first = 0; !status && first < list->count; first += reader.capacity) {
        size_t left = list->count - first, n = left < reader.capacity ? left : reader.capacity;
        for (size_t i = 0; i < n; i++) stored[i] = stored_row(dataset, list, first + i);
        status = vae__row_reader_list(&reader, stored, n);
        for (size_t i = 0; !status && i < n; i++)
            convert_row(dataset, stored[i], reader.values + i * size, epoch,
                        x + (first + i) * width);
    }
    vae__row_reader_close(&reader);
    return status;
}

static vae_status gather(const vae_dataset *dataset, const row_list *list, uint64_t epoch,
                         vae__real *x) {
    if (!dataset->rows.memory) return gather_by_reading(dataset, list, epoch, x);
    gather_from_memory(dataset, list, epoch, x);
    return VAE_OK;
}

vae_status vae__dataset_gather(const vae_dataset *dataset, const uint64_t *rows, size_t count,
                               uint64_t epoch, vae__real *x) {
    return gather(dataset, &(row_list){.rows = rows, .count = count}, epoch, x);
}

vae_status vae__dataset_read(const vae_dataset *dataset, size_t first, size_t count, vae__real *x) {
    return gather(dataset, &(row_list){.first = first, .count = count}, 0, x);
}

void vae__dataset_read_labels(const vae_dataset *dataset, size_t first, size_t count,
                              double *labels) {
    size_t width = dataset->table.label_width;
    if (!width) return;
    for (size_t i = 0; i < count; i++) {
        size_t stored = (size_t)vae__dataset_stored_row(dataset, first + i);
        memcpy(labels + i * width, dataset->table.labels + stored * width, width * sizeof *labels);
    }
}
