/* Giving pages back to the system while their blocks stay the heap's: what one small object keeps
 * of an idle VM is then a page, not a block. */
#include "gc_heap.h"

#include <sys/mman.h>

#define PAGE_BYTES  4096u
#define PAGE_LINES  (PAGE_BYTES / MU_GC_LINE_BYTES)
#define BLOCK_PAGES (MU_GC_BLOCK_BYTES / PAGE_BYTES)

static bool is_page_free(const uint8_t *lines)
{
    for (uint32_t i = 0; i < PAGE_LINES; i++) {
        if (lines[i]) {
            return false;
        }
    }
    return true;
}

/* Runs of free pages go with one call each. */
static void trim_block(const mu_gc_block *block)
{
    const uint8_t *lines = mu_gc_block_lines(block);
    char *memory = (char *)mu_gc_block_start(block);
    uint32_t page = 0;
    while (page < BLOCK_PAGES) {
        uint32_t first = page;
        while (page < BLOCK_PAGES && is_page_free(lines + (size_t)page * PAGE_LINES)) {
            page++;
        }
        if (page > first) {
            (void)madvise(memory + (size_t)first * PAGE_BYTES, (size_t)(page - first) * PAGE_BYTES,
                          MADV_DONTNEED);
        }
        page++;
    }
}

void mu_gc_heap_trim(mu_gc_heap *heap)
{
    pthread_mutex_lock(&heap->background);
    pthread_mutex_lock(&heap->lock);
    mu_gc_heap_sweep(heap, UINT64_MAX);
    for (const mu_gc_block *block = heap->mature; block && !mu_gc_poisons(heap);
         block = block->next) {
        trim_block(block);
    }
    pthread_mutex_unlock(&heap->lock);
    pthread_mutex_unlock(&heap->background);
}
