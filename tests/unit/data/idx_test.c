#include "unit/data/scratch.h"

#define HEADER(type, rank) 0, 0, type, rank
#define EXTENT(n) 0, 0, 0, n

static void reads_bytes(void **state) {
    const unsigned char file[] = {HEADER(8, 3), EXTENT(2), EXTENT(1), EXTENT(3), 0, 1, 2, 3,
                                  254,          255};
    vae__table table;
    write_file(*state, file, sizeof file);
    assert_int_equal(read_table(*state, &table), VAE_OK);
    assert_int_equal(table.rows, 2);
    assert_int_equal(table.shape.size, 3);
    assert_int_equal(table.shape.rank, 2);
    assert_int_equal(table.shape.extents[0], 1);
    assert_int_equal(table.shape.extents[1], 3);
    assert_int_equal(table.element, VAE__ELEMENT_UINT8);
    assert_memory_equal(table.values, file + 16, 6);
    vae__table_free(((scratch *)*state)->context, &table);
}

static void reads_big_endian_floats(void **state) {
    const unsigned char single[] = {
        HEADER(0x0D, 2), EXTENT(1), EXTENT(2), 0x3F, 0x80, 0, 0, 0xC0, 0x20, 0, 0};
    const unsigned char pair[] = {
        HEADER(0x0E, 2), EXTENT(1), EXTENT(1), 0xBF, 0xE0, 0, 0, 0, 0, 0, 0};
    vae_context *context = ((scratch *)*state)->context;
    vae__table table;
    write_file(*state, single, sizeof single);
    assert_int_equal(read_table(*state, &table), VAE_OK);
    assert_int_equal(table.element, VAE__ELEMENT_FLOAT32);
    assert_true(((float *)table.values)[0] == 1.0f && ((float *)table.values)[1] == -2.5f);
    vae__table_free(context, &table);
    write_file(*state, pair, sizeof pair);
    assert_int_equal(read_table(*state, &table), VAE_OK);
    assert_int_equal(table.element, VAE__ELEMENT_FLOAT64);
    assert_true(*(double *)table.values == -0.5);
    vae__table_free(context, &table);
}

/* Longer than the first step of a growing block. */
static void reads_compressed(void **state) {
    const size_t rows = 40, width = 256 * 256, size = 16 + rows * width;
    const unsigned char header[] = {HEADER(8, 3), EXTENT(40), 0, 0, 1, 0, 0, 0, 1, 0};
    unsigned char *file = malloc(size);
    vae__table table;
    memcpy(file, header, 16);
    for (size_t i = 0; i < rows * width; i++) file[16 + i] = (unsigned char)(i * i >> 3);
    write_gzip(*state, file, size);
    assert_int_equal(read_table(*state, &table), VAE_OK);
    assert_int_equal(table.rows, rows);
    assert_int_equal(table.shape.size, width);
    assert_memory_equal(table.values, file + 16, rows * width);
    vae__table_free(((scratch *)*state)->context, &table);
    write_gzip(*state, file, size - 1);
    assert_refused(
        *state, VAE_ERROR_FORMAT,
        "offset 16: expected 2621440 bytes of values (2621440 of 1 byte each), found 2621439");
    free(file);
}

static void refuses_labels_as_images(void **state) {
    const unsigned char file[] = {HEADER(8, 1), EXTENT(3), 7, 8, 9};
    const vae__format_request as_labels = {.as_labels = 1};
    scratch *s = *state;
    vae__table table;
    write_file(s, file, sizeof file);
    assert_refused(s, VAE_ERROR_FORMAT,
                   "this is a labels file (rank 1, 3 values); expected images of rank >= 2");
    assert_int_equal(vae__format_read(s->context, s->path, &as_labels, &table), VAE_OK);
    assert_int_equal(table.rows, 3);
    assert_int_equal(table.shape.size, 1);
    assert_memory_equal(table.values, file + 8, 3);
    vae__table_free(s->context, &table);
}

