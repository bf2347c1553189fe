/* Arguments and results of functions, calls and traps. */
#include "hot.h"

#include <string.h>

/* Where each word of values of these types travels. */
typedef struct word_place {
    mu_jit_place_kind kind;
    uint32_t index;
} word_place;

static uint32_t places_of(hot_code *c, mu_ir_type *const *types, uint32_t count, word_place **out)
{
    mu_jit_place *places = MU_ARENA_ARRAY(c->arena, mu_jit_place, count + 1);
    (void)mu_jit_assign_places(types, count, places);
    uint32_t words = 0;
    for (uint32_t i = 0; i < count; i++) {
        words += places[i].words;
    }
    *out = MU_ARENA_ARRAY(c->arena, word_place, words + 1);
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t w = 0; w < places[i].words; w++) {
            (*out)[at++] = (word_place){places[i].kind, places[i].index + w};
        }
    }
    return words;
}

static int8_t reg_of(word_place place)
{
    return place.kind == MU_JIT_PLACE_GPR ? (int8_t)quick_gpr_arg(place.index)
                                          : (int8_t)place.index;
}

static hot_inst *of_word(hot_code *c, hot_op op, uint32_t node, uint32_t block, uint32_t word)
{
    hot_inst *inst = hot_begin(c, op, node, block);
    inst->immediate = word;
    return inst;
}

/* ---- entry */

static void sort_params(hot_code *c, uint32_t *by_word, uint32_t words)
{
    memset(by_word, 0xff, words * sizeof *by_word);
    for (uint32_t i = 0; i < c->graph->nodes.count; i++) {
        const mu_opt_node *n = hot_of(c, i);
        if (n->op == MU_OPT_PARAM && c->needed[i]) {
            by_word[n->imm] = i;
        }
    }
}

void hot_select_entry(hot_code *c)
{
    const mu_ir_version *version = c->graph->version;
    mu_ir_range params = version->blocks[0].params;
    mu_ir_type **types = MU_ARENA_ARRAY(c->arena, mu_ir_type *, params.count + 1);
    for (uint32_t i = 0; i < params.count; i++) {
        types[i] = version->variables[params.first + i].type;
    }
    word_place *places;
    uint32_t words = places_of(c, types, params.count, &places);
    uint32_t *by_word = MU_ARENA_ARRAY(c->arena, uint32_t, words + 1);
    sort_params(c, by_word, words);
    (void)hot_begin(c, HOT_ENTRY, MU_OPT_NONE, 0);
    for (uint32_t i = 0; i < words; i++) {
        if (by_word[i] != MU_OPT_NONE && places[i].kind != MU_JIT_PLACE_OVERFLOW) {
            hot_def(c, by_word[i], ALLOC_DEF_FIXED, reg_of(places[i]));
        }
    }
    for (uint32_t i = 0; i < words; i++) {
        if (by_word[i] != MU_OPT_NONE && places[i].kind == MU_JIT_PLACE_OVERFLOW) {
            hot_inst *take = of_word(c, HOT_TAKE, by_word[i], 0, places[i].index);
            int8_t def = hot_def(c, by_word[i], ALLOC_DEF, -1);
            take = &c->machine.items[c->machine.count - 1];
            take->def = def;
        }
    }
}

/* ---- calls */

static void pass_in_memory(hot_code *c, const uint32_t *inputs, const word_place *places,
                           uint32_t words, uint32_t node, uint32_t block)
{
    for (uint32_t i = 0; i < words; i++) {
        if (places[i].kind == MU_JIT_PLACE_OVERFLOW) {
            (void)of_word(c, HOT_PASS, node, block, places[i].index);
            int8_t use = hot_use(c, inputs[i], ALLOC_USE, -1, false);
            c->machine.items[c->machine.count - 1].a = use;
        }
    }
}

static void pass_in_registers(hot_code *c, const uint32_t *inputs, const word_place *places,
                              uint32_t words)
{
    for (uint32_t i = 0; i < words; i++) {
        if (places[i].kind != MU_JIT_PLACE_OVERFLOW) {
            hot_use(c, inputs[i], ALLOC_USE_FIXED, reg_of(places[i]), false);
        }
    }
}

/* A function is called through its entry; a reference to one is put where registers of arguments
 * cannot reach. */
static void stow_callee(hot_code *c, uint32_t node, uint32_t block)
{
    uint32_t callee = hot_of(c, node)->inputs[0];
    if (hot_of(c, node)->width == 0) {
        (void)hot_begin(c, HOT_STOW_CALLEE, node, block);
        int8_t use = hot_use(c, callee, ALLOC_USE, -1, false);
        c->machine.items[c->machine.count - 1].a = use;
    }
}

static mu_ir_type *const *result_types(const hot_code *c, uint32_t node, uint32_t *count)
{
    const mu_ir_version *version = c->graph->version;
    const mu_ir_inst *inst = &version->insts[hot_of(c, node)->inst];
    if (hot_of(c, node)->op == MU_OPT_TRAP) {
        *count = inst->types.count;
        return &version->types[inst->types.first];
    }
    const mu_ir_sig *sig = version->sigs[inst->sigs.first];
    *count = sig->result_count;
    return sig->results;
}

