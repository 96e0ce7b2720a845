/* Time is O(n log n) in the size of the header and memory a small multiple of it, whatever it
 * holds. */
#include "store/safetensors.h"

#include <stdint.h>
#include <string.h>

#include "base/kind.h"
#include "base/number.h"
#include "store/bundle.h"
#include "store/json.h"

#define LENGTH_SIZE 8 /* bytes of the little-endian header length */
#define METADATA_KEY "__metadata__"
#define SHOWN_SIZE 64 /* of a name in a message */
#define HEAD_SIZE 64  /* bytes that say what else a file may be */

/* ---- parsing the header ---- */

typedef struct parser {
    vae__json json;
    vae__bundle *bundle;
    size_t tensor_capacity, metadata_capacity;
    const unsigned char *data; /* [data_size]: what follows the header */
    size_t data_size;
    size_t data_end; /* the largest offset of a tensor's end, which a file that was cut off lacks */
} parser;

enum { FIELD_DTYPE = 1, FIELD_SHAPE = 2, FIELD_OFFSETS = 4, FIELD_ALL = 7 };

/* A name fit for a message: its beginning. */
static const char *shown(char text[SHOWN_SIZE], const char *name) {
    size_t length = vae__format(text, SHOWN_SIZE, "%s", name);
    if (length >= SHOWN_SIZE) {
        size_t cut = SHOWN_SIZE - 4;
        while (((unsigned char)text[cut] & 0xc0) == 0x80) cut--; /* not within a character */
        vae__format(text + cut, SHOWN_SIZE - cut, "...");
    }
    return text;
}

/* Makes room for one more element of an array that is used up: *items stays as it is on failure. */
static vae_status grow(vae_context *context, void **items, size_t count, size_t *capacity,
                       size_t size) {
    if (count < *capacity) return VAE_OK;
    size_t larger = count ? count * 2 : 16;
    void *block = vae__reallocate(context, *items, count * size, larger, size);
    if (!block) return vae__last_status();
    *items = block;
    *capacity = larger;
    return VAE_OK;
}

static vae_status parse_metadata(parser *p) {
    vae__bundle *bundle = p->bundle;
    vae_status status = vae__json_open_object(&p->json);
    while (!status) {
        void *items = bundle->metadata;
        vae__metadata entry = {NULL, NULL};
        status = vae__json_next_key(&p->json, &entry.key);
        if (status || !entry.key) break;
        status = vae__json_string(&p->json, &entry.value);
        if (status) break;
        status = grow(bundle->context, &items, bundle->metadata_count, &p->metadata_capacity,
                      sizeof entry);
        if (status) break;
        bundle->metadata = items;
        bundle->metadata[bundle->metadata_count++] = entry;
    }
    return status;
}

static vae_status parse_dtype(parser *p, vae__tensor *tensor) {
    const char *name;
    char text[SHOWN_SIZE];
    vae_status status = vae__json_string(&p->json, &name);
    if (status) return status;
    if (vae__dtype_find(name, &tensor->dtype)) return VAE_OK;
    if (vae__dtype_unread(name)) {
        vae__fail(VAE_ERROR_UNSUPPORTED,
                  "expected dtype " VAE__DTYPE_NAMES
                  ", found '%s', which this library does not read",
                  name);
    } else {
        vae__fail(VAE_ERROR_FORMAT,
                  "expected dtype " VAE__DTYPE_NAMES ", found '%s', which is unknown",
                  shown(text, name));
    }
    return vae__json_fail_in(&p->json, vae__json_offset(&p->json, name));
}

static vae_status parse_size(parser *p, size_t *size) {
    uint64_t value;
    vae_status status = vae__json_unsigned(&p->json, &value);
    if (status) return status;
#if SIZE_MAX < UINT64_MAX
    if (value > SIZE_MAX) {
        vae__fail(VAE_ERROR_FORMAT, "expected a number below 2^32 on this machine");
        return vae__json_fail_in(&p->json, p->json.at);
    }
#endif
    *size = (size_t)value;
    return VAE_OK;
}

