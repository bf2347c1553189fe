/* C functions that Mu code calls, and functions exposed to C.
 *
 * Each Mu stack has a C stack of its own from its first CCALL on (mu_jit_native.h draws both), so
 * nothing of a thread's is ever on its worker's stack: a callback may trap, wait, swap stacks or go
 * on on another worker like any Mu code. Calls of C and by C leave compiled code like everything
 * else; in between the thread is entered, at stubs of the code generator, where C goes on.
 *
 * While C runs, the thread's mu_sp says where the caller's frame ends, and the word below ccall_sp
 * is the return address into it.
 */
#include "vm_internal.h"

#include "fault_handler.h"

#include <stdio.h>
#include <stdlib.h>

/* What C functions get, and count for in the VM's stacks, since they may touch all of it. */
#define NATIVE_STACK_BYTES     (1ull << 20)
#define NATIVE_STACK_MIN_BYTES (256ull << 10)
/* Room without which C is not called any more. */
#define NATIVE_RESERVE_BYTES (64ull << 10)
#define EXPOSED_MOST         65536u
_Static_assert(NATIVE_RESERVE_BYTES >= 2 * MU_JIT_NATIVE_CALL_BYTES,
               "what a call puts on C's stack leaves room for C");

/* ---- C stacks */

static uint64_t native_stack_bytes(const mu_vm *vm)
{
    uint64_t share = vm_limit(vm, stacks_bytes) / 8;
    share = share < NATIVE_STACK_BYTES ? share : NATIVE_STACK_BYTES;
    return share > NATIVE_STACK_MIN_BYTES ? share : NATIVE_STACK_MIN_BYTES;
}

/* From where the next call of C goes on down; calls are refused when little is left. */
static void set_ccall_sp(mu_thread *thread, uintptr_t sp)
{
    vm_stack *stack = thread->stack;
    bool has_room = sp > stack->native->floor + NATIVE_RESERVE_BYTES;
    stack->ccall_sp = has_room ? sp : 0;
    vm_stack_bind_native(thread);
}

void vm_stack_bind_native(mu_thread *thread)
{
    uintptr_t sp = thread->stack->ccall_sp;
    thread->abi.ccall_sp = sp;
    if (sp) {
        *(mu_abi_thread **)sp = &thread->abi;
    }
}

void vm_stack_drop_native(mu_vm *vm, vm_stack *stack)
{
    if (stack->native) {
        vm->stack_bytes -= stack->native_bytes;
        vm_metadata_give(vm, sizeof *stack->native);
        mu_stack_give(vm->substrate->native_stacks, stack->native, stack->native_bytes);
        stack->native = NULL;
    }
}

static mu_status take_native(mu_thread *thread, vm_quota *exceeded)
{
    mu_vm *vm = thread->vm;
    vm_stack *stack = thread->stack;
    uint64_t bytes = native_stack_bytes(vm);
    mu_status status = MU_NO_MEMORY;
    pthread_mutex_lock(&vm->lock);
    if (!vm_stacks_have_room(vm, bytes)) {
        *exceeded = QUOTA_STACKS_BYTES;
    } else if (!vm_metadata_take(vm, sizeof *stack->native)) {
        *exceeded = QUOTA_METADATA;
    } else {
        *exceeded = QUOTA_NONE;
        status = mu_stack_take(vm->substrate->native_stacks, bytes, &stack->native);
        stack->native_bytes = status == MU_OK ? bytes : 0;
        vm->stack_bytes += stack->native_bytes;
        vm_metadata_give(vm, status == MU_OK ? 0 : sizeof *stack->native);
    }
    pthread_mutex_unlock(&vm->lock);
    return status;
}

/* Why C cannot be called; NONE: it can. No reference is among the values of a call of C. */
static mu_guest_error get_native_stack(mu_thread *thread)
{
    vm_stack *stack = thread->stack;
    if (stack->ccall_sp) {
        return MU_GUEST_ERROR_NONE;
    }
    if (stack->native) {
        thread->exceeded = QUOTA_NONE;
        return MU_GUEST_ERROR_STACK_OVERFLOW;
    }
    vm_quota exceeded;
    mu_status status = take_native(thread, &exceeded);
    if (status != MU_OK) { /* a collection frees those of stacks that nothing refers to */
        vm_collect(thread->vm, thread, true);
        status = take_native(thread, &exceeded);
    }
    if (status != MU_OK) {
        return thread_exceed(thread, exceeded);
    }
    set_ccall_sp(thread, (stack->native->top - 2 * sizeof(uintptr_t)) & ~(uintptr_t)15);
    return MU_GUEST_ERROR_NONE;
}

