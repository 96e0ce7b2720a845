/* Model files: a loaded one has finite weights, prints its spec, runs and saves the same bytes, metadata of
 * others among them. */
#include "fuzz/subjects.h"

#define LIMIT ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vae_context *context = fuzz_context(LIMIT);
    vae_model *model = NULL;
    vae_status status = fuzz_status(
        vae_model_load_memory(context, size ? data : (const uint8_t *)"", size, &model));
    FUZZ_REQUIRE(!status == (model != NULL), "a handle and %s", vae_status_name(status));
    if (model) {
        fuzz_finite(model);
        fuzz_model(context, model);
        fuzz_metadata(model);
    }
    vae_model_destroy(model);
    fuzz_context_end(context);
    return 0;
}
