/* What the allocator makes of small functions. */
#include "alloc_program.h"

#include <criterion/criterion.h>

#define GPRS 0xffcfu /* but 4 and 5 */
#define XMMS 0xffffu

static void allocate(program *p)
{
    program_allocate(p);
    const char *error = program_check(p);
    if (error) {
        program_print(p);
    }
    cr_assert(!error, "%s", error);
}

static uint32_t moves_where(const program *p, alloc_where to, alloc_where from)
{
    uint32_t count = 0;
    for (uint32_t m = 0; m < p->a.move_count; m++) {
        count += p->a.moves[m].to.where == to && p->a.moves[m].from.where == from;
    }
    return count;
}

static alloc_place operand_place(const program *p, uint32_t inst, uint32_t operand)
{
    return p->operands.items[p->insts.items[inst].first_operand + operand].place;
}

static uint32_t define(program *p, uint32_t count, uint32_t *values)
{
    uint32_t inst = program_inst(p, ALLOC_PLAIN);
    for (uint32_t i = 0; i < count; i++) {
        values[i] = program_def(p, ALLOC_DEF, ALLOC_GPR, -1);
    }
    return inst;
}

static uint32_t jump(program *p)
{
    return program_inst(p, ALLOC_PLAIN);
}

static void use(program *p, alloc_kind kind, uint32_t value)
{
    program_inst(p, ALLOC_PLAIN);
    program_use(p, kind, value, -1);
}

/* x = x op y, in place */
static uint32_t combine(program *p, uint32_t x, uint32_t y)
{
    program_inst(p, ALLOC_PLAIN);
    program_use(p, ALLOC_USE, x, -1);
    program_use(p, ALLOC_USE_ANY, y, -1);
    return program_def(p, ALLOC_DEF_SAME, ALLOC_GPR, -1);
}

/* A loop over blocks 1 (header, with the exit test) to 2 (latch); block 3 follows. */
typedef struct counting {
    program p;
    uint32_t limit, index, sum, one, kept;
} counting;

static void begin_loop(counting *c, uint32_t gprs)
{
    program *p = &c->p;
    program_init(p, gprs, XMMS);
    c->one = program_constant(p, ALLOC_GPR);
    program_block(p, 0);
    uint32_t values[4];
    define(p, 4, values);
    c->limit = values[0];
    c->kept = values[1];
    jump(p);
    program_block(p, 1);
    uint32_t entry = program_edge_add(p, 0, 1);
    program_arg(p, entry, values[2]);
    program_arg(p, entry, values[3]);
    c->index = program_param(p, ALLOC_GPR);
    c->sum = program_param(p, ALLOC_GPR);
    program_inst(p, ALLOC_PLAIN);
    program_use(p, ALLOC_USE, c->index, -1);
    program_use(p, ALLOC_USE, c->limit, -1);
    program_block(p, 1);
    program_edge_add(p, 1, 2);
}

static void end_loop(counting *c, uint32_t index, uint32_t sum)
{
    program *p = &c->p;
    uint32_t latch = p->blocks.count - 1;
    jump(p);
    uint32_t back = program_edge_add(p, latch, 1);
    program_arg(p, back, index);
    program_arg(p, back, sum);
    p->blocks.items[1].loop_end = latch;
    uint32_t behind = program_block(p, 0);
    program_edge_add(p, 1, behind);
    program_inst(p, ALLOC_PLAIN);
    program_use(p, ALLOC_USE, c->sum, -1);
    program_use(p, ALLOC_USE, c->kept, -1);
}

Test(mu_jit_alloc, loop_variables_stay_in_their_registers)
{
    counting c;
    begin_loop(&c, GPRS);
    uint32_t sum = combine(&c.p, c.sum, c.index);
    uint32_t index = combine(&c.p, c.index, c.one);
    end_loop(&c, index, sum);
    allocate(&c.p);
    cr_assert_eq(c.p.a.move_count, 0, "%u moves", c.p.a.move_count);
    cr_assert_eq(c.p.a.slot_count, 0);
    program_deinit(&c.p);
}

