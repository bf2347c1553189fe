/* The linear scan: pieces in the order in which they begin each get a register that is free as long
 * as they live, or for a while, and are cut there; or one that is taken from the piece that is
 * asked for last; or memory, until behind which they are needed again.
 *
 *   active    in a register at the position
 *   inactive  in a register, but in a hole; what is given in the hole is cut at its end
 *
 * A value that was never cut does not meet what is in a hole when it is defined (SSA form: one of
 * the two would have to be alive at the other's definition), so only others look for that. */
#include "alloc_intervals.h"

/* Where each register of the class ceases to be free for a piece. */
typedef struct limits {
    uint32_t hard[ALLOC_REGS]; /* what cannot be evicted */
} limits;

/* --- What is alive where -----------------------------------------------------------------------*/

/* Whether the piece lives at the position; moves its cursor there. */
static bool covers(alloc_state *s, alloc_piece *piece, uint32_t position)
{
    while (piece->range != ALLOC_NONE && s->ranges.items[piece->range].to <= position) {
        piece->range = s->ranges.items[piece->range].next;
    }
    return piece->range != ALLOC_NONE && s->ranges.items[piece->range].from <= position;
}

static void advance_active(alloc_state *s, uint32_t class, uint32_t position)
{
    for (uint32_t r = 0; r < ALLOC_REGS; r++) {
        uint32_t active = s->active[class][r];
        if (active == ALLOC_NONE) {
            continue;
        }
        alloc_piece *piece = &s->pieces.items[active];
        if (piece->to <= position) {
            s->active[class][r] = ALLOC_NONE;
        } else if (!covers(s, piece, position)) {
            MU_ARRAY_PUSH(&s->inactive[class], active);
            s->active[class][r] = ALLOC_NONE;
        }
    }
}

static void advance_inactive(alloc_state *s, uint32_t class, uint32_t position)
{
    uint32_t kept = 0;
    uint32_t count = s->inactive[class].count;
    uint32_t *items = s->inactive[class].items;
    for (uint32_t i = 0; i < count; i++) {
        alloc_piece *piece = &s->pieces.items[items[i]];
        if (piece->to <= position) {
            continue;
        }
        if (covers(s, piece, position)) {
            MU_INVARIANT(s->active[class][piece->reg] == ALLOC_NONE, "register %d twice",
                         piece->reg);
            s->active[class][piece->reg] = items[i];
        } else {
            items[kept++] = items[i];
        }
    }
    s->inactive[class].count = kept;
}

static void advance_blocked(alloc_blocked *blocked, uint32_t position)
{
    while (blocked->cursor < blocked->ranges.count &&
           blocked->ranges.items[blocked->cursor].to <= position) {
        blocked->cursor++;
    }
}

static void advance(alloc_state *s, uint32_t position)
{
    advance_blocked(&s->calls, position);
    for (uint32_t c = 0; c < ALLOC_CLASSES; c++) {
        advance_active(s, c, position);
        advance_inactive(s, c, position);
        for (uint32_t r = 0; r < ALLOC_REGS; r++) {
            advance_blocked(&s->blocked[c][r], position);
        }
    }
}

static limits limits_of(alloc_state *s, const alloc_piece *piece, uint32_t from)
{
    limits l;
    uint32_t call = alloc_meet_blocked(s, piece, from, &s->calls);
    for (uint32_t r = 0; r < ALLOC_REGS; r++) {
        l.hard[r] = 0;
        if (s->a->available[piece->class] >> r & 1) {
            uint32_t meets = alloc_meet_blocked(s, piece, from, &s->blocked[piece->class][r]);
            l.hard[r] = meets < call ? meets : call;
        }
    }
    bool is_whole = piece->value != ALLOC_NONE && !alloc_is_constant(s, piece) &&
                    piece->from == s->infos[piece->value].start;
    for (uint32_t i = 0; i < s->inactive[piece->class].count; i++) {
        const alloc_piece *other = &s->pieces.items[s->inactive[piece->class].items[i]];
        if (is_whole && !alloc_is_constant(s, other)) {
            continue;
        }
        uint32_t meets = alloc_meet(s, piece, other);
        l.hard[other->reg] = meets < l.hard[other->reg] ? meets : l.hard[other->reg];
    }
    return l;
}

