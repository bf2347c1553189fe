#pragma once
/* Private to jit: the state of one compilation of the quick tier, and the pieces it is made of.
 * Reading order: quick_compile.c (the walk), quick_cells.c (registers and slots), quick_moves.c,
 * quick_edges.c, quick_sites.c, then the lowerings quick_int.c … quick_call.c.
 *
 * Variables of the Mu IR do not live across blocks, so everything is local to a block: registers
 * are given greedily in one pass, with the position of each variable's last use known from a
 * backward walk. A block's parameters get their places from the first branch to it that is emitted.
 *
 * A **cell** is one word of a variable: variable v has cells 2v and, when it is an iref, 2v + 1. A
 * cell is in a register, in a frame slot, or both (the slot then holds the same value). An iref
 * that is merely derived from others is a **path**: base cell, offset cell, scale and displacement,
 * which fold into addresses. Composite values live in slots only.
 */
#include "mu_jit.h"
#include "watch_sites.h"
#include "x64_assembler.h"

#define QUICK_NONE      UINT32_MAX
#define QUICK_GPR_COUNT 16
#define QUICK_XMM_COUNT 16
/* Never allocated: r10 and r11 (and xmm14, xmm15) are for the space of one instruction's lowering.
 */
#define QUICK_TEMP      R11
#define QUICK_TEMP2     R10
#define QUICK_THREAD    R15
#define QUICK_XMM_TEMP  XMM15
#define QUICK_XMM_TEMP2 XMM14

typedef enum quick_class {
    QUICK_INT, /* int, pointer, funcref: zero-extended in a general register */
    QUICK_REF, /* ref, tagref64: the same, and the collector cares */
    QUICK_FLOAT,
    QUICK_DOUBLE,
    QUICK_IREF,
    QUICK_COMPOSITE, /* struct, array, vector, int of more than 64 bits: slots */
} quick_class;

typedef struct quick_cell {
    int8_t reg; /* x64_gpr or x64_xmm, -1: in none */
    bool is_xmm;
    bool is_ref;
    bool slot_valid;   /* the slot holds the value */
    bool non_null;     /* known in the rest of the block */
    uint32_t slot;     /* QUICK_NONE: none */
    uint32_t last_use; /* position; of the variable that owns it */
} quick_cell;

/* How an iref variable's address is made: base + (offset << scale) + displacement. */
typedef struct quick_path {
    uint32_t base;   /* cell; QUICK_NONE: 0 */
    uint32_t offset; /* cell; QUICK_NONE: 0 */
    uint8_t scale_log2;
    bool is_global; /* the base is the global cell at `global_cell` of the VM's global memory */
    bool non_null;
    int64_t displacement;
    uint64_t global_cell;
} quick_path;

typedef struct quick_variable {
    quick_class class;
    uint32_t last_use; /* position */
    uint32_t use_count;
    uint32_t next_dying;  /* with its last use at the same instruction; QUICK_NONE */
    uint32_t live_index;  /* in quick.live */
    uint32_t slot;        /* COMPOSITE: first (lowest address is the highest index); QUICK_NONE */
    uint32_t words;       /* COMPOSITE */
    uint32_t mapped_site; /* the last site whose map has it, plus 1 */
    quick_path path;      /* IREF */
} quick_variable;

/* A place that a move writes or reads. */
typedef enum quick_operand_kind {
    QUICK_AT_GPR,
    QUICK_AT_XMM,
    QUICK_AT_SLOT,
    QUICK_AT_OVERFLOW, /* word `index`; written only */
    QUICK_IMMEDIATE,   /* read only */
    QUICK_GLOBAL,      /* address of global memory + immediate; read only */
    QUICK_EXCEPTION,   /* thread->exception, cleared; read only */
} quick_operand_kind;
typedef struct quick_operand {
    quick_operand_kind kind;
    uint32_t index;
    uint64_t immediate;
} quick_operand;
typedef struct quick_move {
    quick_operand to;
    quick_operand from;
} quick_move;
typedef MU_ARRAY(quick_move) quick_moves;

