#pragma once
/* Builds a bundle that was parsed from text once more, node by node, by the functions of the IR
 * builder. What comes out must print like it. */
#include "mu_ir.h"

/* mu_irbuilder_perform, or what ends there. */
typedef mu_status rebuild_perform_fn(void *context, uint32_t op, const uint64_t *operands,
                                     uint32_t operand_count, const char *name, size_t name_length,
                                     uint64_t *result);

/* A verified bundle; `node` is that of the new one, not loaded yet. Errors: what `perform` says. */
MU_MUST_CHECK mu_status bundle_rebuild(const mu_ir_bundle *bundle, rebuild_perform_fn *perform,
                                       void *context, uint64_t *node);
/* The text of a bundle, its definitions sorted and integers cut to their types and
 * versions with their functions' signatures, since that is all the builder can say. The caller
 * frees with mu_free.
 */
char *bundle_sorted_text(mu_ir_bundle *bundle);
