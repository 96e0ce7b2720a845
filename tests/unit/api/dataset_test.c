/* The doors of vae_dataset: what they refuse, and that they reach the room behind. */
#include <stdint.h>
#include <string.h>

#include "support/cmocka.h"
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

/* Of every kind: x = (stored - offset) / range. */
static void tells_the_scaling(void **state) {
    static const unsigned char bytes[] = {10, 2, 30, 4};
    static const double doubles[] = {1000001, -1, 1000000, 5, 1000007, 3};
    static const struct {
        const char *options;
        double offsets[2], range;
    } cases[] = {
        {"dtype=uint8", {0, 0}, 255},
        {"dtype=uint8 scale=none", {0, 0}, 1},
        {"dtype=uint8 scale=unit", {2, 2}, 28},
        {"dtype=uint8 shift=columns", {10, 2}, 255},
        {"dtype=float64 shift=columns", {1000001, 3}, 1},
        {"dtype=float64 shift=[1e6, 0.5] scale=none", {1e6, 0.5}, 1},
        {"dtype=float64 shift=columns split=test:0.5", {1000001, 3}, 1},
        {"dtype=float64 scale=range:-20:1e6", {-20, -20}, 1000020},
        {"dtype=float64 scale=unit", {-1, -1}, 1000008},
    };
    double offset = 7, range = 7;
    vae_dataset *dataset;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int is_bytes = strstr(cases[i].options, "uint8") != NULL;
        const void *from = is_bytes ? (const void *)bytes : doubles;
        assert_int_equal(
            vae_dataset_from_memory(NULL, from, is_bytes ? 2 : 3, 2, cases[i].options, &dataset),
            VAE_OK);
        for (size_t j = 0; j < 2; j++) {
            assert_int_equal(vae_dataset_scaling(dataset, j, &offset, &range), VAE_OK);
            if (offset != cases[i].offsets[j] || range != cases[i].range)
                fail_msg("%s: column %zu: %.17g, %.17g", cases[i].options, j, offset, range);
        }
        vae_dataset_destroy(dataset);
    }
    dataset = make("");
    assert_int_equal(vae_dataset_scaling(dataset, 1, NULL, &range), VAE_OK);
    assert_int_equal(vae_dataset_scaling(dataset, 1, &offset, NULL), VAE_OK);
    assert_int_equal(vae_dataset_scaling(dataset, 1, NULL, NULL), VAE_OK);
    assert_true(offset == 0 && range == 1);
    offset = range = 7;
    assert_int_equal(vae_dataset_scaling(dataset, 2, &offset, &range), VAE_ERROR_ARGUMENT);
    assert_error("vae_dataset_scaling: column is 2; the data set has 2, from 0");
    assert_int_equal(vae_dataset_scaling(NULL, 0, &offset, &range), VAE_ERROR_ARGUMENT);
    assert_error("vae_dataset_scaling: dataset is NULL");
    assert_true(offset == 7 && range == 7);
    vae_dataset_destroy(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creates_and_destroys), cmocka_unit_test(refuses_null),
        cmocka_unit_test(reads_rows),           cmocka_unit_test(reads_labels),
        cmocka_unit_test(tells_the_shape),      cmocka_unit_test(tells_the_scaling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