typedef struct quick_block {
    x64_label label;
    bool reachable;
    bool placed; /* its parameters' places are decided */
    bool emitted;
    uint32_t order; /* position in emission order */
    uint32_t predecessors;
    quick_operand *places; /* one a parameter word; composite: the first slot, in words */
    uint32_t place_count;
} quick_block;

/* A register's value that must survive a slow path: stored to the slot before, loaded again after.
 */
typedef struct quick_save {
    uint32_t cell;
    bool stores; /* the slot does not hold it yet */
    int8_t reg;
    bool is_xmm;
    uint32_t slot;
} quick_save;

/* Code that is emitted after the function's body. */
typedef enum quick_deferred_kind {
    QUICK_DEFER_EDGE,     /* moves, then a jump to a block */
    QUICK_DEFER_LANDING,  /* the same, entered by the unwinder */
    QUICK_DEFER_ERROR,    /* leaves with a guest error */
    QUICK_DEFER_ALLOCATE, /* saves, leaves, restores, goes back */
    QUICK_DEFER_YIELD,
    QUICK_DEFER_GROW,
    QUICK_DEFER_CHECK,
    QUICK_DEFER_WATCH,        /* an enabled watchpoint */
    QUICK_DEFER_NATIVE_STACK, /* C has no stack yet */
    QUICK_DEFER_NATIVE_MOVED, /* C has returned on another thread */
    QUICK_DEFER_BARRIER,
} quick_deferred_kind;
typedef struct quick_snapshot quick_snapshot; /* quick_watch.c: what lives where */
typedef struct quick_deferred {
    quick_deferred_kind kind;
    x64_label label;
    x64_label back;
    quick_moves moves;
    uint32_t block;       /* EDGE, LANDING */
    mu_guest_error error; /* ERROR */
    uint32_t site;        /* index of the site it makes; QUICK_NONE */
    MU_ARRAY(quick_save) saves;
    const mu_abi_type *type; /* ALLOCATE */
    int8_t length_reg;       /* ALLOCATE a hybrid: where the length is; -1: 0 */
    int8_t result_reg;       /* ALLOCATE */
    int8_t extra_gpr[2];     /* GROW, CHECK: registers that are not cells and survive; -1: none */
    mu_abi_leave check;      /* CHECK: what to leave for; `moves` brings its arguments */
    bool drops_exception;    /* LANDING: the block does not want it */
    uint32_t landing;        /* index of the deferred landing of its site; QUICK_NONE */
    const quick_snapshot *snapshot; /* WATCH */
    x64_gpr object;                 /* BARRIER: the register with the object's reference */
    x64_mem place;                  /* BARRIER: where the store goes */
    uint32_t store_bytes;
} quick_deferred;

/* Constant words that are emitted behind everything else. */
typedef struct quick_literal {
    x64_label label;
    uint32_t word_count;
    uint64_t *words;
} quick_literal;

/* Slots that are given back when the instruction is done. */
typedef struct quick_temporary {
    uint32_t slot;
    uint32_t words;
} quick_temporary;

