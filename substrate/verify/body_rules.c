/* What holds for every instruction whatever it does: blocks and their ends, destinations, where a
 * local variable may be used, how many results there are; and what the rules of single shapes use
 * to look at the instruction at hand. */
#include "verifier.h"

#define NO_INST UINT32_MAX

/* --------------------------------------------------------------------- looking at an instruction
 */

const mu_ir_type *mu_verify_operand_type(const mu_verifier *v, uint32_t index)
{
    if (index >= v->inst->operands.count) {
        return NULL;
    }
    mu_ir_value value = v->version->operands[v->inst->operands.first + index];
    return mu_ir_value_type(v->version, value);
}

mu_ir_type *mu_verify_inst_type(const mu_verifier *v, uint32_t index)
{
    return index < v->inst->types.count ? v->version->types[v->inst->types.first + index] : NULL;
}

mu_ir_sig *mu_verify_inst_sig(const mu_verifier *v, uint32_t index)
{
    return index < v->inst->sigs.count ? v->version->sigs[v->inst->sigs.first + index] : NULL;
}

const char *mu_verify_inst_flag(const mu_verifier *v, uint32_t index)
{
    return index < v->inst->flags.count ? v->version->flags[v->inst->flags.first + index] : NULL;
}

void mu_verify_expect_that(mu_verifier *v, uint32_t index, bool right, const char *expected)
{
    const mu_ir_type *actual = mu_verify_operand_type(v, index);
    if (actual && !right) {
        mu_verify_complain_here(
            v, MU_INVALID, v->inst->entity.where, "operand %u of %s is %s, expected %s", index + 1,
            mu_verify_name_of_inst(v->inst), mu_verify_text_of_type(actual).text, expected);
    }
}

bool mu_verify_expect_type(mu_verifier *v, uint32_t index, const mu_ir_type *expected)
{
    bool right = mu_verify_same_type(mu_verify_operand_type(v, index), expected);
    mu_verify_expect_that(v, index, right, mu_verify_text_of_type(expected).text);
    return right;
}

void mu_verify_expect_reference(mu_verifier *v, uint32_t index, mu_ir_type_kind kind,
                                const mu_ir_type *referent)
{
    const mu_ir_type *actual = mu_verify_operand_type(v, index);
    mu_ir_type wanted = {
        .kind = v->inst->is_ptr ? MU_IR_UPTR : kind,
        .element = (mu_ir_type *)(uintptr_t)referent,
    };
    bool right = is_kind(actual, wanted.kind) && mu_verify_same_type(actual->element, referent);
    mu_verify_expect_that(v, index, right, mu_verify_text_of_type(&wanted).text);
}

void mu_verify_expect_function(mu_verifier *v, uint32_t index, mu_ir_type_kind kind,
                               const mu_ir_sig *sig)
{
    const mu_ir_type *actual = mu_verify_operand_type(v, index);
    mu_ir_type wanted = {.kind = kind, .sig = (mu_ir_sig *)(uintptr_t)sig};
    bool right =
        is_kind(actual, kind) && (!sig || !actual->sig || actual->sig->canonical == sig->canonical);
    mu_verify_expect_that(v, index, right, mu_verify_text_of_type(&wanted).text);
}

void mu_verify_complain_type(mu_verifier *v, const mu_ir_type *type, const char *expected)
{
    mu_verify_complain_here(v, MU_INVALID, v->inst->entity.where, "%s <%s>: the type must be %s",
                            mu_verify_name_of_inst(v->inst), mu_verify_text_of_type(type).text,
                            expected);
}

void mu_verify_expect_list(mu_verifier *v, uint32_t first, mu_ir_type *const *types, uint32_t count,
                           const char *what)
{
    uint32_t have = v->inst->operands.count > first ? v->inst->operands.count - first : 0;
    if (have != count) {
        mu_verify_complain_inst(v, "has %u %ss, expected %u", have, what, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const mu_ir_type *actual = mu_verify_operand_type(v, first + i);
        if (!mu_verify_same_type(actual, types[i])) {
            mu_verify_complain_here(
                v, MU_INVALID, v->inst->entity.where, "%s %u of %s is %s, expected %s", what, i + 1,
                mu_verify_name_of_inst(v->inst), mu_verify_text_of_type(actual).text,
                mu_verify_text_of_type(types[i]).text);
        }
    }
}

void mu_verify_expect_value_types(mu_verifier *v, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!mu_verify_is_value_type(v, mu_verify_inst_type(v, first + i))) {
            mu_verify_complain_type(v, mu_verify_inst_type(v, first + i),
                                    "one that values can have");
        }
    }
}

/* ---------------------------------------------------------------------------------- terminators */

