#include "bundle_rebuild.h"

#include "mu_irbuilder.h"

#include <stdlib.h>
#include <string.h>

typedef struct rebuild {
    const mu_ir_bundle *bundle;
    rebuild_perform_fn *perform;
    void *context;
    mu_arena *arena;
    mu_status status; /* the first that was not OK */
    uint64_t node;    /* the bundle's */
    mu_map *nodes;    /* entity → uint64_t, of this bundle and others */
    MU_ARRAY(uint64_t) operands;
} rebuild;

/* ---- calls: operands are pushed, then the function is called */

static void push(rebuild *to, uint64_t operand)
{
    MU_ARRAY_PUSH(&to->operands, operand);
}

static uint64_t call(rebuild *to, uint32_t op)
{
    uint64_t result = 0;
    if (to->status == MU_OK) {
        to->status =
            to->perform(to->context, op, to->operands.items, to->operands.count, NULL, 0, &result);
    }
    to->operands.count = 0;
    return result;
}

static uint64_t call1(rebuild *to, uint32_t op, uint64_t first)
{
    push(to, first);
    return call(to, op);
}

static void name_node(rebuild *to, uint64_t node, const char *name)
{
    uint64_t operands[] = {to->node, node};
    uint64_t result;
    if (name && to->status == MU_OK) {
        to->status = to->perform(to->context, MU_IRBUILDER_SET_NAME, operands, 2, name,
                                 strlen(name), &result);
    }
}

/* ---- nodes of the top level */

static uint64_t *slot_of(const rebuild *to, const mu_ir_entity *entity)
{
    return mu_map_get(to->nodes, &entity, sizeof entity);
}

static void remember(rebuild *to, const mu_ir_entity *entity, uint64_t node)
{
    uint64_t *slot = slot_of(to, entity);
    if (!slot) {
        const mu_ir_entity **key = MU_ARENA_NEW(to->arena, const mu_ir_entity *);
        *key = entity;
        slot = MU_ARENA_NEW(to->arena, uint64_t);
        mu_map_put(to->nodes, key, sizeof *key, slot);
        name_node(to, node, entity->id < to->bundle->first_id ? NULL : entity->name);
    }
    *slot = node;
}

static uint64_t node_of(rebuild *to, const mu_ir_entity *entity);

/* Operands that need nodes to be made come before those of the call under way. */
static void push_entity(rebuild *to, const mu_ir_entity *entity)
{
    const uint64_t *slot = slot_of(to, entity);
    MU_INVARIANT(slot, "%s was not made in time", entity->label ? entity->label : "an entity");
    push(to, *slot);
}

static void need_types(rebuild *to, mu_ir_type *const *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        node_of(to, &types[i]->entity);
    }
}

static void push_types(rebuild *to, mu_ir_type *const *types, uint32_t count)
{
    push(to, count);
    for (uint32_t i = 0; i < count; i++) {
        push_entity(to, &types[i]->entity);
    }
}

