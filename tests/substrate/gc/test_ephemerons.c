/* Ephemerons: what a key keeps alive, in each way of finding out what died. */
#include "fake_ephemerons.h"

#include <criterion/criterion.h>

static uintptr_t numbered(fake_mutator *m, uintptr_t number)
{
    uintptr_t pair = fake_new(m, &fake_pair, 0);
    *fake_word(pair, 0) = number;
    return pair;
}

static uintptr_t key_of(uintptr_t ephemeron)
{
    return mu_gc_ephemeron_key((mu_ref){ephemeron}).address;
}

static uintptr_t value_of(uintptr_t ephemeron)
{
    return mu_gc_ephemeron_value((mu_ref){ephemeron}).address;
}

/* Root 0: the key, 1: the value, 2: the ephemeron, 3: a weak reference to the value. */
static void make_all(fake_mutator *m)
{
    m->roots[0] = numbered(m, 10);
    m->roots[1] = numbered(m, 11);
    m->roots[2] = fake_new_ephemeron(m, 0, 1);
    m->roots[3] = fake_new(m, &fake_weak, 0);
    *fake_word(m->roots[3], 0) = m->roots[1];
}

Test(mu_gc_ephemerons, a_value_lives_while_key_and_ephemeron_do)
{
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        fake_mutator m;
        fake_start_way(&m, way);
        make_all(&m);
        fake_age(&m, way);
        m.roots[1] = 0;
        fake_collect_way(&m, way);
        cr_assert_eq(key_of(m.roots[2]), m.roots[0]);
        cr_assert_eq(*fake_word(value_of(m.roots[2]), 0), 11);
        cr_assert_eq(*fake_word(m.roots[3], 0), value_of(m.roots[2]));
        m.roots[2] = 0;
        fake_collect_way(&m, way == FAKE_YOUNG ? FAKE_FULL : way);
        cr_assert_eq(*fake_word(m.roots[3], 0), 0, "the ephemeron is gone");
        cr_assert_eq(*fake_word(m.roots[0], 0), 10);
        fake_end(&m);
    }
}

Test(mu_gc_ephemerons, a_dead_key_breaks_the_ephemeron)
{
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        fake_mutator m;
        fake_start_way(&m, way);
        make_all(&m);
        fake_age(&m, way);
        m.roots[0] = 0;
        fake_collect_way(&m, way);
        cr_assert_eq(key_of(m.roots[2]), 0);
        cr_assert_eq(value_of(m.roots[2]), 0);
        cr_assert_eq(*fake_word(m.roots[1], 0), 11);
        mu_gc_ephemeron_set_value(m.heap, (mu_ref){m.roots[2]}, (mu_ref){m.roots[1]});
        cr_assert_eq(value_of(m.roots[2]), 0, "there is no key to keep it");
        fake_end(&m);
    }
}

Test(mu_gc_ephemerons, a_value_that_refers_to_its_key_does_not_keep_it)
{
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        fake_mutator m;
        fake_start_way(&m, way);
        make_all(&m);
        *fake_word(m.roots[1], 1) = m.roots[0];
        *fake_word(m.roots[1], 2) = m.roots[2];
        fake_age(&m, way);
        m.roots[0] = m.roots[1] = 0;
        fake_collect_way(&m, way);
        cr_assert_eq(key_of(m.roots[2]), 0);
        cr_assert_eq(value_of(m.roots[2]), 0);
        cr_assert_eq(*fake_word(m.roots[3], 0), 0);
        fake_end(&m);
    }
}

