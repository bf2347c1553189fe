/* Stacks are mapped with a guard page at the low end and given back to a short free list: a call
 * over the socket takes a stack, uses a page or two of it and returns it, so mapping each anew
 * would cost more than the call. When the list has grown, many are unmapped at once: what lies side
 * by side goes with one call of the system, which makes all cores forget what they know of the
 * addresses, and has the whole process wait for that. */
#include "mu_stack.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#define MU_STACK_HAS_SHADOW
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MU_STACK_HAS_SHADOW
#endif
#endif
#ifdef MU_STACK_HAS_SHADOW
#include <sanitizer/asan_interface.h>
#endif

#define PAGE_BYTES 4096u
/* More than KEPT_MAX are cut down to KEPT_AFTER. */
#define KEPT_AFTER 32u
#define KEPT_MAX   96u
#define BATCH      (KEPT_MAX + 1 - KEPT_AFTER)
/* When nothing has run for a while. */
#define KEPT_IDLE     4u
#define OVERFLOW_ROOM (MU_ABI_OVERFLOW_WORDS * sizeof(uint64_t))
/* What a kept stack may go on holding; the rest is returned to the system. */
#define WARM_BYTES (64u * 1024u)
/* A guard page splits a mapping in two, and the kernel grants a process some 65,000 mappings. So
 * only MU_STACK_GUARDED_MAX stacks of a pool have one; compiled code checks its stack pointer in
 * any case, and where C runs there are no more. */

struct mu_stack_pool {
    pthread_mutex_t lock;
    bool is_for_native;
    mu_stack *kept;
    uint32_t kept_count;
    uint32_t guarded_count;
};

