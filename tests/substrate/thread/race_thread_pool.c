/* Many OS threads and the jobs themselves submit to one pool: every job must run exactly once,
 * pools must end with all that was queued done; tasks that run long are asked to make room when it
 * is time, also in the midst of C code; tasks that are to go elsewhere do. A plain program for
 * ThreadSanitizer. */
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

/* ---------------------------------------------------------------------------------- long slices */

typedef struct hog {
    mu_task task;
    mu_thread_pool *pool;
    uint32_t asked; /* atomic: how often the ticker asked */
    uint32_t waited_ms;
    uint32_t second_ran; /* atomic */
    uint64_t alarm_ns, slice_ns;
    bool signals_blocked, was_contended;
} hog;

static void on_preempt(mu_task *task)
{
    hog *self = task->context;
    __atomic_fetch_add(&self->asked, 1, __ATOMIC_ACQ_REL);
}

/* Occupies the only worker until it is asked for room. */
static void run_long(void *context)
{
    hog *self = context;
    sigset_t blocked;
    if (self->alarm_ns) {
        mu_thread_pool_set_alarm(self->pool, self->alarm_ns);
    }
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    self->signals_blocked =
        sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGSEGV) == 0;
    while (self->waited_ms < 10000 && __atomic_load_n(&self->asked, __ATOMIC_ACQUIRE) == 0) {
        self->was_contended = self->was_contended || mu_thread_pool_is_contended(self->pool);
        sleep_ms(1);
        self->waited_ms++;
    }
    self->slice_ns = mu_thread_pool_slice_ns(self->pool, &self->task);
}

static void run_second(void *context)
{
    hog *self = context;
    __atomic_store_n(&self->second_ran, 1, __ATOMIC_RELEASE);
}

/* With somebody who waits, and alone with an alarm. */
static void check_preemption(uint64_t alarm_ns)
{
    hog state = {0};
    mu_thread_pool *pool;
    mu_thread_pool_config config = {.workers = 1, .preempt = on_preempt};
    check(mu_thread_pool_new(&config, &pool) == MU_OK, "a pool is made");
    mu_share *share = mu_share_new(pool, 1);
    mu_task second = {.run = run_second, .context = &state, .share = share};
    state.task = (mu_task){.run = run_long, .context = &state, .share = share};
    state.alarm_ns = alarm_ns;
    state.pool = pool;
    check(!mu_thread_pool_is_contended(pool), "an idle pool is not contended");
    mu_thread_pool_run(pool, &state.task);
    if (!alarm_ns) {
        mu_thread_pool_run(pool, &second);
        while (__atomic_load_n(&state.second_ran, __ATOMIC_ACQUIRE) == 0) {
            sleep_ms(1);
        }
    }
    mu_thread_pool_free(pool);
    mu_share_free(share);
    check(state.waited_ms < 10000, "who runs long is asked to make room");
    check(state.slice_ns >= (alarm_ns ? alarm_ns : (uint64_t)MU_THREAD_SLICE_NS),
          "nobody is asked before its slice is over");
    check(state.was_contended == !alarm_ns, "a pool is contended when somebody waits");
    check(state.signals_blocked, "workers block the host's signals, but none of faults");
}

/* Whose share has slept does not wait for a slice to end. In none of the rounds would the ticker
 * ask so soon; in some this thread may come late. */
static void check_waking(void)
{
    enum { ROUNDS = 20 };
    static hog states[ROUNDS];
    static mu_task seconds[ROUNDS]; /* the pool's until their slices have ended */
    uint32_t soon = 0;
    mu_thread_pool *pool;
    mu_thread_pool_config config = {.workers = 1, .preempt = on_preempt};
    check(mu_thread_pool_new(&config, &pool) == MU_OK, "a pool is made");
    mu_share *shares[] = {mu_share_new(pool, 1), mu_share_new(pool, 1)};
    for (int i = 0; i < ROUNDS; i++) {
        hog *state = &states[i];
        seconds[i] = (mu_task){.run = run_second, .context = state, .share = shares[1]};
        state->pool = pool;
        state->task = (mu_task){.run = run_long, .context = state, .share = shares[0]};
        mu_thread_pool_run(pool, &state->task);
        sleep_ms(1);
        mu_thread_pool_run(pool, &seconds[i]);
        while (__atomic_load_n(&state->second_ran, __ATOMIC_ACQUIRE) == 0) {
            sleep_ms(1);
        }
        soon += state->slice_ns < (uint64_t)MU_THREAD_SLICE_NS;
    }
    mu_thread_pool_free(pool);
    mu_share_free(shares[0]);
    mu_share_free(shares[1]);
    check(soon > 0, "who has slept has another make room at once");
}

