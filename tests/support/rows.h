/* A row source for tests: float32 rows, read as from a file whose reads can fail. */
#ifndef TESTS_SUPPORT_ROWS_H
#define TESTS_SUPPORT_ROWS_H

#include <stdatomic.h>

#include "data/dataset.h"

/* The row numbers in messages are these and the index. */
enum { TEST_FIRST_ROW = 1000 };

#define TEST_READ_FAILURE "rows.bin: the device is gone"

typedef struct test_rows {
    vae__element element;
    const void *values; /* [n, width]; must outlive the data set */
    size_t n, width;
    uint64_t *numbers;              /* [n] made by test_rows_source */
    atomic_size_t broken[2];        /* rows that cannot be read; SIZE_MAX: none */
    atomic_size_t reads, fail_read; /* rows read so far; the one that fails, from 1; 0: none */
    atomic_int closed;
} test_rows;

/* float32 rows that can all be read. */
test_rows test_rows_of(const float *values, size_t n, size_t width);

void test_rows_source(test_rows *rows, vae_context *context, vae__row_source *out);

/* A data set of a public handle. */
vae_status test_rows_open(test_rows *rows, vae_context *context, const char *options,
                          vae_dataset **out);

#endif
