#pragma once
/* Ephemerons and queues of a fake mutator, and the ways in which what died is found out. */
#include "fake_mutator.h"
#include "mu_gc_ephemerons.h"

typedef enum fake_way {
    FAKE_YOUNG,    /* young objects, a young collection */
    FAKE_FULL,     /* young objects, a full one */
    FAKE_OLD_FULL, /* old objects, a full one */
    FAKE_MARKED,   /* old objects, a marking beside the mutator */
    FAKE_WAYS,
} fake_way;

void fake_start_way(fake_mutator *mutator, fake_way way);
/* Makes everything as old as the way wants it. */
void fake_age(fake_mutator *mutator, fake_way way);
/* Collects so that all that died by now is found dead. */
void fake_collect_way(fake_mutator *mutator, fake_way way);
/* Lets a marking begin, or one more end. */
void fake_begin_marking(fake_mutator *mutator);
void fake_finish_marking(fake_mutator *mutator);

/* Operands are read from roots, by index, since making them collects under stress. */
uintptr_t fake_new_ephemeron(fake_mutator *mutator, uint32_t key, uint32_t value);
uintptr_t fake_new_queue(fake_mutator *mutator, uint32_t count);
uintptr_t fake_register(fake_mutator *mutator, uint32_t queue, uint32_t object, uint32_t held,
                        uint32_t how);
static inline uintptr_t fake_take(fake_mutator *mutator, uintptr_t queue)
{
    return mu_gc_queue_take(mutator->heap, (mu_ref){queue}).address;
}