static uint64_t make_type(rebuild *to, const mu_ir_type *type)
{
    static const uint32_t plain[] = {
        [MU_IR_FLOAT] = MU_IRBUILDER_NEW_TYPE_FLOAT,
        [MU_IR_DOUBLE] = MU_IRBUILDER_NEW_TYPE_DOUBLE,
        [MU_IR_UPTR] = MU_IRBUILDER_NEW_TYPE_UPTR,
        [MU_IR_UFUNCPTR] = MU_IRBUILDER_NEW_TYPE_UFUNCPTR,
        [MU_IR_VOID] = MU_IRBUILDER_NEW_TYPE_VOID,
        [MU_IR_REF] = MU_IRBUILDER_NEW_TYPE_REF,
        [MU_IR_IREF] = MU_IRBUILDER_NEW_TYPE_IREF,
        [MU_IR_WEAKREF] = MU_IRBUILDER_NEW_TYPE_WEAKREF,
        [MU_IR_TAGREF64] = MU_IRBUILDER_NEW_TYPE_TAGREF64,
        [MU_IR_FUNCREF] = MU_IRBUILDER_NEW_TYPE_FUNCREF,
        [MU_IR_THREADREF] = MU_IRBUILDER_NEW_TYPE_THREADREF,
        [MU_IR_STACKREF] = MU_IRBUILDER_NEW_TYPE_STACKREF,
        [MU_IR_FRAMECURSORREF] = MU_IRBUILDER_NEW_TYPE_FRAMECURSORREF,
        [MU_IR_IRNODEREF] = MU_IRBUILDER_NEW_TYPE_IRNODEREF,
    };
    need_types(to, type->fields, type->field_count);
    switch (type->kind) { /* NOLINT: those with operands in the first step */
    case MU_IR_INT: push(to, to->node); return call1(to, MU_IRBUILDER_NEW_TYPE_INT, type->bits);
    case MU_IR_STRUCT:
        push(to, to->node);
        push_types(to, type->fields, type->field_count);
        return call(to, MU_IRBUILDER_NEW_TYPE_STRUCT);
    case MU_IR_HYBRID:
        node_of(to, &type->element->entity);
        push(to, to->node);
        push_types(to, type->fields, type->field_count);
        push_entity(to, &type->element->entity);
        return call(to, MU_IRBUILDER_NEW_TYPE_HYBRID);
    case MU_IR_ARRAY:
    case MU_IR_VECTOR:
        node_of(to, &type->element->entity);
        push(to, to->node);
        push_entity(to, &type->element->entity);
        return call1(to,
                     type->kind == MU_IR_ARRAY ? MU_IRBUILDER_NEW_TYPE_ARRAY
                                               : MU_IRBUILDER_NEW_TYPE_VECTOR,
                     type->length);
    default: return call1(to, plain[type->kind], to->node);
    }
}

static void complete_type(rebuild *to, const mu_ir_type *type)
{
    static const uint32_t second[] = {
        [MU_IR_UPTR] = MU_IRBUILDER_SET_TYPE_UPTR,
        [MU_IR_UFUNCPTR] = MU_IRBUILDER_SET_TYPE_UFUNCPTR,
        [MU_IR_REF] = MU_IRBUILDER_SET_TYPE_REF,
        [MU_IR_IREF] = MU_IRBUILDER_SET_TYPE_IREF,
        [MU_IR_WEAKREF] = MU_IRBUILDER_SET_TYPE_WEAKREF,
        [MU_IR_FUNCREF] = MU_IRBUILDER_SET_TYPE_FUNCREF,
        [MU_IR_IRNODEREF] = 0,
    };
    if (second[type->kind]) {
        const mu_ir_entity *target = type->sig ? &type->sig->entity : &type->element->entity;
        node_of(to, target);
        push_entity(to, &type->entity);
        push_entity(to, target);
        call(to, second[type->kind]);
    }
}

static uint64_t make_const(rebuild *to, const mu_ir_const *constant)
{
    uint32_t single;
    uint64_t twofold;
    for (uint32_t i = 0; i < constant->item_count; i++) {
        node_of(to, constant->items[i]);
    }
    node_of(to, &constant->type->entity);
    push(to, to->node);
    push_entity(to, &constant->type->entity);
    switch (constant->kind) {
    case MU_IR_CONST_INT:
        if (constant->type->kind == MU_IR_INT && constant->type->bits > 64) {
            push(to, 2);
            push(to, constant->low);
            return call1(to, MU_IRBUILDER_NEW_CONST_INT_EX, constant->high);
        }
        return call1(to, MU_IRBUILDER_NEW_CONST_INT, constant->low);
    case MU_IR_CONST_FLOAT:
        memcpy(&single, &constant->single_value, sizeof single);
        return call1(to, MU_IRBUILDER_NEW_CONST_FLOAT, single);
    case MU_IR_CONST_DOUBLE:
        memcpy(&twofold, &constant->double_value, sizeof twofold);
        return call1(to, MU_IRBUILDER_NEW_CONST_DOUBLE, twofold);
    case MU_IR_CONST_NULL: return call(to, MU_IRBUILDER_NEW_CONST_NULL);
    case MU_IR_CONST_LIST: break;
    }
    push(to, constant->item_count);
    for (uint32_t i = 0; i < constant->item_count; i++) {
        push_entity(to, constant->items[i]);
    }
    return call(to, MU_IRBUILDER_NEW_CONST_SEQ);
}

