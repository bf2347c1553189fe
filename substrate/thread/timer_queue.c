/* A binary heap of deadlines under one lock, and a thread that waits for the first. A timer knows
 * its place in the heap, from 1 on, so that it can be taken out of the middle. */
#include "mu_timer_queue.h"

#include "thread_signals.h"

#include <pthread.h>
#include <time.h>

struct mu_timer_queue {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* the first deadline, or the end */
    pthread_cond_t called;  /* a callback is over */
    mu_timer **heap;        /* heap[1] is the first; heap[0] is unused */
    uint32_t count;
    uint32_t capacity;
    const mu_timer *calling; /* its callback is under way */
    bool ending;
    pthread_t thread;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- the heap */

static void put(mu_timer_queue *queue, uint32_t place, mu_timer *timer)
{
    queue->heap[place] = timer;
    timer->place = place;
}

static void rise(mu_timer_queue *queue, uint32_t place, mu_timer *timer)
{
    while (place > 1 && queue->heap[place / 2]->deadline_ns > timer->deadline_ns) {
        put(queue, place, queue->heap[place / 2]);
        place /= 2;
    }
    put(queue, place, timer);
}

static void sink(mu_timer_queue *queue, uint32_t place, mu_timer *timer)
{
    for (;;) {
        uint32_t child = 2 * place;
        if (child < queue->count &&
            queue->heap[child + 1]->deadline_ns < queue->heap[child]->deadline_ns) {
            child++;
        }
        if (child > queue->count || queue->heap[child]->deadline_ns >= timer->deadline_ns) {
            break;
        }
        put(queue, place, queue->heap[child]);
        place = child;
    }
    put(queue, place, timer);
}

static void take_out(mu_timer_queue *queue, mu_timer *timer)
{
    uint32_t place = timer->place;
    mu_timer *last = queue->heap[queue->count--];
    timer->place = 0;
    if (last == timer) {
        return;
    }
    if (place > 1 && queue->heap[place / 2]->deadline_ns > last->deadline_ns) {
        rise(queue, place, last);
    } else {
        sink(queue, place, last);
    }
}

/* ---- the thread */

static void call_first(mu_timer_queue *queue)
{
    mu_timer *timer = queue->heap[1];
    take_out(queue, timer);
    queue->calling = timer;
    pthread_mutex_unlock(&queue->lock);
    timer->expired(timer->context);
    pthread_mutex_lock(&queue->lock);
    queue->calling = NULL;
    pthread_cond_broadcast(&queue->called);
}

static void *keep_time(void *argument)
{
    mu_timer_queue *queue = argument;
    pthread_mutex_lock(&queue->lock);
    while (!queue->ending) {
        if (!queue->count) {
            pthread_cond_wait(&queue->changed, &queue->lock);
            continue;
        }
        uint64_t deadline_ns = queue->heap[1]->deadline_ns;
        if (deadline_ns <= now_ns()) {
            call_first(queue);
            continue;
        }
        struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                                 .tv_nsec = (long)(deadline_ns % 1000000000u)};
        pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

static void free_queue(mu_timer_queue *queue)
{
    pthread_mutex_destroy(&queue->lock);
    pthread_cond_destroy(&queue->changed);
    pthread_cond_destroy(&queue->called);
    mu_free(queue->heap);
    mu_free(queue);
}

mu_status mu_timer_queue_new(mu_timer_queue **out)
{
    mu_timer_queue *queue = mu_allocate(sizeof *queue);
    queue->capacity = 64;
    queue->heap = mu_allocate(queue->capacity * sizeof *queue->heap);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->changed, &monotonic);
    pthread_cond_init(&queue->called, NULL);
    pthread_condattr_destroy(&monotonic);
    sigset_t old;
    mu_thread_pool_block_signals(&old);
    bool failed = pthread_create(&queue->thread, NULL, keep_time, queue) != 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed) {
        free_queue(queue);
        return MU_SYSTEM;
    }
    *out = queue;
    return MU_OK;
}

void mu_timer_queue_free(mu_timer_queue *queue)
{
    if (!queue) {
        return;
    }
    pthread_mutex_lock(&queue->lock);
    MU_INVARIANT(!queue->count, "a timer queue is freed with %u timers", queue->count);
    queue->ending = true;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    pthread_join(queue->thread, NULL);
    free_queue(queue);
}

/* ---- timers */

void mu_timer_set(mu_timer_queue *queue, mu_timer *timer, uint64_t delay_ns,
                  mu_thread_job_fn *expired, void *context)
{
    uint64_t now = now_ns();
    timer->expired = expired;
    timer->context = context;
    if (delay_ns > INT64_MAX - now) {
        return;
    }
    timer->deadline_ns = now + delay_ns;
    pthread_mutex_lock(&queue->lock);
    if (queue->count + 1 == queue->capacity) {
        queue->capacity *= 2;
        queue->heap = mu_reallocate(queue->heap, queue->capacity * sizeof *queue->heap);
    }
    rise(queue, ++queue->count, timer);
    if (timer->place == 1) {
        pthread_cond_signal(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
}

void mu_timer_hasten(mu_timer_queue *queue, mu_timer *timer, uint64_t delay_ns)
{
    uint64_t deadline_ns = now_ns() + delay_ns;
    pthread_mutex_lock(&queue->lock);
    if (timer->place && deadline_ns >= delay_ns && deadline_ns < timer->deadline_ns) {
        timer->deadline_ns = deadline_ns;
        rise(queue, timer->place, timer);
        if (timer->place == 1) {
            pthread_cond_signal(&queue->changed);
        }
    }
    pthread_mutex_unlock(&queue->lock);
}

void mu_timer_cancel(mu_timer_queue *queue, mu_timer *timer)
{
    pthread_mutex_lock(&queue->lock);
    if (timer->place) {
        take_out(queue, timer);
    }
    while (queue->calling == timer) {
        pthread_cond_wait(&queue->called, &queue->lock);
    }
    pthread_mutex_unlock(&queue->lock);
}
