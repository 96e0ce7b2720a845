/* cmocka's asserts belong to the main thread: shares record, the test asserts after the join. */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/threads.h"
#include "support/checks.h"
#include "support/child.h"
#include "support/cmocka.h"
#include "support/sanitizers.h"

enum { MOST_SHARES = 300 };

static vae_context *pool_of(size_t threads) {
    vae_context *context = NULL;
    assert_ok(vae__context_new(NULL, NULL, NULL, &context));
    assert_ok(vae__pool_new(context, threads));
    context->threads = threads;
    return context;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void sleep_for(double seconds) {
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&t, NULL);
}

/* ---- every share once ---- */

typedef struct tally {
    vae_context *context;
    atomic_int runs[MOST_SHARES], others_total; /* shares told another total */
    size_t shares;
} tally;

static void count_share(void *argument, size_t share, size_t shares) {
    tally *t = argument;
    if (shares != t->shares || share >= shares) atomic_fetch_add(&t->others_total, 1);
    if (share < MOST_SHARES) atomic_fetch_add(&t->runs[share], 1);
}

static int each_ran(tally *t, int times) {
    for (size_t i = 0; i < MOST_SHARES; i++) {
        if (atomic_load(&t->runs[i]) != (i < t->shares ? times : 0)) return 0;
    }
    return atomic_load(&t->others_total) == 0;
}

static void runs_every_share_once(void **state) {
    static const size_t threads[] = {1, 2, 3, 8}, shares[] = {0, 1, 2, 3, 8, 9, 299};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        vae_context *context = pool_of(threads[i]);
        for (size_t j = 0; j < COUNT_OF(shares); j++) {
            tally t = {.shares = shares[j]};
            for (int times = 0; times < 20; times++)
                vae__parallel(context, count_share, &t, shares[j]);
            if (!each_ran(&t, 20)) fail_msg("%zu threads, %zu shares", threads[i], shares[j]);
        }
        vae__context_release(context);
    }
}

static void count_call(void *argument, size_t share, size_t shares) {
    size_t *calls = argument;
    if (share < shares) ++*calls;
}

/* More than a ticket counts are done by the caller alone. */
static void runs_very_many_shares(void **state) {
    size_t calls = 0;
    (void)state;
    vae_context *context = pool_of(2);
    vae__parallel(context, count_call, &calls, 100000);
    assert_int_equal(calls, 100000);
    vae__context_release(context);
}

/* ---- nested ---- */

typedef struct inner_work {
    tally *tally;
    pthread_t caller;
} inner_work;

static void count_in_place(void *argument, size_t share, size_t shares) {
    inner_work *work = argument;
    if (!pthread_equal(work->caller, pthread_self()))
        atomic_fetch_add(&work->tally->others_total, 1);
    count_share(work->tally, share, shares);
}

static void nest(void *argument, size_t share, size_t shares) {
    tally *t = argument;
    inner_work work = {t, pthread_self()};
    (void)share, (void)shares;
    vae__parallel(t->context, count_in_place, &work, t->shares);
}

static void nested_work_stays_in_place(void **state) {
    (void)state;
    vae_context *context = pool_of(3);
    tally t = {.context = context, .shares = 5};
    vae__parallel(context, nest, &t, 4);
    assert_true(each_ran(&t, 4));
    vae__context_release(context);
}

/* ---- two host threads ---- */

static void *use_pool(void *argument) {
    tally *t = argument;
    for (int i = 0; i < 500; i++) vae__parallel(t->context, count_share, t, t->shares);
    return NULL;
}

static void serves_two_host_threads(void **state) {
    pthread_t threads[2];
    (void)state;
    vae_context *context = pool_of(3);
    tally tallies[2] = {{.context = context, .shares = 4}, {.context = context, .shares = 7}};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_pool, &tallies[i]), 0);
    for (size_t i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_true(each_ran(&tallies[0], 500));
    assert_true(each_ran(&tallies[1], 500));
    vae__context_release(context);
}

/* ---- who runs the shares, and under which signal mask ---- */

typedef struct meeting {
    atomic_size_t here;
    size_t wanted;
    pthread_t host;
    atomic_int met, own_shares, unblocked; /* unblocked: signals that a worker would take */
} meeting;

