/* The safetensors format: 8-byte little-endian header length, JSON header, contiguous tensor bytes.
 * Knows no model. */
#ifndef VAE_STORE_SAFETENSORS_H
#define VAE_STORE_SAFETENSORS_H

#include "base/file.h"
#include "base/shape.h"

typedef enum vae__dtype {
    VAE__DTYPE_F32,
    VAE__DTYPE_F64,
    VAE__DTYPE_U8,
    VAE__DTYPE_U64,
    VAE__DTYPE_I64
} vae__dtype;

typedef struct vae__tensor {
    const char *name;
    vae__dtype dtype;
    vae__shape shape; /* in a parsed file an extent may be 0; then size is 0 */
    const void *data; /* little-endian; may be unaligned in a parsed file: read it with memcpy */
    size_t bytes;
} vae__tensor;

typedef struct vae__metadata {
    const char *key, *value;
} vae__metadata;

/* Named tensors and string metadata, in the order of the file. Names, values and data point into
 * `bytes` or into blocks the bundle owns. */
typedef struct vae__bundle {
    vae_context *context;
    vae__tensor *tensors;
    size_t tensor_count;
    vae__metadata *metadata;
    size_t metadata_count;
    void *owned; /* internal: what vae__bundle_free releases besides the arrays */
} vae__bundle;

/* Parses `size` bytes, which must outlive the bundle. label names the source in messages. Refuses
 * all that the format forbids: header longer than the file or over 100 MB, trailing bytes, gaps,
 * overlaps, offsets that do not match shape and dtype, duplicate keys, unknown dtypes, invalid
 * JSON, invalid UTF-8, nesting. */
vae_status vae__safetensors_parse(vae_context *context, const char *label, const void *bytes,
                                  size_t size, vae__bundle *out);
void vae__bundle_free(vae__bundle *bundle);

/* NULL if absent. */
const vae__tensor *vae__bundle_tensor(const vae__bundle *bundle, const char *name);
const char *vae__bundle_metadata(const vae__bundle *bundle, const char *key);

/* The header for the given tensors and metadata (length prefix included, padded to 8 bytes), to be
 * followed by every tensor's data in order. A block of the context. VAE_ERROR_UNSUPPORTED if it would be
 * longer than the format allows; VAE_ERROR_TEXT for a name, key or value that is not UTF-8. */
vae_status vae__safetensors_header(vae_context *context, const vae__tensor *tensors,
                                   size_t tensor_count, const vae__metadata *metadata,
                                   size_t metadata_count, unsigned char **header,
                                   size_t *header_size);

/* Size of the whole file, and the whole file into `buffer` or durably to `path`. */
vae_status vae__safetensors_write_memory(vae_context *context, const vae__tensor *tensors,
                                         size_t tensor_count, const vae__metadata *metadata,
                                         size_t metadata_count, void *buffer, size_t size,
                                         size_t *length);
vae_status vae__safetensors_write_file(vae_context *context, const char *path,
                                       const vae__tensor *tensors, size_t tensor_count,
                                       const vae__metadata *metadata, size_t metadata_count);

#endif
