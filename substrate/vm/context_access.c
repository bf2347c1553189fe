/* Loads, stores and atomic operations (uvm-client-interface.rest, Memory accessing;
 * memory-model.rest). Ordering stronger than what was asked for is always right. */
#include "context_internal.h"

#include <string.h>

enum {
    ORDERS_LOAD = 1 << MU_ORDER_NOT_ATOMIC | 1 << MU_ORDER_RELAXED | 1 << MU_ORDER_CONSUME |
                  1 << MU_ORDER_ACQUIRE | 1 << MU_ORDER_SEQ_CST,
    ORDERS_STORE = 1 << MU_ORDER_NOT_ATOMIC | 1 << MU_ORDER_RELAXED | 1 << MU_ORDER_RELEASE |
                   1 << MU_ORDER_SEQ_CST,
    ORDERS_UPDATE = 1 << MU_ORDER_RELAXED | 1 << MU_ORDER_ACQUIRE | 1 << MU_ORDER_RELEASE |
                    1 << MU_ORDER_ACQ_REL | 1 << MU_ORDER_SEQ_CST,
    ORDERS_FAILURE = 1 << MU_ORDER_RELAXED | 1 << MU_ORDER_ACQUIRE | 1 << MU_ORDER_SEQ_CST,
    ORDERS_FENCE = 1 << MU_ORDER_ACQUIRE | 1 << MU_ORDER_RELEASE | 1 << MU_ORDER_ACQ_REL |
                   1 << MU_ORDER_SEQ_CST,
};

/* ---- operands */

static mu_status expect_order(context_call *call, uint32_t operand, uint32_t legal,
                              mu_ir_order *order)
{
    uint64_t flag = context_integer_at(call, operand);
    if (flag > MU_ORDER_SEQ_CST) {
        return context_refuse(call, MU_INVALID, operand, "%llu is no memory order",
                              (unsigned long long)flag);
    }
    *order = (mu_ir_order)flag;
    return legal >> flag & 1
               ? MU_OK
               : context_refuse(call, MU_INVALID, operand, "%s is no memory order for it",
                                mu_ir_order_name(*order));
}

/* Is all of this memory one of the VM's stacks'? Cells that trusted code made there have irefs
 * without a base. */
static bool is_in_stack(mu_vm *vm, uintptr_t address, uint64_t bytes)
{
    bool found = false;
    pthread_mutex_lock(&vm->lock);
    for (const vm_stack *stack = vm->stacks; stack && !found; stack = stack->next) {
        uintptr_t top = stack->memory->top;
        found = address >= stack->memory->floor && address < top && bytes <= top - address;
    }
    pthread_mutex_unlock(&vm->lock);
    return found;
}

bool context_is_location(const context_call *call, mu_ref base, uint64_t offset,
                         const mu_ir_type *type)
{
    if (!call->vm->config.grant_native) {
        return base.address != 0;
    }
    return base.address
               ? location_has_type(base, offset, type)
               : offset % type->align_bytes == 0 && is_in_stack(call->vm, offset, type->size_bytes);
}

/* The memory of the location that operand `operand` refers to, and its type. */
static mu_status expect_location(context_call *call, uint32_t operand, mu_ir_type **type,
                                 void **memory)
{
    mu_status status = MU_OK;
    MU_TRY(context_expect_object(call, operand, MU_IR_IREF));
    const context_value *value = context_value_at(call, operand);
    mu_ir_type *referent = value->type->element;
    if (referent->kind != MU_IR_WEAKREF) {
        MU_TRY(context_check_value_type(call, operand, referent));
    }
    if (!context_is_location(call, (mu_ref){value->words[0]}, value->words[1], referent)) {
        return context_refuse(call, MU_INVALID, operand,
                              "refers to no location of its type: it was made of NULL, or of an "
                              "iref outside of its object");
    }
    *type = referent;
    *memory = (void *)(uintptr_t)(value->words[0] + value->words[1]);
done:
    return status;
}

/* The write barrier, before a store to the location that operand `operand` refers to. */
static void log_store(context_call *call, uint32_t operand, const mu_ir_type *type)
{
    const context_value *value = context_value_at(call, operand);
    if (value->words[0] && mu_ir_type_has_refs(type)) {
        mu_gc_log(call->vm->heap, (mu_ref){value->words[0]}, value->words[0] + value->words[1],
                  type->size_bytes);
    }
}

static bool is_scalar(const mu_ir_type *type)
{
    return type->kind != MU_IR_STRUCT && type->kind != MU_IR_ARRAY && type->kind != MU_IR_VECTOR;
}

