#pragma once
/* Register allocation for the optimising tier: which register or frame slot each value is in at
 * each instruction, and which moves that takes. It knows nothing of machine instructions but what
 * their operands ask for, and nothing of Mu.
 *
 * Linear scan over intervals with holes, on SSA form: intervals are built from blocks in one
 * backward pass, split where a register is missing, and joined again at block edges where the
 * destructed block arguments travel too (Wimmer and Mössenböck, "Optimized Interval Splitting in a
 * Linear Scan Register Allocator", VEE 2005; Wimmer and Franz, "Linear Scan Register Allocation on
 * SSA Form", CGO 2010).
 *
 * All registers are clobbered by calls, so a value that lives across one is stored to its slot
 * once, right behind its definition, and loaded again only where it is next wanted in a register:
 * not in the loop's cold parts that never ask.
 *
 * Input. A function is blocks in the order in which they will be emitted: every block but the first
 * is behind one that dominates it, and the blocks of a loop stand together. Block 0 has no
 * predecessors. No edge leads from a block with several successors to one with several predecessors
 * (critical edges are split before). Every value is defined once and before its uses. Instructions
 * are in the order of their blocks. A jump to a block with several predecessors is bare (no
 * operands, no clobbers, plain), since moves for the edge happen before it. Block 0 has no
 * parameters.
 *
 * Moves may go from slot to slot and from a constant to a slot. A parameter that is never used has
 * no place, and edges bring it nothing.
 */
#include "mu_base.h"

typedef enum alloc_class { ALLOC_GPR, ALLOC_XMM, ALLOC_CLASSES } alloc_class;
#define ALLOC_REGS 16u /* of each class, at most */
#define ALLOC_NONE UINT32_MAX

typedef enum alloc_where { ALLOC_NOWHERE, ALLOC_IN_REG, ALLOC_IN_SLOT, ALLOC_CONSTANT } alloc_where;
typedef struct alloc_place {
    alloc_where where;
    uint32_t index; /* register, or slot; a constant: the value's number */
} alloc_place;

typedef struct alloc_value {
    alloc_class class;
    /* Not defined by an instruction: it can be made in a register at any place by a move from
     * ALLOC_CONSTANT, so it is never in a slot and never moved otherwise. */
    bool is_constant;
    uint32_t hint; /* a value whose register it would best have (copies); ALLOC_NONE */
} alloc_value;

typedef enum alloc_kind {
    ALLOC_USE,       /* in some register when the instruction begins */
    ALLOC_USE_FIXED, /* in register `reg` */
    ALLOC_USE_ANY,   /* in a register or a slot, or a constant as such */
    ALLOC_DEF,       /* in some register when it ends */
    ALLOC_DEF_FIXED, /* in register `reg` */
    ALLOC_DEF_SAME,  /* in the register of the instruction's first operand, which is an ALLOC_USE;
                        not of a call */
    ALLOC_TEMP,      /* some register of class `class`, all through the instruction; no value */
} alloc_kind;

/* Operands of an instruction are in this order: uses, definitions, temporaries. */
typedef struct alloc_operand {
    uint32_t value; /* TEMP: ALLOC_NONE */
    alloc_kind kind;
    int8_t reg;        /* …_FIXED */
    alloc_class class; /* TEMP */
    bool lasts;        /* a use that must keep its register until the instruction ends: no
                          definition or clobber takes it, though the value may die here;
                          nothing at a call */
    alloc_place place; /* out */
} alloc_operand;

typedef enum alloc_safety {
    ALLOC_PLAIN,
    ALLOC_COLD_SAFEPOINT, /* seldom left for the runtime, which loses all registers: values may stay
                             in them; what lives on behind the instruction is listed, see
                             alloc_live, and alloc_remade for constants */
    ALLOC_CALL,           /* every register is clobbered; what lives on is in slots, and listed */
} alloc_safety;

typedef struct alloc_inst {
    uint32_t first_operand, operand_count;
    /* Bits of registers that it overwrites besides definitions and temporaries; its uses may be in
     * them unless they last. */
    uint32_t clobbers[ALLOC_CLASSES];
    alloc_safety safety;
    uint32_t first_live, live_count;     /* out, in alloc.live */
    uint32_t first_remade, remade_count; /* out, in alloc.remade */
} alloc_inst;

/* A value that lives on behind a safepoint (is used later), but what the instruction itself
 * defines; constants are not listed. At a COLD safepoint in a register, it has `save_slot` to wait
 * in. */
typedef struct alloc_live {
    uint32_t value;
    alloc_place place;
    uint32_t save_slot; /* of a register: a slot that is free here or holds the value already */
    bool is_saved;      /* the slot holds it already */
} alloc_live;

/* A constant that lives on in a register behind a COLD safepoint, and is to be made again after the
 * runtime was there. */
typedef struct alloc_remade {
    uint32_t value;
    uint32_t reg;
} alloc_remade;

/* A block's parameters are values that its edges define: argument i of predecessor p is
 * args[p * param_count + i], in the order of `preds`. */
typedef struct alloc_block {
    uint32_t first_inst, inst_count; /* at least 1: the last one is the jump */
    uint32_t *preds, *succs;
    uint32_t pred_count, succ_count;
    uint32_t *params; /* values */
    uint32_t param_count;
    uint32_t *args; /* values */
    uint32_t loop_depth;
    uint32_t loop_end; /* of a loop's header: the last block of the loop; else ALLOC_NONE */
} alloc_block;

/* Moves that happen together: all sources are read before any target is written. */
typedef struct alloc_move {
    uint32_t before; /* the instruction before which it happens */
    uint32_t order;  /* moves of one instruction in groups, in this order, each group together */
    alloc_class class;
    alloc_place to, from;
} alloc_move;

typedef struct alloc {
    /* in; arrays are the caller's */
    alloc_value *values;
    uint32_t value_count;
    alloc_block *blocks;
    uint32_t block_count;
    alloc_inst *insts;
    uint32_t inst_count;
    alloc_operand *operands;
    uint32_t operand_count;
    uint32_t available[ALLOC_CLASSES]; /* bits of registers that may be given */
    mu_arena *arena;                   /* everything made is there */
    /* out */
    alloc_move *moves; /* by `before`, then `order` */
    uint32_t move_count;
    alloc_live *live;
    uint32_t live_count;
    alloc_remade *remade;
    uint32_t remade_count;
    uint32_t slot_count; /* words of the frame; slots are shared by values that do not meet */
} alloc;

/* Gives every operand its place. Time: near-linear but for pathological numbers of long intervals.
 * Errors: LIMIT when there is more of anything than is worth it (2^20 intervals or moves). An
 * instruction whose operands ask for more registers at once than there are is an error of the
 * caller's (an invariant). */
MU_MUST_CHECK mu_status alloc_registers(alloc *a);
