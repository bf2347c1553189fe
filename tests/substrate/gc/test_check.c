/* What verification catches, and what mu_gc_owns says. */
#include "fake_mutator.h"

#include <criterion/criterion.h>
#include <signal.h>

static const mu_gc_config checked = {.quota_bytes = 4 * FAKE_MIB, .verify = true};

static void collect_with_slot(uintptr_t (*corrupt)(fake_mutator *mutator))
{
    fake_mutator m;
    fake_start(&m, &checked);
    m.roots[0] = fake_new(&m, &fake_pair, 0);
    *fake_word(m.roots[0], 1) = fake_new(&m, &fake_words, 4);
    uintptr_t value = corrupt(&m);
    *fake_word(m.roots[0], 2) = value;
    fake_collect(&m);
    fake_collect(&m);
}

static uintptr_t inside_of_object(fake_mutator *m)
{
    return *fake_word(m->roots[0], 1) + 16;
}
Test(mu_gc_check, interior_reference_aborts, .signal = SIGABRT)
{
    collect_with_slot(inside_of_object);
}

static uintptr_t outside_of_heap(fake_mutator *m)
{
    return (uintptr_t)&m->roots[1];
}
Test(mu_gc_check, reference_to_other_memory_aborts, .signal = SIGABRT)
{
    collect_with_slot(outside_of_heap);
}

static uintptr_t odd_address(fake_mutator *m)
{
    return m->roots[0] + 4;
}
Test(mu_gc_check, reference_to_half_a_word_aborts, .signal = SIGABRT)
{
    collect_with_slot(odd_address);
}

static uintptr_t stale_reference(fake_mutator *m)
{
    uintptr_t stale = fake_new(m, &fake_pair, 0);
    fake_collect(m);
    return stale;
}
Test(mu_gc_check, reference_from_before_a_collection_aborts, .signal = SIGABRT)
{
    collect_with_slot(stale_reference);
}

static uintptr_t swept_object(fake_mutator *m)
{
    uintptr_t large = fake_new(m, &fake_words, 4000);
    fake_collect(m);
    return large;
}
Test(mu_gc_check, reference_to_a_swept_large_object_aborts, .signal = SIGABRT)
{
    collect_with_slot(swept_object);
}

static uintptr_t object_of_other_heap(fake_mutator *m)
{
    static const mu_gc_config config = {.quota_bytes = FAKE_MIB};
    mu_gc_heap *other = mu_gc_heap_new(m->pool, &config);
    uintptr_t cursor = 0;
    uintptr_t limit = 0;
    mu_ref ref;
    cr_assert_eq(mu_gc_allocate(other, &(mu_gc_buffer){&cursor, &limit}, &fake_pair, 0, &ref),
                 MU_OK);
    return ref.address;
}
Test(mu_gc_check, reference_to_another_heap_aborts, .signal = SIGABRT)
{
    collect_with_slot(object_of_other_heap);
}

static void collect_with_tagged(uint64_t word)
{
    fake_mutator m;
    fake_start(&m, &checked);
    m.roots[0] = fake_new(&m, &fake_tagged, 0);
    *fake_word(m.roots[0], 0) = word;
    fake_collect(&m);
}

/* Negative, so no reference; no double is stored with these bits. */
Test(mu_gc_check, word_that_is_no_tagref64_aborts, .signal = SIGABRT)
{
    collect_with_tagged(0xfff0000000000002);
}

Test(mu_gc_check, nan_that_is_not_the_stored_one_aborts, .signal = SIGABRT)
{
    collect_with_tagged(0x7ff8000000000004);
}

Test(mu_gc_check, tagged_reference_to_no_object_aborts, .signal = SIGABRT)
{
    fake_mutator m;
    fake_start(&m, &checked);
    m.tagged_root = mu_abi_tagref64_from_ref(fake_new(&m, &fake_words, 4) + 16, 21);
    fake_collect(&m);
}

