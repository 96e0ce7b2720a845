/* What parsing and writing safetensors share: element types, and the sorted order of a bundle. */
#ifndef VAE_STORE_BUNDLE_H
#define VAE_STORE_BUNDLE_H

#include "store/safetensors.h"

/* The element types that this library reads, for messages. */
#define VAE__DTYPE_NAMES "F32, F64, U8, U64 or I64"

const char *vae__dtype_name(vae__dtype dtype);

/* 1 and *dtype if this library reads a type of that name, else 0. */
int vae__dtype_find(const char *name, vae__dtype *dtype);

/* 1 if safetensors has a type of that name which this library does not read. */
int vae__dtype_unread(const char *name);

/* Bytes that shape and dtype ask for. 0 if the product of the dimensions, those of 0 left aside,
 * cannot * be addressed: then no partial product of an accepted shape overflows. */
int vae__tensor_bytes(const vae__tensor *tensor, size_t *bytes);

/* Bytes of a header; the format's own limit, beyond which no reader takes a file. */
#define VAE__MOST_HEADER 100000000

/* What `owned` of a bundle points to. */
typedef struct vae__bundle_index {
    char *strings;   /* names, keys and values */
    size_t *by_name; /* [tensor_count] indices of the tensors in the order of their names */
    size_t *by_key;  /* [metadata_count] the same of the metadata */
} vae__bundle_index;

/* < 0, 0, > 0 as strcmp, of elements i and j of a bundle. */
typedef int (*vae__compare_fn)(const vae__bundle *bundle, size_t i, size_t j);

int vae__compare_names(const vae__bundle *bundle, size_t i, size_t j);
int vae__compare_keys(const vae__bundle *bundle, size_t i, size_t j);

/* By place in the file; empty tensors before the one that begins at the same byte. */
int vae__compare_places(const vae__bundle *bundle, size_t i, size_t j);

/* order [count] becomes 0 .. count-1 in ascending order. Always O(count log count) comparisons and
 * no * memory, which qsort promises neither of. */
void vae__bundle_sort(const vae__bundle *bundle, size_t *order, size_t count,
                      vae__compare_fn compare);

#endif