Test(mu_gc_ephemerons, large_and_pairless_keys_count_too)
{
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        fake_mutator m;
        fake_start_way(&m, way);
        make_all(&m);
        m.roots[4] = fake_new(&m, &fake_refs, 3000);
        m.roots[5] = fake_new_ephemeron(&m, 4, 1);
        m.roots[6] = fake_new(&m, &fake_void, 0);
        m.roots[7] = fake_new_ephemeron(&m, 6, 4);
        m.roots[8] = fake_new(&m, &fake_words, 3000);
        m.roots[9] = fake_new_ephemeron(&m, 8, 1);
        m.roots[1] = m.roots[4] = 0;
        fake_age(&m, way);
        m.roots[8] = 0;
        fake_collect_way(&m, way);
        cr_assert_eq(*fake_word(value_of(m.roots[5]), 0), 11);
        cr_assert_eq(value_of(m.roots[7]), key_of(m.roots[5]));
        cr_assert_eq(key_of(m.roots[7]), m.roots[6]);
        cr_assert_eq(key_of(m.roots[9]), 0, "a large key died");
        fake_end(&m);
    }
}

/* Keys 0 to `count` in the array of root 0, an ephemeron from each to the next in that of root 1,
 * which is scanned upwards; `step` says in which order the chain goes through it. */
static void make_chain(fake_mutator *m, uint64_t count, uint64_t step)
{
    m->roots[0] = fake_new(m, &fake_refs, count + 1);
    m->roots[1] = fake_new(m, &fake_refs, count);
    for (uint64_t i = 0; i <= count; i++) {
        uintptr_t key = numbered(m, i);
        fake_store(m, m->roots[0], 1 + i, key);
    }
    for (uint64_t i = 0; i < count; i++) {
        m->roots[2] = *fake_word(m->roots[0], 1 + i);
        m->roots[3] = *fake_word(m->roots[0], 2 + i);
        uintptr_t ephemeron = fake_new_ephemeron(m, 2, 3);
        fake_store(m, m->roots[1], 1 + i * step % count, ephemeron);
    }
    m->roots[2] = *fake_word(m->roots[0], 1);
    m->roots[0] = m->roots[3] = 0;
}

Test(mu_gc_ephemerons, chains_live_and_die_whole)
{
    enum { LENGTH = 7001 };
    static const uint64_t steps[] = {1, LENGTH - 1, 1000};
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        for (uint32_t s = 0; s < 3; s++) {
            fake_mutator m;
            fake_start_way(&m, way);
            make_chain(&m, LENGTH, steps[s]);
            fake_age(&m, way);
            fake_collect_way(&m, way);
            uintptr_t key = m.roots[2];
            for (uint64_t i = 0; i < LENGTH; i++) {
                uintptr_t ephemeron = *fake_word(m.roots[1], 1 + i * steps[s] % LENGTH);
                cr_assert_eq(key_of(ephemeron), key);
                key = value_of(ephemeron);
                cr_assert_eq(*fake_word(key, 0), i + 1);
            }
            m.roots[2] = 0;
            fake_collect_way(&m, way == FAKE_YOUNG ? FAKE_FULL : way);
            for (uint64_t i = 0; i < LENGTH; i++) {
                cr_assert_eq(key_of(*fake_word(m.roots[1], 1 + i)), 0);
            }
            fake_end(&m);
        }
    }
}

Test(mu_gc_ephemerons, an_old_one_may_be_given_a_young_value)
{
    for (fake_way way = 0; way < FAKE_WAYS; way++) {
        fake_mutator m;
        fake_start_way(&m, way);
        make_all(&m);
        fake_collect(&m);
        for (uintptr_t i = 0; i < 5; i++) {
            uintptr_t value = numbered(&m, 20 + i);
            mu_gc_ephemeron_set_value(m.heap, (mu_ref){m.roots[2]}, (mu_ref){value});
            fake_collect_way(&m, way);
            cr_assert_eq(*fake_word(value_of(m.roots[2]), 0), 20 + i);
        }
        mu_gc_ephemeron_set_value(m.heap, (mu_ref){m.roots[2]}, (mu_ref){0});
        m.roots[1] = 0;
        fake_collect_way(&m, way == FAKE_YOUNG ? FAKE_FULL : way);
        cr_assert_eq(value_of(m.roots[2]), 0);
        cr_assert_eq(key_of(m.roots[2]), m.roots[0]);
        fake_end(&m);
    }
}

