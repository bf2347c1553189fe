#pragma once
/* Private to opt. Reading order: api/mu_opt.h, graph.c, fold.c, build.c with build_values.c and
 * build_memory.c, clean.c, schedule.c. */
#include "mu_opt.h"

#include <string.h>

static inline mu_opt_node *opt_node(const mu_opt_graph *graph, uint32_t node)
{
    return &graph->nodes.items[node];
}
static inline mu_opt_block *opt_block(const mu_opt_graph *graph, uint32_t block)
{
    return &graph->blocks.items[block];
}

/* ---- graph.c */
mu_opt_graph *opt_graph_new(mu_ir_version *version);
uint32_t opt_block_new(mu_opt_graph *graph);
void opt_edge(mu_opt_graph *graph, uint32_t from, uint32_t to);
/* A phi whose inputs are set later, one for each predecessor. `bits`: it has no more of them. */
uint32_t opt_phi(mu_opt_graph *graph, uint32_t block, mu_opt_kind kind, uint32_t bits);
/* The node as it is, found or made. */
uint32_t opt_number(mu_opt_graph *graph, mu_opt_node like, const uint32_t *inputs, uint32_t count);
/* The least n such that all bits from n on are known to be 0. */
uint32_t opt_known_bits(const mu_opt_graph *graph, uint32_t node);

/* ---- fold.c */
/* A node that is what `like` of these inputs would be, or MU_OPT_NONE. May turn `like` and its
 * inputs (two or three words, changed in place) into a better form. */
uint32_t opt_fold(mu_opt_graph *graph, mu_opt_node *like, uint32_t *inputs);

/* ---- shorthands for floating nodes of ints */
uint32_t opt_int2(mu_opt_graph *graph, mu_opt_op op, uint8_t width, uint32_t a, uint32_t b);
uint32_t opt_zext(mu_opt_graph *graph, uint32_t a, uint32_t bits);
uint32_t opt_sext(mu_opt_graph *graph, uint32_t a, uint32_t bits, uint8_t width);
uint32_t opt_cmp(mu_opt_graph *graph, mu_opt_cond cond, uint8_t width, uint32_t a, uint32_t b);
static inline uint32_t opt_int(mu_opt_graph *graph, uint64_t value)
{
    return mu_opt_const(graph, MU_OPT_INT, value);
}

/* ---- build_values.c */
typedef struct builder {
    mu_opt_graph *graph;
    mu_ir_version *version;
    uint32_t (*words)[2];       /* by variable: what it is now */
    const mu_ir_type **part_of; /* by variable: the hybrid whose first element it is, as an iref */
    uint32_t *blocks;           /* by block of the version */
    uint32_t *order;            /* the same: in reverse postorder; MU_OPT_NONE: unreachable */
    uint32_t at;                /* the block that is being filled */
    uint32_t inst;
    bool checked;
    uint32_t work; /* words over edges and at calls, and blocks made for them */
    const char *refused;
} builder;
/* Counts so much of what is not in proportion to the text; too much refuses the function. */
void build_count(builder *b, uint32_t work);
/* The kind of the one word of a value, or of an iref's two; refuses what is neither. */
mu_opt_kind build_kind(builder *b, const mu_ir_type *type);
uint32_t build_word_count(const mu_ir_type *type);
uint32_t build_bits(const mu_ir_type *type);
/* The words of an operand; constants are made. */
void build_words(builder *b, mu_ir_value value, uint32_t words[2]);
uint32_t build_word(builder *b, mu_ir_value value);
void build_define(builder *b, const mu_ir_inst *inst, uint32_t result, uint32_t word);
uint32_t build_pin(builder *b, mu_opt_node like, const uint32_t *inputs, uint32_t count);
/* Goes on only if `condition` (a word) is not 0: else to the exceptional destination, or `error`.
 */
void build_require(builder *b, const mu_ir_inst *inst, uint32_t condition, mu_guest_error error);
/* An edge to a destination, with its arguments; `exception` for a parameter that wants one. */
void build_goto(builder *b, uint32_t from, const mu_ir_dest *dest, uint32_t exception);
bool build_value(builder *b, const mu_ir_inst *inst);
/* Sets a phi's input for the predecessor `edge`; in order. */
void build_phi_input(builder *b, uint32_t phi, uint32_t edge, uint32_t word);

/* ---- build_memory.c */
bool build_memory(builder *b, const mu_ir_inst *inst);
/* Ends the block behind a node that may throw; what follows goes on in another. */
void build_throwing_end(builder *b, const mu_ir_inst *inst);

/* ---- build_control.c */
bool build_control(builder *b, const mu_ir_inst *inst);

/* ---- known.c */
/* Finds what the nodes of an ordered graph are known to be: same_as[node] becomes what takes its
 * place; conditions become constants. True: something was found. */
bool opt_know(mu_opt_graph *graph, uint32_t *same_as);

/* ---- schedule.c */
/* Immediate dominators, positions and depths of blocks; false: a loop has more than one entry. */
bool opt_order_blocks(mu_opt_graph *graph);
