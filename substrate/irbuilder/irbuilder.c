/* The builders of a VM: which bundles are under construction, and their end. */
#include "irbuilder_nodes.h"

#include <stdio.h>

/* ---- what is held */

static bool take_any(void *context, uint64_t bytes)
{
    (void)context;
    (void)bytes;
    return true;
}

static void give_any(void *context, uint64_t bytes)
{
    (void)context;
    (void)bytes;
}

mu_status irbuilder_take_bytes(irbuilder_bundle *bundle, uint64_t bytes)
{
    if (bytes && !bundle->account.take(bundle->account.context, bytes)) {
        return MU_NO_MEMORY;
    }
    bundle->held_bytes += bytes;
    return MU_OK;
}

irbuilder_bundle *irbuilder_bundle_new(const mu_irbuilder *builder)
{
    irbuilder_bundle *bundle = mu_allocate(sizeof *bundle);
    bundle->account = builder->account;
    bundle->arena = mu_arena_new();
    bundle->names = mu_map_new();
    bundle->defined = mu_map_new();
    MU_ARRAY_PUSH(&bundle->nodes, NULL);
    uint64_t bytes = sizeof *bundle + mu_arena_bytes(bundle->arena) + mu_map_bytes(bundle->names) +
                     mu_map_bytes(bundle->defined) +
                     bundle->nodes.capacity * sizeof *bundle->nodes.items;
    if (irbuilder_take_bytes(bundle, bytes) != MU_OK) {
        irbuilder_bundle_free(bundle);
        return NULL;
    }
    return bundle;
}

/* ---- life */

mu_irbuilder *mu_irbuilder_new(const mu_irbuilder_account *account)
{
    mu_irbuilder *builder = mu_allocate(sizeof *builder);
    builder->next_id = MU_IR_FIRST_GIVEN_ID;
    builder->account =
        account ? *account : (mu_irbuilder_account){.take = take_any, .give = give_any};
    if (!builder->account.take(builder->account.context, sizeof *builder)) {
        mu_free(builder);
        return NULL;
    }
    return builder;
}

void irbuilder_bundle_free(irbuilder_bundle *bundle)
{
    bundle->account.give(bundle->account.context, bundle->held_bytes);
    mu_map_free(bundle->names);
    mu_map_free(bundle->defined);
    MU_ARRAY_FREE(&bundle->nodes);
    mu_arena_free(bundle->arena);
    mu_free(bundle);
}

void mu_irbuilder_free(mu_irbuilder *builder)
{
    if (!builder) {
        return;
    }
    for (uint32_t i = 0; i < builder->bundle_count; i++) {
        irbuilder_bundle_free(builder->bundles[i]);
    }
    MU_ARRAY_FREE(&builder->words);
    builder->account.give(builder->account.context, sizeof *builder);
    mu_free(builder);
}

static const char *const kind_texts[] = {
    [NODE_TYPE] = "a type",
    [NODE_SIG] = "a function signature",
    [NODE_CONST] = "a constant",
    [NODE_GLOBAL] = "a global cell",
    [NODE_FUNC] = "a function",
    [NODE_EXPOSE] = "an exposed function",
    [NODE_VERSION] = "a function version",
    [NODE_BLOCK] = "a basic block",
    [NODE_PARAM] = "a parameter",
    [NODE_EXC_PARAM] = "an exception parameter",
    [NODE_INST] = "an instruction",
    [NODE_RESULT] = "a result",
    [NODE_DEST] = "a destination",
    [NODE_CLAUSE] = "a clause",
};

void irbuilder_describe(const irbuilder_bundle *bundle, uint64_t number,
                        char text[IRBUILDER_TEXT_BYTES])
{
    const irbuilder_node *node = irbuilder_node_at(bundle, number);
    const char *name = node->is_loaded ? node->entity->label : node->name;
    const char *kind = kind_texts[node->kind];
    if (name) {
        snprintf(text, IRBUILDER_TEXT_BYTES, "%.90s (%s)", name, kind);
    } else {
        snprintf(text, IRBUILDER_TEXT_BYTES, "node 0x%llx (%s)",
                 (unsigned long long)bundle->serial << 32 | number, kind);
    }
}

/* ---- the end of a bundle's construction */

static uint32_t index_of(const mu_irbuilder *builder, uint64_t node)
{
    uint32_t index = 0;
    while (index < builder->bundle_count &&
           (uint64_t)builder->bundles[index]->serial << 32 != node) {
        index++;
    }
    return index;
}

mu_status mu_irbuilder_detach(mu_irbuilder *builder, uint64_t node, mu_report *report,
                              mu_irbuilder_graph **graph)
{
    uint32_t index = index_of(builder, node);
    if (index == builder->bundle_count) {
        return mu_report_add(report, MU_INVALID, (mu_location){0},
                             "load_bundle_from_node: 0x%llx is not a bundle under construction",
                             (unsigned long long)node);
    }
    irbuilder_bundle *bundle = builder->bundles[index];
    builder->bundles[index] = builder->bundles[--builder->bundle_count];
    builder->node_count -= bundle->nodes.count - 1;
    builder->word_count -= bundle->words;
    *graph = bundle;
    return MU_OK;
}

uint64_t mu_irbuilder_graph_bytes(const mu_irbuilder_graph *graph)
{
    return graph->nodes.count * 16ull + graph->words * sizeof(uint64_t);
}

void mu_irbuilder_graph_free(mu_irbuilder_graph *graph)
{
    if (graph) {
        irbuilder_bundle_free(graph);
    }
}

mu_status mu_irbuilder_take(mu_irbuilder *builder, const mu_ir_env *env, uint64_t node,
                            const char *name, mu_report *report, mu_ir_bundle **bundle)
{
    mu_irbuilder_graph *graph;
    mu_status status = mu_irbuilder_detach(builder, node, report, &graph);
    return status == MU_OK ? mu_irbuilder_build(graph, env, name, report, bundle) : status;
}
