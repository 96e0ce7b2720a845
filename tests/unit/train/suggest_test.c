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
        cmocka_unit_test(what_has_no_model_is_refused),
        cmocka_unit_test(columns_have_the_names_of_the_header),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_remove);
}
