/* Marking old objects beside the mutator, with the background job run step by step. */
#include "fake_mutator.h"

#include <criterion/criterion.h>

static const mu_gc_config config = {
    .quota_bytes = 16 * FAKE_MIB, .verify = true, .concurrent = true};

static uintptr_t numbered(fake_mutator *m, uintptr_t number, uintptr_t next)
{
    uintptr_t pair = fake_new(m, &fake_pair, 0);
    *fake_word(pair, 0) = number;
    *fake_word(pair, 1) = next;
    return pair;
}

/* Young collections and runs of the job until one more marking has ended. */
static void finish_marking(fake_mutator *m)
{
    for (int i = 0; i < 100; i++) {
        fake_run_job(m);
        if (fake_collect_young(m).ended_marking) {
            return;
        }
    }
    cr_assert(false, "a marking comes to an end");
}

/* The heap holds more than one stop marks. */
static void begin_marking(fake_mutator *m)
{
    for (int i = 0; i < 100; i++) {
        mu_gc_collection done = fake_collect_young(m);
        if (done.begins_marking) {
            cr_assert_not(done.ended_marking);
            return;
        }
        fake_run_job(m);
    }
    cr_assert(false, "a marking begins");
}

static uint64_t chain(uintptr_t link)
{
    uint64_t count = 0;
    for (; link; link = *fake_word(link, 1)) {
        count++;
    }
    return count;
}

Test(mu_gc_marking, what_died_in_old_space_is_freed_without_a_full_collection)
{
    fake_mutator m;
    fake_start_marking(&m, &config);
    for (int i = 0; i < 20000; i++) {
        m.roots[0] = numbered(&m, 1, m.roots[0]);
        m.roots[1] = numbered(&m, 2, m.roots[1]);
    }
    m.roots[2] = fake_new(&m, &fake_words, 5000);
    finish_marking(&m);
    uint64_t before = fake_used_bytes(&m);
    m.roots[0] = m.roots[2] = 0;
    finish_marking(&m);
    finish_marking(&m);
    cr_assert_leq(fake_used_bytes(&m), before * 6 / 10 + MU_GC_BLOCK_BYTES);
    cr_assert_eq(chain(m.roots[1]), 20000);
    mu_gc_stats stats = mu_gc_heap_stats(m.heap);
    cr_assert_eq(stats.collections, stats.young_collections);
    fake_end(&m);
}

/* What is marked before anything else, since roots are marked from the last one on. */
static void add_ballast(fake_mutator *m)
{
    for (int i = 0; i < 20000; i++) {
        m->roots[FAKE_ROOTS - 1] = numbered(m, 0, m->roots[FAKE_ROOTS - 1]);
    }
}

/* The only reference to an object goes from where the marker has not been to where it has. */
Test(mu_gc_marking, object_that_is_hidden_behind_the_marker_is_found)
{
    fake_mutator m;
    fake_start_marking(&m, &config);
    add_ballast(&m);
    m.roots[0] = numbered(&m, 1, 0);
    m.roots[1] = numbered(&m, 2, numbered(&m, 3, numbered(&m, 4, 0)));
    fake_collect_young(&m);
    while (fake_run_job(&m)) {
    }
    finish_marking(&m);
    begin_marking(&m);
    uintptr_t hidden = *fake_word(m.roots[1], 1);
    fake_store(&m, m.roots[1], 1, 0);
    while (fake_run_job(&m)) { /* marks what it was shown at the beginning */
    }
    fake_store(&m, m.roots[0], 1, hidden);
    finish_marking(&m);
    while (fake_run_job(&m)) {
    }
    cr_assert_eq(*fake_word(m.roots[0], 1), hidden);
    cr_assert_eq(*fake_word(hidden, 0), 3);
    cr_assert_eq(*fake_word(*fake_word(hidden, 1), 0), 4);
    fake_end(&m);
}

Test(mu_gc_marking, what_only_a_root_has_since_is_found)
{
    fake_mutator m;
    fake_start_marking(&m, &config);
    add_ballast(&m);
    m.roots[0] = fake_new(&m, &fake_weak, 0);
    *fake_word(m.roots[0], 0) = numbered(&m, 5, numbered(&m, 6, 0));
    m.roots[1] = *fake_word(m.roots[0], 0);
    finish_marking(&m);
    m.roots[1] = 0;
    begin_marking(&m);
    while (fake_run_job(&m)) {
    }
    m.roots[2] = *fake_word(m.roots[0], 0); /* a weak reference is loaded */
    cr_assert_neq(m.roots[2], 0);
    finish_marking(&m);
    cr_assert_eq(*fake_word(m.roots[0], 0), m.roots[2]);
    cr_assert_eq(*fake_word(*fake_word(m.roots[2], 1), 0), 6);
    m.roots[2] = 0;
    finish_marking(&m);
    finish_marking(&m);
    cr_assert_eq(*fake_word(m.roots[0], 0), 0, "it died, and the end of a marking says so");
    fake_end(&m);
}

Test(mu_gc_marking, large_arrays_are_marked_by_pieces_while_they_change)
{
    fake_mutator m;
    fake_start_marking(&m, &config);
    m.roots[0] = fake_new(&m, &fake_refs, 30000);
    for (uint64_t i = 1; i <= 30000; i++) {
        fake_store(&m, m.roots[0], i, numbered(&m, i, 0));
        if (i % 5000 == 0) {
            fake_collect_young(&m);
        }
    }
    for (int round = 0; round < 4; round++) {
        begin_marking(&m);
        for (uint64_t i = 1; i <= 15000; i++) { /* swapped ends */
            uintptr_t one = *fake_word(m.roots[0], i);
            fake_store(&m, m.roots[0], i, *fake_word(m.roots[0], 30001 - i));
            fake_store(&m, m.roots[0], 30001 - i, one);
            if (i % 4000 == 0) {
                fake_run_job(&m);
            }
        }
        finish_marking(&m);
        while (fake_run_job(&m)) {
        }
    }
    for (uint64_t i = 1; i <= 30000; i++) {
        cr_assert_eq(*fake_word(*fake_word(m.roots[0], i), 0), i);
    }
    fake_end(&m);
}

Test(mu_gc_marking, full_collection_ends_a_marking_under_way)
{
    fake_mutator m;
    fake_start_marking(&m, &config);
    for (int i = 0; i < 30000; i++) {
        m.roots[0] = numbered(&m, 1, m.roots[0]);
    }
    finish_marking(&m);
    for (int round = 0; round < 5; round++) {
        begin_marking(&m);
        m.roots[1] = numbered(&m, 2, m.roots[0]);
        fake_collect(&m);
        cr_assert_eq(chain(m.roots[1]), 30001);
        cr_assert_eq(mu_gc_heap_stats(m.heap).live_bytes, 30001 * 32);
        finish_marking(&m);
    }
    fake_end(&m);
}
