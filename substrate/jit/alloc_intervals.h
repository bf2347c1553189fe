#pragma once
/* What the parts of register allocation share: positions, intervals and their pieces.
 *
 * Positions. Instruction i has four: 4i is before the moves in front of it (and, of a block's first
 * instruction, the beginning of the block); 4i + 1 behind these moves, where uses are read; 4i + 2
 * where definitions and clobbers begin; 4i + 3 where a call's definitions begin and what leaves by
 * an edge is read. A piece that begins in a register does so by a move (4i + 1), by edges (the
 * beginning of a block) or by a definition. One that begins in memory may do so anywhere, for the
 * slot has held the value since right behind its definition.
 *
 * An interval is a list of ranges in which a value lives, and a list of uses. Linear scan cuts it
 * into pieces, each all in one register or all in memory; lists are shared by the pieces. */
#include "alloc.h"

#define ALLOC_MOST        (1u << 20) /* pieces, moves */
#define ALLOC_MOST_LIVE   (1u << 24) /* sums of lengths of live lists */
#define ALLOC_NO_REG      (-1)
#define ALLOC_POSITION(i) (4 * (i))

typedef struct alloc_range {
    uint32_t from, to; /* `to` excluded */
    uint32_t next;     /* ALLOC_NONE: the last */
} alloc_range;

typedef struct alloc_want {
    uint32_t position;
    uint32_t until; /* where a register used here is free again */
    uint32_t next;
    bool must;  /* a register is needed */
    int8_t reg; /* one that saves a move, or ALLOC_NO_REG */
} alloc_want;

typedef struct alloc_piece {
    uint32_t value; /* ALLOC_NONE: a temporary */
    uint32_t from, to;
    uint32_t range;   /* the first that ends behind the scan's position, or `from` */
    uint32_t want;    /* the first at or behind `from` */
    uint32_t passed;  /* the last that began before the scan's position, as far as was looked */
    uint32_t operand; /* of a temporary */
    alloc_class class;
    int8_t reg;      /* ALLOC_NO_REG: in memory */
    int8_t required; /* the register it begins in, which is kept free for it; or ALLOC_NO_REG */
} alloc_piece;

typedef struct alloc_info {       /* of a value */
    uint32_t range, want;         /* heads of its lists; no range: never alive */
    uint32_t def_block, def_inst; /* def_inst of a parameter: ALLOC_NONE */
    uint32_t start, end;
    uint32_t copy_of; /* the first operand, if it is defined in the same register */
    uint32_t group;   /* its parent among values that would best share a register */
    uint32_t slot;    /* ALLOC_NONE: none */
    uint32_t first_piece, piece_count; /* in order, when the scan has ended */
    int8_t required;
    uint32_t last_piece; /* that was given a register; ALLOC_NONE */
    int8_t last_reg;     /* given last, or ALLOC_NO_REG */
    int8_t group_reg;    /* of a group's root: what its members got */
    bool is_spilled;     /* stored to its slot behind its definition */
    bool is_saved;       /* wants a slot for slow paths */
} alloc_info;

/* Lists by block. */
typedef struct alloc_lists {
    uint32_t *first; /* block_count + 1 */
    uint32_t *items;
} alloc_lists;

typedef struct alloc_pair {
    uint32_t block, item;
} alloc_pair;
typedef MU_ARRAY(alloc_pair) alloc_pairs;

/* Ranges in which a register may not be given, ascending. */
typedef struct alloc_blocked {
    MU_ARRAY(alloc_range) ranges; /* `next` unused */
    uint32_t cursor;              /* the first that ends behind the scan's position */
} alloc_blocked;

/* Words, the least of which is at hand: a binary heap. */
typedef MU_ARRAY(uint64_t) alloc_heap;
void alloc_heap_push(alloc_heap *heap, uint64_t key);
uint64_t alloc_heap_pop(alloc_heap *heap); /* of one that is not empty */

typedef struct alloc_state {
    alloc *a;
    alloc_info *infos;
    uint32_t *block_of;   /* by instruction */
    uint32_t *loop_of;    /* innermost loop's header by block, or ALLOC_NONE */
    uint32_t *outer_loop; /* by header */
    uint32_t *edge_index; /* of a block with one successor: which of its predecessors it is */
    alloc_lists live_in;
    alloc_lists constants_in; /* constants kept in registers over loops, by block */
    alloc_lists kept;         /* by a loop's last block: values from outside used in the loop */
    MU_ARRAY(alloc_range) ranges;
    MU_ARRAY(alloc_want) wants;
    MU_ARRAY(alloc_piece) pieces;
    alloc_piece *sorted; /* the pieces by value and position, when the scan has ended */
    uint32_t piece_count;
    MU_ARRAY(alloc_live) live;
    MU_ARRAY(alloc_move) moves;
    alloc_blocked blocked[ALLOC_CLASSES][ALLOC_REGS];
    alloc_blocked calls;
    alloc_heap queue;                           /* heap of pieces to come */
    uint32_t active[ALLOC_CLASSES][ALLOC_REGS]; /* piece in each register, or ALLOC_NONE */
    MU_ARRAY(uint32_t) inactive[ALLOC_CLASSES]; /* pieces in holes */
} alloc_state;