static uint64_t make_sig(rebuild *to, const mu_ir_sig *sig)
{
    need_types(to, sig->params, sig->param_count);
    need_types(to, sig->results, sig->result_count);
    push(to, to->node);
    push_types(to, sig->params, sig->param_count);
    push_types(to, sig->results, sig->result_count);
    return call(to, MU_IRBUILDER_NEW_FUNCSIG);
}

static uint64_t make_expose(rebuild *to, const mu_ir_expose *expose)
{
    node_of(to, &expose->func->entity);
    node_of(to, &expose->cookie->entity);
    push(to, to->node);
    push_entity(to, &expose->func->entity);
    push(to, 0);
    push_entity(to, &expose->cookie->entity);
    return call(to, MU_IRBUILDER_NEW_EXP_FUNC);
}

static uint64_t make_simple(rebuild *to, uint32_t op, const mu_ir_entity *operand)
{
    node_of(to, operand);
    push(to, to->node);
    push_entity(to, operand);
    return call(to, op);
}

static uint64_t make(rebuild *to, const mu_ir_entity *entity)
{
    switch (entity->kind) {
    case MU_IR_TYPE: return make_type(to, (const mu_ir_type *)entity);
    case MU_IR_SIG: return make_sig(to, (const mu_ir_sig *)entity);
    case MU_IR_CONST: return make_const(to, (const mu_ir_const *)entity);
    case MU_IR_GLOBAL:
        return make_simple(to, MU_IRBUILDER_NEW_GLOBAL_CELL,
                           &((const mu_ir_global *)entity)->type->entity);
    case MU_IR_FUNC:
        return make_simple(to, MU_IRBUILDER_NEW_FUNC, &((const mu_ir_func *)entity)->sig->entity);
    case MU_IR_EXPOSE: return make_expose(to, (const mu_ir_expose *)entity);
    case MU_IR_VERSION:
    case MU_IR_BLOCK:
    case MU_IR_VARIABLE:
    case MU_IR_INST: break;
    }
    MU_INVARIANT(false, "an entity of kind %u", (unsigned)entity->kind);
    return 0;
}

static uint64_t node_of(rebuild *to, const mu_ir_entity *entity)
{
    const uint64_t *slot = slot_of(to, entity);
    if (slot || to->status != MU_OK) {
        return slot ? *slot : 0;
    }
    uint64_t node;
    if (entity->id && entity->id < to->bundle->first_id) {
        push(to, to->node);
        node = call1(to, MU_IRBUILDER_GET_NODE, entity->id);
    } else {
        node = make(to, entity);
    }
    remember(to, entity, node);
    return node;
}

/* ---- bodies */

typedef struct body {
    rebuild *to;
    const mu_ir_version *version;
    uint64_t *blocks;
    uint64_t *variables;
    uint64_t block; /* the one at hand */
    const mu_ir_inst *inst;
    uint32_t next_type;
    uint32_t next_operand;
} body;

static void push_value(const body *from, mu_ir_value value)
{
    if (mu_ir_value_is_global(value)) {
        push_entity(from->to, mu_ir_global_of(from->version, value));
    } else {
        push(from->to, from->variables[mu_ir_value_index(value)]);
    }
}

static void push_values(const body *from, mu_ir_range range, uint32_t first)
{
    push(from->to, range.count - first);
    for (uint32_t i = first; i < range.count; i++) {
        push_value(from, from->version->operands[range.first + i]);
    }
}

static void next_type(body *from)
{
    uint32_t index = from->inst->types.first + from->next_type++;
    push_entity(from->to, &from->version->types[index]->entity);
}

static void next_types(body *from, uint32_t end)
{
    push(from->to, end - from->next_type);
    while (from->next_type < end) {
        next_type(from);
    }
}

static void next_operand(body *from)
{
    push_value(from, from->version->operands[from->inst->operands.first + from->next_operand++]);
}

static void rest_of_operands(body *from)
{
    push_values(from, from->inst->operands, from->next_operand);
}

