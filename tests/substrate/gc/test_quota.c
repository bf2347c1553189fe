/* The quota is hard, and memory goes back. */
#include "fake_mutator.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Allocates until there is no room; everything hangs from a chain of @refs, so all of it lives. */
static uint64_t fill(fake_mutator *m, uint32_t seed)
{
    uint64_t bytes = 0;
    for (;;) {
        uint64_t length = 0;
        switch (rand_r(&seed) % 8) {
        case 0: length = 450 + (uint64_t)rand_r(&seed) % 570; break;
        case 1: length = (uint64_t)rand_r(&seed) % 4000; break;
        default: length = (uint64_t)rand_r(&seed) % 10; break;
        }
        bool aligned = rand_r(&seed) % 4 == 0;
        mu_ref ref;
        mu_ref link;
        if (mu_gc_allocate(m->heap, &m->buffer, &fake_refs, 2 + length, &link) != MU_OK) {
            return bytes;
        }
        *fake_word(link.address, 1) = m->roots[0];
        m->roots[0] = link.address;
        if (mu_gc_allocate(m->heap, &m->buffer, aligned ? &fake_vector : &fake_void, 0, &ref) !=
            MU_OK) {
            return bytes;
        }
        *fake_word(link.address, 2) = ref.address;
        bytes += 16 + 8 + 16 + length * 8;
        fake_used_bytes(m);
    }
}

static uint64_t chain_length(const fake_mutator *m)
{
    uint64_t count = 0;
    for (uintptr_t link = m->roots[0]; link; link = *fake_word(link, 1)) {
        count++;
    }
    return count;
}

Test(mu_gc, full_heap_survives_collections_within_its_quota)
{
    for (uint32_t seed = 1; seed <= 60; seed++) {
        fake_mutator m;
        uint64_t quota = (8 + seed % 7 * 20) * (uint64_t)MU_GC_BLOCK_BYTES + seed % 5;
        fake_start(&m,
                   &(mu_gc_config){.quota_bytes = quota, .verify = true, .stress = seed % 3 == 0});
        for (uint32_t round = 0; round < 4; round++) {
            fill(&m, seed + round * 1000);
            uint64_t count = chain_length(&m);
            fake_collect(&m);
            fake_collect(&m);
            cr_assert_eq(chain_length(&m), count);
        }
        m.roots[0] = 0;
        fake_collect(&m);
        cr_assert_eq(fake_used_bytes(&m), 0);
        fill(&m, seed);
        fake_end(&m);
    }
}

enum { PACKED_CELLS = 1200000 };

/* Allocates into `cells` from `count` on; returns the new count, or 0 when the heap is full. */
static uint64_t pack(fake_mutator *m, const mu_abi_type *type, uint64_t length, uintptr_t *cells,
                     uint64_t count, uint64_t more)
{
    mu_ref ref;
    cr_assert_lt(count + more, PACKED_CELLS, "the heap was to be filled");
    for (uint64_t end = count + more; count < end; count++) {
        if (mu_gc_allocate(m->heap, &m->buffer, type, length, &ref) != MU_OK) {
            return 0;
        }
        cells[count] = ref.address;
    }
    return count;
}

/* Fills the heap with runs of objects and of gaps that fill what is left of a block or of an
 * alignment. The roots show all objects first and all gaps after, so that the copies are packed as
 * badly as can be. Verification watches the quota meanwhile. */
static void pack_badly(const mu_abi_type *type, uint64_t length, uint64_t objects_per_run,
                       uint64_t gaps_per_run)
{
    fake_mutator m;
    fake_start(&m, &(mu_gc_config){.quota_bytes = 16 * FAKE_MIB, .verify = true});
    uintptr_t *objects = calloc(PACKED_CELLS, sizeof(uintptr_t));
    uintptr_t *gaps = calloc(PACKED_CELLS, sizeof(uintptr_t));
    m.areas[0] = (fake_area){objects, &fake_refs, PACKED_CELLS - 1};
    m.areas[1] = (fake_area){gaps, &fake_refs, PACKED_CELLS - 1};
    uint64_t object_count = 1;
    uint64_t gap_count = 1;
    for (uint64_t run = 1; object_count && gap_count; run++) {
        object_count = pack(&m, type, length, objects, object_count, objects_per_run);
        gap_count = pack(&m, &fake_void, 0, gaps, gap_count, gaps_per_run);
        if (run >= 64 && (run & (run - 1)) == 0) {
            fake_collect(&m);
        }
    }
    for (int i = 0; i < 3; i++) {
        fake_collect(&m);
    }
    fake_end(&m);
    free(objects);
    free(gaps);
}

