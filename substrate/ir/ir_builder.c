#include "ir_builder.h"

#include "ir_linker.h"
#include "ir_tables.h"

#include <string.h>

#define ENTITIES_MAX   (4u << 20)
#define NAME_MAX_BYTES 4096u
#define NAMES_MAX      (256u << 20)

mu_ir_builder *mu_ir_builder_new(const mu_ir_env *env, const char *name)
{
    mu_ir_builder *builder = mu_allocate(sizeof *builder);
    mu_arena *arena = mu_arena_new();
    mu_ir_bundle *bundle = MU_ARENA_NEW(arena, mu_ir_bundle);
    bundle->arena = arena;
    bundle->name = mu_arena_string(arena, name, strlen(name));
    bundle->names = mu_map_new();
    bundle->base = env;
    builder->env = env;
    builder->bundle = bundle;
    builder->most_bytes = UINT64_MAX;
    return builder;
}

static void free_builder(mu_ir_builder *builder)
{
    MU_ARRAY_FREE(&builder->types);
    MU_ARRAY_FREE(&builder->sigs);
    MU_ARRAY_FREE(&builder->consts);
    MU_ARRAY_FREE(&builder->globals);
    MU_ARRAY_FREE(&builder->funcs);
    MU_ARRAY_FREE(&builder->exposes);
    MU_ARRAY_FREE(&builder->versions);
    mu_ir_body_free(&builder->body);
    mu_free(builder);
}

void mu_ir_builder_abort(mu_ir_builder *builder)
{
    mu_ir_bundle_free(builder->bundle);
    free_builder(builder);
}

mu_arena *mu_ir_builder_arena(mu_ir_builder *builder)
{
    return builder->bundle->arena;
}

mu_ir_bundle *mu_ir_builder_bundle(mu_ir_builder *builder)
{
    return builder->bundle;
}

void mu_ir_builder_set_room(mu_ir_builder *builder, uint64_t arena_bytes)
{
    builder->most_bytes = arena_bytes;
}

mu_status mu_ir_builder_within_limits(const mu_ir_builder *builder)
{
    if (mu_arena_bytes(builder->bundle->arena) > builder->most_bytes) {
        return MU_NO_MEMORY;
    }
    return builder->entity_count <= ENTITIES_MAX ? MU_OK : MU_LIMIT;
}

void *mu_ir_arena_copy(mu_arena *arena, const void *items, size_t bytes)
{
    if (!bytes) {
        return NULL;
    }
    void *copy = mu_arena_allocate(arena, bytes);
    memcpy(copy, items, bytes);
    return copy;
}

/* Moves a growable array of pointers into the bundle. */
#define SEAL(bundle, list, list_count, array)                                                      \
    do {                                                                                           \
        (bundle)->list = mu_ir_arena_copy((bundle)->arena, (array)->items,                         \
                                          sizeof *(array)->items * (array)->count);                \
        (bundle)->list_count = (array)->count;                                                     \
    } while (0)

mu_status mu_ir_builder_finish(mu_ir_builder *builder, mu_report *report, mu_ir_bundle **out)
{
    mu_status status = mu_ir_builder_within_limits(builder);
    mu_ir_bundle *bundle = builder->bundle;
    MU_INVARIANT(!builder->body.version, "a body is still open");
    SEAL(bundle, types, type_count, &builder->types);
    SEAL(bundle, sigs, sig_count, &builder->sigs);
    SEAL(bundle, consts, const_count, &builder->consts);
    SEAL(bundle, globals, global_count, &builder->globals);
    SEAL(bundle, funcs, func_count, &builder->funcs);
    SEAL(bundle, exposes, expose_count, &builder->exposes);
    SEAL(bundle, versions, version_count, &builder->versions);
    MU_TRY(status);
    MU_TRY(mu_ir_link(builder->env, bundle, report));
    *out = bundle;
done:
    if (status != MU_OK) {
        mu_ir_bundle_free(bundle);
    }
    free_builder(builder);
    return status;
}

/* ------------------------------------------------------------------------------------- names */

mu_ir_entity *mu_ir_builder_find(const mu_ir_builder *builder, const char *name, size_t length)
{
    mu_ir_entity *entity = mu_map_get(builder->bundle->names, name, length);
    return entity ? entity : mu_ir_env_find(builder->env, name, length);
}

mu_status mu_ir_builder_register(mu_ir_builder *builder, mu_ir_entity *entity, const char *name,
                                 mu_report *report)
{
    size_t length = strlen(name);
    mu_ir_entity *other = mu_map_get(builder->bundle->names, name, length);
    if (other && other->where.line) {
        mu_report_add(report, MU_INVALID, entity->where,
                      "the name %.80s is already taken by %s at %u:%u", name,
                      mu_ir_kind_name(other->kind), other->where.line, other->where.column);
        return MU_EXISTS;
    }
    if (other) {
        mu_report_add(report, MU_INVALID, entity->where, "the name %.80s is already taken by %s",
                      name, mu_ir_kind_name(other->kind));
        return MU_EXISTS;
    }
    other = mu_ir_env_find(builder->env, name, length);
    if (other) {
        mu_report_add(report, MU_INVALID, entity->where,
                      "the name %.80s is already taken by %s of an earlier bundle", name,
                      mu_ir_kind_name(other->kind));
        return MU_EXISTS;
    }
    entity->name = name;
    mu_map_put(builder->bundle->names, name, length, entity);
    return MU_OK;
}