typedef struct quick {
    mu_jit *jit;
    mu_ir_version *version;
    mu_arena *arena;
    x64_assembler *a;
    quick_cell *cells;
    quick_variable *variables;
    quick_block *blocks;
    uint32_t *order; /* blocks in emission order */
    uint32_t order_count;

    /* In the present block. */
    uint32_t block;
    uint32_t inst;        /* index in version->insts */
    uint32_t position;    /* of the present instruction: even; its destinations are one later */
    bool results_defined; /* the instruction is done and goes to its normal destination */
    uint32_t gpr_cell[QUICK_GPR_COUNT]; /* the cell in each register, or QUICK_NONE */
    uint32_t xmm_cell[QUICK_XMM_COUNT];
    uint32_t fresh_cell; /* an object made since the last safepoint, so a young one; QUICK_NONE */
    uint32_t gpr_pinned; /* may not be taken during this instruction */
    uint32_t xmm_pinned;
    MU_ARRAY(uint32_t) live;        /* variables defined and not yet released */
    uint32_t *dying;                /* by instruction: the first variable whose last use it is */
    MU_ARRAY(uint32_t) slot_stamps; /* quick_edges.c: the block that adopted the slot, plus 1 */
    uint64_t *slots_used;           /* bitmap */
    uint32_t slot_words;            /* of the bitmap */
    uint32_t slot_count;            /* highest used so far */

    void *place_states; /* quick_moves.c */
    uint32_t place_state_count;

    uint64_t work; /* steps that are not in proportion to the text: live values at sites, words over
                      edges */
    uint64_t deferred_words; /* moves that wait in `deferred`, words in `literals` */
    bool checked; /* the bundle is not trusted: casts and shifts are checked, ALLOCA is in the heap
                   */
    bool large_frame;
    bool uses_alloca;
    uint32_t alloca_slot;
    uint32_t frame_patches[3]; /* where the code holds the frame's size: of SUB, of the leave, of
                                  LEA (negated) */

    MU_ARRAY(quick_deferred) deferred;
    MU_ARRAY(quick_literal) literals;
    MU_ARRAY(quick_temporary) temporaries;
    MU_ARRAY(mu_code_line) lines;
    MU_ARRAY(mu_code_site) sites;
    MU_ARRAY(uint32_t) site_landings; /* parallel: index of a deferred landing, or QUICK_NONE */
    MU_ARRAY(mu_code_slot) map_slots;
    MU_ARRAY(mu_code_keepalive) map_keepalives;
    MU_ARRAY(watch_offset) watches;
} quick;

/* ---- quick_compile.c */
/* Has this function become more than is worth compiling? Asked wherever much may be added at once.
 */
bool quick_is_too_large(const quick *q);
/* What both tiers' code has: a prologue and its slow path, lines, and what becomes of it all. */
void quick_emit_prologue(quick *q, x64_label slow, x64_label cont);
void quick_emit_prologue_slow(quick *q, x64_label slow, x64_label cont);
void quick_begin_line(quick *q, uint32_t inst);
/* `into`: the version's `code` or `optimised`. */
mu_status quick_install(quick *q, void **into, mu_jit_room *room);
void quick_close(quick *q);

/* ---- quick_liveness.c */
/* Last uses in the present block, by one walk backwards; and the lists of what dies where. */
void quick_find_last_uses(quick *q);
/* Reachable blocks in reverse postorder, with their numbers of predecessors. */
void quick_order_blocks(quick *q);

/* ---- quick_cells.c: registers and slots */
quick_class quick_class_of(const mu_ir_type *type);
/* The words of a value of the type. */
uint32_t quick_words_of(const mu_ir_type *type);
static inline uint32_t quick_cell_of(uint32_t variable)
{
    return variable * 2;
}
/* [rbp - 8 (slot + 1)] */
x64_mem quick_slot_mem(uint32_t slot);
int32_t quick_slot_offset(uint32_t slot);
/* A free slot, or the lowest-addressed (so highest-numbered) of `words` adjacent ones. */
uint32_t quick_slot_take(quick *q, uint32_t words);
void quick_slot_give(quick *q, uint32_t slot, uint32_t words);
void quick_slot_reserve(quick *q, uint32_t slot, uint32_t words);
/* A free general (xmm) register, evicting if need be; pinned for this instruction. */
x64_gpr quick_gpr_take(quick *q);
x64_xmm quick_xmm_take(quick *q);
/* This one, moving what is in it elsewhere; pinned. */
void quick_gpr_take_fixed(quick *q, x64_gpr reg);
/* The cell's value in a register, loaded if need be; pinned. */
x64_gpr quick_gpr_of(quick *q, uint32_t cell);
x64_xmm quick_xmm_of(quick *q, uint32_t cell);
/* Makes `reg` (taken) the cell's place. */
void quick_define_gpr(quick *q, uint32_t cell, x64_gpr reg);
void quick_define_xmm(quick *q, uint32_t cell, x64_xmm reg);
/* Marks a variable as defined here; it is released at its last use. */
void quick_begin(quick *q, uint32_t variable);
/* Stores the cell to its slot if that does not hold it. */
void quick_spill(quick *q, uint32_t cell);
/* Lets every register go; live values are in slots (spilled by the caller). */
void quick_forget_registers(quick *q);
/* After an instruction: releases variables whose last use is not after `position`; unpins. */
void quick_finish_instruction(quick *q);
bool quick_live_after(const quick *q, uint32_t variable, uint32_t position);

