/* The buffer, labels, and integer instructions. Encodings are those of the Intel 64 manual,
 * volume 2.
 *
 * Jumps back are two bytes long where the distance allows; jumps forward always have a 4-byte
 * distance, patched at the end. Shortening those would move code behind them, and with it the
 * offsets that the code generator has recorded for its maps meanwhile.
 */
#include "x64_assembler.h"

#include "x64_encoding.h"

/* Distances are signed and 4 bytes long, so no piece of code may be larger than this. */
#define MAX_CODE_BYTES 0x7fffff00u

/* ------------------------------------------------------------------------------------- buffer */

x64_assembler *x64_assembler_new(void)
{
    return mu_allocate(sizeof(x64_assembler));
}

void x64_assembler_free(x64_assembler *assembler)
{
    if (assembler) {
        MU_ARRAY_FREE(&assembler->code);
        MU_ARRAY_FREE(&assembler->labels);
        MU_ARRAY_FREE(&assembler->fixups);
        mu_free(assembler);
    }
}

void x64_reserve(x64_assembler *a, uint32_t count)
{
    if (a->code.capacity - a->code.count < count) {
        MU_INVARIANT(count < MAX_CODE_BYTES - a->code.count, "%u and %u bytes of code",
                     a->code.count, count);
        MU_ARRAY_RESERVE(&a->code, a->code.count + count);
    }
}

void x64_assembler_finish(x64_assembler *a, const unsigned char **bytes, uint32_t *size)
{
    for (uint32_t i = 0; i < a->fixups.count; i++) {
        const x64_fixup *each = &a->fixups.items[i];
        uint32_t from = each->base == X64_FROM_FIELD_END
                            ? each->at + 4
                            : x64_label_offset(a, (x64_label){each->base});
        uint32_t distance = x64_label_offset(a, (x64_label){each->target}) - from;
        memcpy(&a->code.items[each->at], &distance, 4);
    }
    a->fixups.count = 0;
    *bytes = a->code.items;
    *size = a->code.count;
}

uint32_t x64_offset(const x64_assembler *a)
{
    return a->code.count;
}

x64_label x64_label_new(x64_assembler *a)
{
    MU_ARRAY_PUSH(&a->labels, X64_UNBOUND);
    return (x64_label){a->labels.count - 1};
}

void x64_bind(x64_assembler *a, x64_label label)
{
    MU_INVARIANT(label.index < a->labels.count && a->labels.items[label.index] == X64_UNBOUND,
                 "label %u of %u bound twice or unknown", label.index, a->labels.count);
    a->labels.items[label.index] = a->code.count;
}

uint32_t x64_label_offset(const x64_assembler *a, x64_label label)
{
    MU_INVARIANT(label.index < a->labels.count && a->labels.items[label.index] != X64_UNBOUND,
                 "label %u of %u is not bound", label.index, a->labels.count);
    return a->labels.items[label.index];
}

/* A 4-byte field, filled in when the assembler finishes. */
static void put_distance(x64_assembler *a, x64_label target, uint32_t base)
{
    MU_ARRAY_PUSH(&a->fixups, (x64_fixup){a->code.count, target.index, base});
    x64_put_n(a, 0, 4);
}

void x64_data(x64_assembler *a, const void *bytes, uint32_t count)
{
    x64_reserve(a, count);
    if (count > 0) {
        memcpy(&a->code.items[a->code.count], bytes, count);
        a->code.count += count;
    }
}

void x64_data_label(x64_assembler *a, x64_label target, x64_label base)
{
    x64_reserve(a, 4);
    put_distance(a, target, base.index);
}

