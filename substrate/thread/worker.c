/* A worker: takes what is to run next, from its own queue or another's, runs it, accounts for it;
 * looks around for a moment when there is nothing, then sleeps.
 *
 * A worker that goes to sleep says so before it looks at the queues for the last time; whoever
 * queues something looks for sleepers afterwards. So one of the two sees the other. */
#include "pool.h"

#include <sched.h>

/* How often a worker looks around before it sleeps: for about a microsecond. When the machine has
 * other work, longer looking keeps cores from those that would bring the work. */
#define LOOKS 32u

pool_worker *worker_self(const mu_thread_pool *pool)
{
    const pool_thread *thread = pool_thread_self();
    return thread && thread->pool == pool ? thread->worker : NULL;
}

/* ---- slices */

void worker_begin_slice(pool_worker *worker, mu_task *task, mu_share *share)
{
    uint64_t now = pool_now_ns();
    pool_count(&worker->slices);
    if (task) {
        if (task->last_ran && task->last_ran != worker->index + 1) {
            pool_count(&worker->moves);
        }
        task->last_ran = worker->index + 1;
        task->avoids = 0;
    }
    if (task && task->urgency == MU_TASK_IN_TURN) {
        pool_raise(&worker->pool->clock_ns, pool_load(&share->time));
    }
    pthread_mutex_lock(&worker->slice_lock);
    worker->is_running = true;
    worker->task = task;
    worker->share = share;
    worker->started_ns = worker->settled_ns = now;
    worker->alarm_at_ns = POOL_NEVER;
    worker->carried_ns = 0;
    __atomic_store_n(&worker->is_asked, false, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&worker->slice_lock);
    if (mu_thread_pool_is_contended(worker->pool)) {
        ticker_wake_by(worker->pool, now, true);
    } else if (task && worker->pool->config.sample) {
        ticker_wake_by(worker->pool, now + (uint64_t)MU_THREAD_SAMPLE_NS, false);
    }
}

/* Who goes before others and these others have a worker by halves when both want it: `limit_ns` is
 * what the first may have had more. One that takes long does not keep its like away for long. */
static void count_ahead(uint64_t *ahead_ns, bool went_before, uint64_t ns, uint64_t limit_ns)
{
    if (went_before) {
        *ahead_ns = *ahead_ns + ns < 2 * limit_ns ? *ahead_ns + ns : 2 * limit_ns;
    } else {
        *ahead_ns -= ns < *ahead_ns ? ns : *ahead_ns;
    }
}

uint64_t worker_end_slice(pool_worker *worker)
{
    uint64_t now = pool_now_ns();
    mu_share *share = worker->share;
    uint64_t ns = now - worker->started_ns;
    bool was_job = !worker->task || worker->task->urgency == MU_TASK_SOON;
    bool was_at_once = worker->task && worker->task->urgency == MU_TASK_AT_ONCE;
    pthread_mutex_lock(&worker->slice_lock);
    worker->is_running = false;
    worker->task = NULL;
    worker->share = NULL;
    if (share) {
        __atomic_fetch_add(&share->cpu_ns, ns, __ATOMIC_RELEASE);
        share_settle(worker->pool, share, worker->settled_ns, now);
    }
    pthread_mutex_unlock(&worker->slice_lock);
    count_ahead(&worker->at_once_ahead_ns, was_at_once, ns, POOL_AT_ONCE_AHEAD_NS);
    if (!was_at_once) {
        count_ahead(&worker->jobs_ahead_ns, was_job, ns, POOL_JOBS_AHEAD_NS);
    }
    mu_share_free(share);
    return ns + worker->carried_ns;
}

void worker_carry(pool_worker *worker, uint64_t had_ns)
{
    pthread_mutex_lock(&worker->slice_lock);
    worker->carried_ns = had_ns;
    pthread_mutex_unlock(&worker->slice_lock);
}

void mu_thread_pool_set_alarm(mu_thread_pool *pool, uint64_t alarm_ns)
{
    pool_worker *worker = worker_self(pool);
    uint64_t left = alarm_ns > worker->carried_ns ? alarm_ns - worker->carried_ns : 0;
    uint64_t at = worker->started_ns + left;
    pthread_mutex_lock(&worker->slice_lock);
    worker->alarm_at_ns = at < left ? POOL_NEVER : at;
    pthread_mutex_unlock(&worker->slice_lock);
    if (worker->alarm_at_ns != POOL_NEVER) {
        ticker_wake_by(pool, at, false);
    }
}

uint64_t mu_thread_pool_own_slice_ns(mu_thread_pool *pool)
{
    const pool_worker *worker = worker_self(pool);
    return pool_now_ns() - worker->started_ns + worker->carried_ns;
}

uint64_t mu_thread_pool_end_slice(mu_thread_pool *pool)
{
    pool_worker *worker = worker_self(pool);
    MU_INVARIANT(worker && worker->is_running, "a slice is ended that is none");
    return worker_end_slice(worker);
}

