#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/bundle.h"
#include "support/cmocka.h"

static vae_context *context;
static long allocations_left; /* < 0: no end */

static void *counting_allocate(void *user, size_t size) {
    (void)user;
    if (allocations_left == 0) return NULL;
    if (allocations_left > 0) allocations_left--;
    return malloc(size);
}

static void counting_release(void *user, void *block) {
    (void)user;
    free(block);
}

static int set_up(void **state) {
    (void)state;
    allocations_left = -1;
    return vae__context_new(counting_allocate, counting_release, NULL, &context);
}

static int tear_down(void **state) {
    (void)state;
    size_t held = context->bytes;
    vae__context_release(context);
    return held != 0;
}

static void assert_message(const char *part) {
    if (!strstr(vae__last_message(), part)) {
        fail_msg("\"%s\" lacks \"%s\"", vae__last_message(), part);
    }
}

/* A file of this header and data_size bytes 0, 1, 2 ... as a block of its exact size. */
static unsigned char *new_file(const char *header, size_t length, size_t data_size, size_t *size) {
    *size = 8 + length + data_size;
    unsigned char *file = malloc(*size);
    assert_non_null(file);
    for (int i = 0; i < 8; i++) file[i] = (unsigned char)((uint64_t)length >> 8 * i);
    memcpy(file + 8, header, length);
    for (size_t i = 0; i < data_size; i++) file[8 + length + i] = (unsigned char)i;
    return file;
}

static void assert_refused(const char *header, size_t data_size, vae_status status,
                           const char *message) {
    size_t size;
    vae__bundle bundle;
    unsigned char *file = new_file(header, strlen(header), data_size, &size);
    memset(&bundle, 0x55, sizeof bundle);
    vae_status got = vae__safetensors_parse(context, "model", file, size, &bundle);
    if (got != status || !strstr(vae__last_message(), message)) {
        fail_msg("%s: status %d, \"%s\" lacks \"%s\"", header, got, vae__last_message(), message);
    }
    assert_null(bundle.tensors);
    assert_null(bundle.owned);
    assert_int_equal(context->bytes, 0);
    free(file);
}

/* ---- parsing ---- */

static void reads_a_file(void **state) {
    (void)state;
    /* In another order than the data's, with white space, escapes and an empty tensor between. */
    const char header[] =
        "{\"b\": {\"dtype\":\"F32\", \"shape\":[2,1], \"data_offsets\":[8,16]},\n"
        "\"__metadata__\":{\"spec\":\"input=2\\nlatent=1\",\"\":\"empty key\"},"
        "\"none\":{\"shape\":[0,3],\"data_offsets\":[8,8],\"dtype\":\"F64\"},"
        "\"a\\u00e9\":{\"data_offsets\":[0,8],\"dtype\":\"U64\",\"shape\":[]},"
        "\"c\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,3],\"data_offsets\":[16,19]}}   ";
    size_t size;
    vae__bundle bundle;
    unsigned char *file = new_file(header, sizeof header - 1, 19, &size);
    const unsigned char *data = file + 8 + sizeof header - 1;
    assert_int_equal(vae__safetensors_parse(context, "model", file, size, &bundle), VAE_OK);
    assert_int_equal(bundle.tensor_count, 4);
    assert_int_equal(bundle.metadata_count, 2);
    assert_string_equal(bundle.tensors[0].name, "b");
    assert_string_equal(bundle.tensors[1].name, "none");
    assert_string_equal(bundle.tensors[2].name, "a\xc3\xa9");
    assert_string_equal(bundle.tensors[3].name, "c");

    const vae__tensor *b = vae__bundle_tensor(&bundle, "b");
    assert_ptr_equal(b, &bundle.tensors[0]);
    assert_int_equal(b->dtype, VAE__DTYPE_F32);
    assert_int_equal(b->shape.rank, 2);
    assert_int_equal(b->shape.extents[0], 2);
    assert_int_equal(b->shape.extents[1], 1);
    assert_int_equal(b->bytes, 8);
    assert_ptr_equal(b->data, data + 8);
    const vae__tensor *a = vae__bundle_tensor(&bundle, "a\xc3\xa9");
    assert_int_equal(a->dtype, VAE__DTYPE_U64);
    assert_int_equal(a->shape.rank, 0);
    assert_ptr_equal(a->data, data);
    const vae__tensor *none = vae__bundle_tensor(&bundle, "none");
    assert_int_equal(none->dtype, VAE__DTYPE_F64);
    assert_int_equal(none->bytes, 0);
    const vae__tensor *c = vae__bundle_tensor(&bundle, "c");
    assert_int_equal(c->shape.rank, 8);
    assert_int_equal(c->shape.extents[7], 3);
    assert_int_equal(((const unsigned char *)c->data)[2], 18);
    assert_null(vae__bundle_tensor(&bundle, ""));
    assert_null(vae__bundle_tensor(&bundle, "bb"));
    assert_null(vae__bundle_tensor(&bundle, "z"));

    assert_string_equal(vae__bundle_metadata(&bundle, "spec"), "input=2\nlatent=1");
    assert_string_equal(vae__bundle_metadata(&bundle, ""), "empty key");
    assert_null(vae__bundle_metadata(&bundle, "a"));
    assert_null(vae__bundle_metadata(&bundle, "z"));
    vae__bundle_free(&bundle);
    vae__bundle_free(&bundle); /* does nothing */
    free(file);
}