Test(mu_gc, copies_of_small_objects_that_pack_badly_keep_the_quota)
{
    /* 976 bytes: 32 to a block, and almost room for the 33rd. */
    pack_badly(&fake_words, 120, 32, 120);
}

Test(mu_gc, copies_of_medium_objects_that_pack_badly_keep_the_quota)
{
    /* 8,096 bytes: three to a block, and almost room for the fourth. */
    pack_badly(&fake_words, 1010, 3, 980);
}

Test(mu_gc, copies_that_need_fillers_keep_the_quota)
{
    /* A header and 16 bytes, then a header: no filler here, one each when they are apart. */
    pack_badly(&fake_vector, 0, 1, 1);
}

Test(mu_gc, small_objects_fill_nearly_all_of_the_quota)
{
    fake_mutator m;
    uint64_t quota = 8 * FAKE_MIB;
    fake_start(&m, &(mu_gc_config){.quota_bytes = quota});
    uint64_t bytes = 0;
    mu_ref ref;
    while (mu_gc_allocate(m.heap, &m.buffer, &fake_pair, 0, &ref) == MU_OK) {
        *fake_word(ref.address, 1) = m.roots[0];
        m.roots[0] = ref.address;
        bytes += 32;
    }
    cr_assert_geq(bytes, quota * 99 / 100);
    fake_collect(&m);
    cr_assert_eq(mu_gc_heap_stats(m.heap).live_bytes, bytes);
    fake_end(&m);
}

Test(mu_gc, one_large_object_may_take_most_of_the_quota)
{
    fake_mutator m;
    fake_start(&m, &(mu_gc_config){.quota_bytes = 8 * FAKE_MIB, .verify = true});
    mu_ref ref;
    m.roots[0] = fake_new(&m, &fake_words, 7 * FAKE_MIB / 8);
    cr_assert_eq(mu_gc_allocate(m.heap, &m.buffer, &fake_words, 7 * FAKE_MIB / 8, &ref),
                 MU_NO_MEMORY);
    m.roots[0] = 0;
    fake_new(&m, &fake_words, 7 * FAKE_MIB / 8);
    cr_assert_eq(mu_gc_heap_stats(m.heap).collections, 1);
    fake_end(&m);
}

Test(mu_gc, sizes_that_overflow_are_refused)
{
    const mu_abi_type wide = {
        .size_bytes = 64, .stride_bytes = 24, .align_bytes = 8, .is_hybrid = true, .name = "@wide"};
    const mu_abi_type huge = {.size_bytes = UINT64_MAX - 3, .align_bytes = 8, .name = "@huge"};
    const mu_abi_type vast = {.size_bytes = UINT64_MAX - 31, .align_bytes = 16, .name = "@vast"};
    fake_mutator m;
    fake_start(&m, &(mu_gc_config){.quota_bytes = UINT64_MAX});
    const uint64_t lengths[] = {UINT64_MAX,          UINT64_MAX / 24,     UINT64_MAX / 24 - 1,
                                UINT64_MAX / 24 - 2, UINT64_MAX / 24 - 3, (uint64_t)1 << 63,
                                (uint64_t)1 << 60};
    for (uint32_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        mu_ref ref = {7};
        cr_assert_eq(mu_gc_allocate(m.heap, &m.buffer, &wide, lengths[i], &ref), MU_NO_MEMORY);
        cr_assert_eq(ref.address, 7);
    }
    mu_ref ref;
    cr_assert_eq(mu_gc_allocate(m.heap, &m.buffer, &huge, 0, &ref), MU_NO_MEMORY);
    cr_assert_eq(mu_gc_allocate(m.heap, &m.buffer, &vast, 0, &ref), MU_NO_MEMORY);
    cr_assert_eq(fake_used_bytes(&m), 0);
    fake_end(&m);
}

