/* The pool's beginning and end, and queueing. */
#include "pool.h"

#include "thread_signals.h"

#include <time.h>

uint64_t pool_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- life */

static void end_threads(mu_thread_pool *pool, uint32_t workers)
{
    __atomic_store_n(&pool->ending, true, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < workers; i++) {
        worker_wake(pool, &pool->workers[i]);
    }
    pool_threads_join(pool);
}

static void end_ticker(mu_thread_pool *pool)
{
    pthread_mutex_lock(&pool->tick_lock);
    pool->ticker_ending = true;
    pthread_cond_signal(&pool->tick_wanted);
    pthread_mutex_unlock(&pool->tick_lock);
    pthread_join(pool->ticker, NULL);
}

static void init_worker(mu_thread_pool *pool, uint32_t index)
{
    pool_worker *worker = &pool->workers[index];
    worker->pool = pool;
    worker->index = index;
    run_queue_init(&worker->queue);
    pthread_cond_init(&worker->woken, NULL);
    pthread_mutex_init(&worker->slice_lock, NULL);
}

static void deinit_worker(pool_worker *worker)
{
    run_queue_deinit(&worker->queue);
    pthread_cond_destroy(&worker->woken);
    pthread_mutex_destroy(&worker->slice_lock);
}

static void free_pool(mu_thread_pool *pool)
{
    for (uint32_t i = 0; i < pool->worker_count; i++) {
        deinit_worker(&pool->workers[i]);
    }
    pool_threads_deinit(pool);
    pthread_mutex_destroy(&pool->idle_lock);
    pthread_mutex_destroy(&pool->tick_lock);
    pthread_cond_destroy(&pool->tick_wanted);
    mu_free(pool->idle);
    mu_free(pool->workers);
    mu_free(pool);
}

