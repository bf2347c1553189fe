/* What a collection does to single objects: moving, zeroing, alignment, large ones. */
#include "fake_mutator.h"

#include <criterion/criterion.h>
#include <string.h>

static const mu_gc_config checked = {.quota_bytes = 4 * FAKE_MIB, .verify = true};
static const mu_gc_config stressed = {.quota_bytes = 4 * FAKE_MIB, .verify = true, .stress = true};

Test(mu_gc, survivor_moves_and_keeps_its_contents)
{
    fake_mutator m;
    fake_start(&m, &checked);
    uintptr_t first = fake_new(&m, &fake_pair, 0);
    uintptr_t second = fake_new(&m, &fake_pair, 0);
    *fake_word(first, 0) = 42;
    *fake_word(first, 1) = second;
    *fake_word(first, 2) = first;
    *fake_word(second, 0) = 43;
    *fake_word(second, 1) = first;
    m.roots[0] = first;
    m.roots[1] = second;
    fake_collect(&m);
    uintptr_t moved = m.roots[0];
    cr_assert_neq(moved, first);
    cr_assert_eq(*fake_word(moved, 0), 42);
    cr_assert_eq(*fake_word(moved, 1), m.roots[1]);
    cr_assert_eq(*fake_word(moved, 2), moved);
    cr_assert_eq(*fake_word(m.roots[1], 0), 43);
    cr_assert_eq(*fake_word(m.roots[1], 1), moved);
    fake_end(&m);
}

Test(mu_gc, chain_of_a_hundred_thousand_survives)
{
    fake_mutator m;
    fake_start(&m, &(mu_gc_config){.quota_bytes = 16 * FAKE_MIB, .verify = true});
    for (uint64_t i = 0; i < 100000; i++) {
        uintptr_t node = fake_bump(&m, &fake_pair);
        *fake_word(node, 0) = i;
        *fake_word(node, 1) = m.roots[0];
        m.roots[0] = node;
    }
    fake_collect(&m);
    fake_collect(&m);
    uint64_t expected = 100000;
    for (uintptr_t node = m.roots[0]; node; node = *fake_word(node, 1)) {
        cr_assert_eq(*fake_word(node, 0), --expected);
    }
    cr_assert_eq(expected, 0);
    cr_assert_eq(mu_gc_heap_stats(m.heap).live_bytes, 3200000);
    fake_end(&m);
}

Test(mu_gc, memory_is_zeroed_when_blocks_are_used_again)
{
    fake_mutator m;
    fake_start(&m, &checked);
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 3000; i++) {
            uintptr_t object = fake_new(&m, &fake_words, 50);
            for (uint64_t word = 0; word < 50; word++) {
                cr_assert_eq(*fake_word(object, word), 0);
            }
            memset((void *)object, 0xff, 400);
        }
    }
    cr_assert_geq(mu_gc_heap_stats(m.heap).collections, 1);
    fake_end(&m);
}

static void keep_alignment(const mu_gc_config *config)
{
    fake_mutator m;
    fake_start(&m, config);
    for (int round = 0; round < 4; round++) {
        for (uint64_t i = 0; i < FAKE_ROOTS; i++) {
            fake_new(&m, &fake_void, 0);
            m.roots[i] = fake_new(&m, i % 3 == 0 ? &fake_void : &fake_vector, 0);
            if (i % 3 != 0) {
                *fake_word(m.roots[i], 0) = i;
                *fake_word(m.roots[i], 1) = ~i;
            }
        }
        fake_collect(&m);
        fake_collect(&m);
        for (uint64_t i = 0; i < FAKE_ROOTS; i++) {
            if (i % 3 != 0) {
                cr_assert_eq(m.roots[i] % 16, 0);
                cr_assert_eq(*fake_word(m.roots[i], 0), i);
                cr_assert_eq(*fake_word(m.roots[i], 1), ~i);
            }
        }
    }
    fake_end(&m);
}

Test(mu_gc, alignment_of_16_holds_before_and_after_moving)
{
    keep_alignment(&checked);
}

Test(mu_gc, alignment_of_16_holds_under_stress)
{
    keep_alignment(&stressed);
}

Test(mu_gc, aligned_hybrid_keeps_its_length_beside_a_filler)
{
    const mu_abi_type rows = {
        .size_bytes = 16, .stride_bytes = 16, .align_bytes = 16, .is_hybrid = true, .name = "@r"};
    fake_mutator m;
    fake_start(&m, &checked);
    for (uint64_t i = 0; i < FAKE_ROOTS; i++) {
        fake_new(&m, &fake_void, 0);
        m.roots[i] = fake_new(&m, &rows, i);
        memset((void *)m.roots[i], (int)i, 16 + 16 * i);
    }
    fake_collect(&m);
    for (uint64_t i = 0; i < FAKE_ROOTS; i++) {
        cr_assert_eq(m.roots[i] % 16, 0);
        cr_assert_eq(*mu_abi_length((mu_ref){m.roots[i]}), i);
        const unsigned char *bytes = (const unsigned char *)m.roots[i];
        cr_assert_eq(bytes[0], i);
        cr_assert_eq(bytes[15 + 16 * i], i);
    }
    fake_end(&m);
}

