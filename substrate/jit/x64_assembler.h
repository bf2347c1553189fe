#pragma once
/* Encodes x86-64 instructions into a growing buffer, with labels for jumps inside it. It knows
 * encodings and nothing else: which instruction to use is the lowering's business. Not thread-safe;
 * one assembler a compilation.
 *
 * Operand width is in bytes: 1, 2, 4 or 8. A 4-byte write clears the register's upper half, as the
 * processor does. SSE2 only, so that every x86-64 machine will do.
 */
#include "mu_base.h"

typedef enum x64_gpr {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    X64_NO_GPR = -1,
} x64_gpr;
typedef enum x64_xmm {
    XMM0,
    XMM1,
    XMM2,
    XMM3,
    XMM4,
    XMM5,
    XMM6,
    XMM7,
    XMM8,
    XMM9,
    XMM10,
    XMM11,
    XMM12,
    XMM13,
    XMM14,
    XMM15,
} x64_xmm;

/* base + index << scale + displacement; base and index may be X64_NO_GPR (not RSP as index). */
typedef struct x64_mem {
    x64_gpr base;
    x64_gpr index;
    uint8_t scale_log2;
    int32_t displacement;
} x64_mem;
static inline x64_mem x64_at(x64_gpr base, int32_t displacement)
{
    return (x64_mem){base, X64_NO_GPR, 0, displacement};
}
static inline x64_mem x64_at_index(x64_gpr base, x64_gpr index, uint8_t scale_log2,
                                   int32_t displacement)
{
    return (x64_mem){base, index, scale_log2, displacement};
}

/* The numbers are those of the encodings. */
typedef enum x64_alu {
    X64_ADD,
    X64_OR,
    X64_ADC,
    X64_SBB,
    X64_AND,
    X64_SUB,
    X64_XOR,
    X64_CMP
} x64_alu;
typedef enum x64_shift {
    X64_ROL = 0,
    X64_ROR = 1,
    X64_SHL = 4,
    X64_SHR = 5,
    X64_SAR = 7
} x64_shift;
typedef enum x64_unary {
    X64_NOT = 2,
    X64_NEG = 3,
    X64_MUL = 4,
    X64_IMUL = 5,
    X64_DIV = 6,
    X64_IDIV = 7
} x64_unary;
typedef enum x64_cond {
    X64_O,
    X64_NO,
    X64_B,
    X64_AE,
    X64_E,
    X64_NE,
    X64_BE,
    X64_A,
    X64_S,
    X64_NS,
    X64_P,
    X64_NP,
    X64_L,
    X64_GE,
    X64_LE,
    X64_G,
} x64_cond;
/* Scalar floating point; `width` 4 is …SS, 8 is …SD. */
typedef enum x64_fp {
    X64_FADD = 0x58,
    X64_FMUL = 0x59,
    X64_FSUB = 0x5c,
    X64_FMIN = 0x5d,
    X64_FDIV = 0x5e,
    X64_FMAX = 0x5f,
    X64_FSQRT = 0x51
} x64_fp;

typedef struct x64_label {
    uint32_t index;
} x64_label;

typedef struct x64_assembler x64_assembler;
x64_assembler *x64_assembler_new(void);
void x64_assembler_free(x64_assembler *assembler);
/* Patches every jump; all used labels are bound. `bytes` is borrowed from the assembler. */
void x64_assembler_finish(x64_assembler *assembler, const unsigned char **bytes, uint32_t *size);
uint32_t x64_offset(const x64_assembler *assembler); /* of the next instruction */
x64_label x64_label_new(x64_assembler *assembler);
void x64_bind(x64_assembler *assembler, x64_label label);
uint32_t x64_label_offset(const x64_assembler *assembler, x64_label label); /* bound */
void x64_align(x64_assembler *assembler, uint32_t bytes);                   /* with long NOPs */