static void reads_a_file_without_tensors(void **state) {
    (void)state;
    const char *const headers[] = {"{}", "{}      ", "{\"__metadata__\":{}}"};
    for (size_t i = 0; i < 3; i++) {
        size_t size;
        vae__bundle bundle;
        unsigned char *file = new_file(headers[i], strlen(headers[i]), 0, &size);
        assert_int_equal(vae__safetensors_parse(context, "model", file, size, &bundle), VAE_OK);
        assert_int_equal(bundle.tensor_count, 0);
        assert_null(vae__bundle_tensor(&bundle, "a"));
        assert_null(vae__bundle_metadata(&bundle, "a"));
        vae__bundle_free(&bundle);
        free(file);
    }
}

/* Each file that is a good one without its end says how much is missing; other files say what they
 * are. */
static void says_what_is_no_model(void **state) {
    static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    enum { HEADER = sizeof header - 1, WHOLE = 8 + HEADER + 8 };
    static const struct {
        const char *bytes, *message;
    } others[] = {
        {"timestamp,a,b\n1,2,3\n",
         "model: is no safetensors file; begins with 'timestam' (it is a text; vae_dataset_open reads"},
        {"a,b\n", "model: is no safetensors file; begins with 'a,b' (it is a text"},
        {"\x93NUMPY\1", "(it is an NPY file, which vae_dataset_open reads)"},
        {"PK\3\4 torch",
         "begins with bytes 50 4b 03 04 20 74 6f 72 (it is a ZIP archive, as torch.save"},
        {"\x89PNG\r\n\x1a\n", "(it is a PNG picture)"},
        {"\x1f\x8b\x08 gzip...", "(it is compressed by gzip)"},
    };
    unsigned char file[WHOLE] = {HEADER};
    char expected[100];
    vae__bundle bundle;
    (void)state;
    memcpy(file + 8, header, HEADER);
    assert_int_equal(vae__safetensors_parse(context, "model", file, WHOLE, &bundle), VAE_OK);
    vae__bundle_free(&bundle);
    for (size_t missing = 1; missing <= 8; missing++) {
        snprintf(expected, sizeof expected,
                 "model: is cut off: %zu byte%s missing; the tensors take 8", missing,
                 missing == 1 ? " is" : "s are");
        assert_int_equal(vae__safetensors_parse(context, "model", file, WHOLE - missing, &bundle),
                         VAE_ERROR_FORMAT);
        assert_message(expected);
    }
    for (size_t missing = 1; missing < HEADER; missing++) {
        snprintf(expected, sizeof expected, "model: is cut off: the header lacks %zu byte%s, and",
                 missing, missing == 1 ? "" : "s");
        assert_int_equal(
            vae__safetensors_parse(context, "model", file, 8 + HEADER - missing, &bundle),
            VAE_ERROR_FORMAT);
        assert_message(expected);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const char *bytes = others[i].bytes;
        assert_int_equal(vae__safetensors_parse(context, "model", bytes, strlen(bytes), &bundle),
                         VAE_ERROR_FORMAT);
        assert_message(others[i].message);
    }
}

