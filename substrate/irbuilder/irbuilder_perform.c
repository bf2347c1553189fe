/* Performs the functions of the builder: makes nodes, adds to them, answers. */
#include "irbuilder_nodes.h"

#include <string.h>

/* Room for operands that a builder keeps from call to call. */
#define KEPT_WORDS 4096u

/* ---- making */

mu_status irbuilder_check_room(const irbuilder_call *call, uint64_t nodes, uint64_t words)
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

/* What one item more adds to the array of nodes. */
static uint64_t nodes_growth(const irbuilder_bundle *bundle)
{
    bool is_full = bundle->nodes.count == bundle->nodes.capacity;
    return is_full ? bundle->nodes.capacity * sizeof *bundle->nodes.items : 0;
}

/* A node of the row's kind with the call's operands; behind it, in one piece, its words and `more`
 * of them. `more_bytes` are counted as well. Errors: LIMIT, NO_MEMORY. */
static mu_status make(const irbuilder_call *call, uint32_t more, uint64_t more_bytes,
                      uint32_t *number)
{
    mu_irbuilder *builder = call->builder;
    irbuilder_bundle *bundle = call->bundle;
    uint32_t words = builder->words.count;
    size_t size = sizeof(irbuilder_node) + ((size_t)words + more) * sizeof(uint64_t);
    mu_status status = irbuilder_check_room(call, 1, words);
    if (status == MU_OK) {
        status = irbuilder_take_bytes(bundle, mu_arena_growth_bytes(bundle->arena, size) +
                                                  nodes_growth(bundle) + more_bytes);
    }
    if (status != MU_OK) {
        return status;
    }
    irbuilder_node *node = mu_arena_allocate(bundle->arena, size);
    node->kind = irbuilder_row_at(call->row)->makes;
    node->op = (uint8_t)call->op;
    node->row = (uint16_t)call->row;
    node->parent = call->first;
    node->word_count = words;
    if (words) {
        memcpy(node + 1, builder->words.items, words * sizeof *node->words);
        node->words = (const uint64_t *)(node + 1);
    }
    *number = bundle->nodes.count;
    MU_ARRAY_PUSH(&bundle->nodes, node);
    hang(bundle, node, *number);
    bundle->words += words;
    builder->word_count += words;
    builder->node_count++;
    return MU_OK;
}

mu_status irbuilder_make(const irbuilder_call *call, uint32_t *number)
{
    return make(call, 0, 0, number);
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
    irbuilder_bundle *bundle = irbuilder_bundle_new(builder);
    if (!bundle) {
        return MU_NO_MEMORY;
    }
    bundle->serial = ++builder->last_serial;
    builder->bundles[builder->bundle_count++] = bundle;
    *result = (uint64_t)bundle->serial << 32;
    return MU_OK;
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
    mu_status status = make(call, 1, mu_map_growth_bytes(bundle->defined), number);
    if (status == MU_OK) {
        irbuilder_node *made = irbuilder_node_at(bundle, *number);
        const void **key = (const void **)((uint64_t *)(made + 1) + made->word_count);
        *key = subject;
        mu_map_put(bundle->defined, key, sizeof *key, made);
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
    mu_status status = irbuilder_make(call, number);
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
    mu_status status = irbuilder_make(call, number);
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
    mu_status status = irbuilder_make(call, &number);
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
    case MU_IRBUILDER_GET_ID: return irbuilder_get_id(call, result);
    case MU_IRBUILDER_SET_NAME: return irbuilder_set_name(call);
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
    case MU_IRBUILDER_GET_NODE: return irbuilder_get_node(call, number);
    case MU_IRBUILDER_NEW_FUNC_VER: return new_version(call, number);
    case MU_IRBUILDER_NEW_EXC_PARAM: return new_exc_param(call, number);
    case MU_IRBUILDER_NEW_TYPE_STRUCT:
        if (!call->builder->words.items[0]) {
            return irbuilder_complain(call, MU_INVALID, "a struct has at least one field");
        }
        return irbuilder_make(call, number);
    default: return irbuilder_make(call, number);
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
    if (builder->words.capacity > KEPT_WORDS) {
        MU_ARRAY_FREE(&builder->words);
    }
    return status;
}