/* The marker comes to the ballast first, and a stop comes in between. */
static void add_ballast(fake_mutator *m)
{
    for (int i = 0; i < 20000; i++) {
        uintptr_t pair = numbered(m, 0);
        *fake_word(pair, 1) = m->roots[FAKE_ROOTS - 2];
        m->roots[FAKE_ROOTS - 2] = pair;
    }
}

Test(mu_gc_ephemerons, what_is_made_and_changed_while_old_objects_are_marked_lives)
{
    fake_mutator m;
    fake_start_way(&m, FAKE_MARKED);
    make_all(&m);
    m.roots[4] = numbered(&m, 30);
    m.roots[5] = fake_new_ephemeron(&m, 4, 1);
    add_ballast(&m);
    fake_finish_marking(&m);
    for (int i = 0; i < 20; i++) {
        fake_begin_marking(&m);
        /* An old key whose only other reference is a value, of an ephemeron that is young. */
        m.roots[6] = numbered(&m, 40);
        m.roots[7] = fake_new_ephemeron(&m, 0, 6);
        uintptr_t old_value = value_of(m.roots[2]);
        uintptr_t young = numbered(&m, 41);
        *fake_word(young, 1) = old_value;
        mu_gc_ephemeron_set_value(m.heap, (mu_ref){m.roots[2]}, (mu_ref){young});
        m.roots[1] = m.roots[6] = 0;
        fake_finish_marking(&m);
        cr_assert_eq(*fake_word(value_of(m.roots[7]), 0), 40);
        young = value_of(m.roots[2]);
        cr_assert_eq(*fake_word(young, 0), 41);
        cr_assert_eq(*fake_word(*fake_word(young, 1), 0), i == 0 ? 11 : 41);
        m.roots[1] = young;
    }
    m.roots[0] = 0;
    fake_collect_way(&m, FAKE_MARKED);
    cr_assert_eq(key_of(m.roots[2]), 0);
    cr_assert_eq(key_of(m.roots[7]), 0);
    cr_assert_eq(*fake_word(value_of(m.roots[5]), 0), 11);
    fake_end(&m);
}

Test(mu_gc_ephemerons, a_key_that_is_read_while_it_dies_lives)
{
    fake_mutator m;
    fake_start_way(&m, FAKE_MARKED);
    make_all(&m);
    add_ballast(&m);
    fake_finish_marking(&m);
    m.roots[0] = m.roots[1] = 0;
    fake_begin_marking(&m);
    fake_run_job(&m);
    m.roots[0] = key_of(m.roots[2]);
    fake_finish_marking(&m);
    cr_assert_eq(*fake_word(m.roots[0], 0), 10);
    cr_assert_eq(*fake_word(value_of(m.roots[2]), 0), 11);
    fake_end(&m);
}

static void show_pin(mu_gc_tracer *tracer, void *context)
{
    const uintptr_t *pin = context;
    if (*pin) {
        mu_gc_trace_pin(tracer, (mu_ref){*pin});
    }
}

Test(mu_gc_ephemerons, a_pinned_key_stays)
{
    fake_mutator m;
    fake_start_way(&m, FAKE_FULL);
    make_all(&m);
    uintptr_t key = m.roots[0];
    m.roots[1] = 0;
    uintptr_t pin = key;
    mu_gc_heap_set_pins(m.heap, show_pin, &pin);
    m.roots[0] = 0;
    fake_collect(&m);
    cr_assert_eq(key_of(m.roots[2]), key);
    cr_assert_eq(*fake_word(value_of(m.roots[2]), 0), 11);
    pin = 0;
    fake_collect(&m);
    cr_assert_eq(key_of(m.roots[2]), 0);
    fake_end(&m);
}
