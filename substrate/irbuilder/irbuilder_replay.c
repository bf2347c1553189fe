/* Makes a bundle of a graph. As the text parser does, in two passes: first every definition of the
 * top level gets an entity with its name and id, then all are filled in. */
#include "irbuilder_nodes.h"

#include <string.h>

mu_ir_type *irbuilder_type_at(const irbuilder_replay *replay, uint64_t number)
{
    return (mu_ir_type *)irbuilder_node_at(replay->from, number)->entity;
}

mu_ir_sig *irbuilder_sig_at(const irbuilder_replay *replay, uint64_t number)
{
    return (mu_ir_sig *)irbuilder_node_at(replay->from, number)->entity;
}

const char *irbuilder_next(const irbuilder_replay *replay, const irbuilder_node *node)
{
    if (node->id) {
        mu_ir_builder_next_id(replay->to, node->id);
    }
    return node->name
               ? mu_arena_string(mu_ir_builder_arena(replay->to), node->name, strlen(node->name))
               : NULL;
}

/* ---- first pass */

static mu_ir_entity *new_entity(const irbuilder_replay *replay, const irbuilder_node *node)
{
    mu_ir_builder *to = replay->to;
    mu_location where = {0};
    if (node->id) {
        mu_ir_builder_next_id(to, node->id);
    }
    switch ((irbuilder_kind)node->kind) {
    case NODE_TYPE: return &mu_ir_builder_type(to, where)->entity;
    case NODE_SIG: return &mu_ir_builder_sig(to, where)->entity;
    case NODE_CONST: return &mu_ir_builder_const(to, where)->entity;
    case NODE_GLOBAL: return &mu_ir_builder_global(to, where)->entity;
    case NODE_FUNC: return &mu_ir_builder_func(to, where)->entity;
    case NODE_EXPOSE: return &mu_ir_builder_expose(to, where)->entity;
    default: break; /* NODE_VERSION, whose function is before it */
    }
    mu_ir_entity *func = irbuilder_node_at(replay->from, node->words[0])->entity;
    return &mu_ir_builder_version(to, (mu_ir_func *)func, where)->entity;
}

static mu_status declare_all(irbuilder_replay *replay)
{
    mu_status worst = MU_OK;
    for (uint32_t i = 1; i < replay->from->nodes.count; i++) {
        irbuilder_node *node = irbuilder_node_at(replay->from, i);
        if (node->kind > NODE_VERSION || node->is_loaded) {
            continue;
        }
        node->entity = new_entity(replay, node);
        if (node->name) {
            mu_status status = mu_ir_builder_set_name(replay->to, node->entity, node->name,
                                                      strlen(node->name), replay->report);
            worst = status == MU_OK ? worst : MU_INVALID;
        }
    }
    return worst;
}

/* ---- lists; the cursor goes behind them */

/* Appends a list's types to replay->types; returns how many. */
static uint32_t take_types(irbuilder_replay *replay, const uint64_t **words)
{
    uint32_t count = (uint32_t) * (*words)++;
    for (uint32_t i = 0; i < count; i++) {
        MU_ARRAY_PUSH(&replay->types, irbuilder_type_at(replay, *(*words)++));
    }
    return count;
}

/* ---- types, signatures */