/* The slice may end as another worker's, or be one that another thread is in the midst of. */
static void run(pool_thread *thread, mu_task *task)
{
    mu_thread_job_fn *job = task->run;
    void *context = task->context;
    mu_share *share = task->share;
    if (task->is_job) {
        mu_free(task);
        task = NULL;
    }
    worker_begin_slice(thread->worker, task, share);
    if (task && task->paused) {
        pool_thread_go_on(task);
        return;
    }
    job(context);
    if (thread->worker->is_running) {
        worker_end_slice(thread->worker);
    }
}

/* ---- what runs next */

typedef mu_task *take_fn(run_queue *queue, uint32_t worker, uint64_t most_time);

static mu_task *take_from(pool_worker *worker, pool_worker *owner, take_fn *take,
                          uint64_t most_time)
{
    pthread_mutex_lock(&owner->queue.lock);
    mu_task *task = take(&owner->queue, worker->index, most_time);
    pthread_mutex_unlock(&owner->queue.lock);
    if (task && worker != owner) {
        pool_count(&worker->steals);
    }
    return task;
}

/* From its own queue, else from the others'. */
static mu_task *take_urgent(pool_worker *worker, mu_urgency urgency, uint64_t most_time)
{
    mu_thread_pool *pool = worker->pool;
    bool is_at_once = urgency == MU_TASK_AT_ONCE;
    mu_task *task = NULL;
    for (uint32_t i = 0; i < pool->worker_count && !task; i++) {
        pool_worker *owner = &pool->workers[(worker->index + i) % pool->worker_count];
        if (pool_load32(is_at_once ? &owner->queue.at_once_count : &owner->queue.soon_count)) {
            task = take_from(worker, owner,
                             is_at_once ? run_queue_take_at_once : run_queue_take_soon, most_time);
        }
    }
    return task;
}

/* Whose first task is of the share that has had least; itself, when others' are no better. The lock
 * of its queue is held. */
static pool_worker *find_neediest(pool_worker *worker)
{
    mu_thread_pool *pool = worker->pool;
    pool_worker *neediest = worker;
    uint64_t least = run_queue_least(&worker->queue);
    for (uint32_t i = 1; i < pool->worker_count; i++) {
        pool_worker *other = &pool->workers[(worker->index + i) % pool->worker_count];
        uint64_t key = pool_load(&other->queue.least_key);
        if (key < least) {
            least = key;
            neediest = other;
        }
    }
    return neediest;
}

static mu_task *take_of_share(pool_worker *worker)
{
    mu_thread_pool *pool = worker->pool;
    pthread_mutex_lock(&worker->queue.lock);
    pool_worker *neediest = find_neediest(worker);
    mu_task *task =
        neediest == worker ? run_queue_take(&worker->queue, worker->index, POOL_NEVER) : NULL;
    pthread_mutex_unlock(&worker->queue.lock);
    if (neediest != worker) {
        task = take_from(worker, neediest, run_queue_take, POOL_NEVER);
    }
    /* It may have been taken, or be one that this worker may not run. */
    for (uint32_t i = 0; i < pool->worker_count && !task; i++) {
        pool_worker *owner = &pool->workers[(worker->index + i) % pool->worker_count];
        if (pool_load(&owner->queue.least_key) != POOL_NEVER) {
            task = take_from(worker, owner, run_queue_take, POOL_NEVER);
        }
    }
    return task;
}

/* What goes before others does so as long as its share has not had a slice more than one that
 * waits: a VM that ends with all its threads is not in the way of who wants little. */
static uint64_t most_time_of_urgent(mu_thread_pool *pool)
{
    uint64_t least;
    pool_worker *whose;
    uint64_t is_now;
    do { /* keys are lower bounds: that of who seems to have had least is brought up to date */
        least = POOL_NEVER;
        whose = NULL;
        for (uint32_t i = 0; i < pool->worker_count; i++) {
            uint64_t key = pool_load(&pool->workers[i].queue.least_key);
            whose = key < least ? &pool->workers[i] : whose;
            least = key < least ? key : least;
        }
        if (!whose) {
            return POOL_NEVER;
        }
        pthread_mutex_lock(&whose->queue.lock);
        is_now = run_queue_least(&whose->queue);
        pthread_mutex_unlock(&whose->queue.lock);
    } while (is_now > least);
    return least + (uint64_t)MU_THREAD_SLICE_NS;
}

static bool has_urgent(const mu_thread_pool *pool)
{
    bool has = false;
    for (uint32_t i = 0; i < pool->worker_count && !has; i++) {
        const run_queue *queue = &pool->workers[i].queue;
        has = pool_load32(&queue->at_once_count) || pool_load32(&queue->soon_count);
    }
    return has;
}

static mu_task *take_job_or_task(pool_worker *worker, uint64_t most_time)
{
    bool is_jobs_turn = worker->jobs_ahead_ns <= POOL_JOBS_AHEAD_NS;
    mu_task *task = is_jobs_turn ? take_urgent(worker, MU_TASK_SOON, most_time) : NULL;
    if (!task) {
        task = take_of_share(worker);
    }
    return task ? task : take_urgent(worker, MU_TASK_SOON, POOL_NEVER);
}

