/* OS threads and which worker each runs as. There is one for each worker, until a slice rests in
 * the midst of C code: the thread keeps its stack and waits, a spare one is that worker from then
 * on. When the task's turn comes, whoever took it gives its worker to the thread that rests, and is
 * spare.
 *
 *     thread A as worker 0 ── a collection ─┐ rests ················┌─ goes on as worker 1 ──
 *     thread B              ················└ as worker 0 ──────────│────────────────────────
 *     thread C as worker 1 ───────────────── takes the task ────────┘ spare
 */
#include "pool.h"

/* Slices that may rest at a time; beyond that they go on. */
#define SPARES_MOST 64u

static _Thread_local pool_thread *self;

pool_thread *pool_thread_self(void)
{
    return self;
}

void pool_threads_init(mu_thread_pool *pool)
{
    pthread_mutex_init(&pool->threads_lock, NULL);
}

void pool_threads_deinit(mu_thread_pool *pool)
{
    for (uint32_t i = 0; i < pool->threads.count; i++) {
        pthread_cond_destroy(&pool->threads.items[i]->changed);
        mu_free(pool->threads.items[i]);
    }
    MU_ARRAY_FREE(&pool->threads);
    pthread_mutex_destroy(&pool->threads_lock);
}

/* False: the pool is ending, and nobody needs it as a worker. */
static bool wait_to_be_worker(pool_thread *thread)
{
    mu_thread_pool *pool = thread->pool;
    pthread_mutex_lock(&pool->threads_lock);
    thread->is_spare = !thread->worker;
    while (!thread->worker && !__atomic_load_n(&pool->ending, __ATOMIC_ACQUIRE)) {
        pthread_cond_wait(&thread->changed, &pool->threads_lock);
    }
    thread->is_spare = false;
    bool is_worker = thread->worker != NULL;
    pthread_mutex_unlock(&pool->threads_lock);
    return is_worker;
}

static void *run_thread(void *argument)
{
    self = argument;
    bool has_ended = false;
    while (!has_ended && wait_to_be_worker(self)) {
        has_ended = worker_run(self);
    }
    return NULL;
}

/* A further one, which waits if it is no worker; NULL: the machine gives none. The lock is held. */
static pool_thread *start(mu_thread_pool *pool, pool_worker *worker)
{
    pool_thread *thread = mu_allocate(sizeof *thread);
    *thread = (pool_thread){.pool = pool, .worker = worker};
    pthread_cond_init(&thread->changed, NULL);
    if (pthread_create(&thread->thread, NULL, run_thread, thread) != 0) {
        pthread_cond_destroy(&thread->changed);
        mu_free(thread);
        return NULL;
    }
    MU_ARRAY_PUSH(&pool->threads, thread);
    return thread;
}

bool pool_threads_start(mu_thread_pool *pool, pool_worker *worker)
{
    pthread_mutex_lock(&pool->threads_lock);
    bool starts = start(pool, worker) != NULL;
    pthread_mutex_unlock(&pool->threads_lock);
    return starts;
}

/* Who still rests is given a worker by another that ends only then, so none comes to this late. */
void pool_threads_join(mu_thread_pool *pool)
{
    pthread_mutex_lock(&pool->threads_lock);
    for (uint32_t i = 0; i < pool->threads.count; i++) {
        pool_thread *thread = pool->threads.items[i];
        pthread_cond_signal(&thread->changed);
        pthread_mutex_unlock(&pool->threads_lock);
        pthread_join(thread->thread, NULL);
        pthread_mutex_lock(&pool->threads_lock);
    }
    pthread_mutex_unlock(&pool->threads_lock);
}

/* ---- a slice that rests */

static void be_worker(pool_thread *thread, pool_worker *worker)
{
    thread->worker = worker;
    thread->is_spare = false;
    pthread_cond_signal(&thread->changed);
}

/* The lock is held. */
static pool_thread *spare_of(mu_thread_pool *pool)
{
    for (uint32_t i = 0; i < pool->threads.count; i++) {
        if (pool->threads.items[i]->is_spare) {
            return pool->threads.items[i];
        }
    }
    bool may_start = pool->threads.count < pool->worker_count + SPARES_MOST &&
                     !__atomic_load_n(&pool->ending, __ATOMIC_ACQUIRE);
    return may_start ? start(pool, NULL) : NULL;
}

/* Queues the task while its worker is still this thread, so that one is there to take it, and gives
 * that to a spare thread; false: there is none. */
static bool give_worker(pool_thread *thread, mu_task *task)
{
    mu_thread_pool *pool = thread->pool;
    pthread_mutex_lock(&pool->threads_lock);
    pool_thread *spare = spare_of(pool);
    if (spare) {
        task->paused = thread;
        /* Somebody else's turn now; then it is a job's. */
        thread->worker->jobs_ahead_ns = POOL_JOBS_AHEAD_NS + 1;
        pool_queue_soon(pool, task);
        be_worker(spare, thread->worker);
        thread->worker = NULL;
    }
    pthread_mutex_unlock(&pool->threads_lock);
    return spare != NULL;
}

/* By the worker that took the task. */
void pool_thread_go_on(mu_task *task)
{
    mu_thread_pool *pool = self->pool;
    pthread_mutex_lock(&pool->threads_lock);
    pool_worker *worker = self->worker;
    self->has_given_worker = true;
    self->worker = NULL;
    be_worker(task->paused, worker);
    pthread_mutex_unlock(&pool->threads_lock);
}

static void wait_for_turn(pool_thread *thread)
{
    pthread_mutex_lock(&thread->pool->threads_lock);
    while (!thread->worker) {
        pthread_cond_wait(&thread->changed, &thread->pool->threads_lock);
    }
    pthread_mutex_unlock(&thread->pool->threads_lock);
}

/* The slice ends for those who look on, and begins again, as the same one for its task: what it has
 * had, and what is left until its alarm, are carried over. */
static void rest(pool_thread *thread)
{
    pool_worker *worker = thread->worker;
    mu_task *task = worker->task;
    mu_share *share = worker->share;
    uint64_t alarm_ns = worker->alarm_at_ns;
    share_retain(share);
    uint64_t had_ns = worker_end_slice(worker);
    uint64_t now = pool_now_ns();
    if (give_worker(thread, task)) {
        wait_for_turn(thread);
        task->paused = NULL;
        mu_share_free(share);
    } else {
        worker_begin_slice(worker, task, share);
    }
    worker_carry(thread->worker, had_ns);
    if (alarm_ns != POOL_NEVER) {
        uint64_t left = alarm_ns > now ? alarm_ns - now : 0;
        mu_thread_pool_set_alarm(thread->pool, had_ns + left);
    }
}

void mu_thread_pool_make_room(mu_thread_pool *pool)
{
    pool_thread *thread = self;
    if (thread && thread->pool == pool && thread->worker && thread->worker->task &&
        __atomic_load_n(&thread->worker->is_asked, __ATOMIC_RELAXED)) {
        rest(thread);
    }
}
