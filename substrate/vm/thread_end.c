/* What ends a thread from outside: cancelling, killing, a budget that is used up. Each only says
 * what it wants, and brings the thread to where it heeds that: a yieldpoint, or the beginning of a
 * slice, for which it goes before other threads. */
#include "vm_internal.h"

/* Does the thread have a budget, and has it used that up? */
static bool is_over_budget(const mu_thread *thread)
{
    uint64_t budget = __atomic_load_n(&thread->cpu_budget_ns, __ATOMIC_RELAXED);
    return budget &&
           thread->cpu_ns + mu_thread_pool_own_slice_ns(thread->vm->substrate->workers) >= budget;
}

slice_end thread_heed(mu_thread *thread)
{
    if (thread_is_killed(thread)) {
        thread->outcome = MU_OUTCOME_KILLED;
        thread->error = MU_GUEST_ERROR_KILLED;
        return SLICE_FINISHED;
    }
    if (is_over_budget(thread)) {
        return thread_end_with_error(thread, MU_GUEST_ERROR_CPU_BUDGET, true);
    }
    if (__atomic_exchange_n(&thread->cancel_wanted, false, __ATOMIC_ACQ_REL)) {
        return thread_raise(thread, MU_GUEST_ERROR_CANCELLED);
    }
    return SLICE_GOES_ON;
}

void thread_rouse(mu_thread *thread)
{
    vm_request_stop(thread);
    if (thread->state == MU_THREAD_TRAPPED || thread->state == MU_THREAD_WAITING) {
        thread_wake(thread);
    } else if (thread->state == MU_THREAD_RUNNING) {
        if (thread_stop_queueing_to_load(thread)) {
            thread_submit(thread);
        } else {
            mu_thread_pool_hasten(thread->vm->substrate->workers, &thread->task);
        }
    }
}

/* ---- killing and cancelling */

static void kill_now(mu_thread *thread)
{
    thread_want_killed(thread);
    thread_rouse(thread);
}

void mu_thread_kill(mu_thread *thread)
{
    pthread_mutex_lock(&thread->vm->lock);
    kill_now(thread);
    pthread_mutex_unlock(&thread->vm->lock);
}

static void end_grace(void *context)
{
    mu_thread_kill(context);
}

/* A grace of centuries needs no timer. VM's lock held. */
static void set_grace(mu_thread *thread, uint64_t grace_ns)
{
    mu_timer_queue *timers = thread->vm->substrate->timers;
    if (thread->has_grace) {
        mu_timer_hasten(timers, &thread->grace, grace_ns);
    } else if (grace_ns <= INT64_MAX / 2) {
        thread->has_grace = true;
        mu_timer_set(timers, &thread->grace, grace_ns, end_grace, thread);
    }
}

/* Somebody's context may have the stack into which it is to be thrown. VM's lock held, quiet. */
static void cancel_now(mu_thread *thread)
{
    thread->is_cancelled = true;
    __atomic_store_n(&thread->cancel_wanted, true, __ATOMIC_RELEASE);
    if (thread->state == MU_THREAD_TRAPPED && thread->holder && !thread_take_back(thread)) {
        thread_want_killed(thread);
    }
    thread_rouse(thread);
}

void mu_thread_cancel(mu_thread *thread, uint64_t grace_ns)
{
    mu_vm *vm = thread->vm;
    vm_lock_quiet(vm);
    if (thread->state != MU_THREAD_FINISHED) {
        set_grace(thread, grace_ns);
        if (!thread->is_cancelled) {
            cancel_now(thread);
        }
    }
    pthread_mutex_unlock(&vm->lock);
}

/* ---- processor time */

void thread_end_slice(mu_thread *thread)
{
    thread->cpu_ns += mu_thread_pool_end_slice(thread->vm->substrate->workers);
}

void thread_set_alarm(mu_thread *thread)
{
    uint64_t budget = __atomic_load_n(&thread->cpu_budget_ns, __ATOMIC_RELAXED);
    if (budget) {
        uint64_t left = budget > thread->cpu_ns ? budget - thread->cpu_ns : 0;
        mu_thread_pool_set_alarm(thread->vm->substrate->workers, left);
    }
}

uint64_t mu_thread_cpu_ns(mu_thread *thread)
{
    pthread_mutex_lock(&thread->vm->lock);
    uint64_t ns =
        thread->cpu_ns + mu_thread_pool_slice_ns(thread->vm->substrate->workers, &thread->task);
    pthread_mutex_unlock(&thread->vm->lock);
    return ns;
}

/* A slice under way ends, so that the next has an alarm. */
void mu_thread_set_cpu_budget(mu_thread *thread, uint64_t cpu_ns)
{
    pthread_mutex_lock(&thread->vm->lock);
    __atomic_store_n(&thread->cpu_budget_ns, cpu_ns, __ATOMIC_RELAXED);
    if (thread->state == MU_THREAD_RUNNING) {
        thread_preempt(&thread->task);
    }
    pthread_mutex_unlock(&thread->vm->lock);
}
