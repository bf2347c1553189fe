/* Random functions with branches, loops, calls, fixed registers and few registers to give,
 * allocated and then followed by the checker. */
#include "alloc_program.h"

#include <criterion/criterion.h>
#include <stdio.h>

typedef struct generator {
    program p;
    uint64_t seed;
    uint32_t depth; /* of loops */
    uint32_t block;
    uint32_t budget;          /* of instructions */
    MU_ARRAY(uint32_t) scope; /* values defined on all ways to here */
    MU_ARRAY(uint32_t) constants;
    uint32_t call_percent;
} generator;

static uint32_t pick(generator *g, uint32_t below)
{
    g->seed ^= g->seed << 13;
    g->seed ^= g->seed >> 7;
    g->seed ^= g->seed << 17;
    return (uint32_t)(g->seed >> 33) % below;
}

static bool chance(generator *g, uint32_t percent)
{
    return pick(g, 100) < percent;
}

static uint32_t old_value(generator *g, alloc_class class)
{
    for (uint32_t tries = 0; tries < 20; tries++) {
        uint32_t value = chance(g, 12) ? g->constants.items[pick(g, g->constants.count)]
                         : chance(g, 50) && g->scope.count > 6
                             ? g->scope.items[g->scope.count - 1 - pick(g, 6)]
                             : g->scope.items[pick(g, g->scope.count)];
        if (g->p.values.items[value].class == class) {
            return value;
        }
    }
    return g->constants.items[class];
}

static alloc_class some_class(generator *g)
{
    return chance(g, 70) ? ALLOC_GPR : ALLOC_XMM;
}

/* What an instruction takes of one class. */
typedef struct demand {
    uint32_t used, lasting; /* fixed uses */
    uint32_t written;       /* clobbers and fixed definitions */
    uint32_t uses, lasts, temps, defs, sames;
} demand;

static uint32_t bits(uint32_t mask)
{
    return (uint32_t)__builtin_popcount(mask);
}

static bool is_feasible(const generator *g, const demand *d, uint32_t class, bool is_call)
{
    uint32_t available = g->p.a.available[class];
    uint32_t count = bits(available);
    uint32_t held = d->lasts + d->temps + d->sames;
    if (is_call) {
        return bits(d->used & available) + d->uses + d->lasts + d->temps <= count &&
               bits(d->written & available) + d->defs <= count;
    }
    return bits(d->used & available) + d->uses + held <= count &&
           bits((d->used | d->written) & available) + held <= count &&
           bits((d->lasting | d->written) & available) + held + d->defs <= count;
}

static int some_reg(generator *g, alloc_class class, uint32_t taken)
{
    for (uint32_t tries = 0; tries < 30; tries++) {
        uint32_t reg = pick(g, ALLOC_REGS);
        bool is_fine = g->p.a.available[class] >> reg & 1 || chance(g, 3);
        if (is_fine && !(taken >> reg & 1)) {
            return (int)reg;
        }
    }
    return -1;
}

typedef struct maker {
    generator *g;
    demand demands[ALLOC_CLASSES];
    bool is_call;
    bool is_same;
} maker;

static bool fits(const maker *m)
{
    return is_feasible(m->g, &m->demands[0], 0, m->is_call) &&
           is_feasible(m->g, &m->demands[1], 1, m->is_call);
}

static bool add_use(maker *m, bool is_first)
{
    generator *g = m->g;
    alloc_class class = some_class(g);
    demand *d = &m->demands[class];
    demand old = *d;
    alloc_kind kind = is_first && m->is_same ? ALLOC_USE : (alloc_kind)pick(g, 3);
    bool lasts = !(is_first && m->is_same) && !m->is_call && chance(g, 25);
    int reg = -1;
    if (kind == ALLOC_USE) {
        *(lasts ? &d->lasts : &d->uses) += 1;
    } else if (kind == ALLOC_USE_FIXED) {
        reg = some_reg(g, class, d->used | (lasts ? d->written : 0));
        if (reg < 0) {
            return false;
        }
        d->used |= 1u << reg;
        d->lasting |= lasts ? 1u << reg : 0;
    } else if (lasts) {
        d->lasts++; /* it may be in a register */
    }
    if (!fits(m)) {
        *d = old;
        return false;
    }
    program_use(&g->p, kind, old_value(g, class), reg)->lasts = lasts;
    return true;
}

static void add_def(maker *m, uint32_t *defs, uint32_t *count)
{
    generator *g = m->g;
    alloc_class class = some_class(g);
    demand *d = &m->demands[class];
    demand old = *d;
    bool is_fixed = chance(g, m->is_call ? 80 : 25);
    int reg = is_fixed ? some_reg(g, class, d->written | d->lasting) : -1;
    if (is_fixed && reg >= 0) {
        d->written |= 1u << reg;
    } else {
        is_fixed = false;
        d->defs++;
    }
    if (!fits(m)) {
        *d = old;
        return;
    }
    defs[(*count)++] = program_def(&g->p, is_fixed ? ALLOC_DEF_FIXED : ALLOC_DEF, class, reg);
}

