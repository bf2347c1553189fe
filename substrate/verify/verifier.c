/* The rules, and the file that enforces each. "T is a value type" means that an SSA variable may
 * have it: not void, hybrid, weakref, nor a composite with a weakref in it.
 *
 * Types (type_rules.c; the first two by mu_ir_layout)
 *   - no composite contains itself, void or a hybrid; sizes have a limit
 *   - widths of int are 1 to 64 and 128; an array or vector has an element, a struct a field
 *   - vector elements are scalar, and not weakref
 *   - uptr<T>, ufuncptr<sig>: T, and all of sig, native-safe
 * Signatures, constants, global cells, exposed functions (definition_rules.c)
 *   - parameters, results and constants have value types
 *   - the literal fits the type: integers on int, uptr, ufuncptr, representable as signed or as
 *     unsigned; f on float, d on double; NULL on general references; a list on struct, array,
 *     vector, with one global variable of the right type per member
 *   - no constant is a part of itself
 *   - a cell is not void nor a hybrid
 *   - an exposed function has a cookie of int<64>, a known convention, a signature C can call
 * Bodies (body_rules.c)
 *   - a version has its function's signature; its entry block takes the signature's parameters, has
 *     no exception parameter and is no destination
 *   - a block ends with its one terminator
 *   - block parameters have value types
 *   - a local variable is used in its block, after its definition; a terminator's results only in
 *     its normal destination (WATCHPOINT: the enabled one)
 *   - a destination gets as many arguments as the block has parameters, of the same types
 *   - a block with an exception parameter is only an exceptional destination. The specification
 *     would have it so only of instructions that catch exceptions; we take it of every exception
 *     clause, since some of its own instructions (NEWTHREAD) hand NULL to the parameter
 *   - exception clauses only on instructions that may have them
 *   - keep-alives are local variables
 *   - as many results are named as the instruction has
 * Operand and parameter types, memory orders, indices, literals: one function per shape
 *   - arithmetic_rules.c: operations, comparisons, conversions, SELECT, aggregates
 *   - memory_rules.c: allocation, addressing, accesses, fences
 *   - flow_rules.c: branches, SWITCH, calls, returns, traps, threads, stacks
 *   - common_inst_rules.c: a table of the common instructions
 * Then, of an instruction in which none of these is broken,
 *   - native_set.c: what wants the grant `native`
 *   - compiled_set.c: what this version does not compile
 *
 * One mistake makes one entry: rules accept a value whose type is unknown, and the last two say one
 * thing per instruction. */
#include "verifier.h"

/* `layout` is what mu_ir_layout said, whose entries the counts lack. */
static mu_status worst_status(const mu_verifier *v, mu_status layout)
{
    if (v->invalid || layout == MU_INVALID) {
        return MU_INVALID;
    }
    if (layout != MU_OK && layout != MU_UNSUPPORTED) {
        return layout;
    }
    if (v->not_allowed) {
        return MU_NOT_ALLOWED;
    }
    return v->unsupported ? MU_UNSUPPORTED : layout;
}

mu_status mu_verify_bundle(const mu_ir_env *env, mu_ir_bundle *bundle,
                           const mu_verify_options *options, mu_report *report)
{
    mu_verifier v = {.env = env,
                     .bundle = bundle,
                     .options = options,
                     .report = report,
                     .arena = mu_arena_new(),
                     .traits = mu_map_new()};
    /* Without a layout of all types the rest is still worth checking: a type that has none is let
     * pass wherever it is used. */
    mu_status layout = mu_ir_layout(env, bundle, report);
    mu_verify_check_types(&v);
    mu_verify_check_sigs(&v);
    mu_verify_check_consts(&v);
    mu_verify_check_globals(&v);
    mu_verify_check_exposes(&v);
    bool is_stopped = false;
    for (uint32_t i = 0; i < bundle->version_count && !is_stopped; i++) {
        mu_verify_check_version(&v, bundle->versions[i]);
        is_stopped = mu_report_is_stopped(report);
    }
    mu_map_free(v.traits);
    mu_arena_free(v.arena);
    return is_stopped ? MU_LIMIT : worst_status(&v, layout);
}