static void refuses_a_wrong_header_length(void **state) {
    (void)state;
    const struct {
        size_t size;
        uint64_t length;
        const char *message;
    } cases[] = {
        {0, 0, "model: is empty; expected a safetensors file"},
        {7, 0,
         "model: is no safetensors file; begins with bytes 00 00 00 00 00 00 00 (expected the "
         "header's length in 8 bytes, then the header)"},
        {8, 0, "model: header byte 0: expected '{', found the end of the header"},
        {8, 1,
         "model: is no safetensors file; begins with bytes 01 00 00 00 00 00 00 00 (expected"},
        {20, 13, "begins with bytes 0d 00 00 00 00 00 00 00 (expected"},
        {20, UINT64_MAX, "begins with bytes ff ff ff ff ff ff ff ff (expected"},
        {20, (uint64_t)1 << 32, "begins with bytes 00 00 00 00 01 00 00 00 (expected"},
        {100000009, 100000001, "begins with bytes 01 e1 f5 05 00 00 00 00 (expected"},
        {100000009, 100000000, "model: header byte 0: expected '{', found byte 0x00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vae__bundle bundle;
        unsigned char *file =
            calloc(cases[i].size + !cases[i].size, 1); /* not touched: no memory */
        assert_non_null(file);
        for (size_t k = 0; k < 8 && k < cases[i].size; k++) {
            file[k] = (unsigned char)(cases[i].length >> 8 * k);
        }
        assert_int_equal(vae__safetensors_parse(context, "model", file, cases[i].size, &bundle),
                         VAE_ERROR_FORMAT);
        assert_message(cases[i].message);
        free(file);
    }
}

#define TENSOR(name, dtype, shape, offsets) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void refuses_malformed_headers(void **state) {
    (void)state;
    const struct {
        const char *header;
        size_t data_size;
        const char *message;
    } cases[] = {
        /* the object */
        {" {}", 0, "model: header byte 0: expected '{', found byte 0x20"},
        {"[]", 0, "model: header byte 0: expected '{', found '['"},
        {"\xef\xbb\xbf{}", 0, "header byte 0: expected '{', found byte 0xef"},
        {"{", 0, "header byte 1: expected a key in double quotes, found the end of the header"},
        {"{} x", 0, "header byte 3: expected nothing but spaces, found 'x'"},
        {"{}\n", 0, "header byte 2: expected nothing but spaces, found byte 0x0a"},
        {"{}{}", 0, "header byte 2: expected nothing but spaces, found '{'"},
        {"{\"a\xff\":{}}", 0, "header byte 3: expected valid UTF-8, found byte 0xff"},
        {"{\"a\":1}", 0, "header byte 5: expected '{', found '1'"},
        {"{\"a\":[[[[[[]]]]]]}", 0, "header byte 5: expected '{', found '['"},
        {"{" TENSOR("a", "U8", "[]", "[0,1]") ",}", 1,
         "expected a key in double quotes, found '}'"},
        /* metadata */
        {"{\"__metadata__\":null}", 0, "header byte 16: expected '{', found 'n'"},
        {"{\"__metadata__\":{\"a\":1}}", 0,
         "header byte 21: expected a string in double quotes, found '1'"},
        {"{\"__metadata__\":{\"a\":{}}}", 0, "expected a string in double quotes, found '{'"},
        {"{\"__metadata__\":{\"a\":null}}", 0, "expected a string in double quotes, found 'n'"},
        {"{\"__metadata__\":{\"a\"}}", 0, "header byte 20: expected ':', found '}'"},
        {"{\"__metadata__\":{\"a\":\"1\",\"b\":\"2\",\"\\u0061\":\"3\"}}", 0,
         "model: header byte 34: metadata key 'a' is given twice"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0,
         "header byte 20: '__metadata__' is given twice"},
        /* fields */
        {"{\"a\":{}}", 0,
         "header byte 2: tensor 'a': expected dtype, shape and data_offsets, found no dtype"},
        {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "found no shape"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[]}}", 0, "found no data_offsets"},
        {"{\"a\":{\"shape\":[],\"data_offsets\":[0,1]}}", 1, "found no dtype"},
        {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", 0,
         "header byte 20: duplicate field 'dtype' of a tensor"},
        {"{\"a\":{\"shape\":[],\"shape\":[]}}", 0, "duplicate field 'shape'"},
        {"{\"a\":{\"data_offsets\":[0,0],\"data_offsets\":[0,0]}}", 0,
         "duplicate field 'data_offsets'"},
        {"{\"a\":{\"strides\":[1]}}", 0, "header byte 7: unknown field 'strides' of a tensor"},
        {"{\"a\":{\"\":{}}}", 0, "unknown field ''"},
        /* dtype */
        {"{\"a\":{\"dtype\":3}}", 0, "header byte 14: expected a string in double quotes"},
        {"{\"a\":{\"dtype\":\"f32\"}}", 0,
         "header byte 15: expected dtype F32, F64, U8, U64 or I64, found 'f32', which is unknown"},
        {"{\"a\":{\"dtype\":\"\\u001b[2J\\u007f\"}}", 0, "found '?[2J?'"},
        /* shape */
        {"{\"a\":{\"shape\":3}}", 0, "header byte 14: expected '[', found '3'"},
        {"{\"a\":{\"shape\":[-1]}}", 0, "header byte 15: expected a whole number, found '-'"},
        {"{\"a\":{\"shape\":[1.0]}}", 0, "header byte 16: expected ',' or ']', found '.'"},
        {"{\"a\":{\"shape\":[\"1\"]}}", 0, "expected a whole number, found '\"'"},
        {"{\"a\":{\"shape\":[[1]]}}", 0, "expected a whole number, found '['"},
        {"{\"a\":{\"shape\":[18446744073709551616]}}", 0, "expected a number below 2^64"},
        {"{\"a\":{\"shape\":[1,1,1,1,1,1,1,1,1]}}", 0,
         "header byte 31: shape: expected at most 8 numbers, found more"},
        {"{" TENSOR("a", "U8", "[18446744073709551615,2]", "[0,1]") "}", 1,
         "header byte 2: tensor 'a': the shape's product is more than can be addressed"},
        {"{" TENSOR("a", "F32", "[4294967296,4294967296]", "[0,0]") "}", 0,
         "the shape's product is more than can be addressed"},
        {"{" TENSOR("a", "U8", "[0,4294967296,4294967296]", "[0,0]") "}", 0,
         "the shape's product is more than can be addressed"},
        {"{" TENSOR("a", "F64", "[2305843009213693952]", "[0,0]") "}", 0,
         "the shape's product is more than can be addressed"},
        {"{" TENSOR("a", "F32", "[2]", "[0,7]") "}", 7,
         "header byte 2: tensor 'a': expected 8 bytes for its shape of F32, found data_offsets of "
         "7 bytes"},
        {"{" TENSOR("a", "I64", "[]", "[0,4]") "}", 4, "expected 8 bytes for its shape of I64"},
        {"{" TENSOR("a", "U8", "[0]", "[0,1]") "}", 1, "expected 0 bytes for its shape of U8"},
        /* data_offsets */
        {"{\"a\":{\"data_offsets\":{}}}", 0, "expected '[', found '{'"},
        {"{\"a\":{\"data_offsets\":[]}}", 0,
         "header byte 21: data_offsets: expected 2 numbers, found 0"},
        {"{\"a\":{\"data_offsets\":[0]}}", 0, "data_offsets: expected 2 numbers, found 1"},
        {"{\"a\":{\"data_offsets\":[0,0,0]}}", 0, "data_offsets: expected at most 2 numbers"},
        {"{\"a\":{\"data_offsets\":[2,1]}}", 4,
         "header byte 21: data_offsets: expected begin <= end, found [2, 1]"},
        {"{" TENSOR("a", "U8", "[5]", "[0,5]") "}", 4,
         "model: is cut off: 1 byte is missing; the tensors take 5 bytes, found 4"},
        {"{" TENSOR("a", "U8", "[0]", "[18446744073709551615,18446744073709551615]") "}", 4,
         "model: is cut off: 18446744073709551611 bytes are missing"},
        {"{" TENSOR("a", "U8", "[5]", "[4,9]") "," TENSOR("b", "U8", "[4]", "[0,4]") "}", 2,
         "model: is cut off: 7 bytes are missing; the tensors take 9 bytes, found 2"},
        /* the whole */
        {"{}", 3, "model: expected the file to end with the last tensor, found 3 more bytes"},
        {"{" TENSOR("a", "U8", "[2]", "[0,2]") "}", 5, "found 3 more bytes"},
        {"{" TENSOR("a", "U8", "[2]", "[1,3]") "}", 3,
         "header byte 2: tensor 'a': expected its data to begin at 0, where the one before ends, "
         "found 1 (a gap)"},
        {"{" TENSOR("a", "U8", "[2]", "[3,5]") "," TENSOR("b", "U8", "[2]", "[0,2]") "}", 5,
         "tensor 'a': expected its data to begin at 2, where the one before ends, found 3 (a gap)"},
        {"{" TENSOR("a", "U8", "[2]", "[1,3]") "," TENSOR("b", "U8", "[2]", "[0,2]") "}", 3,
         "tensor 'a': expected its data to begin at 2, where the one before ends, found 1 (an "
         "overlap)"},
        {"{" TENSOR("a", "U8", "[2]", "[0,2]") "," TENSOR("b", "U8", "[2]", "[0,2]") "}", 2,
         "found 0 (an overlap)"},
        {"{" TENSOR("a", "U8", "[2]", "[0,2]") "," TENSOR("b", "U8", "[0]", "[1,1]") "}", 2,
         "tensor 'b': expected its data to begin at 2"},
        {"{" TENSOR("a", "U8", "[]", "[0,1]") "," TENSOR("b", "U8", "[]", "[1,2]") "," TENSOR(
             "\\u0061", "U8", "[]", "[2,3]") "}",
         3, "header byte 104: tensor 'a': this name is given twice"},
        {"{" TENSOR("a", "U8", "[]", "[0,1]") "," TENSOR("a", "U8", "[]", "[1,2]") "," TENSOR(
             "b", "U8", "[]", "[2,3]") "}",
         3, "header byte 53: tensor 'a': this name is given twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_refused(cases[i].header, cases[i].data_size, VAE_ERROR_FORMAT, cases[i].message);
    }
}

