/* Pieces that are cut where their register ends, and what becomes of the rest: memory costs nothing
 * to go to, since the slot has held the value since its definition, so only where the value comes
 * back is chosen here. */
#include "alloc_intervals.h"

/* Bounds on the search for another arm of a branch. */
#define MOST_ARMS  64u
#define MOST_PREDS 8u

static void put_in_memory(alloc_state *s, alloc_piece *piece)
{
    MU_INVARIANT(piece->value != ALLOC_NONE, "a temporary without register at %u", piece->from);
    piece->reg = ALLOC_NO_REG;
    if (!alloc_is_constant(s, piece)) {
        s->infos[piece->value].is_spilled = true;
    }
}

/* Whether some way to the block comes from before `before`, and there from within `piece`. */
static bool is_reached_from(const alloc_state *s, uint32_t block, const alloc_piece *piece,
                            uint32_t before)
{
    const alloc_block *at = &s->a->blocks[block];
    for (uint32_t p = 0; p < at->pred_count; p++) {
        uint32_t end = alloc_block_end(s, at->preds[p]) - 1;
        if (at->preds[p] < before && piece->from <= end && piece->to > end) {
            return true;
        }
    }
    return false;
}

uint32_t alloc_next_arm(const alloc_state *s, const alloc_piece *piece, const alloc_piece *held,
                        uint32_t position)
{
    uint32_t block = s->block_of[(position - 1) / 4];
    const alloc_want *want = alloc_next_want(s, piece, alloc_block_end(s, block), false);
    if (!want || s->block_of[want->position / 4] - block > MOST_ARMS) {
        return ALLOC_NONE;
    }
    uint32_t arm = ALLOC_NONE;
    uint32_t wanted = s->block_of[want->position / 4];
    for (uint32_t b = wanted; b > block; b--) {
        if (s->a->blocks[b].pred_count > MOST_PREDS) {
            return ALLOC_NONE;
        }
        if (s->a->blocks[b].loop_depth <= s->a->blocks[wanted].loop_depth &&
            is_reached_from(s, b, held, block)) {
            arm = b;
        }
    }
    return arm;
}

void alloc_spill(alloc_state *s, uint32_t piece, uint32_t position)
{
    alloc_piece *p = &s->pieces.items[piece];
    const alloc_want *want = alloc_next_want(s, p, position, true);
    put_in_memory(s, p);
    uint32_t back = want ? want->position : UINT32_MAX;
    if (!alloc_is_constant(s, p)) {
        back = want ? alloc_best_position(s, position, back) : back;
        uint32_t last = s->infos[p->value].last_piece;
        uint32_t arm =
            last == ALLOC_NONE ? last : alloc_next_arm(s, p, &s->pieces.items[last], position);
        if (arm != ALLOC_NONE && alloc_block_start(s, arm) < back) {
            back = alloc_block_start(s, arm);
        }
    }
    if (back < p->to) {
        uint32_t rest = alloc_piece_split(s, piece, back < position ? position : back);
        if (rest != ALLOC_NONE) {
            alloc_enqueue(s, rest);
        }
    }
}

uint32_t alloc_usable_limit(const alloc_state *s, const alloc_piece *piece, uint32_t limit)
{
    if (limit >= piece->to) {
        return limit;
    }
    if (limit % 4 == 2 && limit - 1 > piece->from) {
        limit--;
    }
    for (uint32_t w = piece->want; w != ALLOC_NONE; w = s->wants.items[w].next) {
        const alloc_want *want = &s->wants.items[w];
        if (want->position >= limit) {
            break;
        }
        if (want->until > limit) {
            return want->position;
        }
    }
    return limit;
}

uint32_t alloc_used_until(const alloc_state *s, const alloc_piece *piece, uint32_t limit)
{
    uint32_t first = alloc_first_want(s, piece, limit);
    uint32_t until = first == piece->want ? 0 : s->wants.items[piece->passed].until;
    for (uint32_t w = first; w != ALLOC_NONE; w = s->wants.items[w].next) {
        if (s->wants.items[w].position >= limit) {
            break;
        }
        until = s->wants.items[w].until;
    }
    return until;
}

void alloc_cut_at_limit(alloc_state *s, uint32_t piece, uint32_t limit)
{
    const alloc_piece *p = &s->pieces.items[piece];
    if (limit >= p->to) {
        return;
    }
    uint32_t first = alloc_used_until(s, p, limit);
    first = first <= p->from ? p->from + 1 : first;
    uint32_t at = limit;
    if (alloc_is_constant(s, p) && first < limit) {
        at = first;
    } else if (first < limit) {
        at = alloc_best_position(s, first, limit);
    }
    uint32_t rest = alloc_piece_split(s, piece, at < first ? first : at);
    if (rest == ALLOC_NONE) {
        return;
    }
    const alloc_piece *r = &s->pieces.items[rest];
    if ((alloc_is_constant(s, r) && alloc_held_until(s, r) == 0) || r->from % 4 == 2) {
        alloc_spill(s, rest, r->from);
    } else {
        alloc_enqueue(s, rest);
    }
}
