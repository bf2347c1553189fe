/* Every kind of slot, in objects and in roots. */
#include "fake_mutator.h"

#include <criterion/criterion.h>

static const mu_gc_config checked = {.quota_bytes = 4 * FAKE_MIB, .verify = true};

static uintptr_t numbered(fake_mutator *mutator, uintptr_t number)
{
    uintptr_t pair = fake_new(mutator, &fake_pair, 0);
    *fake_word(pair, 0) = number;
    return pair;
}

Test(mu_gc, weak_references_follow_the_living_and_forget_the_dead)
{
    fake_mutator m;
    fake_start(&m, &checked);
    m.roots[0] = numbered(&m, 1);
    m.roots[1] = fake_new(&m, &fake_weak, 0);
    m.roots[2] = fake_new(&m, &fake_weak, 0);
    m.roots[3] = fake_new(&m, &fake_weak, 0);
    m.roots[4] = fake_new(&m, &fake_weak, 0);
    m.roots[5] = fake_new(&m, &fake_words, 3000);
    uintptr_t large = m.roots[5];
    *fake_word(m.roots[1], 0) = m.roots[0];
    *fake_word(m.roots[2], 0) = numbered(&m, 2);
    *fake_word(m.roots[3], 0) = large;
    *fake_word(m.roots[4], 0) = fake_new(&m, &fake_words, 3000);
    fake_collect(&m);
    cr_assert_eq(*fake_word(m.roots[1], 0), m.roots[0]);
    cr_assert_eq(*fake_word(m.roots[2], 0), 0);
    cr_assert_eq(*fake_word(m.roots[3], 0), large);
    cr_assert_eq(*fake_word(m.roots[4], 0), 0);
    m.roots[0] = m.roots[5] = 0;
    fake_collect(&m);
    cr_assert_eq(*fake_word(m.roots[1], 0), 0);
    cr_assert_eq(*fake_word(m.roots[3], 0), 0);
    fake_end(&m);
}

Test(mu_gc, weak_root_is_no_root)
{
    fake_mutator m;
    fake_start(&m, &checked);
    m.roots[0] = numbered(&m, 1);
    m.weak_root = m.roots[0];
    fake_collect(&m);
    cr_assert_neq(m.weak_root, 0);
    cr_assert_eq(m.weak_root, m.roots[0]);
    m.roots[0] = 0;
    fake_collect(&m);
    cr_assert_eq(m.weak_root, 0);
    fake_end(&m);
}

Test(mu_gc, weak_slot_in_a_large_object_is_cleared)
{
    const mu_abi_slot weak = {.kind = MU_ABI_SLOT_WEAK};
    const mu_abi_type weaks = {.stride_bytes = 8,
                               .align_bytes = 8,
                               .is_hybrid = true,
                               .element_slots = &weak,
                               .element_slot_count = 1,
                               .name = "@weaks"};
    fake_mutator m;
    fake_start(&m, &checked);
    m.roots[0] = fake_new(&m, &weaks, 2000);
    m.roots[1] = numbered(&m, 1);
    for (uint64_t i = 0; i < 2000; i++) {
        *fake_word(m.roots[0], i) = i % 2 ? m.roots[1] : numbered(&m, 2);
    }
    fake_collect(&m);
    for (uint64_t i = 0; i < 2000; i++) {
        cr_assert_eq(*fake_word(m.roots[0], i), i % 2 ? m.roots[1] : 0);
    }
    fake_end(&m);
}

/* A tagref64 alone keeps its object, wherever that is moved, and a large one where it is. */
Test(mu_gc, tagref64_keeps_small_and_large_objects_with_any_tag)
{
    fake_mutator m;
    fake_start(&m, &checked);
    for (uint64_t tag = 0; tag < 64; tag++) {
        m.roots[tag] = fake_new(&m, &fake_tagged, 0);
        uintptr_t referee = tag % 8 ? numbered(&m, tag) : fake_new(&m, &fake_words, 2000);
        *fake_word(referee, 0) = tag;
        *fake_word(m.roots[tag], 0) = mu_abi_tagref64_from_ref(referee, tag);
    }
    for (uint32_t round = 0; round < 3; round++) {
        fake_collect(&m);
        for (uint64_t tag = 0; tag < 64; tag++) {
            uint64_t word = *fake_word(m.roots[tag], 0);
            mu_ref referee = {mu_abi_tagref64_to_address(word)};
            cr_assert_eq(mu_abi_tagref64_to_tag(word), tag);
            cr_assert(mu_gc_owns(m.heap, referee));
            cr_assert_eq(*fake_word(referee.address, 0), tag);
        }
    }
    for (uint64_t tag = 0; tag < 64; tag++) {
        *fake_word(m.roots[tag], 0) = mu_abi_tagref64_from_int(tag);
    }
    uint64_t before = mu_gc_heap_stats(m.heap).live_bytes;
    fake_collect(&m);
    cr_assert_lt(mu_gc_heap_stats(m.heap).live_bytes, before - 8 * 16000);
    fake_end(&m);
}

