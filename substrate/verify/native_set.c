/* What wants the grant `native`: reading or writing memory through pointers, calling C, and what
 * makes addresses of this process known. Computing with pointer values hurts nobody and is free. */
#include "verifier.h"

static bool wants_native(const mu_ir_inst *inst)
{
    switch (inst->op) {
    case MU_OP_LOAD:
    case MU_OP_STORE:
    case MU_OP_CMPXCHG:
    case MU_OP_ATOMICRMW: return inst->is_ptr;
    case MU_OP_CCALL: return true;
    case MU_OP_COMMINST:
        return inst->comminst >= MU_COMMINST_NATIVE_PIN &&
               inst->comminst <= MU_COMMINST_NATIVE_GET_COOKIE;
    default: return false;
    }
}

bool mu_verify_refuse_native_inst(mu_verifier *v)
{
    if (v->options->allow_native || !wants_native(v->inst)) {
        return false;
    }
    mu_verify_complain_here(v, MU_NOT_ALLOWED, v->inst->entity.where,
                            "%s is not allowed here: create the VM with the grant `native`",
                            mu_verify_name_of_inst(v->inst));
    return true;
}

bool mu_verify_refuse_native_expose(mu_verifier *v, const mu_ir_expose *expose)
{
    if (v->options->allow_native) {
        return false;
    }
    mu_verify_refuse(v, MU_NOT_ALLOWED, expose->entity.where,
                     "%s: .expose is not allowed here: create the VM with the grant `native`",
                     mu_verify_name_of(&expose->entity));
    return true;
}
