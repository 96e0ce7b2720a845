/* Philox 4x32-10 and what is drawn from it: uniform numbers and permutations. Words rely on integer arithmetic
 * only, so that they are the same on every machine; the vector kernels compute the same words. */
#include "base/rng.h"

#include <math.h>

void vae__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < VAE__PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)VAE__PHILOX_MULTIPLIER_0 * a,
                 p1 = (uint64_t)VAE__PHILOX_MULTIPLIER_1 * c;
        a = (uint32_t)(p1 >> 32) ^ b ^ k0;
        b = (uint32_t)p1;
        c = (uint32_t)(p0 >> 32) ^ d ^ k1;
        d = (uint32_t)p0;
        k0 += VAE__PHILOX_WEYL_0;
        k1 += VAE__PHILOX_WEYL_1;
    }
    out[0] = a, out[1] = b, out[2] = c, out[3] = d;
}

void vae__random_block(const vae__stream *stream, uint32_t row, uint32_t block, uint32_t out[4]) {
    const uint32_t counter[4] = {block, row, (uint32_t)stream->step,
                                 stream->purpose << 24 | stream->sample};
    const uint32_t key[2] = {(uint32_t)stream->seed,
                             (uint32_t)(stream->seed >> 32) ^ (uint32_t)(stream->step >> 32)};
    vae__philox(counter, key, out);
}

double vae__random_uniform(const vae__stream *stream, uint32_t row, uint32_t index) {
    uint32_t words[4];
    vae__random_block(stream, row, index / 2, words);
    const uint32_t *pair = words + index % 2 * 2;
    uint64_t bits = (uint64_t)pair[0] << 32 | pair[1];
    return (double)(bits >> 11) * 0x1p-53;
}

double vae__random_normal(double u, double v) {
    return sqrt(-2 * log(1 - u)) * cos(6.28318530717958647692 * v);
}

void vae__random_permutation(const vae__stream *stream, uint64_t *order, size_t n) {
    for (size_t i = 0; i < n; i++) order[i] = i;
    uint32_t words[4];
    for (size_t i = n, used = 0; i > 1; i--, used++) {
        if (used % 2 == 0)
            vae__random_block(stream, (uint32_t)(used >> 32), (uint32_t)(used / 2), words);
        const uint32_t *pair = words + used % 2 * 2;
        uint64_t bits = (uint64_t)pair[0] << 32 | pair[1];
        size_t j = (size_t)((double)(bits >> 11) * 0x1p-53 *
                            (double)i); /* bias below 2^-20 for n < 2^33 */
        uint64_t swapped = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swapped;
    }
}
