#pragma once
/* Layout of what has no members, for those who make types after a bundle has been laid out. */
#include "mu_ir.h"

/* Sets the size, alignment and has_refs of a scalar or void; false for an int of no bits or of more
 * than 128. */
bool mu_ir_place_scalar(mu_ir_type *type);
