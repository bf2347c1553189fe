/* Queues of what died: what comes, when, and in which order. */
#include "fake_ephemerons.h"

#include <criterion/criterion.h>

enum { QUEUE = 0, COUNT = 1, OBJECT = 2, HELD = 3, WEAK = 4, MORE = 5, NOTHING = FAKE_ROOTS - 1 };

static uintptr_t numbered(fake_mutator *m, uintptr_t number)
{
    uintptr_t pair = fake_new(m, &fake_pair, 0);
    *fake_word(pair, 0) = number;
    return pair;
}

static uintptr_t count(const fake_mutator *m)
{
    return *fake_word(m->roots[COUNT], 0);
}

static void begin(fake_mutator *m, fake_way way)
{
    fake_start_way(m, way);
    m->roots[COUNT] = fake_new(m, &fake_words, 1);
    m->roots[QUEUE] = fake_new_queue(m, COUNT);
    m->roots[OBJECT] = numbered(m, 10);
    m->roots[HELD] = numbered(m, 11);
    m->roots[WEAK] = fake_new(m, &fake_weak, 0);
    *fake_word(m->roots[WEAK], 0) = m->roots[OBJECT];
}

static uint32_t notices(fake_mutator *m)
{
    uint32_t many = 0;
    for (mu_ref cell; mu_gc_next_notified(m->heap, &cell);) {
        cr_assert_eq(cell.address, m->roots[COUNT]);
        many++;
    }
    return many;
}

Test(mu_gc_finalizers, what_is_held_comes_once_after_the_object_died)
{
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        fake_mutator m;
        begin(&m, way);
        (void)fake_register(&m, QUEUE, OBJECT, HELD, 0);
        m.roots[HELD] = 0;
        fake_age(&m, way);
        fake_collect_way(&m, way);
        cr_assert_eq(fake_take(&m, m.roots[QUEUE]), 0);
        cr_assert_eq(count(&m) + notices(&m), 0);
        m.roots[OBJECT] = 0;
        fake_collect_way(&m, way == FAKE_YOUNG ? FAKE_FULL : way);
        cr_assert_eq(*fake_word(m.roots[WEAK], 0), 0);
        cr_assert_eq(count(&m), 1);
        cr_assert_eq(notices(&m), 1);
        uintptr_t held = fake_take(&m, m.roots[QUEUE]);
        cr_assert_eq(*fake_word(held, 0), 11);
        cr_assert_eq(count(&m), 0);
        cr_assert_eq(fake_take(&m, m.roots[QUEUE]), 0);
        fake_collect_way(&m, way);
        cr_assert_eq(fake_take(&m, m.roots[QUEUE]), 0);
        cr_assert_eq(notices(&m), 0);
        fake_end(&m);
    }
}

Test(mu_gc_finalizers, what_waits_in_a_queue_lives)
{
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        fake_mutator m;
        begin(&m, way);
        (void)fake_register(&m, QUEUE, OBJECT, HELD, 0);
        fake_age(&m, way);
        m.roots[OBJECT] = m.roots[HELD] = 0;
        for (int i = 0; i < 3; i++) {
            fake_collect_way(&m, way);
        }
        fake_collect(&m);
        cr_assert_eq(*fake_word(fake_take(&m, m.roots[QUEUE]), 0), 11);
        fake_end(&m);
    }
}

/* A guardian: what comes is the object itself, with all that it refers to. */
Test(mu_gc_finalizers, an_object_that_is_held_itself_comes_back_to_life)
{
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        fake_mutator m;
        begin(&m, way);
        *fake_word(m.roots[OBJECT], 1) = m.roots[HELD];
        (void)fake_register(&m, QUEUE, OBJECT, OBJECT, 0);
        m.roots[MORE] = fake_new_ephemeron(&m, OBJECT, OBJECT);
        fake_age(&m, way);
        m.roots[OBJECT] = m.roots[HELD] = 0;
        fake_collect_way(&m, way);
        cr_assert_eq(*fake_word(m.roots[WEAK], 0), 0, "weak references were cleared before");
        m.roots[OBJECT] = fake_take(&m, m.roots[QUEUE]);
        cr_assert_eq(*fake_word(m.roots[OBJECT], 0), 10);
        cr_assert_eq(*fake_word(*fake_word(m.roots[OBJECT], 1), 0), 11);
        cr_assert_eq(mu_gc_ephemeron_key((mu_ref){m.roots[MORE]}).address, m.roots[OBJECT]);
        fake_collect_way(&m, way);
        cr_assert_eq(*fake_word(m.roots[OBJECT], 0), 10);
        m.roots[OBJECT] = 0;
        fake_collect_way(&m, way == FAKE_YOUNG ? FAKE_FULL : way);
        cr_assert_eq(fake_take(&m, m.roots[QUEUE]), 0, "once");
        cr_assert_eq(mu_gc_ephemeron_key((mu_ref){m.roots[MORE]}).address, 0);
        fake_end(&m);
    }
}

