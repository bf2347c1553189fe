#pragma once
/* Private to jit: from a scheduled graph of the room opt to machine code. hot_select.c chooses
 * instructions (with hot_address.c and hot_calls.c), alloc.h gives registers, hot_emit.c writes
 * bytes with what the quick tier has for sites, moves and the frame.
 *
 * An instruction of this list is one or a few of the machine's. Its operands are those of alloc.h;
 * `at` tells which is which. */
#include "alloc.h"
#include "mu_opt.h"
#include "stubs.h"

typedef enum hot_op {
    HOT_ENTRY,      /* defines the arguments */
    HOT_ALU,        /* same = a alu b | imm */
    HOT_LEA,        /* def = address */
    HOT_IMUL,       /* same = a * b, or def = a * imm */
    HOT_SHIFT,      /* same = a shift imm, or by rcx */
    HOT_DIVIDE,     /* rax, rdx */
    HOT_EXTEND,     /* def = the low `imm` bits of a; is_signed */
    HOT_SET,        /* def = condition ? 1 : 0 */
    HOT_SELECT,     /* same = condition ? a : b */
    HOT_FP,         /* same = a fp b */
    HOT_FP_CONVERT, /* by node */
    HOT_LOAD,
    HOT_STORE,
    HOT_CHECK, /* an error unless the condition holds */
    HOT_BARRIER,
    HOT_CHECK_SHIFT,
    HOT_NEW,
    HOT_STOW_CALLEE,
    HOT_PASS, /* a word of thread->overflow = a */
    HOT_TAKE, /* def = a word of thread->overflow */
    HOT_KEEP,
    HOT_CALL,
    HOT_TRAP,
    HOT_CATCH,
    HOT_POLL,
    HOT_JUMP,
    HOT_BRANCH,
    HOT_RETURN,
    HOT_TAIL_CALL,
    HOT_THROW,
} hot_op;

/* What a condition compares: operands `left` and `right` (or an immediate) of the instruction. */
typedef enum hot_test_kind {
    HOT_TEST_WORD, /* left != 0 */
    HOT_TEST_INT,
    HOT_TEST_FP,
} hot_test_kind;
typedef struct hot_test {
    hot_test_kind kind;
    uint8_t width;
    uint8_t cond; /* mu_opt_cond, or bits of FCMP */
    bool has_immediate;
    int32_t immediate;
    int8_t left, right; /* operands, counted in the instruction */
} hot_test;

/* base + index << scale + displacement; or a global cell. */
typedef struct hot_address {
    uint32_t base, index; /* nodes; MU_OPT_NONE */
    uint8_t scale_log2;
    int32_t displacement;
    bool is_global;
    int8_t base_at, index_at; /* operands; -1: none */
} hot_address;

typedef struct hot_inst {
    hot_op op;
    uint8_t width;
    uint8_t machine; /* x64_alu, x64_shift, x64_fp */
    bool is_signed, is_fp, has_immediate;
    uint64_t immediate;
    hot_test test;
    hot_address address;
    uint32_t node;
    uint32_t block;                  /* of the graph */
    int8_t def, a, b;                /* operands */
    uint32_t keep_first, keep_count; /* CALL, TRAP: what is kept for it */
} hot_inst;

/* A word kept alive for a call or trap, in a slot of its own. */
typedef struct hot_kept {
    uint32_t inst; /* that keeps it */
    uint32_t variable, word;
    uint32_t slot; /* behind those of the allocator */
    bool is_ref, is_tagref;
} hot_kept;

typedef struct hot_code {
    mu_opt_graph *graph;
    mu_jit *jit;
    mu_arena *arena;
    alloc regs;
    MU_ARRAY(alloc_value) values;
    MU_ARRAY(uint32_t) value_nodes; /* by value */
    MU_ARRAY(alloc_inst) insts;
    MU_ARRAY(hot_inst) machine; /* parallel */
    MU_ARRAY(alloc_operand) operands;
    alloc_block *blocks; /* in emission order */
    uint32_t *value_of;  /* by node; ALLOC_NONE */
    uint32_t *uses;      /* by node: how many */
    bool *needed;
    MU_ARRAY(uint32_t) to_visit;
    MU_ARRAY(hot_kept) kept;
    uint32_t kept_slots; /* most that one call has */
    const char *refused;
} hot_code;

/* ---- hot_select.c */
static inline const mu_opt_node *hot_of(const hot_code *c, uint32_t node)
{
    return &c->graph->nodes.items[node];
}
/* Chooses instructions for the whole graph; false: `refused`. */
bool hot_select(hot_code *c);
/* Begins an instruction; operands are added to it. */
hot_inst *hot_begin(hot_code *c, hot_op op, uint32_t node, uint32_t block);
int8_t hot_use(hot_code *c, uint32_t node, alloc_kind kind, int8_t reg, bool lasts);
int8_t hot_def(hot_code *c, uint32_t node, alloc_kind kind, int8_t reg);
int8_t hot_temp(hot_code *c, alloc_class class);
uint32_t hot_value(hot_code *c, uint32_t node);
bool hot_is_fp(const hot_code *c, uint32_t node);
/* A constant that an instruction of so many bytes takes as it is. */
bool hot_immediate(const hot_code *c, uint32_t node, uint8_t width, int32_t *value);

/* ---- hot_address.c */
/* What an access (or a sum) of `node` folds of its inputs. */
hot_address hot_address_of(const hot_code *c, uint32_t node);
void hot_use_address(hot_code *c, hot_address *address, bool lasts);

/* ---- hot_calls.c */
void hot_select_entry(hot_code *c);
void hot_select_call(hot_code *c, uint32_t node, uint32_t block);
void hot_select_return(hot_code *c, uint32_t node, uint32_t block);
void hot_select_keep(hot_code *c, uint32_t node, uint32_t block);
void hot_select_result(hot_code *c, uint32_t node, uint32_t block);

/* ---- hot_emit.c */
/* Compiles by this tier, into the version's `code` or `optimised`. UNSUPPORTED: it cannot have
 * something of the function. */
mu_status hot_compile(mu_jit *jit, mu_ir_version *version, void **into, mu_jit_room *room);
