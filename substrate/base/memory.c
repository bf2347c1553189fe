#include "mu_base.h"

#include <stdlib.h>
#include <string.h>

#ifdef MU_JEMALLOC
#include <jemalloc/jemalloc.h>
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
