/* Rows of floats as CSV, NPY or pictures, written as they come. */
#ifndef TOOL_TABLE_H
#define TOOL_TABLE_H

#include "output.h"
#include "text.h"
#include "units.h"

typedef enum table_format { TABLE_CSV, TABLE_NPY, TABLE_PNG, TABLE_UNKNOWN } table_format;

/* By the name's ending; "-" is CSV. */
table_format table_format_of(const char *path);

/* The fields above the line are set before table_open. */
typedef struct table {
    size_t columns, rows;     /* in all */
    const char *const *names; /* [columns]; NULL: "<prefix>0", "<prefix>1" .. */
    const char *prefix;
    size_t channels, height, width; /* of a row that is an image, grey or in colour; else 0 */
    const units *units; /* that values are written in, then as doubles; NULL: as they are */
    /* ---- */
    output out;
    table_format format;
    float *pictures; /* [most pictures, columns]; those of the first rows */
    size_t pictures_kept;
} table;

/* Each returns an exit status. A table that was opened is to be closed. */
int table_open(const tool_call *call, table *to, const char *path);
int table_write(table *to, const float *values, size_t rows);

/* Commits, or abandons where status is not TOOL_DONE; returns the status of all. */
int table_close(table *to, int status);

/* Appends the first bytes of an NPY file of little-endian floats or doubles; columns 0: of one dimension. */
void table_npy_header(text *to, int is_double, size_t rows, size_t columns);

/* Appends the bytes of a value, little-endian whatever the machine is. */
void table_npy_float(text *to, float value);
void table_npy_double(text *to, double value);

#endif
