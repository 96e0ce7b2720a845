/* The pool of compute threads. One piece of work at a time, whose ranges are handed out by one atomic
 * number; a second host thread that finds the pool busy works alone. Threads sleep when there is nothing
 * to do, block all signals, and are started anew in a child after fork. */
#include "base/threads.h"

#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

#include "base/memory.h"

/* Rounds a waiting thread spins before it sleeps: a tenth of a millisecond where a pause takes 25 ns. */
#define SPIN_ROUNDS 4000

/* Shares are handed out by one atomic word, the ticket: which piece of work (upper 32 bits), how many
 * shares it has, and the next one (16 bits each). Who moves the ticket on owns a share, and until it is
 * finished fn and argument stand still. So a worker that comes late finds no share and touches
 * nothing, and nobody waits for it. */
typedef struct vae__pool {
    pthread_mutex_t busy; /* held by the host thread whose work is being done */
    pthread_mutex_t lock; /* protects sleeping */
    pthread_cond_t wake;
    pthread_t threads[255];
    size_t wanted, started;
    pid_t process; /* threads do not survive fork */
    atomic_uint_fast64_t ticket;
    atomic_size_t finished; /* shares of this piece of work */
    atomic_int stop;
    atomic_size_t sleeping;
    vae__share_fn fn;
    void *argument;
} vae__pool;

enum { MOST_SHARES = 0xffff };

static size_t ticket_shares(uint64_t ticket) {
    return ticket >> 16 & MOST_SHARES;
}

static size_t ticket_next(uint64_t ticket) {
    return ticket & MOST_SHARES;
}

static int has_share(uint64_t ticket) {
    return ticket_next(ticket) < ticket_shares(ticket);
}

/* This thread is doing a share: nested work runs in place. */
static _Thread_local int inside;

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void take_shares(vae__pool *pool) {
    uint64_t ticket = atomic_load(&pool->ticket);
    inside++;
    while (has_share(ticket)) {
        int mine = atomic_compare_exchange_weak(&pool->ticket, &ticket, ticket + 1);
        if (!mine) continue; /* a race: LCOV_EXCL_BR_LINE */
        pool->fn(pool->argument, ticket_next(ticket), ticket_shares(ticket));
        atomic_fetch_add(&pool->finished, 1);
        ticket = atomic_load(&pool->ticket);
    }
    inside--;
}

static int has_work(vae__pool *pool) {
    return has_share(atomic_load(&pool->ticket)) || atomic_load(&pool->stop);
}

/* Returns when there is a share to take or the pool stops. */
static void wait_for_work(vae__pool *pool) {
    for (int round = 0; round < SPIN_ROUNDS; round++) {
        if (has_work(pool)) return;
        pause_briefly();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleeping, 1);
    while (!has_work(pool)) pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleeping, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void *worker(void *argument) {
    vae__pool *pool = argument;
    fesetenv(FE_DFL_ENV); /* not the traps and rounding mode of the host's thread */
    for (;;) {
        wait_for_work(pool);
        if (atomic_load(&pool->stop)) return NULL;
        take_shares(pool);
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
    atomic_store(&pool->sleeping, 0);
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
    int alone = !pool || shares < 2 || shares > MOST_SHARES || inside;
    if (alone || pthread_mutex_trylock(&pool->busy)) {
        run_alone(fn, argument, shares);
        return;
    }
    ensure_started(pool);
    pool->fn = fn;
    pool->argument = argument;
    atomic_store(&pool->finished, 0);
    uint64_t work = (atomic_load(&pool->ticket) >> 32) + 1;
    atomic_store(&pool->ticket, work << 32 | (uint64_t)shares << 16);
    wake_sleepers(pool);
    take_shares(pool);
    for (int round = 0; atomic_load(&pool->finished) < shares;) {
        if (round < SPIN_ROUNDS) {
            pause_briefly();
            round++;
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
