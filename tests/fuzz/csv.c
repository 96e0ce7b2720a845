/* CSV files, plain and compressed, with and without header, columns and labels, and with each of the
 * options that say how they are written and which rows are kept. */
#include "fuzz/subjects.h"

#define LIMIT ((size_t)512 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const options[] = {
        "",
        "header=no",
        "header=yes labels=column:a",
        "labels=column:1",
        "columns=[1, a] scale=unit",
        "columns=[\"a, b\", \"#c\", \"d ] e\"]",
        "delimiter=comma missing=skip",
        "delimiter=semicolon decimal=comma comment=\"#\"",
        "delimiter=tab header=no missing=skip",
        "delimiter=space comment=% header=no",
        "decimal=comma comment=;",
        "where=[a=1, 1>0.5] missing=skip split=train:0.5",
        "where=[0!=x] header=no labels=column:0 binarize=sample",
        "columns=[\"a, b\", \"#c\", \"d ] e\"]",
        "where=[\"a, b=1\"]",
    };
    vae_context *context = fuzz_context(LIMIT);
    const char *path = fuzz_file(data, size);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        fuzz_table(context, path, options[i]);
    fuzz_compressed(context, data, size);
    fuzz_context_end(context);
    return 0;
}
