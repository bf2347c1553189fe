#pragma once
/* Private to jit: the stubs' addresses, and the state behind `mu_jit`. */
#include "exposed.h"
#include "quick.h"

#include <pthread.h>

typedef struct mu_jit_stubs {
    mu_code_object *object;
    const void *enter;
    const void *bottom;
    const void *adapter;
    const void *native;
    const void *callback;
    const void *native_return;
    const void *native_resume;
    const void *barrier;
    const void *leave[MU_ABI_LEAVE_COUNT];
} mu_jit_stubs;

struct mu_jit {
    mu_code_cache *cache;
    mu_jit_stubs stubs;
    bool optimises_all;         /* by the optimising tier at once what that can have */
    pthread_mutex_t lock;       /* one compilation of the quick tier at a time */
    pthread_mutex_t optimising; /* and one of the other */
    watch_registry watches;
    exposed_pool exposed;
};

MU_MUST_CHECK mu_status mu_jit_stubs_make(mu_code_cache *cache, mu_jit_stubs *stubs);
/* Frees what descriptor.c made for the bundle's types. */
void quick_free_descriptors(mu_ir_bundle *bundle);
