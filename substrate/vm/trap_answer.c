/* How a trap handler lets its thread go on: with values or an exception, in the frame that trapped
 * or in others put in its place. Everything is checked first; a refused answer changes nothing. */
#include "vm_internal.h"

#include <stdio.h>
#include <string.h>

const mu_abi_type vm_void_type = {.align_bytes = 8, .name = "void"};

/* What a handle names; NULL: nothing. Finding a frame takes a walk, under the VM's lock, so handles
 * reach no further than MU_HANDLE_FRAMES. */
static const void *find_handle(const mu_thread *thread, const mu_value *value,
                               const mu_ir_variable **variable)
{
    if (value->handle.frame >= MU_HANDLE_FRAMES) {
        return NULL;
    }
    return thread_keepalive(thread, value->handle.frame, value->handle.keepalive, variable);
}

/* The words behind a handle; false when it names nothing of this kind. The lock is held. */
static bool resolve_handle(const mu_thread *thread, const mu_value *value, uint64_t words[2])
{
    const mu_ir_variable *variable;
    const void *memory = find_handle(thread, value, &variable);
    if (!memory || value_type_info(variable->type).kind != value->kind) {
        return false;
    }
    memcpy(words, memory, value->kind == MU_VALUE_IREF ? 16 : 8);
    return true;
}

static bool handle_fits(const mu_thread *thread, const mu_value *value, const mu_ir_type *type)
{
    const mu_ir_variable *variable;
    if (!find_handle(thread, value, &variable)) {
        return false;
    }
    bool is_tagged = type->kind == MU_IR_TAGREF64 && value->kind == MU_VALUE_REF;
    return is_tagged ? variable->type->kind == MU_IR_REF : mu_ir_type_equal(variable->type, type);
}

static bool is_handle(const mu_value *value)
{
    return value->kind == MU_VALUE_TAGREF64 ||
           ((value->kind == MU_VALUE_REF || value->kind == MU_VALUE_IREF) && !value->is_null);
}

static mu_status check_values(const mu_thread *thread, const stack_state *state,
                              const mu_value *values, uint32_t count, mu_report *report)
{
    mu_status status = MU_OK;
    if (count && count != state->wanted_count) {
        return mu_report_add(report, MU_INVALID, (mu_location){0},
                             "the thread waits for %u values, not %u", state->wanted_count, count);
    }
    for (uint32_t i = 0; i < count && status == MU_OK; i++) {
        char what[32];
        snprintf(what, sizeof what, "value %u", i + 1);
        status = value_check(&values[i], state->wanted[i], what, report);
        if (status == MU_OK && is_handle(&values[i]) &&
            !handle_fits(thread, &values[i], state->wanted[i])) {
            status = mu_report_add(report, MU_INVALID, (mu_location){0},
                                   "%s: the reference is not of the type that is waited for", what);
        }
    }
    return status;
}

/* Puts zeros and NULLs, or the values, where the trap's results come back. */
static void put_results(mu_thread *thread, const stack_state *state, const mu_value *values,
                        uint32_t count)
{
    mu_jit_place *places = mu_allocate(state->wanted_count * sizeof *places);
    mu_jit_assign_places(state->wanted, state->wanted_count, places);
    for (uint32_t i = 0; i < state->wanted_count; i++) {
        uint64_t handle[2] = {0, 0};
        if (!count) {
            void *memory = (void *)(uintptr_t)thread_place_memory(thread, &places[i]);
            memset(memory, 0, places[i].words * sizeof(uint64_t));
            continue;
        }
        if (is_handle(&values[i])) {
            (void)resolve_handle(thread, &values[i], handle);
        }
        thread_put_value(thread, &places[i], &values[i], state->wanted[i], handle);
    }
    mu_free(places);
}

/* A new object for the handler to throw; no thread of the VM makes it, so it comes out of a buffer
 * of its own. */
static mu_status make_fresh(mu_vm *vm, mu_ref *ref)
{
    uintptr_t cursor = 0;
    uintptr_t limit = 0;
    mu_gc_buffer buffer = {&cursor, &limit};
    mu_status status = mu_gc_allocate(vm->heap, &buffer, &vm_void_type, 0, ref);
    mu_gc_buffer_retire(vm->heap, &buffer);
    return status;
}

