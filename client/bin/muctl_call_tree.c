/* A profile comes with callers before callees. Sums go from callees to callers; then the nodes are
 * sorted by caller and name, so that each one's callees lie side by side, and are visited depth
 * first with a stack of our own, since a tree may be deep. */
#include "muctl_call_tree.h"
#include <stdlib.h>
#include <string.h>

/* While the tree is made. Node 0 is everything; node i + 1 of the profile is its i; behind those
 * may be one for the others. */
typedef struct making {
    size_t count;
    muctl_call *calls; /* `parent` by these numbers */
    size_t *order;     /* nodes by caller and name, without node 0 */
    size_t *first;     /* by node: where its callees begin in `order`; one more at the end */
    size_t *stack;
    size_t *place; /* by node: in the tree */
} making;

/* Names are cleaned for terminals and files; ";" is between the frames of a stack. */
static char *name_of(const muclient_profile_node *node)
{
    enum { LINE_BYTES = 32 };
    size_t function = muclient_text_clean(NULL, 0, node->function);
    size_t file = muclient_text_clean(NULL, 0, node->file);
    char *name = malloc(function + file + LINE_BYTES);
    if (name == NULL) {
        return NULL;
    }
    (void)muclient_text_clean(name, function + 1, node->function);
    if (node->line > 0) {
        char *end = name + function;
        *end++ = ' ';
        *end++ = '(';
        (void)muclient_text_clean(end, file + 1, node->file);
        (void)snprintf(end + file, LINE_BYTES - 2, ":%llu)", (unsigned long long)node->line);
    }
    for (char *at = strchr(name, ';'); at != NULL; at = strchr(at, ';')) {
        *at = ',';
    }
    return name;
}

static bool fill(making *make, const muclient_profile *profile)
{
    size_t nodes = profile->node_count;
    make->calls[0].name = strdup("all");
    for (size_t i = 0; i < nodes; i++) {
        const muclient_profile_node *node = &profile->nodes[i];
        make->calls[i + 1] =
            (muctl_call){.name = name_of(node), .parent = node->parent, .self = node->samples};
    }
    if (make->count > nodes + 1) {
        make->calls[nodes + 1] = (muctl_call){.name = strdup("[others]"), .self = profile->others};
    }
    for (size_t i = make->count; i-- > 0;) {
        muctl_call *call = &make->calls[i];
        if (call->name == NULL) {
            return false;
        }
        call->total += call->self;
        if (i > 0) {
            make->calls[call->parent].total += call->total;
        }
    }
    return true;
}

static int by_caller_and_name(const void *left, const void *right, void *context)
{
    const muctl_call *calls = context;
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;
    if (calls[a].parent != calls[b].parent) {
        return calls[a].parent < calls[b].parent ? -1 : 1;
    }
    int names = strcmp(calls[a].name, calls[b].name);
    return names != 0 ? names : a < b ? -1 : 1;
}

static void sort(making *make)
{
    size_t at = 0;
    for (size_t i = 1; i < make->count; i++) {
        make->order[i - 1] = i;
    }
    qsort_r(make->order, make->count - 1, sizeof *make->order, by_caller_and_name, make->calls);
    for (size_t i = 0; i <= make->count; i++) {
        while (at < make->count - 1 && make->calls[make->order[at]].parent < i) {
            at++;
        }
        make->first[i] = at;
    }
}

/* Moves the nodes to the tree. Callees begin where their caller does, one behind the other. */
static void visit(making *make, muctl_call_tree *tree)
{
    size_t stacked = 1;
    make->stack[0] = 0;
    while (stacked > 0) {
        size_t node = make->stack[--stacked];
        muctl_call *call = &tree->calls[tree->count];
        *call = make->calls[node];
        make->calls[node].name = NULL;
        make->place[node] = tree->count++;
        if (node > 0) {
            call->parent = make->place[call->parent];
            call->depth = tree->calls[call->parent].depth + 1;
        }
        tree->depth = call->depth > tree->depth ? call->depth : tree->depth;
        uint64_t start = call->start + call->total - call->self;
        for (size_t i = make->first[node + 1]; i-- > make->first[node];) {
            muctl_call *callee = &make->calls[make->order[i]];
            start -= callee->total;
            callee->start = start;
            make->stack[stacked++] = make->order[i];
        }
    }
}

bool muctl_call_tree_make(muctl_call_tree *tree, const muclient_profile *profile)
{
    making make = {.count = profile->node_count + (profile->others > 0 ? 2 : 1)};
    *tree = (muctl_call_tree){.calls = calloc(make.count, sizeof *tree->calls)};
    make.calls = calloc(make.count, sizeof *make.calls);
    make.order = calloc(make.count, sizeof *make.order);
    make.first = calloc(make.count + 1, sizeof *make.first);
    make.stack = calloc(make.count, sizeof *make.stack);
    make.place = calloc(make.count, sizeof *make.place);
    bool is_made = tree->calls != NULL && make.calls != NULL && make.order != NULL &&
                   make.first != NULL && make.stack != NULL && make.place != NULL &&
                   fill(&make, profile);
    if (is_made) {
        sort(&make);
        visit(&make, tree);
    }
    for (size_t i = 0; make.calls != NULL && i < make.count; i++) {
        free(make.calls[i].name);
    }
    free(make.calls);
    free(make.order);
    free(make.first);
    free(make.stack);
    free(make.place);
    return is_made;
}

void muctl_call_tree_deinit(muctl_call_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        free(tree->calls[i].name);
    }
    free(tree->calls);
    *tree = (muctl_call_tree){0};
}

void muctl_folded_write(FILE *out, const muctl_call_tree *tree)
{
    size_t *path = calloc(tree->depth + 1, sizeof *path);
    for (size_t i = 1; path != NULL && i < tree->count; i++) {
        const muctl_call *call = &tree->calls[i];
        path[call->depth] = i; /* depth first: those above it are its callers */
        for (size_t depth = 1; call->self > 0 && depth <= call->depth; depth++) {
            (void)fprintf(out, "%s%s", depth == 1 ? "" : ";", tree->calls[path[depth]].name);
        }
        if (call->self > 0) {
            (void)fprintf(out, " %llu\n", (unsigned long long)call->self);
        }
    }
    free(path);
}
