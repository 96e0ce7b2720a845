/* Whole lives in a host: model, data, training, inference, files, evaluation. Tests of faults have
 * them while something fails. */
#ifndef TESTS_FAULT_LIVES_H
#define TESTS_FAULT_LIVES_H

#include <stddef.h>

#include "vae.h"

typedef struct life {
    /* The first failure ends it; handles are gone at its end. */
    vae_status (*live)(vae_context *context, const void *what);
    const void *what;
    size_t least; /* allocations */
} life;

extern const life lives[];
extern const size_t life_count;

/* A test's set-up: the folder (support/folder.h) with the files that lives read. */
int lives_begin(void **state);

#endif
