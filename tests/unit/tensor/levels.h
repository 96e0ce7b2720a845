/* Runs a check on the kernel table of every level that this machine and build have. */
#ifndef TESTS_UNIT_TENSOR_LEVELS_H
#define TESTS_UNIT_TENSOR_LEVELS_H

#include <string.h>

#include "tensor/kernels.h"

enum { MOST_LEVELS = 4 };

/* Fills tables [MOST_LEVELS]; returns how many there are, at least one. */
static inline size_t test_levels(const vae__kernels **tables) {
    static const char *const names[MOST_LEVELS] = {"sse2", "avx2", "avx512", "generic"};
    size_t count = 0;
    for (size_t i = 0; i < MOST_LEVELS; i++) {
        if (vae__kernels_select(names[i], &tables[count])) continue;
        assert_string_equal(tables[count]->name, names[i]);
        count++;
    }
    assert_true(count > 0);
    return count;
}

static inline void test_each_level(void (*check)(const vae__kernels *kernels)) {
    const vae__kernels *tables[MOST_LEVELS];
    size_t count = test_levels(tables);
    for (size_t i = 0; i < count; i++) check(tables[i]);
}

#endif
