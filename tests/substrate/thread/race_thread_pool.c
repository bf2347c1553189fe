/* Many OS threads and the jobs themselves submit to one pool: every job must run exactly once,
 * pools must end with all that was queued done, and a job that waits must make the ticker call. A
 * plain program for ThreadSanitizer. */
#include "mu_thread_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    SUBMITTERS = 4,
    CHAINS = 50,       /* a submitter's */
    CHAIN_JOBS = 20,   /* each job but the last submits the next */
    FLOOD_JOBS = 3000, /* at once: the queue must grow with its ring wrapped */
    POOLS = 30,
};

static void check(bool claim, const char *what)
{
    if (!claim) {
        fprintf(stderr, "race_thread_pool: not so: %s\n", what);
        exit(1);
    }
}

static void sleep_ms(long count)
{
    struct timespec time = {.tv_sec = count / 1000, .tv_nsec = count % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* ------------------------------------------------------------------------------ jobs that submit
 */

typedef struct chain {
    mu_thread_pool *pool;
    uint32_t run_count; /* not atomic: the pool orders a job's submission before its run */
} chain;

static void run_link(void *context)
{
    chain *self = context;
    self->run_count++;
    if (self->run_count < CHAIN_JOBS) {
        mu_thread_pool_submit(self->pool, run_link, self);
    }
}

static void *submit_chains(void *context)
{
    chain *chains = context;
    for (int i = 0; i < CHAINS; i++) {
        mu_thread_pool_submit(chains[i].pool, run_link, &chains[i]);
    }
    return NULL;
}

/* The pool is freed at once: what is queued then, and what that submits, still runs. */
static void check_chains(uint32_t workers)
{
    mu_thread_pool *pool;
    mu_thread_pool_config config = {.workers = workers};
    check(mu_thread_pool_new(&config, &pool) == MU_OK, "a pool is made");
    chain *chains = mu_allocate(sizeof *chains * SUBMITTERS * CHAINS);
    pthread_t submitters[SUBMITTERS];
    for (int i = 0; i < SUBMITTERS * CHAINS; i++) {
        chains[i].pool = pool;
    }
    for (int i = 0; i < SUBMITTERS; i++) {
        check(pthread_create(&submitters[i], NULL, submit_chains, &chains[i * CHAINS]) == 0,
              "a thread starts");
    }
    for (int i = 0; i < SUBMITTERS; i++) {
        pthread_join(submitters[i], NULL);
    }
    mu_thread_pool_free(pool);
    for (int i = 0; i < SUBMITTERS * CHAINS; i++) {
        check(chains[i].run_count == CHAIN_JOBS, "every job of every chain has run once");
    }
    mu_free(chains);
}

/* ------------------------------------------------------------------------------- order and floods
 */

typedef struct flood {
    uint32_t next; /* with one worker: the job that must come now */
    uint32_t out_of_order;
} flood;

typedef struct flood_job {
    flood *owner;
    uint32_t number;
} flood_job;

static void run_in_order(void *context)
{
    flood_job *self = context;
    self->owner->out_of_order += self->number != self->owner->next;
    self->owner->next++;
}

static void check_order(void)
{
    mu_thread_pool *pool;
    mu_thread_pool_config config = {.workers = 1};
    check(mu_thread_pool_new(&config, &pool) == MU_OK, "a pool is made");
    flood all = {0};
    flood_job *jobs = mu_allocate(sizeof *jobs * FLOOD_JOBS);
    for (uint32_t i = 0; i < FLOOD_JOBS; i++) {
        jobs[i] = (flood_job){.owner = &all, .number = i};
        mu_thread_pool_submit(pool, run_in_order, &jobs[i]);
    }
    mu_thread_pool_free(pool);
    check(all.next == FLOOD_JOBS, "a flood of jobs runs");
    check(all.out_of_order == 0, "one worker takes jobs in the order they came");
    mu_free(jobs);
}

/* ------------------------------------------------------------------------------------- contention
 */

typedef struct contention {
    uint32_t calls;   /* atomic */
    uint32_t checked; /* atomic: the pool has been seen busy */
    uint32_t waited;
    uint32_t second_ran; /* atomic */
    bool signals_blocked;
} contention;

static void count_call(void *context)
{
    contention *self = context;
    __atomic_fetch_add(&self->calls, 1, __ATOMIC_ACQ_REL);
}

/* Occupies the only worker until the ticker has asked for room. */
static void run_long(void *context)
{
    contention *self = context;
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    self->signals_blocked =
        sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGSEGV) == 0;
    while (self->waited < 10000 && (__atomic_load_n(&self->calls, __ATOMIC_ACQUIRE) == 0 ||
                                    __atomic_load_n(&self->checked, __ATOMIC_ACQUIRE) == 0)) {
        sleep_ms(1);
        self->waited++;
    }
}

static void run_second(void *context)
{
    contention *self = context;
    __atomic_store_n(&self->second_ran, 1, __ATOMIC_RELEASE);
}

static void check_contention(void)
{
    contention state = {0};
    mu_thread_pool *pool;
    mu_thread_pool_config config = {.workers = 1, .contention = count_call, .context = &state};
    check(mu_thread_pool_new(&config, &pool) == MU_OK, "a pool is made");
    sleep_ms(30);
    check(__atomic_load_n(&state.calls, __ATOMIC_ACQUIRE) == 0, "an idle pool's ticker sleeps");
    check(!mu_thread_pool_is_contended(pool), "an idle pool is not contended");
    mu_thread_pool_submit(pool, run_long, &state);
    mu_thread_pool_submit(pool, run_second, &state);
    check(mu_thread_pool_is_contended(pool), "a pool whose worker is busy is contended");
    __atomic_store_n(&state.checked, 1, __ATOMIC_RELEASE);
    while (__atomic_load_n(&state.second_ran, __ATOMIC_ACQUIRE) == 0) {
        sleep_ms(1);
    }
    check(!mu_thread_pool_is_contended(pool), "afterwards it is not");
    mu_thread_pool_free(pool);
    check(state.waited < 10000, "a waiting job makes the ticker call");
    check(state.signals_blocked, "workers block the host's signals, but none of faults");
}

int main(void)
{
    for (uint32_t workers = 1; workers <= 4; workers++) {
        check_chains(workers);
    }
    check_order();
    check_contention();
    for (int i = 0; i < POOLS; i++) {
        mu_thread_pool *pool;
        mu_thread_pool_config config = {.workers = 3};
        check(mu_thread_pool_new(&config, &pool) == MU_OK, "a pool is made");
        mu_thread_pool_free(pool);
    }
    mu_thread_pool_free(NULL);
    return 0;
}