Test(mu_gc, heap_with_one_object_holds_one_block_and_a_young_one)
{
    fake_mutator m;
    fake_start(&m, &(mu_gc_config){.quota_bytes = 64 * FAKE_MIB});
    cr_assert_eq(mu_gc_pool_held_bytes(m.pool), 0);
    for (int i = 0; i < 20; i++) {
        m.roots[0] = fake_bump(&m, &fake_pair);
        cr_assert_leq(fake_used_bytes(&m), 2 * MU_GC_BLOCK_BYTES);
        fake_collect(&m);
        cr_assert_eq(fake_used_bytes(&m), MU_GC_BLOCK_BYTES);
    }
    fake_end(&m);
}

Test(mu_gc, retired_buffers_are_used_again)
{
    fake_mutator m;
    fake_start(&m, &(mu_gc_config){.quota_bytes = 8 * (uint64_t)MU_GC_BLOCK_BYTES});
    for (int i = 0; i < 500; i++) {
        m.roots[i % FAKE_ROOTS] = fake_bump(&m, &fake_pair);
        mu_gc_buffer_retire(m.heap, &m.buffer);
        cr_assert_eq(m.limit, 0);
    }
    cr_assert_eq(fake_used_bytes(&m), MU_GC_BLOCK_BYTES);
    cr_assert_eq(mu_gc_heap_stats(m.heap).collections, 0);
    fake_end(&m);
}

Test(mu_gc, ended_heap_gives_its_chunks_back)
{
    mu_gc_pool *pool = mu_gc_pool_new();
    uintptr_t cursor = 0;
    uintptr_t limit = 0;
    mu_gc_buffer buffer = {&cursor, &limit};
    mu_gc_heap *heap = mu_gc_heap_new(pool, &(mu_gc_config){.quota_bytes = 256 * FAKE_MIB});
    mu_ref ref;
    while (mu_gc_allocate(heap, &buffer, &fake_words, 20, &ref) == MU_OK) {
    }
    cr_assert_eq(mu_gc_allocate(heap, &buffer, &fake_words, FAKE_MIB / 8, &ref), MU_NO_MEMORY);
    cr_assert_geq(mu_gc_pool_held_bytes(pool), 100 * FAKE_MIB);
    cr_assert_geq(mu_gc_pool_held_bytes(pool), mu_gc_pool_used_bytes(pool));
    mu_gc_heap_free(heap);
    cr_assert_eq(mu_gc_pool_used_bytes(pool), 0);
    cr_assert_leq(mu_gc_pool_held_bytes(pool), 8 * FAKE_MIB);
    mu_gc_pool_free(pool);
}

Test(mu_gc, chunks_in_use_stay_when_others_go)
{
    fake_mutator m;
    fake_start(&m, &(mu_gc_config){.quota_bytes = 64 * FAKE_MIB, .verify = true});
    for (int round = 0; round < 3; round++) {
        fake_mutator other = {.pool = m.pool};
        other.heap = mu_gc_heap_new(m.pool, &(mu_gc_config){.quota_bytes = 64 * FAKE_MIB});
        other.buffer = (mu_gc_buffer){&other.cursor, &other.limit};
        for (int i = 0; i < 600000; i++) {
            fake_bump(&other, &fake_pair);
            if (i % 200000 == 199999) {
                uintptr_t pair = fake_new(&m, &fake_pair, 0);
                *fake_word(pair, 1) = m.roots[0];
                m.roots[0] = pair;
                *fake_word(fake_new(&m, &fake_words, 1000), 999) = 1;
                *fake_word(pair, 2) = fake_new(&m, &fake_words, 1000);
            }
        }
        mu_gc_heap_free(other.heap);
        fake_collect(&m);
        cr_assert_leq(mu_gc_pool_held_bytes(m.pool), 24 * FAKE_MIB);
    }
    int count = 0;
    for (uintptr_t pair = m.roots[0]; pair; pair = *fake_word(pair, 1)) {
        cr_assert_eq(*fake_word(*fake_word(pair, 2), 999), 0);
        count++;
    }
    cr_assert_eq(count, 9);
    fake_end(&m);
}

