/* Allocation, addressing, accesses and fences (instruction-set.rest, Memory Operations;
 * memory-model.rest, Memory Orders). */
#include "verifier.h"

enum {
    ORDER_NOT_ATOMIC = 1 << MU_ORDER_NOT_ATOMIC,
    ORDER_RELAXED = 1 << MU_ORDER_RELAXED,
    ORDER_CONSUME = 1 << MU_ORDER_CONSUME,
    ORDER_ACQUIRE = 1 << MU_ORDER_ACQUIRE,
    ORDER_RELEASE = 1 << MU_ORDER_RELEASE,
    ORDER_ACQ_REL = 1 << MU_ORDER_ACQ_REL,
    ORDER_SEQ_CST = 1 << MU_ORDER_SEQ_CST,

    ORDERS_LOAD = ORDER_NOT_ATOMIC | ORDER_RELAXED | ORDER_CONSUME | ORDER_ACQUIRE | ORDER_SEQ_CST,
    ORDERS_STORE = ORDER_NOT_ATOMIC | ORDER_RELAXED | ORDER_RELEASE | ORDER_SEQ_CST,
    ORDERS_UPDATE = ORDER_RELAXED | ORDER_ACQUIRE | ORDER_RELEASE | ORDER_ACQ_REL | ORDER_SEQ_CST,
    ORDERS_FAILURE = ORDER_RELAXED | ORDER_ACQUIRE | ORDER_SEQ_CST,
    ORDERS_FENCE = ORDER_ACQUIRE | ORDER_RELEASE | ORDER_ACQ_REL | ORDER_SEQ_CST,
};

/* ---------------------------------------------------------------------------------- allocation */

void mu_verify_check_new(mu_verifier *v)
{
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    if (is_kind(type, MU_IR_HYBRID)) {
        mu_verify_complain_type(v, type,
                                v->inst->op == MU_OP_NEW ? "of fixed length: use NEWHYBRID"
                                                         : "of fixed length: use ALLOCAHYBRID");
    }
}

void mu_verify_check_newhybrid(mu_verifier *v)
{
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    const mu_ir_type *length = mu_verify_inst_type(v, 1);
    if (!is_kind(type, MU_IR_HYBRID)) {
        mu_verify_complain_type(v, type, "a hybrid");
    }
    if (!is_kind(length, MU_IR_INT)) {
        mu_verify_complain_type(v, length, "int, for a length");
        return;
    }
    mu_verify_expect_type(v, 0, length);
}

/* ---------------------------------------------------------------------------------- addressing */

void mu_verify_check_getiref(mu_verifier *v)
{
    mu_verify_expect_reference(v, 0, MU_IR_REF, mu_verify_inst_type(v, 0));
}

void mu_verify_check_getfield(mu_verifier *v)
{
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    if (!is_kind(type, MU_IR_STRUCT) && !is_kind(type, MU_IR_HYBRID)) {
        mu_verify_complain_type(v, type, "a struct or hybrid");
        return;
    }
    mu_verify_expect_reference(v, 0, MU_IR_IREF, type);
    if (v->inst->literal >= type->field_count) {
        mu_verify_complain_inst(v, "has field index %llu, but %s has %u fields",
                                (unsigned long long)v->inst->literal,
                                mu_verify_text_of_type(type).text, type->field_count);
    }
}

void mu_verify_check_getelem(mu_verifier *v)
{
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    const mu_ir_type *index = mu_verify_inst_type(v, 1);
    if (v->inst->op == MU_OP_GETELEMIREF && !is_kind(type, MU_IR_ARRAY)) {
        mu_verify_complain_type(v, type, "an array");
        return;
    }
    if (!is_kind(index, MU_IR_INT)) {
        mu_verify_complain_type(v, index, "int, for an index");
        return;
    }
    mu_verify_expect_reference(v, 0, MU_IR_IREF, type);
    mu_verify_expect_type(v, 1, index);
}

