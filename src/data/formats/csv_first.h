/* The first record of a CSV file: names or numbers. What could be either is an error that asks, so
 * that no row is taken for names and no names for a row. */
#ifndef VAE_DATA_FORMATS_CSV_FIRST_H
#define VAE_DATA_FORMATS_CSV_FIRST_H

#include "base/text.h"
#include "data/formats/csv_cells.h"
#include "data/formats/csv_fields.h"
#include "data/formats/csv_options.h"

typedef struct vae__csv_first {
    vae_context *context;
    const char *path;
    vae__csv_format format;
    uint64_t line;      /* where it starts, from 1 */
    const char **cells; /* [fields] each ends in 0 */
    size_t fields;
    int is_header;    /* it holds names */
    vae__buffer text; /* what `cells` points into */
    int any_quoted;   /* a cell stands in quotes */
} vae__csv_first;

/* Reads the record and decides what it is: what options->header says or, with header=auto, names if
 * no cell is a number, a row if all are. VAE_ERROR_FORMAT if only some are, if the cells count from 0
 * (names that pandas gives), if all are missing values, if the line is blank or looks separated by
 * something else than commas. Free it in any case. */
vae_status vae__csv_first_read(vae_context *context, vae__csv *csv, const vae__csv_options *options,
                               vae__csv_first *first);
void vae__csv_first_free(vae__csv_first *first);

/* The first cell that is neither empty nor a number; `fields` if there is none. */
size_t vae__csv_first_find_name(const vae__csv_first *first);

/* Fails because of a blank line where a row should be. */
vae_status vae__csv_fail_blank(const char *path, uint64_t line);

#endif
