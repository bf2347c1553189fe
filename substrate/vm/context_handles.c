/* The table from handles to values. Open addressing with linear probing; removing moves later
 * entries of the run back, so there are no marks of what was removed. Handles are chosen outside,
 * so they are hashed with a key that nobody there knows. */
#include "context_internal.h"

#include <string.h>

#define FIRST_SLOTS 16u

static uint32_t home_of(const mu_context *context, uint64_t handle)
{
    return (uint32_t)mu_hash(&handle, sizeof handle) & (context->slot_count - 1);
}

/* The slot that has the handle, or the free one where it would go. */
static context_value *slot_of(const mu_context *context, uint64_t handle)
{
    uint32_t at = home_of(context, handle);
    while (context->slots[at].handle && context->slots[at].handle != handle) {
        at = (at + 1) & (context->slot_count - 1);
    }
    return &context->slots[at];
}

context_value *context_find(const mu_context *context, uint64_t handle)
{
    if (!handle || !context->slot_count) {
        return NULL;
    }
    context_value *slot = slot_of(context, handle);
    return slot->handle ? slot : NULL;
}

static void grow(mu_context *context, uint32_t slot_count)
{
    context_value *old = context->slots;
    uint32_t old_count = context->slot_count;
    context->slot_count = slot_count;
    context->slots = mu_allocate(context->slot_count * sizeof *context->slots);
    for (uint32_t i = 0; i < old_count; i++) {
        if (old[i].handle) {
            *slot_of(context, old[i].handle) = old[i];
        }
    }
    mu_free(old);
}

/* Room for so many handles, the table being three quarters full at most. */
static bool make_room(mu_context *context, uint64_t handles)
{
    uint64_t wanted = context->slot_count ? context->slot_count : FIRST_SLOTS;
    while (handles > wanted / 4 * 3) {
        wanted *= 2;
    }
    uint64_t more = wanted - context->slot_count;
    if (more && !vm_metadata_take(context->mutator.vm, more * sizeof *context->slots)) {
        return false;
    }
    if (more) {
        grow(context, (uint32_t)wanted);
    }
    return true;
}

void context_settle(context_call *call)
{
    vm_handles_give(call->vm, call->promised);
    call->promised = 0;
}

mu_status context_check_free(context_call *call, uint64_t handle, uint32_t more)
{
    if (!handle) {
        return context_refuse(call, MU_INVALID, 0, "a result needs a handle other than 0");
    }
    if (context_find(call->context, handle)) {
        return context_refuse(call, MU_INVALID, 0,
                              "the handle %llu for the result is taken: delete its value first",
                              (unsigned long long)handle);
    }
    if (more > MU_CONTEXT_MAX_HANDLES - call->context->held) {
        return context_refuse(call, MU_LIMIT, 0,
                              "the context holds %u values, and at most %u: delete some",
                              call->context->held, MU_CONTEXT_MAX_HANDLES);
    }
    if (more > call->promised) {
        if (!vm_handles_take(call->vm, more - call->promised)) {
            return context_refuse_quota(call, QUOTA_HANDLES);
        }
        call->promised = more;
    }
    if (!make_room(call->context, (uint64_t)call->context->held + more)) {
        return context_refuse_quota(call, QUOTA_METADATA);
    }
    return MU_OK;
}

static uint64_t memory_of(const mu_ir_type *type)
{
    return type->size_bytes > sizeof(uint64_t[2]) ? (type->size_bytes + 15) & ~(uint64_t)15 : 0;
}

void *context_bytes(context_value *value)
{
    return value->memory ? value->memory : (unsigned char *)value->words;
}

