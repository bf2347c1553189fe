/* Performs the functions of the builder: makes nodes, adds to them, answers. */
#include "irbuilder_nodes.h"

#include <string.h>

#define NAME_MOST_BYTES 4096u

/* ---- making */

static mu_status check_room(const irbuilder_call *call, uint64_t nodes, uint64_t words)
{
    const mu_irbuilder *builder = call->builder;
    if (builder->node_count + nodes > MU_IRBUILDER_MAX_NODES ||
        builder->word_count + words > MU_IRBUILDER_MAX_WORDS) {
        return irbuilder_complain(
            call, MU_LIMIT,
            "the bundles under construction may have %u nodes and %u words of operands: load or "
            "abort some",
            MU_IRBUILDER_MAX_NODES, MU_IRBUILDER_MAX_WORDS);
    }
    return MU_OK;
}

static void append(const irbuilder_bundle *bundle, irbuilder_chain *chain, uint32_t number)
{
    if (chain->last) {
        irbuilder_node_at(bundle, chain->last)->next = number;
    } else {
        chain->first = number;
    }
    chain->last = number;
}

static void hang(const irbuilder_bundle *bundle, irbuilder_node *node, uint32_t number)
{
    irbuilder_node *parent = node->parent ? irbuilder_node_at(bundle, node->parent) : NULL;
    switch ((irbuilder_kind)node->kind) {
    case NODE_BLOCK:
    case NODE_PARAM:
    case NODE_RESULT: append(bundle, &parent->children, number); break;
    case NODE_INST:
    case NODE_DEST: append(bundle, &parent->others, number); break;
    default: break;
    }
}

/* A node of the row's kind with the call's operands. Errors: LIMIT. */
static mu_status make(const irbuilder_call *call, uint32_t *number)
{
    mu_irbuilder *builder = call->builder;
    irbuilder_bundle *bundle = call->bundle;
    uint32_t words = builder->words.count;
    mu_status status = check_room(call, 1, words);
    if (status != MU_OK) {
        return status;
    }
    irbuilder_node *node = MU_ARENA_NEW(bundle->arena, irbuilder_node);
    node->kind = irbuilder_row_at(call->row)->makes;
    node->op = (uint8_t)call->op;
    node->row = (uint16_t)call->row;
    node->parent = call->first;
    node->word_count = words;
    if (words) {
        uint64_t *copy = MU_ARENA_ARRAY(bundle->arena, uint64_t, words);
        memcpy(copy, builder->words.items, words * sizeof *copy);
        node->words = copy;
    }
    *number = bundle->nodes.count;
    MU_ARRAY_PUSH(&bundle->nodes, node);
    hang(bundle, node, *number);
    bundle->words += words;
    builder->word_count += words;
    builder->node_count++;
    return MU_OK;
}

static mu_status new_bundle(const irbuilder_call *call, uint64_t *result)
{
    mu_irbuilder *builder = call->builder;
    if (builder->bundle_count == MU_IRBUILDER_MAX_BUNDLES || builder->last_serial == UINT32_MAX) {
        return irbuilder_complain(call, MU_LIMIT,
                                  "%u bundles are under construction, and that is the most: load "
                                  "or abort some",
                                  builder->bundle_count);
    }
    irbuilder_bundle *bundle = mu_allocate(sizeof *bundle);
    bundle->serial = ++builder->last_serial;
    bundle->arena = mu_arena_new();
    bundle->names = mu_map_new();
    bundle->defined = mu_map_new();
    MU_ARRAY_PUSH(&bundle->nodes, NULL);
    builder->bundles[builder->bundle_count++] = bundle;
    *result = (uint64_t)bundle->serial << 32;
    return MU_OK;
}

/* ---- ids, names, nodes of earlier bundles */

static bool kind_of_entity(const mu_ir_entity *entity, uint8_t *kind)
{
    static const uint8_t kinds[] = {
        [MU_IR_TYPE] = NODE_TYPE,       [MU_IR_SIG] = NODE_SIG,   [MU_IR_CONST] = NODE_CONST,
        [MU_IR_GLOBAL] = NODE_GLOBAL,   [MU_IR_FUNC] = NODE_FUNC, [MU_IR_EXPOSE] = NODE_EXPOSE,
        [MU_IR_VERSION] = NODE_VERSION,
    };
    bool is_top_level = entity->kind <= MU_IR_VERSION;
    if (is_top_level) {
        *kind = kinds[entity->kind];
    }
    return is_top_level;
}

