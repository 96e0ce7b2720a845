#include "data/input.h"

#include <stdint.h>
#include <string.h>

#include "base/number.h"

#define FIRST_STEP ((size_t)1 << 20)
#define GROWTH 4
#define DEFLATE_RATIO 1032 /* deflate never makes more bytes of one: 258 for two bits */

vae_status vae__input_read(vae__input *input, void *into, size_t size, size_t *got) {
    size_t taken = size < input->head_size ? size : input->head_size;
    if (taken) memcpy(into, input->head, taken);
    input->head += taken;
    input->head_size -= taken;
    *got = taken;
    if (taken == size) return VAE_OK;
    size_t more = 0;
    vae_status status =
        vae__reader_read(input->reader, (unsigned char *)into + taken, size - taken, &more);
    if (!status) *got += more;
    return status;
}

uint64_t vae__input_offset(const vae__input *input) {
    return vae__reader_offset(input->reader) - input->head_size;
}

vae_status vae__input_exactly(vae__input *input, void *into, size_t size, const char *what) {
    uint64_t offset = vae__input_offset(input);
    size_t got = 0;
    vae_status status = vae__input_read(input, into, size, &got);
    if (status || got == size) return status;
    return vae__fail(
        VAE_ERROR_FORMAT,
        "%s: offset %llu: expected %zu byte%s of %s, found the end of the file after %zu",
        vae__reader_path(input->reader), (unsigned long long)offset, size, vae__plural(size), what,
        got);
}

static vae_status fail_size(const vae__input *input, uint64_t offset, size_t count, size_t size,
                            uint64_t found, const char *or_more) {
    return vae__fail(
        VAE_ERROR_FORMAT,
        "%s: offset %llu: expected %zu byte%s of values (%zu of %zu byte%s), found %llu%s",
        vae__reader_path(input->reader), (unsigned long long)offset, count * size,
        vae__plural(count * size), count, size, vae__plural(size), (unsigned long long)found,
        or_more);
}

/* What the header claims against what the file can hold, then against the memory there is. */
static vae_status check_claim(vae_context *context, const vae__input *input, size_t count,
                              size_t size) {
    uint64_t offset = vae__input_offset(input), on_disk = vae__reader_file_size(input->reader);
    uint64_t expected = (uint64_t)count * size;
    if (vae__reader_compressed(input->reader)) {
        if (expected / DEFLATE_RATIO > on_disk) {
            return vae__fail(VAE_ERROR_FORMAT,
                             "%s: offset %llu: expected %llu bytes of values, which a compressed "
                             "file of %llu bytes "
                             "cannot hold",
                             vae__reader_path(input->reader), (unsigned long long)offset,
                             (unsigned long long)expected, (unsigned long long)on_disk);
        }
    } else {
        uint64_t found = on_disk > offset ? on_disk - offset : 0;
        if (found != expected) return fail_size(input, offset, count, size, found, "");
    }
    return vae__memory_check(context, count, size, vae__reader_path(input->reader));
}

/* Up to `wanted` bytes into a block that starts small unless the file is known to fill it. */
static vae_status read_growing(vae_context *context, vae__input *input, size_t wanted,
                               unsigned char **block, size_t *used) {
    int known = !vae__reader_compressed(input->reader);
    size_t capacity = known || wanted < FIRST_STEP ? wanted : FIRST_STEP;
    *used = 0;
    *block = vae__allocate(context, capacity, 1);
    if (!*block) return vae__fail_in("%s", vae__reader_path(input->reader));
    for (;;) {
        size_t got = 0;
        vae_status status = vae__input_read(input, *block + *used, capacity - *used, &got);
        if (status) return status;
        *used += got;
        if (*used < capacity || capacity == wanted) return VAE_OK;
        size_t more = wanted / GROWTH < capacity ? wanted : capacity * GROWTH;
        unsigned char *larger = vae__reallocate(context, *block, *used, more, 1);
        if (!larger) return vae__fail_in("%s", vae__reader_path(input->reader));
        *block = larger;
        capacity = more;
    }
}

vae_status vae__input_rest(vae_context *context, vae__input *input, size_t count, size_t size,
                           void **block) {
    uint64_t offset = vae__input_offset(input);
    unsigned char *bytes = NULL, beyond;
    size_t used = 0, extra = 0;
    vae_status status = check_claim(context, input, count, size);
    if (status) return status;
    status = read_growing(context, input, count * size, &bytes, &used);
    if (!status && used < count * size) status = fail_size(input, offset, count, size, used, "");
    if (!status) status = vae__input_read(input, &beyond, 1, &extra);
    if (!status && extra)
        status = fail_size(input, offset, count, size, (uint64_t)used + 1, " or more");
    if (status) {
        vae__release(context, bytes);
        return status;
    }
    *block = bytes;
    return VAE_OK;
}

void vae__to_host_order(void *values, size_t count, size_t size, int big_endian) {
    const uint16_t one = 1;
    unsigned char first, *value = values;
    memcpy(&first, &one, 1);
    if (size == 1 || big_endian == !first) return;
    for (size_t i = 0; i < count; i++, value += size) {
        for (size_t j = 0; j < size / 2; j++) {
            unsigned char swapped = value[j];
            value[j] = value[size - 1 - j];
            value[size - 1 - j] = swapped;
        }
    }
}

const char *vae__excerpt(char buffer[VAE__EXCERPT_SIZE], const void *bytes, size_t length) {
    const unsigned char *from = bytes;
    size_t kept = length > 40 ? 40 : length;
    for (size_t i = 0; i < kept; i++)
        buffer[i] = from[i] ? (char)from[i] : '?'; /* vae__fail sees to the others */
    memcpy(buffer + kept, length > kept ? "..." : "", length > kept ? 4 : 1);
    return buffer;
}
