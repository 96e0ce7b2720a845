/* scale=range and shift=: what rows become, for every type of them. */
#include "data/scaling.h"
#include "data/gather.h"

#include <math.h>

#include "unit/data/scratch.h"

static vae_dataset *from_memory(void **state, const void *rows, size_t n, size_t width,
                                const char *options) {
    vae_dataset *dataset;
    if (vae__dataset_from_memory(((scratch *)*state)->context, rows, n, width, options, &dataset))
        fail_msg("%s: %s", options, vae__last_message());
    return dataset;
}

static void assert_memory_refused(void **state, const void *rows, size_t n, size_t width,
                                  const char *options, vae_status status, const char *message) {
    vae_dataset *dataset = (vae_dataset *)*state;
    assert_int_equal(
        vae__dataset_from_memory(((scratch *)*state)->context, rows, n, width, options, &dataset),
        status);
    assert_message(message);
    assert_null(dataset);
}

/* n * width values as expected, bit for bit, and the same as (stored - offset) / range. */
static void assert_rows(vae_dataset *dataset, const vae__real *expected, const double *stored) {
    size_t n = vae__dataset_size(dataset), width = vae__dataset_width(dataset);
    vae__real x[64];
    assert_true(n * width <= 64);
    vae__dataset_read(dataset, 0, n, x);
    for (size_t i = 0; i < n * width; i++) {
        double offset, range;
        vae__dataset_scaling(dataset, i % width, &offset, &range);
        if (x[i] != expected[i] || (vae__real)((stored[i] - offset) / range) != x[i])
            fail_msg("value %zu is %.9g, not %.9g", i, (double)x[i], (double)expected[i]);
    }
    vae__dataset_free(dataset);
}

/* ---- scale=range ---- */

static void maps_a_range(void **state) {
    const unsigned char bytes[] = {0, 10, 110, 255};
    const float singles[] = {-2, 0, 1, 6};
    const double doubles[] = {999, 1000, 1250, 2000}, *d = doubles;
    const double byte_values[] = {0, 10, 110, 255}, single_values[] = {-2, 0, 1, 6};
    const vae__real from_bytes[] = {(vae__real)-0.1, 0, 1, (vae__real)2.45};
    const vae__real from_fractions[] = {-1, 39, 439, 1019};
    const vae__real from_singles[] = {0, (vae__real)0.25, (vae__real)0.375, 1};
    const vae__real from_doubles[] = {(vae__real)-0.001, 0, (vae__real)0.25, 1};
    assert_rows(from_memory(state, bytes, 4, 1, "dtype=uint8 scale=range:10:110"), from_bytes,
                byte_values);
    assert_rows(from_memory(state, bytes, 4, 1, "dtype=uint8 scale=range:0.25:0.5"), from_fractions,
                byte_values);
    assert_rows(from_memory(state, singles, 4, 1, "scale=range:-2:6"), from_singles, single_values);
    assert_rows(from_memory(state, doubles, 4, 1, "dtype=float64 scale=range:1e3:2e3"),
                from_doubles, d);
}

static void binarizes_what_a_range_made(void **state) {
    const double rows[] = {900, 1400, 1600, 2100};
    const vae__real expected[] = {0, 0, 1, 1};
    vae__real x[4];
    vae_dataset *dataset =
        from_memory(state, rows, 4, 1, "dtype=float64 scale=range:1000:2000 binarize=threshold");
    vae__dataset_read(dataset, 0, 4, x);
    assert_memory_equal(x, expected, sizeof x);
    vae__dataset_free(dataset);
    assert_memory_refused(state, rows, 4, 1, "dtype=float64 scale=range:1000:2000 binarize=sample",
                          VAE_ERROR_DATA,
                          "row 0, column 0 (both from 0): expected values in [0, 1]");
    vae__dataset_free(
        from_memory(state, rows, 4, 1, "dtype=float64 scale=range:900:2100 binarize=sample"));
}

/* ---- shift ---- */

static void subtracts_a_value_of_each_column(void **state) {
    const double near_billion[] = {1e9 - 1, 1e9, 1e9 + 1, 1e9 + 2};
    const vae__real steps[] = {-1, 0, 1, 2};
    /* milliseconds since 1970 and Julian dates, whose fractions are of 2^-20 days */
    const double times[] = {1.7e12 + 5,          2460310.5,  1.7e12,
                            2460310.5 - 0x1p-20, 1.7e12 - 3, 2460310.5 + 0x3p-20};
    const vae__real from_times[] = {5, 0, 0, (vae__real)-0x1p-20, -3, (vae__real)0x3p-20};
    assert_rows(from_memory(state, near_billion, 4, 1, "dtype=float64 shift=columns"), steps,
                near_billion);
    assert_rows(from_memory(state, times, 3, 2, "dtype=float64 shift=columns"), from_times, times);
}

