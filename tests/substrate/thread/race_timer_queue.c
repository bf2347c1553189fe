/* Many OS threads set and cancel timers of one queue, some of which expire meanwhile: a callback
 * must come once, not before its time, in the order of deadlines, and never once a cancellation has
 * returned. A plain program for ThreadSanitizer. */
#include "mu_timer_queue.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SETTERS = 4, ROUNDS = 200, TIMERS = 20, MANY = 5000 };
#define MS 1000000ull

static void check(bool claim, const char *what)
{
    if (!claim) {
        fprintf(stderr, "race_timer_queue: not so: %s\n", what);
        exit(1);
    }
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

static void sleep_ms(long count)
{
    struct timespec time = {.tv_sec = count / 1000, .tv_nsec = count % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* ---- setting and cancelling */

typedef struct alarm_clock {
    mu_timer timer;
    uint32_t calls; /* not atomic: a cancellation orders the callback before what follows */
} alarm_clock;

static void count_call(void *context)
{
    ((alarm_clock *)context)->calls++;
}

static void *set_and_cancel(void *context)
{
    mu_timer_queue *queue = context;
    alarm_clock *clocks = mu_allocate(TIMERS * sizeof *clocks);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < TIMERS; i++) {
            uint64_t delay = (i * 7919 + round * 104729) % 20 * MS / 20;
            mu_timer_set(queue, &clocks[i].timer, delay, count_call, &clocks[i]);
        }
        for (uint32_t i = 0; i < TIMERS; i++) {
            uint32_t at = (i * 7 + round) % TIMERS;
            mu_timer_cancel(queue, &clocks[at].timer);
            check(clocks[at].calls <= 1, "a timer calls once");
            clocks[at].calls = 0;
        }
    }
    mu_free(clocks);
    return NULL;
}

/* ---- deadlines */

typedef struct schedule schedule;
typedef struct entry {
    mu_timer timer;
    schedule *owner;
    uint64_t earliest_ns;
} entry;

struct schedule {
    entry *entries;
    uint64_t last_ns; /* deadline of the one before */
    uint32_t calls;   /* atomic */
    uint32_t too_early, out_of_order;
};

static void on_time(void *context)
{
    entry *self = context;
    schedule *owner = self->owner;
    owner->too_early += now_ns() < self->earliest_ns;
    owner->out_of_order += self->timer.deadline_ns < owner->last_ns;
    owner->last_ns = self->timer.deadline_ns;
    __atomic_fetch_add(&owner->calls, 1, __ATOMIC_ACQ_REL);
}

/* Every third is cancelled, out of the middle of the heap; deadlines begin late enough that all are
 * set by then, hence must come in order. */
static void check_order(mu_timer_queue *queue)
{
    schedule all = {.entries = mu_allocate(MANY * sizeof *all.entries)};
    for (uint32_t i = 0; i < MANY; i++) {
        uint64_t delay = 300 * MS + i * 7919u % MANY * (MS / 50);
        all.entries[i] = (entry){.owner = &all, .earliest_ns = now_ns() + delay};
        mu_timer_set(queue, &all.entries[i].timer, delay, on_time, &all.entries[i]);
    }
    uint32_t cancelled = 0;
    for (uint32_t i = 0; i < MANY; i += 3) {
        mu_timer_cancel(queue, &all.entries[i].timer);
        cancelled++;
    }
    for (int i = 0; i < 60000 && __atomic_load_n(&all.calls, __ATOMIC_ACQUIRE) < MANY - cancelled;
         i++) {
        sleep_ms(1);
    }
    sleep_ms(5);
    check(__atomic_load_n(&all.calls, __ATOMIC_ACQUIRE) == MANY - cancelled,
          "all timers but those cancelled call");
    for (uint32_t i = 0; i < MANY; i++) {
        mu_timer_cancel(queue, &all.entries[i].timer);
    }
    check(all.too_early == 0, "no timer calls before its time");
    check(all.out_of_order == 0, "timers call in the order of their deadlines");
    mu_free(all.entries);
}

static void check_extremes(mu_timer_queue *queue)
{
    alarm_clock never = {0}, now = {0}, later = {0}, sooner = {0};
    mu_timer_set(queue, &sooner.timer, 3600000 * MS, count_call, &sooner);
    mu_timer_hasten(queue, &sooner.timer, 7200000 * MS);
    mu_timer_hasten(queue, &sooner.timer, 20 * MS);
    mu_timer_hasten(queue, &sooner.timer, UINT64_MAX);
    mu_timer_hasten(queue, &never.timer, 0);
    mu_timer_set(queue, &never.timer, UINT64_MAX, count_call, &never);
    mu_timer_set(queue, &later.timer, 3600000 * MS, count_call, &later);
    mu_timer_set(queue, &now.timer, 0, count_call, &now);
    sleep_ms(100);
    mu_timer_cancel(queue, &never.timer);
    mu_timer_cancel(queue, &sooner.timer);
    mu_timer_cancel(queue, &now.timer);
    mu_timer_cancel(queue, &later.timer);
    mu_timer_cancel(queue, &later.timer);
    check(now.calls == 1, "no delay is none, whatever was set before");
    check(sooner.calls == 1, "a timer that is hastened comes, once");
    check(never.calls == 0 && later.calls == 0, "what is far away does not come");
}

int main(void)
{
    mu_timer_queue *queue;
    check(mu_timer_queue_new(&queue) == MU_OK, "a queue is made");
    pthread_t setters[SETTERS];
    for (int i = 0; i < SETTERS; i++) {
        check(pthread_create(&setters[i], NULL, set_and_cancel, queue) == 0, "a thread starts");
    }
    for (int i = 0; i < SETTERS; i++) {
        pthread_join(setters[i], NULL);
    }
    check_order(queue);
    check_extremes(queue);
    mu_timer_queue_free(queue);
    mu_timer_queue_free(NULL);
    return 0;
}
