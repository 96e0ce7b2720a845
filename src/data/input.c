/* Reading a data file piece by piece, with the bytes that were read to recognise it put in front again. A
 * file that ends early or is longer than it says is an error with the offset; memory grows with what was
 * really read, not with what a header promises. */
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
        "%s: offset %llu: expected %zu byte%s of values (%zu of %zu byte%s each), found %llu%s",
        vae__reader_path(input->reader), (unsigned long long)offset, count * size,
        vae__plural(count * size), count, size, vae__plural(size), (unsigned long long)found,
        or_more);
}

vae_status vae__input_expect(vae_context *context, const vae__input *input, size_t count,
                             size_t size, size_t held) {
    const char *path = vae__reader_path(input->reader);
    uint64_t offset = vae__input_offset(input), on_disk = vae__reader_file_size(input->reader);
    uint64_t expected = (uint64_t)count * size;
    if (vae__reader_compressed(input->reader)) {
        if (expected / DEFLATE_RATIO > on_disk) {
            return vae__fail(VAE_ERROR_FORMAT,
                             "%s: offset %llu: expected %llu bytes of values, which a compressed "
                             "file of %llu bytes cannot hold",
                             path, (unsigned long long)offset, (unsigned long long)expected,
                             (unsigned long long)on_disk);
        }
    } else {
        uint64_t found = on_disk > offset ? on_disk - offset : 0;
        if (found != expected) return fail_size(input, offset, count, size, found, "");
    }
    return vae__memory_check(context, count, held, path);
}

/* Up to `wanted` bytes into a block that becomes `whole` bytes long when all of them are there. It
 * starts small unless the file is known to fill it. */
static vae_status read_growing(vae_context *context, vae__input *input, size_t wanted, size_t whole,
                               unsigned char **block, size_t *used) {
    int known = !vae__reader_compressed(input->reader);
    size_t capacity = known || whole < FIRST_STEP ? whole : FIRST_STEP;
    *used = 0;
    *block = vae__allocate(context, capacity, 1);
    if (!*block) return vae__fail_in("%s", vae__reader_path(input->reader));
    for (;;) {
        size_t got = 0, target = capacity < wanted ? capacity : wanted;
        vae_status status = vae__input_read(input, *block + *used, target - *used, &got);
        if (status) return status;
        *used += got;
        if (*used < target || capacity == whole) return VAE_OK;
        size_t more = whole / GROWTH < capacity ? whole : capacity * GROWTH;
        unsigned char *larger = vae__reallocate(context, *block, *used, more, 1);
        if (!larger) return vae__fail_in("%s", vae__reader_path(input->reader));
        *block = larger;
        capacity = more;
    }
}

vae_status vae__input_rest(vae_context *context, vae__input *input, size_t count, size_t size,
                           size_t room, void **block) {
    uint64_t offset = vae__input_offset(input);
    unsigned char *bytes = NULL, beyond;
    size_t used = 0, extra = 0;
    vae_status status = read_growing(context, input, count * size, count * room, &bytes, &used);
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
    size_t used = 0, i = 0;
    for (; i < length && used < 40; i++) {
        char escaped = from[i] == '\t' ? 't' : from[i] == '\n' ? 'n' : from[i] == '\r' ? 'r' : 0;
        if (escaped) buffer[used++] = '\\';
        buffer[used++] = escaped   ? escaped
                         : from[i] ? (char)from[i]
                                   : '?'; /* the rest: vae__fail */
    }
    memcpy(buffer + used, i < length ? "..." : "", i < length ? 4 : 1);
    return buffer;
}
