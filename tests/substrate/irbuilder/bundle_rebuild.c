#include "bundle_rebuild_parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- calls: operands are pushed, then the function is called */

void rebuild_push(rebuild *to, uint64_t operand)
{
    MU_ARRAY_PUSH(&to->operands, operand);
}

uint64_t rebuild_call(rebuild *to, uint32_t op)
{
    uint64_t result = 0;
    if (to->status == MU_OK) {
        to->status =
            to->perform(to->context, op, to->operands.items, to->operands.count, NULL, 0, &result);
    }
    to->operands.count = 0;
    return result;
}

uint64_t rebuild_call1(rebuild *to, uint32_t op, uint64_t first)
{
    rebuild_push(to, first);
    return rebuild_call(to, op);
}

void rebuild_name(rebuild *to, uint64_t node, const char *name)
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
        rebuild_name(to, node, entity->id < to->bundle->first_id ? NULL : entity->name);
    }
    *slot = node;
}

/* Operands that need nodes to be made come before those of the call under way. */
void rebuild_push_entity(rebuild *to, const mu_ir_entity *entity)
{
    const uint64_t *slot = slot_of(to, entity);
    MU_INVARIANT(slot, "%s was not made in time", entity->label ? entity->label : "an entity");
    rebuild_push(to, *slot);
}

static void need_types(rebuild *to, mu_ir_type *const *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        rebuild_node_of(to, &types[i]->entity);
    }
}

static void push_types(rebuild *to, mu_ir_type *const *types, uint32_t count)
{
    rebuild_push(to, count);
    for (uint32_t i = 0; i < count; i++) {
        rebuild_push_entity(to, &types[i]->entity);
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
    case MU_IR_INT:
        rebuild_push(to, to->node);
        return rebuild_call1(to, MU_IRBUILDER_NEW_TYPE_INT, type->bits);
    case MU_IR_STRUCT:
        rebuild_push(to, to->node);
        push_types(to, type->fields, type->field_count);
        return rebuild_call(to, MU_IRBUILDER_NEW_TYPE_STRUCT);
    case MU_IR_HYBRID:
        rebuild_node_of(to, &type->element->entity);
        rebuild_push(to, to->node);
        push_types(to, type->fields, type->field_count);
        rebuild_push_entity(to, &type->element->entity);
        return rebuild_call(to, MU_IRBUILDER_NEW_TYPE_HYBRID);
    case MU_IR_ARRAY:
    case MU_IR_VECTOR:
        rebuild_node_of(to, &type->element->entity);
        rebuild_push(to, to->node);
        rebuild_push_entity(to, &type->element->entity);
        return rebuild_call1(to,
                             type->kind == MU_IR_ARRAY ? MU_IRBUILDER_NEW_TYPE_ARRAY
                                                       : MU_IRBUILDER_NEW_TYPE_VECTOR,
                             type->length);
    default: return rebuild_call1(to, plain[type->kind], to->node);
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
        rebuild_node_of(to, target);
        rebuild_push_entity(to, &type->entity);
        rebuild_push_entity(to, target);
        rebuild_call(to, second[type->kind]);
    }
}

static uint64_t make_const(rebuild *to, const mu_ir_const *constant)
{
    uint32_t single;
    uint64_t twofold;
    for (uint32_t i = 0; i < constant->item_count; i++) {
        rebuild_node_of(to, constant->items[i]);
    }
    rebuild_node_of(to, &constant->type->entity);
    rebuild_push(to, to->node);
    rebuild_push_entity(to, &constant->type->entity);
    switch (constant->kind) {
    case MU_IR_CONST_INT:
        if (constant->type->kind == MU_IR_INT && constant->type->bits > 64) {
            rebuild_push(to, 2);
            rebuild_push(to, constant->low);
            return rebuild_call1(to, MU_IRBUILDER_NEW_CONST_INT_EX, constant->high);
        }
        return rebuild_call1(to, MU_IRBUILDER_NEW_CONST_INT, constant->low);
    case MU_IR_CONST_FLOAT:
        memcpy(&single, &constant->single_value, sizeof single);
        return rebuild_call1(to, MU_IRBUILDER_NEW_CONST_FLOAT, single);
    case MU_IR_CONST_DOUBLE:
        memcpy(&twofold, &constant->double_value, sizeof twofold);
        return rebuild_call1(to, MU_IRBUILDER_NEW_CONST_DOUBLE, twofold);
    case MU_IR_CONST_NULL: return rebuild_call(to, MU_IRBUILDER_NEW_CONST_NULL);
    case MU_IR_CONST_LIST: break;
    }
    rebuild_push(to, constant->item_count);
    for (uint32_t i = 0; i < constant->item_count; i++) {
        rebuild_push_entity(to, constant->items[i]);
    }
    return rebuild_call(to, MU_IRBUILDER_NEW_CONST_SEQ);
}

static uint64_t make_sig(rebuild *to, const mu_ir_sig *sig)
{
    need_types(to, sig->params, sig->param_count);
    need_types(to, sig->results, sig->result_count);
    rebuild_push(to, to->node);
    push_types(to, sig->params, sig->param_count);
    push_types(to, sig->results, sig->result_count);
    return rebuild_call(to, MU_IRBUILDER_NEW_FUNCSIG);
}

static uint64_t make_expose(rebuild *to, const mu_ir_expose *expose)
{
    rebuild_node_of(to, &expose->func->entity);
    rebuild_node_of(to, &expose->cookie->entity);
    rebuild_push(to, to->node);
    rebuild_push_entity(to, &expose->func->entity);
    rebuild_push(to, 0);
    rebuild_push_entity(to, &expose->cookie->entity);
    return rebuild_call(to, MU_IRBUILDER_NEW_EXP_FUNC);
}

static uint64_t make_simple(rebuild *to, uint32_t op, const mu_ir_entity *operand)
{
    rebuild_node_of(to, operand);
    rebuild_push(to, to->node);
    rebuild_push_entity(to, operand);
    return rebuild_call(to, op);
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

uint64_t rebuild_node_of(rebuild *to, const mu_ir_entity *entity)
{
    const uint64_t *slot = slot_of(to, entity);
    if (slot || to->status != MU_OK) {
        return slot ? *slot : 0;
    }
    uint64_t node;
    if (entity->id && entity->id < to->bundle->first_id) {
        rebuild_push(to, to->node);
        node = rebuild_call1(to, MU_IRBUILDER_GET_NODE, entity->id);
    } else {
        node = make(to, entity);
    }
    remember(to, entity, node);
    return node;
}

/* ---- all */

mu_status bundle_rebuild(const mu_ir_bundle *bundle, rebuild_perform_fn *perform, void *context,
                         uint64_t *node)
{
    rebuild to = {.bundle = bundle,
                  .perform = perform,
                  .context = context,
                  .arena = mu_arena_new(),
                  .nodes = mu_map_new()};
    to.node = rebuild_call(&to, MU_IRBUILDER_NEW_BUNDLE);
    for (uint32_t i = 0; i < bundle->type_count; i++) {
        rebuild_node_of(&to, &bundle->types[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->type_count; i++) {
        complete_type(&to, bundle->types[i]);
    }
    for (uint32_t i = 0; i < bundle->sig_count; i++) {
        rebuild_node_of(&to, &bundle->sigs[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->func_count; i++) {
        rebuild_node_of(&to, &bundle->funcs[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->global_count; i++) {
        rebuild_node_of(&to, &bundle->globals[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->const_count; i++) {
        rebuild_node_of(&to, &bundle->consts[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->expose_count; i++) {
        rebuild_node_of(&to, &bundle->exposes[i]->entity);
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
