/* A data set whose rows are read gives the bits of one whose rows lie in memory; a failed read is an error
 * that names the row. */
#include "unit/data/scratch.h"

#include "data/median.h"
#include "data/cursor.h"
#include "data/gather.h"
#include "data/describe.h"
#include "support/checks.h"
#include "support/rows.h"

enum { ROWS = 70, WIDTH = 9000 }; /* WIDTH: a row of doubles is larger than a buffer otherwise is */

static const char *const types[] = {"uint8", "float32", "float64"};

/* Values [ROWS, width] of an element type, 0 .. 250. */
static void *make_values(vae__element element, size_t width) {
    void *values = malloc(ROWS * width * 8);
    assert_non_null(values);
    for (size_t i = 0; i < ROWS * width; i++) {
        unsigned char byte = (unsigned char)(i * i * 31 % 251);
        float single = byte;
        double number = byte;
        if (element == VAE__ELEMENT_UINT8) ((unsigned char *)values)[i] = byte;
        if (element == VAE__ELEMENT_FLOAT32) ((float *)values)[i] = single;
        if (element == VAE__ELEMENT_FLOAT64) ((double *)values)[i] = number;
    }
    return values;
}

static char *description(vae_dataset *dataset) {
    vae__buffer text = {.context = vae__dataset_context(dataset)};
    assert_ok(vae__dataset_describe(dataset, &text));
    char *copy = strdup(text.text);
    vae__buffer_free(&text);
    return copy;
}

static void assert_same_rows(vae_dataset *a, vae_dataset *b) {
    size_t size = vae__dataset_size(a), width = vae__dataset_width(a);
    size_t bytes = size * width * sizeof(vae__real);
    vae__real *x = malloc(bytes), *y = malloc(bytes);
    assert_ok(vae__dataset_read(a, 0, size, x));
    assert_ok(vae__dataset_read(b, 0, size, y));
    assert_memory_equal(x, y, bytes);
    for (int i = 0; i < 5; i++) {
        vae__batch batch, other;
        vae__dataset_next(a, &batch);
        vae__dataset_next(b, &other);
        assert_ok(vae__dataset_gather(a, batch.rows, batch.count, batch.epoch, x));
        assert_ok(vae__dataset_gather(b, other.rows, other.count, other.epoch, y));
        assert_memory_equal(x, y, batch.count * width * sizeof *x);
    }
    free(x);
    free(y);
}

static void gives_the_bits_of_memory(void **state) {
    static const char *const options[] = {"batch=33 scale=unit", "shift=columns split=test:0.3",
                                          "scale=unit binarize=sample batch=7"};
    static const size_t widths[] = {3, 300, WIDTH};
    scratch *s = *state;
    for (size_t i = 0; i < 3 * COUNT_OF(widths) * COUNT_OF(options); i++) {
        vae__element element = (vae__element)(i % 3);
        size_t width = widths[i / 3 % 3];
        const char *text = options[i / 9];
        char with_type[100];
        test_rows rows = test_rows_of(NULL, ROWS, width);
        vae_dataset *read, *memory;
        rows.element = element;
        rows.values = make_values(element, width);
        snprintf(with_type, sizeof with_type, "copy=0 dtype=%s %s", types[element], text);
        assert_ok(
            vae__dataset_from_memory(s->context, rows.values, ROWS, width, with_type, &memory));
        assert_ok(test_rows_open(&rows, s->context, text, &read));
        char *expected = description(memory), *found = description(read);
        assert_string_equal(found, expected);
        assert_same_rows(memory, read);
        free(expected);
        free(found);
        vae__dataset_free(memory);
        vae_dataset_destroy(read);
        assert_int_equal(atomic_load(&rows.closed), 1);
        free((void *)rows.values);
    }
}

/* Each pass of opening may meet the row that cannot be read, and each is then the failure. */
static void fails_to_open_with_the_row(void **state) {
    static const char *const options[] = {"scale=unit", "shift=columns", "scale=none shift=[1]",
                                          "scale=range:0:251 binarize=sample"};
    const double values[] = {3, 250, 7, 1, 1, 9};
    scratch *s = *state;
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        test_rows rows = test_rows_of(NULL, COUNT_OF(values), 1);
        vae_dataset *dataset = NULL;
        size_t failures = 0;
        vae_status status;
        rows.element = VAE__ELEMENT_FLOAT64;
        rows.values = values;
        do {
            atomic_store(&rows.reads, 0);
            atomic_store(&rows.fail_read, ++failures);
            status = test_rows_open(&rows, s->context, options[i], &dataset);
            if (!status) break;
            assert_int_equal(status, VAE_ERROR_FILE);
            assert_message(TEST_READ_FAILURE);
            assert_message("row 100"); /* 1000 .. 1005 */
            assert_null(dataset);
        } while (failures < 1000);
        assert_in_range(failures, COUNT_OF(values) + 1, 999);
        vae_dataset_destroy(dataset);
        assert_int_equal(atomic_load(&rows.closed), failures);
    }
}

