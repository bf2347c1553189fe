#include "mu_base.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

Test(mu_base, array_keeps_what_was_pushed)
{
    MU_ARRAY(uint32_t) squares = {0};
    for (uint32_t i = 0; i < 10000; i++) {
        MU_ARRAY_PUSH(&squares, i * i);
    }
    cr_assert_eq(squares.count, 10000);
    cr_assert_geq(squares.capacity, squares.count);
    for (uint32_t i = 0; i < 10000; i++) {
        cr_assert_eq(squares.items[i], i * i);
    }
    MU_ARRAY_FREE(&squares);
    cr_assert_null(squares.items);
    cr_assert_eq(squares.count + squares.capacity, 0);
}

Test(mu_base, array_takes_items_with_commas)
{
    MU_ARRAY(mu_location) places = {0};
    MU_ARRAY_PUSH(&places, (mu_location){.line = 3, .column = 4});
    cr_assert_eq(places.items[0].line, 3);
    cr_assert_eq(places.items[0].column, 4);
    MU_ARRAY_FREE(&places);
}

Test(mu_base, array_reserves_once_for_many)
{
    MU_ARRAY(uint64_t) words = {0};
    MU_ARRAY_RESERVE(&words, 1000);
    cr_assert_geq(words.capacity, 1000);
    const uint64_t *before = words.items;
    for (uint64_t i = 0; i < 1000; i++) {
        MU_ARRAY_PUSH(&words, i);
    }
    cr_assert_eq(words.items, before);
    MU_ARRAY_RESERVE(&words, 10);
    cr_assert_eq(words.items, before);
    MU_ARRAY_FREE(&words);
}

Test(mu_base, array_of_more_items_than_it_can_count_is_a_fault, .signal = SIGABRT)
{
    uint32_t capacity = UINT32_MAX / 2 + 1;
    (void)mu_array_grow(NULL, &capacity, capacity + 1, 1);
}

Test(mu_base, allocated_memory_is_zeroed_and_never_null)
{
    unsigned char *memory = mu_allocate(4096);
    for (size_t i = 0; i < 4096; i++) {
        cr_assert_eq(memory[i], 0);
    }
    mu_free(memory);
    void *nothing = mu_allocate(0);
    cr_assert_not_null(nothing);
    mu_free(nothing);
    mu_free(NULL);
}

Test(mu_base, a_size_chosen_outside_is_refused_with_the_output_untouched)
{
    void *out = &out;
    cr_assert_eq(mu_try_allocate((size_t)1 << 62, &out), MU_NO_MEMORY);
    cr_assert_eq(out, (void *)&out);
    cr_assert_eq(mu_try_allocate(10, &out), MU_OK);
    cr_assert_neq(out, (void *)&out);
    mu_free(out);
}

Test(mu_base, a_string_copy_is_cut_at_its_length)
{
    char *copy = mu_string_copy("gcd.gcd", 3);
    cr_assert_str_eq(copy, "gcd");
    mu_free(copy);
}
