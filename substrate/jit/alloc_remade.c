/* Constants in registers over cold safepoints: they have no slots, so what the runtime lost is made
 * again. */
#include "alloc_intervals.h"

typedef struct remaking {
    alloc_state *s;
    uint32_t *cold; /* instructions, ascending */
    uint32_t cold_count;
    alloc_pairs found; /* instruction; index in `made` */
    MU_ARRAY(alloc_remade) made;
} remaking;

static void list_cold(remaking *r)
{
    const alloc *a = r->s->a;
    r->cold = MU_ARENA_ARRAY(a->arena, uint32_t, a->inst_count + 1);
    for (uint32_t i = 0; i < a->inst_count; i++) {
        if (a->insts[i].safety == ALLOC_COLD_SAFEPOINT) {
            r->cold[r->cold_count++] = i;
        }
    }
}

/* The first whose end is at or behind `position`. */
static uint32_t first_behind(const remaking *r, uint32_t position)
{
    uint32_t low = 0;
    uint32_t high = r->cold_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (ALLOC_POSITION(r->cold[middle]) + 3 < position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* A constant's pieces have no holes. */
static void find_in(remaking *r, const alloc_piece *piece)
{
    for (uint32_t c = first_behind(r, piece->from);
         c < r->cold_count && ALLOC_POSITION(r->cold[c]) + 3 < piece->to; c++) {
        MU_ARRAY_PUSH(&r->found, ((alloc_pair){r->cold[c], r->made.count}));
        MU_ARRAY_PUSH(&r->made, ((alloc_remade){piece->value, (uint32_t)piece->reg}));
    }
}

static void find_of(remaking *r, uint32_t value)
{
    const alloc_state *s = r->s;
    const alloc_info *info = &s->infos[value];
    for (uint32_t p = 0; p < info->piece_count; p++) {
        const alloc_piece *piece = &s->sorted[info->first_piece + p];
        if (piece->reg != ALLOC_NO_REG) {
            find_in(r, piece);
        }
    }
}

/* By instruction, in the order of values. */
static void sort_found(remaking *r)
{
    alloc *a = r->s->a;
    for (uint32_t f = 0; f < r->found.count; f++) {
        a->insts[r->found.items[f].block].remade_count++;
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < a->inst_count; i++) {
        a->insts[i].first_remade = at;
        at += a->insts[i].remade_count;
        a->insts[i].remade_count = 0;
    }
    a->remade = MU_ARENA_ARRAY(a->arena, alloc_remade, at + 1);
    a->remade_count = at;
    for (uint32_t f = 0; f < r->found.count; f++) {
        alloc_inst *inst = &a->insts[r->found.items[f].block];
        a->remade[inst->first_remade + inst->remade_count++] =
            r->made.items[r->found.items[f].item];
    }
}

mu_status alloc_find_remade(alloc_state *s)
{
    remaking r = {.s = s};
    list_cold(&r);
    for (uint32_t v = 0; v < s->a->value_count && r.found.count <= ALLOC_MOST; v++) {
        if (s->a->values[v].is_constant) {
            find_of(&r, v);
        }
    }
    bool fits = r.found.count <= ALLOC_MOST;
    if (fits) {
        sort_found(&r);
    }
    MU_ARRAY_FREE(&r.found);
    MU_ARRAY_FREE(&r.made);
    return fits ? MU_OK : MU_LIMIT;
}
