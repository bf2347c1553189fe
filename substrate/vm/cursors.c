/* Frame cursors and on-stack replacement on parked stacks, for programs that do themselves what a
 * client does in a trap handler (common-insts.rest, "Stack introspection"). A cursor is an object
 * of the heap, so nothing is lost with one that is never closed; it is stale once its stack has
 * changed in another way.
 */
#include "vm_internal.h"

#include <string.h>

#define CLOSED UINT64_MAX

/* A cursor's payload. */
typedef struct frame_cursor {
    uintptr_t stack;          /* stackref */
    uint64_t changes;         /* of the stack when the cursor was good, or CLOSED */
    uintptr_t return_address; /* 0: the frame has not begun */
    uint64_t function;        /* not begun: its number */
    uintptr_t frame;          /* rbp */
    uintptr_t sp;             /* rsp when it goes on; not begun: where its return address is */
} frame_cursor;

static const mu_abi_slot cursor_slots[] = {{.kind = MU_ABI_SLOT_REF}};
static const mu_abi_type cursor_type = {.size_bytes = sizeof(frame_cursor),
                                        .align_bytes = 8,
                                        .slots = cursor_slots,
                                        .slot_count = 1,
                                        .name = "frame cursor"};

/* ---- looking */

/* The cursor at `address`; VM's lock held. */
static mu_guest_error find_cursor(uintptr_t address, frame_cursor **cursor, vm_stack **stack)
{
    *cursor = (frame_cursor *)address;
    if (!*cursor) {
        return MU_GUEST_ERROR_NULL_DEREFERENCE;
    }
    if ((*cursor)->changes == CLOSED || !(*cursor)->stack) {
        return MU_GUEST_ERROR_STACK_STATE;
    }
    mu_guest_error error = vm_stack_find_parked((*cursor)->stack, stack);
    if (error == MU_GUEST_ERROR_NONE && (*cursor)->changes != (*stack)->changes) {
        error = MU_GUEST_ERROR_STACK_STATE;
    }
    return error;
}

/* What the frame runs, when it has begun. */
static const mu_code_site *site_of(const mu_vm *vm, const frame_cursor *cursor,
                                   const mu_code_object **object)
{
    *object = mu_code_find(vm->substrate->code, cursor->return_address);
    return mu_code_site_at(*object, cursor->return_address);
}

/* Sets the cursor to the frame that is returned to; false at the bottom, and nothing has changed.
 */
static bool arrive(const mu_vm *vm, frame_cursor *cursor, uintptr_t return_address, uintptr_t frame,
                   uintptr_t sp)
{
    const mu_code_object *object;
    frame_cursor next = {.stack = cursor->stack,
                         .changes = cursor->changes,
                         .return_address = return_address,
                         .frame = frame,
                         .sp = sp};
    const mu_code_site *site = site_of(vm, &next, &object);
    if (site->kind == MU_CODE_SITE_STUB) {
        return false;
    }
    if (site->kind == MU_CODE_SITE_ADAPTER) {
        next.return_address = 0;
        next.function = *(const uint64_t *)sp;
        next.sp = sp + (MU_ABI_ADAPTER_WORDS - 1) * sizeof(uintptr_t);
    }
    *cursor = next;
    return true;
}

static void set_to_top(const mu_vm *vm, frame_cursor *cursor, const stack_state *state)
{
    if (state->resume == RESUME_FUNCTION) {
        cursor->return_address = 0;
        cursor->function = state->callee;
        cursor->frame = state->fp;
        cursor->sp = state->sp;
        return;
    }
    bool more =
        arrive(vm, cursor, *(const uintptr_t *)state->sp, state->fp, state->sp + sizeof(uintptr_t));
    MU_INVARIANT(more, "a parked stack without a frame");
}

static bool is_native(const mu_vm *vm, const frame_cursor *cursor)
{
    return cursor->return_address == mu_jit_native_return(vm->substrate->jit);
}