static mu_thread_pool *make_pool(const mu_thread_pool_config *config)
{
    mu_thread_pool *pool = mu_allocate(sizeof *pool);
    pool->config = *config;
    pool->worker_count = config->workers;
    pool->clock_ns = POOL_LAG_NS;
    pool->tick_at_ns = POOL_NEVER;
    pool->workers = mu_allocate(config->workers * sizeof *pool->workers);
    pool->idle = mu_allocate(config->workers * sizeof *pool->idle);
    pool_threads_init(pool);
    pthread_mutex_init(&pool->idle_lock, NULL);
    pthread_mutex_init(&pool->tick_lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->tick_wanted, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (uint32_t i = 0; i < config->workers; i++) {
        init_worker(pool, i);
    }
    return pool;
}

mu_status mu_thread_pool_new(const mu_thread_pool_config *config, mu_thread_pool **out)
{
    mu_thread_pool *pool = make_pool(config);
    sigset_t old;
    mu_thread_pool_block_signals(&old);
    uint32_t made = 0;
    bool has_ticker = pthread_create(&pool->ticker, NULL, ticker_run, pool) == 0;
    while (has_ticker && made < config->workers && pool_threads_start(pool, &pool->workers[made])) {
        made++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (made < config->workers) {
        end_threads(pool, made);
        if (has_ticker) {
            end_ticker(pool);
        }
        free_pool(pool);
        return MU_SYSTEM;
    }
    *out = pool;
    return MU_OK;
}

void mu_thread_pool_free(mu_thread_pool *pool)
{
    if (pool) {
        end_threads(pool, pool->worker_count);
        end_ticker(pool);
        free_pool(pool);
    }
}

/* ---- queueing */

static bool add(pool_worker *worker, mu_task *task)
{
    pthread_mutex_lock(&worker->queue.lock);
    bool is_open = !worker->queue.is_closed;
    if (is_open) {
        run_queue_add(&worker->queue, task, worker->index);
    }
    pthread_mutex_unlock(&worker->queue.lock);
    return is_open;
}

/* What waits while every worker runs something is the ticker's business. */
static void tell(mu_thread_pool *pool)
{
    worker_wake(pool, NULL);
    if (!__atomic_load_n(&pool->idle_count, __ATOMIC_RELAXED)) {
        ticker_wake_by(pool, pool_now_ns(), true);
    }
}

/* A worker's own queue, or, from outside, each in turn. */
static pool_worker *nearest(mu_thread_pool *pool)
{
    pool_worker *worker = worker_self(pool);
    if (!worker) {
        uint32_t next = __atomic_fetch_add(&pool->next_worker, 1, __ATOMIC_RELAXED);
        worker = &pool->workers[next % pool->worker_count];
    }
    return worker;
}

static void queue(mu_thread_pool *pool, mu_task *task, pool_worker *worker)
{
    if (task->share) {
        share_retain(task->share);
        share_catch_up(pool, task->share);
    }
    if (!add(worker, task)) { /* in the end only; then this is a worker, and has not ended */
        add(worker_self(pool), task);
    }
    tell(pool);
}

void mu_thread_pool_submit_for(mu_thread_pool *pool, mu_share *share, mu_thread_job_fn *job,
                               void *context)
{
    mu_task *task = mu_allocate(sizeof *task);
    *task = (mu_task){
        .run = job, .context = context, .share = share, .urgency = MU_TASK_SOON, .is_job = true};
    queue(pool, task, nearest(pool));
}

void mu_thread_pool_submit(mu_thread_pool *pool, mu_thread_job_fn *job, void *context)
{
    mu_thread_pool_submit_for(pool, NULL, job, context);
}

/* Is no worker free? To be asked before something is queued, which wakes one. */
static bool are_all_busy(const mu_thread_pool *pool)
{
    return !__atomic_load_n(&pool->idle_count, __ATOMIC_RELAXED) &&
           !__atomic_load_n(&pool->spinners, __ATOMIC_RELAXED);
}

/* A share that has had clearly less than those that run does not wait for their slices to end: it
 * has slept, as one does that serves short calls. One that never sleeps is not that far behind. */
void mu_thread_pool_run(mu_thread_pool *pool, mu_task *task)
{
    task->urgency = MU_TASK_IN_TURN;
    share_catch_up(pool, task->share);
    uint64_t time = pool_load(&task->share->time);
    bool asks = are_all_busy(pool);
    queue(pool, task, nearest(pool)); /* after which the task may be gone, and its share */
    if (asks) {
        ticker_ask_those_ahead(pool, time);
    }
}

/* Does not wait for the end of a slice: what is to end soon takes little time. */
static void make_way(mu_thread_pool *pool)
{
    if (!__atomic_load_n(&pool->idle_count, __ATOMIC_RELAXED)) {
        ticker_ask_one(pool);
    }
}

void mu_thread_pool_run_first(mu_thread_pool *pool, mu_task *task, mu_urgency urgency)
{
    task->urgency = urgency;
    queue(pool, task, nearest(pool));
    make_way(pool);
}

void pool_queue_soon(mu_thread_pool *pool, mu_task *task)
{
    task->urgency = MU_TASK_SOON;
    queue(pool, task, nearest(pool));
}

/* Where the fewest of its share wait, so that all of them get on alike. */
void mu_thread_pool_run_again(mu_thread_pool *pool, mu_task *task)
{
    pool_worker *best = nearest(pool);
    uint32_t fewest = pool_load32(&task->share->queues[best->index].count);
    for (uint32_t i = 0; i < pool->worker_count && fewest; i++) {
        uint32_t count = pool_load32(&task->share->queues[i].count);
        if (count < fewest) {
            fewest = count;
            best = &pool->workers[i];
        }
    }
    task->urgency = MU_TASK_IN_TURN;
    queue(pool, task, best);
}

void mu_thread_pool_run_elsewhere(mu_thread_pool *pool, mu_task *task)
{
    bool is_possible = pool->worker_count > 1 && task->last_ran;
    if (!is_possible || __atomic_load_n(&pool->ending, __ATOMIC_ACQUIRE)) {
        mu_thread_pool_run(pool, task);
        return;
    }
    pool_worker *other = &pool->workers[task->last_ran % pool->worker_count];
    task->urgency = MU_TASK_IN_TURN;
    task->avoids = task->last_ran;
    queue(pool, task, other);
    worker_wake(pool, other);
    ticker_wake_by(pool, pool_now_ns(), true);
}

void mu_thread_pool_hasten(mu_thread_pool *pool, mu_task *task, mu_urgency urgency)
{
    uint32_t at;
    while ((at = __atomic_load_n(&task->queued_at, __ATOMIC_RELAXED))) {
        run_queue *of = &pool->workers[at - 1].queue;
        pthread_mutex_lock(&of->lock);
        bool is_there = __atomic_load_n(&task->queued_at, __ATOMIC_RELAXED) == at;
        if (is_there && task->urgency < urgency) {
            run_queue_take_out(of, task);
            task->urgency = urgency;
            run_queue_add(of, task, at - 1);
        }
        pthread_mutex_unlock(&of->lock);
        if (is_there) {
            tell(pool);
            make_way(pool);
            return;
        }
    }
}

/* ---- what it is doing */

uint64_t mu_thread_pool_slice_ns(mu_thread_pool *pool, const mu_task *task)
{
    uint64_t ns = 0;
    for (uint32_t i = 0; i < pool->worker_count && !ns; i++) {
        pool_worker *worker = &pool->workers[i];
        pthread_mutex_lock(&worker->slice_lock);
        if (worker->is_running && worker->task == task) {
            ns = pool_now_ns() - worker->started_ns + worker->carried_ns;
        }
        pthread_mutex_unlock(&worker->slice_lock);
    }
    return ns;
}

mu_thread_pool_stats mu_thread_pool_get_stats(mu_thread_pool *pool)
{
    mu_thread_pool_stats stats = {.preemptions = pool_load(&pool->preemptions)};
    for (uint32_t i = 0; i < pool->worker_count; i++) {
        const pool_worker *worker = &pool->workers[i];
        stats.slices += pool_load(&worker->slices);
        stats.moves += pool_load(&worker->moves);
        stats.steals += pool_load(&worker->steals);
    }
    return stats;
}