static mu_status get_node(const irbuilder_call *call, uint32_t *number)
{
    uint32_t id = (uint32_t)call->builder->words.items[0];
    mu_ir_entity *entity = mu_ir_env_by_id(call->env, id);
    uint8_t kind;
    if (!entity) {
        return irbuilder_complain(call, MU_INVALID, "nothing that is loaded has the id %u", id);
    }
    if (!kind_of_entity(entity, &kind)) {
        return irbuilder_complain(call, MU_INVALID,
                                  "the id %u is of a part of a function; only definitions of the "
                                  "top level can be used in other bundles",
                                  id);
    }
    mu_status status = make(call, number);
    if (status == MU_OK) {
        irbuilder_node *node = irbuilder_node_at(call->bundle, *number);
        node->kind = kind;
        node->is_loaded = true;
        node->entity = entity;
    }
    return status;
}

static mu_status get_id(const irbuilder_call *call, uint64_t *result)
{
    mu_irbuilder *builder = call->builder;
    irbuilder_node *node = irbuilder_node_at(call->bundle, builder->words.items[0]);
    if (node->is_loaded) {
        *result = node->entity->id;
        return MU_OK;
    }
    if (!node->id && !builder->next_id) { /* it has wrapped */
        return irbuilder_complain(call, MU_LIMIT, "this VM has given away all ids, 2 G of them");
    }
    if (!node->id) {
        node->id = builder->next_id++;
    }
    *result = node->id;
    return MU_OK;
}

static bool is_name(const char *name, size_t length)
{
    bool right = length > 1 && name[0] == '@';
    for (size_t i = 1; right && i < length; i++) {
        char c = name[i];
        right = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == '-' || c == '_' || c == '.';
    }
    return right;
}

static mu_status check_name(const irbuilder_call *call)
{
    char text[IRBUILDER_TEXT_BYTES];
    uint32_t number = (uint32_t)call->builder->words.items[0];
    const irbuilder_node *node = irbuilder_node_at(call->bundle, number);
    irbuilder_describe(call->bundle, number, text);
    if (node->is_loaded || node->name) {
        return irbuilder_complain(call, MU_INVALID, "%s has its name already%s", text,
                                  node->is_loaded ? ": it is loaded" : "");
    }
    if (call->name_length > NAME_MOST_BYTES) {
        return irbuilder_complain(call, MU_LIMIT, "%s: a name of %zu bytes; names have at most %u",
                                  text, call->name_length, NAME_MOST_BYTES);
    }
    if (!is_name(call->name, call->name_length)) {
        return irbuilder_complain(
            call, MU_INVALID, "%s: a name is '@' and then letters, digits, '-', '_' or '.'", text);
    }
    if (mu_map_get(call->bundle->names, call->name, call->name_length)) {
        return irbuilder_complain(call, MU_INVALID,
                                  "%s: the name %.*s is taken by another node of this bundle", text,
                                  call->name_length < 80 ? (int)call->name_length : 80, call->name);
    }
    if (mu_ir_env_find(call->env, call->name, call->name_length)) {
        return irbuilder_complain(call, MU_INVALID, "%s: the name %.*s is taken by what is loaded",
                                  text, call->name_length < 80 ? (int)call->name_length : 80,
                                  call->name);
    }
    return check_room(call, 0, call->name_length / sizeof(uint64_t) + 2);
}

static mu_status set_name(const irbuilder_call *call)
{
    mu_status status = check_name(call);
    if (status == MU_OK) {
        irbuilder_bundle *bundle = call->bundle;
        irbuilder_node *node = irbuilder_node_at(bundle, call->builder->words.items[0]);
        uint64_t words = call->name_length / sizeof(uint64_t) + 2;
        node->name = mu_arena_string(bundle->arena, call->name, call->name_length);
        mu_map_put(bundle->names, node->name, call->name_length, node);
        bundle->words += words;
        call->builder->word_count += words;
    }
    return status;
}

/* ---- second steps */

