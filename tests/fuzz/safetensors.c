/* safetensors files of any content, without a model: what is read and written again is the same. */
#include "store/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/support.h"

#define LIMIT ((size_t)4 << 20)

static unsigned char *write_bundle(vae_context *context, const vae__bundle *bundle, size_t *size) {
    unsigned char *bytes = NULL;
    for (int pass = 0; pass < 2; pass++) { /* measure, write */
        if (!fuzz_succeeds(vae__safetensors_write_memory(
                context, bundle->tensors, bundle->tensor_count, bundle->metadata,
                bundle->metadata_count, bytes, pass ? *size : 0, size))) {
            free(bytes);
            return NULL;
        }
        if (!pass) bytes = malloc(*size);
        FUZZ_REQUIRE(bytes, "no memory");
    }
    return bytes;
}

static void check_found(const vae__bundle *bundle) {
    for (size_t i = 0; i < bundle->tensor_count; i++) {
        const vae__tensor *tensor = &bundle->tensors[i];
        FUZZ_REQUIRE(vae__bundle_tensor(bundle, tensor->name) == tensor, "tensor %zu", i);
    }
    for (size_t i = 0; i < bundle->metadata_count; i++) {
        const vae__metadata *entry = &bundle->metadata[i];
        FUZZ_REQUIRE(vae__bundle_metadata(bundle, entry->key) == entry->value, "entry %zu", i);
    }
}

static void compare_bundles(const vae__bundle *a, const vae__bundle *b) {
    FUZZ_REQUIRE(a->tensor_count == b->tensor_count && a->metadata_count == b->metadata_count,
                 "counts");
    for (size_t i = 0; i < a->tensor_count; i++) {
        const vae__tensor *x = &a->tensors[i], *y = &b->tensors[i];
        FUZZ_REQUIRE(!strcmp(x->name, y->name) && x->dtype == y->dtype &&
                         vae__shape_equal(&x->shape, &y->shape) && x->bytes == y->bytes &&
                         (!x->bytes || !memcmp(x->data, y->data, x->bytes)),
                     "tensor %zu", i);
    }
    for (size_t i = 0; i < a->metadata_count; i++) {
        FUZZ_REQUIRE(!strcmp(a->metadata[i].key, b->metadata[i].key) &&
                         !strcmp(a->metadata[i].value, b->metadata[i].value),
                     "entry %zu", i);
    }
}

/* Written it reads the same, and written from that it has the same bytes. */
static void rewrite(vae_context *context, const vae__bundle *bundle) {
    size_t size, size_again;
    vae__bundle again;
    unsigned char *bytes = write_bundle(context, bundle, &size);
    if (!bytes) return;
    if (fuzz_succeeds(vae__safetensors_parse(context, "written", bytes, size, &again))) {
        compare_bundles(bundle, &again);
        unsigned char *bytes_again = write_bundle(context, &again, &size_again);
        FUZZ_REQUIRE(!bytes_again || (size == size_again && !memcmp(bytes, bytes_again, size)),
                     "%zu bytes became %zu others", size, size_again);
        free(bytes_again);
        vae__bundle_free(&again);
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vae_context *context = fuzz_context(LIMIT);
    vae__bundle bundle;
    if (!fuzz_status(vae__safetensors_parse(context, "file", data, size, &bundle))) {
        check_found(&bundle);
        rewrite(context, &bundle);
        vae__bundle_free(&bundle);
    }
    fuzz_context_end(context);
    return 0;
}