static void push_sigs(const body *from, bool as_list)
{
    if (as_list) {
        push(from->to, from->inst->sigs.count);
    }
    for (uint32_t i = 0; i < from->inst->sigs.count; i++) {
        push_entity(from->to, &from->version->sigs[from->inst->sigs.first + i]->entity);
    }
}

/* One operand of the instruction's function, by a letter: t v types and values in their order, T
 * all types left, V all values left, and what the table of mu_ir_inst has. */
static void push_part(body *from, char letter)
{
    const mu_ir_inst *inst = from->inst;
    switch (letter) {
    case 't': next_type(from); break;
    case 'v': next_operand(from); break;
    case 'T': next_types(from, inst->types.count); break;
    case 'V': rest_of_operands(from); break;
    case 's': push_sigs(from, false); break;
    case 'S': push_sigs(from, true); break;
    case 'P': push(from->to, inst->is_ptr); break;
    case 'W': push(from->to, inst->is_weak); break;
    case 'o': push(from->to, inst->order); break;
    case 'q': push(from->to, inst->order_fail); break;
    case 'M': push(from->to, inst->rmw); break;
    case 'u': push(from->to, inst->literal); break;
    case 'F': push(from->to, 0); break;
    case 'R': next_types(from, inst->pass_types_first); break;
    case 'O':
        push(from->to, mu_ir_comminst_id(inst->comminst));
        push(from->to, inst->flags.count);
        for (uint32_t i = 0; i < inst->flags.count; i++) {
            push(from->to, 0);
        }
        break;
    case 'h':
        if (inst->has_threadlocal) {
            next_operand(from);
        } else {
            push(from->to, 0);
        }
        break;
    default: MU_INVARIANT(false, "the letter %c", letter);
    }
}

typedef struct recipe {
    uint32_t function;
    const char *parts;
} recipe;

