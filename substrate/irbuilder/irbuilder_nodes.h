#pragma once
/* The graph that a bundle under construction is. A node remembers the call that made it: its row of
 * the table and its operands, of which nodes are numbers in the bundle. What belongs to a node that
 * was there before hangs in its chains, in the order of the calls. */
#include "mu_irbuilder.h"

#include "mu_ir_builder.h"

typedef enum irbuilder_kind {
    NODE_TYPE,
    NODE_SIG,
    NODE_CONST,
    NODE_GLOBAL,
    NODE_FUNC,
    NODE_EXPOSE,
    NODE_VERSION,
    NODE_BLOCK,
    NODE_PARAM,
    NODE_EXC_PARAM,
    NODE_INST,
    NODE_RESULT,
    /* The following have no number outside. */
    NODE_DEST,   /* of ADD_DEST, ADD_SWITCH_DEST */
    NODE_CLAUSE, /* of ADD_KEEPALIVES, SET_NEWSTACK_… */
} irbuilder_kind;

/* MU_DEST_… of muapi.h, and what ADD_SWITCH_DEST adds. */
typedef enum irbuilder_dest {
    DEST_NORMAL = 1,
    DEST_EXCEPT,
    DEST_TRUE,
    DEST_FALSE,
    DEST_DEFAULT,
    DEST_DISABLED,
    DEST_ENABLED,
    DEST_CASE,
} irbuilder_dest;

typedef struct irbuilder_chain {
    uint32_t first, last; /* numbers; 0: none */
} irbuilder_chain;

enum { CLAUSE_KEEPALIVES, CLAUSE_NEW_STACK, CLAUSE_COUNT };

typedef struct irbuilder_node {
    uint8_t kind;
    bool is_loaded;  /* of GET_NODE: `entity` is it, and nothing else of it is here */
    uint8_t dests;   /* INST: a bit for each kind of destination that it has */
    uint8_t op;      /* INST: mu_ir_op */
    uint16_t row;    /* number of the operation - IRBUILDER_FIRST */
    uint32_t id;     /* that GET_ID gave; 0: none */
    uint32_t parent; /* number; 0: the bundle */
    uint32_t next;   /* in its parent's chain */
    /* VERSION: blocks; BLOCK: parameters; INST: results */
    irbuilder_chain children;
    /* BLOCK: instructions; INST: destinations */
    irbuilder_chain others;
    /* TYPE: [0] what SET_TYPE_… gave; BLOCK: [0] the exception parameter; INST: by CLAUSE_… */
    uint32_t clauses[CLAUSE_COUNT];
    uint32_t word_count;
    const uint64_t *words; /* the operands but the first: integers, numbers of nodes, lists as count
                              and items */
    const char *name;
    /* While replayed: what it became; of a local variable and a block, its number. */
    mu_ir_entity *entity;
    uint32_t number;
    uint32_t value_version; /* number of the VERSION that `value` is of */
    mu_ir_value value;      /* of a global variable */
} irbuilder_node;

struct mu_irbuilder_graph {
    uint32_t serial; /* the high half of its nodes' numbers outside */
    mu_arena *arena;
    MU_ARRAY(irbuilder_node *) nodes; /* by number; [0] is NULL */
    mu_map *names;                    /* name → node */
    mu_map *defined;                  /* function's node or entity → VERSION */
    uint64_t words;                   /* of all nodes, names in words too */
    mu_irbuilder_account account;
    uint64_t held_bytes; /* as it was counted */
};
typedef mu_irbuilder_graph irbuilder_bundle;

struct mu_irbuilder {
    irbuilder_bundle *bundles[MU_IRBUILDER_MAX_BUNDLES];
    uint32_t bundle_count;
    uint32_t last_serial;
    uint32_t next_id;
    uint64_t node_count, word_count;
    mu_irbuilder_account account;
    MU_ARRAY(uint64_t) words; /* of the call at hand */
};

static inline irbuilder_node *irbuilder_node_at(const irbuilder_bundle *bundle, uint64_t number)
{
    return bundle->nodes.items[number];
}
static inline bool irbuilder_is_local(const irbuilder_node *node)
{
    return node->kind == NODE_PARAM || node->kind == NODE_EXC_PARAM || node->kind == NODE_RESULT;
}

/* ---- irbuilder_rows.c */
#define IRBUILDER_FIRST     0x300u
#define IRBUILDER_ROW_COUNT (MU_IRBUILDER_NEW_COMMINST - IRBUILDER_FIRST + 1)

/* What an operation's operands are for, a letter each, and what it makes.
 *   b  the bundle                   k  a basic block             j  an instruction
 *   y  a version, to be given blocks                e  a type, to be completed
 *   a  any node                     t  a type                    s  a signature
 *   c  a constant                   f  a function                v  a value
 *   h  a value or none              B C Z  operation of a BINOP, CMP or conversion
 *   P  PTR or not                   W  WEAK or not               o q M  orders, operator of RMW
 *   F  calling convention           O  common instruction        D  kind of destination
 *   u  32 bits                      i  64 bits                   n  a name
 *   T S V  lists of types, signatures, values       A  of local variables
 *   G  a global variable, or a list  L  of flags                 I  of integers */
