/* Accesses to typed memory, as whole as compiled code's: words of up to 8 bytes by the compiler's
 * atomics, relaxed or sequentially consistent; irefs and whatever is aligned like them in pieces of
 * 16, which x86-64 with AVX does at once. */
#include "context_internal.h"

#include <string.h>

/* What compiled code writes, and thereby publishes, ThreadSanitizer does not see: it would take an
 * object that a worker made in C and compiled code stored for one that nobody handed over. */
#define UNWATCHED __attribute__((no_sanitize("thread")))

typedef long long pair __attribute__((vector_size(16)));

static UNWATCHED uint64_t read_word(const void *memory, uint64_t bytes, bool is_atomic)
{
    int order = is_atomic ? __ATOMIC_SEQ_CST : __ATOMIC_RELAXED;
    switch (bytes) {
    case 1: return __atomic_load_n((const uint8_t *)memory, order);
    case 2: return __atomic_load_n((const uint16_t *)memory, order);
    case 4: return __atomic_load_n((const uint32_t *)memory, order);
    default: return __atomic_load_n((const uint64_t *)memory, order);
    }
}

static UNWATCHED void write_word(void *memory, uint64_t bytes, bool is_atomic, uint64_t word)
{
    int order = is_atomic ? __ATOMIC_SEQ_CST : __ATOMIC_RELAXED;
    switch (bytes) {
    case 1: __atomic_store_n((uint8_t *)memory, (uint8_t)word, order); break;
    case 2: __atomic_store_n((uint16_t *)memory, (uint16_t)word, order); break;
    case 4: __atomic_store_n((uint32_t *)memory, (uint32_t)word, order); break;
    default: __atomic_store_n((uint64_t *)memory, word, order); break;
    }
}

UNWATCHED bool context_exchange_word(void *memory, uint64_t bytes, uint64_t *expected,
                                     uint64_t desired)
{
    uint8_t byte = (uint8_t)*expected;
    uint16_t half = (uint16_t)*expected;
    uint32_t word = (uint32_t)*expected;
    bool done;
    switch (bytes) {
    case 1:
        done = __atomic_compare_exchange_n((uint8_t *)memory, &byte, (uint8_t)desired, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        *expected = byte;
        return done;
    case 2:
        done = __atomic_compare_exchange_n((uint16_t *)memory, &half, (uint16_t)desired, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        *expected = half;
        return done;
    case 4:
        done = __atomic_compare_exchange_n((uint32_t *)memory, &word, (uint32_t)desired, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        *expected = word;
        return done;
    default:
        return __atomic_compare_exchange_n((uint64_t *)memory, expected, desired, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
}

static UNWATCHED void read_pair(const void *memory, void *bytes)
{
    pair both;
    __asm__ volatile("movdqa %1, %0" : "=x"(both) : "m"(*(const pair *)memory));
    memcpy(bytes, &both, sizeof both);
}

static UNWATCHED void write_pair(void *memory, const void *bytes)
{
    pair both;
    memcpy(&both, bytes, sizeof both);
    __asm__ volatile("movdqa %1, %0" : "=m"(*(pair *)memory) : "x"(both));
}

UNWATCHED bool context_exchange_pair(void *memory, uint64_t expected[2], const uint64_t desired[2])
{
    bool done;
    __asm__ volatile("lock cmpxchg16b %1\n\tsete %0"
                     : "=q"(done), "+m"(*(pair *)memory), "+a"(expected[0]), "+d"(expected[1])
                     : "b"(desired[0]), "c"(desired[1])
                     : "cc", "memory");
    return done;
}

UNWATCHED void context_fence_memory(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* The next piece of a value with `left` bytes to go. */
static uint64_t piece_of(const mu_ir_type *type, uint64_t left)
{
    uint64_t piece = type->align_bytes < 16 ? type->align_bytes : 16;
    while (piece > left) {
        piece /= 2;
    }
    return piece;
}

UNWATCHED void context_read_memory(const mu_ir_type *type, const void *memory, bool is_atomic,
                                   void *bytes)
{
    const unsigned char *from = memory;
    unsigned char *to = bytes;
    uint64_t piece;
    for (uint64_t at = 0; at < type->size_bytes; at += piece) {
        piece = piece_of(type, type->size_bytes - at);
        if (piece == 16) {
            read_pair(from + at, to + at);
        } else {
            uint64_t word = read_word(from + at, piece, is_atomic);
            memcpy(to + at, &word, piece);
        }
    }
}

UNWATCHED void context_write_memory(const mu_ir_type *type, void *memory, bool is_atomic,
                                    const void *bytes)
{
    unsigned char *to = memory;
    const unsigned char *from = bytes;
    uint64_t piece;
    for (uint64_t at = 0; at < type->size_bytes; at += piece) {
        piece = piece_of(type, type->size_bytes - at);
        if (piece == 16) {
            write_pair(to + at, from + at);
        } else {
            uint64_t word = 0;
            memcpy(&word, from + at, piece);
            write_word(to + at, piece, is_atomic, word);
        }
    }
    if (is_atomic) {
        context_fence_memory();
    }
}