/* A root that turns up only after the collection, as if it had been forgotten: what it refers to
 * has moved without it. */
typedef struct forgetful {
    uintptr_t shown;
    uintptr_t forgotten;
    int calls;
} forgetful;

static void show_forgetfully(mu_gc_tracer *tracer, void *context)
{
    forgetful *roots = context;
    mu_gc_trace_slot(tracer, &roots->shown, MU_ABI_SLOT_REF);
    if (roots->calls++ > 0) {
        mu_gc_trace_slot(tracer, &roots->forgotten, MU_ABI_SLOT_REF);
    }
}

static void collect_all(mu_gc_heap *heap, mu_gc_roots_fn *show, void *roots)
{
    mu_gc_collection collection = mu_gc_plan(heap, true);
    mu_gc_collect(heap, &collection, show, roots);
}

Test(mu_gc_check, root_that_was_forgotten_aborts, .signal = SIGABRT)
{
    fake_mutator m;
    fake_start(&m, &checked);
    forgetful roots = {.shown = fake_new(&m, &fake_pair, 0)};
    roots.forgotten = roots.shown;
    mu_gc_buffer_retire(m.heap, &m.buffer);
    collect_all(m.heap, show_forgetfully, &roots);
}

static void show_interior_later(mu_gc_tracer *tracer, void *context)
{
    forgetful *roots = context;
    mu_gc_trace_slot(tracer, &roots->shown, MU_ABI_SLOT_REF);
    if (roots->calls++ > 0) {
        roots->forgotten = roots->shown + 8;
        mu_gc_trace_slot(tracer, &roots->forgotten, MU_ABI_SLOT_REF);
    }
}

Test(mu_gc_check, what_only_looks_like_an_object_aborts, .signal = SIGABRT)
{
    fake_mutator m;
    fake_start(&m, &checked);
    forgetful roots = {.shown = fake_new(&m, &fake_pair, 0)};
    *fake_word(roots.shown, 0) = (uintptr_t)&fake_pair;
    mu_gc_buffer_retire(m.heap, &m.buffer);
    collect_all(m.heap, show_interior_later, &roots);
}

Test(mu_gc_check, buffer_that_was_not_retired_aborts, .signal = SIGABRT)
{
    fake_mutator m;
    fake_start(&m, &checked);
    forgetful roots = {.shown = fake_new(&m, &fake_pair, 0)};
    collect_all(m.heap, show_forgetfully, &roots);
}

Test(mu_gc_check, pool_that_is_freed_before_its_heap_aborts, .signal = SIGABRT)
{
    fake_mutator m;
    fake_start(&m, &checked);
    fake_new(&m, &fake_pair, 0);
    mu_gc_pool_free(m.pool);
}

Test(mu_gc_check, any_address_may_be_asked_about)
{
    fake_mutator m;
    fake_start(&m, &checked);
    uintptr_t small = fake_new(&m, &fake_words, 4);
    uintptr_t large = fake_new(&m, &fake_words, 4000);
    cr_assert(mu_gc_owns(m.heap, (mu_ref){small}));
    cr_assert(mu_gc_owns(m.heap, (mu_ref){large}));
    const uintptr_t others[] = {0,
                                1,
                                8,
                                small + 8,
                                small + 4,
                                large + 8,
                                UINTPTR_MAX,
                                UINTPTR_MAX - 7,
                                small & ~(uintptr_t)(MU_GC_BLOCK_BYTES - 1),
                                (uintptr_t)&m};
    for (uint32_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        cr_assert_not(mu_gc_owns(m.heap, (mu_ref){others[i]}), "0x%zx", (size_t)others[i]);
    }
    /* Numbers in the word before must not be taken for a descriptor's address and read. */
    for (uint32_t shift = 0; shift < 64; shift++) {
        *fake_word(small, 0) = (uintptr_t)1 << shift;
        (void)mu_gc_owns(m.heap, (mu_ref){small + 8});
    }
    fake_end(&m);
}