static mu_task *take(pool_worker *worker)
{
    uint64_t most_time = has_urgent(worker->pool) ? most_time_of_urgent(worker->pool) : POOL_NEVER;
    bool goes_before = worker->at_once_ahead_ns <= POOL_AT_ONCE_AHEAD_NS;
    mu_task *task = goes_before ? take_urgent(worker, MU_TASK_AT_ONCE, most_time) : NULL;
    if (!task) {
        task = take_job_or_task(worker, most_time);
    }
    return task ? task : take_urgent(worker, MU_TASK_AT_ONCE, POOL_NEVER);
}

/* ---- waiting for work */

/* Is there anything that this worker may take? */
static bool sees_work(const pool_worker *worker)
{
    const mu_thread_pool *pool = worker->pool;
    bool sees = pool_load32(&worker->queue.count) > 0;
    for (uint32_t i = 0; i < pool->worker_count && !sees; i++) {
        const run_queue *queue = &pool->workers[i].queue;
        sees = pool_load32(&queue->count) > pool_load32(&queue->bound_count);
    }
    return sees;
}

static bool is_ending(const mu_thread_pool *pool)
{
    return __atomic_load_n(&pool->ending, __ATOMIC_ACQUIRE);
}

/* Looks around for a while, unless enough others do. */
static bool spin(pool_worker *worker)
{
    mu_thread_pool *pool = worker->pool;
    bool sees = false;
    uint32_t spinners = __atomic_fetch_add(&pool->spinners, 1, __ATOMIC_SEQ_CST);
    if (spinners <= pool->worker_count / 2) {
        for (uint32_t i = 0; i < LOOKS && !sees; i++) {
            __builtin_ia32_pause();
            sees = sees_work(worker) || is_ending(pool);
        }
    }
    __atomic_fetch_sub(&pool->spinners, 1, __ATOMIC_SEQ_CST);
    return sees;
}

static void take_off_idle(mu_thread_pool *pool, pool_worker *worker)
{
    uint32_t i = 0;
    while (pool->idle[i] != worker->index) {
        i++;
    }
    pool->idle[i] = pool->idle[pool->idle_count - 1];
    __atomic_store_n(&pool->idle_count, pool->idle_count - 1, __ATOMIC_SEQ_CST);
    worker->is_idle = false;
}

static void sleep_until_woken(pool_worker *worker)
{
    mu_thread_pool *pool = worker->pool;
    pthread_mutex_lock(&pool->idle_lock);
    pool->idle[pool->idle_count] = worker->index;
    __atomic_store_n(&pool->idle_count, pool->idle_count + 1, __ATOMIC_SEQ_CST);
    worker->is_idle = true;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (sees_work(worker) || is_ending(pool)) {
        take_off_idle(pool, worker);
    }
    while (worker->is_idle) {
        pthread_cond_wait(&worker->woken, &pool->idle_lock);
    }
    pthread_mutex_unlock(&pool->idle_lock);
}

void worker_wake(mu_thread_pool *pool, pool_worker *worker)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&pool->idle_count, __ATOMIC_SEQ_CST) ||
        (!worker && __atomic_load_n(&pool->spinners, __ATOMIC_SEQ_CST))) {
        return;
    }
    pthread_mutex_lock(&pool->idle_lock);
    if (!worker && pool->idle_count) {
        worker = &pool->workers[pool->idle[pool->idle_count - 1]];
    }
    if (worker && worker->is_idle) {
        take_off_idle(pool, worker);
        pthread_cond_signal(&worker->woken);
    }
    pthread_mutex_unlock(&pool->idle_lock);
}

/* Closes the worker's queue if nothing is there any more. */
static bool may_end(pool_worker *worker)
{
    pthread_mutex_lock(&worker->queue.lock);
    bool may = !worker->queue.count;
    worker->queue.is_closed = may;
    pthread_mutex_unlock(&worker->queue.lock);
    return may;
}

/* NULL: the worker is to end. */
static mu_task *wait_for_task(pool_worker *worker)
{
    for (;;) {
        mu_task *task = take(worker);
        if (task) {
            return task;
        }
        if (is_ending(worker->pool) && !sees_work(worker)) {
            if (may_end(worker)) {
                return NULL;
            }
        } else if (!spin(worker)) {
            sleep_until_woken(worker);
        }
    }
}

bool worker_run(pool_thread *thread)
{
    while (!thread->has_given_worker) {
        mu_task *task = wait_for_task(thread->worker);
        if (!task) {
            return true;
        }
        /* Who looked around and found this may have kept others asleep. */
        if (sees_work(thread->worker)) {
            worker_wake(thread->pool, NULL);
        }
        run(thread, task);
    }
    thread->has_given_worker = false;
    return false;
}
