#include "base/threads.h"

#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/memory.h"

/* Rounds a waiting thread spins before it sleeps: a few tens of microseconds, about one small step.
 */
#define SPIN_ROUNDS 20000

/* One piece of work at a time. Workers take share numbers from `next`; the caller takes part and
 * then waits for `active` to reach 0. A worker joins work number `generation` at most once. */
typedef struct vae__pool {
    pthread_mutex_t busy; /* held by the host thread whose work is being done */
    pthread_mutex_t lock; /* protects sleeping */
    pthread_cond_t wake;
    pthread_t threads[255];
    size_t wanted, started;
    pid_t process; /* threads do not survive fork */
    atomic_uint generation;
    atomic_int stop;
    atomic_size_t sleeping, active; /* active: workers that have not finished this generation */
    vae__share_fn fn;
    void *argument;
    size_t shares;
    atomic_size_t next;
} vae__pool;

/* This thread is doing a share: nested work runs in place. */
static _Thread_local int inside;

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void take_shares(vae__pool *pool) {
    size_t share;
    inside++;
    while ((share = atomic_fetch_add(&pool->next, 1)) < pool->shares)
        pool->fn(pool->argument, share, pool->shares);
    inside--;
}

/* Returns when the generation differs from `seen` or the pool stops. */
static void wait_for_work(vae__pool *pool, unsigned seen) {
    for (int round = 0; round < SPIN_ROUNDS; round++) {
        if (atomic_load(&pool->generation) != seen || atomic_load(&pool->stop)) return;
        pause_briefly();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleeping, 1);
    while (atomic_load(&pool->generation) == seen && !atomic_load(&pool->stop))
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleeping, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void *worker(void *argument) {
    vae__pool *pool = argument;
    unsigned seen = 0;
    fesetenv(FE_DFL_ENV); /* not the traps and rounding mode of the host's thread */
    for (;;) {
        wait_for_work(pool, seen);
        if (atomic_load(&pool->stop)) return NULL;
        seen = atomic_load(&pool->generation);
        take_shares(pool);
        atomic_fetch_sub(&pool->active, 1);
    }
}

static void wake_sleepers(vae__pool *pool) {
    if (!atomic_load(&pool->sleeping)) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

static int pool_initialize(vae__pool *pool) {
    if (pthread_mutex_init(&pool->busy, NULL)) return 0;
    if (pthread_mutex_init(&pool->lock, NULL)) {
        pthread_mutex_destroy(&pool->busy);
        return 0;
    }
    if (pthread_cond_init(&pool->wake, NULL)) {
        pthread_mutex_destroy(&pool->lock);
        pthread_mutex_destroy(&pool->busy);
        return 0;
    }
    return 1;
}

vae_status vae__pool_new(vae_context *context, size_t threads) {
    if (threads < 2) return VAE_OK;
    vae__pool *pool = vae__allocate(context, 1, sizeof *pool);
    if (!pool) return vae__last_status();
    if (!pool_initialize(pool)) {
        vae__release(context, pool);
        return vae__fail(VAE_ERROR_MEMORY, "the system has no room for a lock");
    }
    pool->wanted = threads - 1;
    context->pool = pool;
    return VAE_OK;
}

/* Starts what can be started, with every signal blocked so that the host's handlers never run on
 * our threads. */
static void start_threads(vae__pool *pool) {
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before)) return;
    while (pool->started < pool->wanted) {
        if (pthread_create(&pool->threads[pool->started], NULL, worker, pool)) break;
        pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* In a child after fork no worker exists: forget them. The caller holds `busy`, which this thread
 * locked itself. */
static void restart_after_fork(vae__pool *pool) {
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->started = 0;
    atomic_store(&pool->generation, 0);
    atomic_store(&pool->sleeping, 0);
    atomic_store(&pool->active, 0);
}

static void ensure_started(vae__pool *pool) {
    pid_t process = getpid();
    if (pool->process == process) return;
    if (pool->process) restart_after_fork(pool);
    pool->process = process;
    start_threads(pool);
}

static void run_alone(vae__share_fn fn, void *argument, size_t shares) {
    for (size_t share = 0; share < shares; share++) fn(argument, share, shares);
}

void vae__parallel(vae_context *context, vae__share_fn fn, void *argument, size_t shares) {
    vae__pool *pool = context->pool;
    if (!pool || shares < 2 || inside || pthread_mutex_trylock(&pool->busy)) {
        run_alone(fn, argument, shares);
        return;
    }
    ensure_started(pool);
    pool->fn = fn;
    pool->argument = argument;
    pool->shares = shares;
    atomic_store(&pool->active, pool->started);
    atomic_store(&pool->next, 0);
    atomic_fetch_add(&pool->generation, 1);
    wake_sleepers(pool);
    take_shares(pool);
    for (int round = 0; atomic_load(&pool->active); round++) {
        if (round < SPIN_ROUNDS) {
            pause_briefly();
        } else {
            sched_yield();
        }
    }
    pthread_mutex_unlock(&pool->busy);
}

void vae__pool_free(vae_context *context) {
    vae__pool *pool = context->pool;
    if (!pool) return;
    if (pool->process == getpid()) {
        pthread_mutex_lock(&pool->lock);
        atomic_store(&pool->stop, 1);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
        for (size_t i = 0; i < pool->started; i++) pthread_join(pool->threads[i], NULL);
        pthread_cond_destroy(&pool->wake);
        pthread_mutex_destroy(&pool->lock);
        pthread_mutex_destroy(&pool->busy);
    }
    context->pool = NULL;
    vae__release(context, pool);
}
