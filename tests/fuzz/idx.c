/* IDX files, plain and compressed, as rows and as labels. */
#include <stdio.h>

#include "fuzz/subjects.h"

#define LIMIT ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vae_context *context = fuzz_context(LIMIT);
    char labels[300];
    const char *path = fuzz_file(data, size);
    snprintf(labels, sizeof labels, "labels=\"%s\"", path);
    if (fuzz_table(context, path, NULL)) {
        fuzz_table(context, path, labels);
        fuzz_table(context, path, "scale=unit split=test:0.5 binarize=threshold");
        fuzz_compressed(context, data, size);
    } else {
        static const uint8_t rows[3] = {1, 2, 3};
        vae_dataset *dataset;
        char text[320];
        snprintf(text, sizeof text, "dtype=uint8 %s", labels);
        fuzz_status(vae_dataset_from_memory(context, rows, 3, 1, text, &dataset));
        vae_dataset_destroy(dataset);
    }
    fuzz_context_end(context);
    return 0;
}
