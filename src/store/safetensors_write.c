/* Writing a safetensors file: header, then tensors in the order of their names, each 8-byte aligned. The
 * same content gives the same bytes. */
#include <stdint.h>
#include <string.h>

#include "base/replace.h"
#include "store/bundle.h"
#include "store/json.h"

#define LENGTH_SIZE \
    8 /* bytes of the little-endian header length, and what the header is padded to */

static vae_status append_metadata(vae__buffer *json, const vae__metadata *metadata, size_t count) {
    vae__append(json, "\"__metadata__\":{");
    for (size_t i = 0; i < count; i++) {
        if (i) vae__append(json, ",");
        if (vae__json_append_string(json, metadata[i].key)) return vae__fail_in("metadata key");
        vae__append(json, ":");
        if (vae__json_append_string(json, metadata[i].value)) {
            return vae__fail_in("metadata '%s'", metadata[i].key);
        }
    }
    vae__append(json, "}");
    return VAE_OK;
}

static vae_status append_tensor(vae__buffer *json, const vae__tensor *tensor, size_t begin) {
    size_t bytes = 0;
    if (!vae__tensor_bytes(tensor, &bytes) || bytes != tensor->bytes) {
        return vae__fail(VAE_ERROR_INTERNAL,
                         "tensor '%s': expected %zu bytes for its shape, found %zu", tensor->name,
                         bytes, tensor->bytes);
    }
    vae_status status = vae__json_append_string(json, tensor->name);
    if (status) return vae__fail_in("tensor name");
    vae__append(json, ":{\"dtype\":\"%s\",\"shape\":[", vae__dtype_name(tensor->dtype));
    for (size_t i = 0; i < tensor->shape.rank; i++) {
        vae__append(json, "%s%zu", i ? "," : "", tensor->shape.extents[i]);
    }
    vae__append(json, "],\"data_offsets\":[%zu,%zu]}", begin, begin + bytes);
    return VAE_OK;
}

/* The header with room for the length in front, not yet padded. */
static vae_status append_header(vae__buffer *json, const vae__tensor *tensors, size_t tensor_count,
                                const vae__metadata *metadata, size_t metadata_count) {
    static const char no_length[LENGTH_SIZE];
    vae_status status = VAE_OK;
    size_t begin = 0;
    vae__append_bytes(json, no_length, LENGTH_SIZE);
    vae__append(json, "{");
    if (metadata_count) status = append_metadata(json, metadata, metadata_count);
    for (size_t i = 0; i < tensor_count && !status; i++) {
        if (i || metadata_count) vae__append(json, ",");
        status = append_tensor(json, &tensors[i], begin);
        begin += tensors[i].bytes;
    }
    vae__append(json, "}");
    return status;
}

vae_status vae__safetensors_header(vae_context *context, const vae__tensor *tensors,
                                   size_t tensor_count, const vae__metadata *metadata,
                                   size_t metadata_count, unsigned char **header,
                                   size_t *header_size) {
    vae__buffer json = {.context = context};
    *header = NULL;
    *header_size = 0;
    vae_status status = append_header(&json, tensors, tensor_count, metadata, metadata_count);
    vae__append(&json, "%*s", (int)(-json.length % LENGTH_SIZE), "");
    if (!status && json.failed) status = vae__last_status();
    if (!status && json.length - LENGTH_SIZE > VAE__MOST_HEADER) {
        status = vae__fail(
            VAE_ERROR_UNSUPPORTED,
            "the header would be %zu bytes; a safetensors file has at most %d: remove metadata",
            json.length - LENGTH_SIZE, VAE__MOST_HEADER);
    }
    if (status) {
        vae__buffer_free(&json);
        return status;
    }
    *header = (unsigned char *)json.text;
    *header_size = json.length;
    uint64_t length = json.length - LENGTH_SIZE;
    for (int i = 0; i < LENGTH_SIZE; i++) (*header)[i] = (unsigned char)(length >> 8 * i);
    return VAE_OK;
}

static void copy_pieces(unsigned char *to, const unsigned char *header, size_t header_size,
                        const vae__tensor *tensors, size_t tensor_count) {
    memcpy(to, header, header_size);
    to += header_size;
    for (size_t i = 0; i < tensor_count; i++) {
        if (tensors[i].bytes) memcpy(to, tensors[i].data, tensors[i].bytes);
        to += tensors[i].bytes;
    }
}

vae_status vae__safetensors_write_memory(vae_context *context, const vae__tensor *tensors,
                                         size_t tensor_count, const vae__metadata *metadata,
                                         size_t metadata_count, void *buffer, size_t size,
                                         size_t *length) {
    unsigned char *header;
    size_t header_size;
    *length = 0;
    vae_status status = vae__safetensors_header(context, tensors, tensor_count, metadata,
                                                metadata_count, &header, &header_size);
    if (status) return status;
    *length = header_size;
    for (size_t i = 0; i < tensor_count; i++) *length += tensors[i].bytes;
    if (!buffer) {
        status = VAE_OK;
    } else if (size < *length) {
        status = vae__fail(VAE_ERROR_ARGUMENT, "buffer: expected room for %zu bytes, found %zu",
                           *length, size);
    } else {
        copy_pieces(buffer, header, header_size, tensors, tensor_count);
    }
    vae__release(context, header);
    return status;
}

vae_status vae__safetensors_write_file(vae_context *context, const char *path,
                                       const vae__tensor *tensors, size_t tensor_count,
                                       const vae__metadata *metadata, size_t metadata_count) {
    unsigned char *header;
    size_t header_size;
    vae_status status = vae__safetensors_header(context, tensors, tensor_count, metadata,
                                                metadata_count, &header, &header_size);
    if (status) return status;
    vae__piece *pieces = vae__allocate(context, tensor_count + 1, sizeof *pieces);
    if (pieces) {
        pieces[0] = (vae__piece){header, header_size};
        for (size_t i = 0; i < tensor_count; i++) {
            pieces[i + 1] = (vae__piece){tensors[i].data, tensors[i].bytes};
        }
        status = vae__file_replace(context, path, pieces, tensor_count + 1);
    } else {
        status = vae__last_status();
    }
    vae__release(context, pieces);
    vae__release(context, header);
    return status;
}
