#pragma once
/* The part of the assembler that works on 16 bytes at once: SSE2 and nothing later, so that every
 * x86-64 machine will do. All operands are registers, since an operand in memory would have to be
 * aligned; for loads and stores see x64_fp_load_16 in x64_assembler.h. */
#include "x64_assembler.h"

/* Integer operations on the lanes of two registers; the numbers are those of the encodings. The
 * letters at the end are the lanes: B 8 bits, W 16, D 32, Q 64. */
typedef enum x64_packed {
    X64_PADDB = 0xfc,
    X64_PADDW = 0xfd,
    X64_PADDD = 0xfe,
    X64_PADDQ = 0xd4,
    X64_PSUBB = 0xf8,
    X64_PSUBW = 0xf9,
    X64_PSUBD = 0xfa,
    X64_PSUBQ = 0xfb,
    X64_PMULLW = 0xd5,
    X64_PMULUDQ = 0xf4, /* the even lanes of 32 bits, unsigned, to 64 */
    X64_PAND = 0xdb,
    X64_PANDN = 0xdf, /* ~to & from */
    X64_POR = 0xeb,
    X64_PXOR = 0xef,
    X64_PCMPEQB = 0x74,
    X64_PCMPEQW = 0x75,
    X64_PCMPEQD = 0x76,
    X64_PCMPGTB = 0x64, /* to > from, signed */
    X64_PCMPGTW = 0x65,
    X64_PCMPGTD = 0x66,
    X64_PACKSSWB = 0x63, /* to's lanes, then from's, saturated to half the width */
    X64_PACKSSDW = 0x6b,
    X64_PUNPCKLBW = 0x60, /* the low halves' lanes, alternating */
    X64_PUNPCKLWD = 0x61,
    X64_PUNPCKLDQ = 0x62,
} x64_packed;
/* Shifts of every lane by the same count; the number is the opcode's last byte << 4 | extension. */
typedef enum x64_packed_shift {
    X64_PSRLW = 0x712,
    X64_PSRAW = 0x714,
    X64_PSLLW = 0x716,
    X64_PSRLD = 0x722,
    X64_PSRAD = 0x724,
    X64_PSLLD = 0x726,
    X64_PSRLQ = 0x732,
    X64_PSLLQ = 0x736,
} x64_packed_shift;
/* What CMPPS and CMPPD ask: `to` … `from`. The N forms are the negations, so true when unordered.
 */
typedef enum x64_fp_predicate {
    X64_FP_EQ,
    X64_FP_LT,
    X64_FP_LE,
    X64_FP_UNORD,
    X64_FP_NEQ,
    X64_FP_NLT,
    X64_FP_NLE,
    X64_FP_ORD,
} x64_fp_predicate;

void x64_packed_rr(x64_assembler *a, x64_packed op, x64_xmm to, x64_xmm from);
void x64_packed_shift_ri(x64_assembler *a, x64_packed_shift op, x64_xmm operand, uint8_t count);
/* PSHUFD: lane i of `to` is the lane of `from` that bits 2i and 2i + 1 of `order` name. */
void x64_packed_shuffle(x64_assembler *a, x64_xmm to, x64_xmm from, uint8_t order);
/* …PS (width 4) and …PD (width 8). */
void x64_packed_fp_rr(x64_assembler *a, x64_fp op, uint8_t width, x64_xmm to, x64_xmm from);
void x64_packed_fp_compare(x64_assembler *a, x64_fp_predicate predicate, uint8_t width, x64_xmm to,
                           x64_xmm from);
/* CVTDQ2PS, CVTDQ2PD: from 4, or the low 2, signed integers of 32 bits. */
void x64_packed_fp_from_int(x64_assembler *a, uint8_t width, x64_xmm to, x64_xmm from);
/* CVTTPS2DQ: what does not fit becomes 0x80000000. */
void x64_packed_float_to_int(x64_assembler *a, x64_xmm to, x64_xmm from);
void x64_packed_fp_widen(x64_assembler *a, x64_xmm to, x64_xmm from);  /* CVTPS2PD, the low 2 */
void x64_packed_fp_narrow(x64_assembler *a, x64_xmm to, x64_xmm from); /* CVTPD2PS, into the low 2
                                                                        */
