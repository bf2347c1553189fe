/* Integer instructions against Zydis. */
#include "test_x64_assembler_oracle.h"

static const char *const alu_names[] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};
static const char *const cond_names[] = {"o", "no", "b", "nb", "z", "nz", "be", "nbe",
                                         "s", "ns", "p", "np", "l", "nl", "le", "nle"};
static const struct {
    x64_shift op;
    const char *name;
} shifts[] = {
    {X64_ROL, "rol"}, {X64_ROR, "ror"}, {X64_SHL, "shl"}, {X64_SHR, "shr"}, {X64_SAR, "sar"}};
static const struct {
    x64_unary op;
    const char *name;
} unaries[] = {{X64_NOT, "not"},   {X64_NEG, "neg"}, {X64_MUL, "mul"},
               {X64_IMUL, "imul"}, {X64_DIV, "div"}, {X64_IDIV, "idiv"}};

static x64_assembler *a;
static void setup(void)
{
    a = x64_assembler_new();
}
static void teardown(void)
{
    x64_assembler_free(a);
}
TestSuite(x64_assembler, .init = setup, .fini = teardown, .timeout = 60);

Test(x64_assembler, every_addressing_form_is_what_it_says)
{
    FOR_FORM(n)
    {
        x64_gpr reg = (x64_gpr)(n % 16);
        ENCODES(x64_load(a, 8, reg, form(n)), "mov %s, %s", gpr_name(reg, 8), mem(form(n), 8).text);
        ENCODES(x64_lea(a, 8, reg, form(n)), "lea %s, %s", gpr_name(reg, 8), mem(form(n), 0).text);
    }
}

Test(x64_assembler, loads_and_stores_have_their_width)
{
    FOR_SOME_FORMS(n)
    FOR_WIDTH(w)
    {
        x64_mem at = form(n);
        x64_gpr reg = (x64_gpr)(n % 16);
        const char *load = w == 1 || w == 2 ? "movzx" : "mov";
        const char *load_signed = w == 8 ? "mov" : w == 4 ? "movsxd" : "movsx";
        ENCODES(x64_load(a, w, reg, at), "%s %s, %s", load, gpr_name(reg, w == 8 ? 8 : 4),
                mem(at, w).text);
        ENCODES(x64_load_signed(a, w, reg, at), "%s %s, %s", load_signed, gpr_name(reg, 8),
                mem(at, w).text);
        ENCODES(x64_store(a, w, at, reg), "mov %s, %s", mem(at, w).text, gpr_name(reg, w));
        int32_t value = oracle_values[n % ORACLE_VALUES];
        ENCODES(x64_store_i(a, w, at, value), "mov %s, %s", mem(at, w).text, hex(value, w).text);
    }
}

Test(x64_assembler, every_register_is_a_byte_register_in_memory_operations)
{
    FOR_GPR(reg)
    {
        x64_mem at = x64_at(RBX, 8);
        ENCODES(x64_store(a, 1, at, reg), "mov byte ptr [rbx+0x8], %s", gpr_name(reg, 1));
        ENCODES(x64_alu_rm(a, X64_CMP, 1, reg, at), "cmp %s, byte ptr [rbx+0x8]", gpr_name(reg, 1));
        ENCODES(x64_alu_mr(a, X64_CMP, 1, at, reg), "cmp byte ptr [rbx+0x8], %s", gpr_name(reg, 1));
    }
}

