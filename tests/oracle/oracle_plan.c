/* Plans: what is worked out once for a version. */
#include "oracle_state.h"

static uint32_t rounded_size(const mu_ir_type *type)
{
    return ((uint32_t)size_of_type(type) + 15u) & ~15u;
}

static const mu_ir_type *type_of_entity(const mu_ir_entity *entity)
{
    switch (entity->kind) {
    case MU_IR_CONST: return ((const mu_ir_const *)entity)->type;
    case MU_IR_GLOBAL: return ((const mu_ir_global *)entity)->iref_type;
    case MU_IR_FUNC: return ((const mu_ir_func *)entity)->funcref_type;
    case MU_IR_EXPOSE: return ((const mu_ir_expose *)entity)->pointer_type;
    case MU_IR_TYPE:
    case MU_IR_SIG:
    case MU_IR_VERSION:
    case MU_IR_BLOCK:
    case MU_IR_VARIABLE:
    case MU_IR_INST: break;
    }
    MU_INVARIANT(false, "operand of kind %d", (int)entity->kind);
    return NULL;
}

/* The variables of a block are neighbours in the frame, so that entering a block can clear them. */
static void place_variables(plan *made)
{
    const mu_ir_version *version = made->version;
    uint32_t offset = 0;
    for (uint32_t block = 0; block < version->block_count; block++) {
        made->block_first[block] = offset;
        for (uint32_t i = 0; i < version->variable_count; i++) {
            if (version->variables[i].block == block && version->variables[i].type) {
                made->slots[i] = offset;
                offset += rounded_size(version->variables[i].type);
            }
        }
    }
    made->block_first[version->block_count] = offset;
    made->frame_bytes = offset;
}

static void make_globals(oracle *self, plan *made)
{
    const mu_ir_version *version = made->version;
    uint32_t total = 0;
    for (uint32_t i = 0; i < version->global_count; i++) {
        total += rounded_size(type_of_entity(version->globals[i]));
    }
    made->images = mu_allocate(total + 1);
    made->globals = mu_allocate(sizeof(uint8_t *) * (version->global_count + 1));
    uint32_t offset = 0;
    for (uint32_t i = 0; i < version->global_count; i++) {
        made->globals[i] = made->images + offset;
        write_entity(self, made->globals[i], version->globals[i]);
        offset += rounded_size(type_of_entity(version->globals[i]));
    }
}

static plan *plan_of_version(oracle *self, const mu_ir_version *version)
{
    plan *made = mu_map_get(self->plans, &version, sizeof version);
    if (made) {
        return made;
    }
    made = mu_allocate(sizeof *made);
    made->version = version;
    made->slots = mu_allocate(sizeof(uint32_t) * (version->variable_count + 1));
    made->block_first = mu_allocate(sizeof(uint32_t) * (version->block_count + 1));
    place_variables(made);
    make_globals(self, made);
    mu_map_put(self->plans, &made->version, sizeof made->version, made);
    MU_ARRAY_PUSH(&self->all_plans, made);
    return made;
}

const plan *plan_of_function(oracle *self, uint64_t number)
{
    if (number == 0 || number >= self->functions.count || !self->functions.items[number]) {
        return NULL;
    }
    if (!self->newest.items[number]) {
        mu_ir_func *function = self->functions.items[number];
        const mu_ir_version *version = mu_ir_env_newest(self->env, function);
        if (!version) {
            version = mu_ir_func_hidden(function);
        }
        self->newest.items[number] = plan_of_version(self, version);
    }
    return self->newest.items[number];
}

void plan_free_all(oracle *self)
{
    for (uint32_t i = 0; i < self->all_plans.count; i++) {
        plan *made = self->all_plans.items[i];
        mu_free(made->slots);
        mu_free(made->block_first);
        mu_free(made->globals);
        mu_free(made->images);
        mu_free(made);
    }
    MU_ARRAY_FREE(&self->all_plans);
}
