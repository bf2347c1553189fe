/* What compiled code leaves to the runtime with its operands in memory: division, shifts and
 * floating-point conversions of ints wider than a word, all arithmetic on vectors of such, and
 * casts of vectors of references. None of it is a safepoint. */
#include "vm_internal.h"

#include <math.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;
__extension__ typedef __int128 signed_wide;

#define WIDE_BITS 128u

static wide cut(wide value, uint32_t bits)
{
    return value & ~(wide)0 >> (WIDE_BITS - bits);
}

static signed_wide extended(wide value, uint32_t bits)
{
    return (signed_wide)(value << (WIDE_BITS - bits)) >> (WIDE_BITS - bits);
}

/* ---- operations */

/* The count's low bits, as many as it takes to name every bit: with more than 64, seven. */
static uint32_t shift_count(wide count)
{
    return (uint32_t)count & (WIDE_BITS - 1);
}

/* By -1 the least value wraps. */
static wide divide_signed(signed_wide a, signed_wide b, bool wants_remainder)
{
    if (b == -1) {
        return wants_remainder ? 0 : -(wide)a;
    }
    return (wide)(wants_remainder ? a % b : a / b);
}

/* The low bits of the result count; `b` is not 0 where it divides. */
static wide binary(mu_ir_op op, wide a, wide b, uint32_t bits)
{
    switch ((int)op) {
    case MU_OP_ADD: return a + b;
    case MU_OP_SUB: return a - b;
    case MU_OP_MUL: return a * b;
    case MU_OP_UDIV: return a / b;
    case MU_OP_UREM: return a % b;
    case MU_OP_SDIV: return divide_signed(extended(a, bits), extended(b, bits), false);
    case MU_OP_SREM: return divide_signed(extended(a, bits), extended(b, bits), true);
    case MU_OP_SHL: return a << shift_count(b);
    case MU_OP_LSHR: return a >> shift_count(b);
    case MU_OP_ASHR: return (wide)(extended(a, bits) >> shift_count(b));
    case MU_OP_AND: return a & b;
    case MU_OP_OR: return a | b;
    case MU_OP_XOR: return a ^ b;
    default: MU_INVARIANT(false, "operation %d of wide ints", (int)op); return 0;
    }
}

static bool divides(mu_ir_op op)
{
    return op == MU_OP_UDIV || op == MU_OP_UREM || op == MU_OP_SDIV || op == MU_OP_SREM;
}

/* Toward zero; what does not fit gives the nearest that does, NaN gives 0. */
static wide wide_from_fp(double value, uint32_t bits, bool is_signed)
{
    double limit = ldexp(1.0, (int)(is_signed ? bits - 1 : bits));
    wide most = ~(wide)0 >> (WIDE_BITS - (is_signed ? bits - 1 : bits));
    if (isnan(value)) {
        return 0;
    }
    if (value >= limit) {
        return most;
    }
    if (!is_signed) {
        return value <= 0 ? 0 : (wide)value;
    }
    return value < -limit ? ~most : (wide)(signed_wide)value;
}

static uint64_t word_from_float(float value)
{
    uint64_t word = 0;
    memcpy(&word, &value, sizeof value);
    return word;
}

static uint64_t word_from_double(double value)
{
    uint64_t word;
    memcpy(&word, &value, sizeof word);
    return word;
}

static double fp_from_word(wide word, const mu_ir_type *type)
{
    double value;
    float single_value;
    memcpy(&value, &word, sizeof value);
    memcpy(&single_value, &word, sizeof single_value);
    return type->kind == MU_IR_FLOAT ? (double)single_value : value;
}

static wide fp_from_wide(wide value, const mu_ir_type *from, const mu_ir_type *to, bool is_signed)
{
    bool is_float = to->kind == MU_IR_FLOAT;
    if (is_signed) {
        signed_wide number = extended(value, from->bits);
        return is_float ? word_from_float((float)number) : word_from_double((double)number);
    }
    return is_float ? word_from_float((float)value) : word_from_double((double)value);
}

