/* Which generator a path names, and what all generators share. Relies on the list of generators for all it knows of
 * them. */
#include "data/generator.h"

#include <string.h>

#define DECLARE(name) extern const vae__generator vae__generator_##name;
VAE__GENERATORS(DECLARE)

#define ADDRESS(name) &vae__generator_##name,
static const vae__generator *const generators[] = {VAE__GENERATORS(ADDRESS) NULL};

const vae__generator *vae__generator_for(const char *path, const char **text) {
    for (size_t i = 0; generators[i]; i++) {
        size_t length = strlen(generators[i]->name);
        int colon = !strncmp(path, generators[i]->name, length) && path[length] == ':';
        *text = colon ? path + length + 1 : NULL;
        if (colon || (generators[i]->stands_alone && !strcmp(path, generators[i]->name)))
            return generators[i];
    }
    return NULL;
}

int vae__generator_count(const char *text, size_t length, uint64_t *count) {
    return vae__parse_unsigned(text, length, count) && *count && *count <= SIZE_MAX;
}

vae_status vae__generator_allocate(vae_context *context, const char *name, int with_values,
                                   vae__table *table) {
    size_t label_bytes = table->label_width * sizeof(double);
    size_t row_bytes = with_values ? table->shape.size * vae__element_size(table->element) : 0;
    vae_status status = vae__memory_check(context, table->rows, row_bytes + label_bytes, name);
    if (status) return status;
    table->labels = vae__allocate(context, table->rows, label_bytes);
    if (table->labels && with_values)
        table->values = vae__allocate(context, table->rows, row_bytes);
    if (table->labels && (table->values || !with_values)) return VAE_OK;
    vae__table_free(context, table);
    return vae__fail_in("%s", name);
}