Test(mu_gc, pool_gives_back_what_a_heap_no_longer_needs)
{
    fake_mutator m;
    fake_start(&m, &(mu_gc_config){.quota_bytes = 128 * FAKE_MIB});
    for (int i = 0; i < 500000; i++) {
        m.roots[0] = fake_bump(&m, &fake_pair);
    }
    uint64_t before = mu_gc_pool_held_bytes(m.pool);
    cr_assert_geq(before, 12 * FAKE_MIB);
    for (int i = 0; i < 40; i++) {
        fake_collect(&m);
    }
    cr_assert_leq(mu_gc_pool_held_bytes(m.pool), 12 * FAKE_MIB);
    cr_assert_lt(mu_gc_pool_held_bytes(m.pool), before);
    fake_end(&m);
}

Test(mu_gc, heaps_of_one_pool_do_not_touch_each_other)
{
    const mu_gc_config config = {.quota_bytes = 2 * FAKE_MIB, .verify = true};
    fake_mutator m;
    fake_start(&m, &config);
    mu_gc_heap *other = mu_gc_heap_new(m.pool, &config);
    uintptr_t cursor = 0;
    uintptr_t limit = 0;
    const mu_gc_buffer buffer = {&cursor, &limit};
    mu_ref ref;
    cr_assert_eq(mu_gc_allocate(other, &buffer, &fake_pair, 0, &ref), MU_OK);
    *fake_word(ref.address, 0) = 5;
    m.roots[0] = fake_new(&m, &fake_pair, 0);
    for (int i = 0; i < 10; i++) {
        mu_gc_buffer_retire(m.heap, &m.buffer);
        cr_assert_eq(mu_gc_pool_used_bytes(m.pool), (uint64_t)2 * MU_GC_BLOCK_BYTES);
        cr_assert(mu_gc_owns(other, ref) && !mu_gc_owns(m.heap, ref));
        cr_assert(!mu_gc_owns(other, (mu_ref){m.roots[0]}));
        mu_ref more;
        cr_assert_eq(mu_gc_allocate(m.heap, &m.buffer, &fake_pair, 0, &more), MU_OK);
    }
    cr_assert_eq(*fake_word(ref.address, 0), 5);
    mu_gc_heap_free(other);
    cr_assert_eq(fake_used_bytes(&m), MU_GC_BLOCK_BYTES);
    fake_collect(&m);
    fake_end(&m);
}

Test(mu_gc, statistics_count_collections_and_their_time)
{
    fake_mutator m;
    fake_start(&m, &(mu_gc_config){.quota_bytes = 2 * FAKE_MIB});
    m.roots[0] = fake_new(&m, &fake_words, 1000);
    fake_collect(&m);
    m.roots[1] = fake_new(&m, &fake_words, 10000);
    fake_collect(&m);
    mu_gc_stats stats = mu_gc_heap_stats(m.heap);
    cr_assert_eq(stats.collections, 2);
    cr_assert_gt(stats.collected_ns, 0);
    cr_assert_leq(stats.longest_ns, stats.collected_ns);
    cr_assert_eq(stats.quota_bytes, 2 * FAKE_MIB);
    cr_assert_geq(stats.live_bytes, 88000);
    cr_assert_leq(stats.live_bytes, 88200);
    fake_end(&m);
}

/* The pool counts quotas, since no chunk is of use ahead of them. */
Test(mu_gc, chunks_are_added_ahead_after_another_heap_had_its_quota_changed)
{
    fake_mutator m;
    fake_start_marking(&m, &(mu_gc_config){.quota_bytes = 64 * FAKE_MIB});
    mu_gc_heap *other = mu_gc_heap_new(m.pool, &(mu_gc_config){.quota_bytes = 8 * FAKE_MIB});
    mu_gc_heap_set_quota(other, 72 * FAKE_MIB);
    mu_gc_heap_free(other);
    for (int i = 0; i < 10000; i++) {
        m.roots[0] = fake_bump(&m, &fake_pair);
    }
    fake_collect_young(&m);
    uint64_t before = mu_gc_pool_held_bytes(m.pool);
    cr_assert(fake_run_job(&m), "the job has chunks to add");
    cr_assert_gt(mu_gc_pool_held_bytes(m.pool), before);
    fake_end(&m);
}
