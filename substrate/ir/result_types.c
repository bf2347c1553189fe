/* What an instruction's results are, from the types and signatures written in it
 * (instruction-set.rest, the "result" entries; common-insts.rest). */
#include "derived_types.h"

#include <string.h>

typedef struct inference {
    const mu_ir_version *version;
    const mu_ir_inst *inst;
    mu_ir_bundle *mutable_bundle;
    mu_ir_type **types;
    uint32_t room;
    uint32_t count;
} inference;

static void give(inference *to, mu_ir_type *type)
{
    if (to->count < to->room) {
        to->types[to->count] = type;
    }
    to->count++;
}

static void give_all(inference *to, mu_ir_type **types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        give(to, types[i]);
    }
}

static mu_ir_type *form(const inference *to, const mu_ir_type *wanted)
{
    return to->mutable_bundle ? mu_ir_derive(to->mutable_bundle, wanted)
                              : mu_ir_derived(to->version->bundle, wanted);
}

static mu_ir_type *simple(const inference *to, mu_ir_type_kind kind)
{
    return form(to, &(mu_ir_type){.kind = kind});
}

static mu_ir_type *integer(const inference *to, uint32_t bits)
{
    return form(to, &(mu_ir_type){.kind = MU_IR_INT, .bits = bits});
}

static mu_ir_type *to_type(const inference *to, mu_ir_type_kind kind, mu_ir_type *element)
{
    return form(to, &(mu_ir_type){.kind = kind, .element = element});
}

/* The `index`-th type written in the instruction, or NULL. */
static mu_ir_type *written(const inference *to, uint32_t index)
{
    mu_ir_range range = to->inst->types;
    return index < range.count ? to->version->types[range.first + index] : NULL;
}

static const mu_ir_sig *written_sig(const inference *to)
{
    mu_ir_range range = to->inst->sigs;
    return range.count ? to->version->sigs[range.first] : NULL;
}

static mu_ir_type *strong(const inference *to, mu_ir_type *type)
{
    return type && type->kind == MU_IR_WEAKREF ? to_type(to, MU_IR_REF, type->element) : type;
}

static mu_ir_type *comparison(const inference *to)
{
    mu_ir_type *type = written(to, 0);
    mu_ir_type *bit = integer(to, 1);
    if (type && type->kind == MU_IR_VECTOR) {
        return form(to,
                    &(mu_ir_type){.kind = MU_IR_VECTOR, .element = bit, .length = type->length});
    }
    return bit;
}

static mu_ir_type *field(const inference *to)
{
    mu_ir_type *type = written(to, 0);
    uint64_t index = to->inst->literal;
    bool composite = type && (type->kind == MU_IR_STRUCT || type->kind == MU_IR_HYBRID);
    return composite && index < type->field_count ? type->fields[index] : NULL;
}

static mu_ir_type *element(const inference *to)
{
    mu_ir_type *type = written(to, 0);
    bool sequence = type && (type->kind == MU_IR_ARRAY || type->kind == MU_IR_VECTOR);
    return sequence ? type->element : NULL;
}

static mu_ir_type *shuffled(const inference *to)
{
    mu_ir_type *mask = written(to, 1);
    if (!mask || mask->kind != MU_IR_VECTOR) {
        return NULL;
    }
    return form(
        to, &(mu_ir_type){.kind = MU_IR_VECTOR, .element = element(to), .length = mask->length});
}

static mu_ir_type *reference(const inference *to, mu_ir_type *referent)
{
    return to_type(to, to->inst->is_ptr ? MU_IR_UPTR : MU_IR_IREF, referent);
}

static mu_ir_type *var_part(const inference *to)
{
    mu_ir_type *type = written(to, 0);
    return type && type->kind == MU_IR_HYBRID ? type->element : NULL;
}

static mu_ir_type *pinned(const inference *to)
{
    mu_ir_type *type = written(to, 0);
    bool reference = type && (type->kind == MU_IR_REF || type->kind == MU_IR_IREF);
    return reference ? to_type(to, MU_IR_UPTR, type->element) : NULL;
}

static mu_ir_type *exposed(const inference *to)
{
    mu_ir_range sigs = to->inst->sigs;
    return form(to, &(mu_ir_type){.kind = MU_IR_UFUNCPTR,
                                  .sig = sigs.count ? to->version->sigs[sigs.first] : NULL});
}

static mu_ir_type *predefined(const inference *to, const char *name)
{
    const mu_ir_env *base = to->version->bundle->base;
    return base ? (mu_ir_type *)mu_ir_env_find(base->root, name, strlen(name)) : NULL;
}