/* SET_TYPE_X follows NEW_TYPE_X in the table. */
static mu_status complete_type(const irbuilder_call *call)
{
    irbuilder_node *node = irbuilder_node_at(call->bundle, call->first);
    char text[IRBUILDER_TEXT_BYTES];
    irbuilder_describe(call->bundle, call->first, text);
    if (node->row != call->row - 1) {
        return irbuilder_complain(call, MU_INVALID, "%s is of %s, expected one of %s", text,
                                  irbuilder_row_word(node->row), irbuilder_row_word(call->row - 1));
    }
    if (node->clauses[0]) {
        return irbuilder_complain(call, MU_INVALID, "%s is complete already", text);
    }
    node->clauses[0] = (uint32_t)call->builder->words.items[0];
    return MU_OK;
}

static mu_status new_version(const irbuilder_call *call, uint32_t *number)
{
    irbuilder_bundle *bundle = call->bundle;
    uint64_t func = call->builder->words.items[0];
    irbuilder_node *node = irbuilder_node_at(bundle, func);
    const void *subject = node->is_loaded ? (const void *)node->entity : node;
    if (mu_map_get(bundle->defined, &subject, sizeof subject)) {
        char text[IRBUILDER_TEXT_BYTES];
        irbuilder_describe(bundle, func, text);
        return irbuilder_complain(call, MU_INVALID, "%s has a version in this bundle already",
                                  text);
    }
    mu_status status = make(call, number);
    if (status == MU_OK) {
        const void **key = MU_ARENA_NEW(bundle->arena, const void *);
        *key = subject;
        mu_map_put(bundle->defined, key, sizeof *key, irbuilder_node_at(bundle, *number));
    }
    return status;
}

static mu_status new_exc_param(const irbuilder_call *call, uint32_t *number)
{
    irbuilder_node *block = irbuilder_node_at(call->bundle, call->first);
    if (block->clauses[0]) {
        char text[IRBUILDER_TEXT_BYTES];
        irbuilder_describe(call->bundle, call->first, text);
        return irbuilder_complain(call, MU_INVALID, "%s has an exception parameter already", text);
    }
    mu_status status = make(call, number);
    if (status == MU_OK) {
        block->clauses[0] = *number;
    }
    return status;
}

static bool may_have_dest(mu_ir_op op, irbuilder_dest kind)
{
    bool optional;
    if (kind == DEST_CASE) {
        return op == MU_OP_SWITCH;
    }
    if (kind == DEST_EXCEPT && op == MU_OP_WATCHPOINT) {
        return true;
    }
    const uint8_t *kinds = irbuilder_dests_of(op, &optional);
    while (kinds && *kinds && *kinds != kind) {
        kinds++;
    }
    return kinds && *kinds;
}

static mu_status add_dest(const irbuilder_call *call, irbuilder_dest kind, uint32_t *number)
{
    irbuilder_node *inst = irbuilder_node_at(call->bundle, call->first);
    char text[IRBUILDER_TEXT_BYTES];
    irbuilder_describe(call->bundle, call->first, text);
    if (!may_have_dest((mu_ir_op)inst->op, kind)) {
        return irbuilder_complain(call, MU_INVALID, "%s is %s, which has no %s", text,
                                  mu_ir_op_info_of((mu_ir_op)inst->op)->word,
                                  irbuilder_dest_name(kind));
    }
    if (kind != DEST_CASE && inst->dests >> kind & 1) {
        return irbuilder_complain(call, MU_INVALID, "%s has its %s already", text,
                                  irbuilder_dest_name(kind));
    }
    mu_status status = make(call, number);
    if (status == MU_OK && kind != DEST_CASE) {
        inst->dests = (uint8_t)(inst->dests | 1u << kind);
    }
    return status;
}

static bool may_have_clause(mu_ir_op op, uint32_t clause)
{
    if (clause == CLAUSE_NEW_STACK) {
        return op == MU_OP_NEWTHREAD || op == MU_OP_SWAPSTACK;
    }
    return op == MU_OP_CALL || op == MU_OP_TRAP || op == MU_OP_WATCHPOINT || op == MU_OP_CCALL ||
           op == MU_OP_SWAPSTACK || op == MU_OP_COMMINST;
}