static mu_guest_error next_frame(const mu_vm *vm, frame_cursor *cursor)
{
    const uintptr_t *words = (const uintptr_t *)cursor->sp;
    const uintptr_t *frame = (const uintptr_t *)cursor->frame;
    bool more;
    if (!cursor->return_address) {
        more = arrive(vm, cursor, words[0], cursor->frame, (uintptr_t)(words + 1));
    } else if (is_native(vm, cursor)) {
        words += MU_ABI_NATIVE_WORDS;
        more = arrive(vm, cursor, words[-1], cursor->frame, (uintptr_t)words);
    } else {
        more = arrive(vm, cursor, frame[1], frame[0], (uintptr_t)(frame + 2));
    }
    return more ? MU_GUEST_ERROR_NONE : MU_GUEST_ERROR_STACK_STATE;
}

static uint32_t id_of(const mu_vm *vm, const frame_cursor *cursor, mu_ir_comminst what)
{
    const mu_code_object *object;
    if (!cursor->return_address) {
        const vm_function *function = &vm->functions[cursor->function];
        uint32_t version = function->newest ? function->newest->entity.id : 0;
        return what == MU_COMMINST_META_CUR_FUNC       ? function->func->entity.id
               : what == MU_COMMINST_META_CUR_FUNC_VER ? version
                                                       : 0;
    }
    if (is_native(vm, cursor)) {
        return 0;
    }
    const mu_code_site *site = site_of(vm, cursor, &object);
    const mu_ir_version *version = object->version;
    if (what == MU_COMMINST_META_CUR_FUNC) {
        return version->func->entity.id;
    }
    if (version->hidden) {
        return 0;
    }
    return what == MU_COMMINST_META_CUR_FUNC_VER ? version->entity.id
                                                 : version->insts[site->inst].entity.id;
}

/* Is the frame below the innermost native one? */
static bool is_under_native(const vm_stack *stack, const frame_cursor *cursor)
{
    return stack->callback && cursor->sp > (uintptr_t)(stack->callback->words + 1);
}

/* The C code of a native frame cannot be undone, so it stays. */
static mu_guest_error pop_frames_to(const mu_vm *vm, vm_stack *stack, frame_cursor *cursor)
{
    stack_state *state = &stack->state;
    if (is_under_native(stack, cursor)) {
        return MU_GUEST_ERROR_STACK_STATE;
    }
    state->fp = cursor->frame;
    if (cursor->return_address) {
        const mu_code_object *object;
        const mu_code_site *site = site_of(vm, cursor, &object);
        state->resume = RESUME_RETURN;
        state->sp = cursor->sp - sizeof(uintptr_t);
        vm_stack_wait_at(object, site, state);
    } else {
        const mu_ir_sig *sig = vm->functions[cursor->function].func->sig;
        state->resume = RESUME_FUNCTION;
        state->sp = cursor->sp;
        state->callee = cursor->function;
        state->wanted = sig->params;
        state->wanted_count = sig->param_count;
    }
    cursor->changes = ++stack->changes;
    return MU_GUEST_ERROR_NONE;
}

/* ---- keep-alive values */

static vm_frame_values values_of(const mu_vm *vm, const frame_cursor *cursor)
{
    vm_frame_values values = {.frame = cursor->frame};
    if (cursor->return_address) {
        values.site = site_of(vm, cursor, &values.object);
        values.count = values.site->keepalive_count;
    }
    return values;
}

const void *vm_frame_value(const vm_frame_values *values, uint32_t index, mu_ir_type **type)
{
    const mu_code_keepalive *keepalive =
        &values->object->keepalives[values->site->first_keepalive + index];
    const mu_ir_version *version = values->object->version;
    *type = version->variables[keepalive->variable].type;
    return (const void *)(values->frame + (uintptr_t)(intptr_t)keepalive->rbp_offset);
}

mu_guest_error vm_cursor_values(mu_vm *vm, uintptr_t address, vm_frame_values *values)
{
    frame_cursor *cursor;
    vm_stack *stack;
    mu_guest_error error = find_cursor(address, &cursor, &stack);
    if (error == MU_GUEST_ERROR_NONE) {
        *values = values_of(vm, cursor);
    }
    return error;
}

/* Copies keep-alive value `index` of the frame `at` into a box made for it; false when the stack
 * has changed. The cursor itself may have been moved on by another thread. */
