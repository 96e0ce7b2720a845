/* Where the rows of a data set come from: a row source counts its rows and reads those that are asked for.
 * Rows in memory are the first kind, and are used where they lie. Reading may fail, and a failure names
 * the row by its number in the file: it is never a wrong number. */
#ifndef VAE_DATA_ROWS_H
#define VAE_DATA_ROWS_H

#include <stdatomic.h>

#include "base/memory.h"
#include "data/table.h"

enum { VAE__ROWS_AT_ONCE = 64 }; /* the capacity of a reader's buffer is at most that */

typedef struct vae__row_source {
    vae_context *context;
    vae__element element; /* of the stored values */
    size_t count;
    vae__shape shape;        /* of one row */
    const uint64_t *numbers; /* [count] of the rows in the file; NULL: 0, 1, .. */
    const unsigned char
        *memory; /* [count, shape] where all rows lie in memory, at any alignment; or NULL */
    /* Reads the rows with these indices into [n, shape]; not asked for where all lie in memory. On failure *done is the number of rows before the
     * one that failed. The status says what is wrong with the file or the memory; VAE_ERROR_DATA and
     * VAE_ERROR_DIVERGED are for values, and no failed read. Runs on several threads at once. */
    vae_status (*read)(const struct vae__row_source *source, const uint64_t *rows, size_t n,
                       void *into, size_t *done);
    void (*close)(struct vae__row_source *source); /* releases `state`; or NULL */
    void *state;                                   /* of the kind of source */
    _Atomic(void *) *buffers; /* [buffer_count] of readers, between their uses; NULL: in use */
    size_t buffer_count;
} vae__row_source;

/* Rows [count, shape] in memory: borrowed, or in a block of the context that the source releases. */
void vae__row_source_borrow(vae__row_source *source, vae_context *context, vae__element element,
                            size_t count, const vae__shape *shape, const void *values);
void vae__row_source_own(vae__row_source *source, vae_context *context, vae__element element,
                         size_t count, const vae__shape *shape, void *values);

/* Makes a buffer for each thread of the context, so that a step allocates none. Rows in memory need none. */
vae_status vae__row_source_prepare(vae__row_source *source);

/* Zeroed memory is a source that may be closed. */
void vae__row_source_close(vae__row_source *source);

static inline size_t vae__row_bytes(const vae__row_source *source) {
    return source->shape.size * vae__element_size(source->element);
}

/* A row's number in the file, before any was left out: for messages. */
static inline uint64_t vae__row_number(const vae__row_source *source, uint64_t row) {
    return source->numbers ? source->numbers[row] : row;
}

/* Gives stored rows: where they lie, or in a buffer of `capacity` rows. */
typedef struct vae__row_reader {
    const vae__row_source *source;
    size_t capacity;
    void *buffer; /* NULL: the rows are in memory */
    /* The piece that was read last. */
    const unsigned char *values; /* [count, shape] */
    size_t first, count;         /* rows first .. first + count - 1, of vae__row_reader_next */
} vae__row_reader;

/* Close in either case. */
vae_status vae__row_reader_open(vae__row_reader *reader, const vae__row_source *source);
void vae__row_reader_close(vae__row_reader *reader);

/* All rows in turn, as many at a time as there is room for: rows in memory all at once. 1: there is a piece.
 * 0: there are no more, and the next call begins again; or a failure, which is then *status. */
int vae__row_reader_next(vae__row_reader *reader, vae_status *status);

/* One row. */
vae_status vae__row_reader_row(vae__row_reader *reader, uint64_t row);

/* The rows with these indices, at most `capacity` and not in memory. On failure `count` is the number of
 * rows before the one that failed. */
vae_status vae__row_reader_list(vae__row_reader *reader, const uint64_t *rows, size_t n);

#endif