Test(mu_gc_finalizers, all_come_in_the_order_of_registering)
{
    enum { MANY = 5000 };
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        fake_mutator m;
        begin(&m, way);
        m.roots[MORE] = fake_new(&m, &fake_refs, MANY);
        for (uintptr_t i = 0; i < MANY; i++) {
            m.roots[OBJECT] = numbered(&m, i);
            (void)fake_register(&m, QUEUE, OBJECT, OBJECT, 0);
            fake_store(&m, m.roots[MORE], 1 + i * 1237 % MANY, m.roots[OBJECT]);
        }
        fake_age(&m, way);
        m.roots[OBJECT] = m.roots[MORE] = 0;
        fake_collect_way(&m, way);
        cr_assert_eq(count(&m), MANY);
        for (uintptr_t i = 0; i < MANY; i++) {
            cr_assert_eq(*fake_word(fake_take(&m, m.roots[QUEUE]), 0), i);
        }
        cr_assert_eq(fake_take(&m, m.roots[QUEUE]), 0);
        cr_assert_eq(count(&m), 0);
        fake_end(&m);
    }
}

Test(mu_gc_finalizers, a_registration_can_be_taken_back)
{
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        fake_mutator m;
        begin(&m, way);
        for (uint32_t i = 0; i < 3; i++) {
            m.roots[MORE + i] = fake_register(&m, QUEUE, OBJECT, HELD, 0);
        }
        fake_age(&m, way);
        cr_assert(mu_gc_finalizer_unregister(m.heap, (mu_ref){m.roots[MORE + 1]}));
        cr_assert_not(mu_gc_finalizer_unregister(m.heap, (mu_ref){m.roots[MORE + 1]}));
        m.roots[OBJECT] = 0;
        fake_collect_way(&m, way);
        cr_assert_eq(count(&m), 2);
        cr_assert_not(mu_gc_finalizer_unregister(m.heap, (mu_ref){m.roots[MORE]}), "it came");
        cr_assert_neq(fake_take(&m, m.roots[QUEUE]), 0);
        cr_assert_neq(fake_take(&m, m.roots[QUEUE]), 0);
        cr_assert_eq(fake_take(&m, m.roots[QUEUE]), 0);
        fake_end(&m);
    }
}

Test(mu_gc_finalizers, registrations_go_with_their_queue)
{
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        fake_mutator m;
        begin(&m, way);
        *fake_word(m.roots[WEAK], 0) = m.roots[HELD];
        (void)fake_register(&m, QUEUE, OBJECT, HELD, 0);
        m.roots[MORE] = fake_new(&m, &fake_weak, 0);
        *fake_word(m.roots[MORE], 0) = m.roots[QUEUE];
        fake_age(&m, way);
        m.roots[QUEUE] = m.roots[HELD] = 0;
        fake_collect_way(&m, way);
        cr_assert_eq(*fake_word(m.roots[MORE], 0), 0);
        cr_assert_eq(*fake_word(m.roots[WEAK], 0), 0);
        fake_end(&m);
    }
}

/* Java's phantom references beside finalizers: not before the object is gone for good. */
Test(mu_gc_finalizers, the_last_come_when_nothing_brings_the_object_back)
{
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        fake_mutator m;
        begin(&m, way);
        (void)fake_register(&m, QUEUE, OBJECT, HELD, MU_GC_LAST);
        (void)fake_register(&m, QUEUE, OBJECT, OBJECT, 0);
        fake_age(&m, way);
        m.roots[OBJECT] = 0;
        fake_collect_way(&m, way);
        cr_assert_eq(count(&m), 1);
        cr_assert_eq(*fake_word(fake_take(&m, m.roots[QUEUE]), 0), 10);
        fake_collect_way(&m, way == FAKE_YOUNG ? FAKE_FULL : way);
        cr_assert_eq(count(&m), 1);
        cr_assert_eq(fake_take(&m, m.roots[QUEUE]), m.roots[HELD]);
        fake_end(&m);
    }
}

