/* Labels, tables and padding; and assembled functions run by the processor itself. */
#include "test_x64_assembler_oracle.h"

#include <sys/mman.h>

static x64_assembler *a;
static void setup(void)
{
    a = x64_assembler_new();
}
static void teardown(void)
{
    x64_assembler_free(a);
}
TestSuite(x64_assembler_run, .init = setup, .fini = teardown, .timeout = 60);

/* The code made executable; the mapping lives as long as the test's process. */
static void *executable(void)
{
    const unsigned char *bytes;
    uint32_t size;
    x64_assembler_finish(a, &bytes, &size);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(memory, MAP_FAILED);
    memcpy(memory, bytes, size);
    cr_assert_eq(mprotect(memory, size, PROT_READ | PROT_EXEC), 0);
    return memory;
}

/* The address that the relative operand of the instruction at `offset` means, and its length. */
static uint32_t target_at(uint32_t offset, uint32_t *length)
{
    const unsigned char *bytes;
    uint32_t size;
    x64_assembler_finish(a, &bytes, &size);
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    oracle_decode(bytes + offset, size - offset, &instruction, operands);
    *length = instruction.length;
    for (uint32_t i = 0; i < instruction.operand_count_visible; i++) {
        ZyanU64 target;
        if (ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&instruction, &operands[i], offset, &target))) {
            return (uint32_t)target;
        }
    }
    cr_assert_fail("no relative operand at %u", offset);
    return 0;
}

Test(x64_assembler_run, jumps_back_are_short_as_far_as_they_reach)
{
    for (uint32_t gap = 100; gap < 140; gap++) {
        x64_label back = x64_label_new(a);
        x64_bind(a, back);
        uint32_t bound = x64_offset(a);
        cr_assert_eq(x64_label_offset(a, back), bound);
        unsigned char filler[140] = {0};
        x64_data(a, filler, gap);
        uint32_t jump = x64_offset(a);
        x64_jmp(a, back);
        uint32_t branch = x64_offset(a);
        x64_jcc(a, X64_NE, back);
        uint32_t length;
        cr_assert_eq(target_at(jump, &length), bound);
        cr_assert_eq(length, gap + 2 <= 128 ? 2 : 5);
        cr_assert_eq(target_at(branch, &length), bound);
        cr_assert_eq(length, branch - bound + 2 <= 128 ? 2 : 6);
    }
}

Test(x64_assembler_run, jumps_calls_and_addresses_forward_are_patched)
{
    x64_label forward = x64_label_new(a);
    uint32_t starts[4];
    starts[0] = x64_offset(a);
    x64_jmp(a, forward);
    starts[1] = x64_offset(a);
    x64_jcc(a, X64_G, forward);
    starts[2] = x64_offset(a);
    x64_call_label(a, forward);
    starts[3] = x64_offset(a);
    x64_lea_label(a, R9, forward);
    x64_align(a, 64);
    x64_bind(a, forward);
    uint32_t bound = x64_offset(a);
    x64_ret(a);
    uint32_t last = x64_offset(a);
    x64_call_label(a, forward);
    uint32_t length;
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(target_at(starts[i], &length), bound, "the reference %d", i);
    }
    cr_assert_eq(target_at(last, &length), bound);
    cr_assert_eq(length, 5, "calls have no short form");
}

/* TEST EAX, imm32 does nothing but set flags, until its first byte is that of JMP rel32. */
Test(x64_assembler_run, test_of_a_label_becomes_a_jump_to_it)
{
    x64_label back = x64_label_new(a);
    x64_label forward = x64_label_new(a);
    x64_mov_ri(a, RAX, 1);
    x64_ret(a);
    x64_bind(a, back);
    x64_mov_ri(a, RAX, 2);
    x64_ret(a);
    uint32_t first = x64_offset(a);
    x64_test_label(a, forward);
    uint32_t second = x64_offset(a);
    x64_test_label(a, back);
    cr_assert_eq(x64_offset(a), second + 5);
    x64_mov_ri(a, RAX, 3);
    x64_ret(a);
    x64_align(a, 64);
    x64_bind(a, forward);
    x64_mov_ri(a, RAX, 4);
    x64_ret(a);
    unsigned char *code = executable();
    const int wanted[4] = {3, 4, 2, 4};
    for (uint32_t jumps = 0; jumps < 4; jumps++) {
        cr_assert_eq(mprotect(code, x64_offset(a), PROT_READ | PROT_WRITE), 0);
        code[first] = jumps & 1 ? 0xe9 : 0xa9;
        code[second] = jumps & 2 ? 0xe9 : 0xa9;
        cr_assert_eq(mprotect(code, x64_offset(a), PROT_READ | PROT_EXEC), 0);
        ZydisDecodedInstruction instruction;
        ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
        oracle_decode(code + first, 5, &instruction, operands);
        cr_assert_eq(instruction.length, 5);
        cr_assert_eq(instruction.mnemonic, jumps & 1 ? ZYDIS_MNEMONIC_JMP : ZYDIS_MNEMONIC_TEST);
        union {
            unsigned char *address;
            int (*function)(void);
        } entry = {.address = code + first};
        cr_assert_eq(entry.function(), wanted[jumps]);
    }
}

