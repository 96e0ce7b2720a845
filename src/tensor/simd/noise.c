/* Normal noise from Philox 4x32-10, many counters at a time. A block of four words gives the
 * normals of four columns, by Box & Muller (1958) on 24-bit uniforms: radius from the first word of
 * a pair, angle from the second. */
#include "tensor/simd/table.h"

#define BLOCKS 32 /* counters per round */

static void philox_blocks(const vae__stream *stream, const uint32_t *restrict block,
                          const uint32_t *restrict row, const uint32_t *restrict sample,
                          uint32_t w[4][BLOCKS]) {
    uint32_t k0 = (uint32_t)stream->seed,
             k1 = (uint32_t)(stream->seed >> 32) ^ (uint32_t)(stream->step >> 32);
    for (int i = 0; i < BLOCKS; i++) {
        w[0][i] = block[i];
        w[1][i] = row[i];
        w[2][i] = (uint32_t)stream->step;
        w[3][i] = stream->purpose << 24 | (stream->sample + sample[i]);
    }
    for (int round = 0; round < VAE__PHILOX_ROUNDS; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            uint64_t p0 = (uint64_t)VAE__PHILOX_MULTIPLIER_0 * w[0][i];
            uint64_t p1 = (uint64_t)VAE__PHILOX_MULTIPLIER_1 * w[2][i];
            uint32_t b = w[1][i], d = w[3][i];
            w[0][i] = (uint32_t)(p1 >> 32) ^ b ^ k0;
            w[1][i] = (uint32_t)p1;
            w[2][i] = (uint32_t)(p0 >> 32) ^ d ^ k1;
            w[3][i] = (uint32_t)p0;
        }
        k0 += VAE__PHILOX_WEYL_0;
        k1 += VAE__PHILOX_WEYL_1;
    }
}

/* Uniform in (0, 1]: never 0, so that its logarithm is finite. In float the half is rounded to even
 * from 2^23 on, and the largest word gives 1, a radius of 0. */
static inline real uniform(uint32_t word) {
    return ((real)(int32_t)(word >> 8) + (real)0.5) * (real)0x1p-24;
}

static void box_muller(const uint32_t *restrict radius_word, const uint32_t *restrict angle_word,
                       real *restrict first, real *restrict second) {
    for (int i = 0; i < BLOCKS; i++) {
        real radius = real_sqrt(-2 * real_log(uniform(radius_word[i]))), sine, cosine;
        real_sincos_turns((real)(int32_t)(angle_word[i] >> 8) * (real)0x1p-24, &sine, &cosine);
        first[i] = radius * cosine;
        second[i] = radius * sine;
    }
}

/* Which block of which noise row: rows of `columns` values, `samples` of them for each stream row.
 */
typedef struct place {
    size_t row, block;
} place;

void KERNEL(normals)(const vae__stream *stream, size_t first_row, size_t rows, size_t samples,
                     size_t columns, real *restrict out) {
    uint32_t block[BLOCKS] = {0}, row[BLOCKS] = {0}, sample[BLOCKS] = {0}, words[4][BLOCKS];
    real normal[4][BLOCKS];
    size_t blocks = (columns + 3) / 4, total = rows * samples * blocks;
    place read = {0, 0}, write = {0, 0};
    for (size_t done = 0; done < total; done += BLOCKS) {
        size_t count = total - done < BLOCKS ? total - done : BLOCKS;
        for (size_t i = 0; i < count; i++) {
            block[i] = (uint32_t)read.block;
            row[i] = (uint32_t)(first_row + read.row / samples);
            sample[i] = (uint32_t)(read.row % samples);
            if (++read.block == blocks) read.block = 0, read.row++;
        }
        philox_blocks(stream, block, row, sample, words);
        box_muller(words[0], words[1], normal[0], normal[1]);
        box_muller(words[2], words[3], normal[2], normal[3]);
        for (size_t i = 0; i < count; i++) {
            real *to = out + write.row * columns + 4 * write.block;
            size_t left = columns - 4 * write.block;
            for (size_t j = 0; j < (left < 4 ? left : 4); j++) to[j] = normal[j][i];
            if (++write.block == blocks) write.block = 0, write.row++;
        }
    }
}
