#pragma once
/* Numbers for types and signatures, equal exactly for equal structure. */
#include "mu_ir.h"

/* Sets `canonical` in the bundle's types (derived ones too) and signatures, and fills its
 * canonical_index. `env` may be NULL.
 * Errors: LIMIT, in `report`. */
MU_MUST_CHECK mu_status mu_ir_canonicalise(const mu_ir_env *env, mu_ir_bundle *bundle,
                                           mu_report *report);
