#pragma once
/* Calls of the IR builder as lines of text, for tests and for fuzzing:
 *
 *   b = new_bundle
 *   i64 = new_type_int b 64
 *   s = new_type_struct b [i64 i64]
 *   set_name b s @pair
 *   g = get_node b #@loaded
 *
 * A word behind the function's is what an earlier line made, 0 if there is no such; a number; a
 * list in brackets; @ and a name for set_name; # and the name of something loaded, for its id. */
#include "mu_irbuilder.h"

/* What load_bundle_from_node does. */
typedef mu_status builder_script_load_fn(void *context, uint64_t node, mu_report *report);

/* mu_irbuilder_perform, or what ends there. */
typedef mu_status builder_script_perform_fn(void *context, uint32_t op, const uint64_t *operands,
                                            uint32_t operand_count, const char *name,
                                            size_t name_length, mu_report *report,
                                            uint64_t *result);

typedef struct builder_script {
    mu_irbuilder *builder;
    const mu_ir_env *env;               /* `load` may put another here; NULL: # is not used */
    builder_script_perform_fn *perform; /* instead of `builder`; NULL: none */
    builder_script_load_fn *load;
    void *context;
    bool goes_on; /* after errors */
    mu_report *report;
    uint64_t done;  /* calls that were right */
    bool rows[256]; /* called rightly, by number - 0x300 */
} builder_script;

/* The status of the first call that failed, or the last one's. Any bytes. INVALID for a word that
 * is no function. */
mu_status builder_script_run(builder_script *self, const char *text, size_t length);
