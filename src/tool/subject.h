/* A model from its file, and a data set that is read as the model's training data was. */
#ifndef TOOL_SUBJECT_H
#define TOOL_SUBJECT_H

#include "command.h"
#include "table.h"
#include "units.h"

typedef struct subject {
    const tool_call *call;
    const char *model_path, *data_path;
    vae_context *context;
    vae_model *model;
    vae_dataset *data; /* NULL for commands without */
    size_t width, latent;
    size_t channels, height, breadth; /* of a row that is an image, grey or in colour; else 0 */
    char **names; /* [width + 1] of the columns, the last NULL; NULL where the model has none */
    units units;  /* of the rows that the model makes */
} subject;

/* The model at operand 0. Returns TOOL_DONE or says what is wrong; subject_close in either case. */
int subject_open(const tool_call *call, subject *out);

/* The data at `path`, rows as wide as the model. Columns are found by the model's names. */
int subject_open_data(subject *s, const char *path);
void subject_close(subject *s);

/* A table of rows that the model makes: its names, its units, its shape. */
int subject_open_table(const subject *s, table *to, const char *path, size_t rows);

/* Name of a column for people: the model's, or its number from 0. buffer: at least 24 bytes. */
const char *subject_column(const subject *s, size_t column, char *buffer);

/* Whether the model itself is a diffusion. */
int subject_is_diffusion(const subject *s);

/* How many rows to take through the model at a time. */
size_t subject_chunk(const subject *s);

/* command_refused for rows of `data`, which is the file `path`, that the model was given from `first` on: what the
 * message calls a row of the call gets its number in the file. */
int subject_refused_rows(const tool_call *call, vae_status status, const vae_dataset *data,
                         size_t first, const char *path);

/* ---- how a file is read ---- */

/* The names of a data set's columns as one line of CSV; NULL where it has none. */
char *subject_names_line(const vae_dataset *data);

/* Opens `path` with `options`; where `names` (may be NULL) has the names of columns, with these columns in this
 * order. A file without names, such as an NPY file, is taken as it is. */
vae_status subject_open_columns(vae_context *context, const char *path, const char *options,
                                char *const *names, vae_dataset **out);

/* Whether the last failure of subject_open_columns was that the file lacks one of the names. */
int subject_lacks_columns(const tool_call *call, vae_status status, char *const *names);

/* Cuts a line of subject_names_line up; ends in NULL. */
char **subject_split_names(const char *line);
void subject_free_names(char **names);

/* Channels (1 or 3), rows and columns of an image from the shape of a spec's input=; all 0 for anything else. */
void subject_image_shape(const char *spec, size_t *channels, size_t *height, size_t *width);

#endif
