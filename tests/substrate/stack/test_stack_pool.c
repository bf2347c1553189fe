#include "mu_stack.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, STACK_BYTES = 256 * 1024 };

static mu_stack *take(mu_stack_pool *pool, size_t size_bytes)
{
    mu_stack *stack = NULL;
    cr_assert_eq(mu_stack_take(pool, size_bytes, &stack), MU_OK);
    cr_assert_not_null(stack);
    return stack;
}

Test(mu_stack, all_that_frames_may_use_can_be_written_and_the_reserve_below_it)
{
    mu_stack_pool *pool = mu_stack_pool_new();
    mu_stack *stack = take(pool, STACK_BYTES);
    cr_assert_geq(stack->top - stack->floor, STACK_BYTES);
    cr_assert_eq(stack->top % 16, 0);
    unsigned char *lowest = (unsigned char *)(stack->floor - MU_ABI_STACK_RESERVE_BYTES);
    memset(lowest, 0xa5, stack->top - stack->floor + MU_ABI_STACK_RESERVE_BYTES);
    for (size_t i = 0; i < MU_ABI_OVERFLOW_WORDS; i++) {
        stack->overflow[i] = i;
    }
    cr_assert_eq(*(unsigned char *)(stack->top - 1), 0xa5, "overflow words lie above the stack");
    mu_stack_give(pool, stack, STACK_BYTES);
    mu_stack_pool_free(pool);
}

/* In a child of our own: under a sanitizer it ends by an exit status, not by the signal. */
Test(mu_stack, below_the_reserve_nothing_can_be_written)
{
    mu_stack_pool *pool = mu_stack_pool_new();
    mu_stack *stack = take(pool, STACK_BYTES);
    volatile unsigned char *lowest = (unsigned char *)(stack->floor - MU_ABI_STACK_RESERVE_BYTES);
    for (size_t below = 0; below <= PAGE_BYTES; below += PAGE_BYTES / 2) {
        pid_t child = fork();
        if (child == 0) {
            close(STDERR_FILENO);
            lowest[-(ptrdiff_t)below] = 1;
            _exit(0);
        }
        int how;
        cr_assert_eq(waitpid(child, &how, 0), child);
        cr_assert_eq(how == 0, below == 0, "%zu bytes below the reserve", below);
    }
    mu_stack_give(pool, stack, STACK_BYTES);
    mu_stack_pool_free(pool);
}

Test(mu_stack, sizes_are_rounded_up_to_pages)
{
    mu_stack_pool *pool = mu_stack_pool_new();
    mu_stack *stack = take(pool, PAGE_BYTES + 1);
    cr_assert_eq(stack->top - stack->floor, 2 * PAGE_BYTES);
    mu_stack_give(pool, stack, STACK_BYTES);
    mu_stack_pool_free(pool);
}

Test(mu_stack, a_stack_that_was_given_back_is_taken_again_for_its_own_size_only)
{
    mu_stack_pool *pool = mu_stack_pool_new();
    mu_stack *stack = take(pool, STACK_BYTES);
    mu_stack_give(pool, stack, STACK_BYTES);
    mu_stack *other = take(pool, 2 * STACK_BYTES);
    cr_assert_neq(other, stack);
    cr_assert_eq(take(pool, STACK_BYTES), stack);
    mu_stack *third = take(pool, STACK_BYTES);
    cr_assert_neq(third, stack);
    mu_stack_give(pool, stack, STACK_BYTES);
    mu_stack_give(pool, other, STACK_BYTES);
    mu_stack_give(pool, third, STACK_BYTES);
    mu_stack_pool_free(pool);
}

/* What lies cold in a stack is given to the system, so that a thread that recursed deeply once does
 * not hold its memory for ever. Memory that was given away reads as zeros. */
