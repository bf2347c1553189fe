#pragma once
/* Private to jit: the process's addresses for C to call. */
#include "mu_jit_native.h"

#include <pthread.h>

#define EXPOSED_CHUNK_COUNT 256u

/* A piece of code, with one entry for each of its slots, which are data. */
typedef struct exposed_chunk {
    mu_code_object *object;
    mu_jit_exposed slots[EXPOSED_CHUNK_COUNT];
} exposed_chunk;

typedef struct exposed_pool {
    pthread_mutex_t lock;
    mu_jit_called_fn *called;
    MU_ARRAY(exposed_chunk *) chunks;
    mu_jit_exposed *free_first, *free_last; /* taken from the first, given to the last */
    uint32_t free_count;
} exposed_pool;

void quick_exposed_init(exposed_pool *pool, mu_jit_called_fn *called);
void quick_exposed_deinit(exposed_pool *pool, mu_code_cache *cache);
void quick_unexpose_bundle(mu_jit *jit, mu_ir_bundle *bundle);