static mu_ir_type_kind type_kind_of(uint32_t row)
{
    switch (row + IRBUILDER_FIRST) {
    case MU_IRBUILDER_NEW_TYPE_INT: return MU_IR_INT;
    case MU_IRBUILDER_NEW_TYPE_FLOAT: return MU_IR_FLOAT;
    case MU_IRBUILDER_NEW_TYPE_DOUBLE: return MU_IR_DOUBLE;
    case MU_IRBUILDER_NEW_TYPE_UPTR: return MU_IR_UPTR;
    case MU_IRBUILDER_NEW_TYPE_UFUNCPTR: return MU_IR_UFUNCPTR;
    case MU_IRBUILDER_NEW_TYPE_STRUCT: return MU_IR_STRUCT;
    case MU_IRBUILDER_NEW_TYPE_HYBRID: return MU_IR_HYBRID;
    case MU_IRBUILDER_NEW_TYPE_ARRAY: return MU_IR_ARRAY;
    case MU_IRBUILDER_NEW_TYPE_VECTOR: return MU_IR_VECTOR;
    case MU_IRBUILDER_NEW_TYPE_VOID: return MU_IR_VOID;
    case MU_IRBUILDER_NEW_TYPE_REF: return MU_IR_REF;
    case MU_IRBUILDER_NEW_TYPE_IREF: return MU_IR_IREF;
    case MU_IRBUILDER_NEW_TYPE_WEAKREF: return MU_IR_WEAKREF;
    case MU_IRBUILDER_NEW_TYPE_FUNCREF: return MU_IR_FUNCREF;
    case MU_IRBUILDER_NEW_TYPE_TAGREF64: return MU_IR_TAGREF64;
    case MU_IRBUILDER_NEW_TYPE_THREADREF: return MU_IR_THREADREF;
    case MU_IRBUILDER_NEW_TYPE_STACKREF: return MU_IR_STACKREF;
    case MU_IRBUILDER_NEW_TYPE_FRAMECURSORREF: return MU_IR_FRAMECURSORREF;
    case MU_IRBUILDER_NEW_TYPE_IRNODEREF: return MU_IR_IRNODEREF;
    default: break;
    }
    MU_INVARIANT(false, "row %u makes no type", row);
    return MU_IR_VOID;
}

static void fill_type(irbuilder_replay *replay, const irbuilder_node *node)
{
    mu_ir_type form = {.kind = type_kind_of(node->row)};
    const uint64_t *words = node->words;
    replay->types.count = 0;
    switch (form.kind) { /* NOLINT: those with operands */
    case MU_IR_INT: form.bits = (uint32_t)words[0]; break;
    case MU_IR_STRUCT:
    case MU_IR_HYBRID:
        form.field_count = take_types(replay, &words);
        form.fields = replay->types.items;
        form.element = form.kind == MU_IR_HYBRID ? irbuilder_type_at(replay, *words) : NULL;
        break;
    case MU_IR_ARRAY:
    case MU_IR_VECTOR:
        form.element = irbuilder_type_at(replay, words[0]);
        form.length = words[1];
        break;
    case MU_IR_UPTR:
    case MU_IR_REF:
    case MU_IR_IREF:
    case MU_IR_WEAKREF: form.element = irbuilder_type_at(replay, node->clauses[0]); break;
    case MU_IR_FUNCREF:
    case MU_IR_UFUNCPTR: form.sig = irbuilder_sig_at(replay, node->clauses[0]); break;
    default: break;
    }
    mu_ir_builder_set_type(replay->to, (mu_ir_type *)node->entity, &form);
}

static void fill_sig(irbuilder_replay *replay, const irbuilder_node *node)
{
    mu_ir_sig form = {0};
    const uint64_t *words = node->words;
    replay->types.count = 0;
    form.param_count = take_types(replay, &words);
    form.result_count = take_types(replay, &words);
    form.params = replay->types.items;
    form.results = form.result_count ? replay->types.items + form.param_count : NULL;
    mu_ir_builder_set_sig(replay->to, (mu_ir_sig *)node->entity, &form);
}

/* ---- constants */

/* The width of an int or pointer, which a constant is cut to; of other types, which the verifier
 * will not have, 128. */
static uint32_t width_of(const irbuilder_replay *replay, uint64_t type)
{
    const irbuilder_node *node = irbuilder_node_at(replay->from, type);
    mu_ir_type_kind kind =
        node->is_loaded ? ((const mu_ir_type *)node->entity)->kind : type_kind_of(node->row);
    if (kind == MU_IR_UPTR || kind == MU_IR_UFUNCPTR) {
        return 64;
    }
    if (kind != MU_IR_INT) {
        return 128;
    }
    return node->is_loaded ? ((const mu_ir_type *)node->entity)->bits : (uint32_t)node->words[0];
}

static void fill_int(const irbuilder_replay *replay, const irbuilder_node *node, mu_ir_const *form)
{
    bool is_long = node->row + IRBUILDER_FIRST == MU_IRBUILDER_NEW_CONST_INT_EX;
    const uint64_t *values = node->words + (is_long ? 2 : 1);
    uint64_t count = is_long ? node->words[1] : 1;
    uint32_t bits = width_of(replay, node->words[0]);
    form->kind = MU_IR_CONST_INT;
    form->low = count > 0 ? values[0] : 0;
    form->high = count > 1 && bits > 64 ? values[1] : 0;
    if (bits < 64) {
        form->low &= (UINT64_C(1) << bits) - 1;
    } else if (bits > 64 && bits < 128) {
        form->high &= (UINT64_C(1) << (bits - 64)) - 1;
    }
}

