/* vae_dataset_spec: which likelihood suits the rows, from their values and their shape; and that a model can be
 * made of the text. vae_dataset_column_name: the names of a CSV file's header, in the order of the columns. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/folder.h"

static void expect_spec(const vae_dataset *dataset, const char *expected) {
    char text[400], spec[450];
    size_t length;
    vae_model *model = NULL;
    assert_ok(vae_dataset_spec(dataset, NULL, 0, &length));
    assert_ok(vae_dataset_spec(dataset, text, sizeof text, &length));
    assert_int_equal(length, strlen(text) + 1);
    assert_string_equal(text, expected);
    snprintf(spec, sizeof spec, "latent=2 %s", text);
    assert_ok(vae_model_create(NULL, spec, &model));
    assert_int_equal(vae_model_width(model), vae_dataset_width(dataset));
    assert_ok(vae_model_initialize(model, (vae_dataset *)dataset));
    vae_model_destroy(model);
}

static void expect(const void *rows, size_t n, size_t width, const char *options,
                   const char *expected) {
    vae_dataset *dataset = NULL;
    assert_ok(vae_dataset_from_memory(NULL, rows, n, width, options, &dataset));
    expect_spec(dataset, expected);
    vae_dataset_destroy(dataset);
}

static void the_values_choose_the_likelihood(void **state) {
    static const unsigned char bytes[] = {0, 255, 17, 255, 0, 255}, bits[] = {0, 255, 255, 0};
    static const float binary[] = {0, 1, 1, 0, 0, 1}, counts[] = {0, 1, 7, 300, 0, 1};
    static const float reals[] = {0, 1, 7, 0.25f, -3, 1}, negative[] = {0, 1, -1, 2};
    static const float fractions[] = {0, 0.5f, 0.25f, 1};
    (void)state;
    expect(binary, 3, 2, NULL, "input=2 likelihood=bernoulli # all values are 0 or 1");
    expect(bits, 2, 2, "dtype=uint8", "input=2 likelihood=bernoulli # all values are 0 or 1");
    expect(bytes, 3, 2, "dtype=uint8 binarize=threshold",
           "input=2 likelihood=bernoulli # all values are 0 or 1");
    expect(
        bytes, 2, 3, "dtype=uint8",
        "input=3 likelihood=discretized_logistic # all values are 8-bit levels (multiples of 1/255 "
        "from 0 to 1); not 0 or 1: row 0, column 2 is 0.06667");
    expect(
        bytes, 2, 3, "dtype=uint8 scale=none",
        "input=3 likelihood=negative_binomial # all values are counts (whole numbers from 0 on); "
        "not 8-bit levels (multiples of 1/255 from 0 to 1): row 0, column 1 is 255");
    expect(
        counts, 2, 3, NULL,
        "input=3 likelihood=negative_binomial # all values are counts (whole numbers from 0 on); "
        "not 8-bit levels (multiples of 1/255 from 0 to 1): row 0, column 2 is 7");
    expect(reals, 3, 2, NULL,
           "input=2 likelihood=gaussian standardize=1 sigma=per_dim # all values are real numbers; "
           "not counts (whole numbers from 0 on): row 1, column 1 is 0.25");
    expect(negative, 2, 2, NULL,
           "input=2 likelihood=gaussian standardize=1 sigma=per_dim # all values are real numbers; "
           "not counts (whole numbers from 0 on): row 1, column 0 is -1");
    expect(fractions, 2, 2, NULL,
           "input=2 likelihood=gaussian standardize=1 sigma=per_dim # all values are real numbers; "
           "not counts (whole numbers from 0 on): row 0, column 1 is 0.5");
}

/* The value that decides stands in the last of many rows. */
static void every_row_is_looked_at(void **state) {
    enum { ROWS = 1000 };
    float *x = calloc(ROWS, sizeof *x);
    (void)state;
    assert_non_null(x);
    x[ROWS - 1] = 2;
    expect(
        x, ROWS, 1, NULL,
        "input=1 likelihood=negative_binomial # all values are counts (whole numbers from 0 on); "
        "not 8-bit levels (multiples of 1/255 from 0 to 1): row 999, column 0 is 2");
    free(x);
}