Test(mu_gc, objects_without_size_are_distinct)
{
    fake_mutator m;
    fake_start(&m, &checked);
    /* So many that one has its header in the last word of a block and its payload behind it. */
    for (int i = 0; i < 10000; i++) {
        m.roots[i % FAKE_ROOTS] = fake_new(&m, i % 2 ? &fake_void : &fake_words, 0);
        cr_assert_neq(m.roots[i % FAKE_ROOTS], m.roots[(i + 1) % FAKE_ROOTS]);
        cr_assert(mu_gc_owns(m.heap, (mu_ref){m.roots[i % FAKE_ROOTS]}));
    }
    fake_collect(&m);
    for (int i = 0; i < FAKE_ROOTS; i++) {
        for (int j = 0; j < i; j++) {
            cr_assert_neq(m.roots[i], m.roots[j]);
        }
    }
    fake_end(&m);
}

Test(mu_gc, object_whose_payload_starts_at_the_end_of_its_block_moves)
{
    fake_mutator m;
    fake_start(&m, &checked);
    do {
        m.roots[0] = fake_bump(&m, &fake_void);
    } while (m.cursor != m.limit);
    cr_assert_eq(m.roots[0] % MU_GC_BLOCK_BYTES, 0);
    cr_assert(mu_gc_owns(m.heap, (mu_ref){m.roots[0]}));
    uintptr_t before = m.roots[0];
    fake_collect(&m);
    cr_assert_neq(m.roots[0], before);
    fake_end(&m);
}

Test(mu_gc, large_objects_stay_and_are_swept_when_dead)
{
    fake_mutator m;
    fake_start(&m, &checked);
    uintptr_t kept = fake_new(&m, &fake_refs, 5000);
    m.roots[0] = kept;
    for (uint64_t i = 1; i <= 5000; i += 100) {
        uintptr_t pair = fake_new(&m, &fake_pair, 0);
        *fake_word(pair, 0) = i;
        *fake_word(pair, 1) = kept;
        *fake_word(kept, i) = pair;
    }
    uint64_t before = fake_used_bytes(&m);
    for (int i = 0; i < 10; i++) {
        uintptr_t dead = fake_new(&m, &fake_words, 5000);
        cr_assert_eq(*fake_word(dead, 4999), 0);
        cr_assert_eq(dead % 16, 0);
    }
    cr_assert_geq(fake_used_bytes(&m), before + 400000);
    fake_collect(&m);
    cr_assert_leq(fake_used_bytes(&m), before);
    cr_assert_eq(m.roots[0], kept);
    cr_assert_eq(*mu_abi_length((mu_ref){kept}), 5000);
    for (uint64_t i = 1; i <= 5000; i += 100) {
        cr_assert_eq(*fake_word(*fake_word(kept, i), 0), i);
        cr_assert_eq(*fake_word(*fake_word(kept, i), 1), kept);
    }
    m.roots[0] = 0;
    fake_collect(&m);
    cr_assert_eq(fake_used_bytes(&m), 0);
    fake_end(&m);
}

Test(mu_gc, objects_around_the_limit_of_largeness_survive)
{
    fake_mutator m;
    fake_start(&m, &checked);
    for (uint64_t i = 0; i < FAKE_ROOTS; i++) {
        uint64_t length = (MU_GC_LARGE_BYTES - 16) / 8 - FAKE_ROOTS / 2 + i;
        m.roots[i] = fake_new(&m, &fake_words, length);
        for (uint64_t word = 0; word < length; word++) {
            *fake_word(m.roots[i], word) = i * word;
        }
    }
    fake_collect(&m);
    for (uint64_t i = 0; i < FAKE_ROOTS; i++) {
        uint64_t length = *mu_abi_length((mu_ref){m.roots[i]});
        cr_assert_eq(length, (MU_GC_LARGE_BYTES - 16) / 8 - FAKE_ROOTS / 2 + i);
        for (uint64_t word = 0; word < length; word++) {
            cr_assert_eq(*fake_word(m.roots[i], word), i * word);
        }
    }
    fake_end(&m);
}

Test(mu_gc, stress_leaves_the_buffer_empty)
{
    fake_mutator m;
    fake_start(&m, &stressed);
    for (int i = 0; i < 1000; i++) {
        uintptr_t pair = fake_bump(&m, &fake_pair);
        *fake_word(pair, 0) = (uintptr_t)i;
        *fake_word(pair, 1) = m.roots[0];
        m.roots[0] = pair;
        cr_assert_eq(m.cursor, m.limit);
        if (i % 10 == 0) {
            fake_collect(&m);
        }
    }
    int expected = 1000;
    for (uintptr_t node = m.roots[0]; node; node = *fake_word(node, 1)) {
        cr_assert_eq(*fake_word(node, 0), (uintptr_t)--expected);
    }
    cr_assert_eq(expected, 0);
    fake_end(&m);
}
