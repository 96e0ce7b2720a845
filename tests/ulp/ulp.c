/* make check-ulp: the elementary functions of every level over all 2^32 floats, against libm in double.
 *
 *     ulp [stride=1] [only=NAME]      only every so many-th bit pattern, one function
 *
 * An error is in units of the last place of the exact value (of the least denormal below it). Fails if
 * one is above what docs/numerics.md states, if 0 does not go to f(0) exactly, or if an infinity or a NaN
 * does not go where libm's goes. */
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/kernels.h"
#include "ulp/functions.h"

#define DECLARE(level) extern const ulp_level vae__ulp_level_##level;
#define ENTRY(level) &vae__ulp_level_##level,
VAE__SIMD_LEVELS(DECLARE)
static const ulp_level *const levels[] = {VAE__SIMD_LEVELS(ENTRY)};
enum { LEVELS = sizeof levels / sizeof levels[0], BLOCK = 4096, THREADS = 2 };

static double softplus(double x) {
    return (x < 0 ? 0 : x) + log1p(exp(-fabs(x)));
}
static double sigmoid(double x) {
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static const struct function {
    const char *name;
    double (*exact)(double);
    double stated; /* docs/numerics.md */
} functions[ULP_FUNCTIONS] = {
    {"exp", exp, 1.1},         {"expm1", expm1, 1.5},   {"log", log, 1},     {"log1p", log1p, 1.6},
    {"softplus", softplus, 2}, {"sigmoid", sigmoid, 2}, {"tanh", tanh, 1.5}, {"erf", erf, 1.5}};

typedef struct worst {
    double ulps;
    float x, found;
} worst;

typedef struct share {
    uint64_t first, end, stride; /* bit patterns */
    const char *only;            /* NULL: every function */
    int supported[LEVELS];
    worst worst[LEVELS][ULP_FUNCTIONS];
} share;

static double ulps(double exact, float found) {
    const double beyond = 0x1.ffffffp127; /* rounds to infinity */
    int exponent;
    if (isnan(exact)) return isnan(found) ? 0 : (double)INFINITY;
    if (isnan(found)) return (double)INFINITY;
    if (fabs(exact) >= beyond) exact = copysign((double)INFINITY, exact);
    if (isinf(exact) || isinf(found)) return (double)found == exact ? 0 : (double)INFINITY;
    if (exact == 0) return found == 0 ? 0 : fabs((double)found) * 0x1p149;
    frexp(exact, &exponent);
    return ldexp(fabs((double)found - exact), exponent < -125 ? 149 : 24 - exponent);
}

static void compare(share *s, size_t f, const float *x, size_t n) {
    double exact[BLOCK];
    float y[BLOCK];
    for (size_t i = 0; i < n; i++) exact[i] = functions[f].exact((double)x[i]);
    for (size_t l = 0; l < LEVELS; l++) {
        if (!s->supported[l]) continue;
        worst *w = &s->worst[l][f];
        memcpy(y, x, n * sizeof *y);
        levels[l]->apply[f](y, n);
        for (size_t i = 0; i < n; i++) {
            double off = ulps(exact[i], y[i]);
            if (off > w->ulps) *w = (worst){off, x[i], y[i]};
        }
    }
}

static void *run(void *argument) {
    share *s = argument;
    float x[BLOCK];
    size_t n = 0;
    for (uint64_t bits = s->first; bits < s->end; bits += s->stride) {
        uint32_t word = (uint32_t)bits;
        memcpy(&x[n++], &word, sizeof word);
        if (n < BLOCK && bits + s->stride < s->end) continue;
        for (size_t f = 0; f < ULP_FUNCTIONS; f++) {
            if (!s->only || !strcmp(s->only, functions[f].name)) compare(s, f, x, n);
        }
        n = 0;
    }
    return NULL;
}

static int report(const share *shares) {
    int bad = 0;
    printf("%-9s %-7s %8s  %-16s %-16s %s\n", "", "", "ulps", "at", "gives", "stated");
    for (size_t f = 0; f < ULP_FUNCTIONS; f++) {
        for (size_t l = 0; l < LEVELS; l++) {
            if (!shares[0].supported[l]) continue;
            const worst *w = &shares[0].worst[l][f];
            for (size_t t = 1; t < THREADS; t++) {
                if (shares[t].worst[l][f].ulps > w->ulps) w = &shares[t].worst[l][f];
            }
            int over = !(w->ulps <= functions[f].stated);
            printf("%-9s %-7s %8.3f  %-16.9g %-16.9g %.2f%s\n", functions[f].name, levels[l]->name,
                   w->ulps, (double)w->x, (double)w->found, functions[f].stated,
                   over ? "  TOO LARGE" : "");
            bad += over;
        }
    }
    int good = LEVELS * ULP_FUNCTIONS - bad;
    printf("%d passed, %d failed\n", good, bad);
    return bad;
}

int main(int count, char **arguments) {
    static share shares[THREADS];
    pthread_t threads[THREADS];
    uint64_t stride = 1;
    const char *only = NULL;
    for (int i = 1; i < count; i++) {
        if (!strncmp(arguments[i], "stride=", 7)) stride = strtoull(arguments[i] + 7, NULL, 10);
        if (!strncmp(arguments[i], "only=", 5)) only = arguments[i] + 5;
    }
    if (!stride) return 2;
    for (size_t t = 0; t < THREADS; t++) {
        const vae__kernels *kernels;
        shares[t].first = (UINT64_C(1) << 32) / THREADS * t;
        shares[t].end = (UINT64_C(1) << 32) / THREADS * (t + 1);
        shares[t].stride = stride;
        shares[t].only = only;
        for (size_t l = 0; l < LEVELS; l++)
            shares[t].supported[l] = !vae__kernels_select(levels[l]->name, &kernels);
        if (pthread_create(&threads[t], NULL, run, &shares[t])) return 2;
    }
    for (size_t t = 0; t < THREADS; t++) pthread_join(threads[t], NULL);
    return report(shares) > 0;
}
