/* Which kernel table a context gets. */
#include "tensor/kernels.h"

#include <string.h>

/* VAE__SIMD_LEVELS comes from the build: the levels compiled, best first. */
#define DECLARE(level) extern const vae__kernels vae__kernels_##level;
VAE__SIMD_LEVELS(DECLARE)

#define ENTRY(level) &vae__kernels_##level,
static const vae__kernels *const levels[] = {VAE__SIMD_LEVELS(ENTRY)};

#define LEVELS (sizeof levels / sizeof levels[0])

/* The lowest level, sse2 or generic, runs on every processor that the build is for. */
static int processor_runs(const char *level) {
#if defined(__x86_64__)
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                 __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (!strcmp(level, "avx512")) return avx512;
    if (!strcmp(level, "avx2")) return avx2;
#endif
    (void)level;
    return 1;
}

const char *vae__kernels_built(void) {
#define NAME(level) " " #level
    return &VAE__SIMD_LEVELS(NAME)[1];
}

vae_status vae__kernels_select(const char *level, const vae__kernels **out) {
    int any = !strcmp(level, "auto");
    for (size_t i = 0; i < LEVELS; i++) {
        if (!any && strcmp(level, levels[i]->name)) continue;
        if (processor_runs(levels[i]->name)) {
            *out = levels[i];
            return VAE_OK;
        }
        if (!any)
            return vae__fail(VAE_ERROR_UNSUPPORTED,
                             "simd=%s: this processor lacks it; use simd=auto", level);
    }
    return vae__fail(VAE_ERROR_UNSUPPORTED, "simd=%s: not in this build, which has %s", level,
                     vae__kernels_built());
}
