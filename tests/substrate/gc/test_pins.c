/* Pinned objects: they stay where they are and live, the rest of their blocks does not stay. */
#include "fake_mutator.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PINS = 3000 };

typedef struct pinned_mutator {
    fake_mutator m; /* first */
    uintptr_t pins[MOST_PINS];
    uint32_t count;
} pinned_mutator;

static void show_pins(mu_gc_tracer *tracer, void *context)
{
    const pinned_mutator *p = context;
    for (uint32_t i = 0; i < p->count; i++) {
        mu_gc_trace_pin(tracer, (mu_ref){p->pins[i]});
    }
}

static pinned_mutator *start(uint64_t quota_bytes, bool stress)
{
    pinned_mutator *p = calloc(1, sizeof *p);
    fake_start(&p->m,
               &(mu_gc_config){.quota_bytes = quota_bytes, .verify = true, .stress = stress});
    mu_gc_heap_set_pins(p->m.heap, show_pins, p);
    return p;
}

static void end(pinned_mutator *p)
{
    fake_end(&p->m);
    free(p);
}

static bool pin(pinned_mutator *p, uintptr_t ref)
{
    if (p->count == MOST_PINS) {
        return false;
    }
    p->pins[p->count++] = ref;
    return true;
}

static void unpin(pinned_mutator *p, uint32_t index)
{
    p->pins[index] = p->pins[--p->count];
}

Test(mu_gc, pinned_object_stays_and_its_neighbours_move)
{
    pinned_mutator *p = start(4 * FAKE_MIB, false);
    fake_new(&p->m, &fake_pair, 0);
    uintptr_t before = fake_new(&p->m, &fake_pair, 0);
    uintptr_t pinned = fake_new(&p->m, &fake_pair, 0);
    uintptr_t after = fake_new(&p->m, &fake_pair, 0);
    *fake_word(pinned, 0) = 42;
    *fake_word(pinned, 1) = after;
    *fake_word(pinned, 2) = pinned;
    *fake_word(after, 0) = 43;
    *fake_word(after, 1) = pinned;
    *fake_word(before, 1) = pinned;
    p->m.roots[0] = before;
    cr_assert(pin(p, pinned));
    for (int i = 0; i < 3; i++) {
        fake_collect(&p->m);
        cr_assert_neq(p->m.roots[0], before);
        cr_assert_eq(*fake_word(p->m.roots[0], 1), pinned);
        cr_assert_eq(*fake_word(pinned, 0), 42);
        cr_assert_eq(*fake_word(pinned, 2), pinned);
        cr_assert_neq(*fake_word(pinned, 1), after);
        cr_assert_eq(*fake_word(*fake_word(pinned, 1), 0), 43);
        cr_assert_eq(*fake_word(*fake_word(pinned, 1), 1), pinned);
    }
    unpin(p, 0);
    fake_collect(&p->m);
    cr_assert_neq(*fake_word(p->m.roots[0], 1), pinned, "it moves again");
    cr_assert_eq(*fake_word(*fake_word(p->m.roots[0], 1), 0), 42);
    end(p);
}

Test(mu_gc, pin_keeps_alive_what_nothing_else_refers_to)
{
    pinned_mutator *p = start(4 * FAKE_MIB, false);
    uintptr_t weak = fake_new(&p->m, &fake_weak, 0);
    uintptr_t pinned = fake_new(&p->m, &fake_pair, 0);
    *fake_word(pinned, 0) = 7;
    *fake_word(weak, 0) = pinned;
    p->m.roots[0] = weak;
    p->m.weak_root = pinned;
    cr_assert(pin(p, pinned));
    fake_collect(&p->m);
    cr_assert_eq(*fake_word(p->m.roots[0], 0), pinned);
    cr_assert_eq(p->m.weak_root, pinned);
    cr_assert_eq(*fake_word(pinned, 0), 7);
    cr_assert_eq(mu_gc_heap_stats(p->m.heap).live_bytes, 32 + 16);
    unpin(p, 0);
    fake_collect(&p->m);
    cr_assert_eq(*fake_word(p->m.roots[0], 0), 0);
    cr_assert_eq(p->m.weak_root, 0);
    end(p);
}

Test(mu_gc, weak_reference_in_a_pinned_object_is_cleared)
{
    pinned_mutator *p = start(4 * FAKE_MIB, false);
    uintptr_t weak = fake_new(&p->m, &fake_weak, 0);
    *fake_word(weak, 0) = fake_new(&p->m, &fake_pair, 0);
    cr_assert(pin(p, weak));
    fake_collect(&p->m);
    cr_assert_eq(*fake_word(weak, 0), 0);
    end(p);
}

Test(mu_gc, large_object_is_kept_by_its_pin)
{
    pinned_mutator *p = start(4 * FAKE_MIB, false);
    uintptr_t large = fake_new(&p->m, &fake_refs, 5000);
    *fake_word(large, 5000) = fake_new(&p->m, &fake_pair, 0);
    *fake_word(*fake_word(large, 5000), 0) = 9;
    cr_assert(pin(p, large));
    fake_collect(&p->m);
    cr_assert_eq(*fake_word(*fake_word(large, 5000), 0), 9);
    unpin(p, 0);
    fake_collect(&p->m);
    cr_assert_eq(fake_used_bytes(&p->m), 0);
    end(p);
}

