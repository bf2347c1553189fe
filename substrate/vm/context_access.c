/* Loads, stores and atomic operations (uvm-client-interface.rest, Memory accessing;
 * memory-model.rest). Every access is as whole as compiled code's: words of up to 8 bytes by the
 * compiler's atomics, irefs and whatever is aligned like them in pieces of 16, which x86-64 with
 * AVX does at once; ordering stronger than what was asked for is always right. */
#include "context_internal.h"

#include <string.h>

typedef long long pair __attribute__((vector_size(16)));

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

/* ---- the machine's accesses; relaxed or sequentially consistent */

static uint64_t read_word(const void *memory, uint64_t bytes, bool is_atomic)
{
    int order = is_atomic ? __ATOMIC_SEQ_CST : __ATOMIC_RELAXED;
    switch (bytes) {
    case 1: return __atomic_load_n((const uint8_t *)memory, order);
    case 2: return __atomic_load_n((const uint16_t *)memory, order);
    case 4: return __atomic_load_n((const uint32_t *)memory, order);
    default: return __atomic_load_n((const uint64_t *)memory, order);
    }
}

static void write_word(void *memory, uint64_t bytes, bool is_atomic, uint64_t word)
{
    int order = is_atomic ? __ATOMIC_SEQ_CST : __ATOMIC_RELAXED;
    switch (bytes) {
    case 1: __atomic_store_n((uint8_t *)memory, (uint8_t)word, order); break;
    case 2: __atomic_store_n((uint16_t *)memory, (uint16_t)word, order); break;
    case 4: __atomic_store_n((uint32_t *)memory, (uint32_t)word, order); break;
    default: __atomic_store_n((uint64_t *)memory, word, order); break;
    }
}