/* ---- operands of instructions */
/* The value in a register, to be read: constants are put into one. Pinned. */
x64_gpr quick_read_gpr(quick *q, mu_ir_value value);
x64_xmm quick_read_xmm(quick *q, mu_ir_value value);
/* The constant behind an int-like or fp operand of one word. */
bool quick_constant(const quick *q, mu_ir_value value, uint64_t *constant);
/* A register holding a copy of the operand that may be overwritten, to become a result: the
 * operand's own when this is its last use. */
x64_gpr quick_copy_gpr(quick *q, mu_ir_value value);
x64_xmm quick_copy_xmm(quick *q, mu_ir_value value);
/* Result `index` of the present instruction. */
uint32_t quick_result(const quick *q, uint32_t index);
void quick_result_gpr(quick *q, uint32_t index, x64_gpr reg);
void quick_result_xmm(quick *q, uint32_t index, x64_xmm reg);
uint32_t quick_int_bits(const mu_ir_type *type);
/* The words of any value as sources of moves; a composite's in the order of memory. */
void quick_value_words(quick *q, mu_ir_value value, quick_operand *words);
/* reg = reference of a global cell. */
void quick_load_global(quick *q, x64_gpr reg, uint64_t cell);
/* Makes an iref's two words expressible as plain operands. May take registers; keeps no flags. */
void quick_settle_path(quick *q, mu_ir_value value);
/* The path behind an iref operand, constants included. */
quick_path quick_path_of(quick *q, mu_ir_value value);
/* The path that another iref goes on from. Where the operand has an offset cell of its own it is
 * settled first: to settle it later would change the cell under those that refer to it. */
quick_path quick_path_to_derive(quick *q, mu_ir_value value);

/* ---- quick_wide_ints.c */
/* The two words of an int<128>: a constant's, or in memory, the low one first. */
typedef struct quick_pair {
    bool is_constant;
    uint64_t words[2];
    x64_mem mem;
} quick_pair;
bool quick_is_wide_int(const mu_ir_type *type);
quick_pair quick_pair_of(quick *q, mu_ir_value value);
quick_pair quick_pair_at(x64_mem mem);
/* reg = the low word (half 0) or the high one (1); keeps flags. */
void quick_load_half(quick *q, x64_gpr reg, const quick_pair *pair, uint32_t half);
/* Combines high:low with a pair, the low words first; uses r11. */
void quick_combine_pairs(quick *q, x64_alu low_op, x64_alu high_op, x64_gpr low, x64_gpr high,
                         const quick_pair *right);
/* Sets the flags that the condition it gives asks for; uses r10, r11 and `spare`. */
x64_cond quick_compare_pairs(quick *q, mu_ir_op op, const quick_pair *left, const quick_pair *right,
                             x64_gpr spare);
/* Defines result `index`, an int<128>, as the words in two registers. */
void quick_result_pair(quick *q, uint32_t index, x64_gpr low, x64_gpr high);
/* An int operand of any width, to be read: its low 64 bits; or UINT64_MAX where it has more than
 * those, as no index in range and no length that fits has. Use r10 and r11. */
x64_gpr quick_read_low_word(quick *q, mu_ir_value value);
x64_gpr quick_read_saturated(quick *q, mu_ir_value value);
/* Jumps unless the int<128>, whose low word is in a register, is that word sign-extended. */
void quick_jump_unless_word(quick *q, mu_ir_value value, x64_gpr low, x64_label otherwise);
/* Whether the instruction on an int<128> is done in line, else quick_lower_in_memory does it. */
bool quick_is_wide_inline(quick *q, const mu_ir_inst *inst);
void quick_lower_wide_int(quick *q, const mu_ir_inst *inst);