/* --- Registers ---------------------------------------------------------------------------------*/

static void give(alloc_state *s, uint32_t piece, uint32_t reg)
{
    alloc_piece *p = &s->pieces.items[piece];
    MU_INVARIANT(s->active[p->class][reg] == ALLOC_NONE, "register %u is taken", reg);
    p->reg = (int8_t)reg;
    s->active[p->class][reg] = piece;
    if (p->value == ALLOC_NONE) {
        return;
    }
    alloc_info *info = &s->infos[p->value];
    info->last_reg = p->reg;
    info->last_piece = piece;
    alloc_info *group = &s->infos[alloc_group_of(s, p->value)];
    bool is_loop_param = info->def_inst == ALLOC_NONE && p->from == info->start &&
                         !alloc_is_constant(s, p) &&
                         s->a->blocks[info->def_block].loop_end != ALLOC_NONE;
    if (group->group_reg == ALLOC_NO_REG || is_loop_param) {
        group->group_reg = p->reg;
    }
}

typedef struct choice {
    const limits *free;
    const alloc_piece *piece;
    uint32_t best; /* ALLOC_NONE: none yet */
} choice;

static void hint(choice *c, int8_t reg)
{
    if (c->best == ALLOC_NONE && reg != ALLOC_NO_REG && c->free->hard[reg] >= c->piece->to) {
        c->best = (uint32_t)reg;
    }
}

static void hint_arguments(alloc_state *s, choice *c, uint32_t value)
{
    const alloc_info *info = &s->infos[value];
    if (info->def_inst != ALLOC_NONE || info->def_block == ALLOC_NONE) {
        return;
    }
    const alloc_block *block = &s->a->blocks[info->def_block];
    uint32_t index = 0;
    while (block->params[index] != value) {
        index++;
    }
    for (uint32_t p = 0; p < block->pred_count && c->best == ALLOC_NONE; p++) {
        hint(c, s->infos[block->args[p * block->param_count + index]].last_reg);
    }
}

/* A register free all the time in which a move would be saved; ALLOC_NONE: there is none. */
static uint32_t hinted(alloc_state *s, const alloc_piece *piece, const limits *free)
{
    choice c = {.free = free, .piece = piece, .best = ALLOC_NONE};
    if (piece->value == ALLOC_NONE) {
        return c.best;
    }
    const alloc_info *info = &s->infos[piece->value];
    const alloc_want *want = alloc_next_want(s, piece, piece->from + 1, false);
    if (want && info->last_reg != ALLOC_NO_REG && want->until >= piece->to) {
        hint(&c, want->reg);
    }
    hint(&c, info->last_reg);
    if (piece->from == info->start && !alloc_is_constant(s, piece)) {
        if (info->copy_of != ALLOC_NONE) {
            hint(&c, s->infos[info->copy_of].last_reg);
        }
        if (s->a->values[piece->value].hint != ALLOC_NONE) {
            hint(&c, s->infos[s->a->values[piece->value].hint].last_reg);
        }
        hint_arguments(s, &c, piece->value);
    }
    hint(&c, s->infos[alloc_group_of(s, piece->value)].group_reg);
    if (want) {
        hint(&c, want->reg);
    }
    return c.best;
}

/* The register that is free just long enough, else the one that is free longest. */
static uint32_t fitting(const alloc_piece *piece, const limits *free, int8_t favourite)
{
    uint32_t best = 0;
    for (uint32_t r = 1; r < ALLOC_REGS; r++) {
        bool fits = free->hard[r] >= piece->to;
        bool best_fits = free->hard[best] >= piece->to;
        if (fits != best_fits ? fits
            : fits            ? free->hard[r] < free->hard[best]
                              : free->hard[r] > free->hard[best]) {
            best = r;
        }
    }
    if (favourite != ALLOC_NO_REG && free->hard[best] < piece->to &&
        free->hard[favourite] == free->hard[best]) {
        best = (uint32_t)favourite;
    }
    return best;
}

