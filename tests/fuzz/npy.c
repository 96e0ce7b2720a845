/* NPY files, plain and compressed. */
#include "fuzz/subjects.h"

#define LIMIT ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vae_context *context = fuzz_context(LIMIT);
    const char *path = fuzz_file(data, size);
    if (fuzz_table(context, path, NULL)) {
        fuzz_table(context, path, "scale=unit split=train:0.5");
        fuzz_table(context, path, "binarize=sample batch=1 drop_last=1");
        fuzz_compressed(context, data, size);
    }
    fuzz_context_end(context);
    return 0;
}
