/* Operations on values: binary, comparison, conversion, SELECT, and taking aggregates apart. */
#include "verifier.h"

/* ----------------------------------------------------------------------- binary and comparison */

void mu_verify_check_binary(mu_verifier *v)
{
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    bool is_fp_op = v->inst->op >= MU_OP_FADD && v->inst->op <= MU_OP_FREM;
    const mu_ir_type *lane = mu_verify_lane_of(type);
    if (is_fp_op ? !is_fp(lane) : !is_kind(lane, MU_IR_INT)) {
        mu_verify_complain_type(
            v, type, is_fp_op ? "float, double or a vector of one" : "int or a vector of int");
        return;
    }
    mu_verify_expect_type(v, 0, type);
    mu_verify_expect_type(v, 1, type);
}

void mu_verify_check_compare(mu_verifier *v)
{
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    const mu_ir_type *lane = mu_verify_lane_of(type);
    const char *expected;
    bool right;
    if (v->inst->op >= MU_OP_FFALSE && v->inst->op <= MU_OP_FOLE) {
        expected = "float, double or a vector of one";
        right = is_fp(lane);
    } else if (v->inst->op == MU_OP_EQ || v->inst->op == MU_OP_NE) {
        expected = "EQ-comparable or a vector of such";
        right = mu_verify_is_eq_comparable(lane);
    } else if (v->inst->op >= MU_OP_UGE && v->inst->op <= MU_OP_ULT) {
        expected = "ULT-comparable (int, iref, pointers) or a vector of such";
        right = mu_verify_is_ult_comparable(lane);
    } else {
        expected = "int or a vector of int";
        right = is_kind(lane, MU_IR_INT);
    }
    if (!right) {
        mu_verify_complain_type(v, type, expected);
        return;
    }
    mu_verify_expect_type(v, 0, type);
    mu_verify_expect_type(v, 1, type);
}

/* ---------------------------------------------------------------------------------- conversion */

static uint32_t fp_bits(const mu_ir_type *type)
{
    return type->kind == MU_IR_FLOAT ? 32 : 64;
}

static bool may_bitcast(const mu_ir_type *from, const mu_ir_type *to)
{
    if (is_kind(from, MU_IR_INT) && is_fp(to)) {
        return from->bits == fp_bits(to);
    }
    return is_fp(from) && is_kind(to, MU_IR_INT) && to->bits == fp_bits(from);
}

static bool may_refcast(const mu_ir_type *from, const mu_ir_type *to)
{
    return from->kind == to->kind &&
           (from->kind == MU_IR_REF || from->kind == MU_IR_IREF || from->kind == MU_IR_FUNCREF);
}

static bool may_ptrcast(const mu_ir_type *from, const mu_ir_type *to)
{
    bool from_int = is_kind(from, MU_IR_INT);
    bool to_int = is_kind(to, MU_IR_INT);
    return (is_pointer(from) || from_int) && (is_pointer(to) || to_int) && !(from_int && to_int);
}

/* The rule for single elements: NULL when it holds, else what it demands. */
static const char *convert_fault(mu_ir_op op, const mu_ir_type *from, const mu_ir_type *to)
{
    bool ints = is_kind(from, MU_IR_INT) && is_kind(to, MU_IR_INT);
    switch (op) {
    case MU_OP_TRUNC: return ints && from->bits > to->bits ? NULL : "from int to a narrower int";
    case MU_OP_ZEXT:
    case MU_OP_SEXT: return ints && from->bits < to->bits ? NULL : "from int to a wider int";
    case MU_OP_FPTRUNC:
        return is_kind(from, MU_IR_DOUBLE) && is_kind(to, MU_IR_FLOAT) ? NULL
                                                                       : "from double to float";
    case MU_OP_FPEXT:
        return is_kind(from, MU_IR_FLOAT) && is_kind(to, MU_IR_DOUBLE) ? NULL
                                                                       : "from float to double";
    case MU_OP_FPTOUI:
    case MU_OP_FPTOSI:
        return is_fp(from) && is_kind(to, MU_IR_INT) ? NULL : "from float or double to int";
    case MU_OP_UITOFP:
    case MU_OP_SITOFP:
        return is_kind(from, MU_IR_INT) && is_fp(to) ? NULL : "from int to float or double";
    case MU_OP_BITCAST:
        return may_bitcast(from, to) ? NULL : "between int and float or double of the same size";
    case MU_OP_REFCAST:
        return may_refcast(from, to) ? NULL : "between two ref, two iref or two funcref types";
    default:
        return may_ptrcast(from, to) ? NULL : "between uptr, ufuncptr and int, not from int to int";
    }
}