Test(x64_assembler, moves_between_registers)
{
    FOR_GPR(to)
    FOR_GPR(from)
    {
        const char *to_8 = gpr_name(to, 8);
        ENCODES(x64_mov_rr(a, 4, to, from), "mov %s, %s", gpr_name(to, 4), gpr_name(from, 4));
        ENCODES(x64_mov_rr(a, 8, to, from), "mov %s, %s", to_8, gpr_name(from, 8));
        ENCODES(x64_zero_extend(a, 1, to, from), "movzx %s, %s", gpr_name(to, 4),
                gpr_name(from, 1));
        ENCODES(x64_zero_extend(a, 2, to, from), "movzx %s, %s", gpr_name(to, 4),
                gpr_name(from, 2));
        ENCODES(x64_zero_extend(a, 4, to, from), "mov %s, %s", gpr_name(to, 4), gpr_name(from, 4));
        ENCODES(x64_sign_extend(a, 1, to, from), "movsx %s, %s", to_8, gpr_name(from, 1));
        ENCODES(x64_sign_extend(a, 2, to, from), "movsx %s, %s", to_8, gpr_name(from, 2));
        ENCODES(x64_sign_extend(a, 4, to, from), "movsxd %s, %s", to_8, gpr_name(from, 4));
        ENCODES(x64_xchg_rr(a, to, from), "xchg %s, %s", to_8, gpr_name(from, 8));
        for (uint32_t c = 0; c < 16; c++) {
            ENCODES(x64_cmov(a, (x64_cond)c, 4, to, from), "cmov%s %s, %s", cond_names[c],
                    gpr_name(to, 4), gpr_name(from, 4));
            ENCODES(x64_cmov(a, (x64_cond)c, 8, to, from), "cmov%s %s, %s", cond_names[c], to_8,
                    gpr_name(from, 8));
        }
    }
}

Test(x64_assembler, constants_take_the_shortest_form)
{
    static const struct {
        uint64_t value;
        uint32_t width; /* of the register written */
        uint32_t bytes; /* for a register without REX.B */
    } cases[] = {
        {0, 4, 5},
        {1, 4, 5},
        {INT32_MAX, 4, 5},
        {0x80000000u, 4, 5},
        {UINT32_MAX, 4, 5},
        {0x100000000u, 8, 10},
        {UINT64_MAX, 8, 7},
        {0xffffffff80000000u, 8, 7},
        {0xffffffff7fffffffu, 8, 10},
        {0x123456789abcdef0u, 8, 10},
        {0x8000000000000000u, 8, 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        FOR_GPR(to)
        {
            uint32_t start = x64_offset(a);
            ENCODES(x64_mov_ri(a, to, cases[i].value), "mov %s, %s", gpr_name(to, cases[i].width),
                    hex((int64_t)cases[i].value, cases[i].width).text);
            uint32_t rex = cases[i].bytes == 5 && to >= R8 ? 1 : 0;
            cr_assert_eq(x64_offset(a) - start, cases[i].bytes + rex, "0x%llx to %s",
                         (unsigned long long)cases[i].value, gpr_name(to, 8));
        }
    }
}

Test(x64_assembler, single_register_operations)
{
    FOR_GPR(reg)
    {
        ENCODES(x64_push(a, reg), "push %s", gpr_name(reg, 8));
        ENCODES(x64_pop(a, reg), "pop %s", gpr_name(reg, 8));
        ENCODES(x64_jmp_r(a, reg), "jmp %s", gpr_name(reg, 8));
        ENCODES(x64_call_r(a, reg), "call %s", gpr_name(reg, 8));
        for (uint32_t c = 0; c < 16; c++) {
            ENCODES(x64_set(a, (x64_cond)c, reg), "set%s %s", cond_names[c], gpr_name(reg, 1));
        }
        FOR_WIDTH(w)
        {
            const char *name = gpr_name(reg, w);
            for (size_t i = 0; i < sizeof unaries / sizeof unaries[0]; i++) {
                ENCODES(x64_unary_r(a, unaries[i].op, w, reg), "%s %s", unaries[i].name, name);
            }
            for (size_t i = 0; i < sizeof shifts / sizeof shifts[0]; i++) {
                ENCODES(x64_shift_cl(a, shifts[i].op, w, reg), "%s %s, cl", shifts[i].name, name);
                ENCODES(x64_shift_ri(a, shifts[i].op, w, reg, 1), "%s %s, 0x1", shifts[i].name,
                        name);
                ENCODES(x64_shift_ri(a, shifts[i].op, w, reg, 63), "%s %s, 0x3f", shifts[i].name,
                        name);
            }
        }
    }
    FOR_SOME_FORMS(n)
    {
        ENCODES(x64_push_m(a, form(n)), "push %s", mem(form(n), 8).text);
        ENCODES(x64_jmp_m(a, form(n)), "jmp %s", mem(form(n), 8).text);
        ENCODES(x64_call_m(a, form(n)), "call %s", mem(form(n), 8).text);
        ENCODES(x64_lea(a, 4, RSI, form(n)), "lea esi, %s", mem(form(n), 0).text);
    }
}

Test(x64_assembler, arithmetic_between_registers)
{
    FOR_GPR(to)
    FOR_GPR(from)
    FOR_WIDTH(w)
    {
        for (uint32_t op = 0; op < 8; op++) {
            ENCODES(x64_alu_rr(a, (x64_alu)op, w, to, from), "%s %s, %s", alu_names[op],
                    gpr_name(to, w), gpr_name(from, w));
        }
        ENCODES(x64_test_rr(a, w, to, from), "test %s, %s", gpr_name(to, w), gpr_name(from, w));
        if (w >= 2) {
            ENCODES(x64_imul_rr(a, w, to, from), "imul %s, %s", gpr_name(to, w), gpr_name(from, w));
        }
    }
}

Test(x64_assembler, arithmetic_with_constants)
{
    for (size_t i = 0; i < ORACLE_VALUES; i++) {
        int32_t value = oracle_values[i];
        FOR_GPR(reg)
        FOR_WIDTH(w)
        {
            const char *name = gpr_name(reg, w);
            for (uint32_t op = 0; op < 8; op++) {
                ENCODES(x64_alu_ri(a, (x64_alu)op, w, reg, value), "%s %s, %s", alu_names[op], name,
                        hex(value, w).text);
            }
            ENCODES(x64_test_ri(a, w, reg, value), "test %s, %s", name, hex(value, w).text);
            if (w >= 4) {
                ENCODES(x64_imul_rri(a, w, reg, R9, value), "imul %s, %s, %s", name,
                        gpr_name(R9, w), hex(value, w).text);
                ENCODES(x64_imul_rri(a, w, RDX, reg, value), "imul %s, %s, %s", gpr_name(RDX, w),
                        name, hex(value, w).text);
            }
        }
    }
}

Test(x64_assembler, small_constants_take_one_byte)
{
    static const int32_t small[] = {0, 1, 127, -1, -128};
    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
        uint32_t start = x64_offset(a);
        x64_alu_ri(a, X64_ADD, 4, RCX, small[i]);
        cr_assert_eq(x64_offset(a) - start, 3);
        x64_alu_ri(a, X64_ADD, 8, R10, small[i]);
        cr_assert_eq(x64_offset(a) - start, 7);
        x64_alu_mi(a, X64_CMP, 8, x64_at(RBP, -8), small[i]);
        cr_assert_eq(x64_offset(a) - start, 12);
        x64_imul_rri(a, 4, RCX, RDX, small[i]);
        cr_assert_eq(x64_offset(a) - start, 15);
    }
    uint32_t start = x64_offset(a);
    x64_alu_ri(a, X64_ADD, 2, RCX, 0xffff);
    cr_assert_eq(x64_offset(a) - start, 4, "0xffff is -1 in two bytes");
}

