/* What a trap handler sees and does: frames, keep-alive values, going on with values or an
 * exception. All of it works on a parked thread, at a time when the VM's world is not being
 * stopped, since a collection moves what frames refer to. */
#include "vm_internal.h"

#include <stdio.h>
#include <string.h>

static const mu_abi_type void_type = {.align_bytes = 8, .name = "void"};

static bool frame_at(const mu_thread *thread, uint32_t index, mu_stack_cursor *cursor)
{
    bool more = thread_first_frame(thread, cursor);
    while (more && index--) {
        more = mu_stack_next(thread->vm->substrate->code, cursor);
    }
    return more;
}

uint32_t mu_thread_frame_count(mu_thread *thread)
{
    uint32_t count = 0;
    mu_stack_cursor cursor;
    vm_lock_quiet(thread->vm);
    if (thread->state == MU_THREAD_FINISHED) {
        count = thread->error_frame_count;
    } else if (thread->state == MU_THREAD_TRAPPED) {
        bool more = thread_first_frame(thread, &cursor);
        while (more) {
            count++;
            more = mu_stack_next(thread->vm->substrate->code, &cursor);
        }
    }
    pthread_mutex_unlock(&thread->vm->lock);
    return count;
}

static mu_frame describe(const mu_stack_cursor *cursor)
{
    const mu_ir_version *version = cursor->object->version;
    const mu_ir_inst *inst = &version->insts[cursor->site->inst];
    mu_frame frame = {.function = version->func->entity.name,
                      .keepalive_count = cursor->site->keepalive_count,
                      .bundle = version->bundle ? version->bundle->name : ""};
    if (!version->hidden) {
        frame.version = version->entity.name;
        frame.instruction = inst->entity.name;
        frame.where = inst->entity.where;
    }
    return frame;
}

mu_status mu_thread_frame(mu_thread *thread, uint32_t index, mu_frame *frame)
{
    mu_status status = MU_NOT_FOUND;
    mu_stack_cursor cursor;
    vm_lock_quiet(thread->vm);
    if (thread->state == MU_THREAD_FINISHED && index < thread->error_frame_count) {
        const error_frame *noted = &thread->error_frames[index];
        *frame = (mu_frame){.function = noted->function,
                            .version = noted->version,
                            .instruction = noted->instruction,
                            .where = noted->where,
                            .bundle = noted->bundle};
        status = MU_OK;
    } else if (thread->state == MU_THREAD_TRAPPED && frame_at(thread, index, &cursor)) {
        *frame = describe(&cursor);
        status = MU_OK;
    }
    pthread_mutex_unlock(&thread->vm->lock);
    return status;
}

/* A keep-alive value's memory and variable; the lock is held. */
static const void *keepalive_memory(const mu_thread *thread, uint32_t frame, uint32_t index,
                                    const mu_ir_variable **variable)
{
    mu_stack_cursor cursor;
    if (thread->state != MU_THREAD_TRAPPED || !frame_at(thread, frame, &cursor) ||
        index >= cursor.site->keepalive_count) {
        return NULL;
    }
    const mu_ir_version *version = cursor.object->version;
    const mu_code_keepalive *keepalive =
        &cursor.object->keepalives[cursor.site->first_keepalive + index];
    *variable = &version->variables[keepalive->variable];
    return (const void *)(cursor.frame + (uintptr_t)(intptr_t)keepalive->rbp_offset);
}

mu_status mu_thread_keepalive(mu_thread *thread, uint32_t frame, uint32_t index, mu_value *value,
                              const char **name)
{
    mu_status status = MU_NOT_FOUND;
    const mu_ir_variable *variable;
    vm_lock_quiet(thread->vm);
    const void *memory = keepalive_memory(thread, frame, index, &variable);
    if (memory) {
        *value = value_from_memory(thread->vm, variable->type, memory);
        value->handle = (mu_handle){frame, index};
        *name = variable->entity.name;
        status = MU_OK;
    }
    pthread_mutex_unlock(&thread->vm->lock);
    return status;
}

char *mu_thread_keepalive_type(mu_thread *thread, uint32_t frame, uint32_t index)
{
    const mu_ir_variable *variable = NULL;
    vm_lock_quiet(thread->vm);
    const void *memory = keepalive_memory(thread, frame, index, &variable);
    pthread_mutex_unlock(&thread->vm->lock);
    return memory ? mu_ir_type_text(variable->type) : mu_string_copy("", 0);
}

mu_trap_info mu_thread_trap(mu_thread *thread)
{
    return (mu_trap_info){thread->trap_is_hidden, thread->pending_count};
}

mu_type_info mu_thread_trap_result_type(mu_thread *thread, uint32_t index)
{
    MU_INVARIANT(index < thread->pending_count, "trap result %u of %u", index,
                 thread->pending_count);
    return value_type_info(thread->pending_types[index]);
}

char *mu_thread_trap_result_text(mu_thread *thread, uint32_t index)
{
    MU_INVARIANT(index < thread->pending_count, "trap result %u of %u", index,
                 thread->pending_count);
    return mu_ir_type_text(thread->pending_types[index]);
}

