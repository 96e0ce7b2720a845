/* What the fuzz targets share. A broken property prints what broke and aborts, which both drivers
 * (libFuzzer and replay.c) report together with the input. */
#ifndef TESTS_FUZZ_SUPPORT_H
#define TESTS_FUZZ_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

#include "vae.h"

/* The entry that every target defines; 0 always. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_REQUIRE(condition, ...)                                                \
    do {                                                                            \
        if (!(condition)) fuzz_broken(__FILE__, __LINE__, #condition, __VA_ARGS__); \
    } while (0)

void fuzz_broken(const char *file, int line, const char *condition, const char *format, ...);

/* A context whose allocator counts and holds the library to `limit`, its memory_limit. */
vae_context *fuzz_context(size_t limit);

/* Destroys the context; every byte must have come back. */
void fuzz_context_end(vae_context *context);

/* The allocator itself, for a context with options of its own. */
void *fuzz_alloc(void *user, size_t size);
void fuzz_free(void *user, void *block);
void fuzz_all_returned(void);

/* Holds a status to the rules for hostile input and gives it back: no INTERNAL, and a failure's
 * message is one line of valid UTF-8. ARGUMENT is a mistake of the program, not of its input, so a
 * target that can make one says so by calling fuzz_message alone. */
vae_status fuzz_status(vae_status status);
void fuzz_message(vae_status status);

/* The same for calls that these inputs cannot make fail, except for want of memory. 1 if done. */
int fuzz_succeeds(vae_status status);

/* The input as text, ended by a 0. Free it. */
char *fuzz_text(const uint8_t *data, size_t size);

/* The path of a file that holds the bytes, until the next call. */
const char *fuzz_file(const void *data, size_t size);

/* Bytes of a file; free them. */
unsigned char *fuzz_read(const char *path, size_t *size);

#endif
