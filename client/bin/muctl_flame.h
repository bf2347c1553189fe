#pragma once
/* A flame graph: a bar for each node of a tree of calls, as wide as its samples, above its
 * caller's. */
#include "muctl_call_tree.h"

/* Writes it as SVG that needs nothing else: bars tell of themselves when they are pointed at, grow
 * when they are clicked, and are searched for by name. Equal trees and titles give equal texts. */
void muctl_flame_write(FILE *out, const muctl_call_tree *tree, const char *title);