/* The passes, in order. */
MU_MUST_CHECK mu_status alloc_find_liveness(alloc_state *s);
MU_MUST_CHECK mu_status alloc_build_intervals(alloc_state *s);
MU_MUST_CHECK mu_status alloc_build_constants(alloc_state *s);
MU_MUST_CHECK mu_status alloc_scan(alloc_state *s);
void alloc_index_pieces(alloc_state *s);
void alloc_give_slots(alloc_state *s);
MU_MUST_CHECK mu_status alloc_resolve(alloc_state *s);
void alloc_resolve_edges(alloc_state *s);
MU_MUST_CHECK mu_status alloc_find_remade(alloc_state *s);

/* Sorts pairs by block, keeping order; frees them. */
alloc_lists alloc_lists_from_pairs(alloc_state *s, alloc_pairs *pairs);
uint32_t alloc_group_of(alloc_state *s, uint32_t value);

uint32_t alloc_block_start(const alloc_state *s, uint32_t block);
uint32_t alloc_block_end(const alloc_state *s, uint32_t block);
uint32_t alloc_block_last(const alloc_state *s, uint32_t block); /* instruction */

/* The first of the piece's uses that may be at or behind `position`, not before the scan's. */
uint32_t alloc_first_want(const alloc_state *s, const alloc_piece *piece, uint32_t position);

bool alloc_is_use(const alloc_operand *operand);
bool alloc_is_def(const alloc_operand *operand);
/* The operand that an instruction defines in the register of its first one; NULL: none. */
alloc_operand *alloc_same_def(const alloc_state *s, const alloc_inst *inst);
/* Whether the operand is read from the register of that definition, so that its value is only
 * asked for by the moves in front. */
bool alloc_is_same_use(const alloc_state *s, const alloc_inst *inst, const alloc_operand *operand);
uint32_t alloc_def_position(const alloc_state *s, uint32_t inst, const alloc_operand *operand);

/* Pieces. Splitting gives the part at and behind `position`, ALLOC_NONE when nothing lives there.
 */
uint32_t alloc_piece_new(alloc_state *s, uint32_t value);
uint32_t alloc_piece_split(alloc_state *s, uint32_t piece, uint32_t position);
const alloc_want *alloc_next_want(const alloc_state *s, const alloc_piece *piece, uint32_t position,
                                  bool must); /* NULL: none */
/* Where between the two it costs least to move a value: far behind, but outside of loops. */
uint32_t alloc_best_position(const alloc_state *s, uint32_t first, uint32_t last);
/* First position in which both live, UINT32_MAX when there is none. */
uint32_t alloc_meet(const alloc_state *s, const alloc_piece *piece, const alloc_piece *other);
uint32_t alloc_meet_blocked(const alloc_state *s, const alloc_piece *piece, uint32_t from,
                            const alloc_blocked *blocked);

bool alloc_is_constant(const alloc_state *s, const alloc_piece *piece);
/* The register has to be held until there; 0: none is needed at the piece's beginning. */
uint32_t alloc_held_until(const alloc_state *s, const alloc_piece *piece);
void alloc_enqueue(alloc_state *s, uint32_t piece);
uint32_t alloc_dequeue(alloc_state *s);

/* What is spilled in one arm of a branch, at `position`, is still in its register in others, if
 * `held` is the piece in which it was before: the first block behind that is reached around the one
 * of `position`. ALLOC_NONE: no such block before the next use. So arms that leave nothing in
 * registers, such as those with calls, do the reloading. */
uint32_t alloc_next_arm(const alloc_state *s, const alloc_piece *piece, const alloc_piece *held,
                        uint32_t position);
/* The piece is in memory, until it is needed in a register behind `position`. */
void alloc_spill(alloc_state *s, uint32_t piece, uint32_t position);
/* Where the piece can be cut if its register is free until `limit`: no use is cut in two, and a cut
 * inside an instruction, behind which it would be in memory, is the last resort. */
uint32_t alloc_usable_limit(const alloc_state *s, const alloc_piece *piece, uint32_t limit);
/* Where the last use before `limit` ends; 0: there is none. */
uint32_t alloc_used_until(const alloc_state *s, const alloc_piece *piece, uint32_t limit);
/* Cuts a piece whose register ends at `limit`, and sends on the rest. */
void alloc_cut_at_limit(alloc_state *s, uint32_t piece, uint32_t limit);

alloc_place alloc_place_at(const alloc_state *s, uint32_t value, uint32_t position);
/* Moves `value`; nothing when the places are the same. A constant is always made anew. */
void alloc_move_add(alloc_state *s, uint32_t before, uint32_t order, uint32_t value, alloc_place to,
                    alloc_place from);
