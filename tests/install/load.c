/* Loads the shared library by path, trains with threads, and unloads it, many times over, as a plug-in host does. Each
 * time it must leave: the floating-point control register (a library linked with fast-math start-up code turns denormals
 * off for everyone), no thread, no open file, no mapping of itself, and after some rounds no more memory than before.
 *
 *     load path-to-libvae.so */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

enum { ROUNDS = 200, WARM_UP = 20, ROWS = 256, WIDTH = 16, MOST_GROWTH = 1024 /* KiB */ };

static const char *const spec =
    "input=16 latent=2 likelihood=gaussian encoder=[dense 300, relu] decoder=[dense 300, relu]";

typedef struct functions {
    int32_t (*context_create)(const char *options, void **out);
    int32_t (*model_create)(void *context, const char *spec, void **out);
    int32_t (*data)(void *context, const void *rows, size_t n, size_t width, const char *options,
                    void **out);
    int32_t (*optimizer_create)(void *model, const char *options, void **out);
    int32_t (*step)(void *model, void *optimizer, void *data, void *report);
    int32_t (*decode)(const void *model, const float *z, size_t n, size_t latent, float *x);
    const char *(*last_error)(void);
    void (*context_destroy)(void *), (*model_destroy)(void *), (*data_destroy)(void *),
        (*optimizer_destroy)(void *);
} functions;

/* ISO C has no conversion from an object pointer to a function's. */
static int find(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    if (symbol == NULL) fprintf(stderr, "%s\n", dlerror());
    return symbol != NULL;
}

static int find_all(void *library, functions *f) {
    return find(library, "vae_context_create", &f->context_create) &&
           find(library, "vae_model_create", &f->model_create) &&
           find(library, "vae_dataset_from_memory", &f->data) &&
           find(library, "vae_optimizer_create", &f->optimizer_create) &&
           find(library, "vae_step", &f->step) && find(library, "vae_decode", &f->decode) &&
           find(library, "vae_last_error", &f->last_error) &&
           find(library, "vae_context_destroy", &f->context_destroy) &&
           find(library, "vae_model_destroy", &f->model_destroy) &&
           find(library, "vae_dataset_destroy", &f->data_destroy) &&
           find(library, "vae_optimizer_destroy", &f->optimizer_destroy);
}

static int train(const functions *f) {
    static float rows[ROWS * WIDTH];
    void *context = NULL, *model = NULL, *data = NULL, *optimizer = NULL;
    float z[2] = {0.5F, -0.5F}, x[WIDTH];
    int i, bad;
    for (i = 0; i < ROWS * WIDTH; i++) rows[i] = (float)(i * 37 % 101) / 101;
    bad = f->context_create("threads=3", &context) || f->model_create(context, spec, &model) ||
          f->data(context, rows, ROWS, WIDTH, "batch=128", &data) ||
          f->optimizer_create(model, "adam", &optimizer);
    for (i = 0; i < 6 && !bad; i++) bad = f->step(model, optimizer, data, NULL) != 0;
    bad = bad || f->decode(model, z, 1, 2, x);
    if (bad) fprintf(stderr, "%s\n", f->last_error());
    f->optimizer_destroy(optimizer);
    f->data_destroy(data);
    f->model_destroy(model);
    f->context_destroy(context);
    return !bad;
}

static int use(const char *path) {
    functions f;
    int good;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 0;
    }
    good = find_all(library, &f) && train(&f);
    dlclose(library);
    if (dlopen(path, RTLD_NOW | RTLD_NOLOAD) != NULL) {
        fprintf(stderr, "the library is still loaded\n");
        return 0;
    }
    return good;
}

/* What a process has, where there is /proc. */
typedef struct belongings {
    unsigned control;
    int threads, files;
    long resident; /* KiB */
} belongings;

static int entries(const char *path) {
    DIR *folder = opendir(path);
    int n = 0;
    if (folder == NULL) return 0;
    while (readdir(folder) != NULL) n++;
    closedir(folder);
    return n;
}

static belongings look(void) {
    belongings b = {control(), entries("/proc/self/task"), entries("/proc/self/fd"), 0};
    long pages;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL) return b;
    if (fscanf(file, "%ld %ld", &pages, &b.resident) == 2)
        b.resident *= sysconf(_SC_PAGESIZE) / 1024;
    fclose(file);
    return b;
}

/* A thread that was joined may be listed for a moment. */
static belongings look_when_joined(int threads) {
    const struct timespec moment = {0, 5000000};
    int tries;
    for (tries = 0; tries < 200 && entries("/proc/self/task") > threads; tries++)
        nanosleep(&moment, NULL);
    return look();
}

int main(int count, char **arguments) {
    belongings before = look(), warm = before, now = before;
    int i;
    if (count != 2) return 2;
    for (i = 0; i < ROUNDS; i++) {
        if (!use(arguments[1])) {
            fprintf(stderr, "round %d: the library could not be loaded and used\n", i);
            return 1;
        }
        now = look_when_joined(before.threads);
        if (now.control != before.control || now.threads != before.threads ||
            now.files != before.files) {
            fprintf(stderr, "round %d: MXCSR was %x, is %x; threads %d, %d; files %d, %d\n", i,
                    before.control, now.control, before.threads, now.threads, before.files,
                    now.files);
            return 1;
        }
        if (i == WARM_UP) warm = now;
    }
    printf("resident: %ld KiB after %d rounds, %ld KiB after %d\n", warm.resident, WARM_UP,
           now.resident, ROUNDS);
    if (now.resident > warm.resident + MOST_GROWTH) {
        fprintf(stderr, "grew by %ld KiB\n", now.resident - warm.resident);
        return 1;
    }
    return 0;
}
