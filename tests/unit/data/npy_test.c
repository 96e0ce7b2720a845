#include <math.h>

#include "unit/data/scratch.h"

#include "data/gather.h"

#define SAVED "tests/data/npy/" /* what NumPy saved: tests/data/make_npy.py */

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
        assert_int_equal(table.shape.size, 3);
        assert_int_equal(table.shape.rank, 1);
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
    assert_true(table.rows == 4 && table.shape.size == 1 && table.shape.rank == 1 &&
                table.shape.extents[0] == 1);
    vae__table_free(((scratch *)*state)->context, &table);
    write_npy(state, 1,
              "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 1, 2, 1, 1, 1, 1)}", values,
              4);
    assert_int_equal(read_table(*state, &table), VAE_OK);
    assert_true(table.rows == 2 && table.shape.size == 2 && table.shape.rank == 7 &&
                table.shape.extents[2] == 2);
    vae__table_free(((scratch *)*state)->context, &table);
}

/* ---- every type, as NumPy saves it ---- */

static vae_status read_saved(void **state, const char *name, int as_labels, vae__table *table) {
    const vae__format_request options = {.as_labels = as_labels};
    char path[100];
    snprintf(path, sizeof path, SAVED "%s.npy", name);
    return vae__format_read(((scratch *)*state)->context, path, &options, table);
}

typedef struct heard {
    size_t count;
    int32_t level;
    char text[512];
} heard;

static void hear(void *user, int32_t level, const char *message) {
    heard *h = user;
    h->count++;
    h->level = level;
    strcpy(h->text, message);
}

static void assert_saved(void **state, const char *name, vae__element element,
                         const double *expected) {
    vae__table table;
    if (read_saved(state, name, 0, &table)) fail_msg("%s: %s", name, vae__last_message());
    if (table.rows != 2 || table.shape.size != 3 || table.element != element) fail_msg("%s", name);
    for (size_t i = 0; i < 6; i++) {
        double value = vae__stored_value(element, table.values, i);
        if (!(value == expected[i])) fail_msg("%s: %zu is %a", name, i, value);
    }
    vae__table_free(((scratch *)*state)->context, &table);
}

static void reads_every_type_in_both_orders(void **state) {
    static const struct {
        const char *name;
        vae__element element;
        double values[6];
    } cases[] = {
        {"i1", VAE__ELEMENT_FLOAT32, {-128, -1, 0, 1, 2, 127}},
        {"i2", VAE__ELEMENT_FLOAT32, {-32768, -1, 0, 1, 2, 32767}},
        {"i4", VAE__ELEMENT_FLOAT64, {-2147483648.0, -1, 0, 1, 2, 2147483647}},
        {"i8", VAE__ELEMENT_FLOAT64, {-0x1p63, -1, 0, 1, 2, 0x1p63}},
        {"u1", VAE__ELEMENT_UINT8, {0, 1, 2, 3, 128, 255}},
        {"u2", VAE__ELEMENT_FLOAT32, {0, 1, 2, 3, 32768, 65535}},
        {"u4", VAE__ELEMENT_FLOAT64, {0, 1, 2, 3, 0x1p31, 4294967295.0}},
        {"u8", VAE__ELEMENT_FLOAT64, {0, 1, 2, 3, 0x1p63, 0x1p64}},
        {"f2", VAE__ELEMENT_FLOAT32, {-65504, 0x1p-24, 0x1.998p-4, 1, -0x1p-14, 0x1.ff8p-15}},
        {"f4",
         VAE__ELEMENT_FLOAT32,
         {-0x1.fffffep127, 0x1p-149, (double)0.1f, 1, -0x1p-126, 16777215}},
        {"f8", VAE__ELEMENT_FLOAT64, {-1e300, 0x1p-1074, 0.1, 1, -0x1p-1022, 9007199254740991}},
    };
    const double truths[] = {1, 0, 0, 1, 1, 1};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[20];
        for (int big = 0; big < 2; big++) {
            snprintf(name, sizeof name, "%s-%s", cases[i].name, big ? "big" : "little");
            assert_saved(state, name, cases[i].element, cases[i].values);
        }
    }
    assert_saved(state, "bool", VAE__ELEMENT_FLOAT32, truths);
}

/* As in C, any byte but 0 is true. */
static void reads_bool_as_0_and_1(void **state) {
    vae__table table;
    write_npy(state, 1, "{'descr': '|b1', 'fortran_order': False, 'shape': (4,)}", "\0\1\2\xff", 4);
    assert_int_equal(read_table(*state, &table), VAE_OK);
    for (size_t i = 0; i < 4; i++) assert_true(((float *)table.values)[i] == (float)(i > 0));
    vae__table_free(((scratch *)*state)->context, &table);
}

