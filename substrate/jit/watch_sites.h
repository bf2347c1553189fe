#pragma once
/* Private to jit: which instructions in installed code belong to which watchpoint, and switching
 * them. */
#include "mu_jit.h"

#include <pthread.h>

typedef struct watch_entry watch_entry;
typedef struct watch_registry {
    pthread_mutex_t lock;
    mu_code_cache *cache;
    watch_entry **buckets; /* by id, chained */
    uint32_t bucket_count;
    uint32_t count;
} watch_registry;

/* A site in code that is being compiled: `offset` is that of the byte to switch. */
typedef struct watch_offset {
    uint32_t id;
    uint32_t offset;
} watch_offset;

void quick_watches_init(watch_registry *registry, mu_code_cache *cache);
void quick_watches_deinit(watch_registry *registry);
/* Enters the sites of a piece that nobody runs yet, and switches those that are enabled. */
void quick_watches_add(watch_registry *registry, mu_code_object *object,
                       const watch_offset *offsets, uint32_t count);
/* Host memory for so many sites. */
uint64_t quick_watches_bytes(uint32_t count);
/* Before the piece is removed from the cache. */
void quick_watches_forget(watch_registry *registry, mu_code_object *object);