Test(x64_assembler_run, padding_consists_of_nops)
{
    for (uint32_t gap = 0; gap < 64; gap++) {
        x64_align(a, 64);
        cr_assert_eq(x64_offset(a) % 64, 0);
        for (uint32_t i = 0; i < gap; i++) {
            x64_ret(a);
        }
        uint32_t at = x64_offset(a);
        x64_align(a, 64);
        const unsigned char *bytes;
        uint32_t size;
        x64_assembler_finish(a, &bytes, &size);
        cr_assert_eq(size - at, -gap % 64);
        while (at < size) {
            ZydisDecodedInstruction instruction;
            ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
            oracle_decode(bytes + at, size - at, &instruction, operands);
            cr_assert_eq(instruction.mnemonic, ZYDIS_MNEMONIC_NOP);
            at += instruction.length;
        }
    }
}

Test(x64_assembler_run, a_loop_computes_fibonacci_numbers)
{
    x64_label loop = x64_label_new(a);
    x64_label done = x64_label_new(a);
    x64_mov_ri(a, RAX, 0);
    x64_mov_ri(a, RCX, 1);
    x64_bind(a, loop);
    x64_test_rr(a, 8, RDI, RDI);
    x64_jcc(a, X64_E, done);
    x64_mov_rr(a, 8, RDX, RAX);
    x64_alu_rr(a, X64_ADD, 8, RDX, RCX);
    x64_mov_rr(a, 8, RAX, RCX);
    x64_mov_rr(a, 8, RCX, RDX);
    x64_alu_ri(a, X64_SUB, 8, RDI, 1);
    x64_jmp(a, loop);
    x64_bind(a, done);
    x64_ret(a);
    uint64_t (*fib)(uint64_t) = (uint64_t(*)(uint64_t))executable();
    cr_assert_eq(fib(0), 0);
    cr_assert_eq(fib(10), 55);
    cr_assert_eq(fib(90), 2880067194370816120u);
}

Test(x64_assembler_run, a_table_of_distances_switches)
{
    x64_label table = x64_label_new(a);
    x64_label cases[3];
    x64_lea_label(a, RCX, table);
    x64_load_signed(a, 4, RAX, x64_at_index(RCX, RDI, 2, 0));
    x64_alu_rr(a, X64_ADD, 8, RAX, RCX);
    x64_jmp_r(a, RAX);
    for (uint32_t i = 0; i < 3; i++) {
        cases[i] = x64_label_new(a);
        x64_bind(a, cases[i]);
        x64_mov_ri(a, RAX, 100 + i);
        x64_ret(a);
    }
    x64_align(a, 4);
    x64_bind(a, table);
    for (uint32_t i = 0; i < 3; i++) {
        x64_data_label(a, cases[2 - i], table);
    }
    uint64_t (*choose)(uint64_t) = (uint64_t(*)(uint64_t))executable();
    cr_assert_eq(choose(0), 102);
    cr_assert_eq(choose(1), 101);
    cr_assert_eq(choose(2), 100);
}

Test(x64_assembler_run, extensions_and_byte_registers_do_as_the_header_says)
{
    x64_sign_extend(a, 1, RAX, RDI);
    x64_store(a, 8, x64_at(RSI, 0), RAX);
    x64_zero_extend(a, 1, RAX, RDI); /* DIL, not BH */
    x64_store(a, 8, x64_at(RSI, 8), RAX);
    x64_sign_extend(a, 2, RAX, RDI);
    x64_store(a, 8, x64_at(RSI, 16), RAX);
    x64_zero_extend(a, 4, RAX, RDI);
    x64_store(a, 8, x64_at(RSI, 24), RAX);
    x64_alu_rr(a, X64_CMP, 8, RDI, RSI);
    x64_mov_ri(a, RDI, UINT64_MAX);
    x64_set(a, X64_NE, RDI);
    x64_store(a, 8, x64_at(RSI, 32), RDI);
    x64_load(a, 2, RAX, x64_at(RSI, 0));
    x64_store(a, 8, x64_at(RSI, 40), RAX);
    x64_ret(a);
    void (*run)(uint64_t, uint64_t *) = (void (*)(uint64_t, uint64_t *))executable();
    uint64_t out[6];
    run(0x123456789abcdef0u, out);
    cr_assert_eq(out[0], 0xfffffffffffffff0u);
    cr_assert_eq(out[1], 0xf0u);
    cr_assert_eq(out[2], 0xffffffffffffdef0u);
    cr_assert_eq(out[3], 0x9abcdef0u);
    cr_assert_eq(out[4], 0xffffffffffffff01u);
    cr_assert_eq(out[5], 0xfff0u);
}

