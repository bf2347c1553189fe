#include "mu_base.h"

#include <stdlib.h>
#include <string.h>

#ifdef MU_JEMALLOC
#include <jemalloc/jemalloc.h>
#define AS_TEXT(number)    #number
#define AS_TEXT_OF(number) AS_TEXT(number)
#define ALL_ARENAS         AS_TEXT_OF(MALLCTL_ARENAS_ALL)
#else
#include <malloc.h>
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* Not every compiler brings the header. */
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

static void *checked(void *memory, size_t size_bytes)
{
    MU_INVARIANT(memory != NULL, "out of host memory for %zu bytes", size_bytes);
    return memory;
}

void *mu_allocate(size_t size_bytes)
{
    size_t size = size_bytes ? size_bytes : 1;
    return checked(calloc(1, size), size);
}

void *mu_reallocate(void *old, size_t size_bytes)
{
    size_t size = size_bytes ? size_bytes : 1;
    return checked(realloc(old, size), size);
}

mu_status mu_try_allocate(size_t size_bytes, void **out)
{
    void *memory = calloc(1, size_bytes ? size_bytes : 1);
    if (!memory) {
        return MU_NO_MEMORY;
    }
    *out = memory;
    return MU_OK;
}

void mu_free(void *memory)
{
    free(memory);
}

void mu_memory_purge(void)
{
#ifdef MU_JEMALLOC
    (void)mallctl("arena." ALL_ARENAS ".purge", NULL, NULL, NULL, 0);
#else
    (void)malloc_trim(0);
#endif
}

uint64_t mu_memory_used_bytes(void)
{
#ifdef MU_JEMALLOC
    uint64_t epoch = 1;
    size_t used = 0;
    size_t size = sizeof used;
    (void)mallctl("epoch", NULL, NULL, &epoch, sizeof epoch); /* brings what is told up to date */
    (void)mallctl("stats.allocated", &used, &size, NULL, 0);
    return used;
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return __sanitizer_get_current_allocated_bytes();
#else
    return mallinfo2().uordblks;
#endif
}

char *mu_string_copy(const char *text, size_t length)
{
    char *copy = mu_allocate(length + 1);
    memcpy(copy, text, length);
    return copy;
}

void *mu_array_grow(void *items, uint32_t *capacity, uint32_t needed, size_t item_bytes)
{
    if (needed <= *capacity) {
        return items;
    }
    uint32_t wanted = *capacity < 8 ? 8 : *capacity;
    while (wanted < needed) {
        MU_INVARIANT(wanted < UINT32_MAX / 2, "an array of more than %u items", wanted);
        wanted *= 2;
    }
    *capacity = wanted;
    return mu_reallocate(items, (size_t)wanted * item_bytes);
}
