/* Free space is an ascending array of gaps, the first large enough one is taken, and neighbours
 * merge. Bundles are loaded and unloaded whole, so gaps are few and large; nothing cleverer has
 * paid yet.
 */
#include "code_memory.h"

#include <linux/membarrier.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRAP_BYTE 0xcc /* INT3 */

/* Shared anonymous memory, and the same pages mapped again: what mremap does when told an old size
 * of 0. A memfd would give the two views as well, but perf takes it for a file of code on disk and
 * then does not look into the perf map. */
static mu_status map_views(mu_code_memory *memory)
{
    void *writable = mmap(NULL, memory->size_bytes, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (writable == MAP_FAILED) {
        return MU_SYSTEM;
    }
    memory->writable = writable;
    void *executable = mremap(writable, 0, memory->size_bytes, MREMAP_MAYMOVE);
    if (executable == MAP_FAILED) {
        return MU_SYSTEM;
    }
    memory->executable = executable;
    if (mprotect(executable, memory->size_bytes, PROT_READ | PROT_EXEC) != 0) {
        return MU_SYSTEM;
    }
    return MU_OK;
}

/* A processor may have fetched what this memory held before; all of ours are made to fetch anew.
 * Where the kernel lacks the call, the coherence of x86 caches is what remains, and has always been
 * enough. */
void mu_code_memory_synchronize(void)
{
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
}

mu_status mu_code_memory_init(mu_code_memory *memory, uint64_t size_bytes)
{
    *memory = (mu_code_memory){.size_bytes = size_bytes};
    mu_status status = map_views(memory);
    if (status != MU_OK) {
        mu_code_memory_deinit(memory);
        return status;
    }
    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
    MU_ARRAY_PUSH(&memory->free, (mu_code_range){0, size_bytes});
    return MU_OK;
}

void mu_code_memory_deinit(mu_code_memory *memory)
{
    if (memory->writable) {
        munmap(memory->writable, memory->size_bytes);
    }
    if (memory->executable) {
        munmap((void *)(uintptr_t)memory->executable, memory->size_bytes);
    }
    MU_ARRAY_FREE(&memory->free);
    *memory = (mu_code_memory){0};
}

/* A byte behind the code is always ours: a call may be its last instruction, and then the return
 * address must not be the first one of another piece. */
static uint64_t padded(uint32_t size_bytes)
{
    return ((uint64_t)size_bytes + MU_CODE_GRANULE_BYTES) & ~(uint64_t)(MU_CODE_GRANULE_BYTES - 1);
}

static void remove_gap(mu_code_memory *memory, uint32_t index)
{
    memory->free.count--;
    memmove(&memory->free.items[index], &memory->free.items[index + 1],
            (memory->free.count - index) * sizeof(mu_code_range));
}

static bool take(mu_code_memory *memory, uint64_t bytes, uint64_t *offset)
{
    for (uint32_t i = 0; i < memory->free.count; i++) {
        mu_code_range *gap = &memory->free.items[i];
        if (gap->bytes >= bytes) {
            *offset = gap->offset;
            gap->offset += bytes;
            gap->bytes -= bytes;
            if (gap->bytes == 0) {
                remove_gap(memory, i);
            }
            return true;
        }
    }
    return false;
}

mu_status mu_code_memory_put(mu_code_memory *memory, const unsigned char *bytes,
                             uint32_t size_bytes, mu_code_range *range)
{
    uint64_t piece_bytes = padded(size_bytes);
    uint64_t offset;
    if (!take(memory, piece_bytes, &offset)) {
        return MU_LIMIT;
    }
    if (size_bytes > 0) {
        memcpy(memory->writable + offset, bytes, size_bytes);
    }
    memset(memory->writable + offset + size_bytes, TRAP_BYTE, piece_bytes - size_bytes);
    if (offset < memory->touched_bytes) {
        mu_code_memory_synchronize();
    }
    if (memory->touched_bytes < offset + piece_bytes) {
        memory->touched_bytes = offset + piece_bytes;
    }
    *range = (mu_code_range){offset, piece_bytes};
    return MU_OK;
}

void mu_code_memory_drop(mu_code_memory *memory, mu_code_range range)
{
    memset(memory->writable + range.offset, TRAP_BYTE, range.bytes);
    uint32_t at = 0; /* the first gap behind the piece */
    uint32_t end = memory->free.count;
    while (at < end) {
        uint32_t middle = at + (end - at) / 2;
        if (memory->free.items[middle].offset < range.offset) {
            at = middle + 1;
        } else {
            end = middle;
        }
    }
    mu_code_range *before = at > 0 ? &memory->free.items[at - 1] : NULL;
    mu_code_range *behind = at < memory->free.count ? &memory->free.items[at] : NULL;
    bool joins_before = before && before->offset + before->bytes == range.offset;
    bool joins_behind = behind && range.offset + range.bytes == behind->offset;
    if (joins_before && joins_behind) {
        before->bytes += range.bytes + behind->bytes;
        remove_gap(memory, at);
    } else if (joins_before) {
        before->bytes += range.bytes;
    } else if (joins_behind) {
        behind->offset = range.offset;
        behind->bytes += range.bytes;
    } else {
        MU_ARRAY_PUSH(&memory->free, range);
        memmove(&memory->free.items[at + 1], &memory->free.items[at],
                (memory->free.count - 1 - at) * sizeof(mu_code_range));
        memory->free.items[at] = range;
    }
}

void mu_code_memory_set_byte(mu_code_memory *memory, const unsigned char *at, unsigned char value)
{
    __atomic_store_n(&memory->writable[at - memory->executable], value, __ATOMIC_RELEASE);
}

mu_code_range mu_code_memory_range(const mu_code_memory *memory, const unsigned char *start,
                                   uint32_t size_bytes)
{
    return (mu_code_range){(uint64_t)(start - memory->executable), padded(size_bytes)};
}