/* Whether it pays to begin in a register that is free until `limit` only. */
static bool is_worth_holding(const alloc_state *s, const alloc_piece *piece, uint32_t limit)
{
    if (alloc_is_constant(s, piece)) {
        return false;
    }
    return alloc_used_until(s, piece, limit) != 0 ||
           (s->a->insts[limit / 4].safety == ALLOC_CALL &&
            alloc_next_arm(s, piece, piece, limit + 1) != ALLOC_NONE);
}

static bool give_free(alloc_state *s, uint32_t piece, const limits *hard)
{
    const alloc_piece *p = &s->pieces.items[piece];
    limits free = *hard;
    for (uint32_t r = 0; r < ALLOC_REGS; r++) {
        if (s->active[p->class][r] != ALLOC_NONE) {
            free.hard[r] = 0;
        }
    }
    uint32_t reg = hinted(s, p, &free);
    if (reg == ALLOC_NONE) {
        int8_t favourite =
            p->value == ALLOC_NONE ? (int8_t)ALLOC_NO_REG : s->infos[p->value].last_reg;
        reg = fitting(p, &free, favourite);
    }
    uint32_t limit = alloc_usable_limit(s, p, free.hard[reg]);
    if (limit < p->to) {
        bool is_needed = alloc_held_until(s, p) != 0;
        if (limit <= p->from || limit < alloc_held_until(s, p) ||
            (!is_needed && !is_worth_holding(s, p, limit))) {
            return false;
        }
    }
    give(s, piece, reg);
    alloc_cut_at_limit(s, piece, limit);
    return true;
}

/* --- Eviction ----------------------------------------------------------------------------------*/

/* How far the use is for which the piece would have to come back, weighted by what else speaks for
 * evicting it; 0 forbids that. */
static uint64_t distance(alloc_state *s, alloc_piece *piece, uint32_t position)
{
    uint32_t next = alloc_first_want(s, piece, position);
    while (next != ALLOC_NONE && s->wants.items[next].position < position) {
        piece->passed = next;
        next = s->wants.items[next].next;
    }
    if (piece->passed != ALLOC_NONE && s->wants.items[piece->passed].until > position) {
        return 0;
    }
    const alloc_want *want = next == ALLOC_NONE ? NULL : &s->wants.items[next];
    if (want && want->position == position && want->must) {
        return 0;
    }
    if (piece->value == ALLOC_NONE) {
        return 0;
    }
    uint64_t far = !want || want->position >= piece->to ? piece->to : want->position;
    far = 4 * (far - position + 1);
    if (alloc_is_constant(s, piece)) {
        return 4 * far;
    }
    const alloc_info *info = &s->infos[piece->value];
    if (info->is_spilled) {
        return 2 * far;
    }
    uint32_t here = s->a->blocks[s->block_of[position / 4]].loop_depth;
    return s->a->blocks[info->def_block].loop_depth > here ? far / 2 + 1 : far;
}

static void evict(alloc_state *s, uint32_t class, uint32_t reg, uint32_t position)
{
    uint32_t piece = s->active[class][reg];
    s->active[class][reg] = ALLOC_NONE;
    alloc_piece *p = &s->pieces.items[piece];
    uint32_t until = alloc_used_until(s, p, position);
    if (until <= p->from) {
        alloc_spill(s, piece, position + 1);
        return;
    }
    uint32_t rest = alloc_piece_split(s, piece, until);
    if (rest != ALLOC_NONE) {
        s->pieces.items[rest].from = until; /* ranges that have passed belong to it, too */
        alloc_spill(s, rest, position + 1);
    }
}

/* A use that may be in any register gives way to what cannot. */
static bool displace(alloc_state *s, const alloc_piece *piece, const limits *hard, uint32_t *reg)
{
    uint32_t until = alloc_held_until(s, piece);
    for (uint32_t r = 0; r < ALLOC_REGS; r++) {
        uint32_t other = s->active[piece->class][r];
        if (other == ALLOC_NONE || alloc_usable_limit(s, piece, hard->hard[r]) < until) {
            continue;
        }
        alloc_piece *o = &s->pieces.items[other];
        const alloc_want *want = alloc_next_want(s, o, piece->from, true);
        if (!want || want->position != piece->from || want->until >= until ||
            alloc_used_until(s, o, piece->from) > piece->from) {
            continue;
        }
        s->active[piece->class][r] = ALLOC_NONE;
        if (o->from < piece->from) {
            other = alloc_piece_split(s, other, piece->from);
        } else {
            o->reg = ALLOC_NO_REG;
        }
        alloc_enqueue(s, other);
        *reg = r;
        return true;
    }
    return false;
}

