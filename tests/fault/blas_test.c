/* A BLAS has threads of its own, which would fight with those of the library and of its host. Every matrix product of every
 * call runs on one thread, whatever the host has set: the products are counted, and on how many threads each may run. What
 * can be put back is as the host had it; what cannot be is said in the log. Without a BLAS there is nothing to test. */
#include <pthread.h>

#include "support/checks.h"
#include "support/cmocka.h"

/* What the BLAS that is linked may have; as in src/tensor/gemm.c. */
#define OPTIONAL __attribute__((weak))
extern OPTIONAL int openblas_get_parallel(void);
extern OPTIONAL void openblas_set_num_threads(int);
extern OPTIONAL int openblas_get_num_threads(void);
extern OPTIONAL void bli_thread_set_num_threads(int64_t);
extern OPTIONAL int64_t bli_thread_get_num_threads(void);
extern OPTIONAL void omp_set_num_threads(int);
extern OPTIONAL int omp_get_max_threads(void);

enum { HOST_THREADS = 3 }; /* that the host has set */

/* 0: the BLAS has no threads; 1: one number for the process; 2: one for each thread that calls it. */
static int blas_kind(void) {
    if (openblas_get_parallel) return openblas_get_parallel();
    if (openblas_set_num_threads) return omp_get_max_threads ? 2 : 1; /* linked statically */
    return bli_thread_set_num_threads != NULL;
}

/* What the next product that this thread asks for would run on. */
static int blas_threads(void) {
    if (blas_kind() == 2) return omp_get_max_threads();
    if (bli_thread_get_num_threads) return (int)bli_thread_get_num_threads();
    return openblas_get_num_threads ? openblas_get_num_threads() : 1;
}

static void set_blas_threads(int count) {
    if (blas_kind() == 2) omp_set_num_threads(count);
    if (blas_kind() == 1 && openblas_set_num_threads) openblas_set_num_threads(count);
    if (bli_thread_set_num_threads) bli_thread_set_num_threads(count);
}

/* ---- in place of the products ---- */

#ifdef VAE_BLAS_BUILTIN
#define OF_THE_BLAS OPTIONAL /* not there, and not called */
#else
#define OF_THE_BLAS
#endif

static atomic_int products, most_threads;

static void count_product(void) {
    int found = blas_threads(), most = atomic_load(&most_threads);
    atomic_fetch_add(&products, 1);
    while (found > most && !atomic_compare_exchange_weak(&most_threads, &most, found)) continue;
}

/* The arguments of CBLAS, its enums as the integers that they are. */
#define STAND_IN_FOR_GEMM(name, real)                                                            \
    extern OF_THE_BLAS void __real_##name(int, int, int, int, int, int, real, const real *, int, \
                                          const real *, int, real, real *, int);                 \
    void __wrap_##name(int, int, int, int, int, int, real, const real *, int, const real *, int, \
                       real, real *, int);                                                       \
    void __wrap_##name(int order, int a, int b, int m, int n, int k, real alpha, const real *x,  \
                       int ldx, const real *y, int ldy, real beta, real *z, int ldz) {           \
        count_product();                                                                         \
        __real_##name(order, a, b, m, n, k, alpha, x, ldx, y, ldy, beta, z, ldz);                \
    }
#define STAND_IN_FOR_GEMV(name, real)                                                        \
    extern OF_THE_BLAS void __real_##name(int, int, int, int, real, const real *, int,       \
                                          const real *, int, real, real *, int);             \
    void __wrap_##name(int, int, int, int, real, const real *, int, const real *, int, real, \
                       real *, int);                                                         \
    void __wrap_##name(int order, int a, int m, int n, real alpha, const real *x, int ldx,   \
                       const real *y, int step_y, real beta, real *z, int step_z) {          \
        count_product();                                                                     \
        __real_##name(order, a, m, n, alpha, x, ldx, y, step_y, beta, z, step_z);            \
    }
STAND_IN_FOR_GEMM(cblas_sgemm, float)
STAND_IN_FOR_GEMM(cblas_dgemm, double)
STAND_IN_FOR_GEMV(cblas_sgemv, float)
STAND_IN_FOR_GEMV(cblas_dgemv, double)

/* ---- a host ---- */

enum { ROWS = 300, WIDTH = 30, LATENT = 8 };

#define SPEC                                                           \
    "input=30 latent=8 likelihood=gaussian encoder=[dense 256, tanh] " \
    "decoder=[dense 256, tanh]"

static float rows[ROWS * WIDTH];

typedef struct handles {
    vae_model *model;
    vae_optimizer *optimizer;
    vae_dataset *data;
    vae_status status;
} handles;

/* In the context of these options; `none`: without one. */
static const char none[] = "none";

