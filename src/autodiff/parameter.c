/* The list of a model's parameters: declared one after the other, then allocated together in one block,
 * each at a multiple of 64 bytes. Refuses sizes that no matrix product takes. */
#include "autodiff/parameter.h"

#include <stdint.h>
#include <string.h>

#include "tensor/gemm.h"

#define ALIGNED_VALUES (64 / sizeof(vae__real))

vae_status vae__parameters_add(vae_context *context, vae__parameters *list, const char *name,
                               size_t rank, size_t rows, size_t columns, int trainable,
                               size_t *index) {
    if (rows > vae__gemm_largest() || columns > vae__gemm_largest()) {
        return vae__fail(VAE_ERROR_TEXT, "%s would be [%zu, %zu]: no side may be over %zu", name,
                         rows, columns, vae__gemm_largest());
    }
    if (columns && rows > SIZE_MAX / 16 / sizeof(vae__real) / columns) {
        return vae__fail(VAE_ERROR_MEMORY, "%s: a %zu x %zu matrix is more than can be addressed",
                         name, rows, columns);
    }
    if (list->count == list->capacity) {
        size_t capacity = list->capacity * 2 + 16;
        void *items = vae__reallocate(context, list->items, list->count * sizeof *list->items,
                                      capacity, sizeof *list->items);
        if (!items) return vae__last_status();
        list->items = items;
        list->capacity = capacity;
    }
    vae__parameter *parameter = &list->items[list->count];
    *parameter = (vae__parameter){.rows = rows,
                                  .columns = columns,
                                  .trainable = trainable,
                                  .group = 1,
                                  .shape = {rank, {rows, columns}, rows * columns}};
    vae__format(parameter->name, sizeof parameter->name, "%s", name);
    *index = list->count++;
    return VAE_OK;
}

vae_status vae__parameters_add_kernel(vae_context *context, vae__parameters *list, const char *name,
                                      size_t rows, size_t channels, size_t kernel, size_t *index) {
    double columns = (double)channels * (double)kernel * (double)kernel;
    if (columns > (double)vae__gemm_largest()) {
        return vae__fail(VAE_ERROR_TEXT,
                         "%s would be [%zu, %zu, %zu, %zu]: more than %zu values in a row", name,
                         rows, channels, kernel, kernel, vae__gemm_largest());
    }
    vae_status status =
        vae__parameters_add(context, list, name, 2, rows, channels * kernel * kernel, 1, index);
    if (status) return status;
    vae__parameter *added = &list->items[*index];
    added->shape = (vae__shape){4, {rows, channels, kernel, kernel}, added->shape.size};
    added->taps = kernel * kernel;
    return VAE_OK;
}

vae_status vae__parameters_allocate(vae_context *context, vae__parameters *list) {
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        size_t size = vae__parameter_size(&list->items[i]);
        if (size > SIZE_MAX / 16 / sizeof(vae__real) - count)
            return vae__fail(VAE_ERROR_MEMORY,
                             "out of memory: the parameters are more than can be addressed");
        count += (size + ALIGNED_VALUES - 1) / ALIGNED_VALUES * ALIGNED_VALUES;
    }
    list->block = vae__allocate(context, count, sizeof *list->block);
    if (!list->block) return vae__memory_in(vae__last_status(), "parameters of the model");
    list->block_count = count;
    size_t used = 0;
    for (size_t i = 0; i < list->count; i++) {
        list->items[i].values = list->block + used;
        used += (vae__parameter_size(&list->items[i]) + ALIGNED_VALUES - 1) / ALIGNED_VALUES *
                ALIGNED_VALUES;
    }
    return VAE_OK;
}

void vae__parameters_free(vae_context *context, vae__parameters *list) {
    vae__release(context, list->block);
    vae__release(context, list->items);
    *list = (vae__parameters){0};
}

vae__parameter *vae__parameters_find(const vae__parameters *list, const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        if (!strcmp(list->items[i].name, name)) return &list->items[i];
    }
    return NULL;
}

int vae__parameter_counts(const vae__parameter *parameter) {
    if (!parameter->optional) return 1;
    for (size_t i = 0; i < vae__parameter_size(parameter); i++) {
        if (parameter->values[i] != 0) return 1;
    }
    return 0;
}
