#pragma once
/* Private to jit: what the stub between the runtime and C functions is given. Reading order:
 * native_call.c, then stubs.c. */
#include "mu_jit.h"

#define MU_JIT_NATIVE_GPRS 6
#define MU_JIT_NATIVE_XMMS 8

typedef struct mu_jit_native_call {
    uint64_t function;
    uint64_t gpr[MU_JIT_NATIVE_GPRS]; /* rdi, rsi, rdx, rcx, r8, r9 */
    uint64_t xmm[MU_JIT_NATIVE_XMMS][2];
    uint64_t xmm_count; /* functions with variable arguments find it in al */
    const uint64_t *stack;
    uint64_t stack_words; /* a multiple of 4, so that rsp is aligned to 32 */
    uint64_t result_gpr[2];
    uint64_t result_xmm[2][2];
} mu_jit_native_call;
typedef void mu_jit_native_fn(mu_jit_native_call *call);
