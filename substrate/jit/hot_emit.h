#pragma once
/* Private to the optimising tier's emission: bytes of one function. */
#include "hot.h"

/* Code behind the body, for what happens seldom. */
typedef enum hot_slow_kind {
    HOT_SLOW_ERROR,
    HOT_SLOW_POLL,
    HOT_SLOW_NEW,
    HOT_SLOW_BARRIER,
    HOT_SLOW_SHIFT,
} hot_slow_kind;
typedef struct hot_slow {
    hot_slow_kind kind;
    x64_label label, back;
    uint32_t inst;
    uint32_t site;
    mu_guest_error error;
    x64_mem place; /* BARRIER */
} hot_slow;

typedef struct hot_emitter {
    hot_code *code;
    quick q;           /* the assembler, sites, maps, moves */
    x64_label *labels; /* of blocks, by position */
    MU_ARRAY(hot_slow) slow;
    uint32_t inst; /* the present one */
} hot_emitter;

static inline hot_inst *hot_now(hot_emitter *e)
{
    return &e->code->machine.items[e->inst];
}
static inline alloc_operand *hot_operand(const hot_emitter *e, int8_t at)
{
    const hot_code *c = e->code;
    return &c->operands.items[c->insts.items[e->inst].first_operand + (uint32_t)at];
}
/* The register of an operand. */
x64_gpr hot_gpr(const hot_emitter *e, int8_t at);
x64_xmm hot_xmm(const hot_emitter *e, int8_t at);
quick_operand hot_place(const hot_emitter *e, const alloc_place *place);
/* The memory operand; may load r10. */
x64_mem hot_mem(hot_emitter *e, const hot_address *address);

/* ---- hot_emit_test.c */
typedef enum hot_flags { HOT_FLAGS_ONE, HOT_FLAGS_EQ_ORDERED, HOT_FLAGS_NE_UNORDERED } hot_flags;
typedef struct hot_answer {
    hot_flags flags;
    x64_cond cond;
} hot_answer;
/* Compares. */
hot_answer hot_emit_test(hot_emitter *e, const hot_test *test);
/* Jumps if the answer is `when`. */
void hot_jump_if(hot_emitter *e, hot_answer answer, bool when, x64_label to);
void hot_set_answer(hot_emitter *e, hot_answer answer, x64_gpr to);

/* ---- hot_emit_slow.c */
uint32_t hot_slow_new(hot_emitter *e, hot_slow_kind kind);
/* A site of the present instruction; what lives is mapped unless it is an ERROR's. */
uint32_t hot_site(hot_emitter *e, mu_code_site_kind kind);
/* The label of code that raises the error. */
/* Stores a kept word to its slot. */
void hot_emit_keep(hot_emitter *e);
x64_label hot_error(hot_emitter *e, mu_guest_error error);
void hot_emit_slow(hot_emitter *e);

/* ---- hot_emit_memory.c */
void hot_emit_load(hot_emitter *e);
void hot_emit_store(hot_emitter *e);
void hot_emit_barrier(hot_emitter *e);
void hot_emit_new(hot_emitter *e);
void hot_emit_check_shift(hot_emitter *e);

/* ---- hot_emit_control.c */
void hot_emit_call(hot_emitter *e);
void hot_emit_control(hot_emitter *e);
/* Is this the last instruction of its block? */
bool hot_ends_block(const hot_emitter *e);