Test(mu_stack, a_kept_stack_holds_only_its_top)
{
    mu_stack_pool *pool = mu_stack_pool_new();
    mu_stack *stack = take(pool, STACK_BYTES);
    memset((void *)stack->floor, 0xa5, stack->top - stack->floor);
    mu_stack_give(pool, stack, STACK_BYTES);
    cr_assert_eq(take(pool, STACK_BYTES), stack);
    cr_assert_eq(*(unsigned char *)stack->floor, 0);
    cr_assert_eq(*(unsigned char *)(stack->top - 1), 0xa5);
    mu_stack_give(pool, stack, STACK_BYTES);
    mu_stack_pool_free(pool);
}

Test(mu_stack, more_stacks_than_are_kept_are_given_back_whole)
{
    enum { COUNT = 200 };
    static mu_stack *stacks[COUNT];
    mu_stack_pool *pool = mu_stack_pool_new();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            stacks[i] = take(pool, STACK_BYTES);
            *(int *)(stacks[i]->top - sizeof(int)) = i;
        }
        for (int i = 0; i < COUNT; i++) {
            cr_assert_eq(*(int *)(stacks[i]->top - sizeof(int)), i, "stacks do not overlap");
            mu_stack_give(pool, stacks[i], STACK_BYTES);
        }
    }
    mu_stack_pool_free(pool);
    mu_stack_pool_free(NULL);
}

/* Also when what is kept does not lie side by side. */
Test(mu_stack, stacks_that_were_given_back_are_not_mapped_after_a_trim)
{
    enum { COUNT = 90 };
    static mu_stack *stacks[COUNT];
    mu_stack_pool *pool = mu_stack_pool_new();
    for (int i = 0; i < COUNT; i++) {
        stacks[i] = take(pool, STACK_BYTES);
    }
    unsigned char *pages[COUNT];
    for (int i = 0; i < COUNT; i++) {
        pages[i] = stacks[i]->memory;
    }
    mu_stack *in_use = stacks[45];
    for (int i = 0; i < COUNT; i++) {
        if (stacks[i] != in_use) {
            mu_stack_give(pool, stacks[i], STACK_BYTES);
        }
    }
    mu_stack_pool_trim(pool);
    int mapped = 0;
    for (int i = 0; i < COUNT; i++) {
        mapped += msync(pages[i], 4096, MS_ASYNC) == 0;
    }
    cr_assert_leq(mapped, 8, "%d are left", mapped);
    *(int *)(in_use->top - sizeof(int)) = 1;
    mu_stack_give(pool, in_use, STACK_BYTES);
    mu_stack_pool_free(pool);
}

Test(mu_stack, a_size_beyond_the_address_space_is_refused)
{
    mu_stack_pool *pool = mu_stack_pool_new();
    mu_stack *stack = NULL;
    cr_assert_eq(mu_stack_take(pool, (size_t)1 << 60, &stack), MU_NO_MEMORY);
    cr_assert_null(stack);
    mu_stack_pool_free(pool);
}

/* C compares its stack pointer with nothing. */
Test(mu_stack, every_stack_for_c_has_a_guard_and_there_are_no_more)
{
    static mu_stack *stacks[MU_STACK_GUARDED_MAX];
    mu_stack_pool *pool = mu_stack_pool_new_for_native();
    for (uint32_t i = 0; i < MU_STACK_GUARDED_MAX; i++) {
        stacks[i] = take(pool, STACK_BYTES);
        cr_assert(stacks[i]->is_guarded);
    }
    mu_stack *stack = NULL;
    cr_assert_eq(mu_stack_take(pool, STACK_BYTES, &stack), MU_NO_MEMORY);
    mu_stack_give(pool, stacks[0], STACK_BYTES);
    stacks[0] = take(pool, STACK_BYTES);
    cr_assert(stacks[0]->is_guarded);
    for (uint32_t i = 0; i < MU_STACK_GUARDED_MAX; i++) {
        mu_stack_give(pool, stacks[i], STACK_BYTES);
    }
    mu_stack_pool_free(pool);
}