static bool is_terminator(const mu_ir_inst *inst)
{
    return inst->has_exc || (mu_ir_op_info_of(inst->op)->flags & MU_OP_FLAG_TERM) ||
           (inst->op == MU_OP_SWAPSTACK && inst->kills_old) ||
           (inst->op == MU_OP_COMMINST && inst->comminst == MU_COMMINST_THREAD_EXIT);
}

static void check_end(mu_verifier *v, uint32_t index)
{
    bool is_last = index + 1 == v->block->insts.count;
    if (is_last && !is_terminator(v->inst)) {
        mu_verify_complain_inst(v, "ends the block, but is not a terminator");
    }
    if (!is_last && is_terminator(v->inst)) {
        mu_verify_complain_inst(v, "is a terminator, but not the last instruction of its block");
    }
}

static void check_exc_clause(mu_verifier *v)
{
    const mu_ir_inst *inst = v->inst;
    bool may = inst->op == MU_OP_COMMINST ? mu_verify_comminst_may_throw(inst->comminst)
                                          : (mu_ir_op_info_of(inst->op)->flags & MU_OP_FLAG_EXC) ||
                                                inst->op == MU_OP_WATCHPOINT;
    if (inst->has_exc && !may) {
        mu_verify_complain_inst(v, "cannot have an exception clause");
    }
}

/* ------------------------------------------------------------------------------ local variables */

/* Checks a use of a local variable by the instruction at hand; its own results count as defined
 * where `after` says that the use comes after it. */
static void check_use(mu_verifier *v, mu_ir_value value, bool after, mu_location where)
{
    if (mu_ir_value_is_global(value)) {
        return;
    }
    const mu_ir_variable *variable = &v->version->variables[mu_ir_value_index(value)];
    uint32_t here = (uint32_t)(v->inst - v->version->insts);
    const char *name = mu_ir_value_name(v->version, value);
    if (variable->block != v->inst->block) {
        mu_verify_complain_here(v, MU_INVALID, where,
                                "%s uses %s, which belongs to another block: pass it as "
                                "an argument",
                                mu_verify_name_of_inst(v->inst), name);
    } else if (variable->inst == here && !after) {
        mu_verify_complain_here(v, MU_INVALID, where, "%s uses its own result %s where it has none",
                                mu_verify_name_of_inst(v->inst), name);
    } else if (variable->inst != NO_INST && variable->inst > here) {
        mu_verify_complain_here(v, MU_INVALID, where, "%s uses %s before its definition",
                                mu_verify_name_of_inst(v->inst), name);
    }
}

static void check_uses(mu_verifier *v)
{
    const mu_ir_inst *inst = v->inst;
    for (uint32_t i = 0; i < inst->operands.count; i++) {
        check_use(v, v->version->operands[inst->operands.first + i], false, inst->entity.where);
    }
    for (uint32_t i = 0; i < inst->keepalives.count; i++) {
        mu_ir_value value = v->version->operands[inst->keepalives.first + i];
        if (mu_ir_value_is_global(value)) {
            mu_verify_complain_inst(v, "keeps %s alive, which is not a local variable",
                                    mu_ir_value_name(v->version, value));
        }
        check_use(v, value, false, inst->entity.where);
    }
}

/* --------------------------------------------------------------------------------- destinations */

/* Whether destination `index` is taken with an exception. */
static bool is_exceptional(const mu_ir_inst *inst, uint32_t index)
{
    return inst->has_exc && index == (inst->op == MU_OP_WATCHPOINT ? 2 : 1);
}

/* Whether destination `index` may use the instruction's results. */
static bool has_results_in(const mu_ir_inst *inst, uint32_t index)
{
    return index == (inst->op == MU_OP_WATCHPOINT ? 1 : 0);
}

static void check_arguments(mu_verifier *v, const mu_ir_dest *dest, const mu_ir_block *target)
{
    const mu_ir_version *version = v->version;
    const char *inst = mu_verify_name_of_inst(v->inst);
    if (dest->args.count != target->params.count) {
        mu_verify_complain_here(
            v, MU_INVALID, dest->where, "%s to %s passes %u arguments, its parameters are %u", inst,
            mu_verify_name_of(&target->entity), dest->args.count, target->params.count);
        return;
    }
    for (uint32_t i = 0; i < dest->args.count; i++) {
        mu_ir_value value = version->operands[dest->args.first + i];
        const mu_ir_type *actual = mu_ir_value_type(version, value);
        const mu_ir_type *wanted = version->variables[target->params.first + i].type;
        if (!mu_verify_same_type(actual, wanted)) {
            mu_verify_complain_here(
                v, MU_INVALID, dest->where, "argument %u of %s to %s is %s, expected %s", i + 1,
                inst, mu_verify_name_of(&target->entity), mu_verify_text_of_type(actual).text,
                mu_verify_text_of_type(wanted).text);
        }
    }
}

