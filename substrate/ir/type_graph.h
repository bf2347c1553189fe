#pragma once
/* Types and signatures of a bundle as one graph, for numbering. A node is the entity; an edge goes
 * from a type to each type or signature in it, in the order of the text. While a node has no number
 * yet, its `canonical` is MU_IR_UNNUMBERED with its index in the graph. */
#include "mu_ir.h"

#define MU_IR_UNNUMBERED 0x80000000u

/* What of a node is not its children. */
typedef struct mu_ir_label {
    uint64_t kind; /* of type; signatures have one of their own */
    uint64_t bits; /* INT; a signature's number of parameters */
    uint64_t length;
    uint64_t child_count;
} mu_ir_label;

/* Key under which a cyclic group's members are found by one of their children in the group. */
typedef struct mu_ir_parent_key {
    uint64_t tag;
    mu_ir_label label;
    uint64_t position;
    uint64_t child; /* canonical number */
} mu_ir_parent_key;
typedef struct mu_ir_parent {
    mu_ir_entity *node;
    struct mu_ir_parent *next;
} mu_ir_parent;

typedef struct mu_ir_type_graph {
    const mu_ir_env *env;
    mu_ir_bundle *bundle;
    mu_report *report;
    mu_ir_entity **nodes;
    uint32_t node_count;
    MU_ARRAY(uint32_t) key; /* scratch */
    uint64_t budget;        /* steps left for cyclic groups, whose worst case is quadratic */
} mu_ir_type_graph;

mu_ir_label mu_ir_label_of(const mu_ir_entity *node);
uint32_t mu_ir_child_count(const mu_ir_entity *node);
/* May be NULL in a bundle that was built with holes. */
mu_ir_entity *mu_ir_child(const mu_ir_entity *node, uint32_t index);
/* Its number, or MU_IR_UNNUMBERED with its index; 0 for NULL. */
uint32_t mu_ir_canonical_of(const mu_ir_entity *node);
void mu_ir_set_canonical(mu_ir_entity *node, uint32_t number);

/* The table from keys to numbers (and to lists of mu_ir_parent), along the environment chain. */
void *mu_ir_canonical_find(const mu_ir_type_graph *graph, const void *key, size_t bytes);
void mu_ir_canonical_put(mu_ir_type_graph *graph, const void *key, size_t bytes, void *value);

/* Fills graph->key with the node's label and its children's numbers. */
void mu_ir_node_key(mu_ir_type_graph *graph, const mu_ir_entity *node);
/* Numbers a group of nodes that reach each other; everything else they reach has its number.
 * Errors: LIMIT, in the report. */
MU_MUST_CHECK mu_status mu_ir_number_group(mu_ir_type_graph *graph, mu_ir_entity **group,
                                           uint32_t count);