static wide convert(mu_ir_op op, const mu_ir_type *from, const mu_ir_type *to, wide value)
{
    switch ((int)op) {
    case MU_OP_TRUNC:
    case MU_OP_ZEXT:
    case MU_OP_PTRCAST: return value;
    case MU_OP_SEXT: return (wide)extended(value, from->bits);
    case MU_OP_FPTOUI: return wide_from_fp(fp_from_word(value, from), to->bits, false);
    case MU_OP_FPTOSI: return wide_from_fp(fp_from_word(value, from), to->bits, true);
    case MU_OP_UITOFP: return fp_from_wide(value, from, to, false);
    case MU_OP_SITOFP: return fp_from_wide(value, from, to, true);
    default: MU_INVARIANT(false, "conversion %d of wide ints", (int)op); return 0;
    }
}

/* ---- lanes in memory: of a vector, or the one value that there is */

static wide read_lane(const unsigned char *memory, const mu_ir_type *lane)
{
    wide value = 0;
    memcpy(&value, memory, lane->size_bytes);
    return value;
}

static void write_lane(unsigned char *memory, const mu_ir_type *lane, wide value)
{
    if (lane->kind == MU_IR_INT) {
        value = cut(value, lane->bits);
    }
    memcpy(memory, &value, lane->size_bytes);
}

static const mu_ir_type *lane_of(const mu_ir_type *type)
{
    return type->kind == MU_IR_VECTOR ? type->element : type;
}

static uint64_t lane_count(const mu_ir_type *type)
{
    return type->kind == MU_IR_VECTOR ? type->length : 1;
}

/* Where the instruction's result is to be, and its operands are. */
typedef struct operation {
    const mu_ir_inst *inst;
    const mu_ir_type *from; /* of a lane */
    const mu_ir_type *to;
    uint64_t lanes;
    unsigned char *result;
    const unsigned char *left;
    const unsigned char *right;
} operation;

/* False: division by zero. */
static bool perform_binary(const operation *at)
{
    uint64_t bytes = at->from->size_bytes;
    for (uint64_t i = 0; i < at->lanes; i++) {
        wide left = read_lane(at->left + i * bytes, at->from);
        wide right = read_lane(at->right + i * bytes, at->from);
        if (divides(at->inst->op) && !right) {
            return false;
        }
        write_lane(at->result + i * bytes, at->to,
                   binary(at->inst->op, left, right, at->from->bits));
    }
    return true;
}

static void perform_convert(const operation *at)
{
    for (uint64_t i = 0; i < at->lanes; i++) {
        wide value = read_lane(at->left + i * at->from->size_bytes, at->from);
        write_lane(at->result + i * at->to->size_bytes, at->to,
                   convert(at->inst->op, at->from, at->to, value));
    }
}

/* False: a lane refers to something else. An iref's offset is the word behind its base. */
static bool perform_cast(const operation *at)
{
    uint64_t bytes = at->from->size_bytes;
    for (uint64_t i = 0; i < at->lanes; i++) {
        uint64_t words[2] = {0, 0};
        memcpy(words, at->left + i * bytes, bytes);
        mu_ref base = {words[0]};
        if (base.address && !location_has_type(base, words[1], at->to->element)) {
            return false;
        }
        memcpy(at->result + i * bytes, words, bytes);
    }
    return true;
}

slice_end thread_memory_inst(mu_thread *thread)
{
    const mu_ir_inst *inst = thread->abi.site_inst;
    const mu_ir_version *version = thread->abi.site_version;
    const mu_ir_type *type = version->types[inst->types.first];
    operation at = {.inst = inst, .from = lane_of(type), .lanes = lane_count(type)};
    at.to = lane_of(version->variables[inst->results.first].type);
    at.result = (unsigned char *)(uintptr_t)thread->abi.gpr[0];
    at.left = (const unsigned char *)(uintptr_t)thread->abi.gpr[1];
    at.right = (const unsigned char *)(uintptr_t)thread->abi.gpr[2];
    if (inst->op == MU_OP_REFCAST) {
        return perform_cast(&at) ? SLICE_GOES_ON : thread_raise(thread, MU_GUEST_ERROR_WRONG_TYPE);
    }
    if (mu_ir_op_info_of(inst->op)->shape == MU_SHAPE_CONVERT) {
        perform_convert(&at);
        return SLICE_GOES_ON;
    }
    return perform_binary(&at) ? SLICE_GOES_ON
                               : thread_raise(thread, MU_GUEST_ERROR_DIVISION_BY_ZERO);
}
