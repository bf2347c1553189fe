/* Large objects: a hash table by address, chained through the objects' own records. It is the list
 * to sweep and the answer to whether an address is a large object. */
#include "gc_heap.h"

#define FIRST_BUCKETS 16u

_Static_assert(offsetof(mu_gc_large, end) % 16 == 0, "payloads of large objects are aligned to 16");

static uint64_t bucket_of(const mu_gc_large_table *table, uintptr_t ref)
{
    return (ref >> 6) * 0x9e3779b97f4a7c15u >> 20 & (table->bucket_count - 1);
}

static void link_large(mu_gc_large_table *table, mu_gc_large *large)
{
    mu_gc_large **bucket = &table->buckets[bucket_of(table, mu_gc_large_ref(large))];
    large->next = *bucket;
    *bucket = large;
}

static void grow(mu_gc_large_table *table)
{
    mu_gc_large_table old = *table;
    table->bucket_count = old.bucket_count ? old.bucket_count * 2 : FIRST_BUCKETS;
    table->buckets = mu_allocate(table->bucket_count * sizeof(mu_gc_large *));
    for (uint64_t i = 0; i < old.bucket_count; i++) {
        for (mu_gc_large *large = old.buckets[i], *next; large; large = next) {
            next = large->next;
            link_large(table, large);
        }
    }
    mu_free(old.buckets);
}

void mu_gc_large_add(mu_gc_large_table *table, mu_gc_large *large)
{
    if (table->count == table->bucket_count) {
        grow(table);
    }
    link_large(table, large);
    table->count++;
}

bool mu_gc_large_has(const mu_gc_large_table *table, uintptr_t ref)
{
    if (table->count == 0) {
        return false;
    }
    const mu_gc_large *large = table->buckets[bucket_of(table, ref)];
    while (large && mu_gc_large_ref(large) != ref) {
        large = large->next;
    }
    return large != NULL;
}

uint64_t mu_gc_large_sweep(mu_gc_large_table *table)
{
    uint64_t freed_bytes = 0;
    for (uint64_t i = 0; i < table->bucket_count; i++) {
        mu_gc_large **link = &table->buckets[i];
        while (*link) {
            mu_gc_large *large = *link;
            if (large->marked) {
                large->marked = false;
                link = &large->next;
                continue;
            }
            *link = large->next;
            freed_bytes += large->bytes;
            table->count--;
            mu_free(large);
        }
    }
    table->bytes -= freed_bytes;
    return freed_bytes;
}

uint64_t mu_gc_large_clear(mu_gc_large_table *table)
{
    uint64_t freed_bytes = mu_gc_large_sweep(table);
    mu_free(table->buckets);
    *table = (mu_gc_large_table){0};
    return freed_bytes;
}