/* Most functions of the IR builder make a node. */
static void infer_irbuilder(inference *to)
{
    switch ((int)to->inst->comminst) {
    case MU_COMMINST_IRBUILDER_GET_ID: give(to, integer(to, 32)); break;
    case MU_COMMINST_IRBUILDER_LOAD_BUNDLE_FROM_NODE:
    case MU_COMMINST_IRBUILDER_ABORT_BUNDLE_NODE:
    case MU_COMMINST_IRBUILDER_SET_NAME:
    case MU_COMMINST_IRBUILDER_SET_TYPE_UPTR:
    case MU_COMMINST_IRBUILDER_SET_TYPE_UFUNCPTR:
    case MU_COMMINST_IRBUILDER_SET_TYPE_REF:
    case MU_COMMINST_IRBUILDER_SET_TYPE_IREF:
    case MU_COMMINST_IRBUILDER_SET_TYPE_WEAKREF:
    case MU_COMMINST_IRBUILDER_SET_TYPE_FUNCREF:
    case MU_COMMINST_IRBUILDER_ADD_DEST:
    case MU_COMMINST_IRBUILDER_ADD_KEEPALIVES:
    case MU_COMMINST_IRBUILDER_ADD_SWITCH_DEST:
    case MU_COMMINST_IRBUILDER_SET_NEWSTACK_PASS_VALUES:
    case MU_COMMINST_IRBUILDER_SET_NEWSTACK_THROW_EXC: break;
    default: give(to, simple(to, MU_IR_IRNODEREF)); break;
    }
}

static void infer_comminst(inference *to)
{
    switch (to->inst->comminst) {
    case MU_COMMINST_NEW_STACK:
    case MU_COMMINST_CURRENT_STACK: give(to, simple(to, MU_IR_STACKREF)); break;
    case MU_COMMINST_GET_THREADLOCAL:
    case MU_COMMINST_EPHEMERON_NEW:
    case MU_COMMINST_EPHEMERON_KEY:
    case MU_COMMINST_EPHEMERON_VALUE:
    case MU_COMMINST_QUEUE_NEW:
    case MU_COMMINST_QUEUE_TAKE:
    case MU_COMMINST_FINALIZER_REGISTER:
    case MU_COMMINST_TR64_TO_REF: give(to, to_type(to, MU_IR_REF, simple(to, MU_IR_VOID))); break;
    case MU_COMMINST_TR64_IS_FP:
    case MU_COMMINST_TR64_IS_INT:
    case MU_COMMINST_FINALIZER_UNREGISTER:
    case MU_COMMINST_TR64_IS_REF: give(to, integer(to, 1)); break;
    case MU_COMMINST_TR64_FROM_FP:
    case MU_COMMINST_TR64_FROM_INT:
    case MU_COMMINST_TR64_FROM_REF: give(to, simple(to, MU_IR_TAGREF64)); break;
    case MU_COMMINST_TR64_TO_FP: give(to, simple(to, MU_IR_DOUBLE)); break;
    case MU_COMMINST_TR64_TO_INT: give(to, integer(to, 52)); break;
    case MU_COMMINST_TR64_TO_TAG: give(to, integer(to, 6)); break;
    case MU_COMMINST_FUTEX_WAIT:
    case MU_COMMINST_FUTEX_WAIT_TIMEOUT:
    case MU_COMMINST_FUTEX_WAKE:
    case MU_COMMINST_FUTEX_CMP_REQUEUE:
    case MU_COMMINST_META_ID_OF:
    case MU_COMMINST_META_CUR_FUNC:
    case MU_COMMINST_META_CUR_FUNC_VER:
    case MU_COMMINST_META_CUR_INST: give(to, integer(to, 32)); break;
    case MU_COMMINST_KILL_DEPENDENCY: give(to, written(to, 0)); break;
    case MU_COMMINST_NATIVE_PIN: give(to, pinned(to)); break;
    case MU_COMMINST_NATIVE_EXPOSE: give(to, exposed(to)); break;
    case MU_COMMINST_NATIVE_GET_COOKIE: give(to, integer(to, 64)); break;
    case MU_COMMINST_META_NAME_OF: give(to, predefined(to, "@uvm.meta.bytes.r")); break;
    case MU_COMMINST_META_DUMP_KEEPALIVES: give(to, predefined(to, "@uvm.meta.refs.r")); break;
    case MU_COMMINST_META_NEW_CURSOR:
    case MU_COMMINST_META_COPY_CURSOR: give(to, simple(to, MU_IR_FRAMECURSORREF)); break;
    case MU_COMMINST_IRBUILDER_NEW_BUNDLE ... MU_COMMINST_IRBUILDER_NEW_COMMINST:
        infer_irbuilder(to);
        break;
    case MU_COMMINST_KILL_STACK:
    case MU_COMMINST_THREAD_EXIT:
    case MU_COMMINST_SET_THREADLOCAL:
    case MU_COMMINST_NATIVE_UNPIN:
    case MU_COMMINST_NATIVE_UNEXPOSE:
    case MU_COMMINST_META_LOAD_BUNDLE:
    case MU_COMMINST_META_LOAD_HAIL:
    case MU_COMMINST_META_NEXT_FRAME:
    case MU_COMMINST_META_CLOSE_CURSOR:
    case MU_COMMINST_META_POP_FRAMES_TO:
    case MU_COMMINST_META_PUSH_FRAME:
    case MU_COMMINST_META_ENABLE_WATCHPOINT:
    case MU_COMMINST_META_DISABLE_WATCHPOINT:
    case MU_COMMINST_META_SET_TRAP_HANDLER:
    case MU_COMMINST_EPHEMERON_SET_VALUE:
    case MU_COMMINST_COUNT: break;
    }
}