typedef struct irbuilder_row {
    const char *roles;
    uint8_t makes; /* irbuilder_kind */
    uint8_t op;    /* mu_ir_op; MU_OP_COUNT: none, or by its operand */
} irbuilder_row;
const irbuilder_row *irbuilder_row_at(uint32_t index);
/* "new_binop" */
const char *irbuilder_row_word(uint32_t index);
/* What the letter stands for, in messages: "a type". */
const char *irbuilder_role_text(char role);
/* The value that is kept of an integer operand; false: it is not one that there is. */
bool irbuilder_decode(char role, uint64_t given, uint64_t *kept);
/* The kinds of destinations of an operation, in the order of mu_ir_inst, 0 at the end; `optional`:
 * all or none. NULL: it has none. */
const uint8_t *irbuilder_dests_of(mu_ir_op op, bool *optional);
const char *irbuilder_dest_name(irbuilder_dest kind);

/* ---- irbuilder.c */
#define IRBUILDER_TEXT_BYTES 160
/* "@name (a type)" or "node 0x100000003 (a type)". */
void irbuilder_describe(const irbuilder_bundle *bundle, uint64_t number,
                        char text[IRBUILDER_TEXT_BYTES]);
/* NULL: the account has no room. */
irbuilder_bundle *irbuilder_bundle_new(const mu_irbuilder *builder);
void irbuilder_bundle_free(irbuilder_bundle *bundle);
/* Counts memory that the bundle is about to take. Errors: NO_MEMORY. */
MU_MUST_CHECK mu_status irbuilder_take_bytes(irbuilder_bundle *bundle, uint64_t bytes);

/* ---- irbuilder_operands.c */
typedef struct irbuilder_call {
    mu_irbuilder *builder;
    const mu_ir_env *env;
    uint32_t row; /* index */
    mu_report *report;
    const uint64_t *operands;
    uint32_t operand_count;
    uint32_t next; /* operand to look at */
    const char *name;
    size_t name_length;
    irbuilder_bundle *bundle;
    uint32_t first;   /* number of the first operand's node; 0: it is the bundle */
    uint32_t version; /* that the first operand's node is in; 0: none */
    mu_ir_op op;      /* of the instruction to make */
} irbuilder_call;
/* Adds to the report, the operation's name in front; returns `status`. */
mu_status irbuilder_complain(const irbuilder_call *call, mu_status status, const char *format, ...)
    MU_PRINTF(3, 4);
/* Checks all operands and leaves those behind the first in builder->words. Errors: INVALID, LIMIT.
 */
MU_MUST_CHECK mu_status irbuilder_take_operands(irbuilder_call *call);

/* ---- irbuilder_perform.c */
/* May so much be added? Errors: LIMIT. */
MU_MUST_CHECK mu_status irbuilder_check_room(const irbuilder_call *call, uint64_t nodes,
                                             uint64_t words);
/* A node of the row's kind with the call's operands. Errors: LIMIT. */
MU_MUST_CHECK mu_status irbuilder_make(const irbuilder_call *call, uint32_t *number);

/* ---- irbuilder_names.c: the functions of these names */
MU_MUST_CHECK mu_status irbuilder_get_node(const irbuilder_call *call, uint32_t *number);
MU_MUST_CHECK mu_status irbuilder_get_id(const irbuilder_call *call, uint64_t *result);
MU_MUST_CHECK mu_status irbuilder_set_name(const irbuilder_call *call);

/* ---- irbuilder_check.c */
/* Is there everything that a bundle to be loaded must have? Errors: INVALID. */
MU_MUST_CHECK mu_status irbuilder_check(const irbuilder_bundle *bundle, mu_report *report);

/* ---- irbuilder_replay.c, irbuilder_bodies.c */
typedef struct irbuilder_replay {
    irbuilder_bundle *from;
    mu_ir_builder *to;
    mu_report *report;
    MU_ARRAY(mu_ir_type *) types;
    MU_ARRAY(mu_ir_entity *) items;
} irbuilder_replay;
mu_ir_type *irbuilder_type_at(const irbuilder_replay *replay, uint64_t number);
mu_ir_sig *irbuilder_sig_at(const irbuilder_replay *replay, uint64_t number);
/* The entity made next has the node's id, if it has one; returns its name in the bundle's arena. */
const char *irbuilder_next(const irbuilder_replay *replay, const irbuilder_node *node);
/* Errors: INVALID for names that are taken. */
MU_MUST_CHECK mu_status irbuilder_replay_body(irbuilder_replay *replay, uint32_t version);