mu_status mu_ir_builder_set_name(mu_ir_builder *builder, mu_ir_entity *entity, const char *name,
                                 size_t length, mu_report *report)
{
    if (length > NAME_MAX_BYTES) {
        return mu_report_add(report, MU_LIMIT, entity->where,
                             "a name of %zu bytes; names have at most %u", length, NAME_MAX_BYTES);
    }
    const char *copy = mu_arena_string(builder->bundle->arena, name, length);
    return mu_ir_builder_register(builder, entity, copy, report);
}

mu_status mu_ir_builder_local_name(mu_ir_builder *builder, const char *parent, const char *local,
                                   size_t length, const char **name)
{
    size_t parent_length = parent ? strlen(parent) + 1 : 0;
    size_t total = parent_length + length;
    builder->name_bytes += total;
    if (total > NAME_MAX_BYTES || builder->name_bytes > NAMES_MAX) {
        return MU_LIMIT;
    }
    char *text = mu_arena_allocate(builder->bundle->arena, total + 1);
    if (parent) {
        memcpy(text, parent, parent_length - 1);
        text[parent_length - 1] = '.';
    }
    memcpy(text + parent_length, local, length);
    text[total] = '\0';
    *name = text;
    return MU_OK;
}

void mu_ir_builder_next_id(mu_ir_builder *builder, uint32_t id)
{
    MU_INVARIANT(id >= MU_IR_FIRST_GIVEN_ID && !builder->next_id, "the id %u is given", id);
    builder->next_id = id;
}

uint32_t mu_ir_builder_take_id(mu_ir_builder *builder)
{
    uint32_t id = builder->next_id;
    builder->next_id = 0;
    return id;
}

/* ---------------------------------------------------------------------------------- top level */

static void *new_entity(mu_ir_builder *builder, size_t bytes, mu_ir_kind kind, mu_location where)
{
    mu_ir_entity *entity = mu_arena_allocate(builder->bundle->arena, bytes);
    entity->kind = kind;
    entity->id = mu_ir_builder_take_id(builder);
    entity->where = where;
    builder->entity_count++;
    return entity;
}

mu_ir_type *mu_ir_builder_type(mu_ir_builder *builder, mu_location where)
{
    mu_ir_type *type = new_entity(builder, sizeof *type, MU_IR_TYPE, where);
    MU_ARRAY_PUSH(&builder->types, type);
    return type;
}

mu_ir_sig *mu_ir_builder_sig(mu_ir_builder *builder, mu_location where)
{
    mu_ir_sig *sig = new_entity(builder, sizeof *sig, MU_IR_SIG, where);
    MU_ARRAY_PUSH(&builder->sigs, sig);
    return sig;
}

mu_ir_const *mu_ir_builder_const(mu_ir_builder *builder, mu_location where)
{
    mu_ir_const *constant = new_entity(builder, sizeof *constant, MU_IR_CONST, where);
    MU_ARRAY_PUSH(&builder->consts, constant);
    return constant;
}

mu_ir_global *mu_ir_builder_global(mu_ir_builder *builder, mu_location where)
{
    mu_ir_global *global = new_entity(builder, sizeof *global, MU_IR_GLOBAL, where);
    MU_ARRAY_PUSH(&builder->globals, global);
    return global;
}

mu_ir_func *mu_ir_builder_func(mu_ir_builder *builder, mu_location where)
{
    mu_ir_func *func = new_entity(builder, sizeof *func, MU_IR_FUNC, where);
    func->bundle = builder->bundle;
    MU_ARRAY_PUSH(&builder->funcs, func);
    return func;
}

mu_ir_expose *mu_ir_builder_expose(mu_ir_builder *builder, mu_location where)
{
    mu_ir_expose *expose = new_entity(builder, sizeof *expose, MU_IR_EXPOSE, where);
    MU_ARRAY_PUSH(&builder->exposes, expose);
    return expose;
}

mu_ir_version *mu_ir_builder_version(mu_ir_builder *builder, mu_ir_func *func, mu_location where)
{
    mu_ir_version *version = new_entity(builder, sizeof *version, MU_IR_VERSION, where);
    version->func = func;
    version->bundle = builder->bundle;
    MU_ARRAY_PUSH(&builder->versions, version);
    return version;
}

void mu_ir_builder_set_type(mu_ir_builder *builder, mu_ir_type *type, const mu_ir_type *form)
{
    type->kind = form->kind;
    type->bits = form->bits;
    type->length = form->length;
    type->element = form->element;
    type->sig = form->sig;
    type->field_count = form->field_count;
    type->fields = mu_ir_arena_copy(builder->bundle->arena, form->fields,
                                    sizeof(mu_ir_type *) * form->field_count);
}

void mu_ir_builder_set_sig(mu_ir_builder *builder, mu_ir_sig *sig, const mu_ir_sig *form)
{
    mu_arena *arena = builder->bundle->arena;
    sig->param_count = form->param_count;
    sig->params = mu_ir_arena_copy(arena, form->params, sizeof(mu_ir_type *) * form->param_count);
    sig->result_count = form->result_count;
    sig->results =
        mu_ir_arena_copy(arena, form->results, sizeof(mu_ir_type *) * form->result_count);
}

void mu_ir_builder_set_const(mu_ir_builder *builder, mu_ir_const *constant, const mu_ir_const *form)
{
    mu_ir_entity entity = constant->entity;
    *constant = *form;
    constant->entity = entity;
    constant->items = mu_ir_arena_copy(builder->bundle->arena, form->items,
                                       sizeof(mu_ir_entity *) * form->item_count);
}
