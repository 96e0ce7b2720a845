/* The public functions for status, version and the context handle. */
#include <stddef.h>
#include <string.h>

#include "api/arguments.h"
#include "api/texts.h"
#include "base/memory.h"
#include "base/threads.h"
#include "tensor/gemm.h"

/* ---- status and version ---- */

static const struct constant {
    const char *name;
    int64_t value;
} constants[] = {
#define CONSTANT(name) \
    { #name, (int64_t)(name) }
    /* The statuses come first: vae_status_name looks no further. */
    CONSTANT(VAE_OK),
    CONSTANT(VAE_STOPPED),
    CONSTANT(VAE_ERROR_ARGUMENT),
    CONSTANT(VAE_ERROR_WIDTH),
    CONSTANT(VAE_ERROR_DATA),
    CONSTANT(VAE_ERROR_MISMATCH),
    CONSTANT(VAE_ERROR_TEXT),
    CONSTANT(VAE_ERROR_FILE),
    CONSTANT(VAE_ERROR_FORMAT),
    CONSTANT(VAE_ERROR_LIMIT),
    CONSTANT(VAE_ERROR_MEMORY),
    CONSTANT(VAE_ERROR_DIVERGED),
    CONSTANT(VAE_ERROR_UNSUPPORTED),
    CONSTANT(VAE_ERROR_INTERNAL),
#define STATUSES 14
    CONSTANT(VAE_VERSION_MAJOR),
    CONSTANT(VAE_VERSION_MINOR),
    CONSTANT(VAE_VERSION_PATCH),
    CONSTANT(VAE_LOG_WARNING),
    CONSTANT(VAE_LOG_INFO),
    CONSTANT(VAE_STEP_CLIPPED),
    CONSTANT(VAE_STEP_REFUSED),
    CONSTANT(VAE_STEP_EPOCH_END),
    CONSTANT(VAE_EVENT_STEP),
    CONSTANT(VAE_EVENT_EPOCH),
#undef CONSTANT
};

const char *vae_status_name(vae_status status) {
    for (size_t i = 0; i < STATUSES; i++) {
        if (constants[i].value == status) return constants[i].name;
    }
    return "unknown status";
}

vae_status vae_constant(const char *name, int64_t *value) {
    if (!name || !value)
        return vae__fail(VAE_ERROR_ARGUMENT, "vae_constant: %s is NULL", name ? "value" : "name");
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
        if (strcmp(constants[i].name, name)) continue;
        *value = constants[i].value;
        return VAE_OK;
    }
    char suggestion[VAE__SUGGESTION_SIZE];
    vae__nearest nearest = {.text = name, .length = strlen(name)};
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++)
        vae__nearest_offer(&nearest, constants[i].name);
    return vae__fail(VAE_ERROR_ARGUMENT, "vae_constant: vae.h has no constant '%.60s'%s", name,
                     vae__suggestion(suggestion, nearest.name));
}

const char *vae_last_error(void) {
    return vae__last_message();
}

uint32_t vae_version_number(void) {
    return (uint32_t)(VAE_VERSION_MAJOR << 16 | VAE_VERSION_MINOR << 8 | VAE_VERSION_PATCH);
}

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#ifdef __clang__
#define COMPILER "clang " TEXT(__clang_major__) "." TEXT(__clang_minor__)
#else
#define COMPILER "gcc " TEXT(__GNUC__) "." TEXT(__GNUC_MINOR__)
#endif
#ifdef VAE_REAL_DOUBLE
#define REAL_NAME "double"
#else
#define REAL_NAME "float"
#endif
#if defined(VAE_BLAS_BUILTIN)
#define BLAS_NAME "builtin"
#elif defined(VAE_BLAS_BLIS)
#define BLAS_NAME "BLIS"
#elif defined(VAE_BLAS_CBLAS)
#define BLAS_NAME "CBLAS"
#else
#define BLAS_NAME "OpenBLAS"
#endif

#ifdef VAE_BLAS_VERSION
#define BLAS BLAS_NAME " " TEXT(VAE_BLAS_VERSION)
#else
#define BLAS BLAS_NAME
#endif

#define LEVEL(name) " " #name
#define BUILD_INFO(threading)                                                    \
    "libvae " TEXT(VAE_VERSION_MAJOR) "." TEXT(VAE_VERSION_MINOR) "." TEXT(      \
        VAE_VERSION_PATCH) ", " COMPILER ", BLAS " BLAS threading ", " REAL_NAME \
                           ", simd" VAE__SIMD_LEVELS(LEVEL)

const char *vae_build_info(void) {
    static const char *const lines[] = {
        [VAE__BLAS_SAYS_NOTHING] = BUILD_INFO(""),
        [VAE__BLAS_SERIAL] = BUILD_INFO(" (serial)"),
        [VAE__BLAS_PTHREADS] = BUILD_INFO(" (pthreads)"),
        [VAE__BLAS_OPENMP] = BUILD_INFO(" (OpenMP)"),
    };
    return lines[vae__gemm_threading()];
}

/* ---- context ---- */

