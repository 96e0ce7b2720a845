/* Which kernel table a context gets. */
#include "tensor/kernels.h"

#include <string.h>

/* What the processor must have. */
#if defined(__x86_64__)
static int runs_sse2(void) {
    return 1;
}

static inline int runs_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static inline int runs_avx512(void) {
    return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#else
static int runs_generic(void) {
    return 1;
}
#endif

/* VAE__SIMD_LEVELS comes from the build: the levels compiled, best first. */
#define DECLARE(level) extern const vae__kernels vae__kernels_##level;
VAE__SIMD_LEVELS(DECLARE)

static const struct level {
    const vae__kernels *kernels;
    int (*runs)(void);
} levels[] = {
#define ENTRY(level) {&vae__kernels_##level, runs_##level},
    VAE__SIMD_LEVELS(ENTRY)};

#define LEVELS (sizeof levels / sizeof levels[0])

const char *vae__kernels_built(void) {
#define NAME(level) " " #level
    return &VAE__SIMD_LEVELS(NAME)[1];
}

vae_status vae__kernels_select(const char *level, const vae__kernels **out) {
    int any = !strcmp(level, "auto");
    for (size_t i = 0; i < LEVELS; i++) {
        if (!any && strcmp(level, levels[i].kernels->name)) continue;
        if (levels[i].runs()) {
            *out = levels[i].kernels;
            return VAE_OK;
        }
        if (!any)
            return vae__fail(VAE_ERROR_UNSUPPORTED,
                             "simd=%s: this processor lacks it; use simd=auto", level);
    }
    return vae__fail(VAE_ERROR_UNSUPPORTED, "simd=%s: not in this build, which has %s", level,
                     vae__kernels_built());
}