static void the_shape_is_the_files(void **state) {
    vae_dataset *dataset = NULL;
    (void)state;
    assert_ok(vae_dataset_open(NULL, "sprites:20", NULL, &dataset));
    expect_spec(dataset, "input=1x32x32 likelihood=bernoulli # all values are 0 or 1");
    vae_dataset_destroy(dataset);
    assert_ok(vae_dataset_open(NULL, "sprites:20:3x24x16", NULL, &dataset));
    size_t length;
    char text[400];
    assert_ok(vae_dataset_spec(dataset, text, sizeof text, &length));
    assert_memory_equal(text, "input=3x24x16 likelihood=discretized_logistic #", 47);
    vae_dataset_destroy(dataset);
}

/* ---- arrays of images ---- */

/* Opens an NPY file of version 1 with this type and shape, and `size` bytes of values. */
static vae_dataset *open_npy(const char *type, const char *shape, const void *values, size_t size) {
    char header[200];
    vae_dataset *dataset = NULL;
    const char *path = test_in_folder("images.npy");
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    int length = snprintf(header, sizeof header, "{'descr': '%s', %s}\n", type, shape);
    const unsigned char begin[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)length, 0};
    fwrite(begin, 1, sizeof begin, file);
    fwrite(header, 1, (size_t)length, file);
    fwrite(values, 1, size, file);
    assert_int_equal(fclose(file), 0);
    assert_ok(vae_dataset_open(NULL, path, NULL, &dataset));
    return dataset;
}

static void expect_images(const vae_dataset *dataset, const char *spec) {
    size_t shape[3], rank;
    assert_int_equal(vae_dataset_size(dataset), 2);
    assert_ok(vae_dataset_shape(dataset, shape, 3, &rank));
    assert_int_equal(rank, 3);
    assert_true(shape[0] == 3 && shape[1] == 4 && shape[2] == 5);
    expect_spec(dataset, spec);
}

/* [n, channels, height, width], as PyTorch has them: value (c, i, j) of a row is number (4 c + i) 5 + j. */
static void arrays_of_images_have_their_shape(void **state) {
    enum { WIDTH = 3 * 4 * 5 };
    const char *levels =
        "input=3x4x5 likelihood=discretized_logistic # all values are 8-bit levels "
        "(multiples of 1/255 from 0 to 1); not 0 or 1: row 0, column 1 is 0.003922";
    unsigned char bytes[2 * WIDTH], columns_first[2 * WIDTH];
    float reals[2 * WIDTH], x[WIDTH];
    (void)state;
    for (int i = 0; i < 2 * WIDTH; i++) {
        int row = i / WIDTH, c = i / 20 % 3, line = i / 5 % 4, column = i % 5;
        bytes[i] = (unsigned char)(2 * i + (i == 1 ? -1 : 0));
        reals[i] = 1.5f * (float)i;
        columns_first[row + 2 * (c + 3 * (line + 4 * column))] = bytes[i];
    }
    vae_dataset *dataset =
        open_npy("|u1", "'fortran_order': False, 'shape': (2, 3, 4, 5)", bytes, sizeof bytes);
    expect_images(dataset, levels);
    vae_dataset_destroy(dataset);
    dataset = open_npy("|u1", "'fortran_order': True, 'shape': (2, 3, 4, 5)", columns_first,
                       sizeof columns_first);
    expect_images(dataset, levels);
    assert_ok(vae_dataset_read(dataset, 1, 1, x, WIDTH));
    for (int i = 0; i < WIDTH; i++) assert_true(x[i] == (float)bytes[WIDTH + i] / 255.0f);
    vae_dataset_destroy(dataset);
    dataset = open_npy("<f4", "'fortran_order': False, 'shape': (2, 3, 4, 5)", reals, sizeof reals);
    expect_images(dataset,
                  "input=3x4x5 likelihood=gaussian standardize=1 sigma=per_dim # all values "
                  "are real numbers; not counts (whole numbers from 0 on): row 0, column 1 "
                  "is 1.5");
    assert_ok(vae_dataset_read(dataset, 1, 1, x, WIDTH));
    assert_memory_equal(x, reals + WIDTH, sizeof x);
    vae_dataset_destroy(dataset);
}