static void add_clobbers(maker *m, uint32_t inst)
{
    for (uint32_t c = 0; c < ALLOC_CLASSES; c++) {
        demand *d = &m->demands[c];
        demand old = *d;
        uint32_t mask = 1u << pick(m->g, ALLOC_REGS);
        mask |= 1u << pick(m->g, ALLOC_REGS);
        mask &= ~d->lasting;
        d->written |= mask;
        if (!m->is_call && fits(m)) {
            m->g->p.insts.items[inst].clobbers[c] = mask;
        } else {
            *d = old;
        }
    }
}

static void keep(generator *g, const uint32_t *defs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        MU_ARRAY_PUSH(&g->scope, defs[i]);
    }
}

/* An instruction; its definitions come into scope. */
static void make_inst(generator *g, bool may_define)
{
    maker m = {.g = g, .is_call = chance(g, g->call_percent)};
    alloc_safety safety = m.is_call       ? ALLOC_CALL
                          : chance(g, 10) ? ALLOC_COLD_SAFEPOINT
                                          : ALLOC_PLAIN;
    uint32_t inst = program_inst(&g->p, safety);
    uint32_t defs[4];
    uint32_t count = 0;
    m.is_same = !m.is_call && may_define && chance(g, 30);
    uint32_t uses = pick(g, 4) + m.is_same;
    for (uint32_t i = 0; i < uses; i++) {
        bool added = add_use(&m, i == 0);
        if (i == 0 && !added) {
            m.is_same = false;
        }
    }
    if (chance(g, 20)) {
        add_clobbers(&m, inst);
    }
    if (m.is_same) {
        const alloc_operand *first = &g->p.operands.items[g->p.insts.items[inst].first_operand];
        alloc_class class = g->p.values.items[first->value].class;
        demand old = m.demands[class];
        m.demands[class].sames++;
        m.demands[class].uses--;
        if (fits(&m)) {
            defs[count++] = program_def(&g->p, ALLOC_DEF_SAME, class, -1);
        } else {
            m.demands[class] = old;
        }
    }
    for (uint32_t i = pick(g, 3); may_define && i > 0; i--) {
        add_def(&m, defs, &count);
    }
    for (uint32_t i = chance(g, 20); i > 0; i--) {
        alloc_class class = some_class(g);
        m.demands[class].temps++;
        if (fits(&m)) {
            program_temp(&g->p, class);
        }
    }
    keep(g, defs, count);
}

static void begin_block(generator *g)
{
    g->block = program_block(&g->p, g->depth);
}

static void add_args(generator *g, uint32_t edge, const uint32_t *params, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        program_arg(&g->p, edge, old_value(g, g->p.values.items[params[i]].class));
    }
}

/* A bare jump's edge, whose arguments are chosen later from what is in scope now. */
typedef struct leaving {
    uint32_t block;
    uint32_t args[4];
} leaving;

static leaving leave(generator *g, const alloc_class *classes, uint32_t count)
{
    program_inst(&g->p, ALLOC_PLAIN);
    leaving l = {.block = g->block};
    for (uint32_t i = 0; i < count; i++) {
        l.args[i] = old_value(g, classes[i]);
    }
    return l;
}

static void make_region(generator *g, uint32_t nesting);

static void make_branch(generator *g, uint32_t nesting)
{
    uint32_t arms = 2 + pick(g, 2);
    alloc_class classes[4];
    uint32_t params = pick(g, 4);
    leaving ends[3];
    for (uint32_t i = 0; i < params; i++) {
        classes[i] = some_class(g);
    }
    make_inst(g, true);
    uint32_t head = g->block;
    uint32_t scope = g->scope.count;
    for (uint32_t arm = 0; arm < arms; arm++) {
        begin_block(g);
        uint32_t passed = chance(g, 20);
        uint32_t edge = program_edge_add(&g->p, head, g->block);
        if (passed) {
            add_args(g, edge, (uint32_t[]){g->constants.items[0]}, 1);
            uint32_t param = program_param(&g->p, ALLOC_GPR);
            MU_ARRAY_PUSH(&g->scope, param);
        }
        if (chance(g, 75)) {
            make_region(g, nesting + 1);
        }
        ends[arm] = leave(g, classes, params);
        g->scope.count = scope;
    }
    begin_block(g);
    for (uint32_t i = 0; i < params; i++) {
        uint32_t param = program_param(&g->p, classes[i]);
        MU_ARRAY_PUSH(&g->scope, param);
    }
    for (uint32_t arm = 0; arm < arms; arm++) {
        uint32_t edge = program_edge_add(&g->p, ends[arm].block, g->block);
        for (uint32_t i = 0; i < params; i++) {
            program_arg(&g->p, edge, ends[arm].args[i]);
        }
    }
}

