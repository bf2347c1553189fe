/* Stacks are mapped with a guard page at the low end and given back to a short free list: a call
 * over the socket takes a stack, uses a page or two of it and returns it, so mapping each anew
 * would cost more than the call. */
#include "mu_stack.h"

#include <pthread.h>
#include <sys/mman.h>

#define PAGE_BYTES    4096u
#define KEPT_MAX      32u
#define OVERFLOW_ROOM (MU_ABI_OVERFLOW_WORDS * sizeof(uint64_t))
/* What a kept stack may go on holding; the rest is returned to the system. */
#define WARM_BYTES (64u * 1024u)

struct mu_stack_pool {
    pthread_mutex_t lock;
    mu_stack *kept;
    uint32_t kept_count;
};

mu_stack_pool *mu_stack_pool_new(void)
{
    mu_stack_pool *pool = mu_allocate(sizeof *pool);
    pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

static void unmap(mu_stack *stack)
{
    munmap(stack->memory, stack->size_bytes);
    mu_free(stack);
}

void mu_stack_pool_free(mu_stack_pool *pool)
{
    if (!pool) {
        return;
    }
    while (pool->kept) {
        mu_stack *next = pool->kept->next;
        unmap(pool->kept);
        pool->kept = next;
    }
    pthread_mutex_destroy(&pool->lock);
    mu_free(pool);
}

static size_t total_bytes(size_t size_bytes)
{
    size_t pages = (size_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    return pages + PAGE_BYTES + MU_ABI_STACK_RESERVE_BYTES + OVERFLOW_ROOM;
}

static mu_stack *take_kept(mu_stack_pool *pool, size_t total)
{
    pthread_mutex_lock(&pool->lock);
    mu_stack **link = &pool->kept;
    while (*link && (*link)->size_bytes != total) {
        link = &(*link)->next;
    }
    mu_stack *stack = *link;
    if (stack) {
        *link = stack->next;
        pool->kept_count--;
    }
    pthread_mutex_unlock(&pool->lock);
    return stack;
}

mu_status mu_stack_take(mu_stack_pool *pool, size_t size_bytes, mu_stack **stack)
{
    size_t total = total_bytes(size_bytes);
    mu_stack *taken = take_kept(pool, total);
    if (!taken) {
        void *memory = mmap(NULL, total, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
        if (memory == MAP_FAILED) {
            return MU_NO_MEMORY;
        }
        if (mprotect(memory, PAGE_BYTES, PROT_NONE) != 0) {
            munmap(memory, total);
            return MU_NO_MEMORY;
        }
        taken = mu_allocate(sizeof *taken);
        taken->memory = memory;
        taken->size_bytes = total;
        taken->floor = (uintptr_t)memory + PAGE_BYTES + MU_ABI_STACK_RESERVE_BYTES;
        taken->top = (uintptr_t)memory + total - OVERFLOW_ROOM;
        taken->overflow = (uint64_t *)taken->top;
    }
    taken->next = NULL;
    *stack = taken;
    return MU_OK;
}

void mu_stack_give(mu_stack_pool *pool, mu_stack *stack, size_t used_bytes)
{
    size_t cold = stack->size_bytes - PAGE_BYTES;
    if (cold > WARM_BYTES && used_bytes + OVERFLOW_ROOM > WARM_BYTES) {
        madvise(stack->memory + PAGE_BYTES, cold - WARM_BYTES, MADV_DONTNEED);
    }
    pthread_mutex_lock(&pool->lock);
    bool keeps = pool->kept_count < KEPT_MAX;
    if (keeps) {
        stack->next = pool->kept;
        pool->kept = stack;
        pool->kept_count++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!keeps) {
        unmap(stack);
    }
}