/* An array of at most `most` numbers. */
static vae_status parse_sizes(parser *p, const char *what, size_t *sizes, size_t most,
                              size_t *count) {
    int more;
    *count = 0;
    vae_status status = vae__json_open_array(&p->json);
    while (!status) {
        status = vae__json_next_item(&p->json, &more);
        if (status || !more) break;
        if (*count == most) {
            vae__fail(VAE_ERROR_FORMAT, "%s: expected at most %zu numbers, found more", what, most);
            return vae__json_fail_in(&p->json, p->json.at);
        }
        status = parse_size(p, &sizes[(*count)++]);
    }
    return status;
}

static vae_status parse_offsets(parser *p, vae__tensor *tensor) {
    size_t range[2], count, first = p->json.at;
    vae_status status = parse_sizes(p, "data_offsets", range, 2, &count);
    if (status) return status;
    if (count != 2) {
        vae__fail(VAE_ERROR_FORMAT, "data_offsets: expected 2 numbers, found %zu", count);
    } else if (range[0] > range[1]) {
        vae__fail(VAE_ERROR_FORMAT, "data_offsets: expected begin <= end, found [%zu, %zu]",
                  range[0], range[1]);
    } else {
        /* Past the data it points nowhere; check_complete fails then. */
        tensor->data = range[1] > p->data_size ? NULL : p->data + range[0];
        tensor->bytes = range[1] - range[0];
        if (range[1] > p->data_end) p->data_end = range[1];
        return VAE_OK;
    }
    return vae__json_fail_in(&p->json, first);
}

/* One key of a tensor's object. *seen holds the fields before it. */
static vae_status parse_field(parser *p, vae__tensor *tensor, const char *key, int *seen) {
    char text[SHOWN_SIZE];
    int field = !strcmp(key, "dtype")          ? FIELD_DTYPE
                : !strcmp(key, "shape")        ? FIELD_SHAPE
                : !strcmp(key, "data_offsets") ? FIELD_OFFSETS
                                               : 0;
    if (!field || (*seen & field)) {
        vae__fail(VAE_ERROR_FORMAT,
                  "%s '%s' of a tensor: expected dtype, shape and data_offsets, each once",
                  field ? "duplicate field" : "unknown field", shown(text, key));
        return vae__json_fail_in(&p->json, vae__json_offset(&p->json, key));
    }
    *seen |= field;
    if (field == FIELD_DTYPE) return parse_dtype(p, tensor);
    if (field == FIELD_OFFSETS) return parse_offsets(p, tensor);
    return parse_sizes(p, "shape", tensor->shape.extents, VAE__MAX_RANK, &tensor->shape.rank);
}

/* Sets a message about a tensor, with its place and name in front. */
static vae_status fail_in_tensor(const parser *p, const vae__tensor *tensor) {
    char text[SHOWN_SIZE];
    vae__fail_in("tensor '%s'", shown(text, tensor->name));
    return vae__json_fail_in(&p->json, vae__json_offset(&p->json, tensor->name));
}

static vae_status check_tensor(const parser *p, const vae__tensor *tensor, int seen) {
    size_t bytes;
    if (seen != FIELD_ALL) {
        const char *missing = !(seen & FIELD_DTYPE)   ? "dtype"
                              : !(seen & FIELD_SHAPE) ? "shape"
                                                      : "data_offsets";
        vae__fail(VAE_ERROR_FORMAT, "expected dtype, shape and data_offsets, found no %s", missing);
        return fail_in_tensor(p, tensor);
    }
    if (!vae__tensor_bytes(tensor, &bytes)) {
        vae__fail(VAE_ERROR_FORMAT, "the shape's product is more than can be addressed");
        return fail_in_tensor(p, tensor);
    }
    if (bytes != tensor->bytes) {
        vae__fail(VAE_ERROR_FORMAT,
                  "expected %zu byte%s for its shape of %s, found data_offsets of %zu byte%s",
                  bytes, vae__plural(bytes), vae__dtype_name(tensor->dtype), tensor->bytes,
                  vae__plural(tensor->bytes));
        return fail_in_tensor(p, tensor);
    }
    return VAE_OK;
}

