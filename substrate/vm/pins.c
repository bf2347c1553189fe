/* @uvm.native.pin and unpin. Each thread has its multiset of pinned irefs; the collector is told of
 * each different one at every collection, but for what it never moves by itself (cells of ALLOCA in
 * frames, global cells, NULL). */
#include "vm_internal.h"

/* Different irefs that a thread can have pinned. */
#define PINS_MAX   16384u
#define FIRST_PINS 8u

static bool is_object(const thread_pin *pin)
{
    return pin->base != 0;
}

/* The operand, as it is now. */
static thread_pin operand_of(const mu_thread *thread, const mu_ir_inst *inst)
{
    const mu_ir_version *version = thread->abi.site_version;
    bool is_iref = version->types[inst->types.first]->kind == MU_IR_IREF;
    return (thread_pin){
        .base = thread->abi.gpr[0], .offset = is_iref ? thread->abi.gpr[1] : 0, .count = 1};
}

static bool is_null(const thread_pin *pin)
{
    return !pin->base && !pin->offset;
}

/* From the newest on: pins mostly end in the order opposite to that in which they began. */
static thread_pin *find(const mu_thread *thread, const thread_pin *like)
{
    for (uint32_t i = thread->pins.count; i-- > 0;) {
        thread_pin *pin = &thread->pins.items[i];
        if (pin->base == like->base && pin->offset == like->offset) {
            return pin;
        }
    }
    return NULL;
}

static uint64_t bytes_of(uint32_t capacity)
{
    return (uint64_t)capacity * sizeof(thread_pin);
}

static bool add(mu_thread *thread, const thread_pin *pin)
{
    uint32_t capacity = thread->pins.capacity;
    thread->exceeded = QUOTA_NONE;
    if (thread->pins.count >= PINS_MAX) {
        return false;
    }
    if (thread->pins.count == capacity) {
        uint32_t grown = capacity ? 2 * capacity : FIRST_PINS;
        if (!vm_metadata_take(thread->vm, bytes_of(grown) - bytes_of(capacity))) {
            thread->exceeded = QUOTA_METADATA;
            return false;
        }
        MU_ARRAY_RESERVE(&thread->pins, grown);
        MU_INVARIANT(thread->pins.capacity == grown, "room for %u pins, not %u",
                     thread->pins.capacity, grown);
    }
    MU_ARRAY_PUSH(&thread->pins, *pin);
    return true;
}

bool thread_add_pin(mu_thread *thread, uintptr_t base, uint64_t offset)
{
    thread_pin pin = {.base = base, .offset = offset, .count = 1};
    thread_pin *known = find(thread, &pin);
    if (known) {
        known->count++;
        return true;
    }
    return is_null(&pin) || add(thread, &pin);
}

slice_end thread_pin_inst(mu_thread *thread, const mu_ir_inst *inst)
{
    thread_pin pin = operand_of(thread, inst);
    if (!thread_add_pin(thread, pin.base, pin.offset)) {
        return thread_raise(thread, thread_exceed(thread, thread->exceeded));
    }
    thread->abi.gpr[0] = pin.base + pin.offset;
    return SLICE_GOES_ON;
}

static void forget(mu_thread *thread, thread_pin *pin)
{
    *pin = thread->pins.items[--thread->pins.count];
}

bool thread_take_pin(mu_thread *thread, uintptr_t base, uint64_t offset)
{
    thread_pin pin = {.base = base, .offset = offset};
    thread_pin *known = find(thread, &pin);
    if (known && --known->count == 0) {
        forget(thread, known);
    }
    return known || is_null(&pin);
}

slice_end thread_unpin_inst(mu_thread *thread, const mu_ir_inst *inst)
{
    thread_pin pin = operand_of(thread, inst);
    bool was_pinned = thread_take_pin(thread, pin.base, pin.offset);
    return was_pinned ? SLICE_GOES_ON : thread_raise(thread, MU_GUEST_ERROR_NOT_PINNED);
}

void thread_drop_pins(mu_thread *thread)
{
    while (thread->pins.count) {
        forget(thread, &thread->pins.items[thread->pins.count - 1]);
    }
    vm_metadata_give(thread->vm, bytes_of(thread->pins.capacity));
    MU_ARRAY_FREE(&thread->pins);
}

static void show(mu_gc_tracer *tracer, const mu_thread *threads)
{
    for (const mu_thread *thread = threads; thread; thread = thread->next) {
        for (uint32_t i = 0; i < thread->pins.count; i++) {
            if (is_object(&thread->pins.items[i])) {
                mu_gc_trace_pin(tracer, (mu_ref){thread->pins.items[i].base});
            }
        }
    }
}

void vm_show_pins(mu_gc_tracer *tracer, void *context)
{
    const mu_vm *vm = context;
    show(tracer, vm->threads);
    show(tracer, vm->mutators);
}
