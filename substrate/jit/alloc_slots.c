/* Slots of the frame: a value has one from its definition to its end, holes included. One walk over
 * the values in the order of their definitions hands out slots that have become free, preferably
 * the one that a value of the same group had, so that block arguments stay where they are. */
#include "alloc_intervals.h"

#include <stdlib.h>

typedef struct frame {
    alloc_state *s;
    MU_ARRAY(uint32_t) ends; /* by slot: where it becomes free */
    alloc_heap heap;         /* end and slot; an entry is stale when the slot has another end */
    uint32_t *group_slot;    /* by root, plus one */
} frame;

static void push_end(frame *f, uint32_t end, uint32_t slot)
{
    f->ends.items[slot] = end;
    uint64_t key = (uint64_t)end << 32 | slot;
    alloc_heap_push(&f->heap, key);
}

static uint32_t free_slot(frame *f, uint32_t start)
{
    while (f->heap.count > 0 && f->heap.items[0] >> 32 <= start) {
        uint32_t end = (uint32_t)(f->heap.items[0] >> 32);
        uint32_t slot = (uint32_t)f->heap.items[0];
        (void)alloc_heap_pop(&f->heap);
        if (f->ends.items[slot] == end) {
            return slot;
        }
    }
    MU_ARRAY_PUSH(&f->ends, 0);
    return f->ends.count - 1;
}

static int compare_keys(const void *left, const void *right)
{
    const uint64_t *l = left;
    const uint64_t *r = right;
    return (*l > *r) - (*l < *r);
}

static void give_slot(frame *f, uint32_t value)
{
    alloc_info *info = &f->s->infos[value];
    uint32_t group = alloc_group_of(f->s, value);
    uint32_t wanted = f->group_slot[group];
    if (wanted != 0 && wanted <= f->ends.count && f->ends.items[wanted - 1] <= info->start) {
        info->slot = wanted - 1;
    } else {
        info->slot = free_slot(f, info->start);
        if (wanted == 0) {
            f->group_slot[group] = info->slot + 1;
        }
    }
    push_end(f, info->end, info->slot);
}

void alloc_give_slots(alloc_state *s)
{
    uint32_t count = s->a->value_count;
    uint64_t *keys = MU_ARENA_ARRAY(s->a->arena, uint64_t, count);
    uint32_t key_count = 0;
    for (uint32_t v = 0; v < count; v++) {
        if (s->infos[v].is_spilled || s->infos[v].is_saved) {
            keys[key_count++] = (uint64_t)s->infos[v].start << 32 | v;
        }
    }
    qsort(keys, key_count, sizeof *keys, compare_keys);
    frame f = {.s = s, .group_slot = MU_ARENA_ARRAY(s->a->arena, uint32_t, count)};
    for (uint32_t i = 0; i < key_count; i++) {
        give_slot(&f, (uint32_t)keys[i]);
    }
    s->a->slot_count = f.ends.count;
    MU_ARRAY_FREE(&f.ends);
    MU_ARRAY_FREE(&f.heap);
}

static int compare_pieces(const void *left, const void *right)
{
    const alloc_piece *l = left;
    const alloc_piece *r = right;
    return (l->from > r->from) - (l->from < r->from);
}

/* Pieces are sorted by value and position; temporaries, which nobody looks up, come last. */
void alloc_index_pieces(alloc_state *s)
{
    uint32_t count = s->a->value_count;
    uint32_t *next = MU_ARENA_ARRAY(s->a->arena, uint32_t, count + 2);
    for (uint32_t p = 0; p < s->pieces.count; p++) {
        uint32_t value = s->pieces.items[p].value;
        next[(value == ALLOC_NONE ? count : value) + 1]++;
    }
    for (uint32_t v = 0; v < count; v++) {
        s->infos[v].first_piece = next[v];
        s->infos[v].piece_count = next[v + 1];
        next[v + 1] += next[v];
    }
    alloc_piece *sorted = MU_ARENA_ARRAY(s->a->arena, alloc_piece, s->pieces.count);
    for (uint32_t p = 0; p < s->pieces.count; p++) {
        uint32_t value = s->pieces.items[p].value;
        sorted[next[value == ALLOC_NONE ? count : value]++] = s->pieces.items[p];
    }
    for (uint32_t v = 0; v < count; v++) {
        qsort(&sorted[s->infos[v].first_piece], s->infos[v].piece_count, sizeof *sorted,
              compare_pieces);
    }
    s->sorted = sorted;
    s->piece_count = s->pieces.count;
    MU_ARRAY_FREE(&s->pieces);
}
