#pragma once
/* The last step of building: gives numbers and types to what the builder collected. */
#include "mu_ir.h"

/* Links `bundle`, whose arrays are complete, on `env` (NULL: it is the root's own bundle).
 * Errors: LIMIT, in `report`. */
MU_MUST_CHECK mu_status mu_ir_link(const mu_ir_env *env, mu_ir_bundle *bundle, mu_report *report);