static mu_status add_clause(const irbuilder_call *call, uint32_t clause)
{
    irbuilder_node *inst = irbuilder_node_at(call->bundle, call->first);
    const char *what = clause == CLAUSE_NEW_STACK ? "clause about a new stack" : "keep-alives";
    char text[IRBUILDER_TEXT_BYTES];
    irbuilder_describe(call->bundle, call->first, text);
    if (!may_have_clause((mu_ir_op)inst->op, clause)) {
        return irbuilder_complain(call, MU_INVALID, "%s is %s, which has no %s", text,
                                  mu_ir_op_info_of((mu_ir_op)inst->op)->word, what);
    }
    if (inst->clauses[clause]) {
        return irbuilder_complain(call, MU_INVALID, "%s has its %s already", text, what);
    }
    uint32_t number;
    mu_status status = make(call, &number);
    if (status == MU_OK) {
        inst->clauses[clause] = number;
    }
    return status;
}

/* ---- all */

static mu_status abort_bundle(const irbuilder_call *call)
{
    mu_irbuilder_graph *graph;
    uint64_t node = (uint64_t)call->bundle->serial << 32;
    mu_status status = mu_irbuilder_detach(call->builder, node, call->report, &graph);
    if (status == MU_OK) {
        mu_irbuilder_graph_free(graph);
    }
    return status;
}

/* What makes no node that is named outside. */
static mu_status perform_plain(irbuilder_call *call, mu_irbuilder_op op, uint64_t *result)
{
    uint32_t number;
    switch (op) { /* NOLINT: the others make nodes */
    case MU_IRBUILDER_NEW_BUNDLE: return new_bundle(call, result);
    case MU_IRBUILDER_ABORT_BUNDLE_NODE: return abort_bundle(call);
    case MU_IRBUILDER_GET_ID: return get_id(call, result);
    case MU_IRBUILDER_SET_NAME: return set_name(call);
    case MU_IRBUILDER_ADD_DEST:
        return add_dest(call, (irbuilder_dest)call->builder->words.items[0], &number);
    case MU_IRBUILDER_ADD_SWITCH_DEST: return add_dest(call, DEST_CASE, &number);
    case MU_IRBUILDER_ADD_KEEPALIVES: return add_clause(call, CLAUSE_KEEPALIVES);
    case MU_IRBUILDER_SET_NEWSTACK_PASS_VALUES:
    case MU_IRBUILDER_SET_NEWSTACK_THROW_EXC: return add_clause(call, CLAUSE_NEW_STACK);
    case MU_IRBUILDER_LOAD_BUNDLE_FROM_NODE:
        return irbuilder_complain(call, MU_INVALID, "loading is not done among the other calls");
    default: return complete_type(call);
    }
}

static mu_status perform_making(const irbuilder_call *call, mu_irbuilder_op op, uint32_t *number)
{
    switch (op) { /* NOLINT: those with rules of their own */
    case MU_IRBUILDER_GET_NODE: return get_node(call, number);
    case MU_IRBUILDER_NEW_FUNC_VER: return new_version(call, number);
    case MU_IRBUILDER_NEW_EXC_PARAM: return new_exc_param(call, number);
    case MU_IRBUILDER_NEW_TYPE_STRUCT:
        if (!call->builder->words.items[0]) {
            return irbuilder_complain(call, MU_INVALID, "a struct has at least one field");
        }
        return make(call, number);
    default: return make(call, number);
    }
}

mu_status mu_irbuilder_perform(mu_irbuilder *builder, const mu_ir_env *env, uint32_t op,
                               const uint64_t *operands, uint32_t operand_count, const char *name,
                               size_t name_length, mu_report *report, uint64_t *result)
{
    const mu_irbuilder_op_info *info = mu_irbuilder_op_info_of(op);
    if (!info) {
        return mu_report_add(report, MU_INVALID, (mu_location){0},
                             "the IR builder has no function of number 0x%x", op);
    }
    irbuilder_call call = {.builder = builder,
                           .env = env,
                           .row = op - IRBUILDER_FIRST,
                           .report = report,
                           .operands = operands,
                           .operand_count = operand_count,
                           .name = name,
                           .name_length = name_length};
    call.op = (mu_ir_op)irbuilder_row_at(call.row)->op;
    uint64_t made = 0;
    mu_status status = MU_OK;
    MU_TRY(irbuilder_take_operands(&call));
    if (info->result == 'n' && op != MU_IRBUILDER_NEW_BUNDLE) {
        uint32_t number = 0;
        MU_TRY(perform_making(&call, (mu_irbuilder_op)op, &number));
        made = (uint64_t)call.bundle->serial << 32 | number;
    } else {
        MU_TRY(perform_plain(&call, (mu_irbuilder_op)op, &made));
    }
    *result = made;
done:
    return status;
}
