#include "ir_linker.h"

#include "canonical_types.h"
#include "derived_types.h"

/* Ids of the predefined entities: common-insts.rest, Metacircular Client Interface. */
#define PREDEFINED_FIRST_ID 0x260u

/* ------------------------------------------------------------------------------------- derived */

/* Definitions come first, so that a result's type has its name where it has one. */
static void index_definitions(mu_ir_bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->type_count; i++) {
        mu_ir_derived_add(bundle, bundle->types[i]);
    }
}

static void derive_top_level(mu_ir_bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->global_count; i++) {
        mu_ir_global *global = bundle->globals[i];
        global->iref_type =
            mu_ir_derive(bundle, &(mu_ir_type){.kind = MU_IR_IREF, .element = global->type});
    }
    for (uint32_t i = 0; i < bundle->func_count; i++) {
        mu_ir_func *func = bundle->funcs[i];
        func->funcref_type =
            mu_ir_derive(bundle, &(mu_ir_type){.kind = MU_IR_FUNCREF, .sig = func->sig});
    }
    for (uint32_t i = 0; i < bundle->expose_count; i++) {
        mu_ir_expose *expose = bundle->exposes[i];
        expose->pointer_type =
            mu_ir_derive(bundle, &(mu_ir_type){.kind = MU_IR_UFUNCPTR, .sig = expose->func->sig});
    }
}

#define RESULTS_AT_ONCE 16u

static void infer_results(mu_ir_bundle *bundle, mu_ir_version *version, const mu_ir_inst *inst)
{
    mu_ir_type *few[RESULTS_AT_ONCE] = {NULL};
    mu_ir_type **types = few;
    uint32_t written = inst->results.count;
    if (written > RESULTS_AT_ONCE) {
        types = mu_allocate(sizeof(mu_ir_type *) * written);
    }
    /* Every type is made even if no result is written: the verifier asks for it when it says so. */
    mu_ir_infer(version, inst, bundle, types,
                written > RESULTS_AT_ONCE ? written : RESULTS_AT_ONCE);
    for (uint32_t i = 0; i < written; i++) {
        version->variables[inst->results.first + i].type = types[i];
    }
    if (types != few) {
        mu_free(types);
    }
}

static void derive_bodies(mu_ir_bundle *bundle)
{
    mu_ir_type *void_type = mu_ir_derive(bundle, &(mu_ir_type){.kind = MU_IR_VOID});
    mu_ir_type *exception =
        mu_ir_derive(bundle, &(mu_ir_type){.kind = MU_IR_REF, .element = void_type});
    for (uint32_t v = 0; v < bundle->version_count; v++) {
        mu_ir_version *version = bundle->versions[v];
        for (uint32_t i = 0; i < version->block_count; i++) {
            if (version->blocks[i].has_exc_param) {
                version->variables[version->blocks[i].exc_param].type = exception;
            }
        }
        for (uint32_t i = 0; i < version->inst_count; i++) {
            infer_results(bundle, version, &version->insts[i]);
        }
    }
}

/* ------------------------------------------------------------------------------------- numbers */

static uint64_t count_entities(const mu_ir_bundle *bundle)
{
    uint64_t count = (uint64_t)bundle->type_count + bundle->sig_count + bundle->const_count +
                     bundle->global_count + bundle->func_count + bundle->expose_count +
                     bundle->version_count;
    for (uint32_t i = 0; i < bundle->version_count; i++) {
        const mu_ir_version *version = bundle->versions[i];
        count += (uint64_t)version->block_count + version->variable_count + version->inst_count;
    }
    return count;
}

/* Instructions mostly have no name, and messages about them say where they are. */
static void give_label(mu_ir_bundle *bundle, mu_ir_entity *entity)
{
    entity->label = entity->name;
    if (!entity->name && entity->kind != MU_IR_INST) {
        entity->label = mu_arena_format(bundle->arena, "#%u", entity->id);
    }
}

/* An entity that was given its id keeps it, and leaves a place in the array unused. */
static void give_id(mu_ir_bundle *bundle, mu_ir_entity *entity)
{
    if (!entity->id) {
        entity->id = bundle->next_id++;
        bundle->by_id[entity->id - bundle->first_id] = entity;
    } else {
        bundle->given = bundle->given ? bundle->given : mu_map_new();
        mu_map_put(bundle->given, &entity->id, sizeof entity->id, entity);
    }
    give_label(bundle, entity);
}

static void number_version(mu_ir_bundle *bundle, mu_ir_version *version)
{
    give_id(bundle, &version->entity);
    for (uint32_t i = 0; i < version->block_count; i++) {
        give_id(bundle, &version->blocks[i].entity);
    }
    for (uint32_t i = 0; i < version->variable_count; i++) {
        give_id(bundle, &version->variables[i].entity);
    }
    for (uint32_t i = 0; i < version->inst_count; i++) {
        give_id(bundle, &version->insts[i].entity);
    }
    mu_map_put(bundle->newest, &version->func, sizeof(mu_ir_func *), version);
}

static mu_status number_entities(mu_ir_bundle *bundle, mu_report *report)
{
    uint64_t count = count_entities(bundle);
    if (count > MU_IR_FIRST_GIVEN_ID - bundle->next_id ||
        bundle->func_count > UINT32_MAX - bundle->next_function) {
        return mu_report_add(report, MU_LIMIT, (mu_location){0},
                             "this VM has used up its ids: 2 G entities in all its bundles");
    }
    bundle->by_id = MU_ARENA_ARRAY(bundle->arena, mu_ir_entity *, count);
    for (uint32_t i = 0; i < bundle->type_count; i++) {
        give_id(bundle, &bundle->types[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->sig_count; i++) {
        give_id(bundle, &bundle->sigs[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->const_count; i++) {
        bundle->consts[i]->entity.index = i;
        give_id(bundle, &bundle->consts[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->global_count; i++) {
        give_id(bundle, &bundle->globals[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->func_count; i++) {
        give_id(bundle, &bundle->funcs[i]->entity);
        bundle->funcs[i]->number = bundle->next_function++;
    }
    for (uint32_t i = 0; i < bundle->expose_count; i++) {
        give_id(bundle, &bundle->exposes[i]->entity);
    }
    bundle->newest = mu_map_new();
    for (uint32_t i = 0; i < bundle->version_count; i++) {
        number_version(bundle, bundle->versions[i]);
    }
    bundle->id_count = bundle->next_id - bundle->first_id;
    return MU_OK;
}

mu_status mu_ir_link(const mu_ir_env *env, mu_ir_bundle *bundle, mu_report *report)
{
    bundle->next_id = env ? env->next_id : PREDEFINED_FIRST_ID;
    bundle->next_function = env ? env->next_function : 1;
    bundle->next_canonical = env ? env->next_canonical : 1;
    bundle->first_id = bundle->next_id;
    index_definitions(bundle);
    derive_top_level(bundle);
    derive_bodies(bundle);
    mu_status status = number_entities(bundle, report);
    if (status != MU_OK) {
        return status;
    }
    return mu_ir_canonicalise(env, bundle, report);
}
