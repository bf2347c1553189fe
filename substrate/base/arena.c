/* An arena is a list of chunks; an allocation bumps in the newest. Chunks double up to 256 KiB, so
 * that a small bundle costs little and a large one few calls. */
#include "mu_base.h"

#include <stdio.h>
#include <string.h>

#define CHUNK_FIRST_BYTES 1024u
#define CHUNK_LAST_BYTES  (256u * 1024u)

typedef struct chunk {
    struct chunk *older;
    size_t size_bytes; /* of what follows this header */
    _Alignas(16) unsigned char bytes[];
} chunk;

struct mu_arena {
    chunk *newest;
    size_t used_bytes; /* in the newest chunk */
    size_t next_chunk_bytes;
    size_t total_bytes;
};

mu_arena *mu_arena_new(void)
{
    mu_arena *arena = mu_allocate(sizeof *arena);
    arena->next_chunk_bytes = CHUNK_FIRST_BYTES;
    return arena;
}

void mu_arena_free(mu_arena *arena)
{
    if (!arena) {
        return;
    }
    for (chunk *each = arena->newest; each;) {
        chunk *older = each->older;
        mu_free(each);
        each = older;
    }
    mu_free(arena);
}

static size_t rounded(size_t size_bytes)
{
    MU_INVARIANT(size_bytes < SIZE_MAX / 2, "arena allocation of %zu bytes", size_bytes);
    return (size_bytes + 15) & ~(size_t)15;
}

static bool has_room(const mu_arena *arena, size_t size)
{
    return arena->newest && arena->newest->size_bytes - arena->used_bytes >= size;
}

static size_t next_chunk_bytes(const mu_arena *arena, size_t size)
{
    return arena->next_chunk_bytes > size ? arena->next_chunk_bytes : size;
}

void *mu_arena_allocate(mu_arena *arena, size_t size_bytes)
{
    size_t size = rounded(size_bytes);
    chunk *newest = arena->newest;
    if (!has_room(arena, size)) {
        size_t chunk_bytes = next_chunk_bytes(arena, size);
        chunk *fresh = mu_allocate(sizeof *fresh + chunk_bytes);
        fresh->size_bytes = chunk_bytes;
        fresh->older = newest;
        arena->newest = newest = fresh;
        arena->used_bytes = 0;
        arena->total_bytes += sizeof *fresh + chunk_bytes;
        if (arena->next_chunk_bytes < CHUNK_LAST_BYTES) {
            arena->next_chunk_bytes *= 2;
        }
    }
    void *memory = newest->bytes + arena->used_bytes;
    arena->used_bytes += size;
    return memory;
}

char *mu_arena_string(mu_arena *arena, const char *text, size_t length)
{
    char *copy = mu_arena_allocate(arena, length + 1);
    memcpy(copy, text, length);
    return copy;
}

char *mu_arena_format(mu_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    MU_INVARIANT(length >= 0, "bad format \"%s\"", format);
    char *text = mu_arena_allocate(arena, (size_t)length + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

size_t mu_arena_bytes(const mu_arena *arena)
{
    return sizeof *arena + arena->total_bytes;
}

size_t mu_arena_growth_bytes(const mu_arena *arena, size_t size_bytes)
{
    size_t size = rounded(size_bytes);
    return has_room(arena, size) ? 0 : sizeof(chunk) + next_chunk_bytes(arena, size);
}
