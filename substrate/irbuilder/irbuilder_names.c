/* What nodes are called: ids and names, and nodes of what is loaded. */
#include "irbuilder_nodes.h"

#define NAME_MOST_BYTES 4096u

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

mu_status irbuilder_get_node(const irbuilder_call *call, uint32_t *number)
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
    mu_status status = irbuilder_make(call, number);
    if (status == MU_OK) {
        irbuilder_node *node = irbuilder_node_at(call->bundle, *number);
        node->kind = kind;
        node->is_loaded = true;
        node->entity = entity;
    }
    return status;
}

mu_status irbuilder_get_id(const irbuilder_call *call, uint64_t *result)
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
    return irbuilder_check_room(call, 0, call->name_length / sizeof(uint64_t) + 2);
}

mu_status irbuilder_set_name(const irbuilder_call *call)
{
    irbuilder_bundle *bundle = call->bundle;
    mu_status status = check_name(call);
    if (status == MU_OK) {
        status = irbuilder_take_bytes(bundle,
                                      mu_arena_growth_bytes(bundle->arena, call->name_length + 1) +
                                          mu_map_growth_bytes(bundle->names));
    }
    if (status == MU_OK) {
        irbuilder_node *node = irbuilder_node_at(bundle, call->builder->words.items[0]);
        uint64_t words = call->name_length / sizeof(uint64_t) + 2;
        node->name = mu_arena_string(bundle->arena, call->name, call->name_length);
        mu_map_put(bundle->names, node->name, call->name_length, node);
        bundle->words += words;
        call->builder->word_count += words;
    }
    return status;
}