static vae_status make(const char *options, handles *h) {
    vae_context *context = NULL;
    vae_status status = VAE_OK;
    memset(h, 0, sizeof *h);
    if (options != none) status = vae_context_create(options, &context);
    if (!status) status = vae_model_create(context, SPEC, &h->model);
    if (!status)
        status = vae_dataset_from_memory(context, rows, ROWS, WIDTH, "batch=100", &h->data);
    if (!status) status = vae_optimizer_create(h->model, "adam clip_norm=5", &h->optimizer);
    vae_context_destroy(context);
    return status;
}

static void destroy(handles *h) {
    vae_model_destroy(h->model);
    vae_optimizer_destroy(h->optimizer);
    vae_dataset_destroy(h->data);
}

static vae_status step(handles *h) {
    return vae_step(h->model, h->optimizer, h->data, NULL);
}

static vae_status step_rows(handles *h) {
    return vae_step_rows(h->model, h->optimizer, rows, 1, WIDTH, NULL);
}

static vae_status train(handles *h) {
    return vae_train(h->model, h->optimizer, h->data, h->data, NULL, NULL, NULL);
}

static vae_status encode(handles *h) {
    float mean[2 * LATENT];
    return vae_encode(h->model, rows, 2, WIDTH, mean, NULL);
}

static vae_status encode_one(handles *h) {
    float mean[LATENT];
    return vae_encode(h->model, rows, 1, WIDTH, mean, NULL);
}

static vae_status decode(handles *h) {
    float x[ROWS * WIDTH / LATENT];
    return vae_decode(h->model, rows, ROWS / LATENT, LATENT, x);
}

static vae_status reconstruct(handles *h) {
    static _Thread_local float x[ROWS * WIDTH];
    return vae_reconstruct(h->model, rows, ROWS, WIDTH, x);
}

static vae_status elbo(handles *h) {
    double values[ROWS];
    return vae_elbo(h->model, rows, ROWS, WIDTH, 1, values, NULL, NULL);
}

static vae_status sample(handles *h) {
    float x[5 * WIDTH];
    return vae_sample(h->model, 5, 1, NULL, x, NULL);
}

static vae_status log_likelihood(handles *h) {
    double values[3];
    return vae_log_likelihood(h->model, rows, 3, WIDTH, "samples=50", values, NULL, NULL);
}

static vae_status prior_likelihood(handles *h) {
    double values[3];
    return vae_log_likelihood(h->model, rows, 3, WIDTH, "samples=50 estimator=prior", values, NULL,
                              NULL);
}

static vae_status evaluate_with(handles *h, const char *options) {
    vae_evaluation *evaluation;
    vae_status status = vae_evaluate(h->model, h->data, NULL, options, NULL, NULL, &evaluation);
    vae_evaluation_destroy(evaluation);
    return status;
}

static vae_status evaluate(handles *h) {
    return evaluate_with(h, "samples=3 baselines=0");
}

static vae_status evaluate_baselines(handles *h) {
    return evaluate_with(h, NULL);
}

static const struct call {
    const char *name;
    vae_status (*run)(handles *h);
} calls[] = {
    {"vae_step", step},
    {"vae_step_rows", step_rows},
    {"vae_train", train},
    {"vae_encode", encode},
    {"vae_encode of one row", encode_one},
    {"vae_decode", decode},
    {"vae_reconstruct", reconstruct},
    {"vae_elbo", elbo},
    {"vae_sample", sample},
    {"vae_log_likelihood", log_likelihood},
    {"vae_log_likelihood from the prior", prior_likelihood},
    {"vae_evaluate", evaluate},
    {"vae_evaluate with baselines", evaluate_baselines},
};

static int set_up(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS * WIDTH; i++) rows[i] = (float)(i * 37 % 101) / 101;
    return 0;
}

static void begin_counting(void) {
    set_blas_threads(HOST_THREADS);
    atomic_store(&products, 0);
    atomic_store(&most_threads, 0);
}

/* ---- one thread ---- */

static void check_calls(const char *options) {
    handles h;
    begin_counting();
    assert_ok(make(options, &h));
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        atomic_store(&products, 0);
        assert_ok(calls[i].run(&h));
        if (!atomic_load(&products)) fail_msg("%s: no product was counted", calls[i].name);
        if (atomic_load(&most_threads) != 1)
            fail_msg("%s, context \"%s\": a product on %d threads of the BLAS", calls[i].name,
                     options, atomic_load(&most_threads));
        if (blas_kind() == 2) assert_int_equal(omp_get_max_threads(), HOST_THREADS);
    }
    destroy(&h);
}

static void every_product_runs_on_one_thread(void **state) {
    (void)state;
    if (!blas_kind()) skip();
    check_calls(none);
    check_calls(NULL);
    check_calls("threads=1");
    check_calls("threads=2");
}

