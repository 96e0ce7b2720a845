/* Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror & Shaw 2011, "Parallel random
 * numbers: as easy as 1, 2, 3"). A number is a pure function of a key and a counter; there is no
 * state to share, save or lose.
 *
 *     key     = seed (64 bits), its upper word xored with the step's upper 32 bits
 *     counter = column block (4 numbers each), row, step (low 32 bits),
 *               purpose (8 bits) and sample (24 bits) */
#ifndef VAE_BASE_RNG_H
#define VAE_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* The constants of the cipher, for its vector kernels too. */
#define VAE__PHILOX_MULTIPLIER_0 0xD2511F53u
#define VAE__PHILOX_MULTIPLIER_1 0xCD9E8D57u
#define VAE__PHILOX_WEYL_0 0x9E3779B9u
#define VAE__PHILOX_WEYL_1 0xBB67AE85u
#define VAE__PHILOX_ROUNDS 10

typedef enum vae__purpose {
    VAE__PURPOSE_INITIALIZE = 1, /* parameters; row = output row, sample = parameter index */
    VAE__PURPOSE_POSTERIOR = 2,  /* eps of z = mean + sd eps */
    VAE__PURPOSE_PRIOR = 3,      /* z ~ p(z) */
    VAE__PURPOSE_DRAW = 4,       /* x ~ p(x|z) */
    VAE__PURPOSE_SHUFFLE = 5,
    VAE__PURPOSE_SPLIT = 6,
    VAE__PURPOSE_BINARIZE = 7,
    VAE__PURPOSE_SPRITES = 8,
    VAE__PURPOSE_FIT = 9,  /* centres that the fit of a prior starts from; row = centre */
    VAE__PURPOSE_TOY = 10, /* toy data sets; row = row */
    VAE__PURPOSE_DIFFUSION =
        11 /* training: noise, sample 0, and steps, 1 and 2, of a batch's rows */
} vae__purpose;

/* Where in the stream: everything but the column. */
typedef struct vae__stream {
    uint64_t seed, step;
    uint32_t purpose, sample;
} vae__stream;

/* The cipher itself, for the known-answer tests and the vector kernels' reference. */
void vae__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The four 32-bit words of column block `block` of `row`. */
void vae__random_block(const vae__stream *stream, uint32_t row, uint32_t block, uint32_t out[4]);

/* Uniform in [0, 1), 53 bits: word pair `index` (two per block) of `row`. */
double vae__random_uniform(const vae__stream *stream, uint32_t row, uint32_t index);

/* A standard normal number from two uniform ones, u and v in [0, 1) (Box & Muller 1958). */
double vae__random_normal(double u, double v);

/* order[0 .. n-1] becomes a permutation of 0 .. n-1 (Fisher-Yates). */
void vae__random_permutation(const vae__stream *stream, uint64_t *order, size_t n);

#endif