static void check_dest(mu_verifier *v, uint32_t index)
{
    const mu_ir_dest *dest = &v->version->dests[v->inst->dests.first + index];
    const mu_ir_block *target = &v->version->blocks[dest->block];
    for (uint32_t i = 0; i < dest->args.count; i++) {
        check_use(v, v->version->operands[dest->args.first + i], has_results_in(v->inst, index),
                  dest->where);
    }
    if (dest->block == 0) {
        mu_verify_complain_here(v, MU_INVALID, dest->where, "%s goes to the entry block %s",
                                mu_verify_name_of_inst(v->inst),
                                mu_verify_name_of(&target->entity));
        return;
    }
    if (target->has_exc_param && !is_exceptional(v->inst, index)) {
        mu_verify_complain_here(
            v, MU_INVALID, dest->where,
            "%s goes to %s without an exception, which has an exception parameter",
            mu_verify_name_of_inst(v->inst), mu_verify_name_of(&target->entity));
    }
    check_arguments(v, dest, target);
}

/* -------------------------------------------------------------------------------------- results */

static uint32_t result_count(const mu_verifier *v)
{
    const mu_ir_inst *inst = v->inst;
    switch (mu_ir_op_info_of(inst->op)->shape) {
    case MU_SHAPE_CMPXCHG: return 2;
    case MU_SHAPE_CALL:
    case MU_SHAPE_CCALL:
        return mu_verify_inst_sig(v, 0) ? mu_verify_inst_sig(v, 0)->result_count
                                        : inst->results.count;
    case MU_SHAPE_TRAP:
    case MU_SHAPE_WATCHPOINT: return inst->types.count;
    case MU_SHAPE_SWAPSTACK: return inst->pass_types_first;
    case MU_SHAPE_COMMINST: return mu_verify_comminst_result_count(inst->comminst);
    case MU_SHAPE_BRANCH:
    case MU_SHAPE_BRANCH2:
    case MU_SHAPE_SWITCH:
    case MU_SHAPE_TAILCALL:
    case MU_SHAPE_RET:
    case MU_SHAPE_THROW:
    case MU_SHAPE_STORE:
    case MU_SHAPE_FENCE:
    case MU_SHAPE_WPBRANCH: return 0;
    case MU_SHAPE_BINARY:
    case MU_SHAPE_COMPARE:
    case MU_SHAPE_CONVERT:
    case MU_SHAPE_SELECT:
    case MU_SHAPE_FIELD:
    case MU_SHAPE_ELEMENT:
    case MU_SHAPE_SHUFFLE:
    case MU_SHAPE_NEW:
    case MU_SHAPE_NEWHYBRID:
    case MU_SHAPE_GETIREF:
    case MU_SHAPE_GETFIELD:
    case MU_SHAPE_GETELEM:
    case MU_SHAPE_GETVARPART:
    case MU_SHAPE_LOAD:
    case MU_SHAPE_ATOMICRMW:
    case MU_SHAPE_NEWTHREAD: return 1;
    }
    return 1;
}

static void check_results(mu_verifier *v)
{
    uint32_t wanted = result_count(v);
    if (v->inst->results.count != wanted) {
        mu_verify_complain_inst(v, "has %u results, but %u are named", wanted,
                                v->inst->results.count);
    }
}

/* ------------------------------------------------------------------------------- instructions */

static void check_shape(mu_verifier *v)
{
    switch (mu_ir_op_info_of(v->inst->op)->shape) {
    case MU_SHAPE_BINARY: mu_verify_check_binary(v); break;
    case MU_SHAPE_COMPARE: mu_verify_check_compare(v); break;
    case MU_SHAPE_CONVERT: mu_verify_check_convert(v); break;
    case MU_SHAPE_SELECT: mu_verify_check_select(v); break;
    case MU_SHAPE_BRANCH: break;
    case MU_SHAPE_BRANCH2: mu_verify_check_branch2(v); break;
    case MU_SHAPE_SWITCH: mu_verify_check_switch(v); break;
    case MU_SHAPE_CALL: mu_verify_check_call(v); break;
    case MU_SHAPE_TAILCALL: mu_verify_check_tailcall(v); break;
    case MU_SHAPE_RET: mu_verify_check_ret(v); break;
    case MU_SHAPE_THROW: mu_verify_check_throw(v); break;
    case MU_SHAPE_FIELD: mu_verify_check_field(v); break;
    case MU_SHAPE_ELEMENT: mu_verify_check_element(v); break;
    case MU_SHAPE_SHUFFLE: mu_verify_check_shuffle(v); break;
    case MU_SHAPE_NEW: mu_verify_check_new(v); break;
    case MU_SHAPE_NEWHYBRID: mu_verify_check_newhybrid(v); break;
    case MU_SHAPE_GETIREF: mu_verify_check_getiref(v); break;
    case MU_SHAPE_GETFIELD: mu_verify_check_getfield(v); break;
    case MU_SHAPE_GETELEM: mu_verify_check_getelem(v); break;
    case MU_SHAPE_GETVARPART: mu_verify_check_getvarpart(v); break;
    case MU_SHAPE_LOAD: mu_verify_check_load(v); break;
    case MU_SHAPE_STORE: mu_verify_check_store(v); break;
    case MU_SHAPE_CMPXCHG: mu_verify_check_cmpxchg(v); break;
    case MU_SHAPE_ATOMICRMW: mu_verify_check_atomicrmw(v); break;
    case MU_SHAPE_FENCE: mu_verify_check_fence(v); break;
    case MU_SHAPE_TRAP: mu_verify_check_trap(v); break;
    case MU_SHAPE_WATCHPOINT:
    case MU_SHAPE_WPBRANCH: mu_verify_check_watchpoint(v); break;
    case MU_SHAPE_CCALL: mu_verify_check_ccall(v); break;
    case MU_SHAPE_NEWTHREAD: mu_verify_check_newthread(v); break;
    case MU_SHAPE_SWAPSTACK: mu_verify_check_swapstack(v); break;
    case MU_SHAPE_COMMINST: mu_verify_check_comminst(v); break;
    }
}