static void says_which_dtypes_it_does_not_read(void **state) {
    (void)state;
    const char *const dtypes[] = {"BOOL",    "I8",  "I16",     "I32",     "U16",
                                  "U32",     "F16", "BF16",    "F8_E4M3", "F8_E5M2",
                                  "F8_E8M0", "F4",  "F6_E2M3", "F6_E3M2", "C64"};
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        char header[100], message[100];
        snprintf(header, sizeof header, "{" TENSOR("a", "%s", "[]", "[0,4]") "}", dtypes[i]);
        snprintf(message, sizeof message,
                 "header byte 15: expected dtype F32, F64, U8, U64 or I64, found '%s', which this",
                 dtypes[i]);
        assert_refused(header, 4, VAE_ERROR_UNSUPPORTED, message);
    }
}

static void cuts_long_names_in_messages(void **state) {
    (void)state;
    /* 4-byte characters in the four possible places of the cut, and a name that just fits. */
    char header[200], message[200];
    for (int shift = 0; shift < 4; shift++) {
        char name[80] = "xxx";
        name[shift] = 0;
        for (int i = 0; i < 16; i++) strcat(name, "\xf0\x9f\x98\x80");
        snprintf(header, sizeof header, "{\"%s\":{}}", name);
        int kept = (60 - shift) / 4 * 4 + shift;
        snprintf(message, sizeof message, "tensor '%.*s...': expected", kept, name);
        assert_refused(header, 0, VAE_ERROR_FORMAT, message);
    }
    snprintf(header, sizeof header, "{\"%063d\":{}}", 0);
    snprintf(message, sizeof message, "tensor '%063d': expected", 0);
    assert_refused(header, 0, VAE_ERROR_FORMAT, message);
}