/* ---- quick_moves.c */
/* Does all moves at once, in any order that keeps every source until it is read. Uses r10, r11,
 * xmm15. */
void quick_emit_moves(quick *q, const quick_moves *moves);
/* reg = one word. */
void quick_load_word(quick *q, x64_gpr reg, const quick_operand *from);

/* ---- quick_edges.c */
void quick_settle_dest(quick *q, const mu_ir_dest *dest);
/* A label to jump to for going to `dest` from the present state; `exception` fills the block's
 * exception parameter, if it has one. */
x64_label quick_edge(quick *q, const mu_ir_dest *dest, quick_operand exception);
/* Goes to `dest` here. */
void quick_goto(quick *q, const mu_ir_dest *dest, quick_operand exception);
/* A landing pad for `dest`; every argument is in a slot or constant; `saves` (may be NULL) says
 * where registers are saved. Returns the deferred piece's index. */
uint32_t quick_landing(quick *q, const mu_ir_dest *dest, const quick_save *saves,
                       uint32_t save_count);
/* The entry's parameters come as the calling convention says; overflow words are copied to slots
 * here. */
void quick_place_entry(quick *q);
void quick_begin_params(quick *q);
void quick_load_overflow(quick *q, uint32_t slot, uint32_t word);
uint32_t quick_defer(quick *q, quick_deferred_kind kind);
x64_gpr quick_gpr_arg(uint32_t index);
bool quick_is_next(const quick *q, uint32_t block);
void quick_emit_deferred(quick *q);

/* ---- quick_sites.c */
/* Spills whatever lives after the present instruction (its destinations' arguments, its keep-alives
 * and, with them, everything used later). */
void quick_spill_live(quick *q);
/* Records a site, with what lives after the present instruction and its keep-alives; its return
 * address is set when the call has been emitted, by quick_site_here. `saves` are registers saved in
 * slots. */
uint32_t quick_site(quick *q, mu_code_site_kind kind, uint32_t landing, const quick_save *saves,
                    uint32_t save_count);
void quick_site_here(quick *q, uint32_t site);
/* Calls a stub that leaves for `reason` (return address pushed). */
void quick_call_leave(quick *q, mu_abi_leave reason);
/* A label that raises `error` at the present instruction: takes the exceptional destination if it
 * has one, else leaves with the error. */
x64_label quick_error(quick *q, mu_guest_error error);
/* Saves for a slow path: every register that lives after this instruction, with slots taken for the
 * moment. */
void quick_collect_saves(quick *q, quick_deferred *deferred, bool include_operands);
void quick_release_saves(quick *q, const quick_deferred *deferred);
void quick_emit_saves(quick *q, const quick_deferred *deferred);
void quick_emit_restores(quick *q, const quick_deferred *deferred);

/* ---- lowerings */
void quick_lower_binary_int(quick *q, const mu_ir_inst *inst);
void quick_lower_binary_fp(quick *q, const mu_ir_inst *inst);
void quick_lower_convert(quick *q, const mu_ir_inst *inst);
void quick_lower_compare(quick *q, const mu_ir_inst *inst);
void quick_lower_select(quick *q, const mu_ir_inst *inst);
void quick_lower_branch2(quick *q, const mu_ir_inst *inst);
/* An iref's address in a register that may be overwritten. */
x64_gpr quick_iref_address(quick *q, mu_ir_value value);
/* quick_switch.c */
void quick_lower_switch(quick *q, const mu_ir_inst *inst);
/* A compare whose only use is the next instruction, a BRANCH2 or SELECT: both are lowered together.
 */
