/* Eight host threads on one const model that nobody has called yet, sharing its context's threads: they
 * race to make the plans of each kind. What they get must be what calls one after the other give, bit for
 * bit; and where the allocator refuses during the race, an error or the right answer, and right answers
 * afterwards. */
#include <pthread.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/sanitizers.h"

enum {
    ROWS = 300,
    WIDTH = 12,
    LATENT = 3,
    THREADS = 8,
    KINDS = 8,
    RACES = TEST_THREAD_SANITIZER ? 8 : 24,
    ESTIMATED = 20
};

/* Large enough that the work of one call is shared out. */
#define LAYERS " encoder=[dense 160, silu, dense 60] decoder=[dense 160, tanh] input=12 latent=3"

static const char *const specs[] = {
    "likelihood=gaussian sigma=per_dim" LAYERS,
    "likelihood=bernoulli" LAYERS,
    "likelihood=negative_binomial size=total" LAYERS,
};

static float rows[ROWS * WIDTH];

typedef struct results {
    float mean[ROWS * LATENT], logvar[ROWS * LATENT], decoded[ROWS * WIDTH];
    float reconstructed[ROWS * WIDTH], z[ROWS * LATENT], x_mean[ROWS * WIDTH], x[ROWS * WIDTH];
    double elbo[ROWS], reconstruction[ROWS], kl[ROWS];
    double log_p[2][ESTIMATED], error[2][ESTIMATED], ess[2][ESTIMATED];
    char plan[6000];
    unsigned char file[200000];
} results;

/* Call number `kind` of the const ones; its results into r. Threads may not assert: a status. */
static vae_status call(const vae_model *model, size_t kind, results *r) {
    static const char *const estimates[] = {"samples=30", "samples=20 estimator=prior"};
    size_t length, e = kind % 2;
    switch (kind) {
    case 0: return vae_encode(model, rows, ROWS, WIDTH, r->mean, r->logvar);
    case 1: return vae_decode(model, rows, ROWS, LATENT, r->decoded);
    case 2: return vae_reconstruct(model, rows, ROWS, WIDTH, r->reconstructed);
    case 3: return vae_elbo(model, rows, ROWS, WIDTH, 7, r->elbo, r->reconstruction, r->kl);
    case 4: return vae_sample(model, ROWS, 9, r->z, r->x_mean, r->x);
    case 5:
    case 6:
        return vae_log_likelihood(model, rows, ESTIMATED, WIDTH, estimates[e], r->log_p[e],
                                  r->error[e], r->ess[e]);
    default:
        if (vae_model_plan(model, r->plan, sizeof r->plan, &length))
            return vae_model_plan(model, NULL, 0, &length);
        return vae_model_save_memory(model, r->file, sizeof r->file, &length);
    }
}

typedef struct racer {
    pthread_t thread;
    pthread_barrier_t *start;
    const vae_model *model;
    size_t first; /* kind: some begin with the same, some with others */
    int may_lack_memory;
    vae_status status; /* the first that is not allowed */
    results *results;
} racer;

static void *race(void *argument) {
    racer *r = argument;
    pthread_barrier_wait(r->start);
    for (size_t i = 0; i < KINDS; i++) {
        vae_status status = call(r->model, (r->first + i) % KINDS, r->results);
        if (status == VAE_ERROR_MEMORY && r->may_lack_memory) continue;
        if (status && !r->status) r->status = status;
    }
    return NULL;
}

static results *make_results(void) {
    results *r = calloc(1, sizeof *r);
    assert_non_null(r);
    return r;
}

/* From a seeded model nobody has called: what one call after the other gives. */
static results *serial_results(const char *spec) {
    results *r = make_results();
    vae_model *model;
    vae_context *context;
    assert_ok(vae_context_create("threads=3", &context));
    assert_ok(vae_model_create(context, spec, &model));
    for (size_t kind = 0; kind < KINDS; kind++) assert_ok(call(model, kind, r));
    vae_model_destroy(model);
    vae_context_destroy(context);
    return r;
}

