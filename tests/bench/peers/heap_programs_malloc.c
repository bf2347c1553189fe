/* The twin of heap_programs.uir with malloc and free: PROGRAM DEPTH HEAP_MIB TIMES, of which the
 * third is not heeded. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STRETCH_DEPTH = 18, LONG_DEPTH = 16, ARRAY_LENGTH = 500000 };

typedef struct tree {
    struct tree *left;
    struct tree *right;
} tree;

typedef struct node {
    struct node *left;
    struct node *right;
    int64_t i, j;
} node;

static tree *grow(int64_t depth)
{
    tree *left = depth > 0 ? grow(depth - 1) : NULL;
    tree *right = depth > 0 ? grow(depth - 1) : NULL;
    tree *made = malloc(sizeof *made);
    *made = (tree){left, right};
    return made;
}

static int64_t count(const tree *of)
{
    return of->left ? 1 + count(of->left) + count(of->right) : 1;
}

static void drop(tree *of)
{
    if (of->left) {
        drop(of->left);
        drop(of->right);
    }
    free(of);
}

static int64_t trees(int64_t depth, int64_t times)
{
    int64_t made = 0;
    for (; times > 0; times--) {
        tree *one = grow(depth);
        made += count(one);
        drop(one);
    }
    return made;
}

static int64_t binary_trees(int64_t deepest)
{
    int64_t made = trees(deepest + 1, 1);
    tree *stays = grow(deepest);
    for (int64_t depth = 4; depth <= deepest; depth += 2) {
        made += trees(depth, (int64_t)1 << (deepest - depth + 4));
    }
    made += count(stays);
    drop(stays);
    return made;
}

static node *new_node(void)
{
    node *made = malloc(sizeof *made);
    *made = (node){0};
    return made;
}

static void populate(int64_t depth, node *root)
{
    if (depth > 0) {
        root->left = new_node();
        root->right = new_node();
        populate(depth - 1, root->left);
        populate(depth - 1, root->right);
    }
}

static node *make(int64_t depth)
{
    if (depth <= 0) {
        return new_node();
    }
    node *left = make(depth - 1);
    node *right = make(depth - 1);
    node *made = new_node();
    made->left = left;
    made->right = right;
    return made;
}

static int64_t count_nodes(const node *of)
{
    return of ? 1 + count_nodes(of->left) + count_nodes(of->right) : 0;
}

static void drop_nodes(node *of)
{
    if (of) {
        drop_nodes(of->left);
        drop_nodes(of->right);
        free(of);
    }
}

static int64_t size_of(int64_t depth)
{
    return ((int64_t)1 << (depth + 1)) - 1;
}

static int64_t both_ways(int64_t depth)
{
    int64_t times = 2 * size_of(STRETCH_DEPTH) / size_of(depth);
    for (int64_t i = 0; i < times; i++) {
        node *root = new_node();
        populate(depth, root);
        drop_nodes(root);
    }
    for (int64_t i = 0; i < times; i++) {
        drop_nodes(make(depth));
    }
    return 2 * times * size_of(depth);
}

static int64_t gcbench(int64_t deepest)
{
    drop_nodes(make(STRETCH_DEPTH));
    node *stays = new_node();
    populate(LONG_DEPTH, stays);
    double *array = calloc(ARRAY_LENGTH, sizeof *array);
    for (int i = 1; i < ARRAY_LENGTH / 2; i++) {
        array[i] = 1.0 / i;
    }
    int64_t made = size_of(STRETCH_DEPTH);
    for (int64_t depth = 4; depth <= deepest; depth += 2) {
        made += both_ways(depth);
    }
    made += count_nodes(stays) + (int64_t)(1 / array[4]);
    drop_nodes(stays);
    free(array);
    return made;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        return 2;
    }
    for (int times = atoi(argv[4]); times > 0; times--) {
        double start = now();
        int64_t depth = atoll(argv[2]);
        int64_t made = strcmp(argv[1], "gcbench") == 0 ? gcbench(depth) : binary_trees(depth);
        printf("%lld %.4f\n", (long long)made, now() - start);
    }
    return 0;
}
