#include "mu_ir_type_pool.h"

#include "derived_types.h"
#include "type_layout.h"

/* Above every canonical number (canonical_types.c), so that a type of a pool equals no other by
 * number. */
#define FIRST_NUMBER 0x80000000u

struct mu_ir_type_pool {
    mu_ir_bundle bundle; /* of nothing but derived types */
};

mu_ir_type_pool *mu_ir_type_pool_new(const mu_ir_env *env)
{
    mu_ir_type_pool *pool = mu_allocate(sizeof *pool);
    pool->bundle.arena = mu_arena_new();
    pool->bundle.name = "type pool";
    pool->bundle.base = env;
    return pool;
}

void mu_ir_type_pool_free(mu_ir_type_pool *pool)
{
    if (pool) {
        mu_map_free(pool->bundle.derived_index);
        mu_arena_free(pool->bundle.arena);
        mu_free(pool);
    }
}

uint64_t mu_ir_type_pool_bytes(const mu_ir_type_pool *pool)
{
    return sizeof *pool + mu_arena_bytes(pool->bundle.arena) +
           mu_map_bytes(pool->bundle.derived_index);
}

mu_ir_type *mu_ir_type_pool_get(mu_ir_type_pool *pool, const mu_ir_type *form)
{
    mu_ir_type *type = mu_ir_derive(&pool->bundle, form);
    MU_INVARIANT(type, "a pool is asked for a type of kind %d", (int)form->kind);
    if (!type->laid_out) {
        type->laid_out = mu_ir_place_scalar(type);
        type->canonical = FIRST_NUMBER | pool->bundle.derived_count;
        MU_INVARIANT(type->laid_out, "a pool is asked for int<%u>", type->bits);
    }
    return type;
}

bool mu_ir_type_same(const mu_ir_type *a, const mu_ir_type *b)
{
    if (a == b || mu_ir_type_equal(a, b)) {
        return true;
    }
    if (a->kind != b->kind || (a->canonical < FIRST_NUMBER && b->canonical < FIRST_NUMBER)) {
        return false;
    }
    switch (a->kind) {
    case MU_IR_INT: return a->bits == b->bits;
    case MU_IR_REF:
    case MU_IR_IREF:
    case MU_IR_WEAKREF:
    case MU_IR_UPTR: return mu_ir_type_equal(a->element, b->element);
    case MU_IR_FUNCREF:
    case MU_IR_UFUNCPTR: return a->sig->canonical == b->sig->canonical;
    case MU_IR_STRUCT:
    case MU_IR_HYBRID:
    case MU_IR_ARRAY:
    case MU_IR_VECTOR: return false;
    case MU_IR_FLOAT:
    case MU_IR_DOUBLE:
    case MU_IR_VOID:
    case MU_IR_TAGREF64:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF:
    case MU_IR_IRNODEREF: break;
    }
    return true;
}
