/* Types are equal when their unfoldings, which may be infinite trees, are (Amadio and Cardelli
 * 1993). The strongly connected components of the graph of types come children first (Tarjan 1972,
 * with its recursion on a stack of our own). A node that is on no cycle is keyed by its label and
 * its children's numbers; groups on a cycle are for cyclic_types.c. */
#include "canonical_types.h"

#include "type_graph.h"

typedef struct visit {
    uint32_t node;
    uint32_t next_child;
} visit;

typedef struct tarjan {
    mu_ir_type_graph *graph;
    uint32_t *order; /* of discovery, from 1; 0: not yet */
    uint32_t *low;
    uint32_t *pending; /* nodes whose component is not closed */
    mu_ir_entity **group;
    visit *visits;
    uint32_t pending_count, visit_count, discovered;
} tarjan;

static mu_status number_alone(mu_ir_type_graph *graph, mu_ir_entity *node)
{
    mu_ir_node_key(graph, node);
    size_t bytes = sizeof(uint32_t) * graph->key.count;
    uintptr_t number = (uintptr_t)mu_ir_canonical_find(graph, graph->key.items, bytes);
    if (!number) {
        number = graph->bundle->next_canonical++;
        mu_ir_canonical_put(graph, graph->key.items, bytes, (void *)number);
    }
    mu_ir_set_canonical(node, (uint32_t)number);
    return MU_OK;
}

static bool is_own_child(const mu_ir_entity *node)
{
    uint32_t count = mu_ir_child_count(node);
    for (uint32_t i = 0; i < count; i++) {
        if (mu_ir_child(node, i) == node) {
            return true;
        }
    }
    return false;
}

/* Closes the component whose first node is `root`. */
static mu_status close_component(tarjan *search, uint32_t root)
{
    mu_ir_type_graph *graph = search->graph;
    uint32_t count = 0;
    uint32_t node;
    do {
        node = search->pending[--search->pending_count];
        search->group[count++] = graph->nodes[node];
    } while (node != root);
    if (count == 1 && !is_own_child(search->group[0])) {
        return number_alone(graph, search->group[0]);
    }
    return mu_ir_number_group(graph, search->group, count);
}

static void discover(tarjan *search, uint32_t node)
{
    search->order[node] = search->low[node] = ++search->discovered;
    search->pending[search->pending_count++] = node;
    search->visits[search->visit_count++] = (visit){.node = node};
}

static void lower(tarjan *search, uint32_t node, uint32_t to)
{
    if (to < search->low[node]) {
        search->low[node] = to;
    }
}

static mu_status search_from(tarjan *search, uint32_t start)
{
    discover(search, start);
    while (search->visit_count) {
        visit *top = &search->visits[search->visit_count - 1];
        const mu_ir_entity *node = search->graph->nodes[top->node];
        uint32_t own = top->node;
        if (top->next_child < mu_ir_child_count(node)) {
            uint32_t code = mu_ir_canonical_of(mu_ir_child(node, top->next_child++));
            uint32_t child = code & ~MU_IR_UNNUMBERED;
            if (!(code & MU_IR_UNNUMBERED)) {
                continue;
            }
            if (search->order[child]) {
                lower(search, own, search->order[child]);
            } else {
                discover(search, child);
            }
            continue;
        }
        search->visit_count--;
        if (search->visit_count) {
            lower(search, search->visits[search->visit_count - 1].node, search->low[own]);
        }
        if (search->low[own] == search->order[own]) {
            mu_status status = close_component(search, own);
            if (status != MU_OK) {
                return status;
            }
        }
    }
    return MU_OK;
}

static void add_node(mu_ir_type_graph *graph, mu_ir_entity *node)
{
    mu_ir_set_canonical(node, MU_IR_UNNUMBERED | graph->node_count);
    graph->nodes[graph->node_count++] = node;
}

#define GROUP_BUDGET (64u << 20)

mu_status mu_ir_canonicalise(const mu_ir_env *env, mu_ir_bundle *bundle, mu_report *report)
{
    mu_status status = MU_OK;
    uint64_t most = (uint64_t)bundle->type_count + bundle->derived_count + bundle->sig_count;
    if (most >= MU_IR_UNNUMBERED - bundle->next_canonical) {
        return mu_report_add(report, MU_LIMIT, (mu_location){0}, "2 G different types in one VM");
    }
    mu_ir_type_graph graph = {
        .env = env, .bundle = bundle, .report = report, .budget = GROUP_BUDGET};
    mu_arena *scratch = mu_arena_new();
    graph.nodes = MU_ARENA_ARRAY(scratch, mu_ir_entity *, most);
    bundle->canonical_index = mu_map_new();
    for (uint32_t i = 0; i < bundle->type_count; i++) {
        add_node(&graph, &bundle->types[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->derived_count; i++) {
        add_node(&graph, &bundle->derived[i]->entity);
    }
    for (uint32_t i = 0; i < bundle->sig_count; i++) {
        add_node(&graph, &bundle->sigs[i]->entity);
    }
    tarjan search = {.graph = &graph,
                     .order = MU_ARENA_ARRAY(scratch, uint32_t, most),
                     .low = MU_ARENA_ARRAY(scratch, uint32_t, most),
                     .pending = MU_ARENA_ARRAY(scratch, uint32_t, most),
                     .group = MU_ARENA_ARRAY(scratch, mu_ir_entity *, most),
                     .visits = MU_ARENA_ARRAY(scratch, visit, most)};
    for (uint32_t i = 0; i < graph.node_count; i++) {
        if (!search.order[i]) {
            MU_TRY(search_from(&search, i));
        }
    }
done:
    MU_ARRAY_FREE(&graph.key);
    mu_arena_free(scratch);
    return status;
}
