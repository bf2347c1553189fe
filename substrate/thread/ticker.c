/* Asks who has run for a slice to make room, when somebody waits whom it is fair to run; and tasks
 * whose alarm has come. The ticker sleeps until the first such time, and for good while nobody
 * waits and no alarm is set.
 *
 * It announces that it looks (tick_at_ns is NEVER) before it does; who gives it something to look
 * at does that first and reads tick_at_ns then. So one of the two sees the other. */
#include "pool.h"

/* Who wakes up has so many asked to make room, since one may be in the midst of a collection. */
#define ASKED_FOR_ONE 2u

typedef struct waiting_tasks {
    uint32_t count;
    bool has_urgent;
    uint64_t least_key;
} waiting_tasks;

static waiting_tasks who_waits(const mu_thread_pool *pool)
{
    waiting_tasks waiting = {.least_key = POOL_NEVER};
    for (uint32_t i = 0; i < pool->worker_count; i++) {
        const run_queue *queue = &pool->workers[i].queue;
        uint64_t key = pool_load(&queue->least_key);
        waiting.count += pool_load32(&queue->count);
        waiting.has_urgent = waiting.has_urgent || pool_load32(&queue->soon_count) ||
                             pool_load32(&queue->at_once_count);
        waiting.least_key = key < waiting.least_key ? key : waiting.least_key;
    }
    return waiting;
}

bool mu_thread_pool_is_contended(mu_thread_pool *pool)
{
    return who_waits(pool).count > 0;
}

static void ask(mu_thread_pool *pool, pool_worker *worker)
{
    __atomic_fetch_add(&pool->preemptions, 1, __ATOMIC_RELAXED);
    if (pool->config.preempt) {
        pool->config.preempt(worker->task);
    }
}

/* Asks who runs there since then, unless that slice has ended. */
static void ask_slice(mu_thread_pool *pool, pool_worker *worker, uint64_t started_ns)
{
    pthread_mutex_lock(&worker->slice_lock);
    if (worker->is_running && worker->task && worker->started_ns == started_ns) {
        __atomic_store_n(&worker->is_asked, true, __ATOMIC_RELAXED);
        ask(pool, worker);
    }
    pthread_mutex_unlock(&worker->slice_lock);
}

/* A slice that has lasted long enough. */
typedef struct long_slice {
    uint32_t worker;
    uint64_t started_ns;
    uint64_t time; /* of its share */
} long_slice;

/* Brings the time of the share that runs there up to date. The slice's lock is held. */
static void settle_slice(mu_thread_pool *pool, pool_worker *worker, uint64_t now)
{
    share_settle(pool, worker->share, worker->settled_ns, now);
    worker->settled_ns = now > worker->settled_ns ? now : worker->settled_ns;
}

/* Samples what runs there if it is time; when it is again. The slice's lock is held. */
static uint64_t sample(mu_thread_pool *pool, pool_worker *worker, uint64_t now)
{
    if (!pool->config.sample || !worker->is_running || !worker->task) {
        return POOL_NEVER;
    }
    if (now >= worker->sampled_ns + (uint64_t)MU_THREAD_SAMPLE_NS) {
        worker->sampled_ns = now;
        pool->config.sample(worker->task);
    }
    return worker->sampled_ns + (uint64_t)MU_THREAD_SAMPLE_NS;
}

/* Looks at a worker's slice: brings its share's time up to date, notes it if it is long. When to
 * look again. The slice's lock is held. */
static uint64_t look_at(mu_thread_pool *pool, pool_worker *worker, const waiting_tasks *waiting,
                        uint64_t now, long_slice *slice)
{
    uint64_t next = now + (uint64_t)MU_THREAD_SLICE_NS;
    if (!worker->is_running || !worker->task) {
        return waiting->count ? next : POOL_NEVER;
    }
    if (worker->alarm_at_ns <= now) {
        ask(pool, worker);
        return next;
    }
    if (!waiting->count) {
        return worker->alarm_at_ns;
    }
    settle_slice(pool, worker, now);
    uint64_t ends = worker->started_ns + (uint64_t)MU_THREAD_SLICE_NS;
    uint64_t time = pool_load(&worker->share->time);
    if (ends > now) {
        next = ends;
    } else if (worker->is_asked) { /* it may be long in C code, and who waits has another asked */
        ask(pool, worker);
    } else if (waiting->has_urgent || waiting->least_key <= time) {
        *slice = (long_slice){worker->index, worker->started_ns, time};
    }
    return next < worker->alarm_at_ns ? next : worker->alarm_at_ns;
}

/* Asks no more of them than there are who wait: those whose shares have had most, the longest
 * first. */
static void ask_some(mu_thread_pool *pool, long_slice *slices, uint32_t waiting)
{
    for (uint32_t asked = 0; asked < waiting; asked++) {
        long_slice *worst = slices;
        for (uint32_t i = 1; i < pool->worker_count; i++) {
            bool is_worse =
                slices[i].time > worst->time ||
                (slices[i].time == worst->time && slices[i].started_ns < worst->started_ns);
            bool is_one = slices[i].started_ns;
            worst = is_one && (!worst->started_ns || is_worse) ? &slices[i] : worst;
        }
        if (!worst->started_ns) {
            return;
        }
        ask_slice(pool, &pool->workers[worst->worker], worst->started_ns);
        *worst = (long_slice){0};
    }
}