static void shifts_every_type(void **state) {
    const unsigned char bytes[] = {10, 200, 20, 100, 60, 255};
    const float singles[] = {16777216, 1, 16777218, 3, 16777220, 2};
    const double byte_values[] = {10, 200, 20, 100, 60, 255};
    const double single_values[] = {16777216, 1, 16777218, 3, 16777220, 2};
#define PER_BYTE(value) (vae__real)((value) / 255.0)
    const vae__real from_bytes[] = {PER_BYTE(-10), 0,           0, PER_BYTE(-100),
                                    PER_BYTE(40),  PER_BYTE(55)};
    const vae__real raw_bytes[] = {-10, 0, 0, -100, 40, 55};
    const vae__real listed_bytes[] = {11, (vae__real)199.5, 21, (vae__real)99.5,
                                      61, (vae__real)254.5};
    const vae__real from_singles[] = {-2, -1, 0, 1, 2, 0};
    const vae__real listed_singles[] = {0, 1, 2, 3, 4, 2};
    assert_rows(from_memory(state, bytes, 3, 2, "dtype=uint8 shift=columns"), from_bytes,
                byte_values);
    assert_rows(from_memory(state, bytes, 3, 2, "dtype=uint8 shift=columns scale=none"), raw_bytes,
                byte_values);
    assert_rows(from_memory(state, bytes, 3, 2, "dtype=uint8 shift=[-1, 0.5] scale=none"),
                listed_bytes, byte_values);
    assert_rows(from_memory(state, singles, 3, 2, "shift=columns"), from_singles, single_values);
    assert_rows(from_memory(state, singles, 3, 2, "shift=[16777216, 0]"), listed_singles,
                single_values);
}

/* The median is of all rows, so both parts of a split are shifted alike, and labels not at all. */
static void split_parts_agree(void **state) {
    double rows[40], offset[2], range, label;
    char options[200];
    scratch *s = *state;
    char labels[500] = "";
    for (int i = 0; i < 40; i++) {
        rows[i] = 1.7e9 + (i * 7 % 40);
        sprintf(labels + strlen(labels), "%d\n", 1700000000 + i * 7 % 40);
    }
    write_file(s, labels, strlen(labels));
    const char *parts[] = {"train:0.25", "test:0.25"};
    for (int part = 0; part < 2; part++) {
        snprintf(options, sizeof options,
                 "dtype=float64 shift=columns drop_last=1 batch=10 split=%s labels=%s", parts[part],
                 s->path);
        vae_dataset *dataset = from_memory(state, rows, 40, 1, options);
        vae__dataset_scaling(dataset, 0, &offset[part], &range);
        for (size_t i = 0; i < vae__dataset_size(dataset); i++) {
            vae__real x;
            vae__dataset_read(dataset, i, 1, &x);
            vae__dataset_read_labels(dataset, i, 1, &label);
            assert_true((double)x == rows[vae__dataset_source_row(dataset, i)] - offset[part]);
            assert_true(label == rows[vae__dataset_source_row(dataset, i)]);
        }
        vae__dataset_free(dataset);
    }
    assert_true(offset[0] == offset[1] && offset[0] == 1.7e9 + 19);
}

/* Offsets of 0 are the same as none. */
static void zeros_are_no_shift(void **state) {
    const double rows[] = {0, 1, -5, 0, 0, 7, -0.0};
    vae_dataset *dataset = from_memory(state, rows, 7, 1, "dtype=float64 shift=columns");
    assert_null(vae__dataset_shift(dataset));
    vae__dataset_free(dataset);
    dataset = from_memory(state, rows, 3, 2, "dtype=float64 shift=[0, -0.0]");
    assert_null(vae__dataset_shift(dataset));
    vae__dataset_free(dataset);
    dataset = from_memory(state, rows, 3, 2, "dtype=float64 shift=[0, 1e-9]");
    assert_true(vae__dataset_shift(dataset)[0] == 0 && vae__dataset_shift(dataset)[1] == 1e-9);
    vae__dataset_free(dataset);
}

/* What is not finite stays so, for the check of the row; it is no value to take a median of. */
static void keeps_what_is_not_finite(void **state) {
    const double rows[] = {NAN, 7, INFINITY, 5, 9};
    vae__real x[5];
    vae_dataset *dataset = from_memory(state, rows, 5, 1, "dtype=float64 shift=columns");
    vae__dataset_read(dataset, 0, 5, x);
    assert_true(isnan(x[0]) && x[1] == 0 && isinf(x[2]) && x[3] == -2 && x[4] == 2);
    vae__dataset_free(dataset);
}

