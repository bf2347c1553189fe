#pragma once
/* The pool of OS threads that runs everything: tasks (Mu threads, by slices) and jobs (loads,
 * collection, compilation). Worker time is shared out in two steps: among *shares*, one for each
 * VM, in proportion to their weights; then among the tasks of a share in turn. README.md has the
 * design.
 *
 * Threads. Everything here may be called from any thread unless it says otherwise, also with a lock
 * held that is not taken by `preempt`.
 */
#include "mu_base.h"

/* How long a slice may be while somebody waits. */
#define MU_THREAD_SLICE_NS 5000000ll
/* Between two samples of what runs. */
#define MU_THREAD_SAMPLE_NS 2000000ll

typedef struct mu_thread_pool mu_thread_pool;
typedef struct mu_share mu_share;
typedef void mu_thread_job_fn(void *context);

/* When what is queued comes. */
typedef enum mu_urgency {
    MU_TASK_IN_TURN, /* by its share */
    MU_TASK_SOON,    /* before those, as jobs do: together they have at most about half of a
                        worker's time while others wait */
    MU_TASK_AT_ONCE, /* before all: its slice is a moment only. Many of them have at most about half
                        of a worker's time while others wait */
} mu_urgency;

/* What runs by slices. It belongs to the caller, and stays where it is from when it is queued until
 * its slice has ended. Begins zeroed; the first three are the caller's, and do not change while it
 * is queued. */
typedef struct mu_task mu_task;
struct mu_task {
    mu_thread_job_fn *run; /* one slice */
    void *context;
    mu_share *share;
    mu_task *next, *previous;
    uint32_t queued_at; /* atomic; 1 + the worker's index; 0: not queued */
    uint32_t last_ran;  /* 1 + index of the worker that ran its last slice; 0: none has */
    uint32_t avoids;    /* 1 + index of the worker that may not run the next one; 0: none */
    mu_urgency urgency; /* as it was queued */
    bool is_job;
    struct pool_thread *paused; /* the OS thread that is in the midst of its slice, while that rests
                                   in mu_thread_pool_make_room; NULL: none */
};

typedef struct mu_thread_pool_config {
    uint32_t workers; /* at least 1 */
    /* Asks a task to end its slice soon. Called on the ticker's thread, while the slice lasts, and
     * again after each MU_THREAD_SLICE_NS that it goes on. It takes no lock and calls nothing here.
     */
    void (*preempt)(mu_task *task);
    /* Called the same way about every MU_THREAD_SAMPLE_NS of a worker's time, with the task that
     * runs then. NULL: nothing is. */
    void (*sample)(mu_task *task);
} mu_thread_pool_config;

/* Errors: SYSTEM when the machine gives no threads. */
MU_MUST_CHECK mu_status mu_thread_pool_new(const mu_thread_pool_config *config,
                                           mu_thread_pool **pool);
/* Runs what is queued, and what that queues, then ends the workers. Not from a worker. */
void mu_thread_pool_free(mu_thread_pool *pool);

/* ---- jobs: they go before tasks, in the order they came, but have at most about half of a
 * worker's time while tasks wait. */

/* Queues `job(context)`; it runs once, on some worker. */
void mu_thread_pool_submit(mu_thread_pool *pool, mu_thread_job_fn *job, void *context);
/* The same on account of a share: its tasks get so much less. */
void mu_thread_pool_submit_for(mu_thread_pool *pool, mu_share *share, mu_thread_job_fn *job,
                               void *context);

/* ---- tasks */

/* Queues a task that is not queued, for one slice. */
void mu_thread_pool_run(mu_thread_pool *pool, mu_task *task);
/* The same for one that made room: behind the others of its share. */
void mu_thread_pool_run_again(mu_thread_pool *pool, mu_task *task);
/* The same, and the next slice will be another worker's, if there are two. */
void mu_thread_pool_run_elsewhere(mu_thread_pool *pool, mu_task *task);
/* The same as mu_thread_pool_run, before others; somebody is asked to make room at once. */
void mu_thread_pool_run_first(mu_thread_pool *pool, mu_task *task, mu_urgency urgency);
/* Does so to a task that is queued with less urgency. */
void mu_thread_pool_hasten(mu_thread_pool *pool, mu_task *task, mu_urgency urgency);
/* Ends the accounting of the task's slice, on its worker: before it is queued again, or somebody
 * else may queue or free it. Returns the slice's time. The pool does so itself for who does not. */
uint64_t mu_thread_pool_end_slice(mu_thread_pool *pool);
/* For C code that takes long, on the worker that runs it, in the midst of a task's slice: if the
 * task has been asked to make room, lets others run and returns when its turn has come again. The
 * same OS thread goes on, perhaps as another worker; meanwhile a spare one takes its place. To ask
 * costs two loads. Mutexes may be held that nobody else takes on a worker. Returns at once
 * elsewhere, in a job, or when no further OS thread can be had. */
void mu_thread_pool_make_room(mu_thread_pool *pool);
/* Has `preempt` called when the present slice has lasted so long, whoever waits. On its worker. */
void mu_thread_pool_set_alarm(mu_thread_pool *pool, uint64_t alarm_ns);
/* How long the present slice of the task has lasted; 0: it does not run. */
uint64_t mu_thread_pool_slice_ns(mu_thread_pool *pool, const mu_task *task);
/* The same of the slice on this worker. */
uint64_t mu_thread_pool_own_slice_ns(mu_thread_pool *pool);

/* ---- shares */

#define MU_SHARE_WEIGHT_MOST 1000u
/* A share of this weight, 1 … MU_SHARE_WEIGHT_MOST. */
mu_share *mu_share_new(mu_thread_pool *pool, uint32_t weight);
/* Nothing is queued on its account from now on; jobs and slices of it may still be under way. */
void mu_share_free(mu_share *share);
void mu_share_set_weight(mu_share *share, uint32_t weight);
uint32_t mu_share_weight(const mu_share *share);
/* Time of workers that ran its tasks and jobs, up to now. */
uint64_t mu_share_cpu_ns(mu_thread_pool *pool, mu_share *share);

/* ---- what it is doing */

typedef struct mu_thread_pool_stats {
    uint64_t slices;      /* of tasks and jobs, that began */
    uint64_t moves;       /* slices of tasks that began on another worker than the one before */
    uint64_t steals;      /* what a worker took from another's queue */
    uint64_t preemptions; /* how often a task was asked to make room */
} mu_thread_pool_stats;
mu_thread_pool_stats mu_thread_pool_get_stats(mu_thread_pool *pool);
/* Does anything wait for a worker? */
bool mu_thread_pool_is_contended(mu_thread_pool *pool);
