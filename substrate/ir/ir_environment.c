#include "derived_types.h"
#include "hidden_version.h"
#include "ir_builder.h"

#include <string.h>

/* ------------------------------------------------------------------------------------ root */

static mu_ir_type *add_type(mu_ir_builder *builder, const char *name, const mu_ir_type *form)
{
    mu_ir_type *type = mu_ir_builder_type(builder, (mu_location){0});
    mu_status status = mu_ir_builder_set_name(builder, &type->entity, name, strlen(name), NULL);
    MU_INVARIANT(status == MU_OK, "predefined name %s", name);
    mu_ir_builder_set_type(builder, type, form);
    return type;
}

static mu_ir_type *derive_simple(mu_ir_bundle *bundle, mu_ir_type_kind kind, uint32_t bits)
{
    return mu_ir_derive(bundle, &(mu_ir_type){.kind = kind, .bits = bits});
}

/* The predefined types and signature, in the order of their ids, and nameless types that results
 * have often, so that not every bundle makes its own. */
static mu_ir_bundle *predefine(void)
{
    mu_ir_builder *builder = mu_ir_builder_new(NULL, "predefined");
    mu_ir_bundle *bundle = mu_ir_builder_bundle(builder);
    static const uint32_t widths[] = {1, 6, 8, 16, 32, 52, 64};
    static const mu_ir_type_kind kinds[] = {MU_IR_FLOAT,    MU_IR_DOUBLE,    MU_IR_TAGREF64,
                                            MU_IR_STACKREF, MU_IR_THREADREF, MU_IR_FRAMECURSORREF,
                                            MU_IR_IRNODEREF};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        derive_simple(bundle, MU_IR_INT, widths[i]);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        derive_simple(bundle, kinds[i], 0);
    }
    mu_ir_type *length = derive_simple(bundle, MU_IR_INT, 64);
    mu_ir_type *void_type = derive_simple(bundle, MU_IR_VOID, 0);
    mu_ir_type *object =
        mu_ir_derive(bundle, &(mu_ir_type){.kind = MU_IR_REF, .element = void_type});
    mu_ir_type form = {.kind = MU_IR_HYBRID,
                       .fields = &length,
                       .field_count = 1,
                       .element = derive_simple(bundle, MU_IR_INT, 8)};
    mu_ir_type *bytes = add_type(builder, "@uvm.meta.bytes", &form);
    add_type(builder, "@uvm.meta.bytes.r", &(mu_ir_type){.kind = MU_IR_REF, .element = bytes});
    form.element = object;
    mu_ir_type *refs = add_type(builder, "@uvm.meta.refs", &form);
    add_type(builder, "@uvm.meta.refs.r", &(mu_ir_type){.kind = MU_IR_REF, .element = refs});

    mu_ir_type *params[] = {derive_simple(bundle, MU_IR_STACKREF, 0),
                            derive_simple(bundle, MU_IR_INT, 32), object};
    const char *name = "@uvm.meta.trap_handler.sig";
    mu_ir_sig *sig = mu_ir_builder_sig(builder, (mu_location){0});
    mu_ir_builder_set_sig(builder, sig, &(mu_ir_sig){.params = params, .param_count = 3});
    mu_status status = mu_ir_builder_set_name(builder, &sig->entity, name, strlen(name), NULL);
    MU_INVARIANT(status == MU_OK, "predefined name %s", name);
    status = mu_ir_builder_finish(builder, NULL, &bundle);
    MU_INVARIANT(status == MU_OK, "predefined entities: %s", mu_status_name(status));
    status = mu_ir_layout(NULL, bundle, NULL);
    MU_INVARIANT(status == MU_OK, "predefined types: %s", mu_status_name(status));
    return bundle;
}

mu_ir_env *mu_ir_env_new_root(void)
{
    mu_ir_bundle *bundle = predefine();
    mu_ir_env *env = mu_allocate(sizeof *env);
    env->bundle = bundle;
    env->references = 1;
    env->next_id = MU_IR_FIRST_ID;
    env->next_function = bundle->next_function;
    env->next_canonical = bundle->next_canonical;
    env->global_bytes = bundle->global_bytes;
    env->canonical_types = bundle->canonical_index;
    env->root = env;
    return env;
}