static void refuses_every_truncation(void **state) {
    (void)state;
    const char header[] = "{\"__metadata__\":{\"k\":\"v\"}," TENSOR(
        "a", "U8", "[2]", "[0,2]") "," TENSOR("b", "F32", "[1]", "[2,6]") "}";
    size_t whole;
    vae__bundle bundle;
    unsigned char *file = new_file(header, sizeof header - 1, 6, &whole);
    for (size_t size = 0; size < whole; size++) {
        unsigned char *part = malloc(size + !size);
        assert_non_null(part);
        memcpy(part, file, size);
        assert_int_equal(vae__safetensors_parse(context, "model", part, size, &bundle),
                         VAE_ERROR_FORMAT);
        free(part);
    }
    free(file);
    for (size_t length = 0; length < sizeof header - 1; length++) { /* the header alone cut off */
        file = new_file(header, length, 6, &whole);
        assert_int_equal(vae__safetensors_parse(context, "model", file, whole, &bundle),
                         VAE_ERROR_FORMAT);
        free(file);
    }
}

/* Names in an order that is bad for many sorts, more than the first array holds. */
static void reads_many_tensors(void **state) {
    (void)state;
    enum { COUNT = 3000 };
    char *header = malloc(COUNT * 120 + 10);
    assert_non_null(header);
    size_t length = (size_t)sprintf(header, "{\"__metadata__\":{");
    for (int i = 0; i < COUNT; i++) {
        length +=
            (size_t)sprintf(header + length, "%s\"key %d\":\"%d\"", i ? "," : "", i * 7 % COUNT, i);
    }
    length += (size_t)sprintf(header + length, "}");
    for (int i = 0; i < COUNT; i++) {
        int place = i * 1709 % COUNT;
        length += (size_t)sprintf(header + length, "," TENSOR("tensor %d", "U8", "[2]", "[%d,%d]"),
                                  i, 2 * place, 2 * place + 2);
    }
    length += (size_t)sprintf(header + length, "}");
    size_t size;
    vae__bundle bundle;
    unsigned char *file = new_file(header, length, 2 * COUNT, &size);
    assert_int_equal(vae__safetensors_parse(context, "model", file, size, &bundle), VAE_OK);
    assert_int_equal(bundle.tensor_count, COUNT);
    assert_true(context->peak_bytes < 12 * length);
    for (int i = 0; i < COUNT; i++) {
        char name[30], value[30];
        sprintf(name, "tensor %d", i);
        assert_ptr_equal(vae__bundle_tensor(&bundle, name), &bundle.tensors[i]);
        sprintf(name, "key %d", i * 7 % COUNT);
        sprintf(value, "%d", i);
        assert_string_equal(vae__bundle_metadata(&bundle, name), value);
    }
    vae__bundle_free(&bundle);
    free(file);
    free(header);
}

