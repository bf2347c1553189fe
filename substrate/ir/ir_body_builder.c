#include "ir_builder.h"

#include <string.h>

void mu_ir_body_free(mu_ir_body *body)
{
    MU_ARRAY_FREE(&body->blocks);
    MU_ARRAY_FREE(&body->insts);
    MU_ARRAY_FREE(&body->variables);
    MU_ARRAY_FREE(&body->operands);
    MU_ARRAY_FREE(&body->dests);
    MU_ARRAY_FREE(&body->types);
    MU_ARRAY_FREE(&body->sigs);
    MU_ARRAY_FREE(&body->flags);
    MU_ARRAY_FREE(&body->globals);
    MU_ARRAY_FREE(&body->inst_operands);
    MU_ARRAY_FREE(&body->inst_cases);
    MU_ARRAY_FREE(&body->inst_keepalives);
}

void mu_ir_builder_begin_body(mu_ir_builder *builder, mu_ir_version *version)
{
    mu_ir_body *body = &builder->body;
    MU_INVARIANT(!body->version, "a body is already open");
    body->version = version;
    body->blocks.count = body->insts.count = body->variables.count = body->operands.count = 0;
    body->dests.count = body->types.count = body->sigs.count = body->flags.count = 0;
    body->globals.count = 0;
    body->inst_open = false;
}

static mu_ir_range append_values(mu_ir_body *body, const mu_ir_value *values, uint32_t count)
{
    mu_ir_range range = {.first = body->operands.count, .count = count};
    if (count) {
        MU_ARRAY_RESERVE(&body->operands, body->operands.count + count);
        memcpy(body->operands.items + range.first, values, count * sizeof *values);
        body->operands.count += count;
    }
    return range;
}

static void close_inst(mu_ir_body *body)
{
    if (!body->inst_open) {
        return;
    }
    mu_ir_inst *inst = &body->insts.items[body->insts.count - 1];
    inst->operands = append_values(body, body->inst_operands.items, body->inst_operands.count);
    inst->cases = append_values(body, body->inst_cases.items, body->inst_cases.count);
    inst->keepalives =
        append_values(body, body->inst_keepalives.items, body->inst_keepalives.count);
    body->inst_operands.count = body->inst_cases.count = body->inst_keepalives.count = 0;
    body->inst_open = false;
}

static mu_ir_entity local_entity(mu_ir_builder *builder, mu_ir_kind kind, uint32_t index,
                                 const char *name, mu_location where)
{
    builder->entity_count++;
    return (mu_ir_entity){.kind = kind,
                          .id = mu_ir_builder_take_id(builder),
                          .name = name,
                          .where = where,
                          .owner = builder->body.version,
                          .index = index};
}

static mu_ir_block *last_block(mu_ir_body *body)
{
    MU_INVARIANT(body->blocks.count, "the body has no block yet");
    return &body->blocks.items[body->blocks.count - 1];
}

static mu_ir_inst *last_inst(mu_ir_body *body)
{
    MU_INVARIANT(body->inst_open, "there is no open instruction");
    return &body->insts.items[body->insts.count - 1];
}

uint32_t mu_ir_builder_block(mu_ir_builder *builder, const char *name, mu_location where)
{
    mu_ir_body *body = &builder->body;
    close_inst(body);
    uint32_t number = body->blocks.count;
    mu_ir_block block = {.entity = local_entity(builder, MU_IR_BLOCK, number, name, where),
                         .params = {.first = body->variables.count},
                         .insts = {.first = body->insts.count}};
    MU_ARRAY_PUSH(&body->blocks, block);
    return number;
}

static uint32_t add_variable(mu_ir_builder *builder, const mu_ir_variable *form, const char *name,
                             mu_location where)
{
    mu_ir_body *body = &builder->body;
    uint32_t number = body->variables.count;
    mu_ir_variable variable = *form;
    variable.entity = local_entity(builder, MU_IR_VARIABLE, number, name, where);
    variable.block = body->blocks.count - 1;
    MU_ARRAY_PUSH(&body->variables, variable);
    return number;
}

uint32_t mu_ir_builder_param(mu_ir_builder *builder, mu_ir_type *type, const char *name,
                             mu_location where)
{
    mu_ir_block *block = last_block(&builder->body);
    MU_INVARIANT(!block->has_exc_param && !block->insts.count, "parameters come first");
    block->params.count++;
    return add_variable(builder, &(mu_ir_variable){.type = type, .inst = UINT32_MAX}, name, where);
}

uint32_t mu_ir_builder_exc_param(mu_ir_builder *builder, const char *name, mu_location where)
{
    mu_ir_block *block = last_block(&builder->body);
    MU_INVARIANT(!block->has_exc_param && !block->insts.count, "one exception parameter, first");
    block->has_exc_param = true;
    block->exc_param = add_variable(builder, &(mu_ir_variable){.inst = UINT32_MAX}, name, where);
    return block->exc_param;
}

mu_ir_inst *mu_ir_builder_inst(mu_ir_builder *builder, const char *name, mu_location where)
{
    mu_ir_body *body = &builder->body;
    close_inst(body);
    last_block(body)->insts.count++;
    uint32_t number = body->insts.count;
    mu_ir_inst inst = {.entity = local_entity(builder, MU_IR_INST, number, name, where),
                       .block = body->blocks.count - 1,
                       .types = {.first = body->types.count},
                       .sigs = {.first = body->sigs.count},
                       .dests = {.first = body->dests.count},
                       .flags = {.first = body->flags.count},
                       .results = {.first = body->variables.count}};
    MU_ARRAY_PUSH(&body->insts, inst);
    body->inst_open = true;
    return last_inst(body);
}