/* scale=auto divides unsigned bytes by 255 and nothing else. */
static void scales_unsigned_bytes_only(void **state) {
    static const struct {
        const char *name;
        vae__real first, last;
    } cases[] = {
        {"u1-little", 0, 1}, {"i1-little", -128, 127}, {"u2-big", 0, 65535}, {"bool", 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[100];
        vae__real x[6];
        vae_dataset *dataset;
        snprintf(path, sizeof path, SAVED "%s.npy", cases[i].name);
        assert_int_equal(vae__dataset_open(((scratch *)*state)->context, path, "", &dataset),
                         VAE_OK);
        vae__dataset_read(dataset, 0, 2, x);
        assert_true(x[0] == cases[i].first && x[5] == cases[i].last);
        vae__dataset_free(dataset);
    }
}

/* A double of the fields of an IEEE 754 half. */
static double half_value(unsigned half) {
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double value = exponent == 31 ? fraction ? (double)NAN : (double)INFINITY
                   : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                  : ldexp(fraction, -24);
    return half >> 15 ? -value : value;
}

static void reads_every_half(void **state) {
    static unsigned char file[100 + 2 * 65536], values[2 * 65536];
    for (size_t i = 0; i < 65536; i++) {
        values[2 * i] = (unsigned char)i;
        values[2 * i + 1] = (unsigned char)(i >> 8);
    }
    write_file(*state, file,
               make_npy(file, 1, "{'descr': '<f2', 'fortran_order': False, 'shape': (65536,)}",
                        values, sizeof values));
    vae__table table;
    assert_int_equal(read_table(*state, &table), VAE_OK);
    for (unsigned i = 0; i < 65536; i++) {
        float value = ((float *)table.values)[i];
        double expected = half_value(i);
        assert_true(isnan(expected) ? isnan(value) : (double)value == expected);
        assert_true(!signbit(value) == !(i >> 15));
    }
    vae__table_free(((scratch *)*state)->context, &table);
}

/* ---- order ---- */

static void reads_fortran_order(void **state) {
    static const char *const shapes[] = {"3x2", "40x5", "2x3x4", "17x2x1x3", "1x6", "6x1"};
    static const size_t ranks[] = {1, 1, 2, 3, 1, 1};
    static const char *const types[] = {"f2", "i4", "u1", "f8"};
    for (size_t i = 0; i < 4 * sizeof shapes / sizeof shapes[0]; i++) {
        char name[50];
        vae__table table;
        snprintf(name, sizeof name, "fortran-%s-%s", shapes[i / 4], types[i % 4]);
        if (read_saved(state, name, 0, &table)) fail_msg("%s: %s", name, vae__last_message());
        assert_int_equal(table.shape.rank, ranks[i / 4]);
        for (size_t j = 0; j < table.rows * table.shape.size; j++) {
            if (vae__stored_value(table.element, table.values, j) != (double)j)
                fail_msg("%s: value %zu", name, j);
        }
        vae__table_free(((scratch *)*state)->context, &table);
    }
}

/* Compressed and longer than the first step of a growing block, before and after it is converted. */
static void reads_large_compressed_files(void **state) {
    enum { ROWS = 3000, WIDTH = 500 };
    static const char *const headers[] = {
        "{'descr': '>i2', 'fortran_order': True, 'shape': (3000, 500)}",
        "{'descr': '>i2', 'fortran_order': False, 'shape': (3000, 500)}",
        "{'descr': '|i1', 'fortran_order': False, 'shape': (3000, 250)}", /* 750 KB become 3 MB */
    };
    unsigned char *values = malloc(2 * ROWS * WIDTH), *file = malloc(100 + 2 * ROWS * WIDTH);
    scratch *s = *state;
    assert_true(values && file);
    for (size_t i = 0; i < 2 * ROWS * WIDTH; i++) values[i] = (unsigned char)(i * i >> 5);
    for (size_t kind = 0; kind < 3; kind++) {
        vae__table table;
        size_t width = kind == 2 ? WIDTH / 2 : WIDTH, size = kind == 2 ? 1 : 2;
        write_gzip(s, file, make_npy(file, 1, headers[kind], values, ROWS * width * size));
        assert_int_equal(read_table(s, &table), VAE_OK);
        assert_true(table.rows == ROWS && table.shape.size == width);
        for (size_t i = 0; i < ROWS * width; i++) {
            size_t at = kind == 0 ? i % WIDTH * ROWS + i / WIDTH : i;
            int expected = size == 1 ? (int8_t)values[at]
                                     : (int16_t)(values[2 * at] << 8 | values[2 * at + 1]);
            if (((float *)table.values)[i] != (float)expected) fail_msg("%zu: %zu", kind, i);
        }
        vae__table_free(s->context, &table);
    }
    free(values);
    free(file);
}

/* ---- what is rounded ---- */

/* Whole numbers that a float does not hold are said once, with the first of them. */
static void says_what_is_rounded(void **state) {
    static const struct {
        const char *name;
        int as_labels;
        const char *message; /* NULL: none */
    } cases[] = {
        {"i4-little", 0,
         "i4-little.npy: 1 value has more digits than a float holds and is rounded, for example "
         "2147483647 (row 1, column 2, both from 0); shift=columns keeps"},
        {"i8-big", 0,
         "1 value has more digits than a float holds and is rounded, for example "
         "9223372036854775807 (row 1, column 2"},
        {"u8-little", 0, "for example 18446744073709551615 (row 1, column 2"},
        {"u4-big", 1, NULL},
        {"i8-little", 1,
         "1 value has more digits than a double holds and is rounded, for example "
         "9223372036854775807 (row 1, column 2, both from 0)"},
        {"f8-little", 0, NULL},
        {"i2-little", 0, NULL},
        {"fortran-40x5-i4", 0, NULL},
    };
    scratch *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heard h = {0};
        vae__table table;
        s->context->log = hear;
        s->context->log_user = &h;
        assert_int_equal(read_saved(state, cases[i].name, cases[i].as_labels, &table), VAE_OK);
        vae__table_free(s->context, &table);
        assert_int_equal(h.count, cases[i].message != NULL);
        if (!cases[i].message) continue;
        assert_int_equal(h.level, VAE_LOG_WARNING);
        if (!strstr(h.text, cases[i].message)) fail_msg("%s", h.text);
        assert_int_equal(strstr(h.text, "shift=") != NULL, !cases[i].as_labels);
    }
}

