/* What a trap handler sees: frames, keep-alive values, what the trap waits for. All of it works on
 * a parked thread, at a time when the VM's world is not being stopped, since a collection moves
 * what frames refer to. */
#include "vm_internal.h"

#include <string.h>

/* That of a trap in a context's hands is on the stack that it trapped on, as far as its frames have
 * begun, unless that is gone. */
static bool first_frame(const mu_thread *thread, mu_stack_cursor *cursor)
{
    vm_stack *stack;
    if (!thread->holder) {
        return thread_first_frame(thread, cursor);
    }
    return vm_stack_find_parked(thread->abi.site_stack, &stack) == MU_GUEST_ERROR_NONE &&
           vm_stack_first_frame(thread->vm, &stack->state, cursor);
}

static bool frame_at(const mu_thread *thread, uint32_t index, mu_stack_cursor *cursor)
{
    bool more = first_frame(thread, cursor);
    while (more && index--) {
        more = mu_stack_next(thread->vm->substrate->code, cursor);
    }
    return more;
}

static bool has_frames(const mu_thread *thread)
{
    return thread->state == MU_THREAD_TRAPPED || thread->state == MU_THREAD_WAITING;
}

uint32_t mu_thread_frame_count(mu_thread *thread)
{
    uint32_t count = 0;
    mu_stack_cursor cursor;
    vm_lock_quiet(thread->vm);
    if (thread->state == MU_THREAD_FINISHED) {
        count = thread->error_frame_count;
    } else if (has_frames(thread)) {
        bool more = first_frame(thread, &cursor);
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
    if (mu_stack_is_native(cursor)) {
        return (mu_frame){.function = MU_FRAME_NATIVE, .bundle = "", .is_native = true};
    }
    const mu_ir_inst *inst = &version->insts[cursor->site->inst];
    mu_frame frame = {.function = version->func->entity.label,
                      .keepalive_count = cursor->site->keepalive_count,
                      .bundle = version->bundle ? version->bundle->name : ""};
    if (!version->hidden) {
        frame.version = version->entity.label;
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
                            .bundle = noted->bundle,
                            .is_native = strcmp(noted->function, MU_FRAME_NATIVE) == 0};
        status = MU_OK;
    } else if (has_frames(thread) && frame_at(thread, index, &cursor)) {
        *frame = describe(&cursor);
        status = MU_OK;
    }
    pthread_mutex_unlock(&thread->vm->lock);
    return status;
}

const void *thread_keepalive(const mu_thread *thread, uint32_t frame, uint32_t index,
                             const mu_ir_variable **variable)
{
    mu_stack_cursor cursor;
    if (thread->state != MU_THREAD_TRAPPED || thread->holder || !frame_at(thread, frame, &cursor) ||
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
    const void *memory = thread_keepalive(thread, frame, index, &variable);
    if (memory) {
        *value = value_from_memory(thread->vm, variable->type, memory);
        value->handle = (mu_handle){frame, index};
        *name = variable->entity.label;
        status = MU_OK;
    }
    pthread_mutex_unlock(&thread->vm->lock);
    return status;
}

char *mu_thread_keepalive_type(mu_thread *thread, uint32_t frame, uint32_t index)
{
    const mu_ir_variable *variable = NULL;
    vm_lock_quiet(thread->vm);
    const void *memory = thread_keepalive(thread, frame, index, &variable);
    pthread_mutex_unlock(&thread->vm->lock);
    return memory ? mu_ir_type_text(variable->type) : mu_string_copy("", 0);
}

mu_trap_info mu_thread_trap(mu_thread *thread)
{
    return (mu_trap_info){.is_undefined_function = thread->trap_is_hidden,
                          .result_count = thread->pending_count,
                          .watchpoint = thread->trap_watchpoint};
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
