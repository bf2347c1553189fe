#pragma once
/* Between C and Mu code: calls of C functions, functions that are exposed to C, and what C's calls
 * of them (callbacks) leave behind. System V for AMD64 (native-interface-x64-unix.rest).
 *
 * C code runs on a stack of its own that belongs to the Mu stack, never on the worker's, so a
 * thread can be parked with C frames and go on elsewhere. While Mu code of a callback runs:
 *
 *      Mu stack                          C's stack
 *      | caller's frame          |       | thread             | <- ccall_sp when the call was made
 *      | native frame (mu_abi.h) | ----> | return address     |
 *      | the exposed function's  |       | C's frames         |
 *      |                         |       | mu_jit_callback    | <- ccall_sp for its own calls
 *
 * At the return address of a call of C is a site like that of any other call.
 */
#include "mu_jit.h"

#define MU_JIT_NATIVE_GPRS 6
#define MU_JIT_NATIVE_XMMS 8

/* Those who may expose functions; a zeroed one has none. */
typedef struct mu_jit_exposed mu_jit_exposed;
typedef struct mu_jit_owner {
    mu_jit_exposed *first;
    uint32_t count;
} mu_jit_owner;

/* An exposed function, or room for one. What is at `address` jumps to `entry` with this one's
 * address, so the two first fields are machine code's. */
struct mu_jit_exposed {
    const void *entry;
    mu_jit_called_fn *called;
    const mu_ir_func *func; /* NULL: not exposed, or no more */
    mu_jit_owner *owner;    /* NULL: its bundle */
    uint64_t cookie;
    uintptr_t address;
    mu_jit_exposed *next, *previous; /* the owner's, or of those that are free */
};

/* On C's stack: what C's call of an exposed function brought, and where C goes on. */
struct mu_jit_callback {
    mu_abi_thread *thread; /* for the calls of C that the callback makes: see ccall_sp */
    const mu_jit_exposed *exposed;
    uint64_t gpr[MU_JIT_NATIVE_GPRS]; /* rdi, rsi, rdx, rcx, r8, r9 */
    uint64_t xmm[MU_JIT_NATIVE_XMMS][2];
    uint64_t result_gpr[2]; /* rax, rdx */
    uint64_t result_xmm[2][2];
    /* The runtime's. */
    const mu_ir_func *func;
    uint64_t cookie;
    mu_jit_callback *older; /* of the same stack */
    uintptr_t ccall_sp;     /* as it was when C was called */
    uintptr_t *words;       /* the native frame, from the stub's address on */
    uint64_t saved[6];      /* C's r15, r14, r13, r12, rbx, rbp */
    uintptr_t return_address;
    uint64_t stack[]; /* C's arguments that found no register */
};

/* ---- functions exposed to C */

/* May a function of this signature be called by C: are its types those that this version passes? */
bool mu_jit_can_expose(const mu_ir_sig *sig);
/* Makes an address that C can call. It is not given out again soon after it was unexposed. Errors:
 * LIMIT when the code cache is full. Thread-safe. */
MU_MUST_CHECK mu_status mu_jit_expose(mu_jit *jit, mu_jit_owner *owner, const mu_ir_func *func,
                                      uint64_t cookie, uintptr_t *address);
/* Errors: NOT_FOUND when this owner has nothing exposed there. Thread-safe. */
MU_MUST_CHECK mu_status mu_jit_unexpose(mu_jit *jit, mu_jit_owner *owner, uintptr_t address);
void mu_jit_unexpose_all(mu_jit *jit, mu_jit_owner *owner);
/* Gives each .expose of a verified bundle its address; all or none. They go with
 * mu_jit_free_bundle. Errors: LIMIT. */
MU_MUST_CHECK mu_status mu_jit_expose_bundle(mu_jit *jit, mu_ir_bundle *bundle);

/* ---- calls of C that compiled code leaves to the runtime */

/* Bytes of C's stack that the two of these and a callback may use at once. */
#define MU_JIT_NATIVE_CALL_BYTES 32768u
/* Prepares the call of `thread->callee` with the arguments in `thread`: when it is entered at its
 * resume_pc, C runs, and then leaves with CCALL_DONE. The two words below ccall_sp are the
 * caller's. */
void mu_jit_begin_native(const mu_jit *jit, const mu_ir_sig *sig, mu_abi_thread *thread);
/* After CCALL_DONE: puts the result where those of a Mu call are. */
void mu_jit_end_native(mu_abi_thread *thread);

/* ---- C's calls of Mu functions */

/* The return address of an exposed function's frame: leaves with CALLBACK_RETURN. */
uintptr_t mu_jit_native_return(const mu_jit *jit);
/* Puts C's arguments where those of a Mu call of callback->func are. */
void mu_jit_begin_callback(mu_jit_callback *callback, mu_abi_thread *thread);
/* The function has returned: puts its result where C looks for it; when the thread is entered at
 * its resume_pc, C goes on. */
void mu_jit_end_callback(const mu_jit *jit, mu_jit_callback *callback, mu_abi_thread *thread);