/* Moves. */
void x64_mov_rr(x64_assembler *a, uint8_t width, x64_gpr to, x64_gpr from); /* width 4 or 8 */
void x64_mov_ri(x64_assembler *a, x64_gpr to,
                uint64_t value); /* shortest form; keeps flags: never XOR */
void x64_load(x64_assembler *a, uint8_t width, x64_gpr to, x64_mem from); /* zero-extends 1, 2 */
void x64_load_signed(x64_assembler *a, uint8_t width, x64_gpr to, x64_mem from); /* to 64 bits */
void x64_store(x64_assembler *a, uint8_t width, x64_mem to, x64_gpr from);
void x64_store_i(x64_assembler *a, uint8_t width, x64_mem to, int32_t value);
void x64_zero_extend(x64_assembler *a, uint8_t from_width, x64_gpr to,
                     x64_gpr from); /* 1, 2 or 4 → 8 */
void x64_sign_extend(x64_assembler *a, uint8_t from_width, x64_gpr to,
                     x64_gpr from); /* 1, 2 or 4 → 8 */
void x64_lea(x64_assembler *a, uint8_t width, x64_gpr to, x64_mem from);
void x64_xchg_rr(x64_assembler *a, x64_gpr one, x64_gpr other); /* 8 bytes */
void x64_push(x64_assembler *a, x64_gpr from);
void x64_push_m(x64_assembler *a, x64_mem from);
void x64_pop(x64_assembler *a, x64_gpr to);
void x64_cmov(x64_assembler *a, x64_cond condition, uint8_t width, x64_gpr to, x64_gpr from);
void x64_set(x64_assembler *a, x64_cond condition, x64_gpr to); /* the low byte only */

/* Integer arithmetic. */
void x64_alu_rr(x64_assembler *a, x64_alu op, uint8_t width, x64_gpr to, x64_gpr from);
void x64_alu_ri(x64_assembler *a, x64_alu op, uint8_t width, x64_gpr to, int32_t value);
void x64_alu_rm(x64_assembler *a, x64_alu op, uint8_t width, x64_gpr to, x64_mem from);
void x64_alu_mr(x64_assembler *a, x64_alu op, uint8_t width, x64_mem to, x64_gpr from);
void x64_alu_mi(x64_assembler *a, x64_alu op, uint8_t width, x64_mem to, int32_t value);
void x64_test_rr(x64_assembler *a, uint8_t width, x64_gpr one, x64_gpr other);
void x64_test_ri(x64_assembler *a, uint8_t width, x64_gpr one, int32_t value);
void x64_test_mi(x64_assembler *a, uint8_t width, x64_mem one, int32_t value);
void x64_imul_rr(x64_assembler *a, uint8_t width, x64_gpr to, x64_gpr from); /* 4 or 8 */
void x64_imul_rri(x64_assembler *a, uint8_t width, x64_gpr to, x64_gpr from, int32_t value);
void x64_unary_r(x64_assembler *a, x64_unary op, uint8_t width,
                 x64_gpr operand);                       /* MUL… on rdx:rax */
void x64_sign_into_rdx(x64_assembler *a, uint8_t width); /* CDQ, CQO */
void x64_shift_ri(x64_assembler *a, x64_shift op, uint8_t width, x64_gpr operand, uint8_t count);
void x64_shift_cl(x64_assembler *a, x64_shift op, uint8_t width, x64_gpr operand);

/* Jumps and calls. */
void x64_jmp(x64_assembler *a, x64_label to);
void x64_jcc(x64_assembler *a, x64_cond condition, x64_label to);
/* TEST EAX, imm32 with the distance to `to`: a jump there once its first byte is changed to 0xe9.
 */
