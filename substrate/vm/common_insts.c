/* Common instructions that the runtime does. Operands and the result travel as at a call, in
 * general registers; while one of them allocates, its operands are roots. */
#include "vm_internal.h"

/* ---- stacks */

static slice_end end_of(mu_thread *thread, mu_guest_error error)
{
    return error == MU_GUEST_ERROR_NONE ? SLICE_GOES_ON : thread_raise(thread, error);
}

static slice_end new_stack(mu_thread *thread, const mu_ir_sig *sig)
{
    uint64_t number = thread->abi.gpr[0];
    if (!number) {
        return thread_raise(thread, MU_GUEST_ERROR_NULL_FUNCTION);
    }
    if (thread->vm->table[number].sig != sig->canonical) {
        return thread_raise(thread, MU_GUEST_ERROR_WRONG_SIGNATURE);
    }
    return end_of(thread, vm_stack_make(thread, number, &thread->abi.gpr[0]));
}

static slice_end current_stack(mu_thread *thread)
{
    if (!thread->stack->handle) {
        mu_ref handle;
        if (vm_stack_new_handle(thread, &handle) != MU_OK) {
            return thread_raise(thread, MU_GUEST_ERROR_OUT_OF_MEMORY);
        }
        vm_stack_set_handle(thread->stack, handle);
    }
    thread->abi.gpr[0] = thread->stack->handle;
    return SLICE_GOES_ON;
}

/* ---- watchpoints; the id 0 names none */

static slice_end watch(mu_thread *thread, bool enables)
{
    uint32_t id = (uint32_t)thread->abi.gpr[0];
    mu_status status = enables ? mu_vm_enable_watchpoint(thread->vm, id)
                               : mu_vm_disable_watchpoint(thread->vm, id);
    return status == MU_LIMIT ? thread_raise(thread, thread_exceed(thread, QUOTA_NONE))
                              : SLICE_GOES_ON;
}

/* ---- all */

static void expect_operands(mu_thread *thread, const mu_ir_inst *inst)
{
    const mu_ir_version *version = thread->abi.site_version;
    thread->pending = PENDING_ARGUMENTS;
    thread->pending_types = thread->operand_types;
    thread->pending_count = inst->operands.count;
    for (uint32_t i = 0; i < inst->operands.count; i++) {
        thread->operand_types[i] =
            mu_ir_value_type(version, version->operands[inst->operands.first + i]);
    }
}

static slice_end perform(mu_thread *thread, const mu_ir_inst *inst)
{
    const mu_ir_version *version = thread->abi.site_version;
    switch ((int)inst->comminst) {
    case MU_COMMINST_NEW_STACK: return new_stack(thread, version->sigs[inst->sigs.first]);
    case MU_COMMINST_KILL_STACK:
        return end_of(thread, vm_stack_kill(thread->vm, thread->abi.gpr[0]));
    case MU_COMMINST_CURRENT_STACK: return current_stack(thread);
    case MU_COMMINST_GET_THREADLOCAL: thread->abi.gpr[0] = thread->local; return SLICE_GOES_ON;
    case MU_COMMINST_SET_THREADLOCAL: thread->local = thread->abi.gpr[0]; return SLICE_GOES_ON;
    case MU_COMMINST_META_ENABLE_WATCHPOINT: return watch(thread, true);
    case MU_COMMINST_META_DISABLE_WATCHPOINT: return watch(thread, false);
    case MU_COMMINST_NATIVE_PIN: return thread_pin_inst(thread, inst);
    case MU_COMMINST_NATIVE_UNPIN: return thread_unpin_inst(thread, inst);
    case MU_COMMINST_NATIVE_EXPOSE:
    case MU_COMMINST_NATIVE_UNEXPOSE:
    case MU_COMMINST_NATIVE_GET_COOKIE: return thread_native_inst(thread, inst);
    case MU_COMMINST_FUTEX_WAIT:
    case MU_COMMINST_FUTEX_WAIT_TIMEOUT:
    case MU_COMMINST_FUTEX_WAKE:
    case MU_COMMINST_FUTEX_CMP_REQUEUE: return thread_futex_inst(thread, inst);
    case MU_COMMINST_META_ID_OF:
    case MU_COMMINST_META_NAME_OF:
    case MU_COMMINST_META_LOAD_BUNDLE:
    case MU_COMMINST_META_LOAD_HAIL:
    case MU_COMMINST_META_SET_TRAP_HANDLER: return thread_meta_inst(thread, inst);
    case MU_COMMINST_EPHEMERON_NEW ... MU_COMMINST_FINALIZER_UNREGISTER:
        return thread_finalizer_inst(thread, inst);
    case MU_COMMINST_IRBUILDER_NEW_BUNDLE ... MU_COMMINST_IRBUILDER_NEW_COMMINST:
        return thread_irbuilder_inst(thread, inst);
    default: return thread_cursor_inst(thread, inst);
    }
}

slice_end thread_common_inst(mu_thread *thread)
{
    const mu_ir_inst *inst = thread->abi.site_inst;
    expect_operands(thread, inst);
    slice_end end = perform(thread, inst);
    if (end != SLICE_WAITING) {
        thread->pending = PENDING_NONE;
    }
    return end;
}
