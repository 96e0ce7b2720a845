/* Files that the tool writes: whole or not at all. What is written goes to a temporary file in the same folder,
 * which takes the place of the old one when it is complete; a signal that ends the program removes it. */
#ifndef TOOL_OUTPUT_H
#define TOOL_OUTPUT_H

#include <stdio.h>

#include "command.h"
#include "text.h"

typedef struct output {
    const tool_call *call;
    const char *path; /* as given; "-" is standard output */
    char *target;     /* the file behind symbolic links */
    char *temporary;  /* NULL: written to directly */
    FILE *file;
} output;

/* The reader of standard output has left. What is still to be written there goes nowhere. */
extern int output_reader_left;

/* Refuses, before anything is computed, a path that cannot be written or is one of the files that are read
 * (NULL entries are passed over). Says why; returns an exit status. */
int output_check(const tool_call *call, const char *path, const char *const *inputs, size_t count);

/* Each returns TOOL_DONE, or says why not and returns TOOL_FAILED. An output that was opened is to be
 * committed or abandoned. */
int output_open(const tool_call *call, output *out, const char *path);
int output_write(output *out, const void *bytes, size_t size);
int output_commit(output *out);
void output_abandon(output *out);

/* All three for a text. */
int output_text(const tool_call *call, const char *path, const char *said, size_t length);

/* Makes the folder unless it is there. */
int output_make_folder(const tool_call *call, const char *path);

/* ---- Tables of numbers ---- */

typedef enum table_format { TABLE_CSV, TABLE_NPY, TABLE_PNG, TABLE_UNKNOWN } table_format;

/* By the name's ending; "-" is CSV. */
table_format table_format_of(const char *path);

typedef struct table {
    output out;
    table_format format;
    size_t columns, rows; /* in all */
    size_t height, width; /* of a picture */
    float *pictures;      /* [most pictures, columns]; those of the first rows */
    size_t pictures_kept;
    const char *title;
} table;

/* Opens a file of `rows` rows of floats. names [columns], or NULL: "<prefix>0", "<prefix>1" ..; height and width
 * are needed for pictures only, and 0 where a row is none. */
int table_open(const tool_call *call, table *to, const char *path, const char *const *names,
               const char *prefix, size_t columns, size_t rows, size_t height, size_t width);
int table_write(table *to, const float *values, size_t rows);

/* Commits, or abandons where status is not TOOL_DONE; returns the status of all. */
int table_close(table *to, int status);

/* Appends the first bytes of an NPY file of little-endian floats or doubles; columns 0: of one dimension. */
void table_npy_header(text *to, int is_double, size_t rows, size_t columns);

#endif
