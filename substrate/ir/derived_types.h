#pragma once
/* Types that no line of the text defines: of results, cells and function values. One for each form
 * (kind, bits, length, element, signature), shared with a definition of the same bundle or of the
 * root environment where there is one. */
#include "mu_ir.h"

/* The type of this form, made if need be; only before the bundle is linked. NULL when the form
 * lacks its element or signature. */
mu_ir_type *mu_ir_derive(mu_ir_bundle *bundle, const mu_ir_type *form);
/* The same without making any. */
mu_ir_type *mu_ir_derived(const mu_ir_bundle *bundle, const mu_ir_type *form);
/* Makes a defined type the one of its form, if it is the first. */
void mu_ir_derived_add(mu_ir_bundle *bundle, mu_ir_type *type);

/* mu_ir_result_types, making types if `mutable_bundle` (the version's) is not NULL. */
uint32_t mu_ir_infer(const mu_ir_version *version, const mu_ir_inst *inst,
                     mu_ir_bundle *mutable_bundle, mu_ir_type **types, uint32_t room);