Test(mu_jit_alloc, loop_evicts_what_it_does_not_use)
{
    counting c;
    begin_loop(&c, 0xf);
    uint32_t sum = combine(&c.p, c.sum, c.index);
    program_inst(&c.p, ALLOC_PLAIN);
    program_use(&c.p, ALLOC_USE, c.index, -1);
    program_temp(&c.p, ALLOC_GPR);
    uint32_t index = combine(&c.p, c.index, c.one);
    end_loop(&c, index, sum);
    allocate(&c.p);
    cr_assert_eq(program_block_moves(&c.p, 1) + program_block_moves(&c.p, 2), 0);
    cr_assert_eq(moves_where(&c.p, ALLOC_IN_SLOT, ALLOC_IN_REG), 1);
    cr_assert_eq(moves_where(&c.p, ALLOC_IN_REG, ALLOC_IN_SLOT), 1);
    program_deinit(&c.p);
}

Test(mu_jit_alloc, constant_stays_in_a_register_over_a_loop)
{
    counting c;
    begin_loop(&c, GPRS);
    program_inst(&c.p, ALLOC_PLAIN);
    program_use(&c.p, ALLOC_USE, c.one, -1);
    program_use(&c.p, ALLOC_USE_ANY, c.one, -1);
    uint32_t any = c.p.insts.count - 1;
    uint32_t index = combine(&c.p, c.index, c.one);
    end_loop(&c, index, c.sum);
    allocate(&c.p);
    cr_assert_eq(program_block_moves(&c.p, 0), 1);
    cr_assert_eq(c.p.a.move_count, 1);
    cr_assert_eq(c.p.a.moves[0].from.where, ALLOC_CONSTANT);
    cr_assert_eq(operand_place(&c.p, any, 1).where, ALLOC_CONSTANT);
    program_deinit(&c.p);
}

Test(mu_jit_alloc, swap_on_a_back_edge_is_one_group)
{
    counting c;
    begin_loop(&c, GPRS);
    use(&c.p, ALLOC_USE, c.index);
    end_loop(&c, c.sum, c.index);
    allocate(&c.p);
    uint32_t latch = c.p.insts.count - 2;
    cr_assert_eq(c.p.a.move_count, 2);
    const alloc_move *m = c.p.a.moves;
    cr_assert(m[0].before == latch && m[1].before == latch && m[0].order == m[1].order);
    cr_assert(m[0].to.index == m[1].from.index && m[1].to.index == m[0].from.index);
    program_deinit(&c.p);
}

Test(mu_jit_alloc, call_in_a_side_exit_costs_the_loop_nothing)
{
    counting c;
    begin_loop(&c, GPRS);
    uint32_t sum = combine(&c.p, c.sum, c.index);
    program_inst(&c.p, ALLOC_PLAIN);
    program_use(&c.p, ALLOC_USE, sum, -1);
    program_block(&c.p, 1);
    program_edge_add(&c.p, 2, 3);
    uint32_t index = combine(&c.p, c.index, c.one);
    end_loop(&c, index, sum);
    program_block(&c.p, 0);
    program_edge_add(&c.p, 2, 5);
    program_inst(&c.p, ALLOC_CALL);
    use(&c.p, ALLOC_USE, c.kept);
    allocate(&c.p);
    for (uint32_t b = 1; b <= 3; b++) {
        cr_assert_eq(program_block_moves(&c.p, b), 0);
    }
    program_deinit(&c.p);
}

