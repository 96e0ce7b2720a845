/* The doors of vae_dataset: what they refuse, and that they reach the room behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vae.h"

static const float rows[] = {0, 1, 2, 3, 4, 5};

static void assert_error(const char *part) {
    if (!strstr(vae_last_error(), part)) fail_msg("no \"%s\" in \"%s\"", part, vae_last_error());
}

static vae_dataset *make(const char *options) {
    vae_dataset *dataset = NULL;
    assert_int_equal(vae_dataset_from_memory(NULL, rows, 3, 2, options, &dataset), VAE_OK);
    return dataset;
}

static void creates_and_destroys(void **state) {
    vae_dataset *dataset = (vae_dataset *)&dataset;
    (void)state;
    assert_int_equal(vae_dataset_open(NULL, "sprites:4", "batch=2", &dataset), VAE_OK);
    assert_int_equal(vae_dataset_size(dataset), 4);
    assert_int_equal(vae_dataset_width(dataset), 1024);
    assert_int_equal(vae_dataset_batch(dataset), 2);
    assert_int_equal(vae_dataset_label_width(dataset), 5);
    assert_int_equal(vae_dataset_epoch(dataset), 0);
    assert_int_equal(vae_dataset_position(dataset), 0);
    vae_dataset_destroy(dataset);
    vae_dataset_destroy(NULL);
}

static void refuses_null(void **state) {
    vae_dataset *dataset = (vae_dataset *)&dataset;
    (void)state;
    assert_int_equal(vae_dataset_open(NULL, NULL, NULL, &dataset), VAE_ERROR_ARGUMENT);
    assert_error("vae_dataset_open: path is NULL");
    assert_null(dataset);
    assert_int_equal(vae_dataset_open(NULL, "sprites", NULL, NULL), VAE_ERROR_ARGUMENT);
    assert_error("vae_dataset_open: out is NULL");
    assert_int_equal(vae_dataset_from_memory(NULL, rows, 3, 2, NULL, NULL), VAE_ERROR_ARGUMENT);
    assert_error("vae_dataset_from_memory: out is NULL");
    dataset = (vae_dataset *)&dataset;
    assert_int_equal(vae_dataset_from_memory(NULL, rows, 3, 2, "bach=1", &dataset), VAE_ERROR_TEXT);
    assert_null(dataset);
    assert_int_equal(vae_dataset_read(NULL, 0, 0, NULL, 0), VAE_ERROR_ARGUMENT);
    assert_int_equal(vae_dataset_read_labels(NULL, 0, 0, NULL, 0), VAE_ERROR_ARGUMENT);
    assert_int_equal(vae_dataset_shape(NULL, NULL, 0, NULL), VAE_ERROR_ARGUMENT);
    assert_int_equal(vae_dataset_size(NULL) + vae_dataset_width(NULL) + vae_dataset_batch(NULL), 0);
    assert_int_equal(vae_dataset_label_width(NULL), 0);
    assert_int_equal(vae_dataset_epoch(NULL) + vae_dataset_position(NULL), 0);
}

static void reads_rows(void **state) {
    float x[4] = {9, 9, 9, 9};
    (void)state;
    vae_dataset *dataset = make("");
    assert_int_equal(vae_dataset_read(dataset, 1, 2, x, 2), VAE_OK);
    assert_memory_equal(x, rows + 2, sizeof x);
    assert_int_equal(vae_dataset_read(dataset, 3, 0, NULL, 2), VAE_OK);
    assert_int_equal(vae_dataset_read(dataset, 0, 1, x, 3), VAE_ERROR_WIDTH);
    assert_error("vae_dataset_read: expected width 2, found 3");
    assert_int_equal(vae_dataset_read(dataset, 2, 2, x, 2), VAE_ERROR_ARGUMENT);
    assert_error("vae_dataset_read: expected rows of 0 .. 2, found 2 from row 2");
    assert_int_equal(vae_dataset_read(dataset, 4, 0, x, 2), VAE_ERROR_ARGUMENT);
    assert_int_equal(vae_dataset_read(dataset, 1, SIZE_MAX, x, 2), VAE_ERROR_ARGUMENT);
    assert_int_equal(vae_dataset_read(dataset, 0, 1, NULL, 2), VAE_ERROR_ARGUMENT);
    assert_error("vae_dataset_read: the buffer for 1 row is NULL");
    vae_dataset_destroy(dataset);
}

static void reads_labels(void **state) {
    double labels[5];
    vae_dataset *sprites, *dataset = make("");
    (void)state;
    assert_int_equal(vae_dataset_read_labels(dataset, 0, 1, labels, 1), VAE_ERROR_UNSUPPORTED);
    assert_error("vae_dataset_read_labels: the data set has no labels");
    vae_dataset_destroy(dataset);
    assert_int_equal(vae_dataset_open(NULL, "sprites:2", NULL, &sprites), VAE_OK);
    assert_int_equal(vae_dataset_read_labels(sprites, 1, 1, labels, 5), VAE_OK);
    assert_true(labels[1] >= 5 && labels[1] < 10);
    assert_int_equal(vae_dataset_read_labels(sprites, 1, 1, labels, 1), VAE_ERROR_WIDTH);
    assert_int_equal(vae_dataset_read_labels(sprites, 1, 2, labels, 5), VAE_ERROR_ARGUMENT);
    vae_dataset_destroy(sprites);
}

static void tells_the_shape(void **state) {
    size_t shape[3] = {7, 7, 7}, rank = 0;
    vae_dataset *dataset;
    (void)state;
    assert_int_equal(vae_dataset_open(NULL, "sprites:2", NULL, &dataset), VAE_OK);
    assert_int_equal(vae_dataset_shape(dataset, shape, 2, &rank), VAE_OK);
    assert_true(rank == 3 && shape[0] == 1 && shape[1] == 32 && shape[2] == 7);
    assert_int_equal(vae_dataset_shape(dataset, NULL, 3, &rank), VAE_OK);
    assert_int_equal(vae_dataset_shape(dataset, shape, 3, NULL), VAE_OK);
    assert_int_equal(shape[2], 32);
    vae_dataset_destroy(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creates_and_destroys), cmocka_unit_test(refuses_null),
        cmocka_unit_test(reads_rows),           cmocka_unit_test(reads_labels),
        cmocka_unit_test(tells_the_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