/* 2^24 is the last whole number before gaps; beyond it those with at most 24 digits are floats. The
 * row and column are those of C order, whatever the file's. */
static void finds_the_first_rounded_value(void **state) {
    static const int32_t exact[6] = {16777216, -16777216, 1 << 30, 16777218, -2147483647 - 1, 0};
    static const int32_t rounded[6] = {0, 33554436, 16777219, 5, -16777217, 16777221};
    const char *c_order = "{'descr': '<i4', 'fortran_order': False, 'shape': (3, 2)}";
    const char *fortran = "{'descr': '<i4', 'fortran_order': True, 'shape': (3, 2)}";
    const struct {
        const char *header;
        const int32_t *values;
        const char *message;
    } cases[] = {
        {c_order, exact, NULL},
        {c_order, rounded,
         "3 values have more digits than a float holds and are rounded, for "
         "example 16777219 (row 1, column 0,"},
        {fortran, rounded, "for example -16777217 (row 1, column 1,"},
    };
    scratch *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heard h = {0};
        vae__table table;
        s->context->log = hear;
        s->context->log_user = &h;
        write_npy(state, 1, cases[i].header, cases[i].values, 24);
        assert_int_equal(read_table(s, &table), VAE_OK);
        vae__table_free(s->context, &table);
        assert_int_equal(h.count, cases[i].message != NULL);
        if (h.count && !strstr(h.text, cases[i].message)) fail_msg("%s", h.text);
    }
    const vae__format_request shifted = {.shifted = 1};
    heard h = {0};
    vae__table table;
    s->context->log_user = &h;
    assert_int_equal(vae__format_read(s->context, s->path, &shifted, &table), VAE_OK);
    vae__table_free(s->context, &table);
    assert_int_equal(h.count, 0);
}

/* ---- memory ---- */

/* The least limit with which the file is read; with less it is refused, and before anything is read.
 */
static size_t least_limit(scratch *s) {
    size_t limit = 66000;
    for (;; limit += 100) {
        vae__table table;
        s->context->memory_limit = limit;
        s->context->peak_bytes = 0;
        vae_status status = read_table(s, &table);
        assert_true(s->context->peak_bytes <= limit);
        vae__table_free(s->context, &table);
        s->context->memory_limit = SIZE_MAX;
        if (!status) return limit;
        assert_int_equal(status, VAE_ERROR_LIMIT);
        assert_message("memory_limit");
        assert_true(limit < 1000000);
    }
}