void x64_align(x64_assembler *a, uint32_t bytes)
{
    /* The sequences that the manual recommends for each length. */
    static const unsigned char nops[9][9] = {
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40, 0x00},
        {0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
        {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };
    MU_INVARIANT(bytes > 0 && (bytes & (bytes - 1)) == 0, "alignment to %u bytes", bytes);
    uint32_t gap = -a->code.count & (bytes - 1);
    while (gap > 0) {
        uint32_t step = gap < 9 ? gap : 9;
        x64_data(a, nops[step - 1], step);
        gap -= step;
    }
}

/* ----------------------------------------------------------------------------------- encoding */

/* Everything before ModRM. The registers are those that REX extends; 0 where there is none. */
static void put_opcode(x64_assembler *a, uint32_t code, uint32_t reg, uint32_t index, uint32_t rm,
                       bool needs_rex)
{
    x64_reserve(a, X64_MAX_INSTRUCTION_BYTES);
    if (code & X64_CODE_LOCK) {
        x64_put_1(a, 0xf0);
    }
    uint32_t prefix = (code >> 16) & 0xff;
    if (prefix) {
        x64_put_1(a, prefix);
    }
    uint32_t rex = (code & X64_CODE_WIDE ? 8u : 0u) | (reg >> 3) << 2 | (index >> 3) << 1 | rm >> 3;
    if (rex || needs_rex) {
        x64_put_1(a, 0x40 | rex);
    }
    if (code & X64_CODE_0F) {
        x64_put_1(a, 0x0f);
    }
    x64_put_1(a, code & 0xff);
}

static void put_mod_rm(x64_assembler *a, uint32_t mod, uint32_t reg, uint32_t rm)
{
    x64_put_1(a, mod << 6 | (reg & 7) << 3 | (rm & 7));
}

/* Without REX, byte registers 4 to 7 are AH, CH, DH, BH; with it, SPL, BPL, SIL, DIL. */
static bool is_rex_byte(uint32_t code, uint32_t flag, uint32_t reg)
{
    return (code & flag) && reg >= RSP;
}

void x64_code_rr(x64_assembler *a, uint32_t code, uint32_t reg, uint32_t rm)
{
    bool needs_rex =
        is_rex_byte(code, X64_CODE_BYTE_REG, reg) || is_rex_byte(code, X64_CODE_BYTE_RM, rm);
    put_opcode(a, code, reg, 0, rm, needs_rex);
    put_mod_rm(a, 3, reg, rm);
}

void x64_code_rm(x64_assembler *a, uint32_t code, uint32_t reg, x64_mem at)
{
    MU_INVARIANT(at.index != RSP && at.scale_log2 <= 3, "index %d, scale %u", at.index,
                 at.scale_log2);
    bool has_base = at.base != X64_NO_GPR;
    bool has_index = at.index != X64_NO_GPR;
    uint32_t base = has_base ? (uint32_t)at.base : RBP; /* in a SIB without displacement: no base */
    uint32_t index = has_index ? (uint32_t)at.index : RSP; /* in a SIB: no index */
    put_opcode(a, code, reg, index, base, is_rex_byte(code, X64_CODE_BYTE_REG, reg));
    uint32_t mod = 2;
    uint32_t displacement_bytes = 4;
    if (!has_base) {
        mod = 0;
    } else if (at.displacement == 0 && (base & 7) != RBP) { /* RBP, R13: means disp32 instead */
        mod = 0;
        displacement_bytes = 0;
    } else if (x64_fits_8(at.displacement)) {
        mod = 1;
        displacement_bytes = 1;
    }
    if (has_index || !has_base || (base & 7) == RSP) { /* RSP, R12 in ModRM mean a SIB */
        put_mod_rm(a, mod, reg, RSP);
        put_mod_rm(a, at.scale_log2, index, base); /* a SIB has the same three fields */
    } else {
        put_mod_rm(a, mod, reg, base);
    }
    x64_put_n(a, (uint64_t)at.displacement, displacement_bytes);
}

void x64_code_o(x64_assembler *a, uint32_t code, uint32_t reg)
{
    put_opcode(a, code | (reg & 7), 0, 0, reg, false);
}

void x64_code_only(x64_assembler *a, uint32_t code)
{
    put_opcode(a, code, 0, 0, 0, false);
}

/* -------------------------------------------------------------------------------------- moves */

void x64_mov_rr(x64_assembler *a, uint8_t width, x64_gpr to, x64_gpr from)
{
    x64_code_rr(a, 0x89 | x64_wide(width), from, to);
}

void x64_mov_ri(x64_assembler *a, x64_gpr to, uint64_t value)
{
    if (value <= UINT32_MAX) {
        x64_code_o(a, 0xb8, to);
        x64_put_n(a, value, 4);
    } else if ((int64_t)value == (int32_t)value) {
        x64_code_rr(a, 0xc7 | X64_CODE_WIDE, 0, to);
        x64_put_n(a, value, 4);
    } else {
        x64_code_o(a, 0xb8 | X64_CODE_WIDE, to);
        x64_put_n(a, value, 8);
    }
}

/* MOVZX, which clears the upper half as every 4-byte write does. */
static uint32_t zero_extending(uint32_t width)
{
    return X64_CODE_0F | (width == 1 ? 0xb6 | X64_CODE_BYTE_RM : 0xb7);
}

/* MOVSX, MOVSXD. */
static uint32_t sign_extending(uint32_t width)
{
    return X64_CODE_WIDE | (width == 4   ? 0x63u
                            : width == 2 ? X64_CODE_0F | 0xbf
                                         : X64_CODE_0F | 0xbe | X64_CODE_BYTE_RM);
}

void x64_load(x64_assembler *a, uint8_t width, x64_gpr to, x64_mem from)
{
    x64_code_rm(a, width < 4 ? zero_extending(width) : 0x8b | x64_wide(width), to, from);
}

void x64_load_signed(x64_assembler *a, uint8_t width, x64_gpr to, x64_mem from)
{
    x64_code_rm(a, width < 8 ? sign_extending(width) : 0x8b | X64_CODE_WIDE, to, from);
}

void x64_store(x64_assembler *a, uint8_t width, x64_mem to, x64_gpr from)
{
    x64_code_rm(a, x64_sized(0x88, width), from, to);
}

/* No immediate is longer than 4 bytes; the processor extends the sign. */
static uint32_t immediate_bytes(uint32_t width)
{
    return width < 4 ? width : 4;
}

void x64_store_i(x64_assembler *a, uint8_t width, x64_mem to, int32_t value)
{
    x64_code_rm(a, x64_sized_rm(0xc6, width), 0, to);
    x64_put_n(a, (uint64_t)value, immediate_bytes(width));
}

void x64_zero_extend(x64_assembler *a, uint8_t from_width, x64_gpr to, x64_gpr from)
{
    if (from_width == 4) {
        x64_mov_rr(a, 4, to, from);
    } else {
        x64_code_rr(a, zero_extending(from_width), to, from);
    }
}

void x64_sign_extend(x64_assembler *a, uint8_t from_width, x64_gpr to, x64_gpr from)
{
    x64_code_rr(a, sign_extending(from_width), to, from);
}

void x64_lea(x64_assembler *a, uint8_t width, x64_gpr to, x64_mem from)
{
    x64_code_rm(a, 0x8d | x64_wide(width), to, from);
}

void x64_xchg_rr(x64_assembler *a, x64_gpr one, x64_gpr other)
{
    x64_code_rr(a, 0x87 | X64_CODE_WIDE, other, one);
}

void x64_push(x64_assembler *a, x64_gpr from)
{
    x64_code_o(a, 0x50, from);
}

void x64_push_m(x64_assembler *a, x64_mem from)
{
    x64_code_rm(a, 0xff, 6, from);
}

void x64_pop(x64_assembler *a, x64_gpr to)
{
    x64_code_o(a, 0x58, to);
}

void x64_cmov(x64_assembler *a, x64_cond condition, uint8_t width, x64_gpr to, x64_gpr from)
{
    x64_code_rr(a, X64_CODE_0F | (0x40u + condition) | x64_wide(width), to, from);
}

void x64_set(x64_assembler *a, x64_cond condition, x64_gpr to)
{
    x64_code_rr(a, X64_CODE_0F | (0x90u + condition) | X64_CODE_BYTE_RM, 0, to);
}

/* --------------------------------------------------------------------------------- arithmetic */

void x64_alu_rr(x64_assembler *a, x64_alu op, uint8_t width, x64_gpr to, x64_gpr from)
{
    x64_code_rr(a, x64_sized((uint32_t)op << 3, width), from, to);
}

/* The value as an operand of this width has it, so that 0xffff is the short -1 of two bytes. */
static int32_t narrowed(int32_t value, uint32_t width)
{
    return width == 1 ? (int8_t)value : width == 2 ? (int16_t)value : value;
}

/* Opcode and size of the immediate. */
static uint32_t alu_immediate(uint32_t width, int32_t value, uint32_t *bytes)
{
    if (width > 1 && x64_fits_8(value)) {
        *bytes = 1;
        return 0x83 | x64_wide(width);
    }
    *bytes = immediate_bytes(width);
    return x64_sized_rm(0x80, width);
}

void x64_alu_ri(x64_assembler *a, x64_alu op, uint8_t width, x64_gpr to, int32_t value)
{
    uint32_t bytes;
    int32_t narrow = narrowed(value, width);
    x64_code_rr(a, alu_immediate(width, narrow, &bytes), op, to);
    x64_put_n(a, (uint64_t)narrow, bytes);
}

void x64_alu_rm(x64_assembler *a, x64_alu op, uint8_t width, x64_gpr to, x64_mem from)
{
    x64_code_rm(a, x64_sized((uint32_t)op << 3 | 2, width), to, from);
}

void x64_alu_mr(x64_assembler *a, x64_alu op, uint8_t width, x64_mem to, x64_gpr from)
{
    x64_code_rm(a, x64_sized((uint32_t)op << 3, width), from, to);
}

void x64_alu_mi(x64_assembler *a, x64_alu op, uint8_t width, x64_mem to, int32_t value)
{
    uint32_t bytes;
    int32_t narrow = narrowed(value, width);
    x64_code_rm(a, alu_immediate(width, narrow, &bytes), op, to);
    x64_put_n(a, (uint64_t)narrow, bytes);
}

void x64_test_rr(x64_assembler *a, uint8_t width, x64_gpr one, x64_gpr other)
{
    x64_code_rr(a, x64_sized(0x84, width), other, one);
}

void x64_test_ri(x64_assembler *a, uint8_t width, x64_gpr one, int32_t value)
{
    x64_code_rr(a, x64_sized_rm(0xf6, width), 0, one);
    x64_put_n(a, (uint64_t)value, immediate_bytes(width));
}

void x64_test_mi(x64_assembler *a, uint8_t width, x64_mem one, int32_t value)
{
    x64_code_rm(a, x64_sized_rm(0xf6, width), 0, one);
    x64_put_n(a, (uint64_t)value, immediate_bytes(width));
}

void x64_imul_rr(x64_assembler *a, uint8_t width, x64_gpr to, x64_gpr from)
{
    x64_code_rr(a, X64_CODE_0F | 0xaf | x64_wide(width), to, from);
}

void x64_imul_rri(x64_assembler *a, uint8_t width, x64_gpr to, x64_gpr from, int32_t value)
{
    bool is_short = x64_fits_8(value);
    x64_code_rr(a, (is_short ? 0x6b : 0x69) | x64_wide(width), to, from);
    x64_put_n(a, (uint64_t)value, is_short ? 1 : immediate_bytes(width));
}

void x64_unary_r(x64_assembler *a, x64_unary op, uint8_t width, x64_gpr operand)
{
    x64_code_rr(a, x64_sized_rm(0xf6, width), op, operand);
}

void x64_sign_into_rdx(x64_assembler *a, uint8_t width)
{
    x64_code_only(a, 0x99 | x64_wide(width));
}

void x64_shift_ri(x64_assembler *a, x64_shift op, uint8_t width, x64_gpr operand, uint8_t count)
{
    if (count == 1) {
        x64_code_rr(a, x64_sized_rm(0xd0, width), op, operand);
    } else {
        x64_code_rr(a, x64_sized_rm(0xc0, width), op, operand);
        x64_put_1(a, count);
    }
}

void x64_shift_cl(x64_assembler *a, x64_shift op, uint8_t width, x64_gpr operand)
{
    x64_code_rr(a, x64_sized_rm(0xd2, width), op, operand);
}

/* ---------------------------------------------------------------------------- jumps and calls */

/* A jump whose short form has the opcode `short_code`, to a label that may be bound. */
static void jump(x64_assembler *a, uint32_t short_code, uint32_t long_code, x64_label to)
{
    MU_INVARIANT(to.index < a->labels.count, "label %u of %u", to.index, a->labels.count);
    uint32_t target = a->labels.items[to.index];
    int64_t distance = (int64_t)target - ((int64_t)a->code.count + 2);
    if (target != X64_UNBOUND && x64_fits_8(distance)) {
        x64_code_only(a, short_code);
        x64_put_1(a, (uint32_t)distance);
    } else {
        x64_code_only(a, long_code);
        put_distance(a, to, X64_FROM_FIELD_END);
    }
}

void x64_jmp(x64_assembler *a, x64_label to)
{
    jump(a, 0xeb, 0xe9, to);
}

void x64_test_label(x64_assembler *a, x64_label to)
{
    MU_INVARIANT(to.index < a->labels.count, "label %u of %u", to.index, a->labels.count);
    x64_code_only(a, 0xa9);
    put_distance(a, to, X64_FROM_FIELD_END);
}

void x64_jcc(x64_assembler *a, x64_cond condition, x64_label to)
{
    jump(a, 0x70u + condition, X64_CODE_0F | (0x80u + condition), to);
}

void x64_jmp_r(x64_assembler *a, x64_gpr to)
{
    x64_code_rr(a, 0xff, 4, to);
}

void x64_jmp_m(x64_assembler *a, x64_mem to)
{
    x64_code_rm(a, 0xff, 4, to);
}

void x64_call_r(x64_assembler *a, x64_gpr to)
{
    x64_code_rr(a, 0xff, 2, to);
}

void x64_call_m(x64_assembler *a, x64_mem to)
{
    x64_code_rm(a, 0xff, 2, to);
}

void x64_call_label(x64_assembler *a, x64_label to)
{
    x64_code_only(a, 0xe8);
    put_distance(a, to, X64_FROM_FIELD_END);
}

void x64_ret(x64_assembler *a)
{
    x64_code_only(a, 0xc3);
}

void x64_ud2(x64_assembler *a)
{
    x64_code_only(a, X64_CODE_0F | 0x0b);
}

void x64_lea_label(x64_assembler *a, x64_gpr to, x64_label label)
{
    put_opcode(a, 0x8d | X64_CODE_WIDE, to, 0, 0, false);
    put_mod_rm(a, 0, to, RBP); /* without a base: relative to RIP */
    put_distance(a, label, X64_FROM_FIELD_END);
}