bool quick_fuses(const quick *q, const mu_ir_inst *inst);
void quick_lower_fused(quick *q, const mu_ir_inst *compare, const mu_ir_inst *user);
void quick_lower_call(quick *q, const mu_ir_inst *inst);
void quick_lower_tailcall(quick *q, const mu_ir_inst *inst);
void quick_lower_ret(quick *q, const mu_ir_inst *inst);
void quick_lower_throw(quick *q, const mu_ir_inst *inst);
void quick_lower_trap(quick *q, const mu_ir_inst *inst);
/* quick_native.c: PTR forms, and CCALL */
void quick_lower_pointer_address(quick *q, const mu_ir_inst *inst);
/* quick_access of a uptr. */
x64_mem quick_pointer_access(quick *q, mu_ir_value location);
void quick_lower_ccall(quick *q, const mu_ir_inst *inst);
void quick_emit_native_stack(quick *q, const quick_deferred *deferred);
void quick_emit_native_moved(quick *q, const quick_deferred *deferred);
/* quick_common.c */
/* Leaves for an instruction that the runtime does; what lives on is in slots. */
void quick_leave_at(quick *q, const mu_ir_inst *inst, mu_abi_leave reason, mu_code_site_kind kind);
void quick_lower_comminst(quick *q, const mu_ir_inst *inst);
/* Whether it is arithmetic on, or a conversion from or to, a single int of more than 64 bits. */
bool quick_is_on_wide_ints(const quick *q, const mu_ir_inst *inst);
/* Leaves to the runtime with the operands as arguments, and takes the results. */
void quick_lower_in_runtime(quick *q, const mu_ir_inst *inst);
/* The same for an operation of one or two operands and one result, all of which the runtime finds
 * in memory: values too large to travel, which it takes lane by lane. */
void quick_lower_in_memory(quick *q, const mu_ir_inst *inst);
void quick_lower_newthread(quick *q, const mu_ir_inst *inst);
void quick_lower_swapstack(quick *q, const mu_ir_inst *inst);
void quick_lower_watch(quick *q, const mu_ir_inst *inst);
void quick_emit_watch(quick *q, const quick_deferred *deferred);
void quick_lower_tagref(quick *q, const mu_ir_inst *inst);
void quick_lower_frem(quick *q, const mu_ir_inst *inst);
void quick_lower_new(quick *q, const mu_ir_inst *inst);
void quick_lower_alloca(quick *q, const mu_ir_inst *inst);
/* Clears the payload of an object that `inst` makes: a multiple of 8 bytes. What the instructions
 * after it store at once may be left. Emitted before the header is written, which may be
 * overwritten. */
void quick_clear_new(quick *q, const mu_ir_inst *inst, uint64_t bytes, x64_gpr payload);
/* The same of all from `start` to `end`, which is changed. */
void quick_clear_down(quick *q, x64_gpr end, x64_gpr start);
void quick_lower_address(quick *q, const mu_ir_inst *inst);
void quick_lower_load(quick *q, const mu_ir_inst *inst);
void quick_lower_store(quick *q, const mu_ir_inst *inst);
void quick_lower_cmpxchg(quick *q, const mu_ir_inst *inst);
void quick_lower_atomicrmw(quick *q, const mu_ir_inst *inst);
/* quick_barrier.c: what comes before a store of a value of `type` to `mem`, which quick_access gave
 * for `location`: tells the collector when the object is old. Keeps every register but r11. */
void quick_barrier(quick *q, mu_ir_value location, x64_mem mem, mu_ir_type *type);
void quick_emit_barrier(quick *q, const quick_deferred *deferred);
/* quick_wide_atomics.c: the same on what has 16 bytes: irefs, of which the second is XCHG, and
 * int<128>. */
void quick_lower_cmpxchg_16(quick *q, const mu_ir_inst *inst);
void quick_lower_atomicrmw_16(quick *q, const mu_ir_inst *inst);
void quick_lower_aggregate(quick *q, const mu_ir_inst *inst);
/* Whether the instruction works on vectors lane by lane; such are lowered by quick_lower_vector. */
bool quick_is_on_vectors(const quick *q, const mu_ir_inst *inst);
void quick_lower_vector(quick *q, const mu_ir_inst *inst);
void quick_emit_literals(quick *q);
/* Where the constant operand will be behind the code; not of one that has addresses in it. */
x64_label quick_literal_of(quick *q, mu_ir_value value, const mu_ir_type *type);
/* Whether constants of the type may hold addresses: vectors of irefs do, of global cells. */
bool quick_vector_has_addresses(const mu_ir_type *type);