slice_end thread_native_stack(mu_thread *thread)
{
    mu_guest_error error = get_native_stack(thread);
    return error == MU_GUEST_ERROR_NONE ? SLICE_GOES_ON : thread_raise(thread, error);
}

/* ---- calls of C */

/* The word that says where in Mu code the present call of C returns to. */
static uintptr_t *return_word(const mu_thread *thread)
{
    return (uintptr_t *)thread->stack->ccall_sp - 1;
}

/* The thread stays in its world meanwhile: whoever wants that stopped waits for the C function. */
slice_end thread_ccall(mu_thread *thread)
{
    const mu_ir_version *version = thread->abi.site_version;
    const mu_ir_inst *inst = thread->abi.site_inst;
    mu_guest_error error = get_native_stack(thread);
    if (error != MU_GUEST_ERROR_NONE) {
        return thread_raise(thread, error);
    }
    *return_word(thread) = *(const uintptr_t *)thread->abi.mu_sp;
    thread->abi.mu_sp += sizeof(uintptr_t);
    mu_jit_begin_native(thread->vm->substrate->jit, version->sigs[inst->sigs.first], &thread->abi);
    thread->resume = RESUME_ENTRY;
    return SLICE_GOES_ON;
}

slice_end thread_ccall_done(mu_thread *thread)
{
    mu_jit_end_native(&thread->abi);
    thread->abi.mu_sp -= sizeof(uintptr_t);
    *(uintptr_t *)thread->abi.mu_sp = *return_word(thread);
    return SLICE_GOES_ON;
}

/* ---- calls by C */

static const char *fault_of(const mu_thread *thread, const mu_jit_callback *callback)
{
    const mu_jit_exposed *exposed = callback->exposed;
    const mu_ir_func *func = callback->func;
    if (!func) {
        return "it is not exposed any more";
    }
    const mu_stack *native = thread && thread->stack ? thread->stack->native : NULL;
    uintptr_t offset = native ? (uintptr_t)callback - (uintptr_t)native->memory : 0;
    if (!native || offset >= native->size_bytes) {
        return "this is no thread that is in a CCALL";
    }
    const mu_vm *vm = thread->vm;
    bool is_known = func->number < vm->table_count && vm->functions[func->number].func == func;
    if ((exposed->owner && exposed->owner != &vm->exposed) || !is_known) {
        return "it is another VM's";
    }
    return NULL;
}

/* C cannot be told of an error: it expects a result, and goes on. */
mu_abi_thread *vm_called_by_c(mu_jit_callback *callback)
{
    mu_thread *thread = (mu_thread *)fault_handler_thread();
    callback->func = __atomic_load_n(&callback->exposed->func, __ATOMIC_ACQUIRE);
    callback->cookie = callback->exposed->cookie;
    const char *fault = fault_of(thread, callback);
    if (fault) {
        fprintf(stderr, "mud: C code called the exposed function at %#lx%s%s, but %s\n",
                (unsigned long)callback->exposed->address, callback->func ? ", " : "",
                callback->func ? callback->func->entity.name : "", fault);
        abort();
    }
    return &thread->abi;
}

/* Of the frame that called C: compiled code does not store what its size tells. */
static void find_frame_pointer(mu_thread *thread)
{
    const mu_code_object *object = mu_code_find(thread->vm->substrate->code, *return_word(thread));
    if (!object->alloca_slot) {
        thread->abi.mu_fp = thread->abi.mu_sp + object->frame_bytes;
    }
}

