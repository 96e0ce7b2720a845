/* The option where=[COLUMN=VALUE, ..]: which rows of a CSV file are kept. */
#ifndef VAE_DATA_FORMATS_CSV_WHERE_H
#define VAE_DATA_FORMATS_CSV_WHERE_H

#include "base/text.h"
#include "data/formats/csv_first.h"
#include "data/input.h"

#define VAE__CSV_SEEN 5 /* values of a column that a message shows */

typedef enum vae__comparison {
    VAE__EQUAL,
    VAE__UNEQUAL,
    VAE__LESS,
    VAE__LESS_EQUAL,
    VAE__GREATER,
    VAE__GREATER_EQUAL
} vae__comparison;

/* COLUMN=VALUE, parsed; column and value point into the text of the option. */
typedef struct vae__condition {
    vae__slice whole, column, value;
    vae__comparison comparison;
    int is_number; /* the value is one: `number` */
    double number;
} vae__condition;

/* Parses an item of the list. VAE_ERROR_TEXT if it is no comparison, or if < or > compare with
 * something that is no number. */
vae_status vae__condition_parse(const vae__slice *item, vae__condition *condition);

/* A condition on a column of a file, and what its cells were so far. */
typedef struct vae__csv_condition {
    vae__condition condition;
    size_t column;
    uint64_t matches;
    size_t seen; /* different values noted, only while there is no match */
    char values[VAE__CSV_SEEN][VAE__EXCERPT_SIZE];
} vae__csv_condition;

typedef struct vae__csv_where {
    vae_context *context;
    const char *path;
    vae__csv_format format;
    vae__csv_condition *conditions; /* [count] */
    size_t count;
    int holds; /* all conditions, for the cells of the row so far: set to 1 where a row begins */
} vae__csv_where;

/* Finds the columns of the list, which must outlive `where`; with text NULL there is no condition. Free it in any
 * case. */
vae_status vae__csv_where_open(vae_context *context, const vae__csv_first *first,
                               const vae__slice *list, vae__csv_where *where);
void vae__csv_where_free(vae__csv_where *where);

/* Whether such a column is no part of a row unless columns= names it: all rows hold the same in it,
 * or it holds text. */
int vae__csv_where_leaves_out(const vae__csv_condition *condition);

/* Looks at a cell of the row. */
void vae__csv_where_look(vae__csv_where *where, size_t column, const char *text, size_t length);

/* Fails because none of `rows` rows is kept; says what the column of a condition holds instead. */
vae_status vae__csv_where_fail(const vae__csv_where *where, const vae__csv_first *first,
                               uint64_t rows);

#endif
