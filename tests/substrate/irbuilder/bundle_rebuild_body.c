/* Bodies of functions: one recipe for each shape of instruction. */
#include "bundle_rebuild_parts.h"

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
        rebuild_push_entity(from->to, mu_ir_global_of(from->version, value));
    } else {
        rebuild_push(from->to, from->variables[mu_ir_value_index(value)]);
    }
}

static void push_values(const body *from, mu_ir_range range, uint32_t first)
{
    rebuild_push(from->to, range.count - first);
    for (uint32_t i = first; i < range.count; i++) {
        push_value(from, from->version->operands[range.first + i]);
    }
}

static void next_type(body *from)
{
    uint32_t index = from->inst->types.first + from->next_type++;
    rebuild_push_entity(from->to, &from->version->types[index]->entity);
}

static void next_types(body *from, uint32_t end)
{
    rebuild_push(from->to, end - from->next_type);
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
        rebuild_push(from->to, from->inst->sigs.count);
    }
    for (uint32_t i = 0; i < from->inst->sigs.count; i++) {
        rebuild_push_entity(from->to, &from->version->sigs[from->inst->sigs.first + i]->entity);
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
    case 'P': rebuild_push(from->to, inst->is_ptr); break;
    case 'W': rebuild_push(from->to, inst->is_weak); break;
    case 'o': rebuild_push(from->to, inst->order); break;
    case 'q': rebuild_push(from->to, inst->order_fail); break;
    case 'M': rebuild_push(from->to, inst->rmw); break;
    case 'u': rebuild_push(from->to, inst->literal); break;
    case 'F': rebuild_push(from->to, 0); break;
    case 'R': next_types(from, inst->pass_types_first); break;
    case 'O':
        rebuild_push(from->to, mu_ir_comminst_id(inst->comminst));
        rebuild_push(from->to, inst->flags.count);
        for (uint32_t i = 0; i < inst->flags.count; i++) {
            rebuild_push(from->to, 0);
        }
        break;
    case 'h':
        if (inst->has_threadlocal) {
            next_operand(from);
        } else {
            rebuild_push(from->to, 0);
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
        rebuild_push(from->to, node);
        if (is_case) {
            push_value(from, from->version->operands[inst->cases.first + i - 1]);
        } else {
            rebuild_push(from->to, (uint64_t)kinds[i]);
        }
        rebuild_push(from->to, from->blocks[dest->block]);
        push_values(from, dest->args, 0);
        rebuild_call(from->to, is_case ? MU_IRBUILDER_ADD_SWITCH_DEST : MU_IRBUILDER_ADD_DEST);
    }
}

static void add_clauses(body *from, uint64_t node)
{
    const mu_ir_inst *inst = from->inst;
    if (inst->op == MU_OP_NEWTHREAD || inst->op == MU_OP_SWAPSTACK) {
        rebuild_push(from->to, node);
        if (inst->throws_exc) {
            next_operand(from);
        } else {
            next_types(from, inst->types.count);
            rest_of_operands(from);
        }
        rebuild_call(from->to, inst->throws_exc ? MU_IRBUILDER_SET_NEWSTACK_THROW_EXC
                                                : MU_IRBUILDER_SET_NEWSTACK_PASS_VALUES);
    }
    if (inst->keepalives.count) {
        rebuild_push(from->to, node);
        push_values(from, inst->keepalives, 0);
        rebuild_call(from->to, MU_IRBUILDER_ADD_KEEPALIVES);
    }
}

static void rebuild_inst(body *from, const mu_ir_inst *inst)
{
    recipe how = recipe_of(inst);
    from->inst = inst;
    from->next_type = from->next_operand = 0;
    rebuild_push(from->to, from->block);
    if (inst->op <= MU_OP_PTRCAST) {
        rebuild_push(from->to, flag_of(inst->op));
    }
    for (const char *part = how.parts; *part; part++) {
        push_part(from, *part);
    }
    uint64_t node = rebuild_call(from->to, how.function);
    rebuild_name(from->to, node, inst->entity.name);
    for (uint32_t i = 0; i < inst->results.count; i++) {
        uint32_t variable = inst->results.first + i;
        from->variables[variable] = rebuild_call1(from->to, MU_IRBUILDER_NEW_INST_RES, node);
        rebuild_name(from->to, from->variables[variable],
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
        rebuild_push(from->to, from->block);
        if (!is_exc) {
            rebuild_push_entity(from->to, &from->version->variables[variable].type->entity);
        }
        from->variables[variable] = rebuild_call(from->to, is_exc ? MU_IRBUILDER_NEW_EXC_PARAM
                                                                  : MU_IRBUILDER_NEW_NOR_PARAM);
        rebuild_name(from->to, from->variables[variable],
                     from->version->variables[variable].entity.name);
    }
}

/* What the body refers to and is not there yet: entities of earlier bundles. */
static void need_all_of_body(rebuild *to, const mu_ir_version *version)
{
    for (uint32_t i = 0; i < version->type_count; i++) {
        rebuild_node_of(to, &version->types[i]->entity);
    }
    for (uint32_t i = 0; i < version->sig_count; i++) {
        rebuild_node_of(to, &version->sigs[i]->entity);
    }
    for (uint32_t i = 0; i < version->global_count; i++) {
        rebuild_node_of(to, version->globals[i]);
    }
    for (uint32_t i = 0; i < version->variable_count; i++) {
        const mu_ir_variable *variable = &version->variables[i];
        bool is_param = variable->inst == UINT32_MAX && variable->type->entity.id;
        if (is_param) {
            rebuild_node_of(to, &variable->type->entity);
        }
    }
    rebuild_node_of(to, &version->func->entity);
}

void rebuild_version(rebuild *to, const mu_ir_version *version)
{
    body from = {.to = to,
                 .version = version,
                 .blocks = MU_ARENA_ARRAY(to->arena, uint64_t, version->block_count),
                 .variables = MU_ARENA_ARRAY(to->arena, uint64_t, version->variable_count)};
    need_all_of_body(to, version);
    rebuild_push(to, to->node);
    rebuild_push_entity(to, &version->func->entity);
    uint64_t node = rebuild_call(to, MU_IRBUILDER_NEW_FUNC_VER);
    rebuild_name(to, node, version->entity.name);
    for (uint32_t b = 0; b < version->block_count; b++) {
        from.blocks[b] = rebuild_call1(to, MU_IRBUILDER_NEW_BB, node);
        rebuild_name(to, from.blocks[b], version->blocks[b].entity.name);
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
