/* Tables: their shapes and how they are freed. Guarantees that rows times values times bytes can be addressed. */
#include "data/table.h"

size_t vae__element_size(vae__element element) {
    static const size_t sizes[] = {1, 4, 8};
    return sizes[element];
}

void vae__table_free(vae_context *context, vae__table *table) {
    vae__release(context, table->values);
    vae__release(context, table->labels);
    vae__release(context, table->sources);
    vae__release(context, table->names);
    *table = (vae__table){0};
}

vae_status vae__table_set_extents(vae__table *table, const uint64_t *extents, size_t count,
                                  const char *path) {
    const size_t most = VAE__MAX_RANK;
    size_t values = vae__element_size(table->element), width = 1;
    if (count - 1 > most) {
        return vae__fail(VAE_ERROR_FORMAT, "%s: expected rank 1 to %zu, found %zu", path, most + 1,
                         count);
    }
    for (size_t i = 0; i < count; i++) {
        if (!extents[i])
            return vae__fail(VAE_ERROR_FORMAT, "%s: dimension %zu is 0: there are no values", path,
                             i);
        if (extents[i] > SIZE_MAX / 2 / values) {
            return vae__fail(VAE_ERROR_FORMAT,
                             "%s: the dimensions make more bytes than can be addressed", path);
        }
        values *= (size_t)extents[i];
        if (i) width *= (size_t)extents[i];
        if (i) table->shape.extents[i - 1] = (size_t)extents[i];
    }
    if (count == 1) table->shape.extents[0] = 1;
    table->shape.rank = count == 1 ? 1 : count - 1;
    table->rows = (size_t)extents[0];
    table->shape.size = width;
    return VAE_OK;
}