static void shifts_rows_that_are_lent(void **state) {
    const double rows[] = {1e9 + 1, 3, 1e9, 5};
    unsigned char room[40];
    vae__real x[4];
    memcpy(room + 5, rows, sizeof rows);
    vae_dataset *dataset = from_memory(state, room + 5, 2, 2, "dtype=float64 copy=0 shift=columns");
    vae__dataset_read(dataset, 0, 2, x);
    assert_true(x[0] == 1 && x[1] == 0 && x[2] == 0 && x[3] == 2);
    vae__dataset_free(dataset);
}

static void refuses_lists_of_another_length(void **state) {
    const float rows[] = {1, 2, 3, 4};
    assert_memory_refused(state, rows, 2, 2, "shift=[1]", VAE_ERROR_TEXT,
                          "options:1:7: shift: expected as many numbers as there are columns, 2; "
                          "found 1");
    assert_memory_refused(state, rows, 2, 2, "batch=1 shift=[1, 2, 3]", VAE_ERROR_TEXT,
                          "options:1:15: shift: expected as many numbers as there are columns, 2; "
                          "found 3");
    assert_memory_refused(state, rows, 2, 2, "shift=[]", VAE_ERROR_TEXT, "columns, 2; found 0");
    static char many[60000] = "shift=[0";
    for (size_t i = 1; i < 20000; i++) strcat(many + 2 * i, ",1");
    strcat(many, "]");
    assert_memory_refused(state, rows, 2, 2, many, VAE_ERROR_TEXT, "2; found 20000");
}

/* ---- files ---- */

static void assert_opens(const scratch *s, const char *options, const vae__real *expected,
                         const double *stored) {
    vae_dataset *dataset;
    if (vae__dataset_open(s->context, s->path, options, &dataset))
        fail_msg("%s: %s", options, vae__last_message());
    assert_rows(dataset, expected, stored);
}

static void shifts_files(void **state) {
    const double npy_values[] = {1e9 - 1, 1e9, 1e9 + 1, 1e9 + 2};
    const double csv_values[] = {2, 1700000000.5, 3, 1700000001.25, 5, 1700000000.5};
    const vae__real from_npy[] = {-1, 0, 1, 2};
    const vae__real from_csv[] = {-1, 0, 0, (vae__real)0.75, 2, 0};
    const char csv[] = "time,id,x\n1700000000.5,1,2\n1700000001.25,2,3\n1700000000.5,3,5\n";
    char npy[128 + sizeof npy_values] = "\x93NUMPY\x01";
    scratch *s = *state;
    write_file(s, csv, sizeof csv - 1);
    assert_opens(s, "columns=[x, time] shift=columns", from_csv, csv_values);
    assert_opens(s, "columns=[x, time] shift=[3, 1700000000.5]", from_csv, csv_values);
    npy[8] = 118;
    snprintf(npy + 10, 119, "%-117s\n",
             "{'descr': '<f8', 'fortran_order': False, 'shape': (4, 1), }");
    memcpy(npy + 128, npy_values, sizeof npy_values);
    write_file(s, npy, sizeof npy);
    assert_opens(s, "shift=columns", from_npy, npy_values);
}

/* ---- names in messages ---- */

static void names_columns(void **state) {
    char text[VAE__COLUMN_TEXT];
    const float rows[] = {1, 2};
    const char csv[] = "a,,\"c, d\"\n1,2,3\n";
    scratch *s = *state;
    vae_dataset *dataset = from_memory(state, rows, 1, 2, "");
    assert_string_equal(vae__column_text(dataset, 1, text), "column 1 (from 0)");
    vae__dataset_free(dataset);
    write_file(s, csv, sizeof csv - 1);
    assert_int_equal(
        vae__dataset_open(s->context, s->path, "header=yes columns=[2, a, 1]", &dataset), VAE_OK);
    assert_string_equal(vae__column_text(dataset, 0, text), "column 0 (from 0, named c, d)");
    assert_string_equal(vae__column_text(dataset, 1, text), "column 1 (from 0, named a)");
    assert_string_equal(vae__column_text(dataset, 2, text), "column 2 (from 0)");
    vae__dataset_free(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(maps_a_range),
        SCRATCH_TEST(binarizes_what_a_range_made),
        SCRATCH_TEST(subtracts_a_value_of_each_column),
        SCRATCH_TEST(shifts_every_type),
        SCRATCH_TEST(split_parts_agree),
        SCRATCH_TEST(zeros_are_no_shift),
        SCRATCH_TEST(keeps_what_is_not_finite),
        SCRATCH_TEST(shifts_rows_that_are_lent),
        SCRATCH_TEST(refuses_lists_of_another_length),
        SCRATCH_TEST(shifts_files),
        SCRATCH_TEST(names_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
