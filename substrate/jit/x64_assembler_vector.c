/* Packed instructions; see x64_assembler.c for the machinery. */
#include "x64_assembler_vector.h"

#include "x64_encoding.h"

/* The prefix that makes an SSE instruction work on all floats or all doubles of a register. */
static uint32_t packed(uint32_t opcode, uint32_t width)
{
    return X64_CODE_0F | opcode | (width == 8 ? X64_CODE_66 : 0);
}

void x64_packed_rr(x64_assembler *a, x64_packed op, x64_xmm to, x64_xmm from)
{
    x64_code_rr(a, X64_CODE_66 | X64_CODE_0F | op, to, from);
}

void x64_packed_shift_ri(x64_assembler *a, x64_packed_shift op, x64_xmm operand, uint8_t count)
{
    x64_code_rr(a, X64_CODE_66 | X64_CODE_0F | (uint32_t)op >> 4, op & 15, operand);
    x64_put_1(a, count);
}

void x64_packed_shuffle(x64_assembler *a, x64_xmm to, x64_xmm from, uint8_t order)
{
    x64_code_rr(a, X64_CODE_66 | X64_CODE_0F | 0x70, to, from);
    x64_put_1(a, order);
}

void x64_packed_fp_rr(x64_assembler *a, x64_fp op, uint8_t width, x64_xmm to, x64_xmm from)
{
    x64_code_rr(a, packed(op, width), to, from);
}

void x64_packed_fp_compare(x64_assembler *a, x64_fp_predicate predicate, uint8_t width, x64_xmm to,
                           x64_xmm from)
{
    x64_code_rr(a, packed(0xc2, width), to, from);
    x64_put_1(a, predicate);
}

void x64_packed_fp_from_int(x64_assembler *a, uint8_t width, x64_xmm to, x64_xmm from)
{
    x64_code_rr(a, X64_CODE_0F | (width == 8 ? X64_CODE_F3 | 0xe6 : 0x5b), to, from);
}

void x64_packed_float_to_int(x64_assembler *a, x64_xmm to, x64_xmm from)
{
    x64_code_rr(a, X64_CODE_F3 | X64_CODE_0F | 0x5b, to, from);
}

void x64_packed_fp_widen(x64_assembler *a, x64_xmm to, x64_xmm from)
{
    x64_code_rr(a, X64_CODE_0F | 0x5a, to, from);
}

void x64_packed_fp_narrow(x64_assembler *a, x64_xmm to, x64_xmm from)
{
    x64_code_rr(a, X64_CODE_66 | X64_CODE_0F | 0x5a, to, from);
}