/* clang-format off */
static recipe recipe_of(const mu_ir_inst *inst)
{
    bool is_extract = inst->op == MU_OP_EXTRACTVALUE || inst->op == MU_OP_EXTRACTELEMENT;
    switch (mu_ir_op_info_of(inst->op)->shape) {
    case MU_SHAPE_BINARY: return (recipe){MU_IRBUILDER_NEW_BINOP, "tvv"};
    case MU_SHAPE_COMPARE: return (recipe){MU_IRBUILDER_NEW_CMP, "tvv"};
    case MU_SHAPE_CONVERT: return (recipe){MU_IRBUILDER_NEW_CONV, "ttv"};
    case MU_SHAPE_SELECT: return (recipe){MU_IRBUILDER_NEW_SELECT, "ttvvv"};
    case MU_SHAPE_BRANCH: return (recipe){MU_IRBUILDER_NEW_BRANCH, ""};
    case MU_SHAPE_BRANCH2: return (recipe){MU_IRBUILDER_NEW_BRANCH2, "v"};
    case MU_SHAPE_SWITCH: return (recipe){MU_IRBUILDER_NEW_SWITCH, "tv"};
    case MU_SHAPE_CALL: return (recipe){MU_IRBUILDER_NEW_CALL, "svV"};
    case MU_SHAPE_TAILCALL: return (recipe){MU_IRBUILDER_NEW_TAILCALL, "svV"};
    case MU_SHAPE_RET: return (recipe){MU_IRBUILDER_NEW_RET, "V"};
    case MU_SHAPE_THROW: return (recipe){MU_IRBUILDER_NEW_THROW, "v"};
    case MU_SHAPE_FIELD:
        return is_extract ? (recipe){MU_IRBUILDER_NEW_EXTRACTVALUE, "tuv"}
                          : (recipe){MU_IRBUILDER_NEW_INSERTVALUE, "tuvv"};
    case MU_SHAPE_ELEMENT:
        return is_extract ? (recipe){MU_IRBUILDER_NEW_EXTRACTELEMENT, "ttvv"}
                          : (recipe){MU_IRBUILDER_NEW_INSERTELEMENT, "ttvvv"};
    case MU_SHAPE_SHUFFLE: return (recipe){MU_IRBUILDER_NEW_SHUFFLEVECTOR, "ttvvv"};
    case MU_SHAPE_NEW:
        return (recipe){inst->op == MU_OP_NEW ? MU_IRBUILDER_NEW_NEW : MU_IRBUILDER_NEW_ALLOCA, "t"};
    case MU_SHAPE_NEWHYBRID:
        return (recipe){inst->op == MU_OP_NEWHYBRID ? MU_IRBUILDER_NEW_NEWHYBRID
                                                    : MU_IRBUILDER_NEW_ALLOCAHYBRID, "ttv"};
    case MU_SHAPE_GETIREF: return (recipe){MU_IRBUILDER_NEW_GETIREF, "tv"};
    case MU_SHAPE_GETFIELD: return (recipe){MU_IRBUILDER_NEW_GETFIELDIREF, "Ptuv"};
    case MU_SHAPE_GETELEM:
        return (recipe){inst->op == MU_OP_SHIFTIREF ? MU_IRBUILDER_NEW_SHIFTIREF
                                                    : MU_IRBUILDER_NEW_GETELEMIREF, "Pttvv"};
    case MU_SHAPE_GETVARPART: return (recipe){MU_IRBUILDER_NEW_GETVARPARTIREF, "Ptv"};
    case MU_SHAPE_LOAD: return (recipe){MU_IRBUILDER_NEW_LOAD, "Potv"};
    case MU_SHAPE_STORE: return (recipe){MU_IRBUILDER_NEW_STORE, "Potvv"};
    case MU_SHAPE_CMPXCHG: return (recipe){MU_IRBUILDER_NEW_CMPXCHG, "PWoqtvvv"};
    case MU_SHAPE_ATOMICRMW: return (recipe){MU_IRBUILDER_NEW_ATOMICRMW, "PoMtvv"};
    case MU_SHAPE_FENCE: return (recipe){MU_IRBUILDER_NEW_FENCE, "o"};
    case MU_SHAPE_TRAP: return (recipe){MU_IRBUILDER_NEW_TRAP, "T"};
    case MU_SHAPE_WATCHPOINT: return (recipe){MU_IRBUILDER_NEW_WATCHPOINT, "uT"};
    case MU_SHAPE_WPBRANCH: return (recipe){MU_IRBUILDER_NEW_WPBRANCH, "u"};
    case MU_SHAPE_CCALL: return (recipe){MU_IRBUILDER_NEW_CCALL, "FtsvV"};
    case MU_SHAPE_NEWTHREAD: return (recipe){MU_IRBUILDER_NEW_NEWTHREAD, "vh"};
    case MU_SHAPE_SWAPSTACK:
        return inst->kills_old ? (recipe){MU_IRBUILDER_NEW_SWAPSTACK_KILL, "v"}
                               : (recipe){MU_IRBUILDER_NEW_SWAPSTACK_RET, "vR"};
    case MU_SHAPE_COMMINST: return (recipe){MU_IRBUILDER_NEW_COMMINST, "OTSV"};
    }
    MU_INVARIANT(false, "operation %u", (unsigned)inst->op);
    return (recipe){0, ""};
}

static uint64_t flag_of(mu_ir_op op)
{
    return op <= MU_OP_XOR    ? 0x01u + (op - MU_OP_ADD)
           : op <= MU_OP_FREM ? 0xb0u + (op - MU_OP_FADD)
           : op <= MU_OP_ULT  ? 0x20u + (op - MU_OP_EQ)
           : op <= MU_OP_FOLE ? 0xc0u + (op - MU_OP_FFALSE)
                              : 0x30u + (op - MU_OP_TRUNC);
}
/* clang-format on */

/* Kinds of destinations in the order of mu_ir_inst. */
static const char *dest_kinds_of(const mu_ir_inst *inst)
{
    switch (inst->op) { /* NOLINT: those without an exception clause */
    case MU_OP_BRANCH: return "\1";
    case MU_OP_BRANCH2: return "\3\4";
    case MU_OP_SWITCH: return "\5";
    case MU_OP_WATCHPOINT: return "\6\7\2";
    case MU_OP_WPBRANCH: return "\6\7";
    default: return "\1\2";
    }
}