static void make_loop(generator *g, uint32_t nesting)
{
    uint32_t params = pick(g, 4);
    alloc_class classes[4];
    for (uint32_t i = 0; i < params; i++) {
        classes[i] = some_class(g);
    }
    leaving entry = leave(g, classes, params);
    g->depth++;
    begin_block(g);
    uint32_t header = g->block;
    uint32_t edge = program_edge_add(&g->p, entry.block, header);
    for (uint32_t i = 0; i < params; i++) {
        program_arg(&g->p, edge, entry.args[i]);
        uint32_t param = program_param(&g->p, classes[i]);
        MU_ARRAY_PUSH(&g->scope, param);
    }
    bool is_late = chance(g, 50); /* the exit is at the end */
    if (is_late) {
        make_region(g, nesting + 1);
    }
    make_inst(g, true);
    uint32_t exiting = g->block;
    uint32_t scope = g->scope.count;
    begin_block(g);
    program_edge_add(&g->p, exiting, g->block);
    if (!is_late) {
        make_region(g, nesting + 1);
    }
    leaving latch = leave(g, classes, params);
    edge = program_edge_add(&g->p, latch.block, header);
    for (uint32_t i = 0; i < params; i++) {
        program_arg(&g->p, edge, latch.args[i]);
    }
    g->p.blocks.items[header].loop_end = latch.block;
    g->depth--;
    g->scope.count = scope;
    begin_block(g);
    program_edge_add(&g->p, exiting, g->block);
}

/* A jump with operands to a block that nothing else jumps to. */
static void make_step(generator *g)
{
    uint32_t from = g->block;
    make_inst(g, true);
    begin_block(g);
    program_edge_add(&g->p, from, g->block);
}

static void make_region(generator *g, uint32_t nesting)
{
    uint32_t items = 1 + pick(g, 5);
    for (uint32_t i = 0; i < items; i++) {
        uint32_t kind = pick(g, 12);
        if (nesting < 4 && g->budget > 20 && kind == 0) {
            make_branch(g, nesting);
        } else if (nesting < 4 && g->budget > 20 && kind == 1) {
            make_loop(g, nesting);
        } else if (kind == 2) {
            make_step(g);
        } else {
            for (uint32_t k = pick(g, 5); k > 0; k--) {
                make_inst(g, true);
                g->budget -= g->budget > 0;
            }
        }
    }
}

static void make_program(generator *g, uint64_t seed, uint32_t gprs, uint32_t xmms)
{
    *g = (generator){.seed = seed * 0x9e3779b97f4a7c15u + 1};
    program_init(&g->p, gprs, xmms);
    g->budget = 20 + pick(g, 150);
    g->call_percent = pick(g, 3) * 8;
    for (uint32_t i = 0; i < 4; i++) {
        MU_ARRAY_PUSH(&g->constants, program_constant(&g->p, i % 2 ? ALLOC_XMM : ALLOC_GPR));
    }
    begin_block(g);
    program_inst(&g->p, ALLOC_PLAIN);
    for (uint32_t c = 0; c < ALLOC_CLASSES; c++) {
        for (uint32_t r = 0; r < ALLOC_REGS; r++) {
            if (g->p.a.available[c] >> r & 1 && chance(g, 60)) {
                uint32_t value = program_def(&g->p, ALLOC_DEF_FIXED, c, (int)r);
                MU_ARRAY_PUSH(&g->scope, value);
            }
        }
    }
    if (g->scope.count == 0) {
        uint32_t value = program_def(&g->p, ALLOC_DEF, ALLOC_GPR, -1);
        MU_ARRAY_PUSH(&g->scope, value);
    }
    while (g->budget > 0 && g->p.insts.count < 600) {
        make_region(g, 0);
    }
    make_inst(g, false);
}

static void end_program(generator *g)
{
    MU_ARRAY_FREE(&g->scope);
    MU_ARRAY_FREE(&g->constants);
    program_deinit(&g->p);
}

static void run(uint64_t first, uint64_t count, uint32_t gprs, uint32_t xmms)
{
    program_costs costs = {0};
    uint32_t insts = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        generator g;
        make_program(&g, seed, gprs, xmms);
        program_allocate(&g.p);
        const char *error = program_check(&g.p);
        if (error) {
            program_print(&g.p);
        }
        cr_assert(!error, "seed %llu: %s", (unsigned long long)seed, error);
        program_costs each = program_count(&g.p);
        costs.moves += each.moves;
        costs.loop_moves += each.loop_moves;
        insts += g.p.insts.count;
        end_program(&g);
    }
    cr_log_info("%u instructions: %u moves, %u in loops\n", insts, costs.moves, costs.loop_moves);
}

Test(mu_jit_alloc, random_functions_with_few_registers)
{
    run(1, 1500, 0x7, 0x3);
}

Test(mu_jit_alloc, random_functions_with_scattered_registers)
{
    run(10001, 1000, 0x8185, 0x4211);
}

Test(mu_jit_alloc, random_functions_with_all_registers)
{
    run(20001, 1500, 0x33ef, 0x3fff);
}