/* Blocks 2 branches to 3, which calls, and 4, which does not; 5 is the latch. */
Test(mu_jit_alloc, arm_with_a_call_reloads_for_itself)
{
    counting c;
    begin_loop(&c, GPRS);
    program *p = &c.p;
    program_inst(p, ALLOC_PLAIN);
    program_use(p, ALLOC_USE, c.kept, -1);
    program_block(p, 1);
    program_edge_add(p, 2, 3);
    program_inst(p, ALLOC_CALL);
    jump(p);
    program_block(p, 1);
    program_edge_add(p, 2, 4);
    jump(p);
    program_block(p, 1);
    program_edge_add(p, 3, 5);
    program_edge_add(p, 4, 5);
    uint32_t sum = combine(p, c.sum, c.index);
    uint32_t index = combine(p, c.index, c.one);
    end_loop(&c, index, sum);
    allocate(p);
    cr_assert_eq(moves_where(p, ALLOC_IN_REG, ALLOC_IN_SLOT), 4);
    cr_assert_eq(moves_where(p, ALLOC_IN_REG, ALLOC_IN_SLOT), 4);
    cr_assert_eq(program_block_moves(p, 3), 4);
    cr_assert_eq(program_block_moves(p, 4) + program_block_moves(p, 5), 0);
    program_deinit(p);
}

Test(mu_jit_alloc, value_over_calls_is_stored_once)
{
    program p;
    program_init(&p, GPRS, XMMS);
    program_block(&p, 0);
    uint32_t v;
    define(&p, 1, &v);
    jump(&p);
    program_inst(&p, ALLOC_CALL);
    use(&p, ALLOC_USE_ANY, v);
    uint32_t any = p.insts.count - 1;
    program_inst(&p, ALLOC_CALL);
    use(&p, ALLOC_USE, v);
    program_inst(&p, ALLOC_CALL);
    program_use(&p, ALLOC_USE_FIXED, v, 7);
    allocate(&p);
    cr_assert_eq(moves_where(&p, ALLOC_IN_SLOT, ALLOC_IN_REG), 1);
    cr_assert_eq(p.a.moves[0].before, 1);
    cr_assert_eq(moves_where(&p, ALLOC_IN_REG, ALLOC_IN_SLOT), 1);
    cr_assert_eq(p.a.move_count, 2);
    cr_assert_eq(operand_place(&p, any, 0).where, ALLOC_IN_SLOT);
    cr_assert_eq(operand_place(&p, p.insts.count - 2, 0).index, 7);
    cr_assert_eq(p.a.slot_count, 1);
    program_deinit(&p);
}

Test(mu_jit_alloc, slots_are_shared)
{
    program p;
    program_init(&p, GPRS, XMMS);
    program_block(&p, 0);
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t values[2];
        define(&p, 2, values);
        program_inst(&p, ALLOC_CALL);
        use(&p, ALLOC_USE, values[0]);
        use(&p, ALLOC_USE, values[1]);
    }
    allocate(&p);
    cr_assert_eq(p.a.slot_count, 2);
    program_deinit(&p);
}

Test(mu_jit_alloc, same_register_is_copied_to_only_if_the_value_lives_on)
{
    program p;
    program_init(&p, GPRS, XMMS);
    program_block(&p, 0);
    uint32_t v[2];
    define(&p, 2, v);
    uint32_t w = combine(&p, v[0], v[1]);
    uint32_t copied = p.insts.count - 1;
    uint32_t x = combine(&p, v[0], v[0]);
    use(&p, ALLOC_USE, w);
    use(&p, ALLOC_USE, x);
    allocate(&p);
    cr_assert_eq(p.a.move_count, 1);
    cr_assert_eq(p.a.moves[0].before, copied);
    cr_assert_eq(operand_place(&p, copied, 0).index, operand_place(&p, copied, 2).index);
    cr_assert_neq(operand_place(&p, copied, 0).index, operand_place(&p, 0, 0).index);
    program_deinit(&p);
}