static mu_status set_exception(mu_thread *thread, const mu_value *exception, mu_report *report)
{
    uint64_t words[2] = {0, 0};
    if (exception->kind != MU_VALUE_REF) {
        return mu_report_add(report, MU_INVALID, (mu_location){0},
                             "an exception is an object reference");
    }
    if (exception->is_fresh) {
        mu_ref ref;
        if (make_fresh(thread->vm, &ref) != MU_OK) {
            return mu_report_add(report, MU_NO_MEMORY, (mu_location){0},
                                 "the VM's heap quota is used up");
        }
        words[0] = ref.address;
    } else if (!exception->is_null && !resolve_handle(thread, exception, words)) {
        return mu_report_add(report, MU_INVALID, (mu_location){0},
                             "frame %u has no reference as keep-alive %u", exception->handle.frame,
                             exception->handle.keepalive);
    }
    thread->abi.exception = words[0];
    return MU_OK;
}

/* The state that the thread is to go on in; VM's lock held. */
static mu_status plan(mu_thread *thread, const mu_replacement *replacement, stack_state *state,
                      mu_report *report)
{
    if (thread->state != MU_THREAD_TRAPPED) {
        return mu_report_add(report, MU_STATE, (mu_location){0}, "the thread is not trapped");
    }
    if (thread->holder) {
        return mu_report_add(report, MU_STATE, (mu_location){0},
                             "a client's context has taken the trap: it answers");
    }
    return thread_plan_replacement(thread, replacement, state, report);
}

mu_status mu_thread_wants_after(mu_thread *thread, const mu_replacement *replacement,
                                mu_report *report, mu_type_info **types, uint32_t *count)
{
    stack_state state;
    vm_lock_quiet(thread->vm);
    mu_status status = plan(thread, replacement, &state, report);
    if (status == MU_OK) {
        *count = state.wanted_count;
        *types = mu_allocate((state.wanted_count + 1) * sizeof **types);
        for (uint32_t i = 0; i < state.wanted_count; i++) {
            (*types)[i] = value_type_info(state.wanted[i]);
        }
    }
    pthread_mutex_unlock(&thread->vm->lock);
    return status;
}

mu_status mu_thread_resume_in(mu_thread *thread, const mu_replacement *replacement,
                              const mu_value *values, uint32_t count, mu_report *report)
{
    mu_status status = MU_OK;
    stack_state state;
    vm_lock_quiet(thread->vm);
    MU_TRY(plan(thread, replacement, &state, report));
    MU_TRY(check_values(thread, &state, values, count, report));
    put_results(thread, &state, values, count); /* as long as the frames of handles are there */
    thread_apply_replacement(thread, replacement, &state);
    thread->pending = PENDING_RESULTS;
    thread_wake(thread);
done:
    pthread_mutex_unlock(&thread->vm->lock);
    return status;
}

mu_status mu_thread_resume(mu_thread *thread, const mu_value *values, uint32_t count,
                           mu_report *report)
{
    return mu_thread_resume_in(thread, &(mu_replacement){0}, values, count, report);
}

mu_status mu_thread_throw_in(mu_thread *thread, const mu_replacement *replacement,
                             const mu_value *exception, mu_report *report)
{
    mu_status status = MU_OK;
    stack_state state;
    vm_lock_quiet(thread->vm);
    MU_TRY(plan(thread, replacement, &state, report));
    MU_TRY(set_exception(thread, exception, report));
    thread_apply_replacement(thread, replacement, &state);
    thread->throw_wanted = true;
    thread_wake(thread);
done:
    pthread_mutex_unlock(&thread->vm->lock);
    return status;
}

mu_status mu_thread_throw(mu_thread *thread, const mu_value *exception, mu_report *report)
{
    return mu_thread_throw_in(thread, &(mu_replacement){0}, exception, report);
}

mu_status mu_thread_throw_handler_gone(mu_thread *thread)
{
    mu_status status = MU_STATE;
    vm_lock_quiet(thread->vm);
    if (thread->state == MU_THREAD_TRAPPED && !thread->holder) {
        status = MU_OK;
        thread->throws_handler_gone = true;
        thread_wake(thread);
    }
    pthread_mutex_unlock(&thread->vm->lock);
    return status;
}