/* [n, height, width, channels], as image files are read in Python, is another order. */
static void channels_behind_are_said(void **state) {
    unsigned char zeros[2 * 8 * 7 * 3] = {0};
    (void)state;
    vae_dataset *dataset =
        open_npy("|u1", "'fortran_order': False, 'shape': (2, 8, 7, 3)", zeros, sizeof zeros);
    expect_spec(dataset,
                "input=8x7x3 likelihood=bernoulli # all values are 0 or 1; 8x7x3 looks like "
                "height x width x channels, but a row is channels x height x width: in "
                "Python, x.transpose(0, 3, 1, 2)");
    vae_dataset_destroy(dataset);
    dataset =
        open_npy("|u1", "'fortran_order': False, 'shape': (2, 3, 28, 2)", zeros, sizeof zeros);
    expect_spec(dataset, "input=3x28x2 likelihood=bernoulli # all values are 0 or 1");
    vae_dataset_destroy(dataset);
}

static void what_has_no_model_is_refused(void **state) {
    const float bad[] = {1, 2, 3, INFINITY};
    vae_dataset *dataset = NULL;
    (void)state;
    assert_ok(vae_dataset_from_memory(NULL, bad, 2, 2, NULL, &dataset));
    assert_fails(vae_dataset_spec(dataset, NULL, 0, NULL), VAE_ERROR_DATA, "row 1, column 1");
    assert_fails(vae_dataset_spec(NULL, NULL, 0, NULL), VAE_ERROR_ARGUMENT, "dataset");
    vae_dataset_destroy(dataset);
}

static vae_dataset *open_csv(const char *content, const char *options) {
    vae_dataset *dataset = NULL;
    const char *path = test_in_folder("table.csv");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    assert_int_equal(fclose(file), 0);
    assert_ok(vae_dataset_open(NULL, path, options, &dataset));
    return dataset;
}

static void columns_have_the_names_of_the_header(void **state) {
    const char *named = "id,\"height, cm\",kind,weight\n7,180.5,1,80\n8,170,2,70\n";
    vae_dataset *dataset = open_csv(named, "columns=[weight, 1] labels=column:kind");
    const float x[] = {0, 1};
    (void)state;
    assert_string_equal(vae_dataset_column_name(dataset, 0), "weight");
    assert_string_equal(vae_dataset_column_name(dataset, 1), "height, cm");
    assert_string_equal(vae_dataset_column_name(dataset, 2), "");
    vae_dataset_destroy(dataset);
    dataset = open_csv(named, "labels=column:kind");
    assert_string_equal(vae_dataset_column_name(dataset, 0), "id");
    assert_string_equal(vae_dataset_column_name(dataset, 2), "weight");
    vae_dataset_destroy(dataset);
    dataset = open_csv("1,2\n3,4\n", NULL);
    assert_string_equal(vae_dataset_column_name(dataset, 0), "");
    vae_dataset_destroy(dataset);
    assert_ok(vae_dataset_from_memory(NULL, x, 1, 2, NULL, &dataset));
    assert_string_equal(vae_dataset_column_name(dataset, 0), "");
    assert_string_equal(vae_dataset_column_name(NULL, 0), "");
    vae_dataset_destroy(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_values_choose_the_likelihood),
        cmocka_unit_test(every_row_is_looked_at),
        cmocka_unit_test(the_shape_is_the_files),
        cmocka_unit_test(arrays_of_images_have_their_shape),
        cmocka_unit_test(channels_behind_are_said),
        cmocka_unit_test(what_has_no_model_is_refused),
        cmocka_unit_test(columns_have_the_names_of_the_header),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_remove);
}