/* Signed bytes, 16- and 32-bit integers: the lowest, -1 and the highest of each. */
static void reads_signed_integers(void **state) {
    static const struct {
        unsigned char type, values[12];
        size_t size;
        vae__element element;
        double expected[3];
    } cases[] = {
        {0x09, {0x80, 0xFF, 0x7F}, 1, VAE__ELEMENT_FLOAT32, {-128, -1, 127}},
        {0x0B, {0x80, 0, 0xFF, 0xFF, 0x7F, 0xFF}, 2, VAE__ELEMENT_FLOAT32, {-32768, -1, 32767}},
        {0x0C,
         {0x80, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF},
         4,
         VAE__ELEMENT_FLOAT64,
         {-2147483648.0, -1, 2147483647}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char file[12 + 12] = {HEADER(cases[i].type, 2), EXTENT(1), EXTENT(3)};
        vae__table table;
        memcpy(file + 12, cases[i].values, 12);
        write_file(*state, file, 12 + 3 * cases[i].size);
        assert_int_equal(read_table(*state, &table), VAE_OK);
        assert_true(table.rows == 1 && table.shape.size == 3 && table.element == cases[i].element);
        for (size_t j = 0; j < 3; j++)
            assert_true(vae__stored_value(table.element, table.values, j) == cases[i].expected[j]);
        vae__table_free(((scratch *)*state)->context, &table);
    }
}

static void refuses_other_types(void **state) {
    for (unsigned char type = 0; type < 255; type++) {
        const unsigned char file[] = {HEADER(type, 2), EXTENT(1), EXTENT(1), 1};
        if (type >= 0x08 && type <= 0x0E && type != 0x0A) continue;
        write_file(*state, file, sizeof file);
        assert_refused(*state, VAE_ERROR_FORMAT, "not a known format");
    }
}

static void refuses_ranks(void **state) {
    const unsigned char none[] = {HEADER(8, 0), 1}, many[] = {HEADER(8, 10), 1},
                        cut[] = {HEADER(8, 3), EXTENT(1), 0, 0};
    write_file(*state, none, sizeof none);
    assert_refused(*state, VAE_ERROR_FORMAT, "offset 3: expected rank 1 to 9, found 0");
    write_file(*state, many, sizeof many);
    assert_refused(*state, VAE_ERROR_FORMAT, "expected rank 1 to 9, found 10");
    write_file(*state, cut, sizeof cut);
    assert_refused(*state, VAE_ERROR_FORMAT,
                   "offset 4: expected 12 bytes of dimensions, found the end of the file after 6");
}

static void refuses_another_length(void **state) {
    const unsigned char file[] = {HEADER(8, 2), EXTENT(2), EXTENT(2), 1, 2, 3, 4, 5};
    write_file(*state, file, sizeof file - 2);
    assert_refused(*state, VAE_ERROR_FORMAT,
                   "offset 12: expected 4 bytes of values (4 of 1 byte each), found 3");
    write_file(*state, file, sizeof file);
    assert_refused(*state, VAE_ERROR_FORMAT,
                   "offset 12: expected 4 bytes of values (4 of 1 byte each), found 5");
    write_gzip(*state, file, sizeof file);
    assert_refused(*state, VAE_ERROR_FORMAT, "found 5 or more");
}

static void refuses_empty_dimensions(void **state) {
    const unsigned char file[] = {HEADER(8, 3), EXTENT(2), EXTENT(0), EXTENT(2)};
    write_file(*state, file, sizeof file);
    assert_refused(*state, VAE_ERROR_FORMAT, "dimension 1 is 0");
}

/* 2^40 values, and more than 64 bits hold, in a few bytes: refused without taking memory. */
static void refuses_claims_beyond_the_file(void **state) {
    const unsigned char large[] = {HEADER(8, 3), 0, 1, 0, 0, 0, 0, 16, 0, 0, 0, 16, 0, 1};
    unsigned char endless[4 + 9 * 4 + 1] = {HEADER(0x0E, 9)};
    scratch *s = *state;
    memset(endless + 4, 0xFF, sizeof endless - 4);
    write_file(s, large, sizeof large);
    assert_refused(
        s, VAE_ERROR_FORMAT,
        "expected 1099511627776 bytes of values (1099511627776 of 1 byte each), found 1");
    write_gzip(s, large, sizeof large);
    assert_refused(s, VAE_ERROR_FORMAT,
                   "expected 1099511627776 bytes of values, which a compressed file of");
    write_file(s, endless, sizeof endless);
    assert_refused(s, VAE_ERROR_FORMAT, "more bytes than can be addressed");
    assert_true(s->context->peak_bytes < 400000);
}

/* A compressed file that could hold what it claims, but does not: the block grows as it comes. */
static void grows_with_the_content_only(void **state) {
    const size_t size = 1 << 20;
    unsigned char *file = calloc(1, size);
    const unsigned char header[] = {HEADER(8, 2), 0, 0, 0x40, 0, 0, 0, 0x40, 0}; /* 2^28 bytes */
    scratch *s = *state;
    uint64_t random = 1;
    memcpy(file, header, sizeof header);
    for (size_t i = 12; i < size; i++)
        file[i] = (unsigned char)((random = random * 6364136223846793005u + 1) >> 56);
    write_gzip(s, file, size);
    assert_refused(s, VAE_ERROR_FORMAT,
                   "expected 268435456 bytes of values (268435456 of 1 byte each), found 1048564");
    assert_true(s->context->peak_bytes < 6 << 20);
    free(file);
}

static void refuses_more_than_the_limit(void **state) {
    unsigned char file[12 + 200 * 200] = {HEADER(8, 2), EXTENT(200), EXTENT(200)};
    scratch *s = *state;
    write_file(s, file, sizeof file);
    s->context->memory_limit = 100000; /* the reader's buffers fit, the values do not */
    assert_refused(s, VAE_ERROR_LIMIT,
                   "file: needs 39.06 KiB (40000 bytes), but memory_limit=100000 leaves");
    s->context->memory_limit = SIZE_MAX;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(reads_bytes),
        SCRATCH_TEST(reads_big_endian_floats),
        SCRATCH_TEST(reads_compressed),
        SCRATCH_TEST(refuses_labels_as_images),
        SCRATCH_TEST(reads_signed_integers),
        SCRATCH_TEST(refuses_other_types),
        SCRATCH_TEST(refuses_ranks),
        SCRATCH_TEST(refuses_another_length),
        SCRATCH_TEST(refuses_empty_dimensions),
        SCRATCH_TEST(refuses_claims_beyond_the_file),
        SCRATCH_TEST(grows_with_the_content_only),
        SCRATCH_TEST(refuses_more_than_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