/* Waits (for a while) until all shares have begun: then each is on a thread of its own. */
static void meet(void *argument, size_t share, size_t shares) {
    meeting *m = argument;
    double end = now() + 20;
    sigset_t mask;
    (void)shares;
    if (pthread_equal(m->host, pthread_self())) {
        atomic_fetch_add(&m->own_shares, share == 0 ? 1 : 100);
    } else if (!pthread_sigmask(SIG_SETMASK, NULL, &mask)) {
        static const int signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGCHLD, SIGALRM, SIGHUP};
        for (size_t i = 0; i < COUNT_OF(signals); i++) {
            if (!sigismember(&mask, signals[i])) atomic_fetch_add(&m->unblocked, 1);
        }
    }
    atomic_fetch_add(&m->here, 1);
    while (atomic_load(&m->here) < m->wanted && now() < end) sleep_for(0.0005);
    if (atomic_load(&m->here) >= m->wanted) atomic_fetch_add(&m->met, 1);
}

static int all_meet(vae_context *context, size_t threads, meeting *m) {
    memset(m, 0, sizeof *m);
    m->wanted = threads;
    m->host = pthread_self();
    vae__parallel(context, meet, m, threads);
    return atomic_load(&m->met) == (int)threads;
}

static void workers_block_signals(void **state) {
    sigset_t before, after;
    meeting m;
    (void)state;
    vae_context *context = pool_of(3);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_true(all_meet(context, 3, &m));
    assert_int_equal(atomic_load(&m.unblocked), 0);
    assert_true(atomic_load(&m.own_shares) >= 1);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int s = 1; s < 32; s++) assert_int_equal(sigismember(&before, s), sigismember(&after, s));
    vae__context_release(context);
}

/* Workers that have gone to sleep wake up. */
static void works_after_sleeping(void **state) {
    meeting m;
    (void)state;
    vae_context *context = pool_of(3);
    for (int i = 0; i < 3; i++) {
        assert_true(all_meet(context, 3, &m));
        sleep_for(0.05);
    }
    vae__context_release(context);
}

/* ---- fork ---- */

static vae_context *before_fork;

static int works(void) {
    meeting m;
    tally t = {.shares = 9};
    vae__parallel(before_fork, count_share, &t, 9);
    int good = each_ran(&t, 1) && all_meet(before_fork, 2, &m);
    vae__context_release(before_fork);
    return good;
}

static void works_in_a_child(void **state) {
    meeting m;
    (void)state;
#if TEST_THREAD_SANITIZER
    skip(); /* it knows no threads after a fork */
#endif
    before_fork = pool_of(2);
    assert_true(all_meet(before_fork, 2, &m));
    assert_int_equal(test_in_child(works), 0);
    assert_true(all_meet(before_fork, 2, &m)); /* the parent's pool goes on */
    vae__context_release(before_fork);
}

/* A child may give the context back without ever using it. */
static int releases(void) {
    vae__context_release(before_fork);
    return 1;
}

static void is_released_in_a_child(void **state) {
    meeting m;
    (void)state;
    before_fork = pool_of(2);
    assert_true(all_meet(before_fork, 2, &m));
    assert_int_equal(test_in_child(releases), 0);
    vae__context_release(before_fork);
}

/* ---- idle, and short lives ---- */

static double processor_seconds(void) {
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec +
           1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static void sleeps_when_idle(void **state) {
    meeting m;
    (void)state;
    vae_context *context = pool_of(3);
    assert_true(all_meet(context, 3, &m));
    sleep_for(0.1); /* the spin ends */
    double before = processor_seconds();
    sleep_for(0.2);
    double used = processor_seconds() - before;
    if (used > 0.02) fail_msg("an idle pool used %g s of processor time in 0.2 s", used);
    vae__context_release(context);
}

static void ends_at_any_time(void **state) {
    (void)state;
    for (int i = 0; i < 50; i++) {
        vae_context *context = pool_of(4);
        tally t = {.shares = 4};
        if (i % 2) vae__parallel(context, count_share, &t, 4);
        if (i % 5 == 1) sleep_for(0.002);
        vae__context_release(context);
        if (i % 2) assert_true(each_ran(&t, 1));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_every_share_once),      cmocka_unit_test(runs_very_many_shares),
        cmocka_unit_test(nested_work_stays_in_place), cmocka_unit_test(serves_two_host_threads),
        cmocka_unit_test(workers_block_signals),      cmocka_unit_test(works_after_sleeping),
        cmocka_unit_test(works_in_a_child),           cmocka_unit_test(is_released_in_a_child),
        cmocka_unit_test(sleeps_when_idle),           cmocka_unit_test(ends_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
