#pragma once
/* The IR builder of irbuilder.rest: bundles made by calls instead of text. A VM has one
 * `mu_irbuilder`; in it any number of bundles are under construction at once, each a graph of nodes
 * that may be added to in any order. Loading one replays its graph into mu_ir_builder, which is
 * what the text parser uses, so everything about names, limits and meaning is checked in the same
 * places.
 *
 * A node is named from outside by a number, the value of an `irnoderef`: 0 is NULL; the numbers of
 * a bundle are good until it is loaded or aborted, and any other number is an error, never
 * undefined.
 *
 * One thread at a time: the caller locks. */
#include "mu_ir.h"

typedef struct mu_irbuilder mu_irbuilder;
/* A bundle that is not under construction any more, and not made yet. */
typedef struct mu_irbuilder_graph mu_irbuilder_graph;

typedef enum mu_irbuilder_op {
#define MU_IRBUILDER(name, number, word, operands, result) MU_IRBUILDER_##name = number,
#include "mu_irbuilder_ops.def"
#undef MU_IRBUILDER
} mu_irbuilder_op;

/* The row of mu_irbuilder_ops.def with this number, or NULL. Static storage. */
typedef struct mu_irbuilder_op_info {
    const char *word;
    const char *operands;
    char result;
} mu_irbuilder_op_info;
const mu_irbuilder_op_info *mu_irbuilder_op_info_of(uint32_t number);

/* What a VM's builders may hold: beyond it every new node is LIMIT. */
#define MU_IRBUILDER_MAX_BUNDLES 64u
#define MU_IRBUILDER_MAX_NODES   (4u << 20)  /* of all its bundles */
#define MU_IRBUILDER_MAX_WORDS   (16u << 20) /* operands of 8 bytes that they remember, and names */
#define MU_IRBUILDER_MAX_LIST    (1u << 20)  /* items of one list */

/* Who counts the host memory of bundles under construction, from their first node until they are
 * loaded or gone. `take` is false when there may be no more; `give` also comes from whoever frees a
 * graph, on any thread. */
typedef struct mu_irbuilder_account {
    bool (*take)(void *context, uint64_t bytes);
    void (*give)(void *context, uint64_t bytes);
    void *context;
} mu_irbuilder_account;
/* `account` may be NULL: nobody counts. NULL when the account has no room for it. */
mu_irbuilder *mu_irbuilder_new(const mu_irbuilder_account *account);
void mu_irbuilder_free(mu_irbuilder *builder); /* and all bundles in it; NULL is nothing */

/* Performs one function of the builder but LOAD_BUNDLE_FROM_NODE.
 *   env       what the VM has loaded; GET_NODE looks there. It, or a later environment that extends
 *             it, is what the bundle is loaded on
 *   operands  as the row says: nodes by number, lists as count and items; `name` is the 's', a
 *             global name with its '@', of letters, digits, '-', '_' and '.'
 *   result    out: a node's number, or the integer; 0 where there is none
 * Errors: INVALID (a node that is not there, is of another bundle or of the wrong kind, or a number
 * that is not a flag; the report says which operand), LIMIT; NO_MEMORY, the account has no room, of
 * which the report says nothing. */
MU_MUST_CHECK mu_status mu_irbuilder_perform(mu_irbuilder *builder, const mu_ir_env *env,
                                             uint32_t op, const uint64_t *operands,
                                             uint32_t operand_count, const char *name,
                                             size_t name_length, mu_report *report,
                                             uint64_t *result);

/* Makes the bundle of this node, on `env`. The node and all others of its bundle are gone
 * afterwards, also on an error. Ids that GET_ID gave are its entities' ids. The caller owns the
 * bundle, which is linked but neither laid out nor verified.
 * Errors: INVALID, UNSUPPORTED, LIMIT, with what is wrong in `report`. */
MU_MUST_CHECK mu_status mu_irbuilder_take(mu_irbuilder *builder, const mu_ir_env *env,
                                          uint64_t node, const char *name, mu_report *report,
                                          mu_ir_bundle **bundle);

/* What mu_irbuilder_take does, in two steps: the first is quick, and the second needs nothing of
 * the builder, so that nobody has to wait for it. */

/* Takes the bundle of this node out of the builder: all its nodes are gone. The caller owns it.
 * Errors: INVALID, no bundle under construction has this number. */
MU_MUST_CHECK mu_status mu_irbuilder_detach(mu_irbuilder *builder, uint64_t node, mu_report *report,
                                            mu_irbuilder_graph **graph);
/* About as many bytes as its text would have. */
uint64_t mu_irbuilder_graph_bytes(const mu_irbuilder_graph *graph);
void mu_irbuilder_graph_free(mu_irbuilder_graph *graph); /* NULL is nothing */
/* Makes the bundle, and frees the graph in any case. Time is linear in its nodes (type equality:
 * n log n). Errors: as of mu_irbuilder_take. */
MU_MUST_CHECK mu_status mu_irbuilder_build(mu_irbuilder_graph *graph, const mu_ir_env *env,
                                           const char *name, mu_report *report,
                                           mu_ir_bundle **bundle);