/* Defines the result as a copy of an iref's path. */
void quick_result_path(quick *q, quick_path path);
/* quick_checks.c: what keeps a bundle that is not trusted inside of its objects. */
void quick_lower_checked_shift(quick *q, const mu_ir_inst *inst);
void quick_check_cast(quick *q, const mu_ir_inst *inst);
/* Whether a REFCAST, of references or vectors of them, has to be. */
bool quick_cast_is_checked(const quick *q, const mu_ir_inst *inst);
/* reg *= factor; goes to `overflow` (unless NULL) when the product does not fit 64 bits, signed. */
void quick_multiply(quick *q, x64_gpr reg, uint64_t factor, const x64_label *overflow);
/* An access's address after its NULL check; may use r10 and take registers. */
x64_mem quick_access(quick *q, mu_ir_value location);
/* Defines the present instruction's result as the value of `type` at `mem`. */
void quick_load_result(quick *q, mu_ir_type *type, x64_mem mem);
/* Gets a value ready for quick_store_value; what it takes is taken before an address is made. */
void quick_prepare_store(quick *q, const mu_ir_type *type, mu_ir_value value);
/* Uses r11; `mem` may be based on r10. */
void quick_store_value(quick *q, const mu_ir_type *type, x64_mem mem, mu_ir_value value,
                       bool is_seq_cst);
/* Copies words between places of the frame that do not overlap; may take registers, uses r11 and
 * xmm15. */
void quick_copy_slots(quick *q, x64_mem from, x64_mem to, uint32_t words);
/* Defines the result as a copy of a composite operand; gives its lowest address. */
x64_mem quick_copy_composite(quick *q, mu_ir_value value, const mu_ir_type *type);
/* The frame's memory of a composite operand; a constant is put into slots of its own, which are the
 * caller's until quick_drop_temporary. */
x64_mem quick_composite_memory(quick *q, mu_ir_value value, const mu_ir_type *type,
                               uint32_t *temporary);
void quick_drop_temporary(quick *q, uint32_t slot, const mu_ir_type *type);
/* Cuts the value in `reg` to `bits`, zero-extended. */
void quick_cut(quick *q, x64_gpr reg, uint32_t bits);
/* Sign-extends `reg` from `bits` to 64. */
void quick_sign_extend(quick *q, x64_gpr reg, uint32_t bits);
/* Makes irefs among the values plain, then moves values to the places of a call's arguments. */
void quick_settle_values(quick *q, const mu_ir_value *values, uint32_t count);
void quick_move_arguments(quick *q, const mu_ir_value *values, uint32_t count,
                          mu_ir_type *const *types);
/* A landing pad for the instruction's exceptional destination, if it has one. */
uint32_t quick_landing_of(quick *q, const mu_ir_inst *inst);
/* Pieces of the scalar lowerings on registers of the caller's, for vectors. Use r11 and xmm15. */
/* Divides rax, extended from its bits to `width`, by `divisor`, which is not 0: quotient in rax,
 * remainder in rdx. */
void quick_divide(quick *q, bool is_signed, uint8_t width, x64_gpr divisor);
/* The bits of a shift's count that matter. */
uint32_t quick_count_mask(uint32_t bits);
x64_cond quick_int_condition(mu_ir_op op);
/* to = `from` toward zero, saturated to `bits`; uses xmm14, too. */
void quick_fp_to_int(quick *q, bool is_signed, uint8_t width, uint32_t bits, x64_gpr to,
                     x64_xmm from);
/* The opposite; `from`, zero-extended, may be overwritten; uses r10, too. */
void quick_int_to_fp(quick *q, bool is_signed, uint32_t bits, uint8_t width, x64_xmm to,
                     x64_gpr from);
/* Lowers results that arrive as at a call's return: in registers and overflow words. */
void quick_take_results(quick *q, const mu_ir_inst *inst, mu_ir_type *const *types, uint32_t count);
/* Addresses of the leave stubs, for calls through the thread-independent table at known addresses.
 */
const void *quick_leave_stub(const quick *q, mu_abi_leave reason);
