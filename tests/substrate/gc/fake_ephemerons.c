#include "fake_ephemerons.h"

#include <criterion/criterion.h>

void fake_start_way(fake_mutator *mutator, fake_way way)
{
    mu_gc_config config = {.quota_bytes = 64 * FAKE_MIB, .verify = true};
    config.concurrent = way == FAKE_MARKED;
    if (way == FAKE_MARKED) {
        fake_start_marking(mutator, &config);
    } else {
        fake_start(mutator, &config);
    }
}

void fake_age(fake_mutator *mutator, fake_way way)
{
    if (way == FAKE_OLD_FULL) {
        fake_collect(mutator);
    } else if (way == FAKE_MARKED) {
        fake_finish_marking(mutator);
    }
}

void fake_begin_marking(fake_mutator *mutator)
{
    for (int i = 0; i < 1000; i++) {
        mu_gc_collection done = fake_collect_young(mutator);
        if (done.begins_marking && !done.ended_marking) {
            return;
        }
        fake_run_job(mutator);
    }
    cr_assert(false, "a marking begins");
}

void fake_finish_marking(fake_mutator *mutator)
{
    for (int i = 0; i < 1000; i++) {
        if (fake_collect_young(mutator).ended_marking) {
            return;
        }
        fake_run_job(mutator);
    }
    cr_assert(false, "a marking comes to an end");
}

/* A marking under way may have met what has died since. */
void fake_collect_way(fake_mutator *mutator, fake_way way)
{
    switch (way) {
    case FAKE_YOUNG: fake_collect_young(mutator); break;
    case FAKE_FULL:
    case FAKE_OLD_FULL: fake_collect(mutator); break;
    case FAKE_MARKED:
        fake_finish_marking(mutator);
        fake_finish_marking(mutator);
        break;
    case FAKE_WAYS: break;
    }
}

static mu_ref root(const fake_mutator *mutator, uint32_t index)
{
    return (mu_ref){mutator->roots[index]};
}

uintptr_t fake_new_ephemeron(fake_mutator *mutator, uint32_t key, uint32_t value)
{
    uintptr_t made = fake_new(mutator, &mu_gc_ephemeron_type, 0);
    mu_gc_ephemeron_init((mu_ref){made}, root(mutator, key), root(mutator, value));
    return made;
}

uintptr_t fake_new_queue(fake_mutator *mutator, uint32_t count)
{
    uintptr_t made = fake_new(mutator, &mu_gc_queue_type, 0);
    mu_gc_queue_init((mu_ref){made}, root(mutator, count));
    return made;
}

uintptr_t fake_register(fake_mutator *mutator, uint32_t queue, uint32_t object, uint32_t held,
                        uint32_t how)
{
    uintptr_t made = fake_new(mutator, &mu_gc_registration_type, 0);
    mu_gc_finalizer_register(mutator->heap, (mu_ref){made}, root(mutator, queue),
                             root(mutator, object), root(mutator, held), how);
    return made;
}