static void infer_lists(inference *to)
{
    const mu_ir_inst *inst = to->inst;
    const mu_ir_sig *sig = written_sig(to);
    switch (inst->op) {
    case MU_OP_CALL:
    case MU_OP_CCALL:
        if (sig) {
            give_all(to, sig->results, sig->result_count);
        }
        break;
    case MU_OP_TRAP:
    case MU_OP_WATCHPOINT:
        give_all(to, to->version->types + inst->types.first, inst->types.count);
        break;
    case MU_OP_SWAPSTACK:
        give_all(to, to->version->types + inst->types.first, inst->pass_types_first);
        break;
    case MU_OP_CMPXCHG:
        give(to, strong(to, written(to, 0)));
        give(to, integer(to, 1));
        break;
    case MU_OP_COMMINST: infer_comminst(to); break;
    default: break;
    }
}

/* By shape, for the instructions that give one result. */
static bool infer_one(inference *to)
{
    mu_ir_op op = to->inst->op;
    mu_ir_type *first = written(to, 0);
    switch (mu_ir_op_info_of(op)->shape) {
    case MU_SHAPE_BINARY: give(to, first); return true;
    case MU_SHAPE_COMPARE: give(to, comparison(to)); return true;
    case MU_SHAPE_CONVERT:
    case MU_SHAPE_SELECT: give(to, written(to, 1)); return true;
    case MU_SHAPE_FIELD: give(to, op == MU_OP_EXTRACTVALUE ? field(to) : first); return true;
    case MU_SHAPE_ELEMENT: give(to, op == MU_OP_EXTRACTELEMENT ? element(to) : first); return true;
    case MU_SHAPE_SHUFFLE: give(to, shuffled(to)); return true;
    case MU_SHAPE_NEW:
        give(to, to_type(to, op == MU_OP_NEW ? MU_IR_REF : MU_IR_IREF, first));
        return true;
    case MU_SHAPE_NEWHYBRID:
        give(to, to_type(to, op == MU_OP_NEWHYBRID ? MU_IR_REF : MU_IR_IREF, first));
        return true;
    case MU_SHAPE_GETIREF: give(to, to_type(to, MU_IR_IREF, first)); return true;
    case MU_SHAPE_GETFIELD: give(to, reference(to, field(to))); return true;
    case MU_SHAPE_GETELEM:
        give(to, reference(to, op == MU_OP_SHIFTIREF ? first : element(to)));
        return true;
    case MU_SHAPE_GETVARPART: give(to, reference(to, var_part(to))); return true;
    case MU_SHAPE_LOAD:
    case MU_SHAPE_ATOMICRMW: give(to, strong(to, first)); return true;
    case MU_SHAPE_NEWTHREAD: give(to, simple(to, MU_IR_THREADREF)); return true;
    case MU_SHAPE_CALL:
    case MU_SHAPE_CCALL:
    case MU_SHAPE_TRAP:
    case MU_SHAPE_WATCHPOINT:
    case MU_SHAPE_SWAPSTACK:
    case MU_SHAPE_CMPXCHG:
    case MU_SHAPE_COMMINST: return false;
    case MU_SHAPE_BRANCH:
    case MU_SHAPE_BRANCH2:
    case MU_SHAPE_SWITCH:
    case MU_SHAPE_TAILCALL:
    case MU_SHAPE_RET:
    case MU_SHAPE_THROW:
    case MU_SHAPE_STORE:
    case MU_SHAPE_FENCE:
    case MU_SHAPE_WPBRANCH: return true;
    }
    return true;
}

uint32_t mu_ir_infer(const mu_ir_version *version, const mu_ir_inst *inst,
                     mu_ir_bundle *mutable_bundle, mu_ir_type **types, uint32_t room)
{
    inference to = {.version = version,
                    .inst = inst,
                    .mutable_bundle = mutable_bundle,
                    .types = types,
                    .room = room};
    if (!infer_one(&to)) {
        infer_lists(&to);
    }
    return to.count;
}

uint32_t mu_ir_result_types(const mu_ir_version *version, const mu_ir_inst *inst,
                            mu_ir_type **types, uint32_t room)
{
    return mu_ir_infer(version, inst, NULL, types, room);
}
