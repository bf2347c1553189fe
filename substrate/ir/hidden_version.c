/* The hidden version of a function without any (uvm-ir.rest, Function Definition and Declaration):
 *
 *   %entry(params):  TRAP <> KEEPALIVE(params)  TAILCALL <sig> func (params)
 *
 * It has an arena of its own, since it comes to be long after its bundle is closed, in any thread.
 */
#include "hidden_version.h"

typedef struct hidden_version {
    mu_ir_version version; /* first, so that the pointers convert */
    mu_arena *arena;
} hidden_version;

void mu_ir_hidden_free(mu_ir_version *version)
{
    if (version) {
        mu_arena_free(((hidden_version *)version)->arena);
    }
}

uint64_t mu_ir_hidden_bytes(const mu_ir_version *version)
{
    return version->hidden ? mu_arena_bytes(((const hidden_version *)version)->arena) : 0;
}

static mu_ir_entity entity_of(mu_ir_version *version, mu_ir_kind kind, uint32_t index)
{
    return (mu_ir_entity){
        .kind = kind, .where = version->func->entity.where, .owner = version, .index = index};
}

static void make_params(mu_arena *arena, mu_ir_version *version)
{
    const mu_ir_sig *sig = version->sig;
    uint32_t count = sig->param_count;
    version->variables = MU_ARENA_ARRAY(arena, mu_ir_variable, count);
    version->variable_count = count;
    for (uint32_t i = 0; i < count; i++) {
        version->variables[i] = (mu_ir_variable){.entity = entity_of(version, MU_IR_VARIABLE, i),
                                                 .type = sig->params[i],
                                                 .inst = UINT32_MAX};
    }
    /* Once as keep-alives, then the callee and once as arguments. */
    version->operands = MU_ARENA_ARRAY(arena, mu_ir_value, 2 * (size_t)count + 1);
    version->operand_count = 2 * count + 1;
    for (uint32_t i = 0; i < count; i++) {
        version->operands[i] = (mu_ir_value){i};
        version->operands[count + 1 + i] = (mu_ir_value){i};
    }
    version->operands[count] = (mu_ir_value){MU_IR_VALUE_GLOBAL_BIT};
}

static mu_ir_version *make_hidden(mu_ir_func *func)
{
    mu_arena *arena = mu_arena_new();
    hidden_version *made = MU_ARENA_NEW(arena, hidden_version);
    made->arena = arena;
    mu_ir_version *version = &made->version;
    version->entity = (mu_ir_entity){.kind = MU_IR_VERSION, .where = func->entity.where};
    version->func = func;
    version->sig = func->sig;
    version->bundle = func->bundle;
    version->hidden = true;
    make_params(arena, version);
    uint32_t count = version->variable_count;

    version->globals = MU_ARENA_NEW(arena, mu_ir_entity *);
    version->globals[0] = &func->entity;
    version->global_count = 1;
    version->sigs = MU_ARENA_NEW(arena, mu_ir_sig *);
    version->sigs[0] = func->sig;
    version->sig_count = 1;
    version->blocks = MU_ARENA_NEW(arena, mu_ir_block);
    version->block_count = 1;
    version->blocks[0] = (mu_ir_block){.entity = entity_of(version, MU_IR_BLOCK, 0),
                                       .params = {.count = count},
                                       .insts = {.count = 2}};
    version->insts = MU_ARENA_ARRAY(arena, mu_ir_inst, 2);
    version->inst_count = 2;
    version->insts[0] = (mu_ir_inst){.entity = entity_of(version, MU_IR_INST, 0),
                                     .op = MU_OP_TRAP,
                                     .keepalives = {.count = count},
                                     .results = {.first = count}};
    version->insts[1] = (mu_ir_inst){.entity = entity_of(version, MU_IR_INST, 1),
                                     .op = MU_OP_TAILCALL,
                                     .sigs = {.count = 1},
                                     .operands = {.first = count, .count = count + 1},
                                     .results = {.first = count}};
    return version;
}

mu_ir_version *mu_ir_func_hidden(mu_ir_func *func)
{
    mu_ir_version *version = __atomic_load_n(&func->hidden, __ATOMIC_ACQUIRE);
    if (version) {
        return version;
    }
    mu_ir_version *made = make_hidden(func);
    if (__atomic_compare_exchange_n(&func->hidden, &version, made, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        return made;
    }
    mu_ir_hidden_free(made);
    return version;
}
