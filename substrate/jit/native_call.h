#pragma once
/* Private to jit: what the stub that calls C functions for the runtime is given, on C's stack.
 * Reading order: native_call.c, then stubs.c. */
#include "mu_jit_native.h"

typedef struct mu_jit_native_call {
    uint64_t function;
    uint64_t gpr[MU_JIT_NATIVE_GPRS]; /* rdi, rsi, rdx, rcx, r8, r9 */
    uint64_t xmm[MU_JIT_NATIVE_XMMS][2];
    uint64_t xmm_count; /* functions with variable arguments find it in al */
    uint64_t stack;     /* rsp at the call, a multiple of 32: of any argument's alignment */
    uint64_t ccall_sp;  /* where the thread's address is afterwards */
    uint64_t result_gpr[2];
    uint64_t result_xmm[2][2];
    const mu_ir_sig *sig;
    uint64_t *memory; /* a large result; the caller's `overflow` is used by callbacks meanwhile */
} mu_jit_native_call;