void x64_test_label(x64_assembler *a, x64_label to);
void x64_jmp_r(x64_assembler *a, x64_gpr to);
void x64_jmp_m(x64_assembler *a, x64_mem to);
void x64_call_r(x64_assembler *a, x64_gpr to);
void x64_call_m(x64_assembler *a, x64_mem to);
void x64_call_label(x64_assembler *a, x64_label to);
void x64_ret(x64_assembler *a);
void x64_ud2(x64_assembler *a);
void x64_lea_label(x64_assembler *a, x64_gpr to, x64_label label); /* rip-relative */
/* A table of 4-byte distances from `base` to labels, for SWITCH; and data words. */
void x64_data_label(x64_assembler *a, x64_label target, x64_label base);
void x64_data(x64_assembler *a, const void *bytes, uint32_t count);

/* Scalar floating point; width 4 or 8. */
void x64_fp_mov_rr(x64_assembler *a, x64_xmm to, x64_xmm from); /* MOVAPS */
void x64_fp_load(x64_assembler *a, uint8_t width, x64_xmm to, x64_mem from);
void x64_fp_store(x64_assembler *a, uint8_t width, x64_mem to, x64_xmm from);
void x64_fp_op_rr(x64_assembler *a, x64_fp op, uint8_t width, x64_xmm to, x64_xmm from);
void x64_fp_op_rm(x64_assembler *a, x64_fp op, uint8_t width, x64_xmm to, x64_mem from);
void x64_fp_compare(x64_assembler *a, uint8_t width, x64_xmm one, x64_xmm other); /* UCOMIS… */
void x64_fp_zero(x64_assembler *a, x64_xmm to);                                   /* XORPS */
void x64_fp_xor_rr(x64_assembler *a, x64_xmm to, x64_xmm from);                   /* XORPS */
void x64_fp_and_rr(x64_assembler *a, x64_xmm to, x64_xmm from);                   /* ANDPS */
void x64_fp_from_gpr(x64_assembler *a, uint8_t width, x64_xmm to, x64_gpr from);  /* MOVD, MOVQ */
void x64_fp_to_gpr(x64_assembler *a, uint8_t width, x64_gpr to, x64_xmm from);
void x64_fp_widen(x64_assembler *a, x64_xmm to, x64_xmm from);  /* CVTSS2SD */
void x64_fp_narrow(x64_assembler *a, x64_xmm to, x64_xmm from); /* CVTSD2SS */
/* CVTSI2SS/SD from a signed integer of `int_width` 4 or 8; CVTTSS/SD2SI to one. */
void x64_fp_from_int(x64_assembler *a, uint8_t fp_width, uint8_t int_width, x64_xmm to,
                     x64_gpr from);
void x64_fp_to_int(x64_assembler *a, uint8_t fp_width, uint8_t int_width, x64_gpr to, x64_xmm from);

/* Sixteen bytes at once. Aligned accesses are atomic on every processor with AVX. */
void x64_fp_load_16(x64_assembler *a, bool aligned, x64_xmm to, x64_mem from); /* MOVDQA, MOVDQU */
void x64_fp_store_16(x64_assembler *a, bool aligned, x64_mem to, x64_xmm from);
void x64_fp_join_low(x64_assembler *a, x64_xmm to,
                     x64_xmm high); /* PUNPCKLQDQ: to's low, high's low */
void x64_fp_take_high(x64_assembler *a, x64_xmm to,
                      x64_xmm from); /* PUNPCKHQDQ: to == from: high to low */

/* Atomics and blocks. */
void x64_lock_cmpxchg(x64_assembler *a, uint8_t width, x64_mem at,
                      x64_gpr desired); /* rax expected */
/* Compares rdx:rax with 16 bytes, aligned so, and makes them rcx:rbx when equal. */
void x64_lock_cmpxchg16b(x64_assembler *a, x64_mem at);
void x64_lock_xadd(x64_assembler *a, uint8_t width, x64_mem at, x64_gpr addend);
void x64_xchg_mr(x64_assembler *a, uint8_t width, x64_mem at, x64_gpr value);
void x64_mfence(x64_assembler *a);
void x64_rep_stosq(x64_assembler *a); /* rcx words of rax at rdi */
void x64_rep_movsq(x64_assembler *a); /* rcx words from rsi to rdi */