/* Writes `desired` if the location has `*expected`, which becomes what it had. */
static bool exchange_word(void *memory, uint64_t bytes, uint64_t *expected, uint64_t desired)
{
    uint8_t byte = (uint8_t)*expected;
    uint16_t half = (uint16_t)*expected;
    uint32_t word = (uint32_t)*expected;
    bool done;
    switch (bytes) {
    case 1:
        done = __atomic_compare_exchange_n((uint8_t *)memory, &byte, (uint8_t)desired, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        *expected = byte;
        return done;
    case 2:
        done = __atomic_compare_exchange_n((uint16_t *)memory, &half, (uint16_t)desired, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        *expected = half;
        return done;
    case 4:
        done = __atomic_compare_exchange_n((uint32_t *)memory, &word, (uint32_t)desired, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        *expected = word;
        return done;
    default:
        return __atomic_compare_exchange_n((uint64_t *)memory, expected, desired, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
}

static void read_pair(const void *memory, void *bytes)
{
    pair both;
    __asm__ volatile("movdqa %1, %0" : "=x"(both) : "m"(*(const pair *)memory));
    memcpy(bytes, &both, sizeof both);
}

static void write_pair(void *memory, const void *bytes)
{
    pair both;
    memcpy(&both, bytes, sizeof both);
    __asm__ volatile("movdqa %1, %0" : "=m"(*(pair *)memory) : "x"(both));
}

static bool exchange_pair(void *memory, uint64_t expected[2], const uint64_t desired[2])
{
    bool done;
    __asm__ volatile("lock cmpxchg16b %1\n\tsete %0"
                     : "=q"(done), "+m"(*(pair *)memory), "+a"(expected[0]), "+d"(expected[1])
                     : "b"(desired[0]), "c"(desired[1])
                     : "cc", "memory");
    return done;
}

/* The next piece of a value with `left` bytes to go. */
static uint64_t piece_of(const mu_ir_type *type, uint64_t left)
{
    uint64_t piece = type->align_bytes < 16 ? type->align_bytes : 16;
    while (piece > left) {
        piece /= 2;
    }
    return piece;
}

void context_read_memory(const mu_ir_type *type, const void *memory, bool is_atomic, void *bytes)
{
    const unsigned char *from = memory;
    unsigned char *to = bytes;
    uint64_t piece;
    for (uint64_t at = 0; at < type->size_bytes; at += piece) {
        piece = piece_of(type, type->size_bytes - at);
        if (piece == 16) {
            read_pair(from + at, to + at);
        } else {
            uint64_t word = read_word(from + at, piece, is_atomic);
            memcpy(to + at, &word, piece);
        }
    }
}

void context_write_memory(const mu_ir_type *type, void *memory, bool is_atomic, const void *bytes)
{
    unsigned char *to = memory;
    const unsigned char *from = bytes;
    uint64_t piece;
    for (uint64_t at = 0; at < type->size_bytes; at += piece) {
        piece = piece_of(type, type->size_bytes - at);
        if (piece == 16) {
            write_pair(to + at, from + at);
        } else {
            uint64_t word = 0;
            memcpy(&word, from + at, piece);
            write_word(to + at, piece, is_atomic, word);
        }
    }
    if (is_atomic) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
}

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

/* The memory of the location that operand `operand` refers to, and its type. Without the grant
 * `native` every iref is that of a location of its type or comes of NULL; with it, the program may
 * have made it up. */
static mu_status expect_location(context_call *call, uint32_t operand, mu_ir_type **type,
                                 void **memory)
{
    mu_status status = MU_OK;
    MU_TRY(context_expect_object(call, operand, MU_IR_IREF));
    const context_value *value = context_value_at(call, operand);
    mu_ir_type *referent = value->type->element;
    mu_ref base = {value->words[0]};
    uintptr_t address = value->words[0] + value->words[1];
    if (referent->kind != MU_IR_WEAKREF) {
        MU_TRY(context_check_value_type(call, operand, referent));
    }
    bool is_there = base.address != 0;
    if (call->vm->config.grant_native) {
        is_there = base.address ? location_has_type(base, value->words[1], referent)
                                : address % referent->align_bytes == 0 &&
                                      is_in_stack(call->vm, address, referent->size_bytes);
    }
    if (!is_there) {
        return context_refuse(call, MU_INVALID, operand,
                              "refers to no location of its type: it was made of NULL, or of an "
                              "iref outside of its object");
    }
    *type = referent;
    *memory = (void *)address;
done:
    return status;
}

static bool is_scalar(const mu_ir_type *type)
{
    return type->kind != MU_IR_STRUCT && type->kind != MU_IR_ARRAY && type->kind != MU_IR_VECTOR;
}

static bool is_wide_int(const mu_ir_type *type)
{
    return type->kind == MU_IR_INT && type->bits > 64;
}

/* An atomic access of any kind is of a scalar that the machine can do at once. */
static mu_status expect_atomic(context_call *call, uint32_t operand, const mu_ir_type *type)
{
    if (!is_scalar(type)) {
        return context_refuse_type(call, operand, "an iref of a scalar, for an atomic access",
                                   type);
    }
    return !is_wide_int(type) ? MU_OK
                              : context_refuse(call, MU_UNSUPPORTED, operand,
                                               "an int of more than 64 bits has no atomic access");
}

/* Gives what was read, cut to its width as native code may not have left it. */
static mu_status give_read(context_call *call, mu_ir_type *type, uint64_t bytes[2])
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
    mu_ir_type *type;
    void *memory;
    _Alignas(16) uint64_t bytes[CONTEXT_VALUE_MOST_BYTES / sizeof(uint64_t)];
    bytes[0] = bytes[1] = 0;
    MU_TRY(expect_order(call, 1, ORDERS_LOAD, &order));
    MU_TRY(expect_location(call, 2, &type, &memory));
    if (order != MU_ORDER_NOT_ATOMIC) {
        MU_TRY(expect_atomic(call, 2, type));
    }
    context_read_memory(type, memory, order != MU_ORDER_NOT_ATOMIC, bytes);
    status = give_read(call, type, bytes);
done:
    return status;
}

mu_status context_store(context_call *call)
{
    mu_status status = MU_OK;
    mu_ir_order order = MU_ORDER_NOT_ATOMIC;
    mu_ir_type *type;
    void *memory;
    MU_TRY(expect_order(call, 1, ORDERS_STORE, &order));
    MU_TRY(expect_location(call, 2, &type, &memory));
    if (order != MU_ORDER_NOT_ATOMIC) {
        MU_TRY(expect_atomic(call, 2, type));
    }
    MU_TRY(context_expect_type(call, 3, context_strong(call->context, type)));
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
    return type->kind == MU_IR_IREF ? exchange_pair(memory, expected, desired)
                                    : exchange_word(memory, type->size_bytes, expected, desired[0]);
}

mu_status context_cmpxchg(context_call *call)
{
    mu_status status = MU_OK;
    mu_ir_order order = MU_ORDER_NOT_ATOMIC;
    mu_ir_type *type;
    void *memory;
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
    bool done = compare_exchange(type, memory, expected, context_value_at(call, 6)->words);
    status = give_read(call, type, expected);
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

/* Replaces the location's value; `old` gets what it had. */
static void update(const mu_ir_type *type, void *memory, mu_ir_rmw rmw, const uint64_t operand[2],
                   uint64_t old[2])
{
    uint32_t bits = type->kind == MU_IR_INT ? type->bits : 64;
    context_read_memory(type, memory, true, old);
    for (;;) {
        uint64_t wanted[2] = {operand[0], operand[1]};
        if (rmw != MU_RMW_XCHG) {
            wanted[0] =
                context_cut(combine(rmw, context_cut(old[0], bits), operand[0], bits), bits);
        }
        if (compare_exchange(type, memory, old, wanted)) {
            return;
        }
    }
}

mu_status context_atomicrmw(context_call *call)
{
    mu_status status = MU_OK;
    mu_ir_order order = MU_ORDER_NOT_ATOMIC;
    mu_ir_type *type;
    void *memory;
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
    update(type, memory, (mu_ir_rmw)rmw, context_value_at(call, 4)->words, old);
    status = give_read(call, type, old);
done:
    return status;
}

mu_status context_fence(context_call *call)
{
    mu_ir_order order = MU_ORDER_NOT_ATOMIC;
    mu_status status = expect_order(call, 1, ORDERS_FENCE, &order);
    if (status == MU_OK) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    return status;
}
