/* @mud.ephemeron.…, @mud.queue.… and @mud.finalizer.…: substrate/README.md says what they do, gc
 * how. Programs hold these objects as ref<void>, so each operand's descriptor is asked for. */
#include "vm_internal.h"

typedef struct operands {
    mu_thread *thread;
    uint64_t *gpr;
    mu_guest_error error;
} operands;

static mu_ref ref_at(const operands *at, uint32_t index)
{
    return (mu_ref){at->gpr[index]};
}

static bool has_error(const operands *at)
{
    return at->error != MU_GUEST_ERROR_NONE;
}

/* The error is that of the first operand that is wrong. */
static void expect(operands *at, uint32_t index, const mu_abi_type *type)
{
    if (has_error(at)) {
        return;
    }
    if (!at->gpr[index]) {
        at->error = MU_GUEST_ERROR_NULL_DEREFERENCE;
    } else if (type && mu_gc_type_of(ref_at(at, index)) != type) {
        at->error = MU_GUEST_ERROR_WRONG_TYPE;
    }
}

/* An object of the type; the operands may have moved. */
static bool make(operands *at, const mu_abi_type *type, mu_ref *made)
{
    if (!has_error(at) && vm_allocate(at->thread, type, 0, made) != MU_OK) {
        at->error = MU_GUEST_ERROR_OUT_OF_MEMORY;
    }
    return !has_error(at);
}

static void new_ephemeron(operands *at)
{
    mu_ref made;
    expect(at, 0, NULL);
    if (make(at, &mu_gc_ephemeron_type, &made)) {
        mu_gc_ephemeron_init(made, ref_at(at, 0), ref_at(at, 1));
        at->gpr[0] = made.address;
    }
}

static void use_ephemeron(operands *at, mu_ir_comminst comminst)
{
    expect(at, 0, &mu_gc_ephemeron_type);
    if (has_error(at)) {
        return;
    }
    mu_ref ephemeron = ref_at(at, 0);
    switch ((int)comminst) {
    case MU_COMMINST_EPHEMERON_KEY: at->gpr[0] = mu_gc_ephemeron_key(ephemeron).address; break;
    case MU_COMMINST_EPHEMERON_VALUE: at->gpr[0] = mu_gc_ephemeron_value(ephemeron).address; break;
    default: mu_gc_ephemeron_set_value(at->thread->vm->heap, ephemeron, ref_at(at, 1)); break;
    }
}

static void new_queue(operands *at)
{
    mu_ref made;
    if (make(at, &mu_gc_queue_type, &made)) {
        mu_gc_queue_init(made, ref_at(at, 0));
        at->gpr[0] = made.address;
    }
}

static void take(operands *at)
{
    expect(at, 0, &mu_gc_queue_type);
    if (!has_error(at)) {
        at->gpr[0] = mu_gc_queue_take(at->thread->vm->heap, ref_at(at, 0)).address;
    }
}

static void register_finalizer(operands *at)
{
    mu_ref made;
    uint32_t how = (uint32_t)at->gpr[3];
    expect(at, 0, NULL);
    expect(at, 1, NULL);
    expect(at, 2, &mu_gc_queue_type);
    if (!has_error(at) && (how & ~MU_GC_HOW_MASK)) {
        at->error = MU_GUEST_ERROR_OUT_OF_BOUNDS;
    }
    if (make(at, &mu_gc_registration_type, &made)) {
        mu_gc_finalizer_register(at->thread->vm->heap, made, ref_at(at, 2), ref_at(at, 0),
                                 ref_at(at, 1), how);
        at->gpr[0] = made.address;
    }
}

static void unregister_finalizer(operands *at)
{
    expect(at, 0, &mu_gc_registration_type);
    if (!has_error(at)) {
        at->gpr[0] = mu_gc_finalizer_unregister(at->thread->vm->heap, ref_at(at, 0));
    }
}

slice_end thread_finalizer_inst(mu_thread *thread, const mu_ir_inst *inst)
{
    operands at = {.thread = thread, .gpr = thread->abi.gpr, .error = MU_GUEST_ERROR_NONE};
    switch ((int)inst->comminst) {
    case MU_COMMINST_EPHEMERON_NEW: new_ephemeron(&at); break;
    case MU_COMMINST_QUEUE_NEW: new_queue(&at); break;
    case MU_COMMINST_QUEUE_TAKE: take(&at); break;
    case MU_COMMINST_FINALIZER_REGISTER: register_finalizer(&at); break;
    case MU_COMMINST_FINALIZER_UNREGISTER: unregister_finalizer(&at); break;
    default: use_ephemeron(&at, inst->comminst); break;
    }
    return has_error(&at) ? thread_raise(thread, at.error) : SLICE_GOES_ON;
}

void vm_queues_wake(mu_vm *vm)
{
    mu_ref count;
    pthread_mutex_lock(&vm->lock);
    while (mu_gc_next_notified(vm->heap, &count)) {
        vm_futexes_wake_all(vm, count);
    }
    pthread_mutex_unlock(&vm->lock);
}
