/* IDX, the format of MNIST and its kin (LeCun, Cortes & Burges, "The MNIST database of handwritten
 * digits"): two zero bytes, a type, a rank, one big-endian 32-bit extent per dimension, the values
 * in big-endian order. */
#include <stdint.h>

#include "base/number.h"
#include "data/input.h"
#include "data/format.h"
#include "data/values.h"

typedef struct idx_type {
    unsigned char code;
    vae__stored_type stored;
} idx_type;

static const idx_type types[] = {
    {0x08, {VAE__NUMBER_UNSIGNED, 1, 1}}, {0x09, {VAE__NUMBER_SIGNED, 1, 1}},
    {0x0B, {VAE__NUMBER_SIGNED, 2, 1}},   {0x0C, {VAE__NUMBER_SIGNED, 4, 1}},
    {0x0D, {VAE__NUMBER_REAL, 4, 1}},     {0x0E, {VAE__NUMBER_REAL, 8, 1}},
};

#define MOST_RANK 9 /* rows of at most 8 dimensions */

static const idx_type *find_type(unsigned char code) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].code == code) return &types[i];
    }
    return NULL;
}

static int recognises(const unsigned char *head, size_t size, const void *own) {
    (void)own;
    return size >= 4 && !head[0] && !head[1] && find_type(head[2]) != NULL;
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

static vae_status read_idx(vae_context *context, vae__input *input,
                           const vae__format_request *request, const void *own, vae__table *out) {
    const char *path = vae__reader_path(input->reader);
    unsigned char start[4];
    (void)own;
    uint64_t extents[MOST_RANK];
    vae_status status = vae__input_exactly(input, start, sizeof start, "IDX header");
    if (status) return status;
    const idx_type *type = find_type(start[2]);
    size_t rank = start[3];
    if (!rank || rank > MOST_RANK) {
        return vae__fail(VAE_ERROR_FORMAT, "%s: offset 3: expected rank 1 to %d, found %zu", path,
                         MOST_RANK, rank);
    }
    status = read_extents(input, rank, extents);
    if (status) return status;
    if (rank == 1 && !request->as_labels) {
        return vae__fail(
            VAE_ERROR_FORMAT,
            "%s: this is a labels file (rank 1, %llu value%s); expected images of rank >= 2", path,
            (unsigned long long)extents[0], vae__plural(extents[0]));
    }
    out->element = vae__stored_element(&type->stored);
    status = vae__table_set_extents(out, extents, rank, path);
    if (!status) status = vae__values_read(context, input, &type->stored, 0, request, out);
    return status;
}

const vae__file_format vae__format_idx = {
    .name = "IDX", .recognises = recognises, .read = read_idx};
