/* Finding a handler. Tables only: a frame that catches has a landing pad at the site it waits at;
 * nothing is done on the way there, since compiled functions hold nothing that must be given back.
 */
#include "vm_internal.h"

#include <string.h>

bool thread_first_frame(const mu_thread *thread, mu_stack_cursor *cursor)
{
    const mu_code_cache *code = thread->vm->substrate->code;
    uintptr_t sp = thread->abi.mu_sp;
    if (thread->resume == RESUME_LANDING) {
        return mu_stack_first(code, thread->landing_return, thread->abi.mu_fp, sp, cursor);
    }
    return mu_stack_first(code, *(const uintptr_t *)sp, thread->abi.mu_fp, sp + sizeof(uintptr_t),
                          cursor);
}

bool thread_unwind(mu_thread *thread)
{
    const mu_code_cache *code = thread->vm->substrate->code;
    mu_stack_cursor cursor;
    bool more = thread_first_frame(thread, &cursor);
    while (more && !cursor.site->landing_offset && !mu_stack_is_native(&cursor)) {
        more = mu_stack_next(code, &cursor);
    }
    if (more && mu_stack_is_native(&cursor)) {
        thread->stopped = thread->error;
        thread->error = MU_GUEST_ERROR_NATIVE_FRAME;
        return false;
    }
    if (!more) {
        return false;
    }
    thread->abi.mu_fp = cursor.frame;
    thread->abi.mu_sp = cursor.sp;
    thread->abi.resume_pc = (uintptr_t)cursor.object->start + cursor.site->landing_offset;
    thread->landing_return = cursor.return_address;
    thread->resume = RESUME_LANDING;
    thread->pending = PENDING_NONE;
    return true;
}

static error_frame describe(const mu_stack_cursor *cursor)
{
    const mu_ir_version *version = cursor->object->version;
    if (mu_stack_is_native(cursor)) {
        return (error_frame){.function = MU_FRAME_NATIVE, .bundle = ""};
    }
    error_frame frame = {.function = version->func->entity.label,
                         .version = version->hidden ? NULL : version->entity.label,
                         .bundle = version->bundle ? version->bundle->name : ""};
    if (!version->hidden && cursor->site->inst != UINT32_MAX) {
        const mu_ir_inst *inst = &version->insts[cursor->site->inst];
        frame.instruction = inst->entity.name;
        frame.where = inst->entity.where;
    }
    return frame;
}

void thread_forget_frames(mu_thread *thread)
{
    vm_metadata_give(thread->vm, thread->error_frame_count * sizeof *thread->error_frames);
    mu_free(thread->error_frames);
    thread->error_frames = NULL;
    thread->error_frame_count = 0;
}

void thread_note_frames(mu_thread *thread)
{
    mu_stack_cursor cursor;
    error_frame frames[MU_ERROR_FRAMES];
    uint32_t count = 0;
    bool more = thread_first_frame(thread, &cursor);
    while (more && count < MU_ERROR_FRAMES) {
        frames[count++] = describe(&cursor);
        more = mu_stack_next(thread->vm->substrate->code, &cursor);
    }
    thread_forget_frames(thread);
    if (count) {
        thread->error_frames = mu_allocate(count * sizeof *frames);
        thread->error_frame_count = count;
        memcpy(thread->error_frames, frames, count * sizeof *frames);
        vm_metadata_add(thread->vm, count * sizeof *frames);
    }
}
