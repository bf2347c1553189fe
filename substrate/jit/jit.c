#include "stubs.h"

mu_status mu_jit_new(mu_code_cache *cache, mu_jit_called_fn *called, mu_jit **jit)
{
    mu_jit *made = mu_allocate(sizeof *made);
    made->cache = cache;
    mu_status status = mu_jit_stubs_make(cache, &made->stubs);
    if (status != MU_OK) {
        mu_free(made);
        return status;
    }
    pthread_mutex_init(&made->lock, NULL);
    pthread_mutex_init(&made->optimising, NULL);
    quick_watches_init(&made->watches, cache);
    quick_exposed_init(&made->exposed, called);
    *jit = made;
    return MU_OK;
}

void mu_jit_free(mu_jit *jit)
{
    if (jit) {
        quick_exposed_deinit(&jit->exposed, jit->cache);
        mu_code_remove(jit->cache, jit->stubs.object);
        pthread_mutex_destroy(&jit->lock);
        pthread_mutex_destroy(&jit->optimising);
        quick_watches_deinit(&jit->watches);
        mu_free(jit);
    }
}

mu_jit_enter_fn *mu_jit_enter(const mu_jit *jit)
{
    union {
        const void *address;
        mu_jit_enter_fn *function;
    } enter = {.address = jit->stubs.enter};
    return enter.function;
}

const void *mu_jit_lazy_entry(const mu_jit *jit)
{
    return jit->stubs.leave[MU_ABI_LEAVE_COMPILE];
}

uintptr_t mu_jit_bottom(const mu_jit *jit)
{
    return (uintptr_t)jit->stubs.bottom;
}

uintptr_t mu_jit_native_return(const mu_jit *jit)
{
    return (uintptr_t)jit->stubs.native_return;
}

uintptr_t mu_jit_adapter(const mu_jit *jit)
{
    return (uintptr_t)jit->stubs.adapter;
}

const void *mu_jit_leave_error(const mu_jit *jit)
{
    return jit->stubs.leave[MU_ABI_LEAVE_ERROR];
}

void mu_jit_optimise_all(mu_jit *jit)
{
    jit->optimises_all = true;
}

const mu_code_object *mu_jit_optimised(const mu_ir_version *version)
{
    return __atomic_load_n(&version->optimised, __ATOMIC_ACQUIRE);
}

bool mu_jit_is_not_optimised(const mu_ir_version *version)
{
    return __atomic_load_n(&version->is_not_optimised, __ATOMIC_RELAXED);
}

const mu_code_object *mu_jit_object(const mu_ir_version *version)
{
    return __atomic_load_n(&version->code, __ATOMIC_ACQUIRE);
}

static void free_version(mu_jit *jit, mu_ir_version *version)
{
    if (version && version->code) {
        quick_watches_forget(&jit->watches, version->code);
        mu_code_remove(jit->cache, version->code);
        version->code = NULL;
    }
    if (version && version->optimised) {
        mu_code_remove(jit->cache, version->optimised);
        version->optimised = NULL;
    }
}

void mu_jit_free_bundle(mu_jit *jit, mu_ir_bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->version_count; i++) {
        free_version(jit, bundle->versions[i]);
    }
    for (uint32_t i = 0; i < bundle->func_count; i++) {
        free_version(jit, bundle->funcs[i]->hidden);
    }
    quick_unexpose_bundle(jit, bundle);
    quick_free_descriptors(bundle);
}
