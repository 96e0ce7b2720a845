/* Which column of a CSV file goes where in a row. */
#ifndef VAE_DATA_FORMATS_CSV_COLUMNS_H
#define VAE_DATA_FORMATS_CSV_COLUMNS_H

#include "data/formats/csv_where.h"

#define VAE__CSV_SKIP SIZE_MAX /* targets of columns that are no part of a row */
#define VAE__CSV_LABEL (SIZE_MAX - 1)

typedef struct vae__csv_columns {
    vae_context *context;
    size_t
        *targets; /* [fields] where a column goes in a row, or VAE__CSV_LABEL, or VAE__CSV_SKIP */
    size_t width;
    int has_label;
} vae__csv_columns;

/* The column with the name text[length] in the header, else that of this number from 0, which a text
 * in quotes never is. The message of a failure (VAE_ERROR_TEXT) names the option. */
vae_status vae__csv_find_column(const vae__csv_first *first, const char *option, const char *text,
                                size_t length, int quoted, size_t *column);

/* Places the columns as the options say. Without columns= all columns make a row, without the label
 * and those that vae__csv_where_leaves_out says. Free it in any case. */
vae_status vae__csv_columns_place(vae_context *context, const vae__csv_first *first,
                                  const vae__csv_options *options, const vae__csv_where *where,
                                  vae__csv_columns *columns);
void vae__csv_columns_free(vae__csv_columns *columns);

#endif
