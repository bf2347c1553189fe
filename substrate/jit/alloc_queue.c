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

void alloc_enqueue(alloc_state *s, uint32_t piece)
{
    const alloc_piece *p = &s->pieces.items[piece];
    uint32_t until = alloc_held_until(s, p);
    uint64_t urgency = until == 0 ? 7 : 7 - (until - p->from); /* what is held longest goes first */
    uint64_t key = (uint64_t)p->from << 32 | urgency << 28 | piece;
    MU_ARRAY_PUSH(&s->queue, key);
    uint32_t at = s->queue.count - 1;
    while (at > 0 && s->queue.items[(at - 1) / 2] > key) {
        s->queue.items[at] = s->queue.items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    s->queue.items[at] = key;
}

uint32_t alloc_dequeue(alloc_state *s)
{
    uint64_t *heap = s->queue.items;
    uint32_t piece = (uint32_t)(heap[0] & ((1u << 28) - 1));
    uint64_t key = heap[--s->queue.count];
    uint32_t at = 0;
    for (uint32_t child = 1; child < s->queue.count; child = 2 * at + 1) {
        if (child + 1 < s->queue.count && heap[child + 1] < heap[child]) {
            child++;
        }
        if (heap[child] >= key) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = key;
    return piece;
}
