/* What tests of refusals share: a status with its message, an allocator that counts and fails, a
 * folder that goes. */
#ifndef TESTS_SUPPORT_CHECKS_H
#define TESTS_SUPPORT_CHECKS_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/cmocka.h"
#include "vae.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* Fails unless `call` gives `status` and sets a message that holds `part`. */
#define assert_fails(call, status, part) check_fails((call), (status), (part), #call, __LINE__)

static inline void check_fails(vae_status found, vae_status expected, const char *part,
                               const char *call, int line) {
    if (found != expected) {
        fail_msg("line %d: %s gave %s (%s), expected %s \"%s\"", line, call, vae_status_name(found),
                 found ? vae_last_error() : "", vae_status_name(expected), part);
    }
    if (!strstr(vae_last_error(), part))
        fail_msg("line %d: %s: no \"%s\" in \"%s\"", line, call, part, vae_last_error());
}

#define assert_ok(call) check_ok((call), #call, __LINE__)

static inline void check_ok(vae_status found, const char *call, int line) {
    if (found)
        fail_msg("line %d: %s gave %s: %s", line, call, vae_status_name(found), vae_last_error());
}

/* A host's allocator: counts blocks and bytes, fills new blocks with rubbish, refuses allocation
 * number `refuse_from` (from 1) and, unless `refuse_once`, all later ones. */
typedef struct host_allocator {
    atomic_size_t blocks, bytes, calls;
    size_t refuse_from; /* 0: never */
    int refuse_once;
} host_allocator;

static inline void *host_alloc(void *user, size_t size) {
    host_allocator *counts = user;
    size_t number = atomic_fetch_add(&counts->calls, 1) + 1;
    int late = number > counts->refuse_from && !counts->refuse_once;
    if (counts->refuse_from && (number == counts->refuse_from || late)) return NULL;
    unsigned char *raw = malloc(size + 16);
    if (!raw) return NULL;
    memcpy(raw, &size, sizeof size);
    memset(raw + 16, 0xA5, size);
    atomic_fetch_add(&counts->blocks, 1);
    atomic_fetch_add(&counts->bytes, size);
    return raw + 16;
}

static inline void host_free(void *user, void *block) {
    host_allocator *counts = user;
    size_t size;
    memcpy(&size, (unsigned char *)block - 16, sizeof size);
    atomic_fetch_sub(&counts->blocks, 1);
    atomic_fetch_sub(&counts->bytes, size);
    free((unsigned char *)block - 16);
}

static inline vae_context *counted_context(const char *options, host_allocator *counts) {
    vae_context *context = NULL;
    memset(counts, 0, sizeof *counts);
    assert_ok(vae_context_create_with_allocator(options, host_alloc, host_free, counts, &context));
    return context;
}

#endif
