/* Reading from row sources. Relies on the source's `read`; guarantees that a failure names its row, and that a
 * buffer is in the hands of one reader only: a free one waits in an atomic slot. */
#include "data/rows.h"

#include <string.h>

#define BUFFER_BYTES 65536 /* of a buffer, if a row is not larger */

/* ---- rows in memory ---- */

static void release_memory(vae__row_source *source) {
    vae__release(source->context, source->state);
}

void vae__row_source_borrow(vae__row_source *source, vae_context *context, vae__element element,
                            size_t count, const vae__shape *shape, const void *values) {
    *source = (vae__row_source){
        .context = context, .element = element, .count = count, .shape = *shape, .memory = values};
}

void vae__row_source_own(vae__row_source *source, vae_context *context, vae__element element,
                         size_t count, const vae__shape *shape, void *values) {
    vae__row_source_borrow(source, context, element, count, shape, values);
    source->state = values;
    source->close = release_memory;
}

/* ---- buffers ---- */

static size_t buffer_rows(const vae__row_source *source) {
    size_t rows = BUFFER_BYTES / vae__row_bytes(source);
    if (rows > VAE__ROWS_AT_ONCE) rows = VAE__ROWS_AT_ONCE;
    return rows ? rows : 1;
}

static void *take_buffer(const vae__row_source *source) {
    for (size_t i = 0; i < source->buffer_count; i++) {
        void *buffer = atomic_exchange(&source->buffers[i], NULL);
        if (buffer) return buffer;
    }
    return vae__allocate(source->context, buffer_rows(source), vae__row_bytes(source));
}

static void return_buffer(const vae__row_source *source, void *buffer) {
    for (size_t i = 0; i < source->buffer_count; i++) {
        void *empty = NULL;
        if (atomic_compare_exchange_strong(&source->buffers[i], &empty, buffer)) return;
    }
    vae__release(source->context, buffer);
}

vae_status vae__row_source_prepare(vae__row_source *source) {
    size_t count = source->context->threads;
    if (source->memory) return VAE_OK;
    source->buffers = vae__allocate(source->context, count, sizeof *source->buffers);
    if (!source->buffers) return vae__last_status();
    for (; source->buffer_count < count; source->buffer_count++) {
        void *buffer = vae__allocate(source->context, buffer_rows(source), vae__row_bytes(source));
        if (!buffer) return vae__last_status();
        atomic_init(&source->buffers[source->buffer_count], buffer);
    }
    return VAE_OK;
}

void vae__row_source_close(vae__row_source *source) {
    for (size_t i = 0; i < source->buffer_count; i++)
        vae__release(source->context, atomic_load(&source->buffers[i]));
    vae__release(source->context, source->buffers);
    if (source->close) source->close(source);
    *source = (vae__row_source){0};
}

/* ---- readers ---- */

vae_status vae__row_reader_open(vae__row_reader *reader, const vae__row_source *source) {
    *reader = (vae__row_reader){.source = source, .capacity = source->count};
    if (source->memory) return VAE_OK;
    reader->capacity = buffer_rows(source);
    reader->buffer = take_buffer(source);
    return reader->buffer ? VAE_OK : vae__last_status();
}

void vae__row_reader_close(vae__row_reader *reader) {
    if (reader->buffer) return_buffer(reader->source, reader->buffer);
    reader->buffer = NULL;
}

vae_status vae__row_reader_list(vae__row_reader *reader, const uint64_t *rows, size_t n) {
    const vae__row_source *source = reader->source;
    reader->values = reader->buffer;
    vae_status status = source->read(source, rows, n, reader->buffer, &reader->count);
    if (!status) return VAE_OK;
    vae__fail_in("row %llu", (unsigned long long)vae__row_number(source, rows[reader->count]));
    return status;
}

int vae__row_reader_next(vae__row_reader *reader, vae_status *status) {
    const vae__row_source *source = reader->source;
    uint64_t rows[VAE__ROWS_AT_ONCE];
    reader->first += reader->count;
    size_t left = source->count - reader->first;
    reader->count = left < reader->capacity ? left : reader->capacity;
    if (!left) reader->first = 0;
    reader->values = source->memory;
    if (!left || source->memory) return left > 0;
    for (size_t i = 0; i < reader->count; i++) rows[i] = reader->first + i;
    *status = vae__row_reader_list(reader, rows, reader->count);
    return !*status;
}

vae_status vae__row_reader_row(vae__row_reader *reader, uint64_t row) {
    const vae__row_source *source = reader->source;
    if (!source->memory) return vae__row_reader_list(reader, &row, 1);
    reader->values = source->memory + (size_t)row * vae__row_bytes(source);
    return VAE_OK;
}