mu_status context_give(context_call *call, mu_ir_type *type, const void *bytes)
{
    mu_context *context = call->context;
    uint64_t memory_bytes = memory_of(type);
    mu_status status = context_check_free(call, call->next, 1);
    if (status != MU_OK) {
        return status;
    }
    if (memory_bytes > MU_CONTEXT_MAX_MEMORY_BYTES - context->memory_bytes) {
        return context_refuse(call, MU_LIMIT, 0,
                              "the context's large values would take more than %llu bytes: delete "
                              "some",
                              (unsigned long long)MU_CONTEXT_MAX_MEMORY_BYTES);
    }
    if (memory_bytes && !vm_metadata_take(call->vm, memory_bytes)) {
        return context_refuse_quota(call, QUOTA_METADATA);
    }
    context_value value = {.handle = call->next++, .type = type};
    if (memory_bytes) {
        value.memory = mu_allocate(memory_bytes);
        context->memory_bytes += memory_bytes;
    }
    memcpy(context_bytes(&value), bytes, type->size_bytes);
    *slot_of(context, value.handle) = value;
    context->held++;
    call->promised--;
    return MU_OK;
}

mu_status context_give_word(context_call *call, mu_ir_type *type, uint64_t word)
{
    return context_give_pair(call, type, word, 0);
}

mu_status context_give_pair(context_call *call, mu_ir_type *type, uint64_t low, uint64_t high)
{
    uint64_t words[2] = {low, high};
    return context_give(call, type, words);
}

void context_drop(mu_context *context, context_value *value)
{
    uint32_t mask = context->slot_count - 1;
    uint32_t hole = (uint32_t)(value - context->slots);
    uint64_t memory_bytes = value->memory ? memory_of(value->type) : 0;
    context->memory_bytes -= memory_bytes;
    vm_metadata_give(context->mutator.vm, memory_bytes);
    vm_handles_give(context->mutator.vm, 1);
    mu_free(value->memory);
    context->held--;
    for (uint32_t at = (hole + 1) & mask; context->slots[at].handle; at = (at + 1) & mask) {
        uint32_t home = home_of(context, context->slots[at].handle);
        if (((at - home) & mask) >=
            ((at - hole) & mask)) { /* its run begins at or before the hole */
            context->slots[hole] = context->slots[at];
            hole = at;
        }
    }
    context->slots[hole] = (context_value){0};
}

void context_drop_all(mu_context *context)
{
    mu_vm *vm = context->mutator.vm;
    vm_handles_give(vm, context->held);
    vm_metadata_give(vm, context->memory_bytes + context->slot_count * sizeof *context->slots);
    for (uint32_t i = 0; i < context->slot_count; i++) {
        mu_free(context->slots[i].memory);
    }
    mu_free(context->slots);
}

/* ---- roots */

/* By kind: a type of the pool has no descriptor. */
static void trace_value(mu_gc_tracer *tracer, context_value *value)
{
    switch (value->type->kind) {
    case MU_IR_REF:
    case MU_IR_IREF:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF: mu_gc_trace_slot(tracer, &value->words[0], MU_ABI_SLOT_REF); break;
    case MU_IR_TAGREF64: mu_gc_trace_slot(tracer, &value->words[0], MU_ABI_SLOT_TAGREF64); break;
    case MU_IR_STRUCT:
    case MU_IR_ARRAY:
    case MU_IR_VECTOR:
        if (value->type->has_refs) {
            mu_gc_trace_area(tracer, context_bytes(value), mu_jit_descriptor(value->type), 1);
        }
        break;
    case MU_IR_INT:
    case MU_IR_FLOAT:
    case MU_IR_DOUBLE:
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR:
    case MU_IR_HYBRID:
    case MU_IR_VOID:
    case MU_IR_WEAKREF:
    case MU_IR_FUNCREF:
    case MU_IR_IRNODEREF: break;
    }
}

void vm_context_trace(mu_gc_tracer *tracer, mu_thread *mutator)
{
    mu_context *context = (mu_context *)mutator;
    for (uint32_t i = 0; i < context->slot_count; i++) {
        if (context->slots[i].handle) {
            trace_value(tracer, &context->slots[i]);
        }
    }
}
