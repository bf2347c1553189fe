#pragma once
/* The builder's inside, shared by ir_builder.c (top level) and ir_body_builder.c (bodies). */
#include "mu_ir_builder.h"

/* One open body. Arrays grow here and are copied to the arena, exactly sized, when it closes. The
 * lists of the last instruction that the text may interleave wait apart until the next one. */
typedef struct mu_ir_body {
    mu_ir_version *version; /* NULL: none is open */
    MU_ARRAY(mu_ir_block) blocks;
    MU_ARRAY(mu_ir_inst) insts;
    MU_ARRAY(mu_ir_variable) variables;
    MU_ARRAY(mu_ir_value) operands;
    MU_ARRAY(mu_ir_dest) dests;
    MU_ARRAY(mu_ir_type *) types;
    MU_ARRAY(mu_ir_sig *) sigs;
    MU_ARRAY(const char *) flags;
    MU_ARRAY(mu_ir_entity *) globals;
    bool inst_open;
    MU_ARRAY(mu_ir_value) inst_operands;
    MU_ARRAY(mu_ir_value) inst_cases;
    MU_ARRAY(mu_ir_value) inst_keepalives;
} mu_ir_body;

struct mu_ir_builder {
    const mu_ir_env *env;
    mu_ir_bundle *bundle;
    MU_ARRAY(mu_ir_type *) types;
    MU_ARRAY(mu_ir_sig *) sigs;
    MU_ARRAY(mu_ir_const *) consts;
    MU_ARRAY(mu_ir_global *) globals;
    MU_ARRAY(mu_ir_func *) funcs;
    MU_ARRAY(mu_ir_expose *) exposes;
    MU_ARRAY(mu_ir_version *) versions;
    uint32_t entity_count;
    uint64_t name_bytes;
    uint64_t most_bytes; /* of the bundle's arena */
    uint32_t next_id;    /* given to the next entity; 0: none */
    mu_ir_body body;
};

/* Registers a name for an entity of any kind; `name` is in the arena.
 * Errors: EXISTS, in `report`. */
MU_MUST_CHECK mu_status mu_ir_builder_register(mu_ir_builder *builder, mu_ir_entity *entity,
                                               const char *name, mu_report *report);
/* The id given to the entity that is being made; 0: none. */
uint32_t mu_ir_builder_take_id(mu_ir_builder *builder);
/* The bundle being built. Borrowed. */
mu_ir_bundle *mu_ir_builder_bundle(mu_ir_builder *builder);
void mu_ir_body_free(mu_ir_body *body);
/* Copies `bytes` bytes into the arena; NULL for none. */
void *mu_ir_arena_copy(mu_arena *arena, const void *items, size_t bytes);