static bool fill_box(mu_thread *thread, const frame_cursor *at, uint32_t index, mu_ref box)
{
    vm_stack *stack;
    mu_ir_type *type;
    pthread_mutex_lock(&thread->vm->lock);
    const frame_cursor *cursor = (const frame_cursor *)thread->abi.gpr[0];
    bool is_good = vm_stack_find_parked(cursor->stack, &stack) == MU_GUEST_ERROR_NONE &&
                   stack->changes == at->changes;
    vm_frame_values values = {0};
    if (is_good) {
        values = values_of(thread->vm, at);
        is_good = index < values.count;
    }
    if (is_good) {
        const void *value = vm_frame_value(&values, index, &type);
        memcpy((void *)box.address, value, type->size_bytes);
    }
    pthread_mutex_unlock(&thread->vm->lock);
    return is_good;
}

/* The frame that the cursor is at and the types of its keep-alive values; NULL when the cursor is
 * not good. */
static mu_ir_type **keepalive_types(mu_thread *thread, frame_cursor *at, uint32_t *count,
                                    mu_guest_error *error)
{
    vm_frame_values values;
    mu_ir_type **types = NULL;
    pthread_mutex_lock(&thread->vm->lock);
    *error = vm_cursor_values(thread->vm, thread->abi.gpr[0], &values);
    if (*error == MU_GUEST_ERROR_NONE) {
        *at = *(const frame_cursor *)thread->abi.gpr[0];
        *count = values.count;
        types = mu_allocate((*count + 1) * sizeof *types);
        for (uint32_t i = 0; i < *count; i++) {
            (void)vm_frame_value(&values, i, &types[i]);
        }
    }
    pthread_mutex_unlock(&thread->vm->lock);
    return types;
}

/* Fills the array of references, which is in site_local, a root. */
static mu_guest_error dump_values(mu_thread *thread, const frame_cursor *at, mu_ir_type **types,
                                  uint32_t count, const mu_abi_type *array)
{
    for (uint32_t i = 0; i < count; i++) {
        mu_ref box;
        if (vm_allocate(thread, mu_jit_descriptor(types[i]), 0, &box) != MU_OK) {
            return MU_GUEST_ERROR_OUT_OF_MEMORY;
        }
        if (!fill_box(thread, at, i, box)) {
            return MU_GUEST_ERROR_STACK_STATE;
        }
        mu_ref refs = {thread->abi.site_local}; /* old by now, perhaps */
        uintptr_t element = refs.address + array->size_bytes + i * array->stride_bytes;
        mu_gc_log(thread->vm->heap, refs, element, sizeof(uintptr_t));
        *(uintptr_t *)element = box.address;
    }
    return MU_GUEST_ERROR_NONE;
}

static mu_guest_error dump_keepalives(mu_thread *thread, const mu_ir_inst *inst)
{
    const mu_ir_version *version = thread->abi.site_version;
    mu_ir_type *result = version->variables[inst->results.first].type;
    const mu_abi_type *array = mu_jit_descriptor(result->element);
    frame_cursor at;
    uint32_t count = 0;
    mu_guest_error error;
    mu_ref refs;
    mu_ir_type **types = keepalive_types(thread, &at, &count, &error);
    if (!types) {
        return error;
    }
    /* One element more than there are, as in every hybrid: see mu_abi_length. */
    if (vm_allocate(thread, array, (uint64_t)count + 1, &refs) != MU_OK) {
        error = MU_GUEST_ERROR_OUT_OF_MEMORY;
    } else {
        *(uint64_t *)refs.address = count;
        thread->abi.site_local = refs.address;
        error = dump_values(thread, &at, types, count, array);
        thread->abi.gpr[0] = thread->abi.site_local;
        thread->abi.site_local = 0;
    }
    mu_free(types);
    return error;
}

/* ---- the operations */

