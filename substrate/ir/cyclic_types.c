/* Numbers for a group S of types that reach each other.
 *
 * Either all of S equals types that have numbers, or none does: what equals one member brings what
 * equals everything that member reaches. Known types may equal S in two ways. Where S leads into
 * their group Q (X = struct<ref<X> ref<A>> with A = struct<ref<A> ref<A>>), some member of S has a
 * child in Q as one of its counterparts has: we find those by that child and compare step by step.
 * Otherwise S, reduced to its classes, is Q: we order the classes by structure alone and look the
 * whole up by key.
 *
 * The order comes from refinement as in Moore's minimisation (1956), with blocks kept sorted:
 * members are sorted by label, then again and again by the places of their children's blocks, until
 * no block splits. Names and positions in the text play no part, so equal groups are ordered alike.
 * The work is counted; a bundle made to exhaust it is refused. */
#include "type_graph.h"

#include <stdlib.h>
#include <string.h>

#define GROUP_MAX 4096u

typedef struct type_group {
    mu_ir_type_graph *graph;
    mu_ir_entity **members; /* in the order of their blocks, once sorted */
    uint32_t count;
    uint32_t *place; /* of a member, by its first number: start of its block */
    uint32_t *new_place;
    mu_ir_entity **image; /* of a member: the known type it may equal */

    bool by_label;
} type_group;

/* The group is numbered from 0 while it is worked on: its nodes' canonical says UNNUMBERED | slot.
 */
static bool is_member(const mu_ir_entity *node)
{
    return (mu_ir_canonical_of(node) & MU_IR_UNNUMBERED) != 0;
}

static uint32_t slot_of(const mu_ir_entity *node)
{
    return mu_ir_canonical_of(node) & ~MU_IR_UNNUMBERED;
}

static bool spend(mu_ir_type_graph *graph, uint64_t steps)
{
    if (graph->budget < steps) {
        graph->budget = 0;
        return false;
    }
    graph->budget -= steps;
    return true;
}

static mu_status over_budget(const mu_ir_type_graph *graph, const mu_ir_entity *node)
{
    return mu_report_add(graph->report, MU_LIMIT, node->where,
                         "recursive types too alike to tell apart within the limits");
}

/* ------------------------------------------------------------------------- against known types */

static bool same_label(const mu_ir_entity *a, const mu_ir_entity *b)
{
    mu_ir_label label_a = mu_ir_label_of(a);
    mu_ir_label label_b = mu_ir_label_of(b);
    return memcmp(&label_a, &label_b, sizeof label_a) == 0;
}

/* Does every child of `member` agree with the child of its image? New members join `stack`. */
static bool children_agree(type_group *group, const mu_ir_entity *member, mu_ir_entity **stack,
                           uint32_t *stack_count)
{
    const mu_ir_entity *image = group->image[slot_of(member)];
    if (!same_label(member, image)) {
        return false;
    }
    uint32_t count = mu_ir_child_count(member);
    for (uint32_t i = 0; i < count; i++) {
        mu_ir_entity *child = mu_ir_child(member, i);
        mu_ir_entity *expected = mu_ir_child(image, i);
        uint32_t number = mu_ir_canonical_of(child);
        if (is_member(child)) {
            mu_ir_entity **child_image = &group->image[slot_of(child)];
            if (!*child_image) {
                *child_image = expected;
                stack[(*stack_count)++] = child;
            }
            number = mu_ir_canonical_of(*child_image);
        }
        if (number != mu_ir_canonical_of(expected)) {
            return false;
        }
    }
    return spend(group->graph, count + 1);
}

static bool equals_known(type_group *group, mu_ir_entity *member, mu_ir_entity *known,
                         mu_ir_entity **stack)
{
    memset(group->image, 0, sizeof(mu_ir_entity *) * group->count);
    if (!spend(group->graph, group->count / 8 + 1)) {
        return false;
    }
    uint32_t stack_count = 1;
    stack[0] = member;
    group->image[slot_of(member)] = known;
    while (stack_count) {
        const mu_ir_entity *top = stack[--stack_count];
        if (!children_agree(group, top, stack, &stack_count)) {
            return false;
        }
    }
    return true;
}

/* Tries the known parents, in `position`, of the numbered `child` of `member`. */
static bool equals_a_parent(type_group *group, mu_ir_entity *member, uint32_t position,
                            const mu_ir_entity *child, mu_ir_entity **stack)
{
    mu_ir_type_graph *graph = group->graph;
    mu_ir_parent_key key = {.tag = 'P',
                            .label = mu_ir_label_of(member),
                            .position = position,
                            .child = mu_ir_canonical_of(child)};
    const mu_ir_parent *parent = mu_ir_canonical_find(graph, &key, sizeof key);
    for (; parent && graph->budget; parent = parent->next) {
        if (equals_known(group, member, parent->node, stack)) {
            return true;
        }
    }
    return false;
}

