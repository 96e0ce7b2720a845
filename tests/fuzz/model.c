/* Model files: a loaded one has finite weights, prints its spec, runs and saves the same bytes. */
#include <math.h>
#include <stdlib.h>

#include "fuzz/subjects.h"

#define LIMIT ((size_t)4 << 20)

static void check_finite(const vae_model *model) {
    for (size_t i = 0; i < vae_model_parameter_count(model); i++) {
        size_t shape[2] = {1, 1}, rank;
        const char *name = vae_model_parameter_name(model, i);
        FUZZ_REQUIRE(!vae_model_parameter_shape(model, i, shape, 2, &rank), "%s", name);
        size_t count = rank == 1 ? shape[0] : shape[0] * shape[1];
        float *values = malloc(count * sizeof *values);
        FUZZ_REQUIRE(values && !vae_model_parameter_get(model, name, values, count), "%s", name);
        for (size_t j = 0; j < count; j++)
            FUZZ_REQUIRE(isfinite(values[j]), "%s holds %g", name, (double)values[j]);
        free(values);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vae_context *context = fuzz_context(LIMIT);
    vae_model *model = NULL;
    vae_status status = fuzz_status(
        vae_model_load_memory(context, size ? data : (const uint8_t *)"", size, &model));
    FUZZ_REQUIRE(!status == (model != NULL), "a handle and %s", vae_status_name(status));
    if (model) {
        check_finite(model);
        fuzz_model(context, model);
    }
    vae_model_destroy(model);
    fuzz_context_end(context);
    return 0;
}