static uint64_t look(mu_thread_pool *pool, long_slice *slices)
{
    uint64_t next = POOL_NEVER;
    uint64_t now = pool_now_ns();
    waiting_tasks waiting = who_waits(pool);
    if (!waiting.count) {
        pool_raise(&pool->quiet_ns, now);
    }
    for (uint32_t i = 0; i < pool->worker_count; i++) {
        pool_worker *worker = &pool->workers[i];
        slices[i] = (long_slice){0};
        pthread_mutex_lock(&worker->slice_lock);
        uint64_t at = look_at(pool, worker, &waiting, now, &slices[i]);
        uint64_t sample_at = sample(pool, worker, now);
        at = sample_at < at ? sample_at : at;
        pthread_mutex_unlock(&worker->slice_lock);
        next = at < next ? at : next;
    }
    ask_some(pool, slices, waiting.count);
    return next;
}

void *ticker_run(void *argument)
{
    mu_thread_pool *pool = argument;
    long_slice *slices = mu_allocate(pool->worker_count * sizeof *slices);
    pthread_mutex_lock(&pool->tick_lock);
    while (!pool->ticker_ending) {
        __atomic_store_n(&pool->tick_at_ns, POOL_NEVER, __ATOMIC_SEQ_CST);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        uint64_t at = look(pool, slices);
        __atomic_store_n(&pool->tick_at_ns, at, __ATOMIC_SEQ_CST);
        if (at == POOL_NEVER) {
            pthread_cond_wait(&pool->tick_wanted, &pool->tick_lock);
        } else {
            struct timespec until = {.tv_sec = (time_t)(at / 1000000000u),
                                     .tv_nsec = (long)(at % 1000000000u)};
            pthread_cond_timedwait(&pool->tick_wanted, &pool->tick_lock, &until);
        }
    }
    pthread_mutex_unlock(&pool->tick_lock);
    mu_free(slices);
    return NULL;
}

void ticker_ask_one(mu_thread_pool *pool)
{
    pool_worker *longest = NULL;
    uint64_t started = POOL_NEVER;
    for (uint32_t i = 0; i < pool->worker_count; i++) {
        pool_worker *worker = &pool->workers[i];
        pthread_mutex_lock(&worker->slice_lock);
        if (worker->is_running && worker->task && !worker->is_asked &&
            worker->started_ns < started) {
            longest = worker;
            started = worker->started_ns;
        }
        pthread_mutex_unlock(&worker->slice_lock);
    }
    if (longest) {
        ask_slice(pool, longest, started);
    }
}

/* How far ahead of `time` the share is whose task runs there, if that may be asked to make room; 0
 * when it may not. */
static uint64_t ahead_of(mu_thread_pool *pool, pool_worker *worker, uint64_t time, uint64_t now,
                         uint64_t *started_ns)
{
    uint64_t ahead = 0;
    pthread_mutex_lock(&worker->slice_lock);
    if (worker->is_running && worker->task && worker->share && !worker->is_asked &&
        worker->started_ns + POOL_SLICE_LEAST_NS <= now) {
        settle_slice(pool, worker, now);
        uint64_t has = pool_load(&worker->share->time);
        ahead = has > time ? has - time : 0;
        *started_ns = worker->started_ns;
    }
    pthread_mutex_unlock(&worker->slice_lock);
    return ahead;
}

void ticker_ask_those_ahead(mu_thread_pool *pool, uint64_t time)
{
    uint64_t now = pool_now_ns();
    for (uint32_t i = 0, asked = 0; i < pool->worker_count && asked < ASKED_FOR_ONE; i++) {
        uint64_t started_ns;
        if (ahead_of(pool, &pool->workers[i], time, now, &started_ns) >
            (uint64_t)MU_THREAD_SLICE_NS) {
            ask_slice(pool, &pool->workers[i], started_ns);
            asked++;
        }
    }
}

/* While somebody waits it looks every slice. */
static bool looks_in_time(uint64_t looks_at_ns, uint64_t at_ns)
{
    return looks_at_ns <= at_ns || looks_at_ns - at_ns <= (uint64_t)MU_THREAD_SLICE_NS;
}

void ticker_wake_by(mu_thread_pool *pool, uint64_t at_ns, bool is_for_waiting)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (looks_in_time(__atomic_load_n(&pool->tick_at_ns, __ATOMIC_SEQ_CST), at_ns)) {
        return;
    }
    pthread_mutex_lock(&pool->tick_lock);
    if (!looks_in_time(pool->tick_at_ns, at_ns)) {
        pool_store(&pool->tick_at_ns, at_ns);
        if (is_for_waiting) { /* nobody did when it looked last */
            pool_raise(&pool->quiet_ns, at_ns);
        }
        pthread_cond_signal(&pool->tick_wanted);
    }
    pthread_mutex_unlock(&pool->tick_lock);
}
