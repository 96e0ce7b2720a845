/* Built-in generators of data sets. A path "NAME:.." asks the generator of that name for rows, which are a
 * function of the text and of the data set's seed. Adding one: a file that defines it in data/generators/, and its
 * name in the list below. */
#ifndef VAE_DATA_GENERATOR_H
#define VAE_DATA_GENERATOR_H

#include "data/rows.h"

/* vae__generator_sprites and so on. */
#define VAE__GENERATORS(X) X(sprites) X(toy)

typedef struct vae__generator {
    const char *name;
    int stands_alone; /* the name without a colon is a path of the generator too, not of a file */
    /* Makes the rows that the path asks for: either all of them as a table, or as many as are wanted at a time by a
     * source, and then the table has labels only. `text` is what stands behind the name and its colon; NULL if
     * nothing does. VAE_ERROR_TEXT for a text that it does not know, VAE_ERROR_MEMORY or VAE_ERROR_LIMIT if there is
     * no room for the rows; the table is then to be freed. */
    vae_status (*generate)(vae_context *context, const char *path, const char *text, uint64_t seed,
                           vae__table *table, vae__row_source *rows);
} vae__generator;

/* The generator that the path names; *text becomes what is handed to it. NULL: the path is a file's. */
const vae__generator *vae__generator_for(const char *path, const char **text);

/* The number of rows in the first `length` characters of a text. 0 if they are no number from 1 on. */
int vae__generator_count(const char *text, size_t length, uint64_t *count);

/* Blocks of the context for the table's labels, [rows, label_width], and, if `with_values`, for its values. On
 * failure, VAE_ERROR_LIMIT or VAE_ERROR_MEMORY with `name` in the message, the table is freed. */
vae_status vae__generator_allocate(vae_context *context, const char *name, int with_values,
                                   vae__table *table);

#endif