void mu_verify_check_convert(mu_verifier *v)
{
    const mu_ir_type *from = mu_verify_inst_type(v, 0);
    const mu_ir_type *to = mu_verify_inst_type(v, 1);
    if (!from || !to) {
        return;
    }
    const char *fault =
        mu_verify_same_lanes(from, to)
            ? convert_fault(v->inst->op, mu_verify_lane_of(from), mu_verify_lane_of(to))
            : "between vectors of the same length, or between scalars";
    if (fault) {
        mu_verify_complain_inst(v, "converts %s to %s; it goes %s",
                                mu_verify_text_of_type(from).text, mu_verify_text_of_type(to).text,
                                fault);
        return;
    }
    mu_verify_expect_type(v, 0, from);
}

void mu_verify_check_select(mu_verifier *v)
{
    const mu_ir_type *condition = mu_verify_inst_type(v, 0);
    const mu_ir_type *type = mu_verify_inst_type(v, 1);
    bool is_vector = is_kind(condition, MU_IR_VECTOR);
    if (!is_int_of(mu_verify_lane_of(condition), 1)) {
        mu_verify_complain_type(v, condition, "int<1> or a vector of int<1>");
        return;
    }
    if (is_vector && !mu_verify_same_lanes(condition, type)) {
        mu_verify_complain_type(v, type, "a vector as long as that of the conditions");
        return;
    }
    mu_verify_expect_type(v, 0, condition);
    mu_verify_expect_type(v, 1, type);
    mu_verify_expect_type(v, 2, type);
}

/* ---------------------------------------------------------------------------------- aggregates */

void mu_verify_check_field(mu_verifier *v)
{
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    if (!is_kind(type, MU_IR_STRUCT)) {
        mu_verify_complain_type(v, type, "a struct");
        return;
    }
    mu_verify_expect_type(v, 0, type);
    if (v->inst->literal >= type->field_count) {
        mu_verify_complain_inst(v, "has field index %llu, but %s has %u fields",
                                (unsigned long long)v->inst->literal,
                                mu_verify_text_of_type(type).text, type->field_count);
    } else if (v->inst->op == MU_OP_INSERTVALUE) {
        mu_verify_expect_type(v, 1, type->fields[v->inst->literal]);
    }
}

void mu_verify_check_element(mu_verifier *v)
{
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    const mu_ir_type *index = mu_verify_inst_type(v, 1);
    if (!is_kind(type, MU_IR_ARRAY) && !is_kind(type, MU_IR_VECTOR)) {
        mu_verify_complain_type(v, type, "an array or vector");
        return;
    }
    if (!is_kind(index, MU_IR_INT)) {
        mu_verify_complain_type(v, index, "int, for an index");
        return;
    }
    mu_verify_expect_type(v, 0, type);
    mu_verify_expect_type(v, 1, index);
    if (v->inst->op == MU_OP_INSERTELEMENT) {
        mu_verify_expect_type(v, 2, type->element);
    }
}

void mu_verify_check_shuffle(mu_verifier *v)
{
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    const mu_ir_type *mask = mu_verify_inst_type(v, 1);
    if (!is_kind(type, MU_IR_VECTOR)) {
        mu_verify_complain_type(v, type, "a vector");
        return;
    }
    if (!is_kind(mask, MU_IR_VECTOR) || !is_kind(mask->element, MU_IR_INT)) {
        mu_verify_complain_type(v, mask, "a vector of int, for a mask");
        return;
    }
    mu_verify_expect_type(v, 0, type);
    mu_verify_expect_type(v, 1, type);
    mu_verify_expect_type(v, 2, mask);
}