/* Numbers grow in the block that they are kept in; only Fortran order needs a second one. */
static void takes_little_memory(void **state) {
    static unsigned char file[120000], values[100000];
    static const struct {
        const char *header;
        size_t size, blocks; /* of the file's values; bytes held at the worst time */
    } cases[] = {
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (100, 100)}", 10000, 10000},
        {"{'descr': '|i1', 'fortran_order': False, 'shape': (100, 100)}", 10000, 40000},
        {"{'descr': '>i4', 'fortran_order': False, 'shape': (100, 100)}", 40000, 80000},
        {"{'descr': '>i4', 'fortran_order': True, 'shape': (100, 100)}", 40000, 120000},
        {"{'descr': '<f8', 'fortran_order': True, 'shape': (100, 100)}", 80000, 160000},
        {"{'descr': '<f8', 'fortran_order': True, 'shape': (10000, 1)}", 80000, 80000},
    };
    scratch *s = *state;
    write_file(
        s, file,
        make_npy(file, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", values, 1));
    size_t reading = least_limit(s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(s, file, make_npy(file, 1, cases[i].header, values, cases[i].size));
        size_t least = least_limit(s);
        if (least < reading + cases[i].blocks - 1000 || least > reading + cases[i].blocks + 1000)
            fail_msg("%s: %zu bytes", cases[i].header, least - reading);
        s->context->memory_limit = least - 500; /* refused before anything of it is read */
        assert_refused(s, VAE_ERROR_LIMIT, ", but memory_limit=");
        s->context->memory_limit = SIZE_MAX;
    }
}

/* ---- what is refused ---- */

static void names_the_line_that_helps(void **state) {
    static const char *const cases[][3] = {
        {"complex", "'<c8' (complex numbers)", "np.save(path, np.stack([array.real, array.imag]"},
        {"date", "'<M8[ns]' (dates)",
         "np.save(path, array.astype('datetime64[s]').astype('float64'))"},
        {"time", "'<m8[s]' (time spans)", "np.save(path, array / np.timedelta64(1, 's'))"},
        {"text", "'<U3' (text)", "them as numbers first: np.save(path, array.astype('float32'))"},
        {"bytes", "'|S3' (text)", "np.save(path, array.astype('float32'))"},
        {"object", "'|O' (Python objects)", "np.save(path, df.to_numpy(dtype='float32'))"},
        {"records", "'[('a', '<i4'), ('b', '<f8')]",
         "structured_to_unstructured(array, dtype='float32')"},
        {"long", "'<f16' (a float of another size)", "np.save(path, array.astype('float64'))"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[50];
        vae__table table;
        snprintf(name, sizeof name, "refused-%s", cases[i][0]);
        assert_int_equal(read_saved(state, name, 0, &table), VAE_ERROR_FORMAT);
        assert_message(name);
        assert_message(cases[i][1]);
        assert_message(cases[i][2]);
        assert_null(table.values);
    }
}

static void refuses_headers(void **state) {
    const struct {
        const char *text, *message;
    } cases[] = {
        {"{'descr': '<i3', 'fortran_order': False, 'shape': (1,)}",
         "offset 21: expected values of type bool, int, uint or float, found '<i3' (another type)"},
        {"{'descr': '=f4', 'fortran_order': False, 'shape': (1,)}", "found '=f4'"},
        {"{'descr': '|f4', 'fortran_order': False, 'shape': (1,)}", "found '|f4'"},
        {"{'descr': '<b2', 'fortran_order': False, 'shape': (1,)}", "found '<b2'"},
        {"{'descr': '<f1', 'fortran_order': False, 'shape': (1,)}", "found '<f1'"},
        {"{'descr': '<i16', 'fortran_order': False, 'shape': (1,)}", "found '<i16'"},
        {"{'descr': '<i', 'fortran_order': False, 'shape': (1,)}", "found '<i'"},
        {"{'descr': '', 'fortran_order': False, 'shape': (1,)}", "found ''"},
        {"{'descr': ('<f4', 2), 'fortran_order': False, 'shape': (1,)}",
         "expected the name of one type, found '('<f4'"},
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
    assert_refused(*state, VAE_ERROR_FORMAT,
                   "expected 3 bytes of values (3 of 1 byte each), found 4");
    write_file(*state, file, size - 2);
    assert_refused(*state, VAE_ERROR_FORMAT,
                   "expected 3 bytes of values (3 of 1 byte each), found 2");
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
        SCRATCH_TEST(reads_every_type_in_both_orders),
        SCRATCH_TEST(reads_bool_as_0_and_1),
        SCRATCH_TEST(scales_unsigned_bytes_only),
        SCRATCH_TEST(reads_every_half),
        SCRATCH_TEST(reads_fortran_order),
        SCRATCH_TEST(reads_large_compressed_files),
        SCRATCH_TEST(says_what_is_rounded),
        SCRATCH_TEST(finds_the_first_rounded_value),
        SCRATCH_TEST(takes_little_memory),
        SCRATCH_TEST(names_the_line_that_helps),
        SCRATCH_TEST(refuses_headers),
        SCRATCH_TEST(refuses_versions_and_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