void mu_verify_check_getvarpart(mu_verifier *v)
{
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    if (!is_kind(type, MU_IR_HYBRID)) {
        mu_verify_complain_type(v, type, "a hybrid");
        return;
    }
    mu_verify_expect_reference(v, 0, MU_IR_IREF, type);
}

/* ------------------------------------------------------------------------------------ accesses */

static void check_order(mu_verifier *v, uint8_t order, uint32_t legal, const char *which)
{
    if (!(legal >> order & 1)) {
        mu_verify_complain_inst(v, "cannot have the memory order %s%s",
                                mu_ir_order_name((mu_ir_order)order), which);
    }
}

/* Whether a location of this type can be read or written: its strong variant is a value type. */
static bool is_accessible(mu_verifier *v, const mu_ir_type *type)
{
    return is_kind(type, MU_IR_WEAKREF) || mu_verify_is_value_type(v, type);
}

/* Operand `index` has the strong variant of the accessed type. */
static void expect_strong(mu_verifier *v, uint32_t index, const mu_ir_type *type)
{
    if (!is_kind(type, MU_IR_WEAKREF)) {
        mu_verify_expect_type(v, index, type);
        return;
    }
    const mu_ir_type *actual = mu_verify_operand_type(v, index);
    mu_ir_type strong = {.kind = MU_IR_REF, .element = type->element};
    mu_verify_expect_that(
        v, index, is_kind(actual, MU_IR_REF) && mu_verify_same_type(actual->element, type->element),
        mu_verify_text_of_type(&strong).text);
}

/* The accessed type, after the rules that all accesses share; NULL if it broke one. */
static const mu_ir_type *accessed_type(mu_verifier *v)
{
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    if (!is_accessible(v, type)) {
        mu_verify_complain_type(v, type, "one that values can have, or weakref");
        return NULL;
    }
    if (v->inst->order != MU_ORDER_NOT_ATOMIC && !mu_verify_is_scalar(type)) {
        mu_verify_complain_type(v, type, "scalar, for an atomic access");
        return NULL;
    }
    mu_verify_expect_reference(v, 0, MU_IR_IREF, type);
    return type;
}

void mu_verify_check_load(mu_verifier *v)
{
    check_order(v, v->inst->order, ORDERS_LOAD, "");
    (void)accessed_type(v);
}

void mu_verify_check_store(mu_verifier *v)
{
    check_order(v, v->inst->order, ORDERS_STORE, "");
    const mu_ir_type *type = accessed_type(v);
    if (type) {
        expect_strong(v, 1, type);
    }
}

void mu_verify_check_cmpxchg(mu_verifier *v)
{
    check_order(v, v->inst->order, ORDERS_UPDATE, " on success");
    check_order(v, v->inst->order_fail, ORDERS_FAILURE, " on failure");
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    if (!mu_verify_is_eq_comparable(type) && !is_fp(type) && !is_kind(type, MU_IR_WEAKREF)) {
        mu_verify_complain_type(v, type, "EQ-comparable, float or double");
        return;
    }
    mu_verify_expect_reference(v, 0, MU_IR_IREF, type);
    expect_strong(v, 1, type);
    expect_strong(v, 2, type);
}

void mu_verify_check_atomicrmw(mu_verifier *v)
{
    check_order(v, v->inst->order, ORDERS_UPDATE, "");
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    if (v->inst->rmw != MU_RMW_XCHG && !is_kind(type, MU_IR_INT)) {
        mu_verify_complain_inst(v, "%s <%s>: the type must be int",
                                mu_ir_rmw_name((mu_ir_rmw)v->inst->rmw),
                                mu_verify_text_of_type(type).text);
        return;
    }
    if (!mu_verify_is_scalar(type)) {
        mu_verify_complain_type(v, type, "scalar, for an atomic access");
        return;
    }
    mu_verify_expect_reference(v, 0, MU_IR_IREF, type);
    expect_strong(v, 1, type);
}

void mu_verify_check_fence(mu_verifier *v)
{
    check_order(v, v->inst->order, ORDERS_FENCE, "");
}
