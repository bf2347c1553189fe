#include "alloc_program.h"

#include <stdio.h>

void program_init(program *p, uint32_t gprs, uint32_t xmms)
{
    *p = (program){.arena = mu_arena_new()};
    p->a.available[ALLOC_GPR] = gprs;
    p->a.available[ALLOC_XMM] = xmms;
}

void program_deinit(program *p)
{
    MU_ARRAY_FREE(&p->values);
    MU_ARRAY_FREE(&p->blocks);
    MU_ARRAY_FREE(&p->insts);
    MU_ARRAY_FREE(&p->operands);
    MU_ARRAY_FREE(&p->edges);
    mu_arena_free(p->arena);
}

uint32_t program_value(program *p, alloc_class class)
{
    MU_ARRAY_PUSH(&p->values, (alloc_value){.class = class, .hint = ALLOC_NONE});
    return p->values.count - 1;
}

uint32_t program_constant(program *p, alloc_class class)
{
    uint32_t value = program_value(p, class);
    p->values.items[value].is_constant = true;
    return value;
}

uint32_t program_block(program *p, uint32_t loop_depth)
{
    MU_ARRAY_PUSH(&p->blocks, (alloc_block){.first_inst = p->insts.count,
                                            .loop_depth = loop_depth,
                                            .loop_end = ALLOC_NONE,
                                            .params = MU_ARENA_ARRAY(p->arena, uint32_t, 8)});
    return p->blocks.count - 1;
}

uint32_t program_param(program *p, alloc_class class)
{
    alloc_block *block = &p->blocks.items[p->blocks.count - 1];
    uint32_t value = program_value(p, class);
    block->params[block->param_count++] = value;
    return value;
}

uint32_t program_inst(program *p, alloc_safety safety)
{
    MU_ARRAY_PUSH(&p->insts, (alloc_inst){.first_operand = p->operands.count, .safety = safety});
    p->blocks.items[p->blocks.count - 1].inst_count++;
    return p->insts.count - 1;
}

alloc_operand *program_use(program *p, alloc_kind kind, uint32_t value, int reg)
{
    MU_ARRAY_PUSH(&p->operands, (alloc_operand){.value = value, .kind = kind, .reg = (int8_t)reg});
    p->insts.items[p->insts.count - 1].operand_count++;
    return &p->operands.items[p->operands.count - 1];
}

uint32_t program_def(program *p, alloc_kind kind, alloc_class class, int reg)
{
    uint32_t value = program_value(p, class);
    program_use(p, kind, value, reg);
    return value;
}

void program_temp(program *p, alloc_class class)
{
    program_use(p, ALLOC_TEMP, ALLOC_NONE, -1)->class = class;
}

uint32_t program_edge_add(program *p, uint32_t from, uint32_t to)
{
    MU_ARRAY_PUSH(&p->edges, (program_edge){.from = from, .to = to});
    p->blocks.items[from].succ_count++;
    p->blocks.items[to].pred_count++;
    return p->edges.count - 1;
}

void program_arg(program *p, uint32_t edge, uint32_t value)
{
    program_edge *e = &p->edges.items[edge];
    e->args[e->arg_count++] = value;
}

static void connect(program *p)
{
    for (uint32_t b = 0; b < p->blocks.count; b++) {
        alloc_block *block = &p->blocks.items[b];
        block->preds = MU_ARENA_ARRAY(p->arena, uint32_t, block->pred_count);
        block->succs = MU_ARENA_ARRAY(p->arena, uint32_t, block->succ_count);
        block->args =
            MU_ARENA_ARRAY(p->arena, uint32_t, (size_t)block->pred_count * block->param_count);
        block->pred_count = block->succ_count = 0;
    }
    for (uint32_t e = 0; e < p->edges.count; e++) {
        const program_edge *edge = &p->edges.items[e];
        alloc_block *from = &p->blocks.items[edge->from];
        alloc_block *to = &p->blocks.items[edge->to];
        MU_INVARIANT(edge->arg_count == to->param_count, "%u arguments", edge->arg_count);
        for (uint32_t i = 0; i < edge->arg_count; i++) {
            to->args[to->pred_count * to->param_count + i] = edge->args[i];
        }
        from->succs[from->succ_count++] = edge->to;
        to->preds[to->pred_count++] = edge->from;
    }
}

