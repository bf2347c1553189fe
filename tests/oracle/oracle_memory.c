/* Allocation, addressing and access. Objects are host memory that never moves, so a pointer to a
 * pinned one is the address of its bytes, and memory behind pointers is simply accessed. */
#include "oracle_state.h"

#include <string.h>

/* --------------------------------------------------------------------------------- allocation */

static oracle_object *allocate_cell(oracle *self, frame *at, const mu_ir_type *type,
                                    uint64_t length)
{
    uint64_t size;
    if (!object_size(type, length, &size) ||
        running_stack(self)->bytes + size > self->limits.stack_bytes) {
        return NULL;
    }
    oracle_object *cell = object_new(type, length, size, PLACE_FRAME);
    running_stack(self)->bytes += size;
    cell->next = at->cells;
    at->cells = cell;
    return cell;
}

void do_allocation(oracle *self, frame *at)
{
    const mu_ir_inst *inst = inst_of(at);
    const mu_ir_type *type = type_param(at, 0);
    bool is_hybrid = inst->op == MU_OP_NEWHYBRID || inst->op == MU_OP_ALLOCAHYBRID;
    bool is_iref = inst->op == MU_OP_ALLOCA || inst->op == MU_OP_ALLOCAHYBRID;
    bool is_cell = is_iref && self->limits.trusted;
    uint64_t length = is_hybrid ? read_length(operand(at, 0), type_param(at, 1)) : 0;
    /* One element more than asked for: irefs may point one past the end. */
    bool fits = !is_hybrid || ++length != 0;
    oracle_object *object = !fits     ? NULL
                            : is_cell ? allocate_cell(self, at, type, length)
                                      : heap_allocate(self, type, length);
    if (!object) {
        throw_error(self, is_cell ? MU_GUEST_ERROR_STACK_OVERFLOW : MU_GUEST_ERROR_OUT_OF_MEMORY);
        return;
    }
    if (is_iref) {
        write_iref(result_image(at, 0), object, 0);
    } else {
        write_ref(result_image(at, 0), object);
    }
    continue_normally(self);
}

/* --------------------------------------------------------------------------------- addressing */

static uint64_t stride_of_type(const mu_ir_type *type)
{
    uint64_t size = size_of_type(type);
    uint64_t align = type->kind == MU_IR_INT || !type->laid_out ? size : type->align_bytes;
    return align == 0 ? size : (size + align - 1) / align * align;
}

/* SHIFTIREF without the grant native stays in its array; false after an error has been thrown. */
static bool check_shift(oracle *self, frame *at, iref_image iref, int64_t distance)
{
    if (inst_of(at)->op != MU_OP_SHIFTIREF || self->limits.trusted) {
        return true;
    }
    if (!iref.object) {
        throw_error(self, MU_GUEST_ERROR_NULL_DEREFERENCE);
        return false;
    }
    if (!object_allows_shift(iref.object, iref.offset, iref.offset + distance, type_param(at, 0))) {
        throw_error(self, MU_GUEST_ERROR_OUT_OF_BOUNDS);
        return false;
    }
    return true;
}

/* How far the instruction moves; false after an error has been thrown. */
static bool distance_of(oracle *self, frame *at, int64_t *distance)
{
    const mu_ir_inst *inst = inst_of(at);
    const mu_ir_type *type = type_param(at, 0);
    switch (mu_ir_op_info_of(inst->op)->shape) { /* NOLINT: the addressing shapes */
    case MU_SHAPE_GETFIELD: *distance = (int64_t)type->offsets[inst->literal]; return true;
    case MU_SHAPE_GETVARPART: *distance = (int64_t)type->size_bytes; return true;
    default: break;
    }
    const mu_ir_type *index_type = type_param(at, 1);
    int64_t index;
    bool overflows = !read_index(operand(at, 1), index_type, &index);
    if (inst->op == MU_OP_SHIFTIREF) {
        overflows |= __builtin_mul_overflow(index, (int64_t)stride_of_type(type), distance);
        if (overflows && !inst->is_ptr && !self->limits.trusted) {
            throw_error(self, MU_GUEST_ERROR_OUT_OF_BOUNDS);
            return false;
        }
        return true;
    }
    if (overflows || index < 0 || (uint64_t)index >= type->length) {
        throw_error(self, MU_GUEST_ERROR_OUT_OF_BOUNDS);
        return false;
    }
    *distance = index * (int64_t)type->stride_bytes;
    return true;
}