/* ---------------------------------------------------------------------------------- lifetimes */

mu_ir_env *mu_ir_env_retain(mu_ir_env *env)
{
    __atomic_add_fetch(&env->references, 1, __ATOMIC_RELAXED);
    return env;
}

void mu_ir_env_release(mu_ir_env *env, mu_ir_env_free_fn *on_free)
{
    while (env && __atomic_sub_fetch(&env->references, 1, __ATOMIC_ACQ_REL) == 0) {
        mu_ir_env *parent = env->parent;
        if (on_free) {
            on_free(env);
        }
        mu_ir_bundle_free(env->bundle);
        mu_free(env);
        env = parent;
    }
}

/* It is complete. */
static uint64_t bundle_bytes(const mu_ir_bundle *bundle)
{
    return mu_arena_bytes(bundle->arena) + mu_map_bytes(bundle->names) +
           mu_map_bytes(bundle->derived_index) + mu_map_bytes(bundle->newest) +
           mu_map_bytes(bundle->canonical_index) + mu_map_bytes(bundle->given);
}

mu_ir_env *mu_ir_env_extend(mu_ir_env *parent, mu_ir_bundle *bundle)
{
    MU_INVARIANT(bundle->base == parent, "bundle %s was made on another environment", bundle->name);
    mu_ir_env *env = mu_allocate(sizeof *env);
    env->parent = mu_ir_env_retain(parent);
    env->bundle = bundle;
    env->references = 1;
    env->depth = parent->depth + 1;
    env->next_id = bundle->next_id;
    env->next_function = bundle->next_function;
    env->next_canonical = bundle->next_canonical;
    env->global_bytes =
        bundle->global_bytes > parent->global_bytes ? bundle->global_bytes : parent->global_bytes;
    env->canonical_types = bundle->canonical_index;
    env->root = parent->root;
    env->held_bytes = parent->held_bytes + sizeof *env + bundle_bytes(bundle);
    return env;
}

void mu_ir_bundle_free(mu_ir_bundle *bundle)
{
    if (!bundle) {
        return;
    }
    for (uint32_t i = 0; i < bundle->func_count; i++) {
        mu_ir_hidden_free(bundle->funcs[i]->hidden);
    }
    mu_map_free(bundle->names);
    mu_map_free(bundle->derived_index);
    mu_map_free(bundle->newest);
    mu_map_free(bundle->canonical_index);
    mu_map_free(bundle->given);
    mu_arena_free(bundle->arena);
}

/* ------------------------------------------------------------------------------------ lookups */

mu_ir_entity *mu_ir_env_find(const mu_ir_env *env, const char *name, size_t length)
{
    for (; env; env = env->parent) {
        mu_ir_entity *entity = mu_map_get(env->bundle->names, name, length);
        if (entity) {
            return entity;
        }
    }
    return NULL;
}

mu_ir_entity *mu_ir_env_by_id(const mu_ir_env *env, uint32_t id)
{
    for (; env; env = env->parent) {
        const mu_ir_bundle *bundle = env->bundle;
        if (id >= MU_IR_FIRST_GIVEN_ID) {
            mu_ir_entity *given = bundle->given ? mu_map_get(bundle->given, &id, sizeof id) : NULL;
            if (given) {
                return given;
            }
        } else if (id >= bundle->first_id) {
            uint32_t index = id - bundle->first_id;
            return index < bundle->id_count ? bundle->by_id[index] : NULL;
        }
    }
    return NULL;
}

mu_ir_version *mu_ir_env_newest(const mu_ir_env *env, const mu_ir_func *func)
{
    for (; env; env = env->parent) {
        mu_ir_version *version = mu_map_get(env->bundle->newest, &func, sizeof func);
        if (version || env->bundle == func->bundle) {
            return version;
        }
    }
    return NULL;
}