/* An atomic access of any kind is of a scalar that the machine can do at once. */
static mu_status expect_atomic(context_call *call, uint32_t operand, const mu_ir_type *type)
{
    return is_scalar(type) ? MU_OK
                           : context_refuse_type(call, operand,
                                                 "an iref of a scalar, for an atomic access", type);
}

/* Cut to its width, as native code may not have left it. */
mu_status context_give_read(context_call *call, mu_ir_type *type, uint64_t bytes[2])
{
    mu_ir_type *strong = context_strong(call->context, type);
    if (type->kind == MU_IR_INT) {
        bytes[1] = type->bits > 64 ? context_cut(bytes[1], type->bits - 64) : 0;
        bytes[0] = context_cut(bytes[0], type->bits);
    }
    return context_give(call, strong, bytes);
}

/* ---- the operations */

mu_status context_load(context_call *call)
{
    mu_status status = MU_OK;
    mu_ir_order order = MU_ORDER_NOT_ATOMIC;
    mu_ir_type *type = NULL;
    void *memory = NULL;
    _Alignas(16) uint64_t bytes[MU_CONTEXT_MAX_VALUE_BYTES / sizeof(uint64_t)];
    bytes[0] = bytes[1] = 0;
    MU_TRY(expect_order(call, 1, ORDERS_LOAD, &order));
    MU_TRY(expect_location(call, 2, &type, &memory));
    if (order != MU_ORDER_NOT_ATOMIC) {
        MU_TRY(expect_atomic(call, 2, type));
    }
    context_read_memory(type, memory, order != MU_ORDER_NOT_ATOMIC, bytes);
    status = context_give_read(call, type, bytes);
done:
    return status;
}

mu_status context_store(context_call *call)
{
    mu_status status = MU_OK;
    mu_ir_order order = MU_ORDER_NOT_ATOMIC;
    mu_ir_type *type = NULL;
    void *memory = NULL;
    MU_TRY(expect_order(call, 1, ORDERS_STORE, &order));
    MU_TRY(expect_location(call, 2, &type, &memory));
    if (order != MU_ORDER_NOT_ATOMIC) {
        MU_TRY(expect_atomic(call, 2, type));
    }
    MU_TRY(context_expect_type(call, 3, context_strong(call->context, type)));
    log_store(call, 2, type);
    context_write_memory(type, memory, order != MU_ORDER_NOT_ATOMIC,
                         context_bytes(context_value_at(call, 3)));
done:
    return status;
}

static bool is_eq_comparable(const mu_ir_type *type)
{
    return is_scalar(type) && type->kind != MU_IR_FLOAT && type->kind != MU_IR_DOUBLE &&
           type->kind != MU_IR_TAGREF64;
}

static bool compare_exchange(const mu_ir_type *type, void *memory, uint64_t expected[2],
                             const uint64_t desired[2])
{
    return type->size_bytes == 16
               ? context_exchange_pair(memory, expected, desired)
               : context_exchange_word(memory, type->size_bytes, expected, desired[0]);
}

mu_status context_cmpxchg(context_call *call)
{
    mu_status status = MU_OK;
    mu_ir_order order = MU_ORDER_NOT_ATOMIC;
    mu_ir_type *type = NULL;
    void *memory = NULL;
    MU_TRY(expect_order(call, 1, ORDERS_UPDATE, &order));
    MU_TRY(expect_order(call, 2, ORDERS_FAILURE, &order));
    if (context_integer_at(call, 3) > 1) {
        return context_refuse(call, MU_INVALID, 3, "weak is 1, else 0");
    }
    MU_TRY(expect_location(call, 4, &type, &memory));
    MU_TRY(expect_atomic(call, 4, type));
    if (!is_eq_comparable(type)) {
        return context_refuse_type(call, 4, "an iref of what EQ compares", type);
    }
    const mu_ir_type *strong = context_strong(call->context, type);
    MU_TRY(context_expect_type(call, 5, strong));
    MU_TRY(context_expect_type(call, 6, strong));
    uint64_t expected[2];
    memcpy(expected, context_value_at(call, 5)->words, sizeof expected);
    log_store(call, 4, type);
    bool done = compare_exchange(type, memory, expected, context_value_at(call, 6)->words);
    status = context_give_read(call, type, expected);
    if (status == MU_OK) {
        status = context_answer(call, done);
    }
done:
    return status;
}

static int64_t extended(uint64_t word, uint32_t bits)
{
    return (int64_t)(word << (64 - bits)) >> (64 - bits);
}

