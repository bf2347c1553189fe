/* Going from block to block. A block's parameters get their places from the first branch to it that
 * is emitted: an argument that sits in a register keeps it, so that a loop entered once runs in the
 * registers it was entered with. Other branches move their arguments to those places. */
#include "quick.h"

bool quick_is_next(const quick *q, uint32_t block)
{
    uint32_t order = q->blocks[q->block].order;
    return order + 1 < q->order_count && q->order[order + 1] == block;
}

static bool is_fp_class(quick_class class)
{
    return class == QUICK_FLOAT || class == QUICK_DOUBLE;
}

/* What a block's parameters have taken so far, while places are decided. */
typedef struct taken_places {
    uint32_t gprs;
    uint32_t xmms;
    uint32_t gpr_count;
} taken_places;

/* Registers a block's parameters may fill; the rest is left for its own work. */
#define PARAM_GPR_MAX 9
#define PARAM_XMM_MAX 12
static const x64_gpr free_gprs[] = {RBX, RSI, RDI, R8, R9, R12, R13, R14, RDX, RCX, RAX};

static quick_operand place_gpr(quick *q, taken_places *taken, const quick_operand *from)
{
    if (taken->gpr_count < PARAM_GPR_MAX) {
        if (from && from->kind == QUICK_AT_GPR && !(taken->gprs >> from->index & 1) &&
            from->index != QUICK_TEMP && from->index != QUICK_TEMP2) {
            taken->gprs |= 1u << from->index;
            taken->gpr_count++;
            return *from;
        }
        /* First one that no value of the branching block is in: fewer cycles of moves. */
        for (int pass = 0; pass < 2; pass++) {
            for (size_t i = 0; i < sizeof free_gprs / sizeof *free_gprs; i++) {
                x64_gpr reg = free_gprs[i];
                if (!(taken->gprs >> reg & 1) && (pass || q->gpr_cell[reg] == QUICK_NONE)) {
                    taken->gprs |= 1u << reg;
                    taken->gpr_count++;
                    return (quick_operand){.kind = QUICK_AT_GPR, .index = reg};
                }
            }
        }
    }
    return (quick_operand){.kind = QUICK_AT_SLOT, .index = quick_slot_take(q, 1)};
}

static quick_operand place_xmm(quick *q, taken_places *taken, const quick_operand *from)
{
    if (from && from->kind == QUICK_AT_XMM && !(taken->xmms >> from->index & 1) &&
        from->index < PARAM_XMM_MAX) {
        taken->xmms |= 1u << from->index;
        return *from;
    }
    for (uint32_t reg = 0; reg < PARAM_XMM_MAX; reg++) {
        if (!(taken->xmms >> reg & 1)) {
            taken->xmms |= 1u << reg;
            return (quick_operand){.kind = QUICK_AT_XMM, .index = reg};
        }
    }
    return (quick_operand){.kind = QUICK_AT_SLOT, .index = quick_slot_take(q, 1)};
}

/* Takes over the slot an argument is in, once a block. */
static bool adopt_slot(quick *q, uint32_t slot, uint32_t stamp)
{
    while (q->slot_stamps.count <= slot) {
        MU_ARRAY_PUSH(&q->slot_stamps, 0);
    }
    if (q->slot_stamps.items[slot] == stamp) {
        return false;
    }
    q->slot_stamps.items[slot] = stamp;
    return true;
}

static bool is_adopted(const quick *q, uint32_t slot, uint32_t stamp)
{
    return slot < q->slot_stamps.count && q->slot_stamps.items[slot] == stamp;
}

/* A composite's words: the argument's own slots when this is the only branch, else new ones. */
static void place_composite(quick *q, quick_operand *places, const quick_operand *words,
                            uint32_t count, uint32_t stamp)
{
    if (words && words[0].kind == QUICK_AT_SLOT && adopt_slot(q, words[0].index, stamp)) {
        for (uint32_t w = 0; w < count; w++) {
            adopt_slot(q, words[w].index, stamp);
            places[w] = words[w];
        }
        return;
    }
    uint32_t slot = quick_slot_take(q, count);
    for (uint32_t w = 0; w < count; w++) {
        places[w] = (quick_operand){.kind = QUICK_AT_SLOT, .index = slot + count - 1 - w};
    }
}

