#pragma once
/* Mu stacks: their memory, and the walk over the frames of one that is not running. */
#include "mu_abi.h"
#include "mu_code.h"

typedef struct mu_stack_pool
    mu_stack_pool; /* the process's; keeps some stacks for the next who asks; thread-safe */

/* One stack. Below `floor` lie the reserve (MU_ABI_STACK_RESERVE_BYTES) and, in all but very many
 * stacks, a guard page; above
 * `top` the overflow words of the thread that runs on it. Memory is taken page by page as it is
 * touched. */
typedef struct mu_stack {
    unsigned char *memory;
    size_t size_bytes;
    uintptr_t floor;
    uintptr_t top;
    uint64_t *overflow;
    bool is_guarded;
    struct mu_stack *next; /* the pool's */
} mu_stack;

mu_stack_pool *mu_stack_pool_new(void);
/* A pool of stacks for C code, which compares its stack pointer with nothing: every one has a guard
 * page below it, so there are at most MU_STACK_GUARDED_MAX at a time. */
mu_stack_pool *mu_stack_pool_new_for_native(void);
#define MU_STACK_GUARDED_MAX 8192u
void mu_stack_pool_free(mu_stack_pool *pool); /* all stacks are given back */
/* `size_bytes` is what frames may use, rounded up to pages. Errors: NO_MEMORY. */
MU_MUST_CHECK mu_status mu_stack_take(mu_stack_pool *pool, size_t size_bytes, mu_stack **stack);
/* `used_bytes` below the top may have been touched; at least what was. */
void mu_stack_give(mu_stack_pool *pool, mu_stack *stack, size_t used_bytes);

/* Gives back to the system all but a few of the stacks that wait to be taken again. */
void mu_stack_pool_trim(mu_stack_pool *pool);

/* A frame of a stack that is not running. */
typedef struct mu_stack_cursor {
    const mu_code_object *object;
    const mu_code_site *site;
    uintptr_t return_address;
    uintptr_t frame; /* its rbp; of a native frame, the caller's */
    uintptr_t sp;    /* rsp when it goes on after the site */
} mu_stack_cursor;

/* Is it at C code that lies between two frames of Mu code? Such a frame has no version. */
static inline bool mu_stack_is_native(const mu_stack_cursor *cursor)
{
    return cursor->site->kind == MU_CODE_SITE_NATIVE;
}

/* The frame whose site has `return_address`, found at `sp` - 8 in the stack, with rbp `frame`.
 * False at the stack's bottom. Every return address must be a known site: anything else is a broken
 * stack and aborts. */
bool mu_stack_first(const mu_code_cache *cache, uintptr_t return_address, uintptr_t frame,
                    uintptr_t sp, mu_stack_cursor *cursor);
/* Moves to the caller's frame; false at the bottom. Both pass over frames that have not begun. */
bool mu_stack_next(const mu_code_cache *cache, mu_stack_cursor *cursor);