mu_stack_pool *mu_stack_pool_new(void)
{
    mu_stack_pool *pool = mu_allocate(sizeof *pool);
    pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

mu_stack_pool *mu_stack_pool_new_for_native(void)
{
    mu_stack_pool *pool = mu_stack_pool_new();
    pool->is_for_native = true;
    return pool;
}

void mu_stack_pool_free(mu_stack_pool *pool)
{
    if (!pool) {
        return;
    }
    while (pool->kept) {
        mu_stack *next = pool->kept->next;
        (void)munmap(pool->kept->memory, pool->kept->size_bytes);
        mu_free(pool->kept);
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

static bool wants_guard(mu_stack_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool wants = pool->guarded_count < MU_STACK_GUARDED_MAX;
    pool->guarded_count += wants;
    pthread_mutex_unlock(&pool->lock);
    return wants;
}

static void drop_guard(mu_stack_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->guarded_count--;
    pthread_mutex_unlock(&pool->lock);
}

/* NULL when the system gives no memory, or no guard page where there has to be one. */
static void *map(mu_stack_pool *pool, size_t total, bool *is_guarded)
{
    *is_guarded = wants_guard(pool);
    if (!*is_guarded && pool->is_for_native) {
        return NULL;
    }
    void *memory = mmap(NULL, total, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    bool is_right = memory != MAP_FAILED;
    if (is_right && *is_guarded && mprotect(memory, PAGE_BYTES, PROT_NONE) != 0) {
        munmap(memory, total);
        is_right = false;
    }
    if (!is_right && *is_guarded) {
        drop_guard(pool);
    }
    return is_right ? memory : NULL;
}

static void keep(mu_stack_pool *pool, mu_stack *stack)
{
    stack->next = pool->kept;
    pool->kept = stack;
    pool->kept_count++;
}

mu_status mu_stack_take(mu_stack_pool *pool, size_t size_bytes, mu_stack **stack)
{
    size_t total = total_bytes(size_bytes);
    mu_stack *taken = take_kept(pool, total);
    if (!taken) {
        bool is_guarded;
        void *memory = map(pool, total, &is_guarded);
        if (!memory) {
            return MU_NO_MEMORY;
        }
        taken = mu_allocate(sizeof *taken);
        taken->is_guarded = is_guarded;
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

/* Returns all but the uppermost `warm_bytes` to the system. */
static void give_pages_back(mu_stack *stack, size_t warm_bytes)
{
    size_t pages_bytes = stack->size_bytes - PAGE_BYTES;
    if (pages_bytes > warm_bytes) {
        madvise(stack->memory + PAGE_BYTES, pages_bytes - warm_bytes, MADV_DONTNEED);
    }
}

/* C frames that never returned have left marks in AddressSanitizer's shadow of their stack. */
static void forget_frames(mu_stack_pool *pool, mu_stack *stack)
{
#ifdef MU_STACK_HAS_SHADOW
    if (pool->is_for_native) {
        __asan_unpoison_memory_region(stack->memory, stack->size_bytes);
    }
#else
    (void)pool;
    (void)stack;
#endif
}

/* Takes out of the list, whose lock is held, those that were given back longest ago: a batch of
 * what is beyond so many. */
static uint32_t cut(mu_stack_pool *pool, uint32_t stay, mu_stack *batch[BATCH])
{
    uint32_t count = 0;
    mu_stack **link = &pool->kept;
    for (uint32_t i = 0; i < stay && *link; i++) {
        link = &(*link)->next;
    }
    while (*link && count < BATCH) {
        batch[count] = *link;
        *link = (*link)->next;
        pool->guarded_count -= batch[count++]->is_guarded;
    }
    pool->kept_count -= count;
    return count;
}

static int by_address(const void *left, const void *right)
{
    const mu_stack *a = *(mu_stack *const *)left;
    const mu_stack *b = *(mu_stack *const *)right;
    return (a->memory > b->memory) - (a->memory < b->memory);
}

/* What could not be unmapped: the kernel would have had to split a mapping, and had none left. */
static void keep_again(mu_stack_pool *pool, mu_stack *stack)
{
    give_pages_back(stack, 0);
    pthread_mutex_lock(&pool->lock);
    pool->guarded_count += stack->is_guarded;
    keep(pool, stack);
    pthread_mutex_unlock(&pool->lock);
}

static void unmap(mu_stack_pool *pool, mu_stack *batch[BATCH], uint32_t count)
{
    qsort(batch, count, sizeof *batch, by_address);
    for (uint32_t i = 0, end; i < count; i = end) {
        unsigned char *start = batch[i]->memory;
        size_t bytes = 0;
        for (end = i; end < count && batch[end]->memory == start + bytes; end++) {
            bytes += batch[end]->size_bytes;
        }
        bool is_gone = munmap(start, bytes) == 0;
        for (uint32_t at = i; at < end; at++) {
            if (is_gone) {
                mu_free(batch[at]);
            } else {
                keep_again(pool, batch[at]);
            }
        }
    }
}

void mu_stack_give(mu_stack_pool *pool, mu_stack *stack, size_t used_bytes)
{
    mu_stack *batch[BATCH];
    uint32_t count = 0;
    forget_frames(pool, stack);
    if (used_bytes + OVERFLOW_ROOM > WARM_BYTES) {
        give_pages_back(stack, WARM_BYTES);
    }
    pthread_mutex_lock(&pool->lock);
    keep(pool, stack);
    if (pool->kept_count > KEPT_MAX) {
        count = cut(pool, KEPT_AFTER, batch);
    }
    pthread_mutex_unlock(&pool->lock);
    unmap(pool, batch, count);
}

void mu_stack_pool_trim(mu_stack_pool *pool)
{
    for (uint32_t left = KEPT_MAX; left > KEPT_IDLE;) {
        mu_stack *batch[BATCH];
        pthread_mutex_lock(&pool->lock);
        uint32_t count = cut(pool, KEPT_IDLE, batch);
        pthread_mutex_unlock(&pool->lock);
        unmap(pool, batch, count);
        left -= count && count < left ? count : left;
    }
}