Test(x64_assembler_run, division_takes_rdx_and_rax)
{
    x64_mov_rr(a, 8, RAX, RDI);
    x64_sign_into_rdx(a, 8);
    x64_unary_r(a, X64_IDIV, 8, RSI);
    x64_shift_ri(a, X64_SHL, 8, RDX, 32);
    x64_alu_rr(a, X64_ADD, 8, RAX, RDX);
    x64_ret(a);
    int64_t (*divide)(int64_t, int64_t) = (int64_t(*)(int64_t, int64_t))executable();
    cr_assert_eq(divide(47, 10), 4 + (7ll << 32));
    cr_assert_eq(divide(-40, 10), -4);
}

Test(x64_assembler_run, floating_point_computes)
{
    /* sqrt(x * x + (double)n), the integer part as a float added */
    x64_fp_op_rr(a, X64_FMUL, 8, XMM0, XMM0);
    x64_fp_from_int(a, 8, 8, XMM9, RDI);
    x64_fp_op_rr(a, X64_FADD, 8, XMM0, XMM9);
    x64_fp_op_rr(a, X64_FSQRT, 8, XMM0, XMM0);
    x64_fp_to_int(a, 8, 4, RAX, XMM0);
    x64_fp_from_int(a, 4, 4, XMM10, RAX);
    x64_fp_widen(a, XMM10, XMM10);
    x64_fp_op_rr(a, X64_FADD, 8, XMM0, XMM10);
    x64_ret(a);
    double (*hypot_plus)(double, int64_t) = (double (*)(double, int64_t))executable();
    cr_assert(hypot_plus(3, 16) == 10.0);
    cr_assert(hypot_plus(0.5, 6) == 4.5);
}

Test(x64_assembler_run, blocks_are_filled_and_copied)
{
    /* (to, from, count, value): copies, then fills as many words behind the copy */
    x64_mov_rr(a, 8, R8, RCX);
    x64_mov_rr(a, 8, RCX, RDX);
    x64_rep_movsq(a);
    x64_mov_rr(a, 8, RCX, RDX);
    x64_mov_rr(a, 8, RAX, R8);
    x64_rep_stosq(a);
    x64_ret(a);
    void (*run)(uint64_t *, const uint64_t *, uint64_t, uint64_t) =
        (void (*)(uint64_t *, const uint64_t *, uint64_t, uint64_t))executable();
    uint64_t from[3] = {1, 2, 3};
    uint64_t to[7] = {0};
    run(to, from, 3, 9);
    cr_assert_arr_eq(to, ((uint64_t[]){1, 2, 3, 9, 9, 9, 0}), sizeof to);
}

Test(x64_assembler_run, atomics_return_what_was_there)
{
    /* (at, expected, desired): compare and exchange, then add 5, then exchange with 7 */
    x64_mov_rr(a, 8, RAX, RSI);
    x64_lock_cmpxchg(a, 4, x64_at(RDI, 0), RDX);
    x64_mov_ri(a, RCX, 5);
    x64_lock_xadd(a, 4, x64_at(RDI, 0), RCX);
    x64_mov_ri(a, RDX, 7);
    x64_xchg_mr(a, 4, x64_at(RDI, 0), RDX);
    x64_imul_rri(a, 8, RAX, RAX, 1000000);
    x64_imul_rri(a, 8, RCX, RCX, 1000);
    x64_alu_rr(a, X64_ADD, 8, RAX, RCX);
    x64_alu_rr(a, X64_ADD, 8, RAX, RDX);
    x64_ret(a);
    uint64_t (*run)(uint32_t *, uint64_t, uint64_t) =
        (uint64_t(*)(uint32_t *, uint64_t, uint64_t))executable();
    uint32_t cell = 11;
    cr_assert_eq(run(&cell, 11, 20), 11020025u);
    cr_assert_eq(cell, 7);
    cr_assert_eq(run(&cell, 8, 20), 7007012u, "not equal: nothing is exchanged");
    cr_assert_eq(cell, 7);
}

Test(x64_assembler_run, a_long_piece_of_code_grows_the_buffer)
{
    x64_label end = x64_label_new(a);
    x64_jmp(a, end);
    for (uint32_t i = 0; i < 200000; i++) {
        x64_mov_ri(a, R9, 0x123456789abcdef0u);
    }
    x64_bind(a, end);
    x64_lea(a, 8, RAX, x64_at_index(RDI, RDI, 2, 1));
    x64_ret(a);
    uint64_t (*run)(uint64_t) = (uint64_t(*)(uint64_t))executable();
    cr_assert_eq(run(4), 21);
}
