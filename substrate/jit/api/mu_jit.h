#pragma once
/* The quick tier: one version of a function from SSA with block arguments to x86-64, in one pass
 * over its blocks, when it is first called; and the optimising tier's second half, which makes
 * better code of what the room opt made of a hot one. Also what belongs to the machine: how
 * signatures travel in registers, what the collector must know of types, and the few stubs between
 * Mu code and the runtime.
 */
#include "mu_abi.h"
#include "mu_code.h"
#include "mu_ir.h"

/* Objects up to this size, headers included, are bumped in line; see mu_gc.h. */
#define MU_JIT_INLINE_BYTES 1024u

typedef struct mu_jit mu_jit; /* the process's; thread-safe */

/* Called when C code calls an exposed function, on the stack that C runs on: sets the callback's
 * `func` and `cookie` and says which thread this is. C expects nothing less, so when none is right
 * it does not return. See mu_jit_native.h. */
typedef struct mu_jit_callback mu_jit_callback;
typedef mu_abi_thread *mu_jit_called_fn(mu_jit_callback *callback);
/* Installs the stubs in `cache` (borrowed). Errors: LIMIT when they do not fit. */
MU_MUST_CHECK mu_status mu_jit_new(mu_code_cache *cache, mu_jit_called_fn *called, mu_jit **jit);
/* From now on mu_jit_compile takes the optimising tier for every version that it can have, at once;
 * for tests. Before anything is compiled. */
void mu_jit_optimise_all(mu_jit *jit);
void mu_jit_free(mu_jit *jit);

/* Runs Mu code from thread->resume_pc on the stack at thread->mu_sp and mu_fp, with the registers
 * of gpr[], xmm[] and `callee`, until it leaves; then leave_reason says why. */
typedef void mu_jit_enter_fn(mu_abi_thread *thread);
mu_jit_enter_fn *mu_jit_enter(const mu_jit *jit);
/* The table entry of a function without code: leaves with COMPILE. */
const void *mu_jit_lazy_entry(const mu_jit *jit);
/* The stub that leaves with ERROR; for a fault that interrupted Mu code. */
const void *mu_jit_leave_error(const mu_jit *jit);
/* The return address of a stack's bottom frame: leaves with RETURN. */
uintptr_t mu_jit_bottom(const mu_jit *jit);
/* The return address of a frame that lies above one that has not begun (MU_ABI_ADAPTER_WORDS):
 * calls that one's function with what was returned. */
uintptr_t mu_jit_adapter(const mu_jit *jit);

/* What code may take that is made now: of the code cache, and of host memory for what is known
 * about it (mu_jit_version_bytes). */
typedef struct mu_jit_room {
    uint64_t code_bytes;
    uint64_t metadata_bytes;
} mu_jit_room;
/* The entry of `version`'s code, compiled now if it is not yet. Once a version, whichever VM asks.
 * Thread-safe. Errors: LIMIT when the code cache is full, or the function too large to compile;
 * NO_MEMORY when it does not fit into the room, and `room` is then what it would take. */
MU_MUST_CHECK mu_status mu_jit_compile(mu_jit *jit, mu_ir_version *version, mu_jit_room *room,
                                       const void **entry);
/* The same by the optimising tier, beside the code there is: threads may go on in either, and calls
 * go where their VM's table leads. May take milliseconds. Thread-safe. Errors: UNSUPPORTED, this
 * tier does not know something that the version has, or it is too large; asked again, that is
 * known at once. LIMIT, NO_MEMORY as above. */
MU_MUST_CHECK mu_status mu_jit_optimise(mu_jit *jit, mu_ir_version *version, mu_jit_room *room,
                                        const mu_code_object **object);
/* What the version's optimised code takes. */
mu_jit_room mu_jit_optimised_bytes(const mu_ir_version *version);
/* That code, or NULL; whether it is known that there will be none. */
const mu_code_object *mu_jit_optimised(const mu_ir_version *version);
bool mu_jit_is_not_optimised(const mu_ir_version *version);
/* What a compiled version takes: its code; in host memory what is known about the code, and a
 * hidden version itself. */
mu_jit_room mu_jit_version_bytes(const mu_ir_version *version);
/* Host memory for descriptors of a bundle's types, whether they are made yet or not; before others
 * have the bundle. */
uint64_t mu_jit_bundle_bytes(const mu_ir_bundle *bundle);
/* A VM has enabled the watchpoint `id`, or disabled it again. Code of every VM that has the id asks
 * from then on, until as many have disabled it, whether its own VM has (see mu_abi.h). When it
 * returns, no processor runs the code as it was before. Thread-safe. */
void mu_jit_watch(mu_jit *jit, uint32_t id);
void mu_jit_unwatch(mu_jit *jit, uint32_t id);
/* Frees what was made for a bundle: code, descriptors, conventions. No VM uses it any more. */
void mu_jit_free_bundle(mu_jit *jit, mu_ir_bundle *bundle);

/* Where a value travels at a call. */
typedef enum mu_jit_place_kind {
    MU_JIT_PLACE_GPR,      /* gpr[index]; an iref: base, then offset in gpr[index + 1] */
    MU_JIT_PLACE_XMM,      /* xmm[index] */
    MU_JIT_PLACE_OVERFLOW, /* overflow[index …] */
} mu_jit_place_kind;
typedef struct mu_jit_place {
    mu_jit_place_kind kind;
    uint16_t index;
    uint16_t words;
} mu_jit_place;

/* Can values of these types travel together? The verifier sees to it for whatever is compiled; the
 * signature of a function that is only declared may be any. */
bool mu_jit_can_pass(mu_ir_type *const *types, uint32_t count);
/* Assigns places to values of these types in order; the same for arguments, results and what a trap
 * receives. `places` has `count` items. Returns the overflow words used. */
uint32_t mu_jit_assign_places(mu_ir_type *const *types, uint32_t count, mu_jit_place *places);
/* The collector's descriptor of a laid-out type; made once, lives as long as its bundle. */
const mu_abi_type *mu_jit_descriptor(mu_ir_type *type);
/* Machine code of `version` as text is not offered here; name and size are in its object. NULL when
 * it is not compiled. */
const mu_code_object *mu_jit_object(const mu_ir_version *version);
/* Bytes of one value of the type in an SSA variable: 8 for scalars, 16 for irefs, composites
 * rounded up to 8. */
uint32_t mu_jit_value_bytes(const mu_ir_type *type);