/* The nodes of the call's results stand right behind it; those in registers are defined by it. */
static void define_results(hot_code *c, uint32_t node, uint32_t block)
{
    const mu_opt_block *b = &c->graph->blocks.items[block];
    uint32_t count;
    word_place *places;
    mu_ir_type *const *types = result_types(c, node, &count);
    (void)places_of(c, types, count, &places);
    uint32_t at = 0;
    while (b->nodes.items[at] != node) {
        at++;
    }
    for (at++; at < b->nodes.count && hot_of(c, b->nodes.items[at])->op == MU_OPT_RESULT; at++) {
        uint32_t result = b->nodes.items[at];
        const word_place *place = &places[hot_of(c, result)->imm];
        if (place->kind != MU_JIT_PLACE_OVERFLOW) {
            hot_def(c, result, ALLOC_DEF_FIXED, reg_of(*place));
        } else if (hot_of(c, node)->cond) {
            c->refused = "so many results of a call that may throw";
        }
    }
}

void hot_select_result(hot_code *c, uint32_t node, uint32_t block)
{
    uint32_t count;
    word_place *places;
    mu_ir_type *const *types = result_types(c, hot_of(c, node)->inputs[0], &count);
    (void)places_of(c, types, count, &places);
    const word_place *place = &places[hot_of(c, node)->imm];
    if (place->kind == MU_JIT_PLACE_OVERFLOW) {
        (void)of_word(c, HOT_TAKE, node, block, place->index);
        int8_t def = hot_def(c, node, ALLOC_DEF, -1);
        c->machine.items[c->machine.count - 1].def = def;
    }
}

static void take_kept(hot_code *c, uint32_t node)
{
    hot_inst *inst = &c->machine.items[c->machine.count - 1];
    const mu_ir_inst *ir = &c->graph->version->insts[hot_of(c, node)->inst];
    uint32_t words = 0;
    for (uint32_t i = 0; i < ir->keepalives.count; i++) {
        mu_ir_value value = c->graph->version->operands[ir->keepalives.first + i];
        words += quick_words_of(mu_ir_value_type(c->graph->version, value));
    }
    inst->keep_count = words;
    inst->keep_first = c->kept.count - words;
}

/* Kept words of one call are consecutive, and are given the first slots of those for that. */
void hot_select_keep(hot_code *c, uint32_t node, uint32_t block)
{
    const mu_opt_node *n = hot_of(c, node);
    uint32_t index = 0;
    if (c->kept.count && c->kept.items[c->kept.count - 1].inst == n->inst) {
        index = c->kept.items[c->kept.count - 1].slot + 1;
    }
    hot_kept kept = {.inst = n->inst,
                     .variable = (uint32_t)n->imm,
                     .word = n->width,
                     .slot = index,
                     .is_ref = n->kind == MU_OPT_REF,
                     .is_tagref = n->kind == MU_OPT_TAGREF};
    MU_ARRAY_PUSH(&c->kept, kept);
    c->kept_slots = index + 1 > c->kept_slots ? index + 1 : c->kept_slots;
    (void)of_word(c, HOT_KEEP, node, block, c->kept.count - 1);
    int8_t use = hot_use(c, n->inputs[0], ALLOC_USE, -1, false);
    c->machine.items[c->machine.count - 1].a = use;
}

void hot_select_call(hot_code *c, uint32_t node, uint32_t block)
{
    const mu_opt_node *n = hot_of(c, node);
    const mu_ir_version *version = c->graph->version;
    const mu_ir_inst *ir = &version->insts[n->inst];
    word_place *places = NULL;
    uint32_t words = 0;
    uint32_t *inputs = n->inputs;
    if (n->op != MU_OPT_TRAP) {
        const mu_ir_sig *sig = version->sigs[ir->sigs.first];
        words = places_of(c, sig->params, sig->param_count, &places);
        inputs++;
        stow_callee(c, node, block);
        pass_in_memory(c, inputs, places, words, node, block);
    }
    hot_op op = n->op == MU_OPT_CALL ? HOT_CALL : n->op == MU_OPT_TRAP ? HOT_TRAP : HOT_TAIL_CALL;
    (void)hot_begin(c, op, node, block);
    if (op != HOT_TAIL_CALL) {
        take_kept(c, node);
        c->insts.items[c->insts.count - 1].safety = ALLOC_CALL;
    }
    pass_in_registers(c, inputs, places, words);
    if (op != HOT_TAIL_CALL) {
        define_results(c, node, block);
    }
}

void hot_select_return(hot_code *c, uint32_t node, uint32_t block)
{
    const mu_opt_node *n = hot_of(c, node);
    const mu_ir_sig *sig = c->graph->version->sig;
    word_place *places;
    uint32_t words = places_of(c, sig->results, sig->result_count, &places);
    pass_in_memory(c, n->inputs, places, words, node, block);
    (void)hot_begin(c, HOT_RETURN, node, block);
    pass_in_registers(c, n->inputs, places, words);
}
