/* Loads the shared library by path, several times, as a plug-in host does. Loading, using and unloading it must leave the
 * floating-point control register alone: a library linked with fast-math start-up code turns denormals off for everyone.
 *
 *     load path-to-libvae.so */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__SSE__)
#include <xmmintrin.h>
/* Without the six sticky exception flags, which any arithmetic sets. */
static unsigned control(void) {
    return _mm_getcsr() & ~0x3FU;
}
#else
static unsigned control(void) {
    return 0;
}
#endif

typedef uint32_t (*version_fn)(void);
typedef int32_t (*create_fn)(void *context, const char *spec, void **out);
typedef void (*destroy_fn)(void *model);
typedef int32_t (*decode_fn)(const void *model, const float *z, size_t n, size_t latent, float *x);

/* ISO C has no conversion from an object pointer to a function's. */
static int find(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    if (symbol == NULL) fprintf(stderr, "%s\n", dlerror());
    return symbol != NULL;
}

static int use(const char *path) {
    version_fn version;
    create_fn create;
    destroy_fn destroy;
    decode_fn decode;
    void *model = NULL;
    float z[2] = {0.5F, -0.5F}, x[4];
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    int good = 0;
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 0;
    }
    if (find(library, "vae_version_number", &version) &&
        find(library, "vae_model_create", &create) &&
        find(library, "vae_model_destroy", &destroy) && find(library, "vae_decode", &decode)) {
        good = version() != 0 &&
               create(NULL, "input=4 latent=2 likelihood=gaussian", &model) == 0 &&
               decode(model, z, 1, 2, x) == 0;
        destroy(model);
    }
    dlclose(library);
    return good;
}

int main(int count, char **arguments) {
    unsigned before = control();
    int i;
    if (count != 2) return 2;
    for (i = 0; i < 3; i++) {
        if (!use(arguments[1])) {
            fprintf(stderr, "round %d: the library could not be loaded and used\n", i);
            return 1;
        }
        if (control() != before) {
            fprintf(stderr, "round %d: MXCSR was %x, is %x\n", i, before, control());
            return 1;
        }
    }
    return 0;
}
