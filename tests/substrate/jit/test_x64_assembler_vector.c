/* Packed instructions against Zydis. */
#include "test_x64_assembler_oracle.h"
#include "x64_assembler_vector.h"

static x64_assembler *a;
static void setup(void)
{
    a = x64_assembler_new();
}
static void teardown(void)
{
    x64_assembler_free(a);
}
TestSuite(x64_assembler_vector, .init = setup, .fini = teardown, .timeout = 60);

static const struct {
    x64_packed op;
    const char *name;
} packed_ops[] = {
    {X64_PADDB, "paddb"},
    {X64_PADDW, "paddw"},
    {X64_PADDD, "paddd"},
    {X64_PADDQ, "paddq"},
    {X64_PSUBB, "psubb"},
    {X64_PSUBW, "psubw"},
    {X64_PSUBD, "psubd"},
    {X64_PSUBQ, "psubq"},
    {X64_PMULLW, "pmullw"},
    {X64_PMULUDQ, "pmuludq"},
    {X64_PAND, "pand"},
    {X64_PANDN, "pandn"},
    {X64_POR, "por"},
    {X64_PXOR, "pxor"},
    {X64_PCMPEQB, "pcmpeqb"},
    {X64_PCMPEQW, "pcmpeqw"},
    {X64_PCMPEQD, "pcmpeqd"},
    {X64_PCMPGTB, "pcmpgtb"},
    {X64_PCMPGTW, "pcmpgtw"},
    {X64_PCMPGTD, "pcmpgtd"},
    {X64_PACKSSWB, "packsswb"},
    {X64_PACKSSDW, "packssdw"},
    {X64_PUNPCKLBW, "punpcklbw"},
    {X64_PUNPCKLWD, "punpcklwd"},
    {X64_PUNPCKLDQ, "punpckldq"},
};

Test(x64_assembler_vector, integer_operations)
{
    FOR_XMM(to)
    FOR_XMM(from)
    {
        for (size_t i = 0; i < sizeof packed_ops / sizeof packed_ops[0]; i++) {
            ENCODES(x64_packed_rr(a, packed_ops[i].op, to, from), "%s xmm%u, xmm%u",
                    packed_ops[i].name, to, from);
        }
    }
}

Test(x64_assembler_vector, shifts_and_shuffles)
{
    static const struct {
        x64_packed_shift op;
        const char *name;
    } shifts[] = {{X64_PSRLW, "psrlw"}, {X64_PSRAW, "psraw"}, {X64_PSLLW, "psllw"},
                  {X64_PSRLD, "psrld"}, {X64_PSRAD, "psrad"}, {X64_PSLLD, "pslld"},
                  {X64_PSRLQ, "psrlq"}, {X64_PSLLQ, "psllq"}};
    FOR_XMM(reg)
    {
        for (size_t i = 0; i < sizeof shifts / sizeof shifts[0]; i++) {
            for (uint8_t count = 0; count < 64; count++) {
                ENCODES(x64_packed_shift_ri(a, shifts[i].op, reg, count), "%s xmm%u, 0x%x",
                        shifts[i].name, reg, count);
            }
        }
        FOR_XMM(from)
        {
            ENCODES(x64_packed_shuffle(a, reg, from, 0x08), "pshufd xmm%u, xmm%u, 0x8", reg, from);
            ENCODES(x64_packed_shuffle(a, reg, from, 0x1b), "pshufd xmm%u, xmm%u, 0x1b", reg, from);
        }
    }
}

static const char *packed(uint32_t width)
{
    return width == 4 ? "ps" : "pd";
}

Test(x64_assembler_vector, floating_point_operations)
{
    static const struct {
        x64_fp op;
        const char *name;
    } ops[] = {{X64_FADD, "add"}, {X64_FMUL, "mul"}, {X64_FSUB, "sub"}, {X64_FDIV, "div"}};
    FOR_XMM(to)
    FOR_XMM(from)
    {
        for (uint8_t w = 4; w <= 8; w = (uint8_t)(w + 4)) {
            for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
                ENCODES(x64_packed_fp_rr(a, ops[i].op, w, to, from), "%s%s xmm%u, xmm%u",
                        ops[i].name, packed(w), to, from);
            }
            for (uint32_t i = X64_FP_EQ; i <= X64_FP_ORD; i++) {
                ENCODES(x64_packed_fp_compare(a, (x64_fp_predicate)i, w, to, from),
                        "cmp%s xmm%u, xmm%u, 0x%x", packed(w), to, from, i);
            }
            ENCODES(x64_packed_fp_from_int(a, w, to, from), "cvtdq2%s xmm%u, xmm%u", packed(w), to,
                    from);
        }
        ENCODES(x64_packed_float_to_int(a, to, from), "cvttps2dq xmm%u, xmm%u", to, from);
        ENCODES(x64_packed_fp_widen(a, to, from), "cvtps2pd xmm%u, xmm%u", to, from);
        ENCODES(x64_packed_fp_narrow(a, to, from), "cvtpd2ps xmm%u, xmm%u", to, from);
    }
}
