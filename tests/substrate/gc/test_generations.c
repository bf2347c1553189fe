/* Young collections: what old objects refer to, the write barrier, cards, lines. */
#include "fake_mutator.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

static const mu_gc_config checked = {.quota_bytes = 8 * FAKE_MIB, .verify = true};

static uintptr_t numbered(fake_mutator *m, uintptr_t number)
{
    uintptr_t pair = fake_new(m, &fake_pair, 0);
    *fake_word(pair, 0) = number;
    return pair;
}

Test(mu_gc_young, survivor_moves_once_and_then_stays)
{
    fake_mutator m;
    fake_start(&m, &checked);
    uintptr_t before = m.roots[0] = numbered(&m, 1);
    fake_collect_young(&m);
    uintptr_t after = m.roots[0];
    cr_assert_neq(after, before);
    for (int i = 0; i < 5; i++) {
        numbered(&m, 2);
        fake_collect_young(&m);
        cr_assert_eq(m.roots[0], after);
    }
    cr_assert_eq(*fake_word(after, 0), 1);
    cr_assert_eq(mu_gc_heap_stats(m.heap).young_collections, 6);
    fake_end(&m);
}

Test(mu_gc_young, old_objects_keep_the_young_ones_stored_into_them)
{
    fake_mutator m;
    fake_start(&m, &checked);
    m.roots[0] = numbered(&m, 1);
    m.roots[1] = fake_new(&m, &fake_tagged, 0);
    m.roots[2] = fake_new(&m, &fake_refs, 100);
    fake_collect_young(&m);
    for (uintptr_t round = 2; round < 6; round++) {
        fake_store(&m, m.roots[0], 2, numbered(&m, round));
        fake_store(&m, m.roots[1], 0, mu_abi_tagref64_from_ref(numbered(&m, round * 10), 9));
        fake_store(&m, m.roots[2], 100, numbered(&m, round * 100));
        fake_store(&m, *fake_word(m.roots[2], 100), 1, numbered(&m, round * 1000));
        fake_collect_young(&m);
        fake_collect_young(&m);
        uintptr_t last = *fake_word(m.roots[2], 100);
        uintptr_t tagged = mu_abi_tagref64_to_address(*fake_word(m.roots[1], 0));
        cr_assert_eq(*fake_word(*fake_word(m.roots[0], 2), 0), round);
        cr_assert_eq(*fake_word(tagged, 0), round * 10);
        cr_assert_eq(*fake_word(last, 0), round * 100);
        cr_assert_eq(*fake_word(*fake_word(last, 1), 0), round * 1000);
    }
    fake_end(&m);
}

Test(mu_gc_young, store_without_the_barrier_aborts_under_verification, .signal = SIGABRT)
{
    fake_mutator m;
    fake_start(&m, &checked);
    m.roots[0] = numbered(&m, 1);
    fake_collect_young(&m);
    *fake_word(m.roots[0], 1) = numbered(&m, 2);
    fake_collect_young(&m);
}

Test(mu_gc_young, store_into_a_large_array_without_the_barrier_aborts, .signal = SIGABRT)
{
    fake_mutator m;
    fake_start(&m, &checked);
    m.roots[0] = fake_new(&m, &fake_refs, 5000);
    fake_collect_young(&m);
    fake_store(&m, m.roots[0], 1, numbered(&m, 1));
    *fake_word(m.roots[0], 4000) = numbered(&m, 2); /* another card */
    fake_collect_young(&m);
}

Test(mu_gc_young, object_is_logged_once_and_again_after_a_collection)
{
    fake_mutator m;
    fake_start(&m, &checked);
    m.roots[0] = numbered(&m, 1);
    cr_assert_not(*mu_abi_header((mu_ref){m.roots[0]}) & MU_ABI_HEADER_UNLOGGED, "young ones are "
                                                                                 "born without");
    for (int i = 0; i < 3; i++) {
        fake_collect_young(&m);
        cr_assert(*mu_abi_header((mu_ref){m.roots[0]}) & MU_ABI_HEADER_UNLOGGED);
        fake_store(&m, m.roots[0], 1, 0);
        cr_assert_not(*mu_abi_header((mu_ref){m.roots[0]}) & MU_ABI_HEADER_UNLOGGED);
    }
    fake_collect(&m);
    cr_assert(*mu_abi_header((mu_ref){m.roots[0]}) & MU_ABI_HEADER_UNLOGGED);
    cr_assert_eq(mu_gc_type_of((mu_ref){m.roots[0]}), &fake_pair);
    fake_end(&m);
}

