/* What is right but beyond what this version compiles: limits of sizes, and what C's compilers do
 * not agree upon, in one file so that it can shrink. Defining a type, a constant, a signature or a
 * cell is always fine, and so is memory of any type: what counts are values and instructions in
 * function bodies. */
#include "verifier.h"

enum {
    VALUE_BYTES_MAX = 65536, /* of one SSA value */
    LIST_WORDS_MAX = 1024,   /* of a signature's parameters, of its results, of a TRAP's, … */
};

/* -------------------------------------------------------------------------------------- types */

/* Says so, once, if values of the type are not compiled; `who` has them. Returns whether it did. */
static bool refuse_type(mu_verifier *v, mu_location where, const char *role, const char *who,
                        const mu_ir_type *type)
{
    if (!type) {
        return false;
    }
    if (type->laid_out && type->size_bytes > VALUE_BYTES_MAX) {
        mu_verify_complain_here(
            v, MU_UNSUPPORTED, where,
            "%s%s: a value of %s has %llu bytes, this version compiles up to %d: keep it "
            "in memory",
            role, who, mu_verify_text_of_type(type).text, (unsigned long long)type->size_bytes,
            VALUE_BYTES_MAX);
        return true;
    }
    return false;
}

/* A list of values that travel together: parameters, results; `role` and `who` say whose. */
static bool refuse_list(mu_verifier *v, mu_location where, const char *role, const char *who,
                        mu_ir_type *const *types, uint32_t count)
{
    uint64_t words = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (refuse_type(v, where, role, who, types[i])) {
            return true;
        }
        words += types[i] ? (types[i]->size_bytes + 7) / 8 : 0;
    }
    if (words <= LIST_WORDS_MAX) {
        return false;
    }
    mu_verify_complain_here(
        v, MU_UNSUPPORTED, where,
        "%s%s: its values take %llu words, this version compiles up to %d: pass a reference", role,
        who, (unsigned long long)words, LIST_WORDS_MAX);
    return true;
}

static bool refuse_sig(mu_verifier *v, mu_location where, const mu_ir_sig *sig)
{
    const char *name = mu_verify_name_of(&sig->entity);
    return refuse_list(v, where, "parameters of the signature ", name, sig->params,
                       sig->param_count) ||
           refuse_list(v, where, "results of the signature ", name, sig->results,
                       sig->result_count);
}

/* Which of the instruction's type parameters are types of values: a mask; of a longer list all. */
static uint32_t value_type_mask(const mu_ir_inst *inst)
{
    switch (mu_ir_op_info_of(inst->op)->shape) {
    case MU_SHAPE_NEW:
    case MU_SHAPE_GETIREF:
    case MU_SHAPE_GETFIELD:
    case MU_SHAPE_GETVARPART: return 0;
    case MU_SHAPE_NEWHYBRID:
    case MU_SHAPE_GETELEM: return 2;
    default: return UINT32_MAX;
    }
}

/* Of an instruction that takes or passes values as calls do. */
static bool refuse_inst_lists(mu_verifier *v)
{
    const mu_ir_inst *inst = v->inst;
    const char *name = mu_verify_name_of_inst(inst);
    mu_ir_type *const *types = &v->version->types[inst->types.first];
    uint32_t results = inst->op == MU_OP_SWAPSTACK || inst->op == MU_OP_NEWTHREAD
                           ? inst->pass_types_first
                           : inst->types.count;
    return refuse_list(v, inst->entity.where, "results of ", name, types, results) ||
           refuse_list(v, inst->entity.where, "values passed by ", name, types + results,
                       inst->types.count - results);
}

static bool refuse_inst_types(mu_verifier *v)
{
    const mu_ir_inst *inst = v->inst;
    uint32_t mask = value_type_mask(inst);
    if (inst->op == MU_OP_TRAP || inst->op == MU_OP_WATCHPOINT || inst->op == MU_OP_SWAPSTACK ||
        inst->op == MU_OP_NEWTHREAD) {
        return refuse_inst_lists(v);
    }
    for (uint32_t i = 0; i < inst->types.count; i++) {
        bool is_value = i > 31 || (mask >> i & 1);
        if (is_value && refuse_type(v, inst->entity.where, "", mu_verify_name_of_inst(inst),
                                    mu_verify_inst_type(v, i))) {
            return true;
        }
    }
    return inst->sigs.count && refuse_sig(v, inst->entity.where, mu_verify_inst_sig(v, 0));
}