static bool equals_what_it_leads_to(type_group *group, mu_ir_entity **stack)
{
    for (uint32_t m = 0; m < group->count; m++) {
        mu_ir_entity *member = group->members[m];
        uint32_t count = mu_ir_child_count(member);
        for (uint32_t i = 0; i < count; i++) {
            const mu_ir_entity *child = mu_ir_child(member, i);
            if (child && !is_member(child) && equals_a_parent(group, member, i, child, stack)) {
                return true;
            }
        }
    }
    return false;
}

/* ------------------------------------------------------------------------------------ refinement
 */

static int compare_words(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_labels(const mu_ir_label *a, const mu_ir_label *b)
{
    int order = compare_words(a->kind, b->kind);
    order = order ? order : compare_words(a->bits, b->bits);
    order = order ? order : compare_words(a->length, b->length);
    return order ? order : compare_words(a->child_count, b->child_count);
}

/* By label and numbered children the first time, then by the places of the children in the group.
 */
static int compare_members(const void *a, const void *b, void *context)
{
    const type_group *group = context;
    const mu_ir_entity *left = *(mu_ir_entity *const *)a;
    const mu_ir_entity *right = *(mu_ir_entity *const *)b;
    uint32_t count = mu_ir_child_count(left);
    if (group->by_label) {
        mu_ir_label left_label = mu_ir_label_of(left);
        mu_ir_label right_label = mu_ir_label_of(right);
        int order = compare_labels(&left_label, &right_label);
        if (order) {
            return order;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const mu_ir_entity *left_child = mu_ir_child(left, i);
        const mu_ir_entity *right_child = mu_ir_child(right, i);
        uint32_t x = mu_ir_canonical_of(left_child);
        uint32_t y = mu_ir_canonical_of(right_child);
        if (is_member(left_child)) {
            x = group->by_label ? UINT32_MAX : group->place[slot_of(left_child)];
        }
        if (is_member(right_child)) {
            y = group->by_label ? UINT32_MAX : group->place[slot_of(right_child)];
        }
        if (x != y) {
            return x < y ? -1 : 1;
        }
        if (!spend(group->graph, 1)) {
            return 0;
        }
    }
    return 0;
}

/* Sorts one block; gives its members their new places. True: it split. */
static bool split_block(type_group *group, uint32_t first, uint32_t end)
{
    qsort_r(group->members + first, end - first, sizeof *group->members, compare_members, group);
    uint32_t start = first;
    for (uint32_t i = first; i < end; i++) {
        if (i > first && compare_members(&group->members[i - 1], &group->members[i], group) != 0) {
            start = i;
        }
        group->new_place[slot_of(group->members[i])] = start;
    }
    return start != first;
}

static bool refine_once(type_group *group)
{
    bool split = false;
    for (uint32_t first = 0; first < group->count;) {
        uint32_t place = group->place[slot_of(group->members[first])];
        uint32_t end = first + 1;
        while (end < group->count && group->place[slot_of(group->members[end])] == place) {
            end++;
        }
        if (end - first > 1) {
            split |= split_block(group, first, end);
        } else {
            group->new_place[slot_of(group->members[first])] = first;
        }
        first = end;
    }
    uint32_t *old = group->place;
    group->place = group->new_place;
    group->new_place = old;
    return split;
}

static void refine(type_group *group)
{
    group->by_label = true;
    refine_once(group);
    group->by_label = false;
    while (refine_once(group) && spend(group->graph, group->count)) {
    }
}

/* ------------------------------------------------------------------------------------- numbering
 */

/* Turns places into dense class numbers, in new_place; returns how many there are. */
static uint32_t count_classes(type_group *group)
{
    uint32_t classes = 0;
    for (uint32_t i = 0; i < group->count; i++) {
        uint32_t place = group->place[slot_of(group->members[i])];
        if (place == i) {
            classes++;
        }
        group->new_place[slot_of(group->members[i])] = classes - 1;
    }
    return classes;
}

static bool is_first_of_class(const type_group *group, uint32_t index)
{
    return group->place[slot_of(group->members[index])] == index;
}

static void group_key(type_group *group)
{
    mu_ir_type_graph *graph = group->graph;
    graph->key.count = 0;
    MU_ARRAY_PUSH(&graph->key, (uint32_t)'G');
    for (uint32_t m = 0; m < group->count; m++) {
        if (!is_first_of_class(group, m)) {
            continue;
        }
        const mu_ir_entity *member = group->members[m];
        mu_ir_label label = mu_ir_label_of(member);
        uint32_t words[sizeof label / sizeof(uint32_t)];
        memcpy(words, &label, sizeof label);
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            MU_ARRAY_PUSH(&graph->key, words[i]);
        }
        for (uint32_t i = 0; i < label.child_count; i++) {
            const mu_ir_entity *child = mu_ir_child(member, i);
            bool inside = is_member(child);
            MU_ARRAY_PUSH(&graph->key, inside ? 1u : 0u);
            MU_ARRAY_PUSH(&graph->key,
                          inside ? group->new_place[slot_of(child)] : mu_ir_canonical_of(child));
        }
    }
}

/* Makes a class findable: by its label and children, for types on no cycle that equal it, and by
 * each child in the group, for groups that lead here. */
static void publish(mu_ir_type_graph *graph, mu_ir_entity *node, uint32_t first, uint32_t classes)
{
    mu_ir_node_key(graph, node);
    mu_ir_canonical_put(graph, graph->key.items, sizeof(uint32_t) * graph->key.count,
                        (void *)(uintptr_t)mu_ir_canonical_of(node));
    mu_ir_label label = mu_ir_label_of(node);
    for (uint32_t i = 0; i < label.child_count; i++) {
        uint32_t number = mu_ir_canonical_of(mu_ir_child(node, i));
        if (number < first || number - first >= classes) {
            continue;
        }
        mu_ir_parent_key key = {.tag = 'P', .label = label, .position = i, .child = number};
        mu_ir_parent *parent = MU_ARENA_NEW(graph->bundle->arena, mu_ir_parent);
        parent->node = node;
        parent->next = mu_map_get(graph->bundle->canonical_index, &key, sizeof key);
        mu_ir_canonical_put(graph, &key, sizeof key, parent);
    }
}

static void number_classes(type_group *group, uint32_t classes)
{
    mu_ir_type_graph *graph = group->graph;
    group_key(group);
    size_t bytes = sizeof(uint32_t) * graph->key.count;
    uint32_t first = (uint32_t)(uintptr_t)mu_ir_canonical_find(graph, graph->key.items, bytes);
    bool is_new = first == 0;
    if (is_new) {
        first = graph->bundle->next_canonical;
        graph->bundle->next_canonical += classes;
        mu_ir_canonical_put(graph, graph->key.items, bytes, (void *)(uintptr_t)first);
    }
    MU_ARRAY(mu_ir_entity *) leaders = {0};
    for (uint32_t m = 0; is_new && m < group->count; m++) {
        if (is_first_of_class(group, m)) {
            MU_ARRAY_PUSH(&leaders, group->members[m]);
        }
    }
    for (uint32_t m = 0; m < group->count; m++) {
        mu_ir_entity *member = group->members[m];
        mu_ir_set_canonical(member, first + group->new_place[slot_of(member)]);
    }
    for (uint32_t i = 0; i < leaders.count; i++) {
        publish(graph, leaders.items[i], first, classes);
    }
    MU_ARRAY_FREE(&leaders);
}

static void adopt_images(const type_group *group)
{
    for (uint32_t m = 0; m < group->count; m++) {
        mu_ir_entity *member = group->members[m];
        mu_ir_set_canonical(member, mu_ir_canonical_of(group->image[slot_of(member)]));
    }
}

mu_status mu_ir_number_group(mu_ir_type_graph *graph, mu_ir_entity **members, uint32_t count)
{
    if (count > GROUP_MAX) {
        return mu_report_add(graph->report, MU_LIMIT, members[count - 1]->where,
                             "%u types that refer to each other; at most %u may", count, GROUP_MAX);
    }
    mu_arena *scratch = mu_arena_new();
    type_group group = {.graph = graph, .members = members, .count = count};
    group.place = MU_ARENA_ARRAY(scratch, uint32_t, count);
    group.new_place = MU_ARENA_ARRAY(scratch, uint32_t, count);
    group.image = MU_ARENA_ARRAY(scratch, mu_ir_entity *, count);
    mu_ir_entity **stack = MU_ARENA_ARRAY(scratch, mu_ir_entity *, count);
    for (uint32_t i = 0; i < count; i++) {
        mu_ir_set_canonical(members[i], MU_IR_UNNUMBERED | i);
    }
    bool known = equals_what_it_leads_to(&group, stack);
    if (known) {
        adopt_images(&group);
    } else if (graph->budget) {
        refine(&group);
    }
    bool within = graph->budget > 0;
    if (within && !known) {
        number_classes(&group, count_classes(&group));
    }
    mu_status status = within ? MU_OK : over_budget(graph, members[0]);
    mu_arena_free(scratch);
    return status;
}
