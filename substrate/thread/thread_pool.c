/* One queue under one lock. Slices are milliseconds, so the lock is taken rarely; the ticker sleeps
 * unless a job waits. */
#include "mu_thread_pool.h"

#include "thread_signals.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

typedef struct pool_job {
    mu_thread_job_fn *run;
    void *context;
} pool_job;

struct mu_thread_pool {
    mu_thread_pool_config config;
    pthread_mutex_t lock;
    pthread_cond_t job_came; /* for workers */
    pthread_cond_t waiting;  /* for the ticker */
    pool_job *jobs;          /* a ring */
    uint32_t capacity;
    uint32_t first;
    uint32_t count;
    bool ending;
    pthread_t *workers;
    uint32_t worker_count;
    pthread_t ticker;
};

void mu_thread_pool_block_signals(sigset_t *old)
{
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, old);
}

static void *work(void *argument)
{
    mu_thread_pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->count && !pool->ending) {
            pthread_cond_wait(&pool->job_came, &pool->lock);
        }
        if (!pool->count) {
            break;
        }
        pool_job job = pool->jobs[pool->first];
        pool->first = (pool->first + 1) % pool->capacity;
        pool->count--;
        pthread_mutex_unlock(&pool->lock);
        job.run(job.context);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void sleep_slice(void)
{
    struct timespec slice = {.tv_nsec = MU_THREAD_SLICE_NS};
    while (nanosleep(&slice, &slice) != 0 && errno == EINTR) {
    }
}

static void *tick(void *argument)
{
    mu_thread_pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    while (!pool->ending) {
        if (!pool->count) {
            pthread_cond_wait(&pool->waiting, &pool->lock);
            continue;
        }
        pthread_mutex_unlock(&pool->lock);
        sleep_slice();
        pthread_mutex_lock(&pool->lock);
        if (pool->count && pool->config.contention) {
            pthread_mutex_unlock(&pool->lock);
            pool->config.contention(pool->config.context);
            pthread_mutex_lock(&pool->lock);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void end_threads(mu_thread_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->job_came);
    pthread_cond_broadcast(&pool->waiting);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->worker_count; i++) {
        pthread_join(pool->workers[i], NULL);
    }
}

static void free_pool(mu_thread_pool *pool)
{
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->job_came);
    pthread_cond_destroy(&pool->waiting);
    mu_free(pool->jobs);
    mu_free(pool->workers);
    mu_free(pool);
}

mu_status mu_thread_pool_new(const mu_thread_pool_config *config, mu_thread_pool **out)
{
    mu_thread_pool *pool = mu_allocate(sizeof *pool);
    pool->config = *config;
    pool->capacity = 64;
    pool->jobs = mu_allocate(pool->capacity * sizeof *pool->jobs);
    pool->workers = mu_allocate(config->workers * sizeof *pool->workers);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->job_came, NULL);
    pthread_cond_init(&pool->waiting, NULL);
    sigset_t old;
    mu_thread_pool_block_signals(&old);
    bool failed = false;
    for (uint32_t i = 0; i < config->workers && !failed; i++) {
        failed = pthread_create(&pool->workers[i], NULL, work, pool) != 0;
        pool->worker_count += !failed;
    }
    failed = failed || pthread_create(&pool->ticker, NULL, tick, pool) != 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed) {
        end_threads(pool);
        free_pool(pool);
        return MU_SYSTEM;
    }
    *out = pool;
    return MU_OK;
}

void mu_thread_pool_free(mu_thread_pool *pool)
{
    if (pool) {
        end_threads(pool);
        pthread_join(pool->ticker, NULL);
        free_pool(pool);
    }
}

static void grow(mu_thread_pool *pool)
{
    uint32_t capacity = pool->capacity * 2;
    pool_job *jobs = mu_allocate(capacity * sizeof *jobs);
    for (uint32_t i = 0; i < pool->count; i++) {
        jobs[i] = pool->jobs[(pool->first + i) % pool->capacity];
    }
    mu_free(pool->jobs);
    pool->jobs = jobs;
    pool->capacity = capacity;
    pool->first = 0;
}

void mu_thread_pool_submit(mu_thread_pool *pool, mu_thread_job_fn *job, void *context)
{
    pthread_mutex_lock(&pool->lock);
    if (pool->count == pool->capacity) {
        grow(pool);
    }
    pool->jobs[(pool->first + pool->count) % pool->capacity] = (pool_job){job, context};
    pool->count++;
    pthread_cond_signal(&pool->job_came);
    pthread_cond_signal(&pool->waiting);
    pthread_mutex_unlock(&pool->lock);
}

bool mu_thread_pool_is_contended(mu_thread_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool contended = pool->count > 0;
    pthread_mutex_unlock(&pool->lock);
    return contended;
}