static vae_status parse_tensor(parser *p, const char *name) {
    vae__bundle *bundle = p->bundle;
    vae__tensor tensor = {.name = name};
    const char *key;
    int seen = 0;
    void *items = bundle->tensors;
    vae_status status = vae__json_open_object(&p->json);
    while (!status) {
        status = vae__json_next_key(&p->json, &key);
        if (status || !key) break;
        status = parse_field(p, &tensor, key, &seen);
    }
    if (!status) status = check_tensor(p, &tensor, seen);
    if (!status)
        status =
            grow(bundle->context, &items, bundle->tensor_count, &p->tensor_capacity, sizeof tensor);
    if (status) return status;
    bundle->tensors = items;
    bundle->tensors[bundle->tensor_count++] = tensor;
    return VAE_OK;
}

static vae_status parse_header(parser *p) {
    int has_metadata = 0;
    const char *key;
    /* The format allows no white space in front. */
    if (!p->json.size || *p->json.text != '{') return vae__json_expected(&p->json, "'{'");
    vae_status status = vae__json_open_object(&p->json);
    while (!status) {
        status = vae__json_next_key(&p->json, &key);
        if (status || !key) break;
        if (strcmp(key, METADATA_KEY)) {
            status = parse_tensor(p, key);
        } else if (has_metadata) {
            vae__fail(VAE_ERROR_FORMAT, "'" METADATA_KEY "' is given twice");
            status = vae__json_fail_in(&p->json, vae__json_offset(&p->json, key));
        } else {
            has_metadata = 1;
            status = parse_metadata(p);
        }
    }
    if (!status) status = vae__json_end(&p->json);
    return status;
}

/* ---- checking the whole ---- */

/* All bytes that the tensors of the header need are there. */
static vae_status check_complete(const parser *p) {
    if (p->data_end <= p->data_size) return VAE_OK;
    size_t missing = p->data_end - p->data_size;
    return vae__fail(VAE_ERROR_FORMAT,
                     "%s: is cut off: %zu byte%s missing; the tensors take %zu byte%s, found %zu",
                     p->json.label, missing, missing == 1 ? " is" : "s are", p->data_end,
                     vae__plural(p->data_end), p->data_size);
}

/* The tensors must cover the data exactly: no gap, no overlap, nothing after the last. */
static vae_status check_tiling(const parser *p, const size_t *order) {
    size_t covered = 0;
    for (size_t i = 0; i < p->bundle->tensor_count; i++) {
        const vae__tensor *tensor = &p->bundle->tensors[order[i]];
        size_t begin = (size_t)((const unsigned char *)tensor->data - p->data);
        if (begin != covered) {
            vae__fail(
                VAE_ERROR_FORMAT,
                "expected its data to begin at %zu, where the one before ends, found %zu (%s)",
                covered, begin, begin > covered ? "a gap" : "an overlap");
            return fail_in_tensor(p, tensor);
        }
        covered += tensor->bytes;
    }
    if (covered == p->data_size) return VAE_OK;
    return vae__fail(VAE_ERROR_FORMAT,
                     "%s: expected the file to end with the last tensor, found %zu more byte%s",
                     p->json.label, p->data_size - covered, vae__plural(p->data_size - covered));
}

/* The later, in the file, of two elements that are equal, which sorting made neighbours; 0 if there
 * are none. */
static size_t find_duplicate(const vae__bundle *bundle, const size_t *order, size_t count,
                             vae__compare_fn compare) {
    for (size_t i = 1; i < count; i++) {
        if (compare(bundle, order[i - 1], order[i])) continue;
        return order[i] > order[i - 1] ? order[i] : order[i - 1];
    }
    return 0;
}

static vae_status check_duplicates(const parser *p, const vae__bundle_index *index) {
    const vae__bundle *bundle = p->bundle;
    char text[SHOWN_SIZE];
    size_t tensor =
        find_duplicate(bundle, index->by_name, bundle->tensor_count, vae__compare_names);
    if (tensor) {
        vae__fail(VAE_ERROR_FORMAT, "this name is given twice");
        return fail_in_tensor(p, &bundle->tensors[tensor]);
    }
    size_t entry = find_duplicate(bundle, index->by_key, bundle->metadata_count, vae__compare_keys);
    if (entry) {
        const char *key = bundle->metadata[entry].key;
        vae__fail(VAE_ERROR_FORMAT, "metadata key '%s' is given twice", shown(text, key));
        return vae__json_fail_in(&p->json, vae__json_offset(&p->json, key));
    }
    return VAE_OK;
}

