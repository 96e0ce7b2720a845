/* Element types of safetensors and the sorted order of names. A name that stands twice is found here, for
 * reading and for writing. */
#include "store/bundle.h"

#include <stdint.h>
#include <string.h>

/* ---- element types ---- */

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [VAE__DTYPE_F32] = {"F32", 4}, [VAE__DTYPE_F64] = {"F64", 8}, [VAE__DTYPE_U8] = {"U8", 1},
    [VAE__DTYPE_U64] = {"U64", 8}, [VAE__DTYPE_I64] = {"I64", 8},
};

static const char *const unread_dtypes[] = {
    "BOOL",    "F4",          "F6_E2M3",     "F6_E3M2", "F8_E4M3", "F8_E5M2",
    "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F16",     "BF16",    "I8",
    "I16",     "I32",         "U16",         "U32",     "C64"};

const char *vae__dtype_name(vae__dtype dtype) {
    return dtypes[dtype].name;
}

int vae__dtype_find(const char *name, vae__dtype *dtype) {
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (strcmp(name, dtypes[i].name)) continue;
        *dtype = (vae__dtype)i;
        return 1;
    }
    return 0;
}

int vae__dtype_unread(const char *name) {
    for (size_t i = 0; i < sizeof unread_dtypes / sizeof *unread_dtypes; i++) {
        if (!strcmp(name, unread_dtypes[i])) return 1;
    }
    return 0;
}

int vae__tensor_bytes(const vae__tensor *tensor, size_t *bytes) {
    const vae__shape *shape = &tensor->shape;
    size_t product = dtypes[tensor->dtype].size;
    int empty = 0;
    for (size_t i = 0; i < shape->rank; i++) {
        size_t dimension = shape->extents[i];
        if (dimension == 0) {
            empty = 1;
        } else if (product > SIZE_MAX / dimension) {
            return 0;
        } else {
            product *= dimension;
        }
    }
    *bytes = empty ? 0 : product;
    return 1;
}

/* ---- order ---- */

int vae__compare_names(const vae__bundle *bundle, size_t i, size_t j) {
    return strcmp(bundle->tensors[i].name, bundle->tensors[j].name);
}

int vae__compare_keys(const vae__bundle *bundle, size_t i, size_t j) {
    return strcmp(bundle->metadata[i].key, bundle->metadata[j].key);
}

int vae__compare_places(const vae__bundle *bundle, size_t i, size_t j) {
    const vae__tensor *a = &bundle->tensors[i], *b = &bundle->tensors[j];
    const unsigned char *a_data = a->data, *b_data = b->data;
    if (a_data != b_data) return a_data < b_data ? -1 : 1;
    return (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

/* Lets order[root] sink to its place in the heap order[0 .. count-1], whose largest is on top. */
static void sink(const vae__bundle *bundle, size_t *order, size_t root, size_t count,
                 vae__compare_fn compare) {
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && compare(bundle, order[child], order[child + 1]) < 0) child++;
        if (compare(bundle, order[root], order[child]) >= 0) return;
        size_t larger = order[child];
        order[child] = order[root];
        order[root] = larger;
        root = child;
    }
}

void vae__bundle_sort(const vae__bundle *bundle, size_t *order, size_t count,
                      vae__compare_fn compare) {
    for (size_t i = 0; i < count; i++) order[i] = i;
    for (size_t i = count / 2; i-- > 0;) sink(bundle, order, i, count, compare);
    for (size_t left = count; left-- > 1;) {
        size_t largest = order[0];
        order[0] = order[left];
        order[left] = largest;
        sink(bundle, order, 0, left, compare);
    }
}

/* ---- bundles ---- */

const vae__tensor *vae__bundle_tensor(const vae__bundle *bundle, const char *name) {
    const vae__bundle_index *index = bundle->owned;
    for (size_t low = 0, high = bundle->tensor_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        const vae__tensor *tensor = &bundle->tensors[index->by_name[middle]];
        int order = strcmp(name, tensor->name);
        if (order == 0) return tensor;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *vae__bundle_metadata(const vae__bundle *bundle, const char *key) {
    const vae__bundle_index *index = bundle->owned;
    for (size_t low = 0, high = bundle->metadata_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        const vae__metadata *entry = &bundle->metadata[index->by_key[middle]];
        int order = strcmp(key, entry->key);
        if (order == 0) return entry->value;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

void vae__bundle_free(vae__bundle *bundle) {
    vae__bundle_index *index = bundle->owned;
    if (index) {
        vae__release(bundle->context, index->strings);
        vae__release(bundle->context, index->by_name);
        vae__release(bundle->context, index->by_key);
        vae__release(bundle->context, index);
    }
    vae__release(bundle->context, bundle->tensors);
    vae__release(bundle->context, bundle->metadata);
    *bundle = (vae__bundle){.context = bundle->context};
}
