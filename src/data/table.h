/* What a file of rows holds, in memory: values of one element type, labels, names of columns. */
#ifndef VAE_DATA_TABLE_H
#define VAE_DATA_TABLE_H

#include <stdint.h>

#include "base/memory.h"
#include "base/shape.h"

typedef enum vae__element {
    VAE__ELEMENT_UINT8,
    VAE__ELEMENT_FLOAT32,
    VAE__ELEMENT_FLOAT64
} vae__element;

size_t vae__element_size(vae__element element);

/* Its arrays are blocks of the context, owned by the table's holder. */
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
    char **names; /* [shape.size] of the columns, in one block with their texts; NULL: none */
} vae__table;

void vae__table_free(vae_context *context, vae__table *table);

/* Sets rows and shape from the extents of a whole array, outermost first; one extent is rows of one
 * value. Fails if the array is empty, has more than 8 extents a row, or more bytes than can be
 * addressed. */
vae_status vae__table_set_extents(vae__table *table, const uint64_t *extents, size_t count,
                                  const char *path);

#endif