/* By value, C is given and gives what it has and what its compilers agree upon. */
static bool refuse_native_sig(mu_verifier *v, mu_location where, const char *who,
                              const mu_ir_sig *sig)
{
    for (uint32_t i = 0; sig && i < sig->param_count + sig->result_count; i++) {
        const mu_ir_type *type =
            i < sig->param_count ? sig->params[i] : sig->results[i - sig->param_count];
        if (type && mu_verify_traits_of_type(v, type) & TRAIT_NOT_IN_C) {
            mu_verify_complain_here(v, MU_UNSUPPORTED, where,
                                    "%s: %s cannot be passed by value: C has vectors of 2, 4, … "
                                    "ints of 8, 16, 32 or 64 bits, floats or doubles, up to 32 "
                                    "bytes",
                                    who, mu_verify_text_of_type(type).text);
            return true;
        }
    }
    const mu_ir_type *result = sig && sig->result_count ? sig->results[0] : NULL;
    if (is_kind(result, MU_IR_VECTOR) && result->size_bytes > 16) {
        mu_verify_complain_here(v, MU_UNSUPPORTED, where,
                                "%s: a result of type %s: C's compilers differ in how they return "
                                "vectors of more than 16 bytes; let the function store it",
                                who, mu_verify_text_of_type(result).text);
        return true;
    }
    return false;
}

static bool is_about_c(const mu_ir_inst *inst)
{
    return inst->op == MU_OP_CCALL ||
           (inst->op == MU_OP_COMMINST && inst->comminst == MU_COMMINST_NATIVE_EXPOSE);
}

static bool is_futex(const mu_ir_inst *inst)
{
    return inst->op == MU_OP_COMMINST && inst->comminst >= MU_COMMINST_FUTEX_WAIT &&
           inst->comminst <= MU_COMMINST_FUTEX_CMP_REQUEUE;
}

void mu_verify_refuse_uncompiled_inst(mu_verifier *v)
{
    const mu_ir_inst *inst = v->inst;
    if (v->options->allow_uncompiled) {
        return;
    }
    if (refuse_inst_types(v) ||
        (is_about_c(inst) && refuse_native_sig(v, inst->entity.where, mu_verify_name_of_inst(inst),
                                               mu_verify_inst_sig(v, 0)))) {
        return;
    }
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    if (is_futex(inst) && is_kind(type, MU_IR_INT) && type->bits > 64) {
        mu_verify_complain_here(v, MU_UNSUPPORTED, inst->entity.where,
                                "%s on %s: futexes are on ints of up to 64 bits",
                                mu_verify_name_of_inst(inst), mu_verify_text_of_type(type).text);
    }
}

/* ---------------------------------------------------------------------------------- definitions */

void mu_verify_refuse_uncompiled_param(mu_verifier *v, const mu_ir_variable *param)
{
    if (!v->options->allow_uncompiled) {
        (void)refuse_type(v, param->entity.where, "parameter ", mu_verify_name_of(&param->entity),
                          param->type);
    }
}

void mu_verify_refuse_uncompiled_signature(mu_verifier *v)
{
    if (!v->options->allow_uncompiled) {
        (void)refuse_sig(v, v->version->entity.where, v->version->sig);
    }
}

void mu_verify_refuse_uncompiled_expose(mu_verifier *v, const mu_ir_expose *expose)
{
    const mu_ir_sig *sig = expose->func->sig;
    mu_location where = expose->entity.where;
    if (!v->options->allow_uncompiled && !refuse_sig(v, where, sig)) {
        (void)refuse_native_sig(v, where, mu_verify_name_of(&expose->entity), sig);
    }
}
