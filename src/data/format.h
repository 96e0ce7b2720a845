/* Formats of data files. A format recognises a file by its first bytes, or by an option that only it has, and
 * reads it into a table. Adding one: a file that defines it, and its name in the list below. */
#ifndef VAE_DATA_FORMAT_H
#define VAE_DATA_FORMAT_H

#include "base/options.h"
#include "data/input.h"
#include "data/table.h"

/* vae__format_idx and so on. They are asked in this order; CSV is the last, since any text may be one. */
#define VAE__FILE_FORMATS(X) X(idx) X(npy) X(csv)

#define VAE__FORMAT_PLACE(name) VAE__FORMAT_##name,
enum { VAE__FILE_FORMATS(VAE__FORMAT_PLACE) VAE__FORMAT_COUNT };

/* What is asked of a file. */
typedef struct vae__format_request {
    int as_labels;            /* it holds labels: one value a row is welcome */
    int shifted;              /* columns are shifted in double before they become float */
    const char *label_column; /* the column that is the label: its name or number; or NULL */
    void *const *options; /* [VAE__FORMAT_COUNT] each format's own, or NULL; NULL: none are given */
} vae__format_request;

typedef struct vae__file_format {
    const char *name; /* "IDX" */
    /* Whether the file may be of this format, from its first `size` (up to 64) bytes. `options` here and
     * below are the format's own, NULL if none are given. */
    int (*recognises)(const unsigned char *head, size_t size, const void *options);
    /* Reads it all. Messages name path, offset or line, expected and found. */
    vae_status (*read)(vae_context *context, vae__input *input, const vae__format_request *request,
                       const void *options, vae__table *out);

    /* Formats with columns that can be picked. */
    int takes_label_column;

    /* Formats with options of their own, which stand among those of a data set. */
    vae__option_table options;
    size_t options_size; /* of the struct that they are parsed into; all 0 are the defaults */
    /* Refuses options that contradict each other, at their place in `text`, whose table is given; or NULL. */
    vae_status (*check_options)(const vae__option_table *table, const char *text,
                                const void *options);
    /* The first of its options that is not at its default, as "header="; NULL: all are. */
    const char *(*given)(const void *options);
} vae__file_format;

extern const vae__file_format *const vae__file_formats[VAE__FORMAT_COUNT];

/* The tables of their options, in the same order. */
extern const vae__option_table *const vae__format_options[VAE__FORMAT_COUNT];

/* "IDX, NPY, CSV". Returns names. */
#define VAE__FORMAT_NAMES_SIZE 120
const char *vae__format_names(char names[VAE__FORMAT_NAMES_SIZE]);

/* The first option that is not at its default and that `format` does not know (NULL, for rows that are no
 * file's: that any format knows), as "header=", and a format that knows it. NULL: there is none. */
const char *vae__format_other_option(const vae__format_request *request,
                                     const vae__file_format *format,
                                     const vae__file_format **owner);

/* Reads the file at path with the format that recognises it. */
vae_status vae__format_read(vae_context *context, const char *path,
                            const vae__format_request *request, vae__table *out);

#endif
