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

/* A sweep under way begins again: what it had passed is spread over all buckets now. */
static void grow(mu_gc_large_table *table)
{
    mu_gc_large_table old = *table;
    table->sweep_at = old.sweep_at < old.bucket_count ? 0 : UINT64_MAX;
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

static uint64_t drop_at(mu_gc_large_table *table, mu_gc_large **link)
{
    mu_gc_large *large = *link;
    uint64_t bytes = large->bytes;
    *link = large->next;
    table->count--;
    table->bytes -= bytes;
    mu_free(large);
    return bytes;
}

uint64_t mu_gc_large_drop(mu_gc_large_table *table, mu_gc_large *large)
{
    mu_gc_large **link = &table->buckets[bucket_of(table, mu_gc_large_ref(large))];
    while (*link != large) {
        link = &(*link)->next;
    }
    return drop_at(table, link);
}

uint64_t mu_gc_large_sweep(mu_gc_large_table *table, uint8_t epoch, uint64_t most)
{
    uint64_t freed_bytes = 0;
    for (; table->sweep_at < table->bucket_count && most > 0; table->sweep_at++, most--) {
        mu_gc_large **link = &table->buckets[table->sweep_at];
        while (*link) {
            if ((*link)->is_young || (*link)->epoch == epoch) {
                link = &(*link)->next;
            } else {
                freed_bytes += drop_at(table, link);
            }
        }
    }
    return freed_bytes;
}

uint64_t mu_gc_large_clear(mu_gc_large_table *table)
{
    uint64_t freed_bytes = 0;
    for (uint64_t i = 0; i < table->bucket_count; i++) {
        while (table->buckets[i]) {
            freed_bytes += drop_at(table, &table->buckets[i]);
        }
    }
    mu_free(table->buckets);
    *table = (mu_gc_large_table){0};
    return freed_bytes;
}
