/* The pieces to come, a heap by where they begin. At one position, those that have to hold their
 * register longest go first, since fewer registers suit them. */
#include "alloc_intervals.h"

bool alloc_is_constant(const alloc_state *s, const alloc_piece *piece)
{
    return piece->value != ALLOC_NONE && s->a->values[piece->value].is_constant;
}

uint32_t alloc_held_until(const alloc_state *s, const alloc_piece *piece)
{
    const alloc_want *want = piece->want == ALLOC_NONE ? NULL : &s->wants.items[piece->want];
    if (!want || want->position != piece->from || !want->must) {
        return 0;
    }
    return want->until < piece->to ? want->until : piece->to;
}

void alloc_heap_push(alloc_heap *heap, uint64_t key)
{
    MU_ARRAY_PUSH(heap, key);
    uint32_t at = heap->count - 1;
    while (at > 0 && heap->items[(at - 1) / 2] > key) {
        heap->items[at] = heap->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->items[at] = key;
}

uint64_t alloc_heap_pop(alloc_heap *heap)
{
    uint64_t *items = heap->items;
    uint64_t least = items[0];
    uint64_t key = items[--heap->count];
    uint32_t at = 0;
    for (uint32_t child = 1; child < heap->count; child = 2 * at + 1) {
        if (child + 1 < heap->count && items[child + 1] < items[child]) {
            child++;
        }
        if (items[child] >= key) {
            break;
        }
        items[at] = items[child];
        at = child;
    }
    items[at] = key;
    return least;
}

void alloc_enqueue(alloc_state *s, uint32_t piece)
{
    const alloc_piece *p = &s->pieces.items[piece];
    uint32_t until = alloc_held_until(s, p);
    uint64_t urgency = until == 0 ? 7 : 7 - (until - p->from); /* what is held longest goes first */
    uint64_t key = (uint64_t)p->from << 32 | urgency << 28 | piece;
    alloc_heap_push(&s->queue, key);
}

uint32_t alloc_dequeue(alloc_state *s)
{
    return (uint32_t)(alloc_heap_pop(&s->queue) & ((1u << 28) - 1));
}
