#include "unit/data/scratch.h"

/* A file of that version, header text and values. Returns its size. */
static size_t make_npy(unsigned char *file, int version, const char *text, const void *values,
                       size_t size) {
    size_t length = strlen(text), at = 8;
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (unsigned char)version;
    file[7] = 0;
    for (int i = 0; i < (version == 1 ? 2 : 4); i++) file[at++] = (unsigned char)(length >> 8 * i);
    memcpy(file + at, text, length);
    if (size) memcpy(file + at + length, values, size);
    return at + length + size;
}

static void write_npy(void **state, int version, const char *text, const void *values,
                      size_t size) {
    unsigned char file[1000];
    write_file(*state, file, make_npy(file, version, text, values, size));
}

static void reads_every_type_and_version(void **state) {
    const unsigned char bytes[] = {0, 9, 255, 7, 8, 9};
    const float singles[] = {1.5f, -2, 0, 3, 4, 5};
    const double doubles[] = {0.1, -1e300, 3, 4, 5, 6};
    const struct {
        const char *text;
        const void *values;
        size_t size;
        vae__element element;
    } cases[] = {{"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }   \n", bytes, 6,
                  VAE__ELEMENT_UINT8},
                 {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", singles, 24,
                  VAE__ELEMENT_FLOAT32},
                 {" { \"shape\" :( 2,3 , ),\"descr\":\"<f8\",'fortran_order':False}", doubles, 48,
                  VAE__ELEMENT_FLOAT64}};
    vae__table table;
    for (int i = 0; i < 9; i++) {
        write_npy(state, 1 + i / 3, cases[i % 3].text, cases[i % 3].values, cases[i % 3].size);
        assert_int_equal(read_table(*state, &table), VAE_OK);
        assert_int_equal(table.rows, 2);
        assert_int_equal(table.width, 3);
        assert_int_equal(table.rank, 1);
        assert_int_equal(table.element, cases[i % 3].element);
        assert_memory_equal(table.values, cases[i % 3].values, cases[i % 3].size);
        vae__table_free(((scratch *)*state)->context, &table);
    }
}

static void reads_ranks_1_to_8(void **state) {
    const unsigned char values[] = {1, 2, 3, 4};
    vae__table table;
    write_npy(state, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }\n", values, 4);
    assert_int_equal(read_table(*state, &table), VAE_OK);
    assert_true(table.rows == 4 && table.width == 1 && table.rank == 1 && table.shape[0] == 1);
    vae__table_free(((scratch *)*state)->context, &table);
    write_npy(state, 1,
              "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 1, 2, 1, 1, 1, 1)}", values,
              4);
    assert_int_equal(read_table(*state, &table), VAE_OK);
    assert_true(table.rows == 2 && table.width == 2 && table.rank == 7 && table.shape[2] == 2);
    vae__table_free(((scratch *)*state)->context, &table);
}

static void refuses_headers(void **state) {
    const struct {
        const char *text, *message;
    } cases[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}",
         "offset 21: values of type '>f4' are not supported; expected '<f4' "
         "(float32), '<f8' (float64) or '|u1'"},
        {"{'descr': '<i8', 'fortran_order': False, 'shape': (1,)}", "values of type '<i8'"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
         "expected the name of one type, found '[("},
        {"{'descr': '|u1', 'fortran_order': True, 'shape': (1,)}",
         "offset 44: fortran_order is True"},
        {"{'descr': '|u1', 'fortran_order': 0, 'shape': (1,)}",
         "expected True or False, found '0,"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': ()}",
         "expected at least one dimension"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1 2)}",
         "expected ',' or ')', found '2)}'"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}",
         "expected a dimension, found '-1,)}'"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}",
         "expected a dimension"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}",
         "expected at most 8 dimensions"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1,", "expected a dimension, found ''"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': 1}", "expected '(', found '1}'"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (0, 3)}", "dimension 0 is 0"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
         "more bytes than can be addressed"},
        {"{'descr': '|u1', 'fortran_order': False}", "'shape' is missing"},
        {"{'shape': (1,), 'fortran_order': False}", "'descr' is missing"},
        {"{'shape': (1,), 'descr': '|u1'}", "'fortran_order' is missing"},
        {"{'shape': (1,), 'shape': (1,)}", "expected each key once, found ''shape': (1,)}'"},
        {"{'shape': (1,) 'descr': '|u1'}", "expected ',' or '}'"},
        {"{'size': (1,)}", "expected 'descr', 'fortran_order' or 'shape', found ''size'"},
        {"{'descr' '|u1'}", "expected ':'"},
        {"{'descr': '|u1", "expected a closing quote"},
        {"{descr: '|u1'}", "expected a key in quotes"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1,)} x",
         "expected nothing after '}', found 'x'"},
        {"{'fortran_order': Tru", "expected True or False, found 'Tru'"},
        {"{'fortran_order': Falsy", "expected True or False, found 'Falsy'"},
        {"{'descr':", "expected the name of one type, found ''"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (:", "expected a dimension, found ':'"},
        {"", "offset 10: NPY header: expected '{', found ''"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_npy(state, 1, cases[i].text, NULL, 0);
        assert_refused(*state, VAE_ERROR_FORMAT, cases[i].message);
    }
}

static void refuses_versions_and_lengths(void **state) {
    unsigned char file[1000] = {0};
    const char *text = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}";
    size_t size = make_npy(file, 2, text, "abcd", 4);
    write_file(*state, file, size);
    assert_refused(*state, VAE_ERROR_FORMAT, "expected 3 bytes of values (3 of 1 byte), found 4");
    write_file(*state, file, size - 2);
    assert_refused(*state, VAE_ERROR_FORMAT, "expected 3 bytes of values (3 of 1 byte), found 2");
    write_file(*state, file, 30);
    assert_refused(
        *state, VAE_ERROR_FORMAT,
        "offset 12: expected 55 bytes of NPY header, found the end of the file after 18");
    write_file(*state, file, 10);
    assert_refused(*state, VAE_ERROR_FORMAT, "expected 4 bytes of NPY header length");
    write_file(*state, file, 7);
    assert_refused(*state, VAE_ERROR_FORMAT, "expected 8 bytes of NPY magic and version");
    file[11] = 0xFF;
    write_file(*state, file, size);
    assert_refused(*state, VAE_ERROR_FORMAT,
                   "expected an NPY header of at most 65536 bytes, found 4278190135");
    file[6] = 4;
    write_file(*state, file, size);
    assert_refused(*state, VAE_ERROR_FORMAT, "offset 6: expected NPY version 1, 2 or 3, found 4");
    file[6] = 0;
    write_file(*state, file, size);
    assert_refused(*state, VAE_ERROR_FORMAT, "expected NPY version 1, 2 or 3, found 0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(reads_every_type_and_version),
        SCRATCH_TEST(reads_ranks_1_to_8),
        SCRATCH_TEST(refuses_headers),
        SCRATCH_TEST(refuses_versions_and_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