/* The words behind a handle; false when it names nothing of this kind. The lock is held. */
static bool resolve_handle(const mu_thread *thread, const mu_value *value, uint64_t words[2])
{
    const mu_ir_variable *variable;
    const void *memory =
        keepalive_memory(thread, value->handle.frame, value->handle.keepalive, &variable);
    if (!memory || value_type_info(variable->type).kind != value->kind) {
        return false;
    }
    memcpy(words, memory, value->kind == MU_VALUE_IREF ? 16 : 8);
    return true;
}

static bool handle_fits(const mu_thread *thread, const mu_value *value, const mu_ir_type *type)
{
    const mu_ir_variable *variable;
    return keepalive_memory(thread, value->handle.frame, value->handle.keepalive, &variable) &&
           mu_ir_type_equal(variable->type, type);
}

static bool is_handle(const mu_value *value)
{
    return (value->kind == MU_VALUE_REF || value->kind == MU_VALUE_IREF) && !value->is_null;
}

static mu_status check_values(const mu_thread *thread, const mu_value *values, uint32_t count,
                              mu_report *report)
{
    mu_status status = MU_OK;
    if (count && count != thread->pending_count) {
        return mu_report_add(report, MU_INVALID, (mu_location){0},
                             "the trap wants %u values, not %u", thread->pending_count, count);
    }
    for (uint32_t i = 0; i < count && status == MU_OK; i++) {
        char what[32];
        snprintf(what, sizeof what, "value %u", i + 1);
        status = value_check(&values[i], thread->pending_types[i], what, report);
        if (status == MU_OK && is_handle(&values[i]) &&
            !handle_fits(thread, &values[i], thread->pending_types[i])) {
            status =
                mu_report_add(report, MU_INVALID, (mu_location){0},
                              "%s: the reference is not of the type that the trap wants", what);
        }
    }
    return status;
}

/* Puts zeros and NULLs, or the values, where the trap's results come back. */
static void put_results(mu_thread *thread, const mu_value *values, uint32_t count)
{
    mu_jit_place *places = mu_allocate(thread->pending_count * sizeof *places);
    mu_jit_assign_places(thread->pending_types, thread->pending_count, places);
    for (uint32_t i = 0; i < thread->pending_count; i++) {
        uint64_t words[2] = {0, 0};
        uint64_t handle[2] = {0, 0};
        if (!count) {
            void *memory = (void *)(uintptr_t)thread_place_memory(thread, &places[i]);
            memset(memory, 0, places[i].words * sizeof(uint64_t));
            continue;
        }
        if (is_handle(&values[i])) {
            (void)resolve_handle(thread, &values[i], handle);
        }
        value_to_words(&values[i], thread->pending_types[i], handle, words);
        thread_put_place(thread, &places[i], words);
    }
    mu_free(places);
    thread->pending = PENDING_RESULTS;
}

static mu_status not_trapped(mu_report *report)
{
    return mu_report_add(report, MU_STATE, (mu_location){0}, "the thread is not trapped");
}

mu_status mu_thread_resume(mu_thread *thread, const mu_value *values, uint32_t count,
                           mu_report *report)
{
    mu_status status = MU_OK;
    vm_lock_quiet(thread->vm);
    if (thread->state != MU_THREAD_TRAPPED) {
        status = not_trapped(report);
    } else {
        status = check_values(thread, values, count, report);
    }
    if (status == MU_OK) {
        put_results(thread, values, count);
        thread_wake(thread);
    }
    pthread_mutex_unlock(&thread->vm->lock);
    return status;
}

/* A new object for the handler to throw; no thread of the VM makes it, so it comes out of a buffer
 * of its own. */
static mu_status make_fresh(mu_vm *vm, mu_ref *ref)
{
    uintptr_t cursor = 0;
    uintptr_t limit = 0;
    mu_gc_buffer buffer = {&cursor, &limit};
    mu_status status = mu_gc_allocate(vm->heap, &buffer, &void_type, 0, ref);
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

static mu_status wake_to_throw(mu_thread *thread, const mu_value *exception, mu_report *report)
{
    mu_status status = MU_OK;
    vm_lock_quiet(thread->vm);
    if (thread->state != MU_THREAD_TRAPPED) {
        status = not_trapped(report);
    } else if (exception) {
        status = set_exception(thread, exception, report);
    }
    if (status == MU_OK) {
        thread->throw_wanted = exception != NULL;
        thread->throws_handler_gone = exception == NULL;
        thread_wake(thread);
    }
    pthread_mutex_unlock(&thread->vm->lock);
    return status;
}

mu_status mu_thread_throw(mu_thread *thread, const mu_value *exception, mu_report *report)
{
    return wake_to_throw(thread, exception, report);
}

mu_status mu_thread_throw_handler_gone(mu_thread *thread)
{
    return wake_to_throw(thread, NULL, NULL);
}