/* Sorts by place to check the tiling, then by name and by key for duplicates and for searching. */
static vae_status check_bundle(const parser *p, vae__bundle_index *index) {
    vae__bundle *bundle = p->bundle;
    index->by_name = vae__allocate(bundle->context, bundle->tensor_count, sizeof *index->by_name);
    if (!index->by_name) return vae__last_status();
    index->by_key = vae__allocate(bundle->context, bundle->metadata_count, sizeof *index->by_key);
    if (!index->by_key) return vae__last_status();
    vae__bundle_sort(bundle, index->by_name, bundle->tensor_count, vae__compare_places);
    vae_status status = check_tiling(p, index->by_name);
    if (status) return status;
    vae__bundle_sort(bundle, index->by_name, bundle->tensor_count, vae__compare_names);
    vae__bundle_sort(bundle, index->by_key, bundle->metadata_count, vae__compare_keys);
    return check_duplicates(p, index);
}

/* ---- bundles ---- */

/* A file whose first bytes are no header's length, or of a header that it does not hold. */
static vae_status fail_start(const char *label, const unsigned char *bytes, size_t size,
                             uint64_t length) {
    char beginning[VAE__BEGINNING_SIZE];
    const size_t head = size < HEAD_SIZE ? size : HEAD_SIZE;
    if (!size)
        return vae__fail(VAE_ERROR_FORMAT, "%s: is empty; expected a safetensors file", label);
    if (length <= VAE__MOST_HEADER && size > LENGTH_SIZE && bytes[LENGTH_SIZE] == '{') {
        uint64_t missing = length - (size - LENGTH_SIZE);
        return vae__fail(
            VAE_ERROR_FORMAT,
            "%s: is cut off: the header lacks %llu byte%s, and the tensors are missing", label,
            (unsigned long long)missing, vae__plural(missing));
    }
    const vae__file_kind *kind = vae__file_kind_of(bytes, head);
    return vae__fail(VAE_ERROR_FORMAT, "%s: is no safetensors file; begins with %s (%s%s)", label,
                     vae__beginning(beginning, bytes, head), kind ? "it is " : "",
                     kind ? kind->what
                          : "expected the header's length in 8 bytes, then the header");
}

/* The header's length from the first eight bytes, checked against `size`. */
static vae_status read_length(const char *label, const unsigned char *bytes, size_t size,
                              size_t *length) {
    uint64_t value = 0;
    if (size < LENGTH_SIZE) return fail_start(label, bytes, size, UINT64_MAX);
    for (int i = LENGTH_SIZE; i-- > 0;) value = value << 8 | bytes[i];
    if (value > VAE__MOST_HEADER || value > size - LENGTH_SIZE)
        return fail_start(label, bytes, size, value);
    *length = (size_t)value;
    return VAE_OK;
}

vae_status vae__safetensors_parse(vae_context *context, const char *label, const void *bytes,
                                  size_t size, vae__bundle *out) {
    const unsigned char *header = (const unsigned char *)bytes + LENGTH_SIZE;
    size_t length = 0;
    *out = (vae__bundle){.context = context};
    vae_status status = read_length(label, bytes, size, &length);
    if (status) return status;
    parser p = {.json = {.label = label, .part = "header", .text = header, .size = length},
                .bundle = out,
                .data = header + length,
                .data_size = size - LENGTH_SIZE - length};
    vae__bundle_index *index = out->owned = vae__allocate(context, 1, sizeof *index);
    if (!index) return vae__fail_in("%s", label);
    p.json.strings = index->strings = vae__allocate(context, length, 1);
    status = index->strings ? parse_header(&p) : vae__last_status();
    if (!status) status = check_complete(&p);
    if (!status) status = check_bundle(&p, index);
    if (status) vae__bundle_free(out);
    return status;
}