/* ------------------------------------------------------------------- slices that rest in C code */

enum { RESTERS = 6, REST_TURNS = 40 };

typedef struct rester {
    mu_task task;
    mu_thread_pool *pool;
    uint32_t asked;    /* atomic */
    uint32_t inside;   /* not atomic: the pool runs a task on one thread at a time */
    uint64_t slice_ns; /* of the one slice, as the pool counts it */
    uint64_t busy_ns;  /* the same without what others had */
    uint32_t *others_ran;
    uint32_t saw_others; /* how often others had run while it rested */
    bool stayed;         /* on one OS thread */
} rester;

static void count_ask(mu_task *task)
{
    rester *self = task->context;
    __atomic_fetch_add(&self->asked, 1, __ATOMIC_RELAXED);
}

static uint64_t spin_ns(uint64_t least_ns)
{
    struct timespec begin;
    struct timespec now;
    uint64_t ns;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
        ns = (uint64_t)(now.tv_sec - begin.tv_sec) * 1000000000u + (uint64_t)now.tv_nsec -
             (uint64_t)begin.tv_nsec;
    } while (ns < least_ns);
    return ns;
}

static void run_rester(void *context)
{
    rester *self = context;
    pthread_t thread = pthread_self();
    self->stayed = true;
    for (uint32_t i = 0; i < REST_TURNS; i++) {
        self->inside++;
        self->busy_ns += spin_ns(1000000);
        uint32_t before = __atomic_fetch_add(self->others_ran, 1, __ATOMIC_RELAXED);
        mu_thread_pool_make_room(self->pool);
        self->saw_others += __atomic_load_n(self->others_ran, __ATOMIC_RELAXED) != before + 1;
        self->stayed = self->stayed && pthread_equal(thread, pthread_self());
    }
    self->slice_ns = mu_thread_pool_end_slice(self->pool);
}

/* Long C code of several tasks, which all get on. A pool that ends in the midst of that waits for
 * them. */
static void check_resting(uint32_t workers)
{
    static rester states[RESTERS];
    uint32_t ran = 0;
    uint64_t asked = 0;
    uint32_t saw_others = 0;
    mu_thread_pool *pool;
    mu_thread_pool_config config = {.workers = workers, .preempt = count_ask};
    check(mu_thread_pool_new(&config, &pool) == MU_OK, "a pool is made");
    mu_share *share = mu_share_new(pool, 1);
    for (int i = 0; i < RESTERS; i++) {
        states[i] = (rester){.pool = pool, .others_ran = &ran};
        states[i].task = (mu_task){.run = run_rester, .context = &states[i], .share = share};
        mu_thread_pool_run(pool, &states[i].task);
    }
    mu_thread_pool_make_room(pool); /* on no worker: nothing */
    while (__atomic_load_n(&ran, __ATOMIC_RELAXED) < RESTERS * REST_TURNS / 2) {
        sleep_ms(1);
    }
    mu_thread_pool_free(pool);
    for (int i = 0; i < RESTERS; i++) {
        const rester *state = &states[i];
        check(state->inside == REST_TURNS, "a slice that rested has gone on to its end");
        check(state->stayed, "it goes on on its own thread");
        check(state->slice_ns >= state->busy_ns, "its time counts from its beginning");
        asked += state->asked;
        saw_others += state->saw_others;
    }
    check(saw_others >= RESTERS, "others run while slices rest");
    check(asked > 0, "somebody was asked");
    mu_share_free(share);
}

