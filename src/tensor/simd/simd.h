/* Included first by every kernel source: the level's name, and scalar functions written so that
 * loops over them become vector code (no branches, no calls). In the double build they are libm's.
 *
 * Accuracy in float, against libm over all floats: see tests/unit/tensor/math_test.c. */
#ifndef VAE_TENSOR_SIMD_H
#define VAE_TENSOR_SIMD_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "tensor/kernels.h"

#ifndef VAE__SIMD
#define VAE__SIMD generic
#endif
#define VAE__PASTE_(a, b) a##b
#define VAE__PASTE(a, b) VAE__PASTE_(a, b)
#define VAE__STRING_(a) #a
#define VAE__STRING(a) VAE__STRING_(a)
/* The name of a kernel at this level, e.g. vae__adam_avx2. */
#define KERNEL(name) VAE__PASTE(vae__##name##_, VAE__SIMD)

/* Partial sums that a loop keeps apart; the same number at every level, so that every level adds in
 * the same order. */
#define LANES 16

typedef vae__real real;

/* By halves: few additions wait for another. */
static inline double add_doubles(double sums[LANES]) {
    for (int i = 0; i < LANES / 2; i++) sums[i] += sums[i + LANES / 2];
    for (int i = 0; i < LANES / 4; i++) sums[i] += sums[i + LANES / 4];
    return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

static inline double add_lanes(const real lanes[LANES]) {
    double sums[LANES];
    for (int i = 0; i < LANES; i++) sums[i] = (double)lanes[i];
    return add_doubles(sums);
}

/* Sums term by term of a loop over blocks of LANES: kept in lanes, emptied into double after every
 * LANE_BLOCKS of them. */
#define LANE_BLOCKS 64
typedef real lanes_of __attribute__((vector_size(LANES * sizeof(real))));
typedef struct lane_sum {
    lanes_of lanes;
    double total;
    int blocks;
} lane_sum;

static inline double lane_sum_total(const lane_sum *sum) {
    real lanes[LANES];
    memcpy(lanes, &sum->lanes, sizeof lanes);
    return sum->total + add_lanes(lanes);
}

static inline void lane_sum_add(lane_sum *sum, const real terms[LANES]) {
    lanes_of values;
    memcpy(&values, terms, sizeof values);
    sum->lanes += values;
    if (++sum->blocks < LANE_BLOCKS) return;
    *sum = (lane_sum){.total = lane_sum_total(sum)};
}

#ifdef VAE_REAL_DOUBLE

static inline real real_exp(real x) {
    return exp(x);
}
static inline real real_expm1(real x) {
    return expm1(x);
}
static inline real real_log(real x) {
    return log(x);
}
static inline real real_log1p(real x) {
    return log1p(x);
}
static inline real real_log1p_unit(real x) {
    return log1p(x);
}
static inline real real_softplus(real x) {
    return (x < 0 ? 0 : x) + log1p(exp(-fabs(x)));
}
static inline real real_tanh(real x) {
    return tanh(x);
}
static inline real real_erf(real x) {
    return erf(x);
}
static inline real real_sqrt(real x) {
    return sqrt(x);
}
static inline real real_abs(real x) {
    return fabs(x);
}

static inline void real_sincos_turns(real turns, real *sine, real *cosine) {
    *sine = sin(6.283185307179586476925 * turns);
    *cosine = cos(6.283185307179586476925 * turns);
}

#else

static inline uint32_t bits_of(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline float float_of(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static inline float real_sqrt(float x) {
    return sqrtf(x);
}
static inline float real_abs(float x) {
    return float_of(bits_of(x) & 0x7fffffffu);
}

/* 2^n for n in [-126, 127]. */
static inline float power_of_two(int32_t n) {
    return float_of((uint32_t)(n + 127) << 23);
}

#define ROUNDING_MAGIC \
    12582912.0f /* 1.5 2^23: adding it leaves the nearest integer in the low bits */
#define LN2_HIGH 0.693359375f
#define LN2_LOW (-2.12194440e-4f)

/* e^x: x = n ln 2 + r, |r| <= ln(2)/2, a polynomial in r, then 2^n in two factors so that denormals
 * come out right. */
static inline float real_exp(float x) {
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    float shifted = x * 1.44269504f + ROUNDING_MAGIC;
    int32_t n = (int32_t)bits_of(shifted) - (int32_t)bits_of(ROUNDING_MAGIC);
    float whole = shifted - ROUNDING_MAGIC;
    float r = (x - whole * LN2_HIGH) - whole * LN2_LOW;
    float p = 0.0013950492f;
    p = p * r + 0.00836889f;
    p = p * r + 0.041666206f;
    p = p * r + 0.16666518f;
    p = p * r + 0.5f;
    p = p * (r * r) + r + 1.0f;
    int32_t half = n >> 1;
    return p * power_of_two(half) * power_of_two(n - half);
}

/* e^x - 1 = 2^n (e^r - 1) + (2^n - 1). */
static inline float real_expm1(float x) {
    float clamped = x > 88.0f ? 88.0f : x;
    clamped = clamped < -30.0f ? -30.0f : clamped;
    float shifted = clamped * 1.44269504f + ROUNDING_MAGIC;
    int32_t n = (int32_t)bits_of(shifted) - (int32_t)bits_of(ROUNDING_MAGIC);
    float whole = shifted - ROUNDING_MAGIC;
    float r = (clamped - whole * LN2_HIGH) - whole * LN2_LOW;
    float p = 0.00019845877f;
    p = p * r + 0.0013940628f;
    p = p * r + 0.00833339f;
    p = p * r + 0.041666362f;
    p = p * r + 0.16666666f;
    p = p * r + 0.5f;
    p = p * (r * r) + r;
    float scale = power_of_two(n);
    float result = scale * p + (scale - 1.0f);
    result = x > 88.0f ? real_exp(x) : result;
    return real_abs(x) < 1e-7f ? x : result;
}

/* ln x: x = m 2^e with m in [sqrt(1/2), sqrt 2), a polynomial in m - 1. */
static inline float real_log(float x) {
    float scaled = x < 1.17549435e-38f ? x * 8388608.0f : x; /* denormals */
    float offset = x < 1.17549435e-38f ? -23.0f : 0.0f;
    uint32_t u = bits_of(scaled) + (0x3f800000u - 0x3f3504f3u);
    float e = (float)((int32_t)(u >> 23) - 127) + offset;
    float f = float_of((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    float p = 0.067466386f;
    p = p * f - 0.11675651f;
    p = p * f + 0.11888163f;
    p = p * f - 0.12405589f;
    p = p * f + 0.14219552f;
    p = p * f - 0.16667996f;
    p = p * f + 0.20002119f;
    p = p * f - 0.2500001f;
    p = p * f + 0.33333313f;
    float square = f * f;
    float tail = p * f * square + e * LN2_LOW - 0.5f * square;
    float result = f + tail + e * LN2_HIGH;
    result = x == INFINITY ? x : result;
    result = x == 0.0f ? -INFINITY : result;
    return ((x < 0.0f) | (x != x)) ? NAN : result;
}

/* ln(1 + x): the rounding error of 1 + x is put back to first order. */
static inline float real_log1p(float x) {
    float u = 1.0f + x;
    float lost = (x - (u - 1.0f)) / u;
    lost = ((u > 0.0f) & (u < INFINITY)) ? lost : 0.0f;
    float result = real_log(u) + lost;
    return real_abs(x) < 5e-8f ? x : result;
}

/* ln(1 + x) for x in [0, 1], as the sum of two parts that is not yet rounded: 2 atanh(s) with s = x / (2 + x)
 * <= 1/3. What the rounding of 2 + x took from s is in the small part, since 1 / (2 + x) = (1 - s) / 2. */
static inline float log1p_unit_parts(float x, float *small) {
    float sum = 2.0f + x, lost = x - (sum - 2.0f), s = x / sum, q = s * s;
    float p = 0.121541604f;
    p = p * q + 0.10712926f;
    p = p * q + 0.14308518f;
    p = p * q + 0.19999437f;
    p = p * q + 0.33333337f;
    float twice = s + s;
    *small = p * q * twice - twice * lost * (0.5f - 0.5f * s);
    return twice;
}

static inline float real_log1p_unit(float x) {
    float small, large = log1p_unit_parts(x, &small);
    return small + large;
}

/* ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|), rounded once at the end. */
static inline float real_softplus(float x) {
    float small, large = log1p_unit_parts(real_exp(-real_abs(x)), &small);
    float ramp = x < 0 ? 0.0f : x, sum = ramp + large, part = sum - ramp;
    float lost = (ramp - (sum - part)) + (large - part);
    lost = sum < INFINITY ? lost : 0.0f;
    return sum + (small + lost);
}

static inline float real_tanh(float x) {
    float a = real_abs(x), s = x * x;
    float p = -0.0057049864f;
    p = p * s + 0.020639086f;
    p = p * s - 0.053739715f;
    p = p * s + 0.13331442f;
    p = p * s - 0.3333328f;
    float small = p * s * a + a;
    float large = 1.0f - 2.0f / (real_exp(2.0f * a) + 1.0f);
    float result = a < 0.625f ? small : large;
    return float_of(bits_of(result) | (bits_of(x) & 0x80000000u));
}

static inline float real_erf(float x) {
    float a = real_abs(x), s = x * x;
    float p = 8.316775e-05f;
    p = p * s - 0.00081300124f;
    p = p * s + 0.005199907f;
    p = p * s - 0.02685894f;
    p = p * s + 0.112836875f;
    p = p * s - 0.37612632f;
    p = p * s + 0.12837917f;
    float small = p * a + a;
    float t = a > 4.05f ? 4.05f : a; /* erf is 1 in float from 3.92 on */
    float q = 2.0828522e-05f;
    q = q * t - 0.00043139252f;
    q = q * t + 0.00415625f;
    q = q * t - 0.025080604f;
    q = q * t + 0.10822037f;
    q = q * t + 0.63340086f;
    q = q * t + 1.1294883f;
    q = q * t - 0.00016920376f;
    float large = 1.0f - real_exp(-q);
    float result = a < 0.925f ? small : large;
    return float_of(bits_of(result) | (bits_of(x) & 0x80000000u));
}

/* sin and cos of 2 pi turns, turns in [0, 1). */
static inline void real_sincos_turns(float turns, float *sine, float *cosine) {
    float shifted = turns * 4.0f + ROUNDING_MAGIC;
    uint32_t quadrant = bits_of(shifted) & 3u;
    float r = turns - (shifted - ROUNDING_MAGIC) * 0.25f, s = r * r;
    float sp = 41.47295f;
    sp = sp * s - 76.69787f;
    sp = sp * s + 81.6052f;
    sp = sp * s - 41.3417f;
    sp = (sp * s + 6.2831855f) * r;
    float cp = 59.245964f;
    cp = cp * s - 85.44374f;
    cp = cp * s + 64.93932f;
    cp = cp * s - 19.739208f;
    cp = cp * s + 1.0f;
    float a = quadrant & 1u ? cp : sp, b = quadrant & 1u ? sp : cp;
    *sine = float_of(bits_of(a) ^ (quadrant & 2u) << 30);
    *cosine = float_of(bits_of(b) ^ ((quadrant + 1u) & 2u) << 30);
}

#endif

/* The rounding of 1 + e is put back to first order. */
static inline real real_sigmoid(real x) {
    real e = real_exp(-real_abs(x)), sum = 1 + e, lost = e - (sum - 1);
    real result = (x < 0 ? e : (real)1) / sum, inverse = x < 0 ? 1 - result : result;
    return result - result * lost * inverse;
}

/* logvar = hi - softplus(hi - (lo + softplus(a - lo))): any head gives a usable variance and a
 * gradient that lives. */
#define LOGVAR_LOW ((real)-16)
#define LOGVAR_HIGH ((real)16)

/* Bounded value of a; *slope = d logvar / d a = sigmoid(hi - t) sigmoid(a - lo). */
static inline real real_bounded_logvar(real a, real *slope) {
    real above = a - LOGVAR_LOW;
    real t = LOGVAR_LOW + real_softplus(above);
    real below = LOGVAR_HIGH - t;
    *slope = real_sigmoid(below) * real_sigmoid(above);
    return LOGVAR_HIGH - real_softplus(below);
}

#endif