Test(mu_gc, tagref64_words_survive_as_what_they_were)
{
    fake_mutator m;
    fake_start(&m, &checked);
    const double numbers[] = {0.0, -0.0, 1.5, __builtin_inf(), -__builtin_inf(), __builtin_nan("")};
    for (uint32_t i = 0; i < 6; i++) {
        uint64_t bits;
        __builtin_memcpy(&bits, &numbers[i], 8);
        m.roots[i] = fake_new(&m, &fake_tagged, 0);
        *fake_word(m.roots[i], 0) = mu_abi_tagref64_from_double(bits);
    }
    const uint64_t integers[] = {0, 1, 0xfffffffffffff, 0x8000000000000, 0x7ffffffffffff};
    for (uint32_t i = 0; i < 5; i++) {
        m.roots[8 + i] = fake_new(&m, &fake_tagged, 0);
        *fake_word(m.roots[8 + i], 0) = mu_abi_tagref64_from_int(integers[i]);
    }
    for (uint64_t tag = 0; tag < 32; tag++) {
        m.roots[16 + tag] = fake_new(&m, &fake_tagged, 0);
        uintptr_t referee = tag == 5 ? 0 : numbered(&m, tag);
        *fake_word(m.roots[16 + tag], 0) = mu_abi_tagref64_from_ref(referee, tag * 2 + tag % 2);
    }
    m.tagged_root = mu_abi_tagref64_from_ref(numbered(&m, 99), 63);
    fake_collect(&m);
    for (uint32_t i = 0; i < 6; i++) {
        uint64_t bits;
        __builtin_memcpy(&bits, &numbers[i], 8);
        cr_assert(mu_abi_tagref64_is_double(*fake_word(m.roots[i], 0)));
        cr_assert_eq(*fake_word(m.roots[i], 0), bits);
    }
    for (uint32_t i = 0; i < 5; i++) {
        uint64_t word = *fake_word(m.roots[8 + i], 0);
        cr_assert(mu_abi_tagref64_is_int(word) && !mu_abi_tagref64_is_ref(word));
        cr_assert_eq(mu_abi_tagref64_to_int(word), integers[i]);
    }
    for (uint64_t tag = 0; tag < 32; tag++) {
        uint64_t word = *fake_word(m.roots[16 + tag], 0);
        cr_assert(mu_abi_tagref64_is_ref(word) && !mu_abi_tagref64_is_int(word));
        cr_assert_eq(mu_abi_tagref64_to_tag(word), tag * 2 + tag % 2);
        uintptr_t referee = mu_abi_tagref64_to_address(word);
        cr_assert(tag == 5 ? referee == 0 : *fake_word(referee, 0) == tag);
    }
    cr_assert_eq(mu_abi_tagref64_to_tag(m.tagged_root), 63);
    cr_assert_eq(*fake_word(mu_abi_tagref64_to_address(m.tagged_root), 0), 99);
    fake_end(&m);
}

Test(mu_gc, iref_keeps_its_offset_and_its_base_moves)
{
    /* [base][offset]: an iref in memory is a reference and a number. */
    const mu_abi_slot base = {.kind = MU_ABI_SLOT_REF};
    const mu_abi_type iref = {
        .size_bytes = 16, .align_bytes = 8, .slots = &base, .slot_count = 1, .name = "@iref"};
    fake_mutator m;
    fake_start(&m, &checked);
    m.roots[0] = fake_new(&m, &iref, 0);
    uintptr_t words = fake_new(&m, &fake_words, 10);
    *fake_word(words, 7) = 77;
    *fake_word(m.roots[0], 0) = words;
    *fake_word(m.roots[0], 1) = 56;
    m.roots[1] = fake_new(&m, &iref, 0);
    uintptr_t outside = 5;
    *fake_word(m.roots[1], 1) = (uintptr_t)&outside;
    fake_collect(&m);
    cr_assert_neq(*fake_word(m.roots[0], 0), words);
    uintptr_t address = *fake_word(m.roots[0], 0) + *fake_word(m.roots[0], 1);
    cr_assert_eq(*(uintptr_t *)address, 77);
    cr_assert_eq(*fake_word(m.roots[1], 0) + *fake_word(m.roots[1], 1), (uintptr_t)&outside);
    fake_end(&m);
}

