/* A file format: recognises a file by its first bytes and reads it into rows. Adding a format: one
 * file and one line in source.c's table. */
#ifndef VAE_DATA_SOURCE_H
#define VAE_DATA_SOURCE_H

#include <stdint.h>

#include "base/file.h"
#include "base/shape.h"

typedef enum vae__element {
    VAE__ELEMENT_UINT8,
    VAE__ELEMENT_FLOAT32,
    VAE__ELEMENT_FLOAT64
} vae__element;

size_t vae__element_size(vae__element element);

/* What a file held. `values` and `labels` are blocks of the context, owned by the table's holder.
 */
typedef struct vae__table {
    void *values; /* [rows, shape] of `element` */
    vae__element element;
    size_t rows;
    vae__shape shape; /* of one row */
    double *labels;   /* [rows, label_width] or NULL */
    size_t label_width;
    /* Where some rows of the file were left out: the numbers in it, from 0, of those that are here, and
     * how many it has. Else NULL and 0. */
    uint64_t *sources; /* [rows] */
    uint64_t source_rows;
    char **
        names; /* [shape.size] of the columns, in one block with their texts; NULL: they have none */
} vae__table;

void vae__table_free(vae_context *context, vae__table *table);

/* Sets rows and shape from the extents of a whole array, outermost first; one extent is rows of one
 * value. Fails if the array is empty, has more than 8 extents a row, or more bytes than can be
 * addressed. */
vae_status vae__table_set_extents(vae__table *table, const uint64_t *extents, size_t count,
                                  const char *path);

/* What a format may need to know of the data-set options. All but the last two are for CSV files. */
typedef struct vae__source_options {
    int header;               /* 0 auto, 1 yes, 2 no */
    const char *columns;      /* list text "[..]" or NULL */
    const char *label_column; /* name or number, or NULL */
    const char *where;        /* list text "[..]" or NULL */
    int missing;              /* 0 refuse, 1 skip */
    int delimiter;            /* 0 auto, 1 comma, 2 semicolon, 3 tab, 4 space */
    int decimal;              /* 0 point, 1 comma */
    char comment;             /* a character; 0: none */
    int as_labels;            /* the file holds labels: one value a row is welcome */
    int shifted;              /* columns are shifted in double before they become float */
} vae__source_options;

/* The first option for CSV files that differs from its default, as "header=": NULL if there is none. */
const char *vae__source_csv_option(const vae__source_options *options);

typedef struct vae__file_format {
    const char *name; /* "IDX", "NPY", "CSV" */
    int is_csv;       /* the options for CSV files mean something to it */
    /* Whether the file may be of this format, from its first `size` (up to 64) bytes. */
    int (*recognises)(const unsigned char *head, size_t size);
    /* Reads it all; `head` was already taken off the reader. Messages name path, offset or line,
     * expected and found. */
    vae_status (*read)(vae_context *context, vae__reader *reader, const unsigned char *head,
                       size_t head_size, const vae__source_options *options, vae__table *out);
} vae__file_format;

extern const vae__file_format vae__format_idx, vae__format_npy, vae__format_csv;

/* Reads the file at path with the format that recognises it. */
vae_status vae__source_read(vae_context *context, const char *path,
                            const vae__source_options *options, vae__table *out);

/* The built-in generator: "sprites" or "sprites:COUNT". */
vae_status vae__sprites_generate(vae_context *context, size_t count, uint64_t seed,
                                 vae__table *out);

#endif