static void add_dests(const body *from, uint64_t node)
{
    const mu_ir_inst *inst = from->inst;
    const char *kinds = dest_kinds_of(inst);
    for (uint32_t i = 0; i < inst->dests.count; i++) {
        const mu_ir_dest *dest = &from->version->dests[inst->dests.first + i];
        bool is_case = inst->op == MU_OP_SWITCH && i > 0;
        push(from->to, node);
        if (is_case) {
            push_value(from, from->version->operands[inst->cases.first + i - 1]);
        } else {
            push(from->to, (uint64_t)kinds[i]);
        }
        push(from->to, from->blocks[dest->block]);
        push_values(from, dest->args, 0);
        call(from->to, is_case ? MU_IRBUILDER_ADD_SWITCH_DEST : MU_IRBUILDER_ADD_DEST);
    }
}

static void add_clauses(body *from, uint64_t node)
{
    const mu_ir_inst *inst = from->inst;
    if (inst->op == MU_OP_NEWTHREAD || inst->op == MU_OP_SWAPSTACK) {
        push(from->to, node);
        if (inst->throws_exc) {
            next_operand(from);
        } else {
            next_types(from, inst->types.count);
            rest_of_operands(from);
        }
        call(from->to, inst->throws_exc ? MU_IRBUILDER_SET_NEWSTACK_THROW_EXC
                                        : MU_IRBUILDER_SET_NEWSTACK_PASS_VALUES);
    }
    if (inst->keepalives.count) {
        push(from->to, node);
        push_values(from, inst->keepalives, 0);
        call(from->to, MU_IRBUILDER_ADD_KEEPALIVES);
    }
}

static void rebuild_inst(body *from, const mu_ir_inst *inst)
{
    recipe how = recipe_of(inst);
    from->inst = inst;
    from->next_type = from->next_operand = 0;
    push(from->to, from->block);
    if (inst->op <= MU_OP_PTRCAST) {
        push(from->to, flag_of(inst->op));
    }
    for (const char *part = how.parts; *part; part++) {
        push_part(from, *part);
    }
    uint64_t node = call(from->to, how.function);
    name_node(from->to, node, inst->entity.name);
    for (uint32_t i = 0; i < inst->results.count; i++) {
        uint32_t variable = inst->results.first + i;
        from->variables[variable] = call1(from->to, MU_IRBUILDER_NEW_INST_RES, node);
        name_node(from->to, from->variables[variable],
                  from->version->variables[variable].entity.name);
    }
    add_clauses(from, node);
    add_dests(from, node);
}

static void rebuild_params(body *from, const mu_ir_block *block)
{
    for (uint32_t i = 0; i < block->params.count + block->has_exc_param; i++) {
        bool is_exc = i == block->params.count;
        uint32_t variable = is_exc ? block->exc_param : block->params.first + i;
        push(from->to, from->block);
        if (!is_exc) {
            push_entity(from->to, &from->version->variables[variable].type->entity);
        }
        from->variables[variable] =
            call(from->to, is_exc ? MU_IRBUILDER_NEW_EXC_PARAM : MU_IRBUILDER_NEW_NOR_PARAM);
        name_node(from->to, from->variables[variable],
                  from->version->variables[variable].entity.name);
    }
}

/* What the body refers to and is not there yet: entities of earlier bundles. */
static void need_all_of_body(rebuild *to, const mu_ir_version *version)
{
    need_types(to, version->types, version->type_count);
    for (uint32_t i = 0; i < version->sig_count; i++) {
        node_of(to, &version->sigs[i]->entity);
    }
    for (uint32_t i = 0; i < version->global_count; i++) {
        node_of(to, version->globals[i]);
    }
    for (uint32_t i = 0; i < version->variable_count; i++) {
        const mu_ir_variable *variable = &version->variables[i];
        bool is_param = variable->inst == UINT32_MAX && variable->type->entity.id;
        if (is_param) {
            node_of(to, &variable->type->entity);
        }
    }
    node_of(to, &version->func->entity);
}

