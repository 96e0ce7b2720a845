/* One cell of a CSV file: whether it is a number, stands for a missing value, and what to say about
 * one that is neither. */
#ifndef VAE_DATA_FORMATS_CSV_CELLS_H
#define VAE_DATA_FORMATS_CSV_CELLS_H

#include "data/formats/csv_delimiter.h"

/* As vae__parse_real, with format->point. A number with the other sign in it is none: 1.234 may be
 * meant as a thousand where 1,5 is one and a half. */
int vae__csv_number(const vae__csv_format *format, const char *text, size_t length, double *value);

/* Whether the cell is empty or one of NA, N/A, #N/A, NaN, NULL, None, ? and -, in any case. */
int vae__csv_is_missing(const char *text, size_t length);

/* Whether a cell without a letter and a digit, such as "--" and the empty one. */
int vae__csv_is_signs(const char *text, size_t length);

/* What to do about a cell that is no finite number, as "; ..", or "" where that cannot be known. */
const char *vae__csv_advise(const vae__csv_format *format, const char *text, size_t length);

#endif
