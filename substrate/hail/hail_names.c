/* Names: of the VM's entities, looked up once each, and of the script's objects. Maps hold pointers
 * that are never NULL, so indices are kept as pointers of one more. */
#include "hail_parser.h"

static const char *kind_text(mu_ir_kind kind)
{
    switch (kind) {
    case MU_IR_TYPE: return "a type";
    case MU_IR_SIG: return "a signature";
    case MU_IR_CONST: return "a constant";
    case MU_IR_GLOBAL: return "a global cell";
    case MU_IR_FUNC: return "a function";
    case MU_IR_EXPOSE: return "an exposed function";
    case MU_IR_VERSION: return "a version of a function";
    case MU_IR_BLOCK: return "a basic block";
    case MU_IR_VARIABLE: return "a local variable";
    case MU_IR_INST: return "an instruction";
    }
    return "something else";
}

void hail_wrong_entity(hail_parser *parser, const mu_ir_token *name, const char *wanted,
                       const mu_ir_entity *entity)
{
    hail_error(parser, MU_INVALID, name->where, "expected %s, but %s is %s", wanted,
               hail_token_text(name).text, kind_text(entity->kind));
}

mu_ir_entity *hail_look_up(hail_parser *parser)
{
    const mu_ir_token *name = &parser->token;
    mu_ir_entity *entity = mu_map_get(parser->globals, name->text, name->length);
    if (!entity) {
        entity = mu_ir_env_find(parser->env, name->text, name->length);
        if (!entity) {
            entity = &parser->undefined;
        }
        mu_map_put(parser->globals, name->text, name->length, entity);
    }
    return entity == &parser->undefined ? NULL : entity;
}

mu_ir_entity *hail_global(hail_parser *parser, const char *wanted)
{
    mu_ir_token name = parser->token;
    mu_ir_entity *entity = hail_look_up(parser);
    hail_advance(parser);
    if (!entity) {
        hail_error(parser, MU_INVALID, name.where, "undefined name %s: expected %s",
                   hail_token_text(&name).text, wanted);
    }
    return entity;
}

static void *pointer_of(uint32_t index)
{
    return (void *)((uintptr_t)index + 1);
}

static uint32_t index_of(const void *pointer)
{
    return (uint32_t)((uintptr_t)pointer - 1);
}

void hail_declare(hail_parser *parser, const mu_ir_token *name, const mu_hail_object *object)
{
    mu_hail_script *script = parser->script;
    const void *known = mu_map_get(parser->objects, name->text, name->length);
    if (known) {
        mu_location where = script->objects.items[index_of(known)].where;
        hail_error(parser, MU_INVALID, name->where, "%s is already defined, at %u:%u",
                   hail_token_text(name).text, where.line, where.column);
        return;
    }
    if (hail_is_full(parser, script->objects.count, 1, MU_HAIL_OBJECTS_MAX, "objects")) {
        return;
    }
    mu_map_put(parser->objects, name->text, name->length, pointer_of(script->objects.count));
    MU_ARRAY_PUSH(&script->objects, *object);
}

bool hail_object(hail_parser *parser, hail_base *base)
{
    mu_ir_token name = parser->token;
    hail_advance(parser);
    const void *known = mu_map_get(parser->objects, name.text, name.length);
    if (!known) {
        hail_error(parser, MU_INVALID, name.where,
                   "undefined name %s: no .new or .newhybrid of this script makes it",
                   hail_token_text(&name).text);
        return false;
    }
    *base = (hail_base){index_of(known)};
    return parser->script->objects.items[base->code].type != NULL;
}

hail_base hail_cell_base(hail_parser *parser, const mu_ir_global *global)
{
    mu_hail_script *script = parser->script;
    const void *known = mu_map_get(parser->cells, &global->entity.id, sizeof global->entity.id);
    if (!known) {
        known = pointer_of(script->cells.count);
        mu_map_put(parser->cells, &global->entity.id, sizeof global->entity.id,
                   pointer_of(script->cells.count));
        MU_ARRAY_PUSH(&script->cells, ((hail_cell){.global = global}));
    }
    return (hail_base){index_of(known) | HAIL_BASE_CELL_BIT};
}
