#pragma once
/* Finds everything that the Mu specification calls an error in a bundle, before anything of it
 * runs. */
#include "mu_ir.h"

/* What the VM that loads the bundle was granted, and what the code generator can compile. */
typedef struct mu_verify_options {
    bool allow_native;     /* uptr, ufuncptr accesses, CCALL, @uvm.native.*: the grant `native` */
    bool allow_uncompiled; /* accept what the quick tier cannot compile yet (for the reference
                              interpreter's own tests, and for tools that only check) */
} mu_verify_options;

/* Verifies a parsed bundle on the environment it was parsed against; lays out its types on the way
 * and fills in every result type. Errors, all of them in `report` with line and column: INVALID
 * what the specification forbids; UNSUPPORTED what is right but not compiled by this version, by
 * the instruction's name; NOT_ALLOWED what wants a grant. The status is INVALID if any entry is,
 * else NOT_ALLOWED, else UNSUPPORTED, else OK. Thread-safe; linear in the bundle. */
MU_MUST_CHECK mu_status mu_verify_bundle(const mu_ir_env *env, mu_ir_bundle *bundle,
                                         const mu_verify_options *options, mu_report *report);
