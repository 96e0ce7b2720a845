/* Which kernel table a context gets. */
#include "tensor/kernels.h"

#include <string.h>

#if defined(__x86_64__)
extern const vae__kernels vae__kernels_sse2, vae__kernels_avx2, vae__kernels_avx512;

static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

static int has_baseline(void) {
    return 1;
}

static const struct level {
    const vae__kernels *kernels;
    int (*supported)(void);
} levels[] = {{&vae__kernels_avx512, has_avx512},
              {&vae__kernels_avx2, has_avx2},
              {&vae__kernels_sse2, has_baseline}};
#define BUILT "sse2 avx2 avx512"
#else
extern const vae__kernels vae__kernels_generic;

static int has_baseline(void) {
    return 1;
}

static const struct level {
    const vae__kernels *kernels;
    int (*supported)(void);
} levels[] = {{&vae__kernels_generic, has_baseline}};
#define BUILT "generic"
#endif

#define LEVELS (sizeof levels / sizeof levels[0])

const char *vae__kernels_built(void) {
    return BUILT;
}

vae_status vae__kernels_select(const char *level, const vae__kernels **out) {
    int any = !strcmp(level, "auto");
    for (size_t i = 0; i < LEVELS; i++) {
        if (!any && strcmp(level, levels[i].kernels->name)) continue;
        if (levels[i].supported()) {
            *out = levels[i].kernels;
            return VAE_OK;
        }
        if (!any)
            return vae__fail(VAE_ERROR_UNSUPPORTED,
                             "simd=%s: this processor lacks it; use simd=auto", level);
    }
    return vae__fail(VAE_ERROR_UNSUPPORTED, "simd=%s: not in this build, which has %s", level,
                     BUILT);
}
