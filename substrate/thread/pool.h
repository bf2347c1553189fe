#pragma once
/* Private to the room: the structures of the pool. README.md has the design.
 *
 * Locks: the ticker's, then a slice's; the idle one; a queue's. None is taken while a queue's is
 * held, nor two queues'.
 */
#include "mu_thread_pool.h"

#include <pthread.h>

#define POOL_NEVER UINT64_MAX

/* What a share may be behind the pool's clock, and so have of a worker at once when it comes back
 * from waiting: two slices at weight 1. */
#define POOL_LAG_NS ((uint64_t)(2 * MU_THREAD_SLICE_NS))
/* A slice may last so long before a share that wakes up has it end. */
#define POOL_SLICE_LEAST_NS ((uint64_t)200000)
/* What jobs may have had of a worker beyond what tasks had, while tasks wait. */
#define POOL_JOBS_AHEAD_NS ((uint64_t)(MU_THREAD_SLICE_NS / 2))

/* What tasks that go before all may: one of them is over in no time, but a VM may have thousands.
 */
#define POOL_AT_ONCE_AHEAD_NS ((uint64_t)1000000)

static inline uint64_t pool_load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}
static inline uint32_t pool_load32(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}
static inline void pool_store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}
static inline void pool_store32(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}
/* A counter that one thread writes and others read. */
static inline void pool_count(uint64_t *counter)
{
    pool_store(counter, pool_load(counter) + 1);
}
/* Raises a word that several write. */
static inline void pool_raise(uint64_t *word, uint64_t least)
{
    uint64_t seen = pool_load(word);
    while (seen < least && !__atomic_compare_exchange_n(word, &seen, least, true, __ATOMIC_RELAXED,
                                                        __ATOMIC_RELAXED)) {
    }
}

typedef struct task_list {
    mu_task *first, *last;
} task_list;

/* A share's tasks that wait at one worker. */
typedef struct share_queue {
    mu_share *share;
    task_list tasks;
    uint32_t count; /* atomic */
    uint32_t place; /* in the queue's heap, from 1; 0: it has no task */
    uint64_t key;   /* the share's time when somebody last looked: a lower bound */
} share_queue;

struct mu_share {
    uint64_t time;   /* atomic: nanoseconds had, by the weight, and raised to the clock's lag */
    uint64_t cpu_ns; /* atomic: had */
    uint32_t weight; /* atomic */
    uint32_t users;  /* atomic: its owner, and each task or job from its queueing to its end */
    share_queue queues[]; /* by worker */
};

/* What waits at one worker. */
typedef struct run_queue {
    pthread_mutex_t lock; /* of all of it; atomics are read without */
    task_list soon, at_once;
    MU_ARRAY(share_queue *) heap; /* by key; items[0] is not used */
    uint64_t least_key;           /* atomic: of the heap; POOL_NEVER: it is empty */
    uint32_t soon_count;          /* atomic */
    uint32_t at_once_count;       /* atomic */
    uint32_t count;               /* atomic: of all tasks and jobs */
    uint32_t bound_count;         /* atomic: of those that some worker may not take */
    bool is_closed;               /* the worker has ended */
} run_queue;

typedef struct pool_worker {
    run_queue queue;
    mu_thread_pool *pool;
    uint32_t index;
    pthread_cond_t woken; /* with the idle lock */
    bool is_idle;         /* under it */
    uint64_t jobs_ahead_ns, at_once_ahead_ns;
    uint64_t slices, moves, steals; /* atomic */
    pthread_mutex_t slice_lock;     /* of what follows */
    bool is_running;
    mu_task *task;   /* NULL: a job */
    mu_share *share; /* NULL: on nobody's account */
    uint64_t started_ns;
    uint64_t settled_ns;  /* up to when its share has had it added to its time */
    uint64_t alarm_at_ns; /* POOL_NEVER: none */
    uint64_t sampled_ns;  /* when it was last */
    uint64_t carried_ns;  /* of the same slice, before it made room */
    bool is_asked;        /* to make room for who waits; atomic: read without the lock */
} __attribute__((aligned(64))) pool_worker;

/* An OS thread. There are more of them than workers when slices rest in the midst of C code. */
typedef struct pool_thread {
    mu_thread_pool *pool;
    pthread_t thread;
    pthread_cond_t changed; /* with the pool's lock of threads */
    pool_worker *worker;    /* the one it runs as; NULL: it waits to be one */
    bool is_spare;          /* under the lock: it rests in no slice */
    bool has_given_worker;  /* its own: to the slice that it was to go on with */
} pool_thread;

