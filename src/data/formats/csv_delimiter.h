/* What separates the fields of a CSV file: what the option delimiter= says, or found in its first
 * lines. */
#ifndef VAE_DATA_FORMATS_CSV_DELIMITER_H
#define VAE_DATA_FORMATS_CSV_DELIMITER_H

#include <stddef.h>

#include "data/formats/csv_options.h"

typedef struct vae__csv_format {
    char separator; /* ',', ';', '\t', or ' ' for a run of blanks and tabs */
    char point;     /* of a number: '.' or ',' */
    char comment;   /* lines that begin with it are passed over; 0: none */
    int guessed;    /* delimiter=auto: nobody said that this is the separator */
} vae__csv_format;

/* The format that the options ask for. With delimiter=auto the separator is found in `bytes`, the
 * first `count` bytes of the file behind a byte order mark; `whole` says that the file ends there.
 *
 * A file that can be read with commas is read with commas. Semicolons or tabs are taken only where
 * commas cannot be meant: the first line has none outside quotes, or the lines have different numbers
 * of them; and each line has the same number of that other separator. (With decimal=comma, commas are
 * never meant.) Else it is a comma, and reading the first line then says what the file looks like.
 *
 * *skipped is the length of a first line "sep=;", which Excel writes and reads, with its end; else 0. */
vae__csv_format vae__csv_format_find(const vae__csv_options *options, const char *bytes,
                                     size_t count, int whole, size_t *skipped);

/* A separator as messages show it: tabs as \t. */
const char *vae__csv_separator_text(char separator);

#endif
