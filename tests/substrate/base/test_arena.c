#include "mu_base.h"

#include <criterion/criterion.h>
#include <string.h>

static bool all_bytes_are(const unsigned char *bytes, size_t count, unsigned char wanted)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != wanted) {
            return false;
        }
    }
    return true;
}

Test(mu_base, arena_memory_is_zeroed_aligned_and_nobody_elses)
{
    mu_arena *arena = mu_arena_new();
    enum { COUNT = 500 };
    unsigned char *blocks[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = mu_arena_allocate(arena, i);
        cr_assert_eq((uintptr_t)blocks[i] % 16, 0, "block %zu", i);
        cr_assert(all_bytes_are(blocks[i], i, 0), "block %zu", i);
        memset(blocks[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert(all_bytes_are(blocks[i], i, (unsigned char)i), "block %zu", i);
    }
    mu_arena_free(arena);
}

Test(mu_base, arena_gives_more_than_a_chunk_at_once)
{
    mu_arena *arena = mu_arena_new();
    size_t size_bytes = 3u << 20;
    unsigned char *large = mu_arena_allocate(arena, size_bytes);
    memset(large, 0x5a, size_bytes);
    unsigned char *small = mu_arena_allocate(arena, 16);
    cr_assert(all_bytes_are(small, 16, 0));
    cr_assert(all_bytes_are(large, size_bytes, 0x5a));
    mu_arena_free(arena);
}

Test(mu_base, arena_counts_what_it_took_and_takes_little_for_little)
{
    mu_arena *arena = mu_arena_new();
    size_t empty = mu_arena_bytes(arena);
    cr_assert_leq(empty, 64);
    size_t growth = mu_arena_growth_bytes(arena, 100);
    (void)mu_arena_allocate(arena, 100);
    cr_assert_eq(mu_arena_bytes(arena), empty + growth);
    cr_assert_geq(mu_arena_bytes(arena), 100);
    cr_assert_leq(mu_arena_bytes(arena), 2048);
    cr_assert_eq(mu_arena_growth_bytes(arena, 100), 0);
    size_t before = mu_arena_bytes(arena);
    growth = mu_arena_growth_bytes(arena, 1u << 20);
    (void)mu_arena_allocate(arena, 1u << 20);
    cr_assert_geq(mu_arena_bytes(arena), before + (1u << 20));
    cr_assert_eq(mu_arena_bytes(arena), before + growth);
    mu_arena_free(arena);
}

Test(mu_base, arena_copies_strings_and_ends_them)
{
    mu_arena *arena = mu_arena_new();
    char source[] = "bundle.uir";
    char *copy = mu_arena_string(arena, source, 6);
    memset(source, 'x', sizeof source - 1);
    cr_assert_str_eq(copy, "bundle");
    cr_assert_str_eq(mu_arena_format(arena, "%s@%d", copy, 7), "bundle@7");
    char *wide = mu_arena_format(arena, "%*d", 5000, 1);
    cr_assert_eq(strlen(wide), 5000);
    mu_arena_free(arena);
}

Test(mu_base, arena_none_is_freed_without_harm)
{
    mu_arena_free(NULL);
}
