/* IDX, the format of MNIST and its kin (LeCun, Cortes & Burges, "The MNIST database of handwritten
 * digits"): two zero bytes, a type, a rank, one big-endian 32-bit extent per dimension, the values
 * in big-endian order. */
#include <stdint.h>

#include "base/number.h"
#include "data/input.h"
#include "data/source.h"

typedef struct idx_type {
    unsigned char code;
    const char *name;
    int supported;
    vae__element element;
} idx_type;

static const idx_type types[] = {
    {0x08, "unsigned byte", 1, VAE__ELEMENT_UINT8}, {0x09, "signed byte", 0, VAE__ELEMENT_UINT8},
    {0x0B, "short", 0, VAE__ELEMENT_UINT8},         {0x0C, "int", 0, VAE__ELEMENT_UINT8},
    {0x0D, "float", 1, VAE__ELEMENT_FLOAT32},       {0x0E, "double", 1, VAE__ELEMENT_FLOAT64},
};

#define MOST_RANK 9 /* rows of at most 8 dimensions */

static const idx_type *find_type(unsigned char code) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].code == code) return &types[i];
    }
    return NULL;
}

static int recognises(const unsigned char *head, size_t size) {
    return size >= 4 && !head[0] && !head[1] && find_type(head[2]) != NULL;
}

static vae_status check_start(const char *path, const idx_type *type, size_t rank) {
    if (!type->supported) {
        return vae__fail(VAE_ERROR_FORMAT,
                         "%s: offset 2: values of type 0x%02x (%s) are not supported; expected "
                         "0x08 (unsigned byte), "
                         "0x0d (float) or 0x0e (double)",
                         path, (unsigned)type->code, type->name);
    }
    if (!rank || rank > MOST_RANK) {
        return vae__fail(VAE_ERROR_FORMAT, "%s: offset 3: expected rank 1 to %d, found %zu", path,
                         MOST_RANK, rank);
    }
    return VAE_OK;
}

static vae_status read_extents(vae__input *input, size_t rank, uint64_t *extents) {
    unsigned char bytes[4 * MOST_RANK];
    vae_status status = vae__input_exactly(input, bytes, 4 * rank, "dimensions");
    for (size_t i = 0; !status && i < rank; i++) {
        const unsigned char *at = bytes + 4 * i;
        extents[i] = (uint64_t)at[0] << 24 | (uint64_t)at[1] << 16 | (uint64_t)at[2] << 8 | at[3];
    }
    return status;
}

static vae_status read_idx(vae_context *context, vae__reader *reader, const unsigned char *head,
                           size_t head_size, const vae__source_options *options, vae__table *out) {
    const char *path = vae__reader_path(reader);
    vae__input input = {reader, head, head_size};
    unsigned char start[4];
    uint64_t extents[MOST_RANK];
    vae_status status = vae__input_exactly(&input, start, sizeof start, "IDX header");
    if (status) return status;
    const idx_type *type = find_type(start[2]);
    size_t rank = start[3];
    status = check_start(path, type, rank);
    if (!status) status = read_extents(&input, rank, extents);
    if (status) return status;
    if (rank == 1 && !options->as_labels) {
        return vae__fail(
            VAE_ERROR_FORMAT,
            "%s: this is a labels file (rank 1, %llu value%s); expected images of rank >= 2", path,
            (unsigned long long)extents[0], vae__plural(extents[0]));
    }
    out->element = type->element;
    status = vae__table_set_extents(out, extents, rank, path);
    if (status) return status;
    size_t count = out->rows * out->width, size = vae__element_size(out->element);
    status = vae__input_rest(context, &input, count, size, &out->values);
    if (!status) vae__to_host_order(out->values, count, size, 1);
    return status;
}

const vae__file_format vae__format_idx = {"IDX", 0, recognises, read_idx};
