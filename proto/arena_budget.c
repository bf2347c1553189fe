/* A bump allocator in chunks. Chunks double up to 256 KiB, so that a small message costs little and
 * a large one few calls; a request larger than a chunk gets a chunk of its own. While a frame is
 * unpacked, `limit_bytes` bounds what the arena may hold in all. */
#include "arena_budget.h"
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CHUNK_BYTES = 1024, LAST_CHUNK_BYTES = 256 << 10 };
static const size_t single_limit_bytes = (size_t)1 << 30;

typedef struct chunk chunk;
struct chunk {
    chunk *older;
    alignas(max_align_t) unsigned char bytes[];
};

struct proto_arena {
    chunk *newest;
    unsigned char *at;
    size_t left_bytes;
    size_t next_chunk_bytes;
    size_t held_bytes;
    size_t limit_bytes;
};

proto_arena *proto_arena_new(void)
{
    proto_arena *arena = calloc(1, sizeof *arena);
    if (arena != NULL) {
        arena->next_chunk_bytes = FIRST_CHUNK_BYTES;
        arena->limit_bytes = SIZE_MAX;
    }
    return arena;
}

void proto_arena_reset(proto_arena *arena)
{
    chunk *each = arena->newest;
    while (each != NULL) {
        chunk *older = each->older;
        free(each);
        each = older;
    }
    *arena = (proto_arena){.next_chunk_bytes = FIRST_CHUNK_BYTES, .limit_bytes = SIZE_MAX};
}

void proto_arena_free(proto_arena *arena)
{
    if (arena != NULL) {
        proto_arena_reset(arena);
        free(arena);
    }
}

static chunk *chunk_add(proto_arena *arena, size_t content_bytes)
{
    size_t whole_bytes = sizeof(chunk) + content_bytes;
    if (arena->held_bytes > arena->limit_bytes ||
        whole_bytes > arena->limit_bytes - arena->held_bytes) {
        return NULL;
    }
    chunk *made = calloc(1, whole_bytes);
    if (made != NULL) {
        arena->held_bytes += whole_bytes;
    }
    return made;
}

/* Makes the next chunk the current one; a smaller one where the limit leaves only that. */
static bool chunk_begin(proto_arena *arena, size_t needed_bytes)
{
    size_t content_bytes = arena->next_chunk_bytes;
    chunk *made = chunk_add(arena, content_bytes);
    if (made == NULL && needed_bytes < content_bytes) {
        content_bytes = needed_bytes;
        made = chunk_add(arena, content_bytes);
    }
    if (made == NULL) {
        return false;
    }
    made->older = arena->newest;
    arena->newest = made;
    arena->at = made->bytes;
    arena->left_bytes = content_bytes;
    if (arena->next_chunk_bytes < LAST_CHUNK_BYTES) {
        arena->next_chunk_bytes *= 2;
    }
    return true;
}

/* The current chunk stays current: its rest is still good for small requests. */
static void *large_allocate(proto_arena *arena, size_t size_bytes)
{
    chunk *made = chunk_add(arena, size_bytes);
    if (made == NULL) {
        return NULL;
    }
    if (arena->newest == NULL) {
        arena->newest = made;
    } else {
        made->older = arena->newest->older;
        arena->newest->older = made;
    }
    return made->bytes;
}

void *proto_arena_allocate(proto_arena *arena, size_t size_bytes)
{
    if (size_bytes > single_limit_bytes) {
        return NULL;
    }
    size_t unit = alignof(max_align_t);
    size_t rounded = size_bytes == 0 ? unit : (size_bytes + unit - 1) / unit * unit;
    if (rounded > arena->left_bytes) {
        if (rounded > arena->next_chunk_bytes / 4) {
            return large_allocate(arena, rounded);
        }
        if (!chunk_begin(arena, rounded)) {
            return NULL;
        }
    }
    void *result = arena->at;
    arena->at += rounded;
    arena->left_bytes -= rounded;
    return result;
}

char *proto_arena_copy(proto_arena *arena, const char *text)
{
    const char *from = text == NULL ? "" : text;
    size_t size_bytes = strlen(from) + 1;
    char *copy = proto_arena_allocate(arena, size_bytes);
    return copy == NULL ? NULL : memcpy(copy, from, size_bytes);
}

char *proto_arena_format(proto_arena *arena, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (length < 0) {
        return NULL;
    }
    char *text = proto_arena_allocate(arena, (size_t)length + 1);
    if (text != NULL) {
        va_start(list, format);
        (void)vsnprintf(text, (size_t)length + 1, format, list);
        va_end(list);
    }
    return text;
}

size_t proto_arena_bytes(const proto_arena *arena)
{
    return arena->held_bytes;
}

void proto_arena_limit(proto_arena *arena, size_t more_bytes)
{
    arena->limit_bytes = arena->held_bytes + more_bytes;
}

void proto_arena_unlimit(proto_arena *arena)
{
    arena->limit_bytes = SIZE_MAX;
}
