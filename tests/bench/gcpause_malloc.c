/* The twin of gcpause with malloc and free of the C library: what no collector costs, and what the
 * machine itself disturbs. */
#include "gcpause_run.h"

#include <stdlib.h>

typedef struct node {
    struct node *left;
    struct node *right;
} node;

static node *build(int64_t depth)
{
    node *made = malloc(sizeof *made);
    *made = (node){0};
    if (depth > 1) {
        made->left = build(depth - 1);
        made->right = build(depth - 1);
    }
    return made;
}

static void drop(node *tree)
{
    if (tree->left) {
        drop(tree->left);
        drop(tree->right);
    }
    free(tree);
}

static void operate(node **forest)
{
    uint64_t random = 12345;
    do {
        node *tree = build(TREE_DEPTH);
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint64_t drawn = random >> 33;
        if (drawn % 10 == 0) {
            node **place = &forest[drawn / 10 % (uint64_t)gcpause.live];
            drop(*place);
            *place = tree;
        } else {
            drop(tree);
        }
    } while (gcpause_step());
}

int main(int argc, char **argv)
{
    if (!gcpause_set_up(argc, argv)) {
        return 2;
    }
    node **forest = malloc((size_t)gcpause.live * sizeof *forest);
    int64_t begin = gcpause_now_ns();
    for (int64_t i = 0; i < gcpause.live; i++) {
        forest[i] = build(TREE_DEPTH);
    }
    double build_seconds = (double)(gcpause_now_ns() - begin) * 1e-9;
    gcpause_begin(WARM_UP_NS);
    operate(forest);
    gcpause_begin(gcpause.span_ns);
    operate(forest);
    gcpause_print("malloc", build_seconds);
    return 0;
}