static bool give_evicted(alloc_state *s, uint32_t piece, const limits *hard)
{
    const alloc_piece *p = &s->pieces.items[piece];
    uint32_t from = p->from;
    uint32_t until = alloc_held_until(s, p);
    uint64_t most = 0;
    const alloc_want *must = alloc_next_want(s, p, from, true);
    if (until == 0) {
        if (!must || alloc_is_constant(s, p)) {
            return false;
        }
        most = 4 * (uint64_t)(alloc_next_want(s, p, from, false)->position - from + 1);
        until = must->until;
    }
    uint32_t best = ALLOC_NONE;
    for (uint32_t r = 0; r < ALLOC_REGS; r++) {
        uint32_t active = s->active[p->class][r];
        if (active == ALLOC_NONE || alloc_usable_limit(s, p, hard->hard[r]) < until) {
            continue;
        }
        uint64_t far = distance(s, &s->pieces.items[active], from);
        if (far > most) {
            most = far;
            best = r;
        }
    }
    if (best != ALLOC_NONE) {
        evict(s, p->class, best, from);
    } else if (alloc_held_until(s, p) == 0) {
        return false;
    } else {
        MU_INVARIANT(displace(s, p, hard, &best), "instruction %u asks for too many registers",
                     from / 4);
    }
    give(s, piece, best);
    alloc_cut_at_limit(s, piece, alloc_usable_limit(s, &s->pieces.items[piece], hard->hard[best]));
    return true;
}

/* Defined in a register that nothing else is in then. */
static void give_required(alloc_state *s, uint32_t piece)
{
    const alloc_piece *p = &s->pieces.items[piece];
    uint32_t reg = (uint32_t)p->required;
    uint32_t until = s->wants.items[p->want].until;
    uint32_t limit = until;
    if (s->a->available[p->class] >> reg & 1) {
        limits hard = limits_of(s, p, (p->from / 4 + 1) * 4);
        limit = hard.hard[reg];
    }
    limit = alloc_usable_limit(s, p, limit);
    MU_INVARIANT(limit >= until || limit >= p->to, "instruction %u: register %u", p->from / 4, reg);
    give(s, piece, reg);
    alloc_cut_at_limit(s, piece, limit);
}

static void place(alloc_state *s, uint32_t piece)
{
    const alloc_piece *p = &s->pieces.items[piece];
    if (p->required != ALLOC_NO_REG) {
        give_required(s, piece);
        return;
    }
    limits hard = limits_of(s, p, p->from);
    if (!give_free(s, piece, &hard) && !give_evicted(s, piece, &hard)) {
        alloc_spill(s, piece, s->pieces.items[piece].from + 1);
    }
}

mu_status alloc_scan(alloc_state *s)
{
    for (uint32_t c = 0; c < ALLOC_CLASSES; c++) {
        for (uint32_t r = 0; r < ALLOC_REGS; r++) {
            s->active[c][r] = ALLOC_NONE;
        }
    }
    for (uint32_t p = 0; p < s->pieces.count; p++) {
        alloc_enqueue(s, p);
    }
    uint32_t position = 0;
    while (s->queue.count > 0) {
        uint32_t piece = alloc_dequeue(s);
        uint32_t from = s->pieces.items[piece].from;
        MU_INVARIANT(from >= position, "piece of value %u at %u behind the scan",
                     s->pieces.items[piece].value, from);
        if (from > position) {
            position = from;
            advance(s, position);
        }
        place(s, piece);
        if (s->pieces.count > ALLOC_MOST) {
            return MU_LIMIT;
        }
    }
    return MU_OK;
}