struct mu_thread_pool {
    mu_thread_pool_config config;
    pool_worker *workers;
    uint32_t worker_count;
    uint32_t next_worker; /* atomic: for what comes from outside */
    bool ending;          /* atomic */
    uint64_t clock_ns;    /* atomic: the greatest time of a share whose task was taken */
    uint64_t quiet_ns;    /* atomic: when nobody was seen to wait last */
    uint32_t spinners;    /* atomic: workers that look for work before they sleep */
    uint32_t idle_count;  /* atomic */
    pthread_mutex_t threads_lock;
    MU_ARRAY(pool_thread *) threads; /* as many as workers, and spare ones */
    pthread_mutex_t idle_lock;
    uint32_t *idle; /* indices of workers that sleep */
    pthread_mutex_t tick_lock;
    pthread_cond_t tick_wanted;
    bool ticker_ending;   /* under the lock; after the workers have ended */
    uint64_t tick_at_ns;  /* atomic: when the ticker looks again */
    uint64_t preemptions; /* atomic */
    pthread_t ticker;
};

uint64_t pool_now_ns(void);

/* ---- run_queue.c; the lock is held but for init, deinit */
void run_queue_init(run_queue *queue);
void run_queue_deinit(run_queue *queue);
/* Adds a task: by its urgency. */
void run_queue_add(run_queue *queue, mu_task *task, uint32_t worker);
/* Takes the first of those lists; that of the share that has had least. NULL: there is none that
 * the worker may run, and whose share has had no more than `most_time`. */
mu_task *run_queue_take_at_once(run_queue *queue, uint32_t worker, uint64_t most_time);
mu_task *run_queue_take_soon(run_queue *queue, uint32_t worker, uint64_t most_time);
mu_task *run_queue_take(run_queue *queue, uint32_t worker, uint64_t most_time);
/* The time of that share; POOL_NEVER: no task waits. */
uint64_t run_queue_least(run_queue *queue);
/* Takes this one, which is there, out. */
void run_queue_take_out(run_queue *queue, mu_task *task);

/* ---- share.c */
/* Raises the share's time to what it may be behind. */
void share_catch_up(const mu_thread_pool *pool, mu_share *share);
/* Adds what the share has had since `from_ns` to its time; of time in which nobody waited, a slice
 * at most. */
void share_settle(const mu_thread_pool *pool, mu_share *share, uint64_t from_ns, uint64_t now_ns);
void share_retain(mu_share *share);

/* ---- ticker.c */
void *ticker_run(void *pool);
/* Makes it look at `at_ns` or up to a slice after it: for an alarm, or because somebody waits now.
 * Without locks of the pool. */
void ticker_wake_by(mu_thread_pool *pool, uint64_t at_ns, bool is_for_waiting);

/* Asks one task to make room, that which has run longest: an urgent one came, and no worker sleeps.
 * Without locks of the pool. */
void ticker_ask_one(mu_thread_pool *pool);
/* Asks a task or two of shares that have had over a slice more than `time`: one came of a share
 * that has had no more, and no worker sleeps. Without locks of the pool. */
void ticker_ask_those_ahead(mu_thread_pool *pool, uint64_t time);

/* ---- pool_threads.c */
void pool_threads_init(mu_thread_pool *pool);
/* They have ended. */
void pool_threads_deinit(mu_thread_pool *pool);
/* An OS thread that runs as this worker; false: the machine gives none. */
bool pool_threads_start(mu_thread_pool *pool, pool_worker *worker);
/* The pool is ending: waits for all of them. */
void pool_threads_join(mu_thread_pool *pool);
/* The calling one; NULL: it is no pool's. */
pool_thread *pool_thread_self(void);
/* Gives the worker that has just begun the task's slice to the OS thread that rests in it. */
void pool_thread_go_on(mu_task *task);

/* ---- thread_pool.c */
/* Queues a task as jobs are, without asking anybody to make room. */
void pool_queue_soon(mu_thread_pool *pool, mu_task *task);

/* ---- worker.c */
/* Runs what is queued, until the worker ends (true) or was given to another thread. */
bool worker_run(pool_thread *thread);
void worker_begin_slice(pool_worker *worker, mu_task *task, mu_share *share);
/* How long it was. */
uint64_t worker_end_slice(pool_worker *worker);
/* The slice has had so much before, as another worker's. */
void worker_carry(pool_worker *worker, uint64_t had_ns);
/* The one on whose thread this is called; NULL: none of this pool. */
pool_worker *worker_self(const mu_thread_pool *pool);
/* Lets a worker that sleeps look for work. `worker`: this one, if it sleeps; NULL: one of them,
 * unless another is looking already. */
void worker_wake(mu_thread_pool *pool, pool_worker *worker);