static uint32_t param_count(const mu_ir_block *ir)
{
    return ir->params.count + (ir->has_exc_param ? 1 : 0);
}

static uint32_t param_variable(const mu_ir_block *ir, uint32_t index)
{
    return index < ir->params.count ? ir->params.first + index : ir->exc_param;
}

/* Decides where the parameters of `block` live; `words` are the arguments of the branch at hand. */
static void place_params(quick *q, uint32_t block, const quick_operand *words)
{
    quick_block *b = &q->blocks[block];
    const mu_ir_block *ir = &q->version->blocks[block];
    for (uint32_t i = 0; i < param_count(ir); i++) {
        b->place_count += quick_words_of(q->version->variables[param_variable(ir, i)].type);
    }
    b->places = MU_ARENA_ARRAY(q->arena, quick_operand, b->place_count);
    taken_places taken = {0};
    uint32_t stamp = block + 1;
    bool only_branch = b->predecessors == 1;
    uint32_t at = 0;
    for (uint32_t i = 0; i < param_count(ir); i++) {
        const mu_ir_type *type = q->version->variables[param_variable(ir, i)].type;
        quick_class class = quick_class_of(type);
        uint32_t count = quick_words_of(type);
        const quick_operand *from = words && i < ir->params.count ? &words[at] : NULL;
        if (class == QUICK_COMPOSITE) {
            place_composite(q, &b->places[at], only_branch ? from : NULL, count, stamp);
            at += count;
            continue;
        }
        for (uint32_t w = 0; w < count; w++, at++) {
            const quick_operand *word = from ? &from[w] : NULL;
            if (word && word->kind == QUICK_AT_SLOT && only_branch &&
                adopt_slot(q, word->index, stamp)) {
                b->places[at] = *word;
            } else {
                b->places[at] =
                    is_fp_class(class) ? place_xmm(q, &taken, word) : place_gpr(q, &taken, word);
            }
        }
    }
    /* New slots were taken to be distinct from each other and from what lives here; the block
     * itself takes them again when it begins. Adopted ones still belong to the arguments. */
    for (uint32_t i = 0; i < b->place_count; i++) {
        if (b->places[i].kind == QUICK_AT_SLOT && !is_adopted(q, b->places[i].index, stamp)) {
            quick_slot_give(q, b->places[i].index, 1);
        }
    }
    b->placed = true;
}

void quick_settle_dest(quick *q, const mu_ir_dest *dest)
{
    for (uint32_t i = 0; i < dest->args.count; i++) {
        quick_settle_path(q, q->version->operands[dest->args.first + i]);
    }
}

static bool same_operand(const quick_operand *a, const quick_operand *b)
{
    return a->kind == b->kind && a->index == b->index;
}

/* The moves that `dest` asks for. `saves` replaces registers by the slots they are saved in. */
static void edge_moves(quick *q, const mu_ir_dest *dest, quick_operand exception,
                       const quick_save *saves, uint32_t save_count, quick_moves *moves)
{
    const mu_ir_block *ir = &q->version->blocks[dest->block];
    uint32_t count = 0;
    for (uint32_t i = 0; i < dest->args.count; i++) {
        count += quick_words_of(
            mu_ir_value_type(q->version, q->version->operands[dest->args.first + i]));
    }
    quick_operand *words = MU_ARENA_ARRAY(q->arena, quick_operand, count + 1);
    uint32_t at = 0;
    q->work += count;
    for (uint32_t i = 0; i < dest->args.count; i++) {
        mu_ir_value value = q->version->operands[dest->args.first + i];
        quick_value_words(q, value, &words[at]);
        at += quick_words_of(mu_ir_value_type(q->version, value));
    }
    for (uint32_t i = 0; i < count && save_count; i++) {
        for (uint32_t s = 0; s < save_count; s++) {
            bool is_reg = words[i].kind == (saves[s].is_xmm ? QUICK_AT_XMM : QUICK_AT_GPR);
            if (is_reg && words[i].index == (uint32_t)saves[s].reg) {
                words[i] = (quick_operand){.kind = QUICK_AT_SLOT, .index = saves[s].slot};
                break;
            }
        }
    }
    if (!q->blocks[dest->block].placed) {
        place_params(q, dest->block, words);
    }
    if (ir->has_exc_param) {
        words[count++] = exception;
    }
    const quick_block *b = &q->blocks[dest->block];
    MU_INVARIANT(count == b->place_count, "edge to %s moves %u words of %u",
                 ir->entity.label ? ir->entity.label : "a block", count, b->place_count);
    for (uint32_t i = 0; i < count; i++) {
        if (!same_operand(&words[i], &b->places[i])) {
            MU_ARRAY_PUSH(moves, ((quick_move){.to = b->places[i], .from = words[i]}));
        }
    }
}

