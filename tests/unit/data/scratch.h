/* What the data tests share: a context whose blocks are counted, a file in a folder that goes. */
#ifndef TESTS_UNIT_DATA_SCRATCH_H
#define TESTS_UNIT_DATA_SCRATCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "support/cmocka.h"
#include "data/convert.h"
#include "data/dataset.h"
#include "data/format.h"

typedef struct scratch {
    vae_context *context;
    char folder[64], path[96]; /* path: of the one file in it */
} scratch;

static int scratch_setup(void **state) {
    scratch *s = calloc(1, sizeof *s);
    if (!s || vae__context_new(NULL, NULL, NULL, &s->context)) return -1;
    strcpy(s->folder, "/tmp/vae-data-XXXXXX");
    if (!mkdtemp(s->folder)) return -1;
    snprintf(s->path, sizeof s->path, "%s/file", s->folder);
    *state = s;
    return 0;
}

/* Fails a test that leaves a block of the context behind. */
static int scratch_teardown(void **state) {
    scratch *s = *state;
    size_t held = s->context->bytes;
    vae__context_release(s->context);
    unlink(s->path);
    rmdir(s->folder);
    free(s);
    if (held) print_error("%zu bytes of the context are still held\n", held);
    return held ? -1 : 0;
}

static inline void write_file(const scratch *s, const void *bytes, size_t size) {
    FILE *file = fopen(s->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void write_gzip(const scratch *s, const void *bytes, size_t size) {
    gzFile file = gzopen(s->path, "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)size), (int)size);
    assert_int_equal(gzclose(file), Z_OK);
}

static inline vae_status read_table(const scratch *s, vae__table *table) {
    const vae__format_request none = {0};
    return vae__format_read(s->context, s->path, &none, table);
}

static inline void assert_message(const char *part) {
    if (!strstr(vae__last_message(), part))
        fail_msg("no \"%s\" in \"%s\"", part, vae__last_message());
}

/* The file's reading fails with this status, and the message names the file and holds `part`. */
static inline void assert_refused(const scratch *s, vae_status status, const char *part) {
    vae__table table;
    assert_int_equal(read_table(s, &table), status);
    assert_message(s->path);
    assert_message(part);
    assert_null(table.values);
}

#define SCRATCH_TEST(function) \
    cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

#endif
