/* Register allocation, pass after pass:
 *
 *   alloc_liveness.c    which values are alive where each block begins
 *   alloc_intervals.c   their ranges and uses, and what lives on behind safepoints
 *   alloc_constants.c   constants' ranges, and registers that instructions fix
 *   alloc_scan.c        registers or memory for every piece of an interval
 *                       (with alloc_pieces.c, alloc_queue.c, alloc_spill.c)
 *   alloc_slots.c       memory is slots
 *   alloc_resolve.c     operands' places, moves in blocks
 *   alloc_edges.c       moves between blocks
 */
#include "alloc_intervals.h"

static void unite(alloc_state *s, uint32_t value, uint32_t other)
{
    if (!s->a->values[value].is_constant && !s->a->values[other].is_constant) {
        s->infos[alloc_group_of(s, other)].group = alloc_group_of(s, value);
    }
}

static void find_groups(alloc_state *s)
{
    const alloc *a = s->a;
    for (uint32_t v = 0; v < a->value_count; v++) {
        if (a->values[v].hint != ALLOC_NONE) {
            unite(s, v, a->values[v].hint);
        }
    }
    for (uint32_t b = 0; b < a->block_count; b++) {
        const alloc_block *block = &a->blocks[b];
        for (uint32_t i = 0; i < block->pred_count * block->param_count; i++) {
            unite(s, block->params[i % block->param_count], block->args[i]);
        }
    }
}

static void begin(alloc_state *s)
{
    alloc *a = s->a;
    s->infos = MU_ARENA_ARRAY(a->arena, alloc_info, a->value_count);
    for (uint32_t v = 0; v < a->value_count; v++) {
        s->infos[v] = (alloc_info){.range = ALLOC_NONE,
                                   .want = ALLOC_NONE,
                                   .def_block = ALLOC_NONE,
                                   .def_inst = ALLOC_NONE,
                                   .copy_of = ALLOC_NONE,
                                   .group = v,
                                   .slot = ALLOC_NONE,
                                   .required = ALLOC_NO_REG,
                                   .last_piece = ALLOC_NONE,
                                   .last_reg = ALLOC_NO_REG,
                                   .group_reg = ALLOC_NO_REG};
    }
    s->block_of = MU_ARENA_ARRAY(a->arena, uint32_t, a->inst_count + 1);
    s->loop_of = MU_ARENA_ARRAY(a->arena, uint32_t, a->block_count);
    s->outer_loop = MU_ARENA_ARRAY(a->arena, uint32_t, a->block_count);
    s->edge_index = MU_ARENA_ARRAY(a->arena, uint32_t, a->block_count);
}

static void finish(alloc_state *s)
{
    MU_ARRAY_FREE(&s->ranges);
    MU_ARRAY_FREE(&s->wants);
    MU_ARRAY_FREE(&s->pieces);
    MU_ARRAY_FREE(&s->live);
    MU_ARRAY_FREE(&s->moves);
    MU_ARRAY_FREE(&s->queue);
    MU_ARRAY_FREE(&s->calls.ranges);
    for (uint32_t c = 0; c < ALLOC_CLASSES; c++) {
        MU_ARRAY_FREE(&s->inactive[c]);
        for (uint32_t r = 0; r < ALLOC_REGS; r++) {
            MU_ARRAY_FREE(&s->blocked[c][r].ranges);
        }
    }
}

mu_status alloc_registers(alloc *a)
{
    mu_status status = MU_OK;
    alloc_state s = {.a = a};
    begin(&s);
    MU_TRY(alloc_find_liveness(&s));
    find_groups(&s);
    MU_TRY(alloc_build_intervals(&s));
    MU_TRY(alloc_build_constants(&s));
    MU_TRY(alloc_scan(&s));
    alloc_index_pieces(&s);
    MU_TRY(alloc_resolve(&s));
done:
    finish(&s);
    return status;
}