uint32_t quick_defer(quick *q, quick_deferred_kind kind)
{
    quick_deferred deferred = {.kind = kind, .site = QUICK_NONE, .landing = QUICK_NONE};
    deferred.label = x64_label_new(q->a);
    deferred.back = x64_label_new(q->a);
    deferred.length_reg = -1;
    deferred.result_reg = -1;
    deferred.extra_gpr[0] = -1;
    deferred.extra_gpr[1] = -1;
    MU_ARRAY_PUSH(&q->deferred, deferred);
    return q->deferred.count - 1;
}

/* A block behind this one in emission order is reached by going on; one before it makes a loop. */
static bool is_back_edge(const quick *q, uint32_t block)
{
    return q->blocks[block].order <= q->blocks[q->block].order;
}

/* The poll of a loop: one compare with the stack limit, which whoever wants this thread to stop
 * sets out of reach. What the loop goes on with is saved around the leave. */
static void emit_poll(quick *q)
{
    uint32_t index = quick_defer(q, QUICK_DEFER_YIELD);
    x64_alu_rm(q->a, X64_CMP, 8, RSP, x64_at(QUICK_THREAD, MU_THREAD_stack_limit));
    x64_jcc(q->a, X64_B, q->deferred.items[index].label);
    x64_bind(q->a, q->deferred.items[index].back);
    quick_deferred deferred = q->deferred.items[index];
    quick_collect_saves(q, &deferred, false);
    deferred.site =
        quick_site(q, MU_CODE_SITE_YIELD, QUICK_NONE, deferred.saves.items, deferred.saves.count);
    quick_release_saves(q, &deferred);
    q->deferred.items[index] = deferred;
}

void quick_goto(quick *q, const mu_ir_dest *dest, quick_operand exception)
{
    quick_moves moves = {0};
    if (is_back_edge(q, dest->block)) {
        emit_poll(q);
    }
    edge_moves(q, dest, exception, NULL, 0, &moves);
    quick_emit_moves(q, &moves);
    if (!quick_is_next(q, dest->block)) {
        x64_jmp(q->a, q->blocks[dest->block].label);
    }
    MU_ARRAY_FREE(&moves);
}

x64_label quick_edge(quick *q, const mu_ir_dest *dest, quick_operand exception)
{
    quick_moves moves = {0};
    edge_moves(q, dest, exception, NULL, 0, &moves);
    bool polls = is_back_edge(q, dest->block);
    if (!moves.count && !polls) {
        return q->blocks[dest->block].label;
    }
    uint32_t index = quick_defer(q, QUICK_DEFER_EDGE);
    quick_deferred *deferred = &q->deferred.items[index];
    q->deferred_words += moves.count;
    deferred->moves = moves;
    deferred->block = dest->block;
    x64_label label = deferred->label;
    if (polls) {
        quick_deferred with_poll = *deferred;
        quick_collect_saves(q, &with_poll, false);
        with_poll.site = quick_site(q, MU_CODE_SITE_YIELD, QUICK_NONE, with_poll.saves.items,
                                    with_poll.saves.count);
        quick_release_saves(q, &with_poll);
        q->deferred.items[index] = with_poll;
    }
    return label;
}

