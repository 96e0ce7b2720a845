#include "fuzz/support.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fuzz_broken(const char *file, int line, const char *condition, const char *format, ...) {
    va_list arguments;
    fprintf(stderr, "%s:%d: not so: %s: ", file, line, condition);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nlast error: %s\n", vae_last_error());
    abort();
}

/* ---- memory ---- */

enum { FRONT = 16 }; /* bytes in front of a block, its size in them */

static size_t held, most;

void *fuzz_alloc(void *user, size_t size) {
    (void)user;
    FUZZ_REQUIRE(size <= most && held <= most - size, "%zu bytes wanted, %zu of %zu held", size,
                 held, most);
    unsigned char *raw = malloc(size + FRONT);
    if (!raw) return NULL;
    memcpy(raw, &size, sizeof size);
    memset(raw + FRONT, 0xA5, size);
    held += size;
    return raw + FRONT;
}

void fuzz_free(void *user, void *block) {
    unsigned char *raw = (unsigned char *)block - FRONT;
    size_t size;
    (void)user;
    memcpy(&size, raw, sizeof size);
    held -= size;
    free(raw);
}

void fuzz_all_returned(void) {
    FUZZ_REQUIRE(held == 0, "%zu bytes never came back", held);
    most = SIZE_MAX;
}

vae_context *fuzz_context(size_t limit) {
    char options[64];
    vae_context *context = NULL;
    snprintf(options, sizeof options, "memory_limit=%zu", limit);
    most = limit;
    vae_status status =
        vae_context_create_with_allocator(options, fuzz_alloc, fuzz_free, NULL, &context);
    FUZZ_REQUIRE(!status, "%s", vae_status_name(status));
    return context;
}

void fuzz_context_end(vae_context *context) {
    vae_context_destroy(context);
    fuzz_all_returned();
}

/* ---- statuses ---- */

/* Length of the UTF-8 sequence at `at` (RFC 3629), 0 if there is none. */
static size_t sequence(const unsigned char *at) {
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t form = 0; form < 4; form++) {
        if ((*at & forms[form].mask) != forms[form].lead) continue;
        uint32_t code = *at & (unsigned char)~forms[form].mask;
        for (size_t i = 1; i <= form; i++) {
            if ((at[i] & 0xc0) != 0x80) return 0;
            code = code << 6 | (at[i] & 0x3f);
        }
        int surrogate = code >= 0xd800 && code < 0xe000;
        return code >= forms[form].least && code <= 0x10ffff && !surrogate ? form + 1 : 0;
    }
    return 0;
}

void fuzz_message(vae_status status) {
    if (status >= 0) {
        FUZZ_REQUIRE(status == VAE_OK || status == VAE_STOPPED, "status %d", (int)status);
        return;
    }
    const char *message = vae_last_error();
    FUZZ_REQUIRE(strcmp(vae_status_name(status), "unknown status"), "status %d", (int)status);
    FUZZ_REQUIRE(status != VAE_ERROR_INTERNAL, "a defect");
    FUZZ_REQUIRE(*message && strlen(message) <= 1023, "%zu bytes", strlen(message));
    for (const unsigned char *at = (const unsigned char *)message; *at;) {
        size_t length = sequence(at);
        FUZZ_REQUIRE(length, "byte %02x is not UTF-8", (unsigned)*at);
        FUZZ_REQUIRE(*at >= ' ' && *at != 0x7f, "control character %02x", (unsigned)*at);
        at += length;
    }
}

vae_status fuzz_status(vae_status status) {
    fuzz_message(status);
    FUZZ_REQUIRE(status != VAE_ERROR_ARGUMENT, "the call was right");
    return status;
}

int fuzz_succeeds(vae_status status) {
    fuzz_message(status);
    FUZZ_REQUIRE(!status || status == VAE_ERROR_LIMIT, "%s", vae_status_name(status));
    return !status;
}

/* ---- inputs ---- */

char *fuzz_text(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    FUZZ_REQUIRE(text, "no memory");
    if (size) memcpy(text, data, size);
    text[size] = 0;
    return text;
}

static char path[256];

static void remove_file(void) {
    unlink(path);
}

const char *fuzz_file(const void *data, size_t size) {
    static int file = -1;
    if (file < 0) {
        const char *folder = getenv("TMPDIR");
        snprintf(path, sizeof path, "%s/vae-fuzz-XXXXXX", folder && *folder ? folder : "/tmp");
        file = mkstemp(path);
        FUZZ_REQUIRE(file >= 0, "cannot make %s", path);
        atexit(remove_file);
    }
    ssize_t written = size ? pwrite(file, data, size, 0) : 0;
    FUZZ_REQUIRE(written == (ssize_t)size && !ftruncate(file, (off_t)size), "cannot write %s",
                 path);
    return path;
}

unsigned char *fuzz_read(const char *from, size_t *size) {
    FILE *file = fopen(from, "rb");
    FUZZ_REQUIRE(file, "cannot open %s", from);
    long end = fseek(file, 0, SEEK_END) ? -1 : ftell(file);
    FUZZ_REQUIRE(end >= 0, "cannot measure %s", from);
    unsigned char *bytes = malloc((size_t)end + 1);
    FUZZ_REQUIRE(bytes, "no memory");
    rewind(file);
    *size = fread(bytes, 1, (size_t)end, file);
    FUZZ_REQUIRE(*size == (size_t)end, "cannot read %s", from);
    fclose(file);
    return bytes;
}