/* Lines around a pinned object are what is left when the quota allows no more blocks. */
Test(mu_gc, lines_of_a_pinned_block_are_used_again)
{
    uint64_t quota = 8 * (uint64_t)MU_GC_BLOCK_BYTES;
    pinned_mutator *p = start(quota, false);
    uintptr_t pinned = fake_new(&p->m, &fake_pair, 0);
    *fake_word(pinned, 0) = 77;
    cr_assert(pin(p, pinned));
    for (int i = 0; i < 500; i++) {
        memset((void *)fake_new(&p->m, &fake_words, 4), 0xff, 32);
    }
    fake_collect(&p->m);
    cr_assert_eq(fake_used_bytes(&p->m), MU_GC_BLOCK_BYTES);
    uint64_t beside = 0;
    mu_ref ref;
    while (mu_gc_allocate(p->m.heap, &p->m.buffer, &fake_words, 4, &ref) == MU_OK) {
        beside += ref.address / MU_GC_BLOCK_BYTES == pinned / MU_GC_BLOCK_BYTES;
        for (uint64_t word = 0; word < 4; word++) {
            cr_assert_eq(*fake_word(ref.address, word), 0);
        }
        memset((void *)ref.address, 0xff, 32);
    }
    cr_assert_eq(fake_used_bytes(&p->m), quota);
    cr_assert_geq(beside, 600, "all but the pinned object's lines hold objects of 48 bytes");
    cr_assert_eq(*fake_word(pinned, 0), 77);
    end(p);
}

/* Whatever is pinned, in blocks packed in whatever way: allocation fails before a collection would
 * not have room. Verification watches the quota during each. */
static void fill_and_pin(uint32_t seed)
{
    uint64_t quota = (8 + seed % 9 * 16) * (uint64_t)MU_GC_BLOCK_BYTES;
    pinned_mutator *p = start(quota, seed % 3 == 0);
    uint32_t rate = 1 + seed % 40;
    for (uint32_t step = 0; step < 6000; step++) {
        uint64_t length =
            rand_r(&seed) % 16 == 0 ? (uint64_t)rand_r(&seed) % 1030 : (uint64_t)rand_r(&seed) % 12;
        const mu_abi_type *type = rand_r(&seed) % 8 == 0 ? &fake_vector : &fake_words;
        mu_ref ref;
        mu_status status =
            mu_gc_allocate(p->m.heap, &p->m.buffer, type, type->is_hybrid ? length : 0, &ref);
        if (status == MU_OK) {
            p->m.roots[(uint32_t)rand_r(&seed) % FAKE_ROOTS] = ref.address;
            if ((uint32_t)rand_r(&seed) % rate == 0) {
                (void)pin(p, ref.address);
            }
        } else {
            fake_collect(&p->m);
            for (uint32_t i = (uint32_t)rand_r(&seed) % (p->count + 1); i > 0; i--) {
                unpin(p, (uint32_t)rand_r(&seed) % p->count);
            }
        }
        if (rand_r(&seed) % 500 == 0) {
            fake_collect(&p->m);
        }
        fake_used_bytes(&p->m);
    }
    while (p->count > 0) {
        unpin(p, p->count - 1);
    }
    memset(p->m.roots, 0, sizeof p->m.roots);
    fake_collect(&p->m);
    cr_assert_eq(fake_used_bytes(&p->m), 0);
    end(p);
}

Test(mu_gc, pins_never_let_a_collection_exceed_the_quota)
{
    for (uint32_t seed = 1; seed <= 60; seed++) {
        fill_and_pin(seed);
    }
}

/* A random graph beside its model, with pins that come and go. */
enum { NODES = 300 };

Test(mu_gc, graph_with_pins_stays_as_it_was)
{
    for (uint32_t seed = 1; seed <= 20; seed++) {
        uint32_t state = seed;
        pinned_mutator *p = start(8 * FAKE_MIB, seed % 2 == 0);
        uintptr_t table[NODES] = {0};
        uint32_t next[NODES] = {0};
        p->m.areas[0] = (fake_area){table, &fake_refs, NODES - 1};
        for (uint32_t i = 1; i < NODES; i++) {
            table[i] = fake_new(&p->m, &fake_pair, 0);
            *fake_word(table[i], 0) = i;
        }
        for (uint32_t round = 0; round < 30; round++) {
            for (uint32_t change = 0; change < 40; change++) {
                uint32_t from = 1 + (uint32_t)rand_r(&state) % (NODES - 1);
                next[from] = 1 + (uint32_t)rand_r(&state) % (NODES - 1);
                *fake_word(table[from], 1 + change % 2) = table[next[from]];
                *fake_word(table[from], 2 - change % 2) = table[next[from]];
                fake_new(&p->m, &fake_words, (uint64_t)rand_r(&state) % 100);
                if (change % 8 == 0) {
                    cr_assert(pin(p, table[from]));
                } else if (change % 9 == 0 && p->count > 0) {
                    unpin(p, (uint32_t)rand_r(&state) % p->count);
                }
            }
            uintptr_t pinned[MOST_PINS];
            memcpy(pinned, p->pins, sizeof pinned);
            fake_collect(&p->m);
            for (uint32_t i = 1; i < NODES; i++) {
                cr_assert_eq(*fake_word(table[i], 0), i);
                cr_assert_eq(*fake_word(table[i], 1), next[i] ? table[next[i]] : 0);
            }
            for (uint32_t i = 0; i < p->count; i++) {
                cr_assert_eq(table[*fake_word(pinned[i], 0)], pinned[i]);
            }
        }
        end(p);
    }
}
