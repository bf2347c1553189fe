#pragma once
/* The optimising tier's middle: a version of a function as a graph, and what makes it better. It
 * knows nothing of a machine. README.md has the design.
 *
 * A **graph** has blocks and nodes. A node makes one word at most. Pinned nodes (memory, calls,
 * jumps) have a block and an order in it; all others float: they are no more than an operation on
 * their inputs, two of the same are one (so to make a graph numbers its values), and a schedule
 * places them only in the end (Click, "Global Code Motion / Global Value Numbering", PLDI 1995).
 *
 * Words. An int of n bits is in its word filled with 0; an iref is two words, base and offset, and
 * no address of the heap is ever a word: a node that accesses memory has both and adds them itself.
 * So whatever is a reference is one that the collector knows.
 *
 * One graph is one thread's. */
#include "mu_abi.h"
#include "mu_ir.h"

#define MU_OPT_NONE UINT32_MAX

typedef enum mu_opt_kind {
    MU_OPT_VOID, /* no word */
    MU_OPT_INT,  /* ints, pointers, numbers of functions */
    MU_OPT_REF,
    MU_OPT_TAGREF,
    MU_OPT_FLOAT,
    MU_OPT_DOUBLE,
} mu_opt_kind;

/* clang-format off */
/*      NAME        float  what it is. `width` is 4 or 8 bytes unless it says otherwise; results of 4
 *                         are filled with 0 */
#define MU_OPT_OP_LIST(O)                                                                               \
    O(CONST,         1, "imm; of a fp kind: its bits")                                                  \
    O(PARAM,         1, "word imm of the arguments")                                                    \
    O(PHI,           0, "input i if the block was entered from its predecessor i")                      \
    O(GLOBAL,        1, "reference of the global cell at imm of the VM's global memory")                \
    O(ADD,           1, "a + b")            O(SUB,  1, "a - b")         O(MUL,  1, "a * b")               \
    O(AND,           1, "a & b")            O(OR,   1, "a | b")         O(XOR,  1, "a ^ b")               \
    O(SHL,           1, "a << b; b is less than the width")                                             \
    O(LSHR,          1, "a >> b")           O(ASHR, 1, "a >> b, signed; of width bytes")                 \
    O(SDIV,          1, "a / b; b is not 0; overflow wraps") O(SREM, 1, "a % b, the same")              \
    O(UDIV,          1, "a / b unsigned; b is not 0")        O(UREM, 1, "a % b, the same")              \
    O(SEXT,          1, "the low imm bits of a, signed, as `width` bytes")                              \
    O(ZEXT,          1, "the low imm bits of a")                                                        \
    O(CMP,           1, "1 if `cond` holds of a and b, else 0")                                         \
    O(FCMP,          1, "the same of fp")                                                               \
    O(SELECT,        1, "a ? b : c")                                                                    \
    O(FADD,          1, "a + b")            O(FSUB, 1, "a - b")                                         \
    O(FMUL,          1, "a * b")            O(FDIV, 1, "a / b")                                         \
    O(FWIDEN,        1, "float to double")  O(FNARROW, 1, "double to float")                            \
    O(FROM_INT,      1, "signed int of `width` bytes to fp")                                            \
    O(TO_INT,        1, "fp of a's kind to a signed int of imm bits, toward 0, saturating; NaN is 0")   \
    O(TO_BITS,       1, "the bits of fp")   O(FROM_BITS, 1, "fp of these bits")                         \
    O(DESCRIPTOR,    1, "the descriptor of the object a, which is not NULL")                            \
    O(LENGTH,        1, "elements the hybrid a has room for; a is not NULL")                            \
    O(FIXED,         1, "`width` bytes at a + imm, of what never changes")                              \
    O(NON_NULL,      0, "a, which is not NULL, else the error imm; imm 0: that is known here")           \
    O(CHECK_SHIFT,   0, "of an iref (a, b) moved to (a, c), at `type`: raises if nothing is there")      \
    O(CHECK,         0, "goes on if a is not 0, else raises the error imm")                             \
    O(LOAD,          0, "`width` bytes (1 too, 2) at a + b + imm, filled with 0; or fp")                \
    O(STORE,         0, "c to `width` bytes at a + b + imm")                                            \
    O(BARRIER,       0, "references are about to be stored in `width` bytes at a + b + imm, in a")      \
    O(NEW,           0, "a new object of `type`")                                                       \
    O(NEW_HYBRID,    0, "the same of a elements")                                                       \
    O(CALL,          0, "calls a with the rest; `inst` says what it is; `width` 1: a has its signature")     \
    O(TRAP,          0, "traps; `inst`")                                                                \
    O(RESULT,        0, "word imm of what the call a returned; right behind it")                        \
    O(CATCH,         0, "the exception that led here, which is caught; first in its block")             \
    O(KEEP,          0, "a is word `width` of the variable imm, which the call behind keeps alive")           \
    O(POLL,          0, "a yieldpoint")                                                                 \
    O(JUMP,          0, "to the only successor")                                                        \
    O(BRANCH,        0, "to successor 0 if a is not 0, else to 1")                                      \
    O(RETURN,        0, "the inputs, by words")                                                         \
    O(TAIL_CALL,     0, "a with the rest, as CALL")                                                              \
    O(THROW,         0, "a")