/* x86's: rax and rdx in, quotient and remainder out. */
Test(mu_jit_alloc, division_moves_only_its_operands)
{
    program p;
    program_init(&p, GPRS, XMMS);
    program_block(&p, 0);
    uint32_t v[3];
    define(&p, 3, v);
    program_inst(&p, ALLOC_PLAIN);
    program_use(&p, ALLOC_USE_FIXED, v[0], 0);
    program_use(&p, ALLOC_USE_FIXED, v[0], 2);
    program_use(&p, ALLOC_USE, v[1], -1);
    p.operands.items[p.operands.count - 1].lasts = true;
    uint32_t quotient = program_def(&p, ALLOC_DEF_FIXED, ALLOC_GPR, 0);
    p.insts.items[1].clobbers[ALLOC_GPR] = 1u << 2;
    use(&p, ALLOC_USE, quotient);
    use(&p, ALLOC_USE, v[1]);
    use(&p, ALLOC_USE, v[2]);
    allocate(&p);
    cr_assert_leq(p.a.move_count, 2);
    cr_assert_eq(operand_place(&p, 2, 0).index, 0);
    cr_assert_eq(p.a.slot_count, 0);
    program_deinit(&p);
}

static void check_two_unsaved(const program *p, uint32_t i, uint32_t sum)
{
    const alloc_inst *inst = &p->insts.items[i];
    cr_assert_eq(inst->live_count, 2);
    const alloc_live *live = &p->a.live[inst->first_live];
    bool in_registers = live[0].place.where == ALLOC_IN_REG && live[1].place.where == ALLOC_IN_REG;
    bool is_saved = live[0].is_saved || live[1].is_saved;
    cr_assert(in_registers && !is_saved);
    cr_assert_eq(live[0].value + live[1].value, sum);
}

Test(mu_jit_alloc, cold_safepoint_lists_what_lives_on)
{
    program p;
    program_init(&p, GPRS, XMMS);
    uint32_t constant = program_constant(&p, ALLOC_GPR);
    program_block(&p, 0);
    uint32_t v[3];
    define(&p, 3, v);
    program_inst(&p, ALLOC_COLD_SAFEPOINT);
    program_use(&p, ALLOC_USE, v[0], -1);
    uint32_t made = program_def(&p, ALLOC_DEF, ALLOC_GPR, -1);
    const uint32_t uses[] = {v[1], v[2], made, constant};
    for (uint32_t i = 0; i < 4; i++) {
        use(&p, ALLOC_USE, uses[i]);
    }
    allocate(&p);
    check_two_unsaved(&p, 1, v[1] + v[2]);
    cr_assert_eq(moves_where(&p, ALLOC_IN_SLOT, ALLOC_IN_REG), 0);
    cr_assert_eq(p.a.slot_count, 2);
    program_deinit(&p);
}

/* 50,000 values, of which each lives for a while, in a row of loops with a call now and then. */
Test(mu_jit_alloc, large_function)
{
    program p;
    program_init(&p, GPRS, XMMS);
    uint32_t recent[16];
    program_block(&p, 0);
    for (uint32_t i = 0; i < 16; i++) {
        define(&p, 1, &recent[i]);
    }
    const uint32_t base = recent[0]; /* used everywhere */
    while (p.values.count < 50000) {
        jump(&p);
        uint32_t before = p.blocks.count - 1;
        uint32_t header = program_block(&p, 1);
        uint32_t entry = program_edge_add(&p, before, header);
        program_arg(&p, entry, recent[0]);
        recent[1] = program_param(&p, ALLOC_GPR);
        for (uint32_t i = 0; i < 40; i++) {
            recent[i * 7 % 16] = combine(&p, recent[i * 5 % 16], recent[i * 3 % 16]);
            use(&p, ALLOC_USE, base);
        }
        if (header % 4 == 0) {
            program_inst(&p, ALLOC_CALL);
        }
        use(&p, ALLOC_USE, recent[2]);
        uint32_t latch = program_block(&p, 1);
        program_edge_add(&p, header, latch);
        jump(&p);
        program_arg(&p, program_edge_add(&p, latch, header), recent[3]);
        p.blocks.items[header].loop_end = latch;
        program_edge_add(&p, header, program_block(&p, 0));
    }
    for (uint32_t i = 0; i < 16; i++) {
        use(&p, ALLOC_USE_ANY, recent[i]);
    }
    program_allocate(&p);
    cr_assert_lt(p.a.slot_count, 100);
    program_deinit(&p);
}
