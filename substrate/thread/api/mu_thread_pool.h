#pragma once
/* The pool of OS threads that runs everything: Mu threads by slices, loads, collections. Jobs are
 * taken in the order they came. While jobs wait for a worker, a ticker calls `contention` every few
 * milliseconds, so that whoever runs long can be asked to make room.
 */
#include "mu_base.h"

#define MU_THREAD_SLICE_NS 5000000ll

typedef struct mu_thread_pool mu_thread_pool;
typedef void mu_thread_job_fn(void *context);

typedef struct mu_thread_pool_config {
    uint32_t workers; /* at least 1 */
    /* Called on the ticker's thread, at most once a slice, while a job has been waiting. */
    void (*contention)(void *context);
    void *context;
} mu_thread_pool_config;

/* Errors: SYSTEM when the machine gives no threads. */
MU_MUST_CHECK mu_status mu_thread_pool_new(const mu_thread_pool_config *config,
                                           mu_thread_pool **pool);
/* Runs what is queued, then ends the workers. Not from a worker. */
void mu_thread_pool_free(mu_thread_pool *pool);
/* Queues `job(context)`; it runs once, on some worker. From any thread. */
void mu_thread_pool_submit(mu_thread_pool *pool, mu_thread_job_fn *job, void *context);
/* Is any job waiting for a worker? */
bool mu_thread_pool_is_contended(mu_thread_pool *pool);