/* A slice that rests goes on although its share pays for who waits for it on the other worker, and
 * another share always has something to run. */
typedef struct waited_for {
    mu_task task, waiter, spinner;
    mu_thread_pool *pool;
    uint32_t asked; /* atomic */
    uint32_t done;  /* atomic */
} waited_for;

static void ask_waited_for(mu_task *task)
{
    waited_for *self = task->context;
    __atomic_fetch_add(&self->asked, 1, __ATOMIC_RELAXED);
}

static void run_waited_for(void *context)
{
    waited_for *self = context;
    for (uint32_t i = 0; i < 100; i++) {
        (void)spin_ns(1000000);
        mu_thread_pool_make_room(self->pool);
    }
    __atomic_store_n(&self->done, 1, __ATOMIC_RELEASE);
}

static void run_waiter(void *context)
{
    const waited_for *self = context;
    while (!__atomic_load_n(&self->done, __ATOMIC_ACQUIRE)) {
        sleep_ms(1);
    }
}

static void run_spinner(void *context)
{
    waited_for *self = context;
    (void)spin_ns(1000000);
    if (!__atomic_load_n(&self->done, __ATOMIC_ACQUIRE)) {
        mu_thread_pool_end_slice(self->pool);
        mu_thread_pool_run_again(self->pool, &self->spinner);
    }
}

static void check_waited_for(void)
{
    static waited_for state;
    mu_thread_pool_config config = {.workers = 2, .preempt = ask_waited_for};
    check(mu_thread_pool_new(&config, &state.pool) == MU_OK, "a pool is made");
    mu_share *shares[] = {mu_share_new(state.pool, 1), mu_share_new(state.pool, 1)};
    state.task = (mu_task){.run = run_waited_for, .context = &state, .share = shares[0]};
    state.waiter = (mu_task){.run = run_waiter, .context = &state, .share = shares[0]};
    state.spinner = (mu_task){.run = run_spinner, .context = &state, .share = shares[1]};
    mu_thread_pool_run(state.pool, &state.task);
    mu_thread_pool_run(state.pool, &state.waiter);
    mu_thread_pool_run(state.pool, &state.spinner);
    for (uint32_t waited = 0; waited < 30000 && !__atomic_load_n(&state.done, __ATOMIC_ACQUIRE);
         waited++) {
        sleep_ms(1);
    }
    check(__atomic_load_n(&state.done, __ATOMIC_ACQUIRE), "who is waited for gets on");
    mu_thread_pool_free(state.pool);
    mu_share_free(shares[0]);
    mu_share_free(shares[1]);
}

static void run_alone(void *context)
{
    (void)context;
    sleep_ms(40);
}

static void check_nobody_waits(void)
{
    hog state = {0};
    mu_thread_pool *pool;
    mu_thread_pool_config config = {.workers = 1, .preempt = on_preempt};
    check(mu_thread_pool_new(&config, &pool) == MU_OK, "a pool is made");
    mu_share *share = mu_share_new(pool, 1);
    state.task = (mu_task){.run = run_alone, .context = &state, .share = share};
    mu_thread_pool_run(pool, &state.task);
    mu_thread_pool_free(pool);
    mu_share_free(share);
    check(state.asked == 0, "who runs alone is left alone");
}

/* --------------------------------------------------------------------------------- many at once
 */

enum { CROWD = 50 };

typedef struct crowd {
    mu_thread_pool *pool;
    mu_share *shares[2];
    mu_task first, members[CROWD], other;
    uint32_t members_run, members_before_other;
} crowd;

/* Each takes as long as all of them may be ahead of others, so a few may go first. */
static void run_member(void *context)
{
    crowd *self = context;
    sleep_ms(1);
    self->members_run++;
}

static void run_other(void *context)
{
    crowd *self = context;
    self->members_before_other = self->members_run;
}

static void ignore_preempt(mu_task *task)
{
    (void)task;
}