uint32_t quick_landing(quick *q, const mu_ir_dest *dest, const quick_save *saves,
                       uint32_t save_count)
{
    quick_moves moves = {0};
    edge_moves(q, dest, (quick_operand){.kind = QUICK_EXCEPTION}, saves, save_count, &moves);
    /* Whether or not the block wants the exception, it has been caught: the thread must not keep it
     * alive. */
    uint32_t index = quick_defer(q, QUICK_DEFER_LANDING);
    if (is_back_edge(q, dest->block)) {
        /* A loop of errors polls too; what it goes on with is in slots already. */
        q->deferred.items[index].site =
            quick_site(q, MU_CODE_SITE_YIELD, QUICK_NONE, saves, save_count);
    }
    q->deferred_words += moves.count;
    q->deferred.items[index].moves = moves;
    q->deferred.items[index].block = dest->block;
    q->deferred.items[index].drops_exception = !q->version->blocks[dest->block].has_exc_param;
    return index;
}

void quick_place_entry(quick *q)
{
    const mu_ir_block *ir = &q->version->blocks[0];
    uint32_t count = ir->params.count;
    mu_ir_type **types = MU_ARENA_ARRAY(q->arena, mu_ir_type *, count);
    mu_jit_place *places = MU_ARENA_ARRAY(q->arena, mu_jit_place, count);
    uint32_t words = 0;
    for (uint32_t i = 0; i < count; i++) {
        types[i] = q->version->variables[ir->params.first + i].type;
        words += quick_words_of(types[i]);
    }
    mu_jit_assign_places(types, count, places);
    quick_block *b = &q->blocks[0];
    b->places = MU_ARENA_ARRAY(q->arena, quick_operand, words);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot =
            places[i].kind == MU_JIT_PLACE_OVERFLOW ? quick_slot_take(q, places[i].words) : 0;
        for (uint32_t w = 0; w < places[i].words; w++) {
            quick_operand *to = &b->places[b->place_count++];
            if (places[i].kind == MU_JIT_PLACE_GPR) {
                *to = (quick_operand){QUICK_AT_GPR, quick_gpr_arg(places[i].index + w), 0};
            } else if (places[i].kind == MU_JIT_PLACE_XMM) {
                *to = (quick_operand){QUICK_AT_XMM, places[i].index, 0};
            } else {
                uint32_t word_slot = slot + places[i].words - 1 - w;
                *to = (quick_operand){QUICK_AT_SLOT, word_slot, 0};
                quick_load_overflow(q, word_slot, places[i].index + w);
            }
        }
    }
    b->placed = true;
}

void quick_load_overflow(quick *q, uint32_t slot, uint32_t word)
{
    x64_load(q->a, 8, QUICK_TEMP2, x64_at(QUICK_THREAD, MU_THREAD_overflow));
    x64_load(q->a, 8, QUICK_TEMP2, x64_at(QUICK_TEMP2, (int32_t)(8 * word)));
    x64_store(q->a, 8, quick_slot_mem(slot), QUICK_TEMP2);
}

/* Makes the block's parameters what its places hold. */
void quick_begin_params(quick *q)
{
    quick_block *b = &q->blocks[q->block];
    const mu_ir_block *ir = &q->version->blocks[q->block];
    if (!b->placed) {
        place_params(q, q->block, NULL);
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < param_count(ir); i++) {
        uint32_t variable = param_variable(ir, i);
        uint32_t count = quick_words_of(q->version->variables[variable].type);
        quick_begin(q, variable);
        if (q->variables[variable].class == QUICK_COMPOSITE) {
            uint32_t first = b->places[at + count - 1].index;
            quick_slot_reserve(q, first, count);
            q->variables[variable].slot = first;
            at += count;
            continue;
        }
        for (uint32_t w = 0; w < count; w++, at++) {
            quick_cell *c = &q->cells[quick_cell_of(variable) + w];
            uint32_t index = b->places[at].index;
            if (b->places[at].kind == QUICK_AT_GPR) {
                c->reg = (int8_t)index;
                q->gpr_cell[index] = quick_cell_of(variable) + w;
            } else if (b->places[at].kind == QUICK_AT_XMM) {
                c->reg = (int8_t)index;
                c->is_xmm = true;
                q->xmm_cell[index] = quick_cell_of(variable) + w;
            } else {
                c->slot = index;
                c->slot_valid = true;
                c->is_xmm = is_fp_class(q->variables[variable].class);
                quick_slot_reserve(q, index, 1);
            }
        }
        if (q->variables[variable].class == QUICK_IREF) {
            q->variables[variable].path = (quick_path){.base = quick_cell_of(variable),
                                                       .offset = quick_cell_of(variable) + 1};
        }
    }
}