void do_addressing(oracle *self, frame *at)
{
    const mu_ir_inst *inst = inst_of(at);
    if (inst->op == MU_OP_GETIREF) {
        write_iref(result_image(at, 0), read_ref(operand(at, 0)), 0);
        continue_normally(self);
        return;
    }
    int64_t distance;
    if (!distance_of(self, at, &distance)) {
        return;
    }
    if (inst->is_ptr) {
        write_word(result_image(at, 0), read_word(operand(at, 0)) + (uint64_t)distance);
    } else {
        iref_image iref = read_iref(operand(at, 0));
        if (!check_shift(self, at, iref, distance)) {
            return;
        }
        write_iref(result_image(at, 0), iref.object, iref.offset + distance);
    }
    continue_normally(self);
}

/* ------------------------------------------------------------------------------------- access */

/* The bytes at operand 0; NULL after an error has been thrown. */
static uint8_t *location(oracle *self, frame *at)
{
    uint64_t size = size_of_type(type_param(at, 0));
    if (inst_of(at)->is_ptr) {
        uint8_t *memory = (uint8_t *)(uintptr_t)read_word(operand(at, 0));
        if (!memory) {
            throw_error(self, MU_GUEST_ERROR_NULL_DEREFERENCE);
        }
        return memory;
    }
    iref_image iref = read_iref(operand(at, 0));
    if (!iref.object) {
        throw_error(self, MU_GUEST_ERROR_NULL_DEREFERENCE);
        return NULL;
    }
    if (iref.offset < 0 || (uint64_t)iref.offset > iref.object->size_bytes ||
        size > iref.object->size_bytes - (uint64_t)iref.offset) {
        undefined(self, "access outside of the object, at %lld of %llu", (long long)iref.offset,
                  (unsigned long long)iref.object->size_bytes);
        return NULL;
    }
    return iref.object->bytes + iref.offset;
}

void do_load(oracle *self, frame *at)
{
    const uint8_t *memory = location(self, at);
    if (memory) {
        memcpy(result_image(at, 0), memory, size_of_type(type_param(at, 0)));
        continue_normally(self);
    }
}

void do_store(oracle *self, frame *at)
{
    uint8_t *memory = location(self, at);
    if (memory) {
        memcpy(memory, operand(at, 1), size_of_type(type_param(at, 0)));
        continue_normally(self);
    }
}

void do_cmpxchg(oracle *self, frame *at)
{
    uint64_t size = size_of_type(type_param(at, 0));
    uint8_t *memory = location(self, at);
    if (!memory) {
        return;
    }
    bool equal = memcmp(memory, operand(at, 1), size) == 0;
    memcpy(result_image(at, 0), memory, size);
    *result_image(at, 1) = equal;
    if (equal) {
        memcpy(memory, operand(at, 2), size);
    }
    continue_normally(self);
}

static uint64_t modified(mu_ir_rmw rmw, uint64_t old, uint64_t value, uint32_t bits)
{
    int64_t signed_old = sign_extended(old, bits);
    int64_t signed_value = sign_extended(value, bits);
    switch (rmw) {
    case MU_RMW_XCHG: return value;
    case MU_RMW_ADD: return old + value;
    case MU_RMW_SUB: return old - value;
    case MU_RMW_AND: return old & value;
    case MU_RMW_NAND: return ~(old & value);
    case MU_RMW_OR: return old | value;
    case MU_RMW_XOR: return old ^ value;
    case MU_RMW_MAX: return signed_old > signed_value ? old : value;
    case MU_RMW_MIN: return signed_old < signed_value ? old : value;
    case MU_RMW_UMAX: return old > value ? old : value;
    case MU_RMW_UMIN: return old < value ? old : value;
    }
    return 0;
}

void do_atomicrmw(oracle *self, frame *at)
{
    const mu_ir_type *type = type_param(at, 0);
    uint8_t *memory = location(self, at);
    if (!memory) {
        return;
    }
    memcpy(result_image(at, 0), memory, size_of_type(type));
    mu_ir_rmw rmw = (mu_ir_rmw)inst_of(at)->rmw;
    if (rmw == MU_RMW_XCHG) {
        memcpy(memory, operand(at, 1), size_of_type(type));
    } else if (is_wide(type)) {
        wide_modify(rmw, type, memory, operand(at, 1));
    } else {
        write_int(
            memory, type,
            modified(rmw, read_int(memory, type), read_int(operand(at, 1), type), type->bits));
    }
    continue_normally(self);
}