static uint64_t combine(mu_ir_rmw rmw, uint64_t old, uint64_t operand, uint32_t bits)
{
    int64_t a = extended(old, bits);
    int64_t b = extended(operand, bits);
    switch (rmw) {
    case MU_RMW_XCHG: return operand;
    case MU_RMW_ADD: return old + operand;
    case MU_RMW_SUB: return old - operand;
    case MU_RMW_AND: return old & operand;
    case MU_RMW_NAND: return ~(old & operand);
    case MU_RMW_OR: return old | operand;
    case MU_RMW_XOR: return old ^ operand;
    case MU_RMW_MAX: return a > b ? old : operand;
    case MU_RMW_MIN: return a < b ? old : operand;
    case MU_RMW_UMAX: return old > operand ? old : operand;
    case MU_RMW_UMIN: return old < operand ? old : operand;
    }
    return operand;
}

__extension__ typedef unsigned __int128 wide;
__extension__ typedef __int128 signed_wide;

static wide wide_of(const uint64_t words[2])
{
    return (wide)words[1] << 64 | words[0];
}

/* The same of ints of 128 bits. */
static wide combine_wide(mu_ir_rmw rmw, wide old, wide operand)
{
    switch (rmw) {
    case MU_RMW_XCHG: return operand;
    case MU_RMW_ADD: return old + operand;
    case MU_RMW_SUB: return old - operand;
    case MU_RMW_AND: return old & operand;
    case MU_RMW_NAND: return ~(old & operand);
    case MU_RMW_OR: return old | operand;
    case MU_RMW_XOR: return old ^ operand;
    case MU_RMW_MAX: return (signed_wide)old > (signed_wide)operand ? old : operand;
    case MU_RMW_MIN: return (signed_wide)old < (signed_wide)operand ? old : operand;
    case MU_RMW_UMAX: return old > operand ? old : operand;
    case MU_RMW_UMIN: return old < operand ? old : operand;
    }
    return operand;
}

static void combine_words(const mu_ir_type *type, mu_ir_rmw rmw, const uint64_t old[2],
                          const uint64_t operand[2], uint64_t wanted[2])
{
    uint32_t bits = type->kind == MU_IR_INT ? type->bits : 64;
    wanted[0] = operand[0];
    wanted[1] = operand[1];
    if (rmw != MU_RMW_XCHG && bits > 64) {
        wide made = combine_wide(rmw, wide_of(old), wide_of(operand));
        wanted[0] = (uint64_t)made;
        wanted[1] = (uint64_t)(made >> 64);
    } else if (rmw != MU_RMW_XCHG) {
        wanted[0] = context_cut(combine(rmw, context_cut(old[0], bits), operand[0], bits), bits);
    }
}

/* Replaces the location's value; `old` gets what it had. */
static void update(const mu_ir_type *type, void *memory, mu_ir_rmw rmw, const uint64_t operand[2],
                   uint64_t old[2])
{
    context_read_memory(type, memory, true, old);
    for (;;) {
        uint64_t wanted[2];
        combine_words(type, rmw, old, operand, wanted);
        if (compare_exchange(type, memory, old, wanted)) {
            return;
        }
    }
}

mu_status context_atomicrmw(context_call *call)
{
    mu_status status = MU_OK;
    mu_ir_order order = MU_ORDER_NOT_ATOMIC;
    mu_ir_type *type = NULL;
    void *memory = NULL;
    uint64_t old[2] = {0};
    uint64_t rmw = context_integer_at(call, 2);
    MU_TRY(expect_order(call, 1, ORDERS_UPDATE, &order));
    if (rmw > MU_RMW_UMIN) {
        return context_refuse(call, MU_INVALID, 2, "%llu is no operation", (unsigned long long)rmw);
    }
    MU_TRY(expect_location(call, 3, &type, &memory));
    MU_TRY(expect_atomic(call, 3, type));
    if (rmw != MU_RMW_XCHG && type->kind != MU_IR_INT) {
        return context_refuse_type(call, 3, "an iref of an int, but for XCHG", type);
    }
    MU_TRY(context_expect_type(call, 4, context_strong(call->context, type)));
    log_store(call, 3, type);
    update(type, memory, (mu_ir_rmw)rmw, context_value_at(call, 4)->words, old);
    status = context_give_read(call, type, old);
done:
    return status;
}

mu_status context_fence(context_call *call)
{
    mu_ir_order order = MU_ORDER_NOT_ATOMIC;
    mu_status status = expect_order(call, 1, ORDERS_FENCE, &order);
    if (status == MU_OK) {
        context_fence_memory();
    }
    return status;
}