static void parsing_survives_a_lack_of_memory(void **state) {
    (void)state;
    const char header[] = "{\"__metadata__\":{\"k\":\"v\"}," TENSOR("a", "U8", "[2]", "[0,2]") "}";
    size_t size;
    vae__bundle bundle;
    unsigned char *file = new_file(header, sizeof header - 1, 2, &size);
    vae_status status = VAE_ERROR_MEMORY;
    long n = 0;
    for (; status; n++) {
        allocations_left = n;
        status = vae__safetensors_parse(context, "model", file, size, &bundle);
        if (status) assert_int_equal(status, VAE_ERROR_MEMORY);
        if (status) assert_int_equal(context->bytes, 0);
    }
    assert_int_equal(n, 7); /* index, strings, two arrays, two orders */
    vae__bundle_free(&bundle);
    context->memory_limit = 100;
    assert_int_equal(vae__safetensors_parse(context, "model", file, size, &bundle),
                     VAE_ERROR_LIMIT);
    assert_message("model: needs 104 bytes, but memory_limit=100 leaves 100 bytes");
    free(file);
}

/* ---- writing ---- */

static const float weights[6] = {1, -2, 3.5f, 0, 1e-30f, 7};
static const uint64_t steps[1] = {UINT64_MAX};
static const vae__tensor tensors[] = {
    {.name = "encoder.0.weight",
     .dtype = VAE__DTYPE_F32,
     .shape = {2, {2, 3}, 0},
     .data = weights,
     .bytes = 24},
    {.name = "none", .dtype = VAE__DTYPE_F64, .shape = {1, {0}, 0}, .data = NULL, .bytes = 0},
    {.name = "a \"\\\n\xc3\xa9", .dtype = VAE__DTYPE_U64, .data = steps, .bytes = 8},
};
static const vae__metadata metadata[] = {{"format", "1"}, {"spec", "line 1\nline \"2\""}};

static void assert_bundle(const vae__bundle *bundle) {
    assert_int_equal(bundle->tensor_count, 3);
    for (size_t i = 0; i < 3; i++) {
        const vae__tensor *tensor = &bundle->tensors[i];
        assert_string_equal(tensor->name, tensors[i].name);
        assert_int_equal(tensor->dtype, tensors[i].dtype);
        assert_true(vae__shape_equal(&tensor->shape, &tensors[i].shape));
        assert_int_equal(tensor->bytes, tensors[i].bytes);
        if (tensor->bytes) assert_memory_equal(tensor->data, tensors[i].data, tensor->bytes);
    }
    assert_int_equal(bundle->metadata_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(bundle->metadata[i].key, metadata[i].key);
        assert_string_equal(bundle->metadata[i].value, metadata[i].value);
    }
}