Test(x64_assembler, arithmetic_with_memory)
{
    FOR_SOME_FORMS(n)
    FOR_WIDTH(w)
    {
        x64_mem at = form(n);
        x64_gpr reg = (x64_gpr)(n % 16);
        int32_t value = oracle_values[n % ORACLE_VALUES];
        for (uint32_t op = 0; op < 8; op++) {
            ENCODES(x64_alu_rm(a, (x64_alu)op, w, reg, at), "%s %s, %s", alu_names[op],
                    gpr_name(reg, w), mem(at, w).text);
            ENCODES(x64_alu_mr(a, (x64_alu)op, w, at, reg), "%s %s, %s", alu_names[op],
                    mem(at, w).text, gpr_name(reg, w));
            ENCODES(x64_alu_mi(a, (x64_alu)op, w, at, value), "%s %s, %s", alu_names[op],
                    mem(at, w).text, hex(value, w).text);
        }
        ENCODES(x64_test_mi(a, w, at, value), "test %s, %s", mem(at, w).text, hex(value, w).text);
    }
}

Test(x64_assembler, instructions_without_operands)
{
    ENCODES(x64_sign_into_rdx(a, 4), "cdq");
    ENCODES(x64_sign_into_rdx(a, 8), "cqo");
    ENCODES(x64_ret(a), "ret");
    ENCODES(x64_ud2(a), "ud2");
}