uint32_t mu_ir_builder_result(mu_ir_builder *builder, const char *name, mu_location where)
{
    mu_ir_inst *inst = last_inst(&builder->body);
    inst->results.count++;
    return add_variable(builder, &(mu_ir_variable){.inst = builder->body.insts.count - 1}, name,
                        where);
}

void mu_ir_builder_add_type(mu_ir_builder *builder, mu_ir_type *type)
{
    last_inst(&builder->body)->types.count++;
    MU_ARRAY_PUSH(&builder->body.types, type);
}

void mu_ir_builder_add_sig(mu_ir_builder *builder, mu_ir_sig *sig)
{
    last_inst(&builder->body)->sigs.count++;
    MU_ARRAY_PUSH(&builder->body.sigs, sig);
}

void mu_ir_builder_add_flag(mu_ir_builder *builder, const char *flag)
{
    last_inst(&builder->body)->flags.count++;
    MU_ARRAY_PUSH(&builder->body.flags, flag);
}

void mu_ir_builder_add_operand(mu_ir_builder *builder, mu_ir_value value)
{
    MU_ARRAY_PUSH(&builder->body.inst_operands, value);
}

void mu_ir_builder_add_case(mu_ir_builder *builder, mu_ir_value value)
{
    MU_ARRAY_PUSH(&builder->body.inst_cases, value);
}

void mu_ir_builder_add_keepalive(mu_ir_builder *builder, mu_ir_value value)
{
    MU_ARRAY_PUSH(&builder->body.inst_keepalives, value);
}

uint32_t mu_ir_builder_add_dest(mu_ir_builder *builder, uint32_t block, mu_location where)
{
    mu_ir_body *body = &builder->body;
    last_inst(body)->dests.count++;
    mu_ir_dest dest = {.block = block, .args = {.first = body->operands.count}, .where = where};
    MU_ARRAY_PUSH(&body->dests, dest);
    return body->dests.count - 1;
}

void mu_ir_builder_add_dest_arg(mu_ir_builder *builder, mu_ir_value value)
{
    mu_ir_body *body = &builder->body;
    body->dests.items[body->dests.count - 1].args.count++;
    MU_ARRAY_PUSH(&body->operands, value);
}

void mu_ir_builder_set_dest_block(mu_ir_builder *builder, uint32_t dest, uint32_t block)
{
    builder->body.dests.items[dest].block = block;
}

mu_ir_value mu_ir_builder_local(uint32_t variable)
{
    return (mu_ir_value){variable};
}

mu_ir_value mu_ir_builder_global_value(mu_ir_builder *builder, mu_ir_entity *entity)
{
    mu_ir_body *body = &builder->body;
    MU_ARRAY_PUSH(&body->globals, entity);
    return (mu_ir_value){(body->globals.count - 1) | MU_IR_VALUE_GLOBAL_BIT};
}

/* ------------------------------------------------------------------------------------- closing */

static mu_status register_local(mu_ir_builder *builder, mu_ir_entity *entity, mu_report *report)
{
    if (!entity->name) {
        return MU_OK;
    }
    return mu_ir_builder_register(builder, entity, entity->name, report);
}

#define SEAL(version, arena, list, list_count, array)                                              \
    do {                                                                                           \
        (version)->list =                                                                          \
            mu_ir_arena_copy((arena), (array)->items, sizeof *(array)->items * (array)->count);    \
        (version)->list_count = (array)->count;                                                    \
    } while (0)

static void seal(mu_ir_body *body, mu_arena *arena)
{
    mu_ir_version *version = body->version;
    SEAL(version, arena, blocks, block_count, &body->blocks);
    SEAL(version, arena, insts, inst_count, &body->insts);
    SEAL(version, arena, variables, variable_count, &body->variables);
    SEAL(version, arena, operands, operand_count, &body->operands);
    SEAL(version, arena, dests, dest_count, &body->dests);
    SEAL(version, arena, types, type_count, &body->types);
    SEAL(version, arena, sigs, sig_count, &body->sigs);
    SEAL(version, arena, flags, flag_count, &body->flags);
    SEAL(version, arena, globals, global_count, &body->globals);
}

mu_status mu_ir_builder_end_body(mu_ir_builder *builder, mu_report *report)
{
    mu_ir_body *body = &builder->body;
    mu_ir_version *version = body->version;
    close_inst(body);
    seal(body, builder->bundle->arena);
    body->version = NULL;
    mu_status worst = MU_OK;
    uint32_t variable = 0;
    uint32_t inst = 0;
    for (uint32_t b = 0; b < version->block_count; b++) {
        mu_ir_block *block = &version->blocks[b];
        mu_status status = register_local(builder, &block->entity, report);
        worst = status == MU_OK ? worst : status;
        uint32_t inst_end = block->insts.first + block->insts.count;
        uint32_t variable_end =
            b + 1 < version->block_count ? block[1].params.first : version->variable_count;
        for (; variable < variable_end; variable++) {
            status = register_local(builder, &version->variables[variable].entity, report);
            worst = status == MU_OK ? worst : status;
        }
        for (; inst < inst_end; inst++) {
            status = register_local(builder, &version->insts[inst].entity, report);
            worst = status == MU_OK ? worst : status;
        }
    }
    return worst;
}
