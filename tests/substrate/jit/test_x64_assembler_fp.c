/* Floating point, atomics and block instructions against Zydis. */
#include "test_x64_assembler_oracle.h"

static const struct {
    x64_fp op;
    const char *name;
} fp_ops[] = {{X64_FADD, "add"}, {X64_FMUL, "mul"}, {X64_FSUB, "sub"},  {X64_FMIN, "min"},
              {X64_FDIV, "div"}, {X64_FMAX, "max"}, {X64_FSQRT, "sqrt"}};

static x64_assembler *a;
static void setup(void)
{
    a = x64_assembler_new();
}
static void teardown(void)
{
    x64_assembler_free(a);
}
TestSuite(x64_assembler_fp, .init = setup, .fini = teardown, .timeout = 60);

/* "ss" or "sd", "s" or "d". */
static const char *scalar(uint32_t width)
{
    return width == 4 ? "ss" : "sd";
}

Test(x64_assembler_fp, operations_between_registers)
{
    FOR_XMM(to)
    FOR_XMM(from)
    {
        ENCODES(x64_fp_mov_rr(a, to, from), "movaps xmm%u, xmm%u", to, from);
        ENCODES(x64_fp_xor_rr(a, to, from), "xorps xmm%u, xmm%u", to, from);
        ENCODES(x64_fp_and_rr(a, to, from), "andps xmm%u, xmm%u", to, from);
        ENCODES(x64_fp_widen(a, to, from), "cvtss2sd xmm%u, xmm%u", to, from);
        ENCODES(x64_fp_narrow(a, to, from), "cvtsd2ss xmm%u, xmm%u", to, from);
        for (uint8_t w = 4; w <= 8; w = (uint8_t)(w + 4)) {
            ENCODES(x64_fp_compare(a, w, to, from), "ucomi%s xmm%u, xmm%u", scalar(w), to, from);
            for (size_t i = 0; i < sizeof fp_ops / sizeof fp_ops[0]; i++) {
                ENCODES(x64_fp_op_rr(a, fp_ops[i].op, w, to, from), "%s%s xmm%u, xmm%u",
                        fp_ops[i].name, scalar(w), to, from);
            }
        }
    }
    FOR_XMM(reg)
    {
        ENCODES(x64_fp_zero(a, reg), "xorps xmm%u, xmm%u", reg, reg);
    }
}

Test(x64_assembler_fp, operations_with_memory)
{
    FOR_SOME_FORMS(n)
    {
        x64_mem at = form(n);
        x64_xmm reg = (x64_xmm)(n % 16);
        for (uint8_t w = 4; w <= 8; w = (uint8_t)(w + 4)) {
            ENCODES(x64_fp_load(a, w, reg, at), "mov%s xmm%u, %s", scalar(w), reg, mem(at, w).text);
            ENCODES(x64_fp_store(a, w, at, reg), "mov%s %s, xmm%u", scalar(w), mem(at, w).text,
                    reg);
            for (size_t i = 0; i < sizeof fp_ops / sizeof fp_ops[0]; i++) {
                ENCODES(x64_fp_op_rm(a, fp_ops[i].op, w, reg, at), "%s%s xmm%u, %s", fp_ops[i].name,
                        scalar(w), reg, mem(at, w).text);
            }
        }
    }
}

Test(x64_assembler_fp, moves_and_conversions_to_and_from_integers)
{
    FOR_GPR(gpr)
    FOR_XMM(xmm)
    {
        const char *gpr_4 = gpr_name(gpr, 4);
        const char *gpr_8 = gpr_name(gpr, 8);
        ENCODES(x64_fp_from_gpr(a, 4, xmm, gpr), "movd xmm%u, %s", xmm, gpr_4);
        ENCODES(x64_fp_from_gpr(a, 8, xmm, gpr), "movq xmm%u, %s", xmm, gpr_8);
        ENCODES(x64_fp_to_gpr(a, 4, gpr, xmm), "movd %s, xmm%u", gpr_4, xmm);
        ENCODES(x64_fp_to_gpr(a, 8, gpr, xmm), "movq %s, xmm%u", gpr_8, xmm);
        for (uint8_t w = 4; w <= 8; w = (uint8_t)(w + 4)) {
            ENCODES(x64_fp_from_int(a, w, 4, xmm, gpr), "cvtsi2%s xmm%u, %s", scalar(w), xmm,
                    gpr_4);
            ENCODES(x64_fp_from_int(a, w, 8, xmm, gpr), "cvtsi2%s xmm%u, %s", scalar(w), xmm,
                    gpr_8);
            ENCODES(x64_fp_to_int(a, w, 4, gpr, xmm), "cvtt%s2si %s, xmm%u", scalar(w), gpr_4, xmm);
            ENCODES(x64_fp_to_int(a, w, 8, gpr, xmm), "cvtt%s2si %s, xmm%u", scalar(w), gpr_8, xmm);
        }
    }
}

Test(x64_assembler_fp, atomics_are_locked_at_every_width)
{
    FOR_SOME_FORMS(n)
    FOR_WIDTH(w)
    {
        x64_mem at = form(n);
        x64_gpr reg = (x64_gpr)(n % 16);
        const char *name = gpr_name(reg, w);
        ENCODES(x64_lock_cmpxchg(a, w, at, reg), "lock cmpxchg %s, %s", mem(at, w).text, name);
        ENCODES(x64_lock_xadd(a, w, at, reg), "lock xadd %s, %s", mem(at, w).text, name);
        ENCODES(x64_xchg_mr(a, w, at, reg), "xchg %s, %s", mem(at, w).text, name);
    }
    FOR_SOME_FORMS(m)
    {
        ENCODES(x64_lock_cmpxchg16b(a, form(m)), "lock cmpxchg16b %s", mem(form(m), 16).text);
    }
}

Test(x64_assembler_fp, fences_and_blocks)
{
    ENCODES(x64_mfence(a), "mfence");
    ENCODES(x64_rep_stosq(a), "rep stosq");
    ENCODES(x64_rep_movsq(a), "rep movsq");
}
