/* Branches, calls, returns, traps, native calls, threads and stacks. Destinations and results are
 * checked for all instructions alike in body_rules.c. */
#include "verifier.h"

/* ------------------------------------------------------------------------------------ branches */

void mu_verify_check_branch2(mu_verifier *v)
{
    mu_verify_expect_that(v, 0, is_int_of(mu_verify_operand_type(v, 0), 1), "int<1>");
}

/* What tells two case values apart. */
typedef struct case_key {
    uint64_t low, high;
    uint64_t entity; /* a function, cell or exposed function is itself */
} case_key;

static case_key key_of(const mu_ir_entity *entity, const mu_ir_type *type)
{
    case_key key = {0};
    if (entity->kind != MU_IR_CONST) {
        key.entity = (uintptr_t)entity;
        return key;
    }
    const mu_ir_const *constant = (const mu_ir_const *)entity;
    if (constant->kind == MU_IR_CONST_INT) {
        /* -1 and 255 are the same int<8>. */
        uint32_t bits = type->kind == MU_IR_INT ? type->bits : 64;
        key.low = bits < 64 ? constant->low & ((UINT64_C(1) << bits) - 1) : constant->low;
        key.high = bits > 64 ? constant->high : 0;
    }
    return key;
}

static void check_case(mu_verifier *v, uint32_t index, const mu_ir_type *type, mu_map *seen)
{
    const mu_ir_version *version = v->version;
    mu_ir_value value = version->operands[v->inst->cases.first + index];
    const char *name = mu_ir_value_name(version, value);
    mu_location where = version->dests[v->inst->dests.first + index + 1].where;
    if (!mu_ir_value_is_global(value)) {
        mu_verify_complain_here(v, MU_INVALID, where, "the case %s of SWITCH is not a constant",
                                name);
        return;
    }
    const mu_ir_type *actual = mu_ir_value_type(version, value);
    if (!mu_verify_same_type(actual, type)) {
        mu_verify_complain_here(v, MU_INVALID, where, "the case %s of SWITCH is %s, expected %s",
                                name, mu_verify_text_of_type(actual).text,
                                mu_verify_text_of_type(type).text);
        return;
    }
    mu_ir_entity *entity = mu_ir_global_of(version, value);
    case_key *key = MU_ARENA_NEW(v->arena, case_key);
    *key = key_of(entity, type);
    const mu_ir_entity *before = mu_map_put(seen, key, sizeof *key, entity);
    if (before) {
        mu_verify_complain_here(v, MU_INVALID, where,
                                "the case %s of SWITCH has the same value as %s", name,
                                mu_verify_name_of(before));
    }
}

void mu_verify_check_switch(mu_verifier *v)
{
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    if (!mu_verify_is_eq_comparable(type)) {
        mu_verify_complain_type(v, type, "EQ-comparable");
        return;
    }
    mu_verify_expect_type(v, 0, type);
    mu_map *seen = mu_map_new();
    for (uint32_t i = 0; i < v->inst->cases.count; i++) {
        check_case(v, i, type, seen);
    }
    mu_map_free(seen);
}

/* --------------------------------------------------------------------------- calls and returns */

void mu_verify_check_call(mu_verifier *v)
{
    const mu_ir_sig *sig = mu_verify_inst_sig(v, 0);
    mu_verify_expect_function(v, 0, MU_IR_FUNCREF, sig);
    if (sig) {
        mu_verify_expect_list(v, 1, sig->params, sig->param_count, "argument");
    }
}

void mu_verify_check_tailcall(mu_verifier *v)
{
    mu_verify_check_call(v);
    const mu_ir_sig *sig = mu_verify_inst_sig(v, 0);
    const mu_ir_sig *own = v->version->sig;
    if (!sig) {
        return;
    }
    bool right = sig->result_count == own->result_count;
    for (uint32_t i = 0; right && i < own->result_count; i++) {
        right = mu_verify_same_type(sig->results[i], own->results[i]);
    }
    if (!right) {
        mu_verify_complain_inst(
            v, "calls %s, whose results are not those of this function's signature %s",
            mu_verify_name_of(&sig->entity), mu_verify_name_of(&own->entity));
    }
}