static void *live(void *argument) {
    handles *h = argument;
    if (blas_kind() == 2) omp_set_num_threads(HOST_THREADS);
    h->status = make(none, h);
    for (size_t i = 0; i < COUNT_OF(calls) && !h->status; i++) h->status = calls[i].run(h);
    if (blas_kind() == 2 && omp_get_max_threads() != HOST_THREADS) h->status = VAE_ERROR_INTERNAL;
    destroy(h);
    return NULL;
}

/* Two threads of one host, without a context, each for itself. */
static void two_hosts_do_not_fight(void **state) {
    pthread_t threads[2];
    handles of[2];
    (void)state;
    if (!blas_kind()) skip();
    begin_counting();
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, live, &of[i]), 0);
    for (size_t i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 2; i++) assert_int_equal(of[i].status, VAE_OK);
    assert_true(atomic_load(&products) > 100);
    assert_int_equal(atomic_load(&most_threads), 1);
}

/* ---- the number that holds for the process ---- */

static void set_by_whatever_makes_a_context(void **state) {
    vae_model *model, *loaded;
    vae_dataset *data;
    unsigned char *bytes;
    size_t length;
    (void)state;
    if (blas_kind() != 1) skip();
    set_blas_threads(HOST_THREADS);
    assert_ok(vae_dataset_from_memory(NULL, rows, ROWS, WIDTH, NULL, &data));
    assert_int_equal(blas_threads(), 1);
    set_blas_threads(HOST_THREADS);
    assert_ok(vae_model_create(NULL, SPEC, &model));
    assert_int_equal(blas_threads(), 1);
    assert_ok(vae_model_save_memory(model, NULL, 0, &length));
    bytes = malloc(length);
    assert_ok(vae_model_save_memory(model, bytes, length, &length));
    set_blas_threads(HOST_THREADS);
    assert_ok(vae_model_load_memory(NULL, bytes, length, &loaded));
    assert_int_equal(blas_threads(), 1);
    free(bytes);
    vae_model_destroy(model);
    vae_model_destroy(loaded);
    vae_dataset_destroy(data);
    assert_int_equal(blas_threads(), 1); /* never put back */
}

static void not_set_by_a_context_that_is_refused(void **state) {
    vae_context *context;
    (void)state;
    if (blas_kind() != 1) skip();
    set_blas_threads(HOST_THREADS);
    assert_int_not_equal(vae_context_create("threads=0", &context), VAE_OK);
    assert_int_not_equal(vae_context_create("memory_limit=1", &context), VAE_OK);
    assert_int_equal(blas_threads(), HOST_THREADS);
}

static void kept_where_that_is_asked_for(void **state) {
    handles h;
    (void)state;
    if (blas_kind() != 1) skip();
    begin_counting();
    assert_ok(make("blas_threads=keep", &h));
    assert_ok(step(&h));
    assert_int_equal(blas_threads(), HOST_THREADS);
    assert_int_equal(atomic_load(&most_threads), HOST_THREADS);
    destroy(&h);
}

/* ---- the log ---- */

typedef struct journal {
    size_t lines;
    int32_t level;
    char last[512];
} journal;

static void note(void *user, int32_t level, const char *message) {
    journal *j = user;
    j->lines++;
    j->level = level;
    snprintf(j->last, sizeof j->last, "%s", message);
}

static size_t lines_of(const char *options, journal *j) {
    vae_context *context;
    memset(j, 0, sizeof *j);
    assert_ok(vae_context_create(options, &context));
    assert_ok(vae_context_set_log(context, NULL, NULL));
    assert_ok(vae_context_set_log(context, note, j));
    assert_ok(vae_context_set_log(context, note, j)); /* said once */
    vae_context_destroy(context);
    return j->lines;
}

static void said_in_the_log(void **state) {
    journal j;
    (void)state;
    set_blas_threads(HOST_THREADS);
    assert_int_equal(lines_of("blas_threads=keep", &j), 0);
    assert_int_equal(lines_of(NULL, &j), blas_kind() == 1);
    if (blas_kind() == 1) {
        assert_int_equal(j.level, VAE_LOG_INFO);
        assert_non_null(strstr(j.last, "it was 3"));
        assert_non_null(strstr(j.last, "blas_threads=keep"));
    }
    assert_int_equal(lines_of(NULL, &j), 0); /* nothing to change any more */
}

/* ---- the name ---- */

static void told_in_the_build_info(void **state) {
    static const char *const names[] = {"(serial), ", "(pthreads), ", "(OpenMP), "};
    (void)state;
    if (!openblas_get_parallel) skip();
    assert_non_null(strstr(vae_build_info(), names[openblas_get_parallel()]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_product_runs_on_one_thread),
        cmocka_unit_test(two_hosts_do_not_fight),
        cmocka_unit_test(set_by_whatever_makes_a_context),
        cmocka_unit_test(not_set_by_a_context_that_is_refused),
        cmocka_unit_test(kept_where_that_is_asked_for),
        cmocka_unit_test(said_in_the_log),
        cmocka_unit_test(told_in_the_build_info),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
