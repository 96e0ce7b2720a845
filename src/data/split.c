/* Which rows a part of a split has. A permutation of all rows, keyed by split_seed, is cut at the
 * fraction: train and test of one seed never share a row and together have all. */
#include "data/split.h"

#include <math.h>

#include "base/rng.h"

static vae_status fail_empty(const vae__split *split, size_t rows, const char *path) {
    const char *part = split->part == VAE__PART_TRAIN ? "train" : "test";
    char fraction[VAE__NUMBER_SIZE];
    return vae__fail(VAE_ERROR_TEXT,
                     "options: %s: split=%s:%s of %zu row%s leaves none for %s: "
                     "round(%s x %zu) = %zu for train, the rest for test",
                     path, part, vae__number(fraction, split->fraction), rows, vae__plural(rows),
                     part, fraction, rows, split->part == VAE__PART_TRAIN ? 0 : rows);
}

vae_status vae__split_rows(vae_context *context, const vae__split *split, uint64_t seed,
                           size_t rows, const char *path, uint64_t **kept, size_t *count) {
    const vae__stream stream = {seed, 0, VAE__PURPOSE_SPLIT, 0};
    *kept = NULL;
    *count = rows;
    if (split->part == VAE__PART_ALL) return VAE_OK;
    size_t train = (size_t)floor(split->fraction * (double)rows + 0.5);
    if (train > rows) train = rows;
    size_t begin = split->part == VAE__PART_TRAIN ? 0 : train;
    size_t end = split->part == VAE__PART_TRAIN ? train : rows;
    if (begin == end) return fail_empty(split, rows, path);
    unsigned char *chosen = vae__allocate(context, rows, 1);
    uint64_t *shuffled = chosen ? vae__allocate(context, rows, sizeof *shuffled) : NULL;
    *count = end - begin;
    *kept = shuffled ? vae__allocate(context, *count, sizeof **kept) : NULL;
    vae_status status = *kept ? VAE_OK : vae__memory_in(vae__last_status(), "%s", path);
    if (!status) {
        vae__random_permutation(&stream, shuffled, rows);
        for (size_t i = begin; i < end; i++) chosen[shuffled[i]] = 1;
        for (size_t row = 0, i = 0; row < rows; row++)
            if (chosen[row]) (*kept)[i++] = row;
    }
    vae__release(context, shuffled);
    vae__release(context, chosen);
    return status;
}
