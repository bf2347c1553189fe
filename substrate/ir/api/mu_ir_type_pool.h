#pragma once
/* Types for values that come from no text: scalars, and references to types of an environment. A
 * pool makes one when it is first asked for, and shares what the empty environment has. For whoever
 * handles values beside the program, such as a client's context: what an operation on a value of
 * type ref<T> gives is an iref<T>, whether or not a bundle says so.
 *
 * No type of a pool is part of another type, so such types have no canonical number to share with
 * bundles that are loaded later: they are compared by mu_ir_type_same. One thread at a time. */
#include "mu_ir.h"

typedef struct mu_ir_type_pool mu_ir_type_pool;

/* `env`, or one that extends it, outlives the pool, as do the types that it is asked for. */
mu_ir_type_pool *mu_ir_type_pool_new(const mu_ir_env *env);
void mu_ir_type_pool_free(mu_ir_type_pool *pool); /* and its types; NULL is nothing */

/* Host memory that it holds. */
uint64_t mu_ir_type_pool_bytes(const mu_ir_type_pool *pool);

/* The scalar type or void of this form (kind; int: bits, from 1 to 128; element; sig), laid out;
 * lives as long as the pool. The element or signature is an environment's. */
mu_ir_type *mu_ir_type_pool_get(mu_ir_type_pool *pool, const mu_ir_type *form);

/* Are two types, of one environment chain or of pools on it, the same? */
bool mu_ir_type_same(const mu_ir_type *a, const mu_ir_type *b);