/* Puts a native frame on the Mu stack and begins the function above it. */
slice_end thread_callback(mu_thread *thread)
{
    vm_stack *stack = thread->stack;
    mu_jit_callback *callback = (mu_jit_callback *)(uintptr_t)thread->abi.gpr[3];
    const mu_ir_sig *sig = callback->func->sig;
    uintptr_t *words = (uintptr_t *)thread->abi.mu_sp - (MU_ABI_NATIVE_WORDS + 1);
    words[0] = mu_jit_native_return(thread->vm->substrate->jit);
    words[1] = (uintptr_t)callback;
    words[2] = words[3] = 0;
    words[MU_ABI_NATIVE_WORDS] = *return_word(thread);
    find_frame_pointer(thread);
    callback->words = words;
    callback->older = stack->callback;
    callback->ccall_sp = stack->ccall_sp;
    stack->callback = callback;
    mu_jit_begin_callback(callback, &thread->abi);
    set_ccall_sp(thread, (uintptr_t)callback);
    thread->abi.mu_sp = (uintptr_t)words;
    thread->abi.callee = callback->func->number;
    thread->resume = RESUME_FUNCTION;
    thread->pending = PENDING_ARGUMENTS;
    thread->pending_types = sig->params;
    thread->pending_count = sig->param_count;
    return SLICE_GOES_ON;
}

slice_end thread_callback_return(mu_thread *thread)
{
    vm_stack *stack = thread->stack;
    mu_jit_callback *callback = stack->callback;
    uintptr_t *end = callback->words + MU_ABI_NATIVE_WORDS;
    MU_INVARIANT(thread->abi.mu_sp == (uintptr_t)end, "a callback returns at %#lx, not %#lx",
                 (unsigned long)thread->abi.mu_sp, (unsigned long)(uintptr_t)end);
    mu_jit_end_callback(thread->vm->substrate->jit, callback, &thread->abi);
    stack->callback = callback->older;
    set_ccall_sp(thread, callback->ccall_sp);
    thread->abi.mu_sp = (uintptr_t)(end + 1);
    thread->resume = RESUME_ENTRY;
    return SLICE_GOES_ON;
}

const mu_jit_callback *vm_callback_at(uintptr_t sp)
{
    return (const mu_jit_callback *)((const uintptr_t *)sp)[1];
}

/* ---- exposing */

mu_status vm_expose(mu_vm *vm, uint64_t function, uint64_t cookie, uintptr_t *address)
{
    if (!vm->config.grant_native) {
        return MU_NOT_ALLOWED;
    }
    pthread_mutex_lock(&vm->lock);
    bool is_there = function && function < vm->table_count;
    const mu_ir_func *func = is_there ? vm->functions[function].func : NULL;
    pthread_mutex_unlock(&vm->lock);
    if (!func) {
        return MU_NOT_FOUND;
    }
    if (!mu_jit_can_expose(func->sig)) {
        return MU_UNSUPPORTED;
    }
    if (__atomic_load_n(&vm->exposed.count, __ATOMIC_RELAXED) >= EXPOSED_MOST) {
        return MU_LIMIT;
    }
    return mu_jit_expose(vm->substrate->jit, &vm->exposed, func, cookie, address);
}

mu_status vm_unexpose(mu_vm *vm, uintptr_t address)
{
    return mu_jit_unexpose(vm->substrate->jit, &vm->exposed, address);
}

uintptr_t vm_exposed_address(const mu_ir_expose *expose)
{
    return expose->address;
}

static slice_end expose(mu_thread *thread, const mu_ir_sig *sig)
{
    mu_vm *vm = thread->vm;
    uint64_t number = thread->abi.gpr[0];
    uintptr_t address;
    if (!number) {
        return thread_raise(thread, MU_GUEST_ERROR_NULL_FUNCTION);
    }
    if (vm->table[number].sig != sig->canonical) {
        return thread_raise(thread, MU_GUEST_ERROR_WRONG_SIGNATURE);
    }
    if (vm_expose(vm, number, thread->abi.gpr[1], &address) != MU_OK) {
        return thread_raise(thread, thread_exceed(thread, QUOTA_NONE));
    }
    thread->abi.gpr[0] = address;
    return SLICE_GOES_ON;
}

slice_end thread_native_inst(mu_thread *thread, const mu_ir_inst *inst)
{
    const mu_ir_version *version = thread->abi.site_version;
    const mu_jit_callback *callback = thread->stack->callback;
    switch ((int)inst->comminst) {
    case MU_COMMINST_NATIVE_EXPOSE: return expose(thread, version->sigs[inst->sigs.first]);
    case MU_COMMINST_NATIVE_UNEXPOSE:
        return vm_unexpose(thread->vm, thread->abi.gpr[0]) == MU_OK
                   ? SLICE_GOES_ON
                   : thread_raise(thread, MU_GUEST_ERROR_NOT_EXPOSED);
    default: thread->abi.gpr[0] = callback ? callback->cookie : 0; return SLICE_GOES_ON;
    }
}