typedef struct context_options {
    uint64_t threads, memory_limit;
    int simd, blas_threads_kept;
} context_options;

static const char *const simd_names[] = {"auto", "sse2", "avx2", "avx512", NULL};
static const char *const blas_thread_names[] = {"set", "keep", NULL};

static const vae__option options_list[] = {
    {"threads", VAE__OPTION_UNSIGNED, offsetof(context_options, threads), .minimum = 1,
     .maximum = 256},
    {"memory_limit", VAE__OPTION_BYTES, offsetof(context_options, memory_limit), .minimum = 0},
    {"simd", VAE__OPTION_CHOICE, offsetof(context_options, simd), .choices = simd_names},
    {"blas_threads", VAE__OPTION_CHOICE, offsetof(context_options, blas_threads_kept),
     .choices = blas_thread_names},
    {.name = NULL},
};

static const vae__alias aliases[] = {{"n_threads", "threads", NULL},
                                     {"num_threads", "threads", NULL},
                                     {"nthreads", "threads", NULL},
                                     {"n_jobs", "threads", NULL},
                                     {"workers", "threads", NULL},
                                     {"memory", "memory_limit", NULL},
                                     {"max_memory", "memory_limit", NULL},
                                     {"mem_limit", "memory_limit", NULL},
                                     {"device", NULL, "the library runs on the CPU only"},
                                     {"gpu", NULL, "the library runs on the CPU only"},
                                     {NULL, NULL, NULL}};

const vae__option_table vae__context_table = {
    .label = "context", .what = "option", .options = options_list, .aliases = aliases};

/* The context's own block came from the host's allocator too. */
static vae_status count_itself(vae_context *context) {
    vae_status status = vae__memory_check(context, 1, sizeof *context, "the context");
    if (status) return status;
    atomic_store(&context->bytes, sizeof *context);
    atomic_store(&context->peak_bytes, sizeof *context);
    atomic_store(&context->allocations, 1);
    return VAE_OK;
}

static vae_status configure(vae_context *context, const char *options) {
    context_options parsed = {.threads = 1};
    vae_status status = vae__check_keys(&vae__context_table, options);
    if (!status) status = vae__options_parse(&vae__context_table, options, &parsed, NULL, NULL);
    if (!status) status = vae__kernels_select(simd_names[parsed.simd], &context->kernels);
    if (status) return status;
    context->threads = (size_t)parsed.threads;
    if (parsed.memory_limit && parsed.memory_limit < SIZE_MAX)
        context->memory_limit = (size_t)parsed.memory_limit;
    status = count_itself(context);
    if (status) return status;
    status = vae__pool_new(context, context->threads);
    if (!status && !parsed.blas_threads_kept)
        context->blas_threads_before = vae__gemm_make_serial();
    return status;
}

vae_status vae_context_create_with_allocator(const char *options, vae_alloc_fn alloc,
                                             vae_free_fn release, void *user, vae_context **out) {
    vae_context *context;
    vae_status status = vae__need(out, "vae_context_create", "out");
    if (status) return status;
    *out = NULL;
    if (!alloc != !release) {
        return vae__fail(
            VAE_ERROR_ARGUMENT,
            "vae_context_create_with_allocator: give both alloc and release, or neither");
    }
    status = vae__context_new(alloc, release, user, &context);
    if (status) return vae__memory_in(status, "vae_context_create");
    status = configure(context, options);
    if (status) {
        vae__context_release(context);
        return vae__memory_in(status, "vae_context_create");
    }
    *out = context;
    return VAE_OK;
}

vae_status vae_context_create(const char *options, vae_context **out) {
    return vae_context_create_with_allocator(options, NULL, NULL, NULL, out);
}

void vae_context_destroy(vae_context *context) {
    vae__context_release(context);
}

vae_status vae_context_set_log(vae_context *context, vae_log_fn log, void *user) {
    vae_status status = vae__need(context, "vae_context_set_log", "context");
    if (status) return status;
    context->log = log;
    context->log_user = user;
    if (log && context->blas_threads_before) {
        vae__log(
            context, VAE_LOG_INFO,
            "the BLAS has one number of threads for the whole process: it was %d and is now 1, "
            "so that its threads do not fight with others (blas_threads=keep leaves it)",
            context->blas_threads_before);
        context->blas_threads_before = 0; /* said once */
    }
    return VAE_OK;
}

vae_status vae_context_memory(const vae_context *context, uint64_t *bytes, uint64_t *peak_bytes,
                              uint64_t *allocations) {
    vae_status status = vae__need(context, "vae_context_memory", "context");
    if (status) return status;
    if (bytes) *bytes = atomic_load(&context->bytes);
    if (peak_bytes) *peak_bytes = atomic_load(&context->peak_bytes);
    if (allocations) *allocations = atomic_load(&context->allocations);
    return VAE_OK;
}

vae_status vae__context_resolve(vae_context *given, vae_context **out) {
    if (!given) return vae_context_create(NULL, out);
    *out = vae__context_retain(given);
    return VAE_OK;
}