/* Every allocation of opening and reading may fail. */
static void survives_every_failed_allocation(void **state) {
    static const char options[] = "shift=columns split=test:0.5";
    double values[ROWS];
    vae_status status = VAE_ERROR_MEMORY;
    (void)state;
    for (size_t i = 0; i < ROWS; i++) values[i] = (double)(i * i % 7);
    for (size_t refused = 1; status; refused++) {
        host_allocator counts;
        vae_context *context = counted_context("threads=2", &counts);
        vae_dataset *dataset = NULL;
        vae__real x[ROWS];
        test_rows rows = test_rows_of(NULL, ROWS, 1);
        rows.element = VAE__ELEMENT_FLOAT64;
        rows.values = values;
        counts.refuse_from = atomic_load(&counts.calls) + refused;
        status = test_rows_open(&rows, context, options, &dataset);
        if (!status) status = vae__dataset_read(dataset, 0, vae__dataset_size(dataset), x);
        if (status) assert_int_equal(status, VAE_ERROR_MEMORY);
        vae_dataset_destroy(dataset);
        vae_context_destroy(context);
        assert_int_equal(atomic_load(&counts.blocks), 0);
        assert_true(refused < 100 && atomic_load(&rows.closed) == 1);
    }
}

static void reads_again_after_a_failure(void **state) {
    float values[ROWS], found[ROWS];
    scratch *s = *state;
    vae_dataset *dataset;
    for (size_t i = 0; i < ROWS; i++) values[i] = (float)i;
    test_rows rows = test_rows_of(values, ROWS, 1);
    assert_ok(test_rows_open(&rows, s->context, "", &dataset));
    atomic_store(&rows.broken[0], 66);
    assert_ok(vae_dataset_read(dataset, 0, 66, found, 1));
    assert_fails(vae_dataset_read(dataset, 0, ROWS, found, 1), VAE_ERROR_FILE,
                 "row 1066: " TEST_READ_FAILURE);
    atomic_store(&rows.broken[0], SIZE_MAX);
    assert_ok(vae_dataset_read(dataset, 0, ROWS, found, 1));
    assert_memory_equal(found, values, sizeof values);
    vae_dataset_destroy(dataset);
}

/* The split's row 0 is not the source's; its number is. */
static void names_rows_by_the_source(void **state) {
    float values[ROWS] = {0}, x;
    char part[40];
    scratch *s = *state;
    vae_dataset *dataset;
    test_rows rows = test_rows_of(values, ROWS, 1);
    assert_ok(test_rows_open(&rows, s->context, "split=test:0.5", &dataset));
    uint64_t number = vae_dataset_row_number(dataset, 20);
    assert_true(number != TEST_FIRST_ROW + 20);
    atomic_store(&rows.broken[0], (size_t)number - TEST_FIRST_ROW);
    snprintf(part, sizeof part, "row %d: ", (int)number);
    assert_ok(vae_dataset_read(dataset, 19, 1, &x, 1));
    assert_fails(vae_dataset_read(dataset, 20, 1, &x, 1), VAE_ERROR_FILE, part);
    vae_dataset_destroy(dataset);
}

static void keeps_to_options_of_files(void **state) {
    static const char *const options[] = {"copy=0", "dtype=uint8", "header=yes", "where=[a=1]"};
    float values[2] = {0};
    scratch *s = *state;
    vae_dataset *dataset;
    test_rows rows = test_rows_of(values, 2, 1);
    for (size_t i = 0; i < COUNT_OF(options); i++)
        assert_int_equal(test_rows_open(&rows, s->context, options[i], &dataset), VAE_ERROR_TEXT);
    assert_int_equal(atomic_load(&rows.closed), COUNT_OF(options));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(gives_the_bits_of_memory),    SCRATCH_TEST(fails_to_open_with_the_row),
        SCRATCH_TEST(reads_again_after_a_failure), SCRATCH_TEST(names_rows_by_the_source),
        SCRATCH_TEST(keeps_to_options_of_files),   SCRATCH_TEST(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
