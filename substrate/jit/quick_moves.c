/* Parallel moves. Writes to overflow words come first, since nothing reads them; then every move
 * whose place nobody still reads; what then remains are cycles, each opened by putting one value
 * aside; constants come last. Linear in the number of moves. */
#include "quick.h"

#define PLACE_XMM  16u
#define PLACE_SLOT 32u

typedef struct place_state {
    uint32_t readers; /* pending moves that read it */
    uint32_t writer;  /* index of the pending move that writes it, or QUICK_NONE */
} place_state;

typedef struct move_plan {
    quick *q;
    quick_move *moves;
    bool *done;
    uint32_t count;
    place_state *places;
    uint32_t *ready; /* stack of moves that may be done */
    uint32_t ready_count;
} move_plan;

static uint32_t place_of(const quick_operand *operand)
{
    switch (operand->kind) {
    case QUICK_AT_GPR: return operand->index;
    case QUICK_AT_XMM: return PLACE_XMM + operand->index;
    case QUICK_AT_SLOT: return PLACE_SLOT + operand->index;
    case QUICK_AT_OVERFLOW:
    case QUICK_IMMEDIATE:
    case QUICK_GLOBAL:
    case QUICK_EXCEPTION: break;
    }
    return QUICK_NONE;
}

static x64_mem overflow_mem(uint32_t word)
{
    return x64_at(QUICK_TEMP2, (int32_t)(8 * word));
}

/* Puts what is not in a general register into `into`. */
static void load_into_gpr(quick *q, x64_gpr into, const quick_operand *from)
{
    switch (from->kind) {
    case QUICK_AT_GPR:
        if ((x64_gpr)from->index != into) {
            x64_mov_rr(q->a, 8, into, (x64_gpr)from->index);
        }
        break;
    case QUICK_AT_XMM: x64_fp_to_gpr(q->a, 8, into, (x64_xmm)from->index); break;
    case QUICK_AT_SLOT: x64_load(q->a, 8, into, quick_slot_mem(from->index)); break;
    case QUICK_IMMEDIATE: x64_mov_ri(q->a, into, from->immediate); break;
    case QUICK_GLOBAL: quick_load_global(q, into, from->immediate); break;
    case QUICK_EXCEPTION:
        x64_load(q->a, 8, into, x64_at(QUICK_THREAD, MU_THREAD_exception));
        x64_store_i(q->a, 8, x64_at(QUICK_THREAD, MU_THREAD_exception), 0);
        break;
    case QUICK_AT_OVERFLOW: MU_INVARIANT(false, "overflow words are not read by moves");
    }
}

static void store_to(quick *q, x64_mem to, const quick_operand *from)
{
    if (from->kind == QUICK_AT_GPR) {
        x64_store(q->a, 8, to, (x64_gpr)from->index);
    } else if (from->kind == QUICK_AT_XMM) {
        x64_fp_store(q->a, 8, to, (x64_xmm)from->index);
    } else if (from->kind == QUICK_IMMEDIATE &&
               (int64_t)from->immediate == (int32_t)from->immediate) {
        x64_store_i(q->a, 8, to, (int32_t)from->immediate);
    } else {
        load_into_gpr(q, QUICK_TEMP, from);
        x64_store(q->a, 8, to, QUICK_TEMP);
    }
}

static void emit_one(quick *q, const quick_move *move)
{
    const quick_operand *from = &move->from;
    switch (move->to.kind) {
    case QUICK_AT_GPR: load_into_gpr(q, (x64_gpr)move->to.index, from); break;
    case QUICK_AT_XMM:
        if (from->kind == QUICK_AT_XMM) {
            x64_fp_mov_rr(q->a, (x64_xmm)move->to.index, (x64_xmm)from->index);
        } else if (from->kind == QUICK_AT_SLOT) {
            x64_fp_load(q->a, 8, (x64_xmm)move->to.index, quick_slot_mem(from->index));
        } else if (from->kind == QUICK_IMMEDIATE && !from->immediate) {
            x64_fp_zero(q->a, (x64_xmm)move->to.index);
        } else {
            load_into_gpr(q, QUICK_TEMP, from);
            x64_fp_from_gpr(q->a, 8, (x64_xmm)move->to.index, QUICK_TEMP);
        }
        break;
    case QUICK_AT_SLOT: store_to(q, quick_slot_mem(move->to.index), from); break;
    case QUICK_AT_OVERFLOW: store_to(q, overflow_mem(move->to.index), from); break;
    case QUICK_IMMEDIATE:
    case QUICK_GLOBAL:
    case QUICK_EXCEPTION: MU_INVARIANT(false, "a move to a constant");
    }
}

