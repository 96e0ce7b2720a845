#include <string.h>

#include "base/kind.h"
#include "support/checks.h"
#include "support/cmocka.h"

#define BYTES(text) text, sizeof text - 1

static const struct {
    const char *bytes;
    size_t size;
    const char *kind, *beginning;
} cases[] = {
    {BYTES("timestamp,a\n1,2\n"), "a text; vae_dataset_open reads CSV", "'timestam'"},
    {BYTES("a,b\n1,2\n"), "a text; vae_dataset_open reads CSV", "'a,b'"},
    {BYTES("a"), "a text; vae_dataset_open reads CSV", "'a'"},
    {BYTES("\x93NUMPY\1\0v\0{'descr'"), "an NPY file, which vae_dataset_open reads",
     "bytes 93 4e 55 4d 50 59 01 00"},
    {BYTES("\0\0\x08\x03\0\0\xea\x60"), "an IDX file, which vae_dataset_open reads",
     "bytes 00 00 08 03 00 00 ea 60"},
    {BYTES("\x60\2\0\0\0\0\0\0{\"__"), "a safetensors file", "bytes 60 02 00 00 00 00 00 00"},
    {BYTES("\x80\2\0\0\0\0\0\0{\"__"), "a safetensors file", "bytes 80 02 00 00 00 00 00 00"},
    {BYTES("\x1f\x8b\x08"), "compressed by gzip", "bytes 1f 8b 08"},
    {BYTES("PK\3\4\x14"), "a ZIP archive, as torch.save, numpy.savez and spreadsheets write",
     "bytes 50 4b 03 04 14"},
    {BYTES("\x80\2}q"), "a pickle of Python, as torch.save writes", "bytes 80 02 7d 71"},
    {BYTES("\x89PNG\r\n\x1a\n\0"), "a PNG picture", "bytes 89 50 4e 47 0d 0a 1a 0a"},
    {BYTES("\1\2\3"), NULL, "bytes 01 02 03"},
    {BYTES("\xfe\1\2"), NULL, "bytes fe 01 02"},
    {BYTES("ab\x80"), NULL, "bytes 61 62 80"},
    {BYTES("\0\0\x08\x0a"), NULL, "bytes 00 00 08 0a"},
    {BYTES("\x60\2\0\0\0\0\0\1{"), NULL, "bytes 60 02 00 00 00 00 00 01"},
    {BYTES(""), NULL, "bytes"},
};

static void says_what_a_file_is(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const unsigned char *head = (const unsigned char *)cases[i].bytes;
        const vae__file_kind *found = vae__file_kind_of(head, cases[i].size);
        const char *kind = found ? found->what : NULL;
        char beginning[VAE__BEGINNING_SIZE];
        if (kind && cases[i].kind) {
            assert_string_equal(kind, cases[i].kind);
        } else {
            assert_ptr_equal(kind, cases[i].kind);
        }
        assert_string_equal(vae__beginning(beginning, head, cases[i].size), cases[i].beginning);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_a_file_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
