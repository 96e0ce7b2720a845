/* The options of a data set that are for CSV files only. */
#ifndef VAE_DATA_FORMATS_CSV_OPTIONS_H
#define VAE_DATA_FORMATS_CSV_OPTIONS_H

#include "data/format.h"

typedef struct vae__csv_options {
    int header;                /* 0 auto, 1 yes, 2 no */
    vae__slice columns, where; /* lists "[..]" in the text of the options; text NULL: not given */
    int missing;               /* 0 refuse, 1 skip */
    int delimiter;             /* 0 auto, 1 comma, 2 semicolon, 3 tab, 4 space */
    int decimal;               /* 0 point, 1 comma */
    char comment;              /* a character; 0: none */
    /* As the request says, not the text: */
    int as_labels;
    const char *label_column;
} vae__csv_options;

extern const vae__option vae__csv_option_entries[];

/* As vae__file_format has them. */
vae_status vae__csv_options_check(const vae__option_table *table, const char *text,
                                  const void *options);
const char *vae__csv_options_given(const void *options);

#endif