Test(mu_gc_young, large_array_keeps_what_is_stored_anywhere_in_it)
{
    fake_mutator m;
    fake_start(&m, &checked);
    uintptr_t array = m.roots[0] = fake_new(&m, &fake_refs, 20000);
    fake_collect_young(&m);
    uint64_t at = 1;
    for (uintptr_t round = 0; round < 300; round++) {
        uint64_t index = 1 + at % 20000;
        fake_store(&m, array, index, numbered(&m, round));
        fake_collect_young(&m);
        cr_assert_eq(*fake_word(*fake_word(array, index), 0), round);
        at = at * 6364136223846793005u + 1442695040888963407u;
    }
    fake_store(&m, array, 20000, numbered(&m, 7));
    fake_store(&m, array, 1, numbered(&m, 8));
    fake_collect_young(&m);
    cr_assert_eq(*fake_word(*fake_word(array, 20000), 0), 7);
    cr_assert_eq(*fake_word(*fake_word(array, 1), 0), 8);
    fake_end(&m);
}

/* One store of many words marks every card that it touches. */
Test(mu_gc_young, wide_store_into_a_large_array_is_found_whole)
{
    fake_mutator m;
    fake_start(&m, &checked);
    uintptr_t array = m.roots[0] = fake_new(&m, &fake_refs, 5000);
    fake_collect_young(&m);
    mu_gc_log(m.heap, (mu_ref){array}, (uintptr_t)fake_word(array, 1000), 4096);
    for (uint64_t i = 0; i < 512; i++) {
        *fake_word(array, 1000 + i) = numbered(&m, i);
    }
    fake_collect_young(&m);
    for (uint64_t i = 0; i < 512; i++) {
        cr_assert_eq(*fake_word(*fake_word(array, 1000 + i), 0), i);
    }
    fake_end(&m);
}

Test(mu_gc_young, weak_references_across_generations)
{
    fake_mutator m;
    fake_start(&m, &checked);
    m.roots[0] = fake_new(&m, &fake_weak, 0);
    m.roots[1] = fake_new(&m, &fake_weak, 0);
    m.roots[2] = fake_new(&m, &fake_weak, 0);
    uintptr_t old = m.roots[3] = numbered(&m, 3);
    fake_collect_young(&m);
    old = m.roots[3];
    m.roots[4] = numbered(&m, 4);
    fake_store(&m, m.roots[0], 0, m.roots[4]);
    fake_store(&m, m.roots[1], 0, numbered(&m, 5));
    fake_store(&m, m.roots[2], 0, old);
    m.roots[3] = 0;
    fake_collect_young(&m);
    cr_assert_eq(*fake_word(m.roots[0], 0), m.roots[4], "a young object that lives");
    cr_assert_eq(*fake_word(m.roots[1], 0), 0, "a young object that died");
    cr_assert_eq(*fake_word(m.roots[2], 0), old, "nobody asked about old ones");
    fake_collect(&m);
    cr_assert_neq(*fake_word(m.roots[0], 0), 0);
    cr_assert_eq(*fake_word(m.roots[2], 0), 0);
    fake_end(&m);
}

Test(mu_gc_young, young_large_objects_die_young)
{
    fake_mutator m;
    fake_start(&m, &checked);
    m.roots[0] = fake_new(&m, &fake_refs, 2000);
    fake_store(&m, m.roots[0], 2000, numbered(&m, 5));
    fake_collect_young(&m);
    uint64_t before = fake_used_bytes(&m);
    for (int i = 0; i < 20; i++) {
        fake_new(&m, &fake_words, 3000);
    }
    fake_collect_young(&m);
    cr_assert_eq(fake_used_bytes(&m), before);
    cr_assert_eq(*fake_word(*fake_word(m.roots[0], 2000), 0), 5);
    fake_end(&m);
}

/* Everything lives and the quota is used up: nothing can be copied, so all stay where they are. */
Test(mu_gc_young, survivors_stay_in_place_when_there_is_no_room_for_copies)
{
    fake_mutator m;
    fake_start(&m, &(mu_gc_config){.quota_bytes = 2 * FAKE_MIB, .verify = true});
    mu_ref ref;
    uint64_t count = 0;
    while (mu_gc_allocate(m.heap, &m.buffer, &fake_pair, 0, &ref) == MU_OK) {
        *fake_word(ref.address, 0) = count++;
        *fake_word(ref.address, 1) = m.roots[0];
        m.roots[0] = ref.address;
    }
    cr_assert_eq(count, 2 * FAKE_MIB / 32);
    for (int round = 0; round < 3; round++) {
        uintptr_t first = m.roots[0];
        uint64_t left = count;
        fake_collect_young(&m);
        cr_assert_eq(m.roots[0], first);
        for (uintptr_t pair = first; pair; pair = *fake_word(pair, 1)) {
            cr_assert_eq(*fake_word(pair, 0), --left);
        }
        cr_assert_eq(left, 0);
        cr_assert_eq(fake_used_bytes(&m), 2 * FAKE_MIB);
        cr_assert_eq(mu_gc_allocate(m.heap, &m.buffer, &fake_pair, 0, &ref), MU_NO_MEMORY);
    }
    fake_end(&m);
}