Test(mu_gc_finalizers, what_is_held_weakly_may_die_first)
{
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        for (uint32_t lives = 0; lives < 2; lives++) {
            fake_mutator m;
            begin(&m, way);
            *fake_word(m.roots[WEAK], 0) = m.roots[HELD];
            m.roots[MORE] = fake_register(&m, QUEUE, OBJECT, HELD, MU_GC_HELD_WEAKLY);
            fake_age(&m, way);
            m.roots[HELD] = lives ? m.roots[HELD] : 0;
            fake_collect_way(&m, way);
            cr_assert_eq(*fake_word(m.roots[WEAK], 0), m.roots[HELD]);
            m.roots[OBJECT] = 0;
            fake_collect_way(&m, way == FAKE_YOUNG ? FAKE_FULL : way);
            cr_assert_eq(fake_take(&m, m.roots[QUEUE]), m.roots[HELD]);
            cr_assert_not(mu_gc_finalizer_unregister(m.heap, (mu_ref){m.roots[MORE]}));
            fake_end(&m);
        }
    }
}

/* Both die at once: who was held weakly is not told. */
Test(mu_gc_finalizers, what_is_held_weakly_and_dies_with_the_object_does_not_come)
{
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        fake_mutator m;
        begin(&m, way);
        (void)fake_register(&m, QUEUE, OBJECT, HELD, MU_GC_HELD_WEAKLY);
        fake_age(&m, way);
        m.roots[OBJECT] = m.roots[HELD] = 0;
        fake_collect_way(&m, way);
        cr_assert_eq(fake_take(&m, m.roots[QUEUE]), 0);
        cr_assert_eq(count(&m), 0);
        fake_end(&m);
    }
}

/* Each object is the value of an ephemeron of the one before. */
Test(mu_gc_finalizers, ephemerons_of_what_comes_back_are_whole)
{
    enum { LENGTH = 200 };
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        fake_mutator m;
        begin(&m, way);
        m.roots[MORE] = fake_new(&m, &fake_refs, LENGTH);
        (void)fake_register(&m, QUEUE, OBJECT, OBJECT, 0);
        for (uintptr_t i = 0; i < LENGTH; i++) {
            m.roots[HELD] = numbered(&m, 100 + i);
            uintptr_t ephemeron = fake_new_ephemeron(&m, OBJECT, HELD);
            fake_store(&m, m.roots[MORE], 1 + i, ephemeron);
            m.roots[OBJECT] = m.roots[HELD];
        }
        fake_age(&m, way);
        m.roots[OBJECT] = m.roots[HELD] = 0;
        fake_collect_way(&m, way);
        uintptr_t key = fake_take(&m, m.roots[QUEUE]);
        for (uintptr_t i = 0; i < LENGTH; i++) {
            mu_ref ephemeron = {*fake_word(m.roots[MORE], 1 + i)};
            cr_assert_eq(mu_gc_ephemeron_key(ephemeron).address, key);
            key = mu_gc_ephemeron_value(ephemeron).address;
            cr_assert_eq(*fake_word(key, 0), 100 + i);
        }
        fake_end(&m);
    }
}

/* A queue that nobody refers to is held; what died with it comes to it all the same. */
Test(mu_gc_finalizers, a_queue_may_come_back_to_life)
{
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        fake_mutator m;
        begin(&m, way);
        m.roots[MORE] = fake_new_queue(&m, NOTHING);
        (void)fake_register(&m, MORE, HELD, HELD, 0);
        (void)fake_register(&m, QUEUE, OBJECT, MORE, 0);
        fake_age(&m, way);
        m.roots[OBJECT] = m.roots[HELD] = m.roots[MORE] = 0;
        fake_collect_way(&m, way);
        uintptr_t queue = fake_take(&m, m.roots[QUEUE]);
        cr_assert_eq(*fake_word(fake_take(&m, queue), 0), 11);
        fake_end(&m);
    }
}

Test(mu_gc_finalizers, registering_without_end_is_within_the_quota)
{
    fake_mutator m;
    fake_start(&m, &(mu_gc_config){.quota_bytes = 4 * FAKE_MIB});
    m.roots[QUEUE] = fake_new_queue(&m, NOTHING);
    m.is_generational = true;
    for (uint32_t i = 0; i < 300000; i++) {
        m.roots[OBJECT] = numbered(&m, i);
        (void)fake_register(&m, QUEUE, OBJECT, OBJECT, 0);
        while (fake_take(&m, m.roots[QUEUE])) {
        }
    }
    cr_assert_gt(mu_gc_heap_stats(m.heap).collections, 10);
    fake_end(&m);
}
