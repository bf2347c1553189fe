#pragma once
/* Protobuf wire bytes put together by hand, also wrong ones. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct wire {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
} wire;

static inline void wire_raw(wire *w, const void *bytes, size_t count)
{
    if (w->length + count > w->capacity) {
        w->capacity = (w->length + count) * 2;
        w->bytes = realloc(w->bytes, w->capacity);
    }
    if (count > 0) {
        memcpy(w->bytes + w->length, bytes, count);
    }
    w->length += count;
}

static inline void wire_varint(wire *w, uint64_t value)
{
    do {
        uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        wire_raw(w, &byte, 1);
        value >>= 7;
    } while (value != 0);
}

static inline void wire_number(wire *w, uint32_t field, uint64_t value)
{
    wire_varint(w, (uint64_t)field << 3);
    wire_varint(w, value);
}

static inline void wire_content(wire *w, uint32_t field, const void *bytes, size_t count)
{
    wire_varint(w, (uint64_t)field << 3 | 2);
    wire_varint(w, count);
    wire_raw(w, bytes, count);
}

/* Wraps all that `w` holds into one field of an outer message. */
static inline void wire_wrap(wire *w, uint32_t field)
{
    wire outer = {0};
    wire_content(&outer, field, w->bytes, w->length);
    free(w->bytes);
    *w = outer;
}

static inline void wire_free(wire *w)
{
    free(w->bytes);
    *w = (wire){0};
}