/* A full heap in which most objects die is filled again, in the lines between what lives. */
Test(mu_gc_young, lines_of_the_dead_are_used_again)
{
    enum { LINKS = 2 * (1 << 20) / 512 };
    fake_mutator m;
    fake_start(&m, &(mu_gc_config){.quota_bytes = 2 * FAKE_MIB, .verify = true});
    uintptr_t *cells = calloc(LINKS + 1, sizeof *cells);
    m.areas[0] = (fake_area){cells, &fake_refs, LINKS};
    mu_ref ref;
    uint64_t count = 1;
    while (count <= LINKS && mu_gc_allocate(m.heap, &m.buffer, &fake_words, 62, &ref) == MU_OK) {
        *fake_word(ref.address, 61) = count;
        cells[count++] = ref.address;
    }
    cr_assert_gt(count, LINKS - 2);
    fake_collect_young(&m);
    for (uint64_t i = 1; i < count; i++) {
        cells[i] = i % 3 ? 0 : cells[i];
    }
    fake_collect(&m);
    uint64_t again = 0;
    uintptr_t dead = 0;
    while (mu_gc_allocate(m.heap, &m.buffer, &fake_words, 30, &ref) == MU_OK) {
        cr_assert_eq(*fake_word(ref.address, 29), 0);
        *fake_word(ref.address, 29) = again++;
        dead = ref.address;
    }
    cr_assert_neq(dead, 0);
    cr_assert_gt(again * 256, 2 * FAKE_MIB * 6 / 10, "%zu objects", (size_t)again);
    for (int round = 0; round < 2; round++) {
        fake_collect_young(&m);
        for (uint64_t i = 3; i < count; i += 3) {
            cr_assert_eq(*fake_word(cells[i], 61), i);
        }
    }
    fake_end(&m);
    free(cells);
}

Test(mu_gc_young, full_collection_empties_sparse_blocks)
{
    enum { KEPT = 64 };
    fake_mutator m;
    fake_start(&m, &checked);
    uintptr_t cells[KEPT * 64 + 1] = {0};
    m.areas[0] = (fake_area){cells, &fake_refs, KEPT * 64};
    for (uint64_t i = 1; i <= KEPT * 64; i++) {
        cells[i] = fake_new(&m, &fake_words, 60);
        *fake_word(cells[i], 0) = i;
    }
    fake_collect_young(&m);
    for (uint64_t i = 1; i <= KEPT * 64; i++) {
        cells[i] = i % 64 ? 0 : cells[i];
    }
    fake_collect(&m); /* finds out which blocks are sparse */
    fake_collect(&m);
    cr_assert_leq(fake_used_bytes(&m), 2 * MU_GC_BLOCK_BYTES);
    for (uint64_t i = 64; i <= KEPT * 64; i += 64) {
        cr_assert_eq(*fake_word(cells[i], 0), i);
    }
    fake_end(&m);
}

/* What became old and died takes room until a full collection; then it is free. */
Test(mu_gc_young, garbage_in_old_space_never_uses_up_the_quota)
{
    fake_mutator m;
    fake_start(&m, &(mu_gc_config){.quota_bytes = 4 * FAKE_MIB});
    m.is_generational = true;
    for (uintptr_t i = 0; i < 600000; i++) {
        uintptr_t link = numbered(&m, i);
        *fake_word(link, 1) = i % 20000 ? m.roots[0] : 0;
        m.roots[0] = link;
        fake_used_bytes(&m);
    }
    cr_assert_gt(mu_gc_heap_stats(m.heap).young_collections, 20);
    fake_end(&m);
}

Test(mu_gc_young, long_log_makes_a_collection_due)
{
    fake_mutator m;
    fake_start(&m, &(mu_gc_config){.quota_bytes = 16 * FAKE_MIB});
    for (uintptr_t i = 0; i < 20000; i++) {
        uintptr_t pair = numbered(&m, i);
        *fake_word(pair, 1) = m.roots[0];
        m.roots[0] = pair;
    }
    fake_collect(&m);
    cr_assert_not(mu_gc_is_due(m.heap));
    uintptr_t logged = 0;
    for (uintptr_t at = m.roots[0]; at && !mu_gc_is_due(m.heap); at = *fake_word(at, 1)) {
        fake_store(&m, at, 2, at);
        logged++;
    }
    cr_assert(logged > 1000 && logged < 15000, "%zu", (size_t)logged);
    fake_collect_young(&m);
    cr_assert_not(mu_gc_is_due(m.heap));
    m.roots[1] = fake_new(&m, &fake_refs, 2000000 / 2);
    fake_collect_young(&m);
    logged = 0;
    for (uint64_t i = 1; i < 1000000 && !mu_gc_is_due(m.heap); i += 64) {
        fake_store(&m, m.roots[1], i, m.roots[0]);
        logged++;
    }
    cr_assert(logged > 1000 && logged < 15000, "%zu", (size_t)logged);
    fake_end(&m);
}