mu_guest_error vm_cursor_new(mu_thread *thread, const uint64_t *stackref, uint64_t *result)
{
    mu_vm *vm = thread->vm;
    vm_stack *stack;
    mu_ref made;
    if (vm_allocate(thread, &cursor_type, 0, &made) != MU_OK) {
        return MU_GUEST_ERROR_OUT_OF_MEMORY;
    }
    frame_cursor *cursor = (frame_cursor *)made.address;
    pthread_mutex_lock(&vm->lock);
    mu_guest_error error = vm_stack_find_parked(*stackref, &stack);
    if (error == MU_GUEST_ERROR_NONE) {
        cursor->stack = *stackref;
        cursor->changes = stack->changes;
        set_to_top(vm, cursor, &stack->state);
        *result = made.address;
    }
    pthread_mutex_unlock(&vm->lock);
    return error;
}

mu_guest_error vm_cursor_copy(mu_thread *thread, const uint64_t *from, uint64_t *result)
{
    mu_vm *vm = thread->vm;
    vm_stack *stack;
    frame_cursor *cursor;
    mu_ref made;
    if (vm_allocate(thread, &cursor_type, 0, &made) != MU_OK) {
        return MU_GUEST_ERROR_OUT_OF_MEMORY;
    }
    pthread_mutex_lock(&vm->lock);
    mu_guest_error error = find_cursor(*from, &cursor, &stack);
    if (error == MU_GUEST_ERROR_NONE) {
        *(frame_cursor *)made.address = *cursor;
        *result = made.address;
    }
    pthread_mutex_unlock(&vm->lock);
    return error;
}

mu_guest_error vm_push_frame(mu_thread *thread, uintptr_t handle, uint64_t number)
{
    mu_vm *vm = thread->vm;
    vm_stack *stack;
    pthread_mutex_lock(&vm->lock);
    mu_guest_error error = vm_stack_find_parked(handle, &stack);
    if (error == MU_GUEST_ERROR_NONE) {
        error = vm_stack_push(thread, stack, vm->functions[number].func);
    }
    pthread_mutex_unlock(&vm->lock);
    return error;
}

mu_guest_error vm_cursor_use(mu_vm *vm, uintptr_t address, mu_ir_comminst what, uint64_t *result)
{
    vm_stack *stack;
    frame_cursor *cursor;
    pthread_mutex_lock(&vm->lock);
    mu_guest_error error = find_cursor(address, &cursor, &stack);
    if (error == MU_GUEST_ERROR_NONE) {
        switch ((int)what) {
        case MU_COMMINST_META_NEXT_FRAME: error = next_frame(vm, cursor); break;
        case MU_COMMINST_META_CLOSE_CURSOR: cursor->changes = CLOSED; break;
        case MU_COMMINST_META_POP_FRAMES_TO: error = pop_frames_to(vm, stack, cursor); break;
        default: *result = id_of(vm, cursor, what); break;
        }
    }
    pthread_mutex_unlock(&vm->lock);
    return error;
}

/* ---- the instructions */

static mu_guest_error push_frame(mu_thread *thread, const mu_ir_sig *sig)
{
    uint64_t number = thread->abi.gpr[1];
    if (!number) {
        return thread->abi.gpr[0] ? MU_GUEST_ERROR_NULL_FUNCTION : MU_GUEST_ERROR_NULL_DEREFERENCE;
    }
    if (thread->vm->table[number].sig != sig->canonical) {
        return MU_GUEST_ERROR_WRONG_SIGNATURE;
    }
    return vm_push_frame(thread, thread->abi.gpr[0], number);
}

slice_end thread_cursor_inst(mu_thread *thread, const mu_ir_inst *inst)
{
    const mu_ir_version *version = thread->abi.site_version;
    uint64_t *gpr = thread->abi.gpr;
    mu_guest_error error;
    switch ((int)inst->comminst) {
    case MU_COMMINST_META_NEW_CURSOR: error = vm_cursor_new(thread, gpr, gpr); break;
    case MU_COMMINST_META_COPY_CURSOR: error = vm_cursor_copy(thread, gpr, gpr); break;
    case MU_COMMINST_META_DUMP_KEEPALIVES: error = dump_keepalives(thread, inst); break;
    case MU_COMMINST_META_PUSH_FRAME:
        error = push_frame(thread, version->sigs[inst->sigs.first]);
        break;
    default: error = vm_cursor_use(thread->vm, gpr[0], inst->comminst, gpr); break;
    }
    return error == MU_GUEST_ERROR_NONE ? SLICE_GOES_ON : thread_raise(thread, error);
}