static void writes_the_documented_bytes(void **state) {
    (void)state;
    unsigned char *header;
    size_t size;
    const vae__tensor two[] = {
        {.name = "w",
         .dtype = VAE__DTYPE_F32,
         .shape = {2, {1, 2}, 0},
         .data = weights,
         .bytes = 8},
        {.name = "b", .dtype = VAE__DTYPE_U8, .shape = {1, {3}, 0}, .data = weights, .bytes = 3},
    };
    const char expected[] =
        "{\"__metadata__\":{\"format\":\"1\",\"spec\":\"line 1\\nline \\\"2\\\"\"},"
        "\"w\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
        "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[8,11]}}";
    assert_int_equal(vae__safetensors_header(context, two, 2, metadata, 2, &header, &size), VAE_OK);
    assert_int_equal(size % 8, 0);
    assert_true(size - 8 >= sizeof expected - 1 && size - 8 < sizeof expected - 1 + 8);
    assert_int_equal(header[0] + 256 * header[1], size - 8);
    for (int i = 2; i < 8; i++) assert_int_equal(header[i], 0);
    assert_memory_equal(header + 8, expected, sizeof expected - 1);
    for (size_t i = 8 + sizeof expected - 1; i < size; i++) assert_int_equal(header[i], ' ');
    vae__release(context, header);

    assert_int_equal(vae__safetensors_header(context, NULL, 0, NULL, 0, &header, &size), VAE_OK);
    assert_int_equal(size, 16);
    assert_memory_equal(header, "\x08\0\0\0\0\0\0\0{}      ", 16);
    vae__release(context, header);
    assert_int_equal(vae__safetensors_header(context, two + 1, 1, NULL, 0, &header, &size), VAE_OK);
    assert_memory_equal(header + 8, "{\"b\":{", 6);
    vae__release(context, header);
    assert_int_equal(vae__safetensors_header(context, NULL, 0, metadata, 1, &header, &size),
                     VAE_OK);
    assert_memory_equal(header + 8, "{\"__metadata__\":{\"format\":\"1\"}}", 31);
    vae__release(context, header);
}

static void round_trips_through_memory(void **state) {
    (void)state;
    size_t size, length;
    vae__bundle bundle;
    assert_int_equal(
        vae__safetensors_write_memory(context, tensors, 3, metadata, 2, NULL, 0, &size), VAE_OK);
    assert_int_equal(size % 8, 0);
    unsigned char *bytes = malloc(size + 1);
    assert_non_null(bytes);
    memset(bytes, 0x55, size + 1);
    assert_int_equal(
        vae__safetensors_write_memory(context, tensors, 3, metadata, 2, bytes, size - 1, &length),
        VAE_ERROR_ARGUMENT);
    assert_message("buffer: expected room for ");
    assert_int_equal(length, size);
    assert_int_equal(bytes[0], 0x55);
    assert_int_equal(
        vae__safetensors_write_memory(context, tensors, 3, metadata, 2, bytes, size + 1, &length),
        VAE_OK);
    assert_int_equal(length, size);
    assert_int_equal(bytes[size], 0x55);
    assert_int_equal(vae__safetensors_parse(context, "memory", bytes, size, &bundle), VAE_OK);
    assert_bundle(&bundle);
    vae__bundle_free(&bundle);
    free(bytes);
}

static void round_trips_through_a_file(void **state) {
    (void)state;
    char folder[] = "/tmp/vae-safetensors-test-XXXXXX", path[80];
    unsigned char *bytes;
    size_t size;
    vae__bundle bundle;
    vae__reader *reader;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    vae_status status = VAE_ERROR_MEMORY;
    for (long n = 0; status; n++) {
        allocations_left = n;
        status = vae__safetensors_write_file(context, path, tensors, 3, metadata, 2);
        allocations_left = -1;
        if (status) assert_int_equal(status, VAE_ERROR_MEMORY);
        assert_int_equal(access(path, F_OK), status ? -1 : 0);
        assert_int_equal(context->bytes, 0);
    }
    assert_int_equal(vae__reader_open(context, path, &reader), VAE_OK);
    assert_int_equal(vae__reader_all(reader, SIZE_MAX, &bytes, &size), VAE_OK);
    vae__reader_close(reader);
    assert_int_equal(vae__safetensors_parse(context, path, bytes, size, &bundle), VAE_OK);
    assert_bundle(&bundle);
    vae__bundle_free(&bundle);
    vae__release(context, bytes);
    unlink(path);
    rmdir(folder);
    status = vae__safetensors_write_file(context, "/dev/full", tensors, 3, metadata, 2);
    assert_int_equal(status, VAE_ERROR_FILE);
    assert_message("cannot write '/dev/full': No space left on device");
}