static void fill_const(irbuilder_replay *replay, const irbuilder_node *node)
{
    const uint64_t *words = node->words;
    mu_ir_const form = {.type = irbuilder_type_at(replay, words[0])};
    uint32_t single;
    switch (node->row + IRBUILDER_FIRST) {
    case MU_IRBUILDER_NEW_CONST_INT:
    case MU_IRBUILDER_NEW_CONST_INT_EX: fill_int(replay, node, &form); break;
    case MU_IRBUILDER_NEW_CONST_FLOAT:
        form.kind = MU_IR_CONST_FLOAT;
        single = (uint32_t)words[1];
        memcpy(&form.single_value, &single, sizeof single);
        break;
    case MU_IRBUILDER_NEW_CONST_DOUBLE:
        form.kind = MU_IR_CONST_DOUBLE;
        memcpy(&form.double_value, &words[1], sizeof form.double_value);
        break;
    case MU_IRBUILDER_NEW_CONST_NULL: form.kind = MU_IR_CONST_NULL; break;
    default:
        form.kind = MU_IR_CONST_LIST;
        form.item_count = (uint32_t)words[1];
        replay->items.count = 0;
        for (uint32_t i = 0; i < form.item_count; i++) {
            MU_ARRAY_PUSH(&replay->items, irbuilder_node_at(replay->from, words[2 + i])->entity);
        }
        form.items = replay->items.items;
        break;
    }
    mu_ir_builder_set_const(replay->to, (mu_ir_const *)node->entity, &form);
}

/* ---- second pass */

static mu_status fill(irbuilder_replay *replay, uint32_t number)
{
    const irbuilder_node *node = irbuilder_node_at(replay->from, number);
    switch ((irbuilder_kind)node->kind) { /* NOLINT: the top level */
    case NODE_TYPE: fill_type(replay, node); break;
    case NODE_SIG: fill_sig(replay, node); break;
    case NODE_CONST: fill_const(replay, node); break;
    case NODE_GLOBAL:
        ((mu_ir_global *)node->entity)->type = irbuilder_type_at(replay, node->words[0]);
        break;
    case NODE_FUNC:
        ((mu_ir_func *)node->entity)->sig = irbuilder_sig_at(replay, node->words[0]);
        break;
    case NODE_EXPOSE: {
        mu_ir_expose *expose = (mu_ir_expose *)node->entity;
        expose->func = (mu_ir_func *)irbuilder_node_at(replay->from, node->words[0])->entity;
        expose->convention = "#DEFAULT";
        expose->cookie = (mu_ir_const *)irbuilder_node_at(replay->from, node->words[2])->entity;
        break;
    }
    case NODE_VERSION: return irbuilder_replay_body(replay, number);
    default: break;
    }
    return MU_OK;
}

static mu_status fill_all(irbuilder_replay *replay)
{
    mu_status worst = MU_OK;
    for (uint32_t i = 1; i < replay->from->nodes.count; i++) {
        const irbuilder_node *node = irbuilder_node_at(replay->from, i);
        if (node->kind <= NODE_VERSION && !node->is_loaded) {
            mu_status status = fill(replay, i);
            worst = status == MU_OK ? worst : MU_INVALID;
        }
    }
    return worst;
}

mu_status mu_irbuilder_build(mu_irbuilder_graph *graph, const mu_ir_env *env, const char *name,
                             mu_report *report, mu_ir_bundle **bundle)
{
    irbuilder_replay replay = {.from = graph, .report = report};
    mu_status status = MU_OK;
    MU_TRY(irbuilder_check(graph, report));
    replay.to = mu_ir_builder_new(env, name);
    MU_TRY(declare_all(&replay));
    MU_TRY(fill_all(&replay));
    mu_ir_builder *finished = replay.to;
    replay.to = NULL;
    MU_TRY(mu_ir_builder_finish(finished, report, bundle));
done:
    if (replay.to) {
        mu_ir_builder_abort(replay.to);
    }
    MU_ARRAY_FREE(&replay.types);
    MU_ARRAY_FREE(&replay.items);
    irbuilder_bundle_free(graph);
    return status;
}
