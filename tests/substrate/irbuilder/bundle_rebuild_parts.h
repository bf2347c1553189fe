#pragma once
/* A bundle being built again: shared by bundle_rebuild.c (the top level) and bundle_rebuild_body.c.
 * Operands are pushed, then the function is called. */
#include "bundle_rebuild.h"

#include "mu_irbuilder.h"

typedef struct rebuild {
    const mu_ir_bundle *bundle;
    rebuild_perform_fn *perform;
    void *context;
    mu_arena *arena;
    mu_status status; /* the first that was not OK */
    uint64_t node;    /* the bundle's */
    mu_map *nodes;    /* entity → uint64_t, of this bundle and others */
    MU_ARRAY(uint64_t) operands;
} rebuild;

void rebuild_push(rebuild *to, uint64_t operand);
uint64_t rebuild_call(rebuild *to, uint32_t op);
/* The same with this as last operand. */
uint64_t rebuild_call1(rebuild *to, uint32_t op, uint64_t last);
void rebuild_name(rebuild *to, uint64_t node, const char *name); /* NULL: none */
/* The node of an entity, which is made if need be; not while a call's operands are being pushed. */
uint64_t rebuild_node_of(rebuild *to, const mu_ir_entity *entity);
/* Pushes the node of one that was made. */
void rebuild_push_entity(rebuild *to, const mu_ir_entity *entity);
void rebuild_version(rebuild *to, const mu_ir_version *version);
