/* Scalar floating point, atomics and block instructions; see x64_assembler.c for the machinery. */
#include "x64_assembler.h"

#include "x64_encoding.h"

/* The prefix that makes an SSE instruction work on one float or one double. */
static uint32_t scalar(uint32_t opcode, uint32_t width)
{
    return X64_CODE_0F | opcode | (width == 8 ? X64_CODE_F2 : X64_CODE_F3);
}

void x64_fp_mov_rr(x64_assembler *a, x64_xmm to, x64_xmm from)
{
    x64_code_rr(a, X64_CODE_0F | 0x28, to, from);
}

void x64_fp_load(x64_assembler *a, uint8_t width, x64_xmm to, x64_mem from)
{
    x64_code_rm(a, scalar(0x10, width), to, from);
}

void x64_fp_store(x64_assembler *a, uint8_t width, x64_mem to, x64_xmm from)
{
    x64_code_rm(a, scalar(0x11, width), from, to);
}

void x64_fp_load_16(x64_assembler *a, bool aligned, x64_xmm to, x64_mem from)
{
    x64_code_rm(a, X64_CODE_0F | 0x6f | (aligned ? X64_CODE_66 : X64_CODE_F3), to, from);
}

void x64_fp_store_16(x64_assembler *a, bool aligned, x64_mem to, x64_xmm from)
{
    x64_code_rm(a, X64_CODE_0F | 0x7f | (aligned ? X64_CODE_66 : X64_CODE_F3), from, to);
}

void x64_fp_join_low(x64_assembler *a, x64_xmm to, x64_xmm high)
{
    x64_code_rr(a, X64_CODE_66 | X64_CODE_0F | 0x6c, to, high);
}

void x64_fp_take_high(x64_assembler *a, x64_xmm to, x64_xmm from)
{
    x64_code_rr(a, X64_CODE_66 | X64_CODE_0F | 0x6d, to, from);
}

void x64_fp_op_rr(x64_assembler *a, x64_fp op, uint8_t width, x64_xmm to, x64_xmm from)
{
    x64_code_rr(a, scalar(op, width), to, from);
}

void x64_fp_op_rm(x64_assembler *a, x64_fp op, uint8_t width, x64_xmm to, x64_mem from)
{
    x64_code_rm(a, scalar(op, width), to, from);
}

void x64_fp_compare(x64_assembler *a, uint8_t width, x64_xmm one, x64_xmm other)
{
    x64_code_rr(a, X64_CODE_0F | 0x2e | (width == 8 ? X64_CODE_66 : 0), one, other);
}

void x64_fp_zero(x64_assembler *a, x64_xmm to)
{
    x64_fp_xor_rr(a, to, to);
}

void x64_fp_xor_rr(x64_assembler *a, x64_xmm to, x64_xmm from)
{
    x64_code_rr(a, X64_CODE_0F | 0x57, to, from);
}

void x64_fp_and_rr(x64_assembler *a, x64_xmm to, x64_xmm from)
{
    x64_code_rr(a, X64_CODE_0F | 0x54, to, from);
}

void x64_fp_from_gpr(x64_assembler *a, uint8_t width, x64_xmm to, x64_gpr from)
{
    x64_code_rr(a, X64_CODE_66 | X64_CODE_0F | 0x6e | x64_wide(width), to, from);
}

void x64_fp_to_gpr(x64_assembler *a, uint8_t width, x64_gpr to, x64_xmm from)
{
    x64_code_rr(a, X64_CODE_66 | X64_CODE_0F | 0x7e | x64_wide(width), from, to);
}

void x64_fp_widen(x64_assembler *a, x64_xmm to, x64_xmm from)
{
    x64_code_rr(a, scalar(0x5a, 4), to, from);
}

void x64_fp_narrow(x64_assembler *a, x64_xmm to, x64_xmm from)
{
    x64_code_rr(a, scalar(0x5a, 8), to, from);
}

void x64_fp_from_int(x64_assembler *a, uint8_t fp_width, uint8_t int_width, x64_xmm to,
                     x64_gpr from)
{
    x64_code_rr(a, scalar(0x2a, fp_width) | x64_wide(int_width), to, from);
}

void x64_fp_to_int(x64_assembler *a, uint8_t fp_width, uint8_t int_width, x64_gpr to, x64_xmm from)
{
    x64_code_rr(a, scalar(0x2c, fp_width) | x64_wide(int_width), to, from);
}

void x64_lock_cmpxchg(x64_assembler *a, uint8_t width, x64_mem at, x64_gpr desired)
{
    x64_code_rm(a, X64_CODE_LOCK | X64_CODE_0F | x64_sized(0xb0, width), desired, at);
}

void x64_lock_cmpxchg16b(x64_assembler *a, x64_mem at)
{
    x64_code_rm(a, X64_CODE_LOCK | X64_CODE_0F | X64_CODE_WIDE | 0xc7, 1, at);
}

void x64_lock_xadd(x64_assembler *a, uint8_t width, x64_mem at, x64_gpr addend)
{
    x64_code_rm(a, X64_CODE_LOCK | X64_CODE_0F | x64_sized(0xc0, width), addend, at);
}

void x64_xchg_mr(x64_assembler *a, uint8_t width, x64_mem at, x64_gpr value)
{
    x64_code_rm(a, x64_sized(0x86, width), value, at); /* locked without being asked */
}

void x64_mfence(x64_assembler *a)
{
    x64_code_rr(a, X64_CODE_0F | 0xae, 6, 0);
}

void x64_rep_stosq(x64_assembler *a)
{
    x64_code_only(a, X64_CODE_F3 | X64_CODE_WIDE | 0xab);
}

void x64_rep_movsq(x64_assembler *a)
{
    x64_code_only(a, X64_CODE_F3 | X64_CODE_WIDE | 0xa5);
}