/* On the only worker, so that all is queued before any of it runs. */
static void queue_crowd(void *context)
{
    crowd *self = context;
    self->other = (mu_task){.run = run_other, .context = self, .share = self->shares[1]};
    mu_thread_pool_run(self->pool, &self->other);
    for (uint32_t i = 0; i < CROWD; i++) {
        self->members[i] = (mu_task){.run = run_member, .context = self, .share = self->shares[0]};
        mu_thread_pool_run_first(self->pool, &self->members[i], MU_TASK_AT_ONCE);
    }
}

static void check_crowd(void)
{
    static crowd state;
    mu_thread_pool_config config = {.workers = 1, .preempt = ignore_preempt};
    check(mu_thread_pool_new(&config, &state.pool) == MU_OK, "a pool is made");
    for (int i = 0; i < 2; i++) {
        state.shares[i] = mu_share_new(state.pool, 1);
    }
    state.first = (mu_task){.run = queue_crowd, .context = &state, .share = state.shares[0]};
    mu_thread_pool_run(state.pool, &state.first);
    mu_thread_pool_free(state.pool);
    mu_share_free(state.shares[0]);
    mu_share_free(state.shares[1]);
    check(state.members_run == CROWD, "each of those that are to run at once has");
    check(state.members_before_other > 0, "they go before others");
    check(state.members_before_other < CROWD / 2, "many of them do not keep others away");
}

/* ------------------------------------------------------------------------------- going elsewhere
 */

enum { HOPS = 5000, HOPPERS = 3 };

typedef struct hopper {
    mu_task task;
    mu_thread_pool *pool;
    pthread_t last;
    uint32_t hops, stays;
} hopper;

static void hop(void *context)
{
    hopper *self = context;
    self->stays += self->hops > 0 && pthread_equal(self->last, pthread_self());
    self->last = pthread_self();
    if (++self->hops < HOPS) {
        mu_thread_pool_end_slice(self->pool);
        mu_thread_pool_run_elsewhere(self->pool, &self->task);
    }
}

static void check_hops(uint32_t workers)
{
    mu_thread_pool *pool;
    mu_thread_pool_config config = {.workers = workers};
    check(mu_thread_pool_new(&config, &pool) == MU_OK, "a pool is made");
    mu_share *share = mu_share_new(pool, 1);
    hopper hoppers[HOPPERS] = {0};
    for (uint32_t i = 0; i < HOPPERS; i++) {
        hoppers[i].pool = pool;
        hoppers[i].task = (mu_task){.run = hop, .context = &hoppers[i], .share = share};
        mu_thread_pool_run(pool, &hoppers[i].task);
    }
    while (mu_thread_pool_get_stats(pool).slices < HOPPERS * HOPS) {
        sleep_ms(1);
    }
    mu_thread_pool_stats stats = mu_thread_pool_get_stats(pool);
    mu_thread_pool_free(pool);
    mu_share_free(share);
    for (uint32_t i = 0; i < HOPPERS; i++) {
        check(hoppers[i].hops == HOPS, "who goes elsewhere arrives");
        check(workers == 1 || hoppers[i].stays == 0, "elsewhere is another worker");
    }
    check(workers == 1 || stats.moves == HOPPERS * (HOPS - 1), "moves are counted");
}

int main(void)
{
    for (uint32_t workers = 1; workers <= 4; workers++) {
        check_chains(workers);
    }
    check_order();
    check_preemption(0);
    check_preemption(20000000);
    check_waking();
    for (uint32_t workers = 1; workers <= 3; workers++) {
        check_resting(workers);
    }
    check_waited_for();
    check_nobody_waits();
    check_crowd();
    for (uint32_t workers = 1; workers <= 3; workers++) {
        check_hops(workers);
    }
    for (int i = 0; i < POOLS; i++) {
        mu_thread_pool *pool;
        mu_thread_pool_config config = {.workers = 3};
        check(mu_thread_pool_new(&config, &pool) == MU_OK, "a pool is made");
        mu_thread_pool_free(pool);
    }
    mu_thread_pool_free(NULL);
    return 0;
}
