/* The life of a thread as others see it: made, started, killed, asked, freed. What it does on a
 * worker is in thread_run.c. */
#include "vm_internal.h"

#include <stdio.h>
#include <string.h>

static mu_status check_arguments(const mu_ir_func *func, const mu_value *arguments, uint32_t count,
                                 mu_report *report)
{
    mu_status status = MU_OK;
    if (count != func->sig->param_count) {
        char *signature = mu_ir_sig_text(func->sig);
        status =
            mu_report_add(report, MU_INVALID, (mu_location){0}, "%s takes %u arguments, not %u: %s",
                          func->entity.label, func->sig->param_count, count, signature);
        mu_free(signature);
        return status;
    }
    /* A function that is only declared has not been through the verifier's limits. */
    if (!mu_jit_can_pass(func->sig->params, count)) {
        return mu_report_add(report, MU_UNSUPPORTED, (mu_location){0},
                             "%s: its %u parameters are more than a call can pass",
                             func->entity.label, count);
    }
    for (uint32_t i = 0; i < count && status == MU_OK; i++) {
        char what[160];
        snprintf(what, sizeof what, "argument %u of %s", i + 1, func->entity.label);
        status = value_check(&arguments[i], func->sig->params[i], what, report);
        if (status == MU_OK && !arguments[i].is_null &&
            (arguments[i].kind == MU_VALUE_REF || arguments[i].kind == MU_VALUE_IREF ||
             arguments[i].kind == MU_VALUE_TAGREF64)) {
            status = mu_report_add(report, MU_INVALID, (mu_location){0},
                                   "%s: a reference given from outside must be NULL", what);
        }
    }
    return status;
}

static void put_arguments(mu_thread *thread, const mu_value *arguments)
{
    const mu_ir_sig *sig = thread->function->sig;
    mu_jit_place *places = mu_allocate(sig->param_count * sizeof *places);
    mu_jit_assign_places(sig->params, sig->param_count, places);
    for (uint32_t i = 0; i < sig->param_count; i++) {
        thread_put_value(thread, &places[i], &arguments[i], sig->params[i], NULL);
    }
    mu_free(places);
}

bool vm_thread_claim(mu_vm *vm, vm_quota *exceeded)
{
    if (vm->thread_count >= vm_limit(vm, threads)) {
        *exceeded = QUOTA_THREADS;
        return false;
    }
    if (!vm_metadata_take(vm, sizeof(mu_thread))) {
        *exceeded = QUOTA_METADATA;
        return false;
    }
    vm->thread_count++;
    return true;
}

/* Of one that is not going to be. */
static void unclaim(mu_vm *vm)
{
    vm->thread_count--;
    vm_metadata_give(vm, sizeof(mu_thread));
}

mu_thread *thread_new_on(mu_vm *vm, vm_stack *stack, const mu_ir_func *function)
{
    mu_thread *thread = mu_allocate(sizeof *thread);
    thread->vm = vm;
    thread->task = (mu_task){.run = thread_run_slice, .context = thread, .share = vm->share};
    thread->abi.barrier = vm_log_store;
    thread->function = function;
    thread->pending = PENDING_ARGUMENTS;
    thread->pending_types = stack->state.wanted;
    thread->pending_count = stack->state.wanted_count;
    thread->first_stack = stack->serial;
    thread->next = vm->threads;
    if (thread->next) {
        thread->next->previous = thread;
    }
    vm->threads = thread;
    vm_stack_bind(thread, stack, NULL);
    return thread;
}

mu_status mu_thread_new(mu_vm *vm, const mu_function *function, const mu_value *arguments,
                        uint32_t argument_count, mu_report *report, mu_thread **out)
{
    const mu_ir_func *func = (const mu_ir_func *)function;
    mu_status status = check_arguments(func, arguments, argument_count, report);
    if (status != MU_OK) {
        return status;
    }
    vm_stack *stack;
    vm_quota exceeded;
    vm_lock_quiet(vm);
    bool is_claimed = vm_thread_claim(vm, &exceeded);
    bool is_made = is_claimed && vm_stack_new(vm, func, &exceeded, &stack) == MU_OK;
    if (is_made) {
        *out = thread_new_on(vm, stack, func);
        put_arguments(*out, arguments);
    } else if (is_claimed) {
        unclaim(vm);
    }
    pthread_mutex_unlock(&vm->lock);
    return is_made ? MU_OK : vm_report_quota(vm, exceeded, report);
}

void mu_thread_start(mu_thread *thread, mu_thread_trapped_fn *trapped,
                     mu_thread_finished_fn *finished, void *context)
{
    mu_vm *vm = thread->vm;
    pthread_mutex_lock(&vm->lock);
    MU_INVARIANT(thread->state == MU_THREAD_NEW, "a thread is started twice");
    thread->trapped = trapped;
    thread->finished = finished;
    thread->context = context;
    thread->state = MU_THREAD_RUNNING;
    vm->active++;
    thread_submit(thread);
    pthread_mutex_unlock(&vm->lock);
}

/* Beside the thread itself. */
static uint64_t held_bytes(const mu_thread *thread)
{
    uint64_t results = thread->results ? thread->function->sig->result_count : 0;
    return results * sizeof *thread->results +
           thread->error_frame_count * sizeof *thread->error_frames;
}

void mu_thread_free(mu_thread *thread)
{
    if (!thread) {
        return;
    }
    mu_vm *vm = thread->vm;
    if (thread->has_grace) { /* it was cancelled, but not started */
        mu_timer_cancel(vm->substrate->timers, &thread->grace);
    }
    vm_lock_quiet(vm);
    MU_INVARIANT(thread->state == MU_THREAD_NEW || thread->state == MU_THREAD_FINISHED,
                 "a thread is freed while it runs");
    if (thread->previous) {
        thread->previous->next = thread->next;
    } else {
        vm->threads = thread->next;
    }
    if (thread->next) {
        thread->next->previous = thread->previous;
    }
    vm->thread_count -= thread->state == MU_THREAD_NEW;
    vm_metadata_give(vm, sizeof *thread + held_bytes(thread));
    if (thread->stack) {
        vm_stack_free(vm, thread->stack);
    }
    pthread_mutex_unlock(&vm->lock);
    mu_free(thread->results);
    mu_free(thread->error_frames);
    mu_free(thread);
}

mu_thread_state mu_thread_get_state(mu_thread *thread)
{
    pthread_mutex_lock(&thread->vm->lock);
    mu_thread_state state = thread->state;
    pthread_mutex_unlock(&thread->vm->lock);
    return state;
}

mu_vm *mu_thread_vm(mu_thread *thread)
{
    return thread->vm;
}

/* Whoever asks has been told, or has seen the state, so nothing changes it; and the VM's lock may
 * be busy with the end of many threads. */
static void check_finished(const mu_thread *thread)
{
    MU_INVARIANT(thread->state == MU_THREAD_FINISHED,
                 "a thread is asked for its outcome before it has one");
}

mu_outcome mu_thread_outcome(mu_thread *thread)
{
    check_finished(thread);
    return thread->outcome;
}

mu_value mu_thread_result(mu_thread *thread, uint32_t index)
{
    check_finished(thread);
    MU_INVARIANT(thread->outcome == MU_OUTCOME_RETURNED &&
                     index < thread->function->sig->result_count,
                 "result %u of a thread that has none", index);
    return thread->results[index];
}

mu_thread_error mu_thread_get_error(mu_thread *thread)
{
    check_finished(thread);
    return (mu_thread_error){mu_abi_guest_error_name(thread->error), thread->error_text};
}