static void run_race(racer *racers, const vae_model *model, size_t number, int may_lack_memory) {
    pthread_barrier_t start;
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        size_t first = number % 2 ? number / 2 : number / 2 + i;
        racers[i] = (racer){.start = &start,
                            .model = model,
                            .first = first,
                            .may_lack_memory = may_lack_memory,
                            .results = make_results()};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(racers[i].thread, NULL);
        if (racers[i].status) fail_msg("thread %zu: %s", i, vae_status_name(racers[i].status));
    }
    pthread_barrier_destroy(&start);
}

static void first_calls_race(void **state) {
    static racer racers[THREADS];
    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        results *alone = serial_results(specs[s]);
        for (size_t number = 0; number < RACES; number++) {
            host_allocator counts;
            vae_context *context = counted_context("threads=3", &counts);
            vae_model *model;
            assert_ok(vae_model_create(context, specs[s], &model));
            run_race(racers, model, number, 0);
            for (size_t i = 0; i < THREADS; i++) {
                if (memcmp(racers[i].results, alone, sizeof *alone))
                    fail_msg("%s, race %zu: thread %zu got other results", specs[s], number, i);
                free(racers[i].results);
            }
            vae_model_destroy(model);
            vae_context_destroy(context);
            assert_int_equal(counts.blocks, 0);
        }
        free(alone);
    }
}

static void first_calls_race_without_memory(void **state) {
    static racer racers[THREADS];
    results *alone = serial_results(specs[0]);
    (void)state;
    for (size_t number = 0; number < RACES; number++) {
        host_allocator counts;
        vae_context *context = counted_context("threads=3", &counts);
        vae_model *model;
        assert_ok(vae_model_create(context, specs[0], &model));
        counts.refuse_from = counts.calls + 1 + number;
        counts.refuse_once = number % 4 != 0;
        run_race(racers, model, number, 1);
        counts.refuse_from = 0;
        results *after = make_results();
        for (size_t kind = 0; kind < KINDS; kind++) assert_ok(call(model, kind, after));
        assert_memory_equal(after, alone, sizeof *alone);
        for (size_t i = 0; i < THREADS; i++) free(racers[i].results);
        free(after);
        vae_model_destroy(model);
        vae_context_destroy(context);
        assert_int_equal(counts.blocks, 0);
    }
    free(alone);
}

/* ---- host threads that come and go ---- */

typedef struct visitor {
    const vae_model *model;
    const char *problem;
} visitor;

static const char *be_refused(const vae_model *model) {
    float mean[LATENT];
    if (*vae_last_error()) return "a new thread has an error";
    if (vae_encode(model, rows, 1, WIDTH + 1, mean, NULL) != VAE_ERROR_WIDTH) return "no refusal";
    if (!strstr(vae_last_error(), "width is 13")) return "no message";
    return vae_encode(model, rows, 1, WIDTH, mean, NULL) ? "no result" : NULL;
}

static void *visit(void *argument) {
    visitor *v = argument;
    v->problem = be_refused(v->model);
    return NULL;
}

static void each_thread_has_its_error(void **state) {
    host_allocator counts;
    vae_context *context = counted_context("threads=2", &counts);
    vae_model *model;
    (void)state;
    assert_ok(vae_model_create(context, specs[0], &model));
    assert_fails(vae_decode(model, NULL, 1, LATENT, NULL), VAE_ERROR_ARGUMENT, "z is NULL");
    assert_ok(vae_encode(model, rows, 1, WIDTH, NULL, NULL));
    size_t blocks = counts.blocks;
    for (int i = 0; i < 500; i++) {
        pthread_t thread;
        visitor v = {.model = model};
        assert_int_equal(pthread_create(&thread, NULL, visit, &v), 0);
        pthread_join(thread, NULL);
        if (v.problem) fail_msg("thread %d: %s", i, v.problem);
    }
    assert_non_null(strstr(vae_last_error(), "z is NULL"));
    assert_in_range(counts.blocks, blocks, blocks + 1); /* the first chunk's workspace */
    vae_model_destroy(model);
    vae_context_destroy(context);
    assert_int_equal(counts.blocks, 0);
}

static int fill_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS * WIDTH; i++) rows[i] = (float)(i * 37 % 101 % 2);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_calls_race),
        cmocka_unit_test(first_calls_race_without_memory),
        cmocka_unit_test(each_thread_has_its_error),
    };
    return cmocka_run_group_tests(tests, fill_rows, NULL);
}
