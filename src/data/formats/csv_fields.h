/* CSV text (RFC 4180) cut into fields: quotes, "" inside them, LF, CRLF or CR line ends, a UTF-8
 * byte order mark; other separators than commas, and lines that are comments. */
#ifndef VAE_DATA_FORMATS_CSV_FIELDS_H
#define VAE_DATA_FORMATS_CSV_FIELDS_H

#include "data/formats/csv_delimiter.h"
#include "data/input.h"

typedef enum vae__csv_kind {
    VAE__CSV_FIELD, /* another field of the record follows */
    VAE__CSV_LAST,  /* the record's last field */
    VAE__CSV_END    /* no record is left */
} vae__csv_kind;

typedef struct vae__csv {
    vae_context *context;
    vae__input input;
    vae__csv_format format;
    unsigned char *buffer; /* of the file; followed by the field's characters in the same block */
    size_t at, held;
    char *field; /* the current one without quotes and outer blanks, 0-terminated */
    size_t length;
    int quoted;
    uint64_t field_line; /* where it starts, from 1 */
    uint64_t line;       /* where the next byte is */
    int inside;          /* the record has begun */
    int failed;          /* the file could not be read on */
} vae__csv;

/* Takes the first bytes of the file and finds the separator, unless the options say it. */
vae_status vae__csv_open(vae_context *context, const vae__input *input,
                         const vae__csv_options *options, vae__csv *csv);
void vae__csv_close(vae__csv *csv);

/* Cuts off the next field. Messages name path and line. */
vae_status vae__csv_next(vae__csv *csv, vae__csv_kind *kind);

/* Fails because the file, which nobody said to be separated by commas, looks separated by something
 * else: ';', '|', a tab or a blank; or, with decimal=comma, by commas. */
vae_status vae__csv_fail_separator(const vae__csv *csv, uint64_t line, char separator);

/* Whether the field just cut off, the first of its record, is a blank line. */
int vae__csv_is_blank(const vae__csv *csv, vae__csv_kind kind);

#endif
