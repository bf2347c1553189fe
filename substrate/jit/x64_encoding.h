#pragma once
/* What the two halves of the assembler share: the buffer, and the one place where prefixes, opcode,
 * ModRM, SIB, displacement and immediates are put together. Private to x64_assembler*.c.
 *
 * An instruction is described by a `code`: the opcode's last byte in bits 0 to 7 and the flags
 * below.
 */
#include "x64_assembler.h"

#include <string.h>

#define X64_CODE_0F       0x00000100u /* two-byte opcode: 0F before the opcode */
#define X64_CODE_WIDE     0x00000200u /* REX.W */
#define X64_CODE_BYTE_REG 0x00000400u /* ModRM.reg is a byte register */
#define X64_CODE_BYTE_RM  0x00000800u /* ModRM.rm, if a register, is a byte register */
#define X64_CODE_66       0x00660000u /* a prefix in bits 16 to 23 */
#define X64_CODE_F2       0x00f20000u
#define X64_CODE_F3       0x00f30000u
#define X64_CODE_LOCK     0x01000000u

#define X64_MAX_INSTRUCTION_BYTES 16u

/* A 4-byte field that waits for the offset of a label. */
typedef struct x64_fixup {
    uint32_t at;     /* the field's offset */
    uint32_t target; /* label */
    uint32_t base;   /* label from which the distance counts, or X64_FROM_FIELD_END */
} x64_fixup;
#define X64_FROM_FIELD_END UINT32_MAX

struct x64_assembler {
    MU_ARRAY(unsigned char) code;
    MU_ARRAY(uint32_t) labels; /* offset, or X64_UNBOUND */
    MU_ARRAY(x64_fixup) fixups;
};
#define X64_UNBOUND UINT32_MAX

/* Makes room for `count` bytes, so that the x64_put functions need not look. */
void x64_reserve(x64_assembler *a, uint32_t count);
/* Prefixes, opcode and operands of one instruction; makes room for its immediate, too. `reg` is the
 * register or opcode extension in ModRM.reg. */
void x64_code_rr(x64_assembler *a, uint32_t code, uint32_t reg, uint32_t rm);
void x64_code_rm(x64_assembler *a, uint32_t code, uint32_t reg, x64_mem rm);
/* An instruction whose register is in the opcode's low three bits. */
void x64_code_o(x64_assembler *a, uint32_t code, uint32_t reg);
/* An instruction without operands. */
void x64_code_only(x64_assembler *a, uint32_t code);

static inline void x64_put_1(x64_assembler *a, uint32_t byte)
{
    a->code.items[a->code.count++] = (unsigned char)byte;
}
static inline void x64_put_n(x64_assembler *a, uint64_t value, uint32_t count)
{
    memcpy(&a->code.items[a->code.count], &value, count);
    a->code.count += count;
}
static inline bool x64_fits_8(int64_t value)
{
    return value == (int8_t)value;
}

/* Flags for the 2, 4 and 8-byte forms of an instruction. */
static inline uint32_t x64_wide(uint32_t width)
{
    return width == 8 ? X64_CODE_WIDE : width == 2 ? X64_CODE_66 : 0;
}
/* The same for opcodes whose lowest bit tells bytes from larger operands; `opcode` is the form for
 * bytes, both of whose operands are bytes. */
static inline uint32_t x64_sized(uint32_t opcode, uint32_t width)
{
    return width == 1 ? opcode | X64_CODE_BYTE_REG | X64_CODE_BYTE_RM
                      : (opcode + 1) | x64_wide(width);
}
/* The same where ModRM.reg extends the opcode, so that only ModRM.rm can be a byte register. */
static inline uint32_t x64_sized_rm(uint32_t opcode, uint32_t width)
{
    return width == 1 ? opcode | X64_CODE_BYTE_RM : (opcode + 1) | x64_wide(width);
}