void program_allocate(program *p)
{
    connect(p);
    p->a.values = p->values.items;
    p->a.value_count = p->values.count;
    p->a.blocks = p->blocks.items;
    p->a.block_count = p->blocks.count;
    p->a.insts = p->insts.items;
    p->a.inst_count = p->insts.count;
    p->a.operands = p->operands.items;
    p->a.operand_count = p->operands.count;
    p->a.arena = p->arena;
    mu_status status = alloc_registers(&p->a);
    MU_INVARIANT(status == MU_OK, "%s", mu_status_name(status));
}

uint32_t program_block_moves(const program *p, uint32_t block)
{
    const alloc_block *b = &p->blocks.items[block];
    uint32_t count = 0;
    for (uint32_t m = 0; m < p->a.move_count; m++) {
        uint32_t before = p->a.moves[m].before;
        count += before >= b->first_inst && before < b->first_inst + b->inst_count;
    }
    return count;
}

program_costs program_count(const program *p)
{
    program_costs costs = {.moves = p->a.move_count};
    uint32_t block = 0;
    for (uint32_t m = 0; m < p->a.move_count; m++) {
        while (p->a.moves[m].before >=
               p->blocks.items[block].first_inst + p->blocks.items[block].inst_count) {
            block++;
        }
        costs.loop_moves += p->blocks.items[block].loop_depth > 0;
    }
    return costs;
}

static void print_place(alloc_place place, alloc_class class)
{
    static const char *const names[] = {"nowhere", "r", "slot", "constant"};
    const char *name = place.where == ALLOC_IN_REG && class == ALLOC_XMM ? "x" : names[place.where];
    printf("%s%u", name, place.index);
}

static void print_operand(const program *p, const alloc_operand *o)
{
    static const char *const names[] = {"use",       "use_fixed", "use_any", "def",
                                        "def_fixed", "def_same",  "temp"};
    alloc_class class = o->value == ALLOC_NONE ? o->class : p->values.items[o->value].class;
    printf(" %s", names[o->kind]);
    if (o->value != ALLOC_NONE) {
        printf(" v%u", o->value);
    }
    printf("%s@", o->lasts ? "!" : "");
    print_place(o->place, class);
}

static void print_inst(const program *p, uint32_t i, uint32_t *move)
{
    const alloc_inst *inst = &p->insts.items[i];
    for (; *move < p->a.move_count && p->a.moves[*move].before == i; ++*move) {
        const alloc_move *m = &p->a.moves[*move];
        printf("      %u: ", m->order);
        print_place(m->to, m->class);
        printf(" = ");
        print_place(m->from, m->class);
        printf("\n");
    }
    printf("  %u (%s %x %x)", i,
           inst->safety == ALLOC_PLAIN  ? ""
           : inst->safety == ALLOC_CALL ? "call"
                                        : "cold",
           inst->clobbers[0], inst->clobbers[1]);
    for (uint32_t o = 0; o < inst->operand_count; o++) {
        print_operand(p, &p->operands.items[inst->first_operand + o]);
    }
    for (uint32_t l = 0; l < inst->live_count; l++) {
        const alloc_live *live = &p->a.live[inst->first_live + l];
        printf(" live v%u@", live->value);
        print_place(live->place, p->values.items[live->value].class);
    }
    printf("\n");
}

void program_print(const program *p)
{
    uint32_t move = 0;
    for (uint32_t b = 0; b < p->blocks.count; b++) {
        const alloc_block *block = &p->blocks.items[b];
        printf("block %u depth %u loop_end %d params", b, block->loop_depth, (int)block->loop_end);
        for (uint32_t i = 0; i < block->param_count; i++) {
            printf(" v%u", block->params[i]);
        }
        for (uint32_t e = 0; e < block->pred_count; e++) {
            printf(" from %u (", block->preds[e]);
            for (uint32_t i = 0; i < block->param_count; i++) {
                printf(" v%u", block->args[e * block->param_count + i]);
            }
            printf(" )");
        }
        printf("\n");
        for (uint32_t i = block->first_inst; i < block->first_inst + block->inst_count; i++) {
            print_inst(p, i, &move);
        }
    }
}