static void rebuild_version(rebuild *to, const mu_ir_version *version)
{
    body from = {.to = to,
                 .version = version,
                 .blocks = MU_ARENA_ARRAY(to->arena, uint64_t, version->block_count),
                 .variables = MU_ARENA_ARRAY(to->arena, uint64_t, version->variable_count)};
    need_all_of_body(to, version);
    push(to, to->node);
    push_entity(to, &version->func->entity);
    uint64_t node = call(to, MU_IRBUILDER_NEW_FUNC_VER);
    name_node(to, node, version->entity.name);
    for (uint32_t b = 0; b < version->block_count; b++) {
        from.blocks[b] = call1(to, MU_IRBUILDER_NEW_BB, node);
        name_node(to, from.blocks[b], version->blocks[b].entity.name);
    }
    for (uint32_t b = 0; b < version->block_count && to->status == MU_OK; b++) {
        const mu_ir_block *block = &version->blocks[b];
        from.block = from.blocks[b];
        rebuild_params(&from, block);
        for (uint32_t i = 0; i < block->insts.count; i++) {
            rebuild_inst(&from, &version->insts[block->insts.first + i]);
        }
    }
}

mu_status bundle_rebuild(const mu_ir_bundle *bundle, rebuild_perform_fn *perform, void *context,
                         uint64_t *node)
{
    rebuild to = {.bundle = bundle,
                  .perform = perform,
                  .context = context,
                  .arena = mu_arena_new(),
                  .nodes = mu_map_new()};
    to.node = call(&to, MU_IRBUILDER_NEW_BUNDLE);
    for (uint32_t i = 0; i < bundle->type_count; i++) {
        node_of(&to, &bundle->types[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->type_count; i++) {
        complete_type(&to, bundle->types[i]);
    }
    for (uint32_t i = 0; i < bundle->sig_count; i++) {
        node_of(&to, &bundle->sigs[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->func_count; i++) {
        node_of(&to, &bundle->funcs[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->global_count; i++) {
        node_of(&to, &bundle->globals[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->const_count; i++) {
        node_of(&to, &bundle->consts[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->expose_count; i++) {
        node_of(&to, &bundle->exposes[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->version_count && to.status == MU_OK; i++) {
        rebuild_version(&to, bundle->versions[i]);
    }
    *node = to.node;
    MU_ARRAY_FREE(&to.operands);
    mu_map_free(to.nodes);
    mu_arena_free(to.arena);
    return to.status;
}

/* ---- comparing */

static void cut_ints(mu_ir_bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->const_count; i++) {
        mu_ir_const *constant = bundle->consts[i];
        uint32_t bits = constant->type->kind == MU_IR_INT ? constant->type->bits : 64;
        if (constant->kind == MU_IR_CONST_INT) {
            constant->negative = false;
            constant->high = bits > 64 ? constant->high : 0;
            constant->low &= bits < 64 ? (UINT64_C(1) << bits) - 1 : UINT64_MAX;
        }
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *bundle_sorted_text(mu_ir_bundle *bundle)
{
    char *rest;
    cut_ints(bundle);
    for (uint32_t i = 0; i < bundle->version_count; i++) {
        bundle->versions[i]->sig = bundle->versions[i]->func->sig; /* equal, by another name */
    }
    char *text = mu_ir_print(bundle);
    size_t length = strlen(text);
    char *sorted = mu_allocate(length + 2);
    MU_ARRAY(char *) definitions = {0};
    size_t used = 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (line[0] == '.' && strncmp(line, ".func", 5) != 0) {
            MU_ARRAY_PUSH(&definitions, line);
        } else if (strncmp(line, ".funcsig", 8) == 0) {
            MU_ARRAY_PUSH(&definitions, line);
        } else {
            used += (size_t)(stpcpy(stpcpy(sorted + used, line), "\n") - (sorted + used));
        }
    }
    if (definitions.count) {
        qsort(definitions.items, definitions.count, sizeof(char *), by_text);
    }
    for (uint32_t i = 0; i < definitions.count; i++) {
        used +=
            (size_t)(stpcpy(stpcpy(sorted + used, definitions.items[i]), "\n") - (sorted + used));
    }
    sorted[used] = '\0';
    MU_ARRAY_FREE(&definitions);
    mu_free(text);
    return sorted;
}