static void refuses_to_write_what_it_could_not_read(void **state) {
    (void)state;
    unsigned char *header;
    size_t size;
    const vae__metadata keys[] = {{"ok", "ok"}, {"\xff", "value"}}, values[] = {{"key", "a\xff"}};
    vae__tensor tensor = {.name = "a\xff", .dtype = VAE__DTYPE_U8, .data = weights, .bytes = 1};
    assert_int_equal(vae__safetensors_header(context, NULL, 0, keys, 2, &header, &size),
                     VAE_ERROR_TEXT);
    assert_string_equal(vae__last_message(),
                        "metadata key: expected valid UTF-8, found byte 0xff at offset 0");
    assert_null(header);
    assert_int_equal(vae__safetensors_header(context, NULL, 0, values, 1, &header, &size),
                     VAE_ERROR_TEXT);
    assert_string_equal(vae__last_message(),
                        "metadata 'key': expected valid UTF-8, found byte 0xff at offset 1");
    assert_int_equal(vae__safetensors_header(context, &tensor, 1, NULL, 0, &header, &size),
                     VAE_ERROR_TEXT);
    assert_string_equal(vae__last_message(),
                        "tensor name: expected valid UTF-8, found byte 0xff at offset 1");
    const vae__tensor first_is_bad[] = {tensor, tensors[0]};
    assert_int_equal(vae__safetensors_header(context, first_is_bad, 2, NULL, 0, &header, &size),
                     VAE_ERROR_TEXT);
    tensor = tensors[0];
    tensor.bytes--;
    assert_int_equal(vae__safetensors_write_memory(context, &tensor, 1, NULL, 0, NULL, 0, &size),
                     VAE_ERROR_INTERNAL);
    assert_message("tensor 'encoder.0.weight': expected 24 bytes for its shape, found 23");
    assert_int_equal(size, 0);
    tensor.shape.extents[0] = SIZE_MAX;
    assert_int_equal(vae__safetensors_write_file(context, "/no/such/file", &tensor, 1, NULL, 0),
                     VAE_ERROR_INTERNAL);
}

/* A header of as many bytes as readers take, and of more. */
static void refuses_to_write_a_header_that_no_reader_takes(void **state) {
    (void)state;
    const size_t most = 100000000, around = sizeof "{\"__metadata__\":{\"k\":\"\"}}" - 1;
    char *value = malloc(most + 1);
    unsigned char *header;
    size_t size;
    assert_non_null(value);
    memset(value, 'v', most);
    for (int over = 0; over < 2; over++) {
        const vae__metadata entry = {"k", value};
        value[most - around + (size_t)over] = 0;
        vae_status status = vae__safetensors_header(context, NULL, 0, &entry, 1, &header, &size);
        assert_int_equal(status, over ? VAE_ERROR_UNSUPPORTED : VAE_OK);
        if (!over) assert_int_equal(size, most + 8);
        vae__release(context, header);
        value[most - around] = 'v';
    }
    assert_message("the header would be 100000008 bytes; a safetensors file has at most 100000000");
    free(value);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(reads_a_file),
        TEST(reads_a_file_without_tensors),
        TEST(refuses_a_wrong_header_length),
        TEST(says_what_is_no_model),
        TEST(refuses_malformed_headers),
        TEST(says_which_dtypes_it_does_not_read),
        TEST(cuts_long_names_in_messages),
        TEST(refuses_every_truncation),
        TEST(reads_many_tensors),
        TEST(parsing_survives_a_lack_of_memory),
        TEST(writes_the_documented_bytes),
        TEST(round_trips_through_memory),
        TEST(round_trips_through_a_file),
        TEST(refuses_to_write_what_it_could_not_read),
        TEST(refuses_to_write_a_header_that_no_reader_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
