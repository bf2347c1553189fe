#include "type_graph.h"

#define SIG_LABEL 1000u

uint32_t mu_ir_child_count(const mu_ir_entity *node)
{
    if (node->kind == MU_IR_SIG) {
        const mu_ir_sig *sig = (const mu_ir_sig *)node;
        return sig->param_count + sig->result_count;
    }
    const mu_ir_type *type = (const mu_ir_type *)node;
    switch (type->kind) {
    case MU_IR_STRUCT: return type->field_count;
    case MU_IR_HYBRID: return type->field_count + 1;
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR:
    case MU_IR_ARRAY:
    case MU_IR_VECTOR:
    case MU_IR_REF:
    case MU_IR_IREF:
    case MU_IR_WEAKREF:
    case MU_IR_FUNCREF: return 1;
    case MU_IR_INT:
    case MU_IR_FLOAT:
    case MU_IR_DOUBLE:
    case MU_IR_VOID:
    case MU_IR_TAGREF64:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF:
    case MU_IR_IRNODEREF: break;
    }
    return 0;
}

static mu_ir_entity *entity_of(mu_ir_type *type)
{
    return type ? &type->entity : NULL;
}

mu_ir_entity *mu_ir_child(const mu_ir_entity *node, uint32_t index)
{
    if (node->kind == MU_IR_SIG) {
        const mu_ir_sig *sig = (const mu_ir_sig *)node;
        return entity_of(index < sig->param_count ? sig->params[index]
                                                  : sig->results[index - sig->param_count]);
    }
    const mu_ir_type *type = (const mu_ir_type *)node;
    if (type->kind == MU_IR_FUNCREF || type->kind == MU_IR_UFUNCPTR) {
        return type->sig ? &type->sig->entity : NULL;
    }
    return entity_of(index < type->field_count ? type->fields[index] : type->element);
}

mu_ir_label mu_ir_label_of(const mu_ir_entity *node)
{
    if (node->kind == MU_IR_SIG) {
        return (mu_ir_label){.kind = SIG_LABEL,
                             .bits = ((const mu_ir_sig *)node)->param_count,
                             .child_count = mu_ir_child_count(node)};
    }
    const mu_ir_type *type = (const mu_ir_type *)node;
    return (mu_ir_label){.kind = (uint64_t)type->kind,
                         .bits = type->bits,
                         .length = type->length,
                         .child_count = mu_ir_child_count(node)};
}

uint32_t mu_ir_canonical_of(const mu_ir_entity *node)
{
    if (!node) {
        return 0;
    }
    return node->kind == MU_IR_SIG ? ((const mu_ir_sig *)node)->canonical
                                   : ((const mu_ir_type *)node)->canonical;
}

void mu_ir_set_canonical(mu_ir_entity *node, uint32_t number)
{
    if (node->kind == MU_IR_SIG) {
        ((mu_ir_sig *)node)->canonical = number;
    } else {
        ((mu_ir_type *)node)->canonical = number;
    }
}

void *mu_ir_canonical_find(const mu_ir_type_graph *graph, const void *key, size_t bytes)
{
    void *found = mu_map_get(graph->bundle->canonical_index, key, bytes);
    for (const mu_ir_env *env = graph->env; env && !found; env = env->parent) {
        found = mu_map_get(env->canonical_types, key, bytes);
    }
    return found;
}

void mu_ir_canonical_put(mu_ir_type_graph *graph, const void *key, size_t bytes, void *value)
{
    void *copy = mu_arena_allocate(graph->bundle->arena, bytes);
    __builtin_memcpy(copy, key, bytes);
    mu_map_put(graph->bundle->canonical_index, copy, bytes, value);
}

void mu_ir_node_key(mu_ir_type_graph *graph, const mu_ir_entity *node)
{
    mu_ir_label label = mu_ir_label_of(node);
    uint32_t words[] = {'T',
                        (uint32_t)label.kind,
                        (uint32_t)label.bits,
                        (uint32_t)label.length,
                        (uint32_t)(label.length >> 32),
                        (uint32_t)label.child_count};
    graph->key.count = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        MU_ARRAY_PUSH(&graph->key, words[i]);
    }
    for (uint32_t i = 0; i < label.child_count; i++) {
        MU_ARRAY_PUSH(&graph->key, mu_ir_canonical_of(mu_ir_child(node, i)));
    }
}
