#include "support/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/context.h"

test_rows test_rows_of(const float *values, size_t n, size_t width) {
    test_rows rows = {.element = VAE__ELEMENT_FLOAT32, .values = values, .n = n, .width = width};
    for (size_t i = 0; i < 2; i++) atomic_init(&rows.broken[i], SIZE_MAX);
    return rows;
}

static int fails(test_rows *rows, uint64_t row) {
    size_t number = atomic_fetch_add(&rows->reads, 1) + 1;
    return number == atomic_load(&rows->fail_read) || row == atomic_load(&rows->broken[0]) ||
           row == atomic_load(&rows->broken[1]);
}

static vae_status read_rows(const vae__row_source *source, const uint64_t *rows, size_t n,
                            void *into, size_t *done) {
    test_rows *own = source->state;
    size_t size = vae__row_bytes(source);
    for (*done = 0; *done < n; ++*done) {
        uint64_t row = rows[*done];
        if (fails(own, row)) return vae__fail(VAE_ERROR_FILE, TEST_READ_FAILURE);
        memcpy((unsigned char *)into + *done * size,
               (const unsigned char *)own->values + (size_t)row * size, size);
    }
    return VAE_OK;
}

static void close_rows(vae__row_source *source) {
    test_rows *own = source->state;
    free(own->numbers);
    own->numbers = NULL;
    atomic_fetch_add(&own->closed, 1);
}

void test_rows_source(test_rows *rows, vae_context *context, vae__row_source *out) {
    rows->numbers = malloc(rows->n * sizeof *rows->numbers);
    for (size_t i = 0; i < rows->n; i++) rows->numbers[i] = TEST_FIRST_ROW + i;
    *out = (vae__row_source){.context = context,
                             .element = rows->element,
                             .count = rows->n,
                             .shape = vae__shape_vector(rows->width),
                             .numbers = rows->numbers,
                             .read = read_rows,
                             .close = close_rows,
                             .state = rows};
}

vae_status test_rows_open(test_rows *rows, vae_context *context, const char *options,
                          vae_dataset **out) {
    vae__row_source source;
    test_rows_source(rows, context, &source);
    vae__context_retain(context);
    vae_status status = vae__dataset_from_source(&source, options, out);
    if (status) vae__context_release(context);
    return status;
}