static void emit_overflow(quick *q, const quick_moves *moves)
{
    bool loaded = false;
    for (uint32_t i = 0; i < moves->count; i++) {
        if (moves->items[i].to.kind != QUICK_AT_OVERFLOW) {
            continue;
        }
        if (!loaded) {
            x64_load(q->a, 8, QUICK_TEMP2, x64_at(QUICK_THREAD, MU_THREAD_overflow));
            loaded = true;
        }
        emit_one(q, &moves->items[i]);
    }
}

/* The move's source is read: whoever waits to write there may go on. */
static void after_read(move_plan *plan, uint32_t place)
{
    place_state *state = &plan->places[place];
    if (--state->readers == 0 && state->writer != QUICK_NONE) {
        plan->ready[plan->ready_count++] = state->writer;
    }
}

static void run_ready(move_plan *plan)
{
    while (plan->ready_count) {
        uint32_t index = plan->ready[--plan->ready_count];
        quick_move *move = &plan->moves[index];
        emit_one(plan->q, move);
        plan->done[index] = true;
        uint32_t from = place_of(&move->from);
        if (from != QUICK_NONE) {
            after_read(plan, from);
        }
    }
}

/* Only cycles are left: one value goes to r10 or xmm15, which frees the place it was in. A cycle of
 * general registers and slots may be told from one of xmm registers by the kind of the place
 * opened. */
static void open_cycle(move_plan *plan, uint32_t index)
{
    quick_move *move = &plan->moves[index];
    uint32_t from = place_of(&move->from);
    quick_operand aside = {.kind = QUICK_AT_GPR, .index = QUICK_TEMP2};
    if (move->from.kind == QUICK_AT_XMM) {
        aside = (quick_operand){.kind = QUICK_AT_XMM, .index = QUICK_XMM_TEMP};
    }
    emit_one(plan->q, &(quick_move){.to = aside, .from = move->from});
    move->from = aside;
    after_read(plan, from);
    run_ready(plan);
}

static bool is_register_like(const quick_operand *operand)
{
    return place_of(operand) != QUICK_NONE;
}

/* The states of all places, at rest; kept between calls, so that an edge costs what it moves and
 * not what the frame holds. */
static place_state *place_states(quick *q, uint32_t count)
{
    if (count > q->place_state_count) {
        uint32_t grown = count * 2;
        q->place_states = MU_ARENA_ARRAY(q->arena, place_state, grown);
        q->place_state_count = grown;
        for (uint32_t i = 0; i < grown; i++) {
            ((place_state *)q->place_states)[i].writer = QUICK_NONE;
        }
    }
    return q->place_states;
}

void quick_load_word(quick *q, x64_gpr reg, const quick_operand *from)
{
    load_into_gpr(q, reg, from);
}

void quick_emit_moves(quick *q, const quick_moves *moves)
{
    emit_overflow(q, moves);
    move_plan plan = {.q = q};
    uint32_t place_count = PLACE_SLOT + q->slot_count;
    plan.moves = MU_ARENA_ARRAY(q->arena, quick_move, moves->count);
    plan.done = MU_ARENA_ARRAY(q->arena, bool, moves->count);
    plan.ready = MU_ARENA_ARRAY(q->arena, uint32_t, moves->count + 1);
    bool any = false;
    for (uint32_t i = 0; i < moves->count; i++) {
        const quick_move *move = &moves->items[i];
        if (is_register_like(&move->to) && is_register_like(&move->from) &&
            place_of(&move->to) != place_of(&move->from)) {
            plan.moves[plan.count++] = *move;
            any = true;
        }
    }
    if (any) {
        plan.places = place_states(q, place_count);
        for (uint32_t i = 0; i < plan.count; i++) {
            plan.places[place_of(&plan.moves[i].from)].readers++;
            plan.places[place_of(&plan.moves[i].to)].writer = i;
        }
        for (uint32_t i = 0; i < plan.count; i++) {
            if (!plan.places[place_of(&plan.moves[i].to)].readers) {
                plan.ready[plan.ready_count++] = i;
            }
        }
        run_ready(&plan);
        for (uint32_t i = 0; i < plan.count; i++) {
            if (!plan.done[i]) {
                open_cycle(&plan, i);
            }
        }
        for (uint32_t i = 0; i < plan.count; i++) {
            plan.places[place_of(&plan.moves[i].to)].writer = QUICK_NONE;
        }
    }
    for (uint32_t i = 0; i < moves->count; i++) {
        const quick_move *move = &moves->items[i];
        if (move->to.kind != QUICK_AT_OVERFLOW && !is_register_like(&move->from)) {
            emit_one(q, move);
        }
    }
}
