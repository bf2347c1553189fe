/* Watchpoints in machine code. A WATCHPOINT or WPBRANCH is one instruction of five bytes on its
 * disabled path, and enabling changes the first byte of it:
 *
 *      a9 distance    TEST EAX, imm32     flags, which nothing wants there
 *      e9 distance    JMP                 to the code for the case that it is enabled
 *
 * Both have the same length, so a processor that is fetching them sees one or the other, whatever
 * it does: no thread need be stopped, nor need the bytes be aligned. Code is shared by VMs and a
 * watchpoint is a VM's own, so a site is switched while any VM has its id enabled, and the code
 * behind asks which VM it is. */
#include "watch_sites.h"

#include "stubs.h"

#define DISABLED      0xa9
#define ENABLED       0xe9
#define FIRST_BUCKETS 16u

typedef struct watch_site watch_site;
struct watch_site {
    watch_site *next; /* of the same id */
    watch_site *previous;
    watch_site *next_in_object;
    watch_entry *entry;
    const unsigned char *opcode;
};

/* An id that code has or a VM has enabled. */
struct watch_entry {
    watch_entry *next; /* in its bucket */
    uint32_t id;
    uint32_t enabled; /* by how many VMs */
    watch_site *sites;
};

void quick_watches_init(watch_registry *registry, mu_code_cache *cache)
{
    *registry = (watch_registry){.cache = cache, .bucket_count = FIRST_BUCKETS};
    registry->buckets = mu_allocate(FIRST_BUCKETS * sizeof(watch_entry *));
    pthread_mutex_init(&registry->lock, NULL);
}

void quick_watches_deinit(watch_registry *registry)
{
    MU_INVARIANT(!registry->count, "%u watchpoints are left", registry->count);
    mu_free(registry->buckets);
    pthread_mutex_destroy(&registry->lock);
}

/* The link that leads to the id's entry, or the one to put it at. */
static watch_entry **link_of(watch_registry *registry, uint32_t id)
{
    watch_entry **link = &registry->buckets[mu_hash(&id, sizeof id) & (registry->bucket_count - 1)];
    while (*link && (*link)->id != id) {
        link = &(*link)->next;
    }
    return link;
}

static void grow(watch_registry *registry)
{
    watch_entry **old = registry->buckets;
    uint32_t old_count = registry->bucket_count;
    registry->bucket_count *= 2;
    registry->buckets = mu_allocate(registry->bucket_count * sizeof(watch_entry *));
    for (uint32_t i = 0; i < old_count; i++) {
        for (watch_entry *entry = old[i], *next; entry; entry = next) {
            next = entry->next;
            entry->next = NULL;
            *link_of(registry, entry->id) = entry;
        }
    }
    mu_free(old);
}

static watch_entry *entry_of(watch_registry *registry, uint32_t id)
{
    if (registry->count == registry->bucket_count) {
        grow(registry);
    }
    watch_entry **link = link_of(registry, id);
    if (!*link) {
        *link = mu_allocate(sizeof **link);
        (*link)->id = id;
        registry->count++;
    }
    return *link;
}

static void drop_if_unused(watch_registry *registry, watch_entry *entry)
{
    if (!entry->enabled && !entry->sites) {
        watch_entry **link = link_of(registry, entry->id);
        *link = entry->next;
        mu_free(entry);
        registry->count--;
    }
}

uint64_t quick_watches_bytes(uint32_t count)
{
    return (uint64_t)count * (sizeof(watch_site) + sizeof(watch_entry));
}

void quick_watches_add(watch_registry *registry, mu_code_object *object,
                       const watch_offset *offsets, uint32_t count)
{
    watch_site *first = NULL;
    if (count == 0) {
        return;
    }
    pthread_mutex_lock(&registry->lock);
    for (uint32_t i = 0; i < count; i++) {
        watch_entry *entry = entry_of(registry, offsets[i].id);
        watch_site *site = mu_allocate(sizeof *site);
        *site = (watch_site){.next = entry->sites,
                             .next_in_object = first,
                             .entry = entry,
                             .opcode = object->start + offsets[i].offset};
        if (site->next) {
            site->next->previous = site;
        }
        entry->sites = site;
        first = site;
        if (entry->enabled) {
            mu_code_set_byte(registry->cache, site->opcode, ENABLED);
        }
    }
    object->switches = first;
    pthread_mutex_unlock(&registry->lock);
}

void quick_watches_forget(watch_registry *registry, mu_code_object *object)
{
    if (object->switches == NULL) {
        return;
    }
    pthread_mutex_lock(&registry->lock);
    for (watch_site *site = object->switches, *next; site; site = next) {
        next = site->next_in_object;
        *(site->previous ? &site->previous->next : &site->entry->sites) = site->next;
        if (site->next) {
            site->next->previous = site->previous;
        }
        drop_if_unused(registry, site->entry);
        mu_free(site);
    }
    object->switches = NULL;
    pthread_mutex_unlock(&registry->lock);
}

static void switch_sites(watch_registry *registry, const watch_entry *entry, unsigned char opcode)
{
    for (const watch_site *site = entry->sites; site; site = site->next) {
        mu_code_set_byte(registry->cache, site->opcode, opcode);
    }
    if (entry->sites) {
        mu_code_synchronize();
    }
}

void mu_jit_watch(mu_jit *jit, uint32_t id)
{
    watch_registry *registry = &jit->watches;
    pthread_mutex_lock(&registry->lock);
    watch_entry *entry = entry_of(registry, id);
    if (entry->enabled++ == 0) {
        switch_sites(registry, entry, ENABLED);
    }
    pthread_mutex_unlock(&registry->lock);
}

void mu_jit_unwatch(mu_jit *jit, uint32_t id)
{
    watch_registry *registry = &jit->watches;
    pthread_mutex_lock(&registry->lock);
    watch_entry *entry = *link_of(registry, id);
    MU_INVARIANT(entry && entry->enabled, "watchpoint %u is disabled twice", id);
    if (--entry->enabled == 0) {
        switch_sites(registry, entry, DISABLED);
        drop_if_unused(registry, entry);
    }
    pthread_mutex_unlock(&registry->lock);
}
