#pragma once
/* The tree of a profile, as it is written: below a node for everything, in depth-first order, each
 * node's callees by name. */
#include "muclient.h"
#include <stdio.h>

typedef struct muctl_call {
    char *name;    /* "@gcd.v1", with lines "@gcd.v1 (gcd.uir:7)"; clean, without ";" */
    size_t parent; /* index, smaller; of the first node: its own */
    size_t depth;  /* of the first node: 0 */
    uint64_t self; /* samples in which it was the innermost */
    uint64_t total;
    uint64_t start; /* where it begins, when callees lie beside each other above their caller */
} muctl_call;

typedef struct muctl_call_tree {
    muctl_call *calls;
    size_t count; /* at least 1 */
    size_t depth; /* of the deepest */
} muctl_call_tree;

/* False when memory is out. Samples for which mud had no room are a node "[others]". */
bool muctl_call_tree_make(muctl_call_tree *tree, const muclient_profile *profile);
void muctl_call_tree_deinit(muctl_call_tree *tree);

/* Writes a line for each stack that has samples: "@main.v1;@gcd.v1 123". */
void muctl_folded_write(FILE *out, const muctl_call_tree *tree);
