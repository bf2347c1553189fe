#pragma once
/* Deadlines: any number of timers, one OS thread that sleeps until the first of them. Setting and
 * cancelling cost the logarithm of how many are set.
 */
#include "mu_thread_pool.h"

typedef struct mu_timer_queue mu_timer_queue;

/* Belongs to the caller, and stays where it is while set; begins zeroed. */
typedef struct mu_timer {
    mu_thread_job_fn *expired;
    void *context;
    uint64_t deadline_ns;
    uint32_t place; /* in the queue's heap; 0: in none */
} mu_timer;

/* Errors: SYSTEM when the machine gives no thread. */
MU_MUST_CHECK mu_status mu_timer_queue_new(mu_timer_queue **queue);
/* No timer is set any more. */
void mu_timer_queue_free(mu_timer_queue *queue);
/* Calls `expired(context)` once, on the queue's thread, when `delay_ns` have passed. A delay of
 * centuries is forever. The timer is not set. The callback must be quick, and of
 * what is here it may only set its own timer again. */
void mu_timer_set(mu_timer_queue *queue, mu_timer *timer, uint64_t delay_ns,
                  mu_thread_job_fn *expired, void *context);
/* Makes a timer expire in so long, if it is set and that is sooner than it would. */
void mu_timer_hasten(mu_timer_queue *queue, mu_timer *timer, uint64_t delay_ns);
/* Afterwards the callback is over, or will not come. The caller holds no lock that it takes. */
void mu_timer_cancel(mu_timer_queue *queue, mu_timer *timer);
