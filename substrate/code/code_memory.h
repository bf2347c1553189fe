#pragma once
/* Executable memory under W^X: one memory mapped as two views, and which pieces of it are free. Not
 * thread-safe: the cache holds its lock. Private to the room. */
#include "mu_base.h"

/* Pieces begin at and consist of whole granules. */
#define MU_CODE_GRANULE_LOG2  4u
#define MU_CODE_GRANULE_BYTES (1u << MU_CODE_GRANULE_LOG2)

typedef struct mu_code_range {
    uint64_t offset;
    uint64_t bytes;
} mu_code_range;

typedef struct mu_code_memory {
    unsigned char *writable;         /* the view for the runtime */
    const unsigned char *executable; /* the view for the processor */
    uint64_t size_bytes;
    uint64_t touched_bytes;       /* what lies above has never held code */
    MU_ARRAY(mu_code_range) free; /* ascending; no two touch */
} mu_code_memory;

/* Maps both views; nothing but address space is taken. Errors: SYSTEM. */
MU_MUST_CHECK mu_status mu_code_memory_init(mu_code_memory *memory, uint64_t size_bytes);
/* May also be called when init failed, or on zeroes. */
void mu_code_memory_deinit(mu_code_memory *memory);

/* Copies code to a free place and pads it to `range->bytes`, which is larger than `size_bytes` by
 * one at least. Errors: LIMIT, no gap is large enough. */
MU_MUST_CHECK mu_status mu_code_memory_put(mu_code_memory *memory, const unsigned char *bytes,
                                           uint32_t size_bytes, mu_code_range *range);
/* Changes one byte at an executable address, while it may be running. Takes no lock. */
void mu_code_memory_set_byte(mu_code_memory *memory, const unsigned char *at, unsigned char value);
/* Makes every processor that runs a thread of ours fetch anew. */
void mu_code_memory_synchronize(void);
/* Makes the piece free again and any jump into it a trap. */
void mu_code_memory_drop(mu_code_memory *memory, mu_code_range range);
/* What put gave for `size_bytes` at this address. */
mu_code_range mu_code_memory_range(const mu_code_memory *memory, const unsigned char *start,
                                   uint32_t size_bytes);
