#pragma once
/* Zydis as the judge of the assembler: every instruction is decoded by it, and its Intel text must
 * be the one that the test expects, with nothing left over. */
#include "x64_assembler.h"

#include <Zydis/Zydis.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Expects that `call`, which assembles into `a`, gives the one instruction printed as the format
 * says. */
#define ENCODES(call, ...)                                                                         \
    do {                                                                                           \
        uint32_t before_ = x64_offset(a);                                                          \
        call;                                                                                      \
        oracle_check(a, before_, oracle_text(__VA_ARGS__).text);                                   \
    } while (0)

#define FOR_GPR(name)   for (x64_gpr name = RAX; name <= R15; name++)
#define FOR_XMM(name)   for (x64_xmm name = XMM0; name <= XMM15; name++)
#define FOR_WIDTH(name) for (uint8_t name = 1; name <= 8; name = (uint8_t)(name * 2))

static const int32_t oracle_values[] = {0,   1,   -1,   2,     127,   128,    -128,      -129,
                                        255, 256, 4660, 32767, 32768, -32768, INT32_MAX, INT32_MIN};
#define ORACLE_VALUES (sizeof oracle_values / sizeof oracle_values[0])

/* A text by value: it lives to the end of the expression that it is used in. */
typedef struct oracle_text_value {
    char text[128];
} oracle_text_value;
static inline oracle_text_value MU_PRINTF(1, 2) oracle_text(const char *format, ...)
{
    oracle_text_value out;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out.text, sizeof out.text, format, arguments);
    va_end(arguments);
    return out;
}

static inline void oracle_decode(const unsigned char *bytes, uint32_t size,
                                 ZydisDecodedInstruction *instruction,
                                 ZydisDecodedOperand *operands)
{
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    cr_assert(ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, size, instruction, operands)),
              "not an instruction: %02x %02x %02x … (%u bytes)", bytes[0], bytes[1], bytes[2],
              size);
}

static inline void oracle_check(x64_assembler *a, uint32_t before, const char *expected)
{
    const unsigned char *bytes;
    uint32_t size;
    x64_assembler_finish(a, &bytes, &size);
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    oracle_decode(bytes + before, size - before, &instruction, operands);
    ZydisFormatter formatter;
    ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
    ZydisFormatterSetProperty(&formatter, ZYDIS_FORMATTER_PROP_FORCE_SIZE, ZYAN_TRUE);
    ZydisFormatterSetProperty(&formatter, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE);
    ZydisFormatterSetProperty(&formatter, ZYDIS_FORMATTER_PROP_IMM_SIGNEDNESS,
                              ZYDIS_SIGNEDNESS_SIGNED);
    ZydisFormatterSetProperty(&formatter, ZYDIS_FORMATTER_PROP_IMM_PADDING, ZYDIS_PADDING_DISABLED);
    ZydisFormatterSetProperty(&formatter, ZYDIS_FORMATTER_PROP_DISP_PADDING,
                              ZYDIS_PADDING_DISABLED);
    char text[128];
    ZydisFormatterFormatInstruction(&formatter, &instruction, operands,
                                    instruction.operand_count_visible, text, sizeof text,
                                    ZYDIS_RUNTIME_ADDRESS_NONE, NULL);
    if (strcmp(text, expected) != 0 || instruction.length != size - before) {
        cr_assert_fail("expected \"%s\", decoded \"%s\", %u of %u bytes", expected, text,
                       instruction.length, size - before);
    }
}

static inline const char *gpr_name(x64_gpr reg, uint32_t width)
{
    static const char *const names[4][16] = {
        {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b",
         "r13b", "r14b", "r15b"},
        {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w",
         "r13w", "r14w", "r15w"},
        {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d",
         "r12d", "r13d", "r14d", "r15d"},
        {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
         "r13", "r14", "r15"},
    };
    return names[__builtin_ctz(width)][reg];
}

static inline const char *width_name(uint32_t width)
{
    static const char *const names[5] = {"byte ptr ", "word ptr ", "dword ptr ", "qword ptr ",
                                         "xmmword ptr "};
    return names[__builtin_ctz(width)];
}

/* As an operand of `width` bytes, signed. */
static inline oracle_text_value hex(int64_t value, uint32_t width)
{
    int shift = 64 - 8 * (int)width;
    int64_t narrow = (int64_t)((uint64_t)value << shift) >> shift;
    uint64_t magnitude = narrow < 0 ? -(uint64_t)narrow : (uint64_t)narrow;
    return oracle_text("%s0x%llx", narrow < 0 ? "-" : "", (unsigned long long)magnitude);
}

/* Width 0: without the size in front. */
static inline oracle_text_value mem(x64_mem at, uint32_t width)
{
    const char *size = width ? width_name(width) : "";
    const char *base = at.base == X64_NO_GPR ? "" : gpr_name(at.base, 8);
    oracle_text_value index = {""};
    oracle_text_value displacement = {""};
    if (at.index != X64_NO_GPR) {
        index = oracle_text("%s%s*%d", *base ? "+" : "", gpr_name(at.index, 8), 1 << at.scale_log2);
    } else if (!*base) {
        return oracle_text("%s[0x%016llx]", size, (unsigned long long)(int64_t)at.displacement);
    }
    if (at.displacement != 0) {
        displacement =
            oracle_text("%s%s", at.displacement > 0 ? "+" : "", hex(at.displacement, 4).text);
    }
    return oracle_text("%s[%s%s%s]", size, base, index.text, displacement.text);
}

/* Every addressing form by number: all bases and none, all indices with all scales and none, and
 * displacements on both sides of each limit. */
#define ORACLE_FORMS (17 * 61 * 8)
static inline x64_mem form(uint32_t number)
{
    static const int32_t displacements[8] = {0, 1, 127, 128, -128, -129, INT32_MAX, INT32_MIN};
    x64_mem at = {(x64_gpr)((int)(number % 17) - 1), X64_NO_GPR, 0, displacements[number / 17 % 8]};
    uint32_t indexed = number / (17 * 8); /* 0: none; else 15 registers and 4 scales */
    if (indexed > 0) {
        uint32_t reg = (indexed - 1) % 15;
        at.index = (x64_gpr)(reg < RSP ? reg : reg + 1);
        at.scale_log2 = (uint8_t)((indexed - 1) / 15);
    }
    return at;
}
/* All forms are tried on one instruction, some of each on the others. */
#define FOR_FORM(number)       for (uint32_t number = 0; number < ORACLE_FORMS; number++)
#define FOR_SOME_FORMS(number) for (uint32_t number = 0; number < ORACLE_FORMS; number += 7)