void mu_verify_check_ret(mu_verifier *v)
{
    mu_verify_expect_list(v, 0, v->version->sig->results, v->version->sig->result_count, "value");
}

void mu_verify_check_throw(mu_verifier *v)
{
    mu_verify_expect_that(v, 0, is_kind(mu_verify_operand_type(v, 0), MU_IR_REF), "a ref");
}

/* --------------------------------------------------------------------------------------- traps */

void mu_verify_check_trap(mu_verifier *v)
{
    mu_verify_expect_value_types(v, 0, v->inst->types.count);
}

void mu_verify_check_watchpoint(mu_verifier *v)
{
    /* A WATCHPOINT of id 0, by which handlers know a TRAP, is one: it cannot be disabled. */
    uint64_t lowest = v->inst->op == MU_OP_WATCHPOINT ? 0 : 1;
    if (v->inst->literal < lowest || v->inst->literal > UINT32_MAX) {
        mu_verify_complain_inst(v, "has the id %llu; ids are %u to 4294967295",
                                (unsigned long long)v->inst->literal, (unsigned)lowest);
    }
    mu_verify_expect_value_types(v, 0, v->inst->types.count);
}

/* -------------------------------------------------------------------------------- native calls */

void mu_verify_check_ccall(mu_verifier *v)
{
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    const mu_ir_sig *sig = mu_verify_inst_sig(v, 0);
    const char *flag = mu_verify_inst_flag(v, 0);
    if (!mu_verify_is_known_convention(flag)) {
        mu_verify_complain_inst(v, "has the calling convention %s; the one there is is #DEFAULT",
                                flag ? flag : "(none)");
    }
    if (!sig || !is_kind(type, MU_IR_UFUNCPTR) || type->sig->canonical != sig->canonical) {
        mu_verify_complain_type(v, type, "ufuncptr of the written signature");
        return;
    }
    const char *fault = mu_verify_native_sig_fault(v, sig);
    if (fault) {
        mu_verify_complain_inst(v, "cannot call C: the signature %s %s",
                                mu_verify_name_of(&sig->entity), fault);
    }
    mu_verify_expect_type(v, 0, type);
    mu_verify_expect_list(v, 1, sig->params, sig->param_count, "argument");
}

/* -------------------------------------------------------------------------- threads and stacks */

/* The new-stack clause, whose operands begin at `first`: an exception, or values of the types from
 * `types_first` on. */
static void check_new_stack(mu_verifier *v, uint32_t first, uint32_t types_first)
{
    if (v->inst->throws_exc) {
        mu_verify_expect_that(v, first, is_kind(mu_verify_operand_type(v, first), MU_IR_REF),
                              "a ref, to throw");
        return;
    }
    uint32_t count = v->inst->types.count - types_first;
    mu_verify_expect_value_types(v, types_first, count);
    mu_verify_expect_list(v, first, v->version->types + v->inst->types.first + types_first, count,
                          "passed value");
}

void mu_verify_check_newthread(mu_verifier *v)
{
    mu_verify_expect_that(v, 0, is_kind(mu_verify_operand_type(v, 0), MU_IR_STACKREF), "stackref");
    if (v->inst->has_threadlocal) {
        mu_verify_expect_that(v, 1, is_kind(mu_verify_operand_type(v, 1), MU_IR_REF),
                              "a ref, for a thread-local");
    }
    check_new_stack(v, v->inst->has_threadlocal ? 2 : 1, 0);
}

void mu_verify_check_swapstack(mu_verifier *v)
{
    mu_verify_expect_that(v, 0, is_kind(mu_verify_operand_type(v, 0), MU_IR_STACKREF), "stackref");
    mu_verify_expect_value_types(v, 0, v->inst->pass_types_first);
    check_new_stack(v, 1, v->inst->pass_types_first);
}