/* A struct of { number, 3 × { ref, 2 × { ref, number } } }. */
static const mu_abi_slot inner_slots[] = {{.kind = MU_ABI_SLOT_REF}};
static const mu_abi_type inner = {
    .size_bytes = 16, .align_bytes = 8, .slots = inner_slots, .slot_count = 1, .name = "@inner"};
static const mu_abi_slot middle_slots[] = {{.kind = MU_ABI_SLOT_REF},
                                           {.offset_bytes = 8,
                                            .kind = MU_ABI_SLOT_NESTED,
                                            .count = 2,
                                            .stride_bytes = 16,
                                            .nested = &inner}};
static const mu_abi_type middle = {
    .size_bytes = 40, .align_bytes = 8, .slots = middle_slots, .slot_count = 2, .name = "@middle"};
static const mu_abi_slot outer_slots[] = {{.offset_bytes = 8,
                                           .kind = MU_ABI_SLOT_NESTED,
                                           .count = 3,
                                           .stride_bytes = 40,
                                           .nested = &middle}};
static const mu_abi_type outer = {
    .size_bytes = 128, .align_bytes = 8, .slots = outer_slots, .slot_count = 1, .name = "@outer"};

/* Word i of the 3 × 5 nested words: is it a reference? */
static bool nested_ref(uint64_t i)
{
    return i % 5 == 0 || i % 5 == 1 || i % 5 == 3;
}

static void fill_nested(fake_mutator *m, uintptr_t *words)
{
    for (uint64_t i = 0; i < 15; i++) {
        words[i] = nested_ref(i) ? numbered(m, i) : i;
    }
}

static void assert_nested(const uintptr_t *words)
{
    for (uint64_t i = 0; i < 15; i++) {
        cr_assert_eq(nested_ref(i) ? *fake_word(words[i], 0) : words[i], i);
    }
}

Test(mu_gc, arrays_of_structs_are_traced_through)
{
    fake_mutator m;
    fake_start(&m, &checked);
    m.roots[0] = fake_new(&m, &outer, 0);
    fill_nested(&m, fake_word(m.roots[0], 1));
    fake_collect(&m);
    fake_collect(&m);
    assert_nested(fake_word(m.roots[0], 1));
    fake_end(&m);
}

Test(mu_gc, areas_and_hybrids_outside_of_the_heap_are_roots)
{
    fake_mutator m;
    fake_start(&m, &checked);
    uintptr_t cells[2][16] = {{0}};
    uintptr_t hybrid[1 + 20] = {0};
    m.areas[0] = (fake_area){cells, &outer, 2};
    m.areas[1] = (fake_area){hybrid, &fake_refs, 20};
    fill_nested(&m, &cells[0][1]);
    fill_nested(&m, &cells[1][1]);
    for (uint64_t i = 1; i <= 20; i++) {
        hybrid[i] = numbered(&m, i);
    }
    uintptr_t before = hybrid[1];
    fake_collect(&m);
    cr_assert_neq(hybrid[1], before);
    assert_nested(&cells[0][1]);
    assert_nested(&cells[1][1]);
    for (uint64_t i = 1; i <= 20; i++) {
        cr_assert_eq(*fake_word(hybrid[i], 0), i);
    }
    fake_end(&m);
}

Test(mu_gc, root_that_is_shown_twice_moves_once)
{
    fake_mutator m;
    fake_start(&m, &checked);
    uintptr_t cell[1] = {numbered(&m, 8)};
    m.areas[0] = (fake_area){cell, &inner, 1};
    m.areas[1] = m.areas[0];
    m.roots[0] = cell[0];
    fake_collect(&m);
    cr_assert_eq(cell[0], m.roots[0]);
    cr_assert_eq(*fake_word(cell[0], 0), 8);
    cr_assert_eq(mu_gc_heap_stats(m.heap).live_bytes, 32);
    fake_end(&m);
}

Test(mu_gc, endless_arrays_of_nothing_take_no_time)
{
    const mu_abi_slot slots[] = {
        {.kind = MU_ABI_SLOT_NESTED, .count = UINT64_MAX, .nested = &fake_void}};
    const mu_abi_type nothing = {
        .size_bytes = 8, .align_bytes = 8, .slots = slots, .slot_count = 1, .name = "@nothing"};
    const mu_abi_type row = {.align_bytes = 8, .is_hybrid = true, .name = "@row"};
    fake_mutator m;
    fake_start(&m, &checked);
    m.roots[0] = fake_new(&m, &nothing, 0);
    m.roots[1] = fake_new(&m, &row, UINT64_MAX);
    fake_collect(&m);
    cr_assert_eq(*mu_abi_length((mu_ref){m.roots[1]}), UINT64_MAX);
    fake_end(&m);
}