/* clang-format on */
typedef enum mu_opt_op {
#define MU_OPT_OP_ENUM(name, floats, text) MU_OPT_##name,
    MU_OPT_OP_LIST(MU_OPT_OP_ENUM)
#undef MU_OPT_OP_ENUM
        MU_OPT_OP_COUNT
} mu_opt_op;

typedef enum mu_opt_cond { /* of ints */
                           MU_OPT_EQ,
                           MU_OPT_NE,
                           MU_OPT_SLT,
                           MU_OPT_SLE,
                           MU_OPT_SGT,
                           MU_OPT_SGE,
                           MU_OPT_ULT,
                           MU_OPT_ULE,
                           MU_OPT_UGT,
                           MU_OPT_UGE,
} mu_opt_cond;
/* Of fp: bits of what the pair may be for the condition to hold. */
enum { MU_OPT_FLESS = 1, MU_OPT_FEQUAL = 2, MU_OPT_FGREATER = 4, MU_OPT_FUNORDERED = 8 };

/* Known bits of a base that may be NULL with an address for its offset, since it came as an iref's.
 */
#define MU_OPT_LOOSE_BASE 65

typedef struct mu_opt_node {
    uint8_t op;    /* mu_opt_op */
    uint8_t kind;  /* mu_opt_kind */
    uint8_t width; /* bytes */
    uint8_t cond;  /* CMP: mu_opt_cond; FCMP: bits; PARAM, PHI, RESULT: bits that may be set */
    uint32_t input_count;
    uint32_t *inputs; /* nodes */
    uint32_t block;   /* pinned, or placed by the schedule */
    uint32_t inst;    /* of the version: for lines, and what a call is; MU_OPT_NONE */
    uint64_t imm;
    mu_ir_type *type; /* NEW, NEW_HYBRID, BARRIER; STORE, LOAD: what is there */
    uint32_t next;    /* with the same hash; internal */
} mu_opt_node;

typedef struct mu_opt_block {
    MU_ARRAY(uint32_t) phis;
    /* Pinned, in order; the last one jumps, or may throw: then successor 1 is where. After
     * scheduling all, but constants and parameters. */
    MU_ARRAY(uint32_t) nodes;
    MU_ARRAY(uint32_t) preds;
    MU_ARRAY(uint32_t) succs; /* a call with an exception clause: normal, exceptional */
    uint32_t dominator;       /* immediate; after mu_opt_schedule, as are the next */
    uint32_t depth;           /* in the dominator tree */
    uint32_t loop_depth;
    uint32_t loop_end; /* the last block, in order, of the loop that it heads; NONE */
    uint32_t position; /* in order; MU_OPT_NONE: unreachable */
    bool is_landing;   /* entered by the unwinder */
} mu_opt_block;

typedef struct mu_opt_graph {
    mu_ir_version *version;
    mu_arena *arena;
    MU_ARRAY(mu_opt_node) nodes;
    MU_ARRAY(mu_opt_block) blocks;
    MU_ARRAY(uint32_t) order; /* blocks as they will be emitted: mu_opt_schedule */
    uint32_t *buckets;        /* of floating nodes by hash; internal */
    uint32_t bucket_count;
    const char *refused; /* what it cannot have; static */
} mu_opt_graph;

/* The graph of a verified version. Errors: UNSUPPORTED, with `refused` naming what the tier does
 * not know yet; LIMIT, it is too large. The caller frees the graph in any case. */
MU_MUST_CHECK mu_status mu_opt_build(mu_ir_version *version, mu_opt_graph **graph);
void mu_opt_free(mu_opt_graph *graph);
/* Drops what is unreachable and block arguments that are always the same, folds and numbers again,
 * until nothing changes. */
void mu_opt_clean(mu_opt_graph **graph);
/* The same, and all passes that make it better. */
void mu_opt_improve(mu_opt_graph **graph);
/* Orders the blocks, finds loops, and gives every node that is needed a block and a place in it.
 * False: the graph is `refused`, since a loop has several entries. */
MU_MUST_CHECK bool mu_opt_schedule(mu_opt_graph *graph);
/* As text, for tests and people; mu_free. */
char *mu_opt_text(const mu_opt_graph *graph);

/* ---- making nodes: for the builder and passes */
/* A floating node or one that is the same: folded, simplified. Inputs: `count` nodes. */
uint32_t mu_opt_float(mu_opt_graph *graph, mu_opt_node like, const uint32_t *inputs,
                      uint32_t count);
/* Appends a pinned node to a block. */
uint32_t mu_opt_pin(mu_opt_graph *graph, uint32_t block, mu_opt_node like, const uint32_t *inputs,
                    uint32_t count);
uint32_t mu_opt_const(mu_opt_graph *graph, mu_opt_kind kind, uint64_t bits);
bool mu_opt_floats(mu_opt_op op);
const char *mu_opt_op_name(mu_opt_op op);
static inline bool mu_opt_is_const(const mu_opt_graph *graph, uint32_t node, uint64_t *bits)
{
    *bits = graph->nodes.items[node].imm;
    return graph->nodes.items[node].op == MU_OPT_CONST;
}