static void check_inst(mu_verifier *v, uint32_t index)
{
    uint64_t before = v->invalid;
    check_end(v, index);
    check_exc_clause(v);
    check_uses(v);
    check_shape(v);
    check_results(v);
    for (uint32_t i = 0; i < v->inst->dests.count; i++) {
        check_dest(v, i);
    }
    if (v->invalid == before && !mu_verify_refuse_native_inst(v)) {
        mu_verify_refuse_uncompiled_inst(v);
    }
}

/* --------------------------------------------------------------------------- blocks, versions */

static void check_param_types(mu_verifier *v)
{
    for (uint32_t i = 0; i < v->block->params.count; i++) {
        const mu_ir_variable *param = &v->version->variables[v->block->params.first + i];
        if (mu_verify_is_value_type(v, param->type)) {
            mu_verify_refuse_uncompiled_param(v, param);
        } else {
            mu_verify_complain_here(
                v, MU_INVALID, param->entity.where, "parameter %s is %s, which no value can have",
                mu_verify_name_of(&param->entity), mu_verify_text_of_type(param->type).text);
        }
    }
}

/* The entry block repeats the signature's parameters, so that they are checked there. */
static void check_entry(mu_verifier *v)
{
    const mu_ir_block *entry = v->block;
    const mu_ir_sig *sig = v->version->sig;
    if (entry->has_exc_param) {
        mu_verify_complain_here(v, MU_INVALID, entry->entity.where,
                                "the entry block cannot have an exception parameter");
    }
    if (entry->params.count != sig->param_count) {
        mu_verify_complain_here(v, MU_INVALID, entry->entity.where,
                                "the entry block has %u parameters, the signature %s has %u",
                                entry->params.count, mu_verify_name_of(&sig->entity),
                                sig->param_count);
        return;
    }
    for (uint32_t i = 0; i < sig->param_count; i++) {
        const mu_ir_variable *param = &v->version->variables[entry->params.first + i];
        if (!mu_verify_same_type(param->type, sig->params[i])) {
            mu_verify_complain_here(
                v, MU_INVALID, param->entity.where, "parameter %s is %s, the signature %s has %s",
                mu_verify_name_of(&param->entity), mu_verify_text_of_type(param->type).text,
                mu_verify_name_of(&sig->entity), mu_verify_text_of_type(sig->params[i]).text);
        }
    }
}

static void check_block(mu_verifier *v)
{
    if (v->block == v->version->blocks) {
        check_entry(v);
    } else {
        check_param_types(v);
    }
    if (!v->block->insts.count) {
        mu_verify_complain_here(v, MU_INVALID, v->block->entity.where,
                                "the block has no instructions");
    }
    for (uint32_t i = 0; i < v->block->insts.count; i++) {
        v->inst = &v->version->insts[v->block->insts.first + i];
        check_inst(v, i);
    }
    v->inst = NULL;
}

void mu_verify_check_version(mu_verifier *v, const mu_ir_version *version)
{
    v->version = version;
    if (version->sig->canonical != version->func->sig->canonical) {
        mu_verify_refuse(v, MU_INVALID, version->entity.where,
                         "%s has the signature %s, but its function %s has %s",
                         mu_verify_name_of(&version->entity),
                         mu_verify_name_of(&version->sig->entity),
                         mu_verify_name_of(&version->func->entity),
                         mu_verify_name_of(&version->func->sig->entity));
    }
    mu_verify_refuse_uncompiled_signature(v);
    for (uint32_t i = 0; i < version->block_count; i++) {
        v->block = &version->blocks[i];
        check_block(v);
    }
    v->block = NULL;
    v->version = NULL;
}
