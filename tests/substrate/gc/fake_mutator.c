#include "fake_mutator.h"

#include <criterion/criterion.h>
#include <string.h>

static const mu_abi_slot ref_at_0[] = {{.offset_bytes = 0, .kind = MU_ABI_SLOT_REF}};
static const mu_abi_slot weak_at_0[] = {{.offset_bytes = 0, .kind = MU_ABI_SLOT_WEAK}};
static const mu_abi_slot tagged_at_0[] = {{.offset_bytes = 0, .kind = MU_ABI_SLOT_TAGREF64}};
static const mu_abi_slot refs_at_8[] = {{.offset_bytes = 8, .kind = MU_ABI_SLOT_REF},
                                        {.offset_bytes = 16, .kind = MU_ABI_SLOT_REF}};

const mu_abi_type fake_pair = {
    .size_bytes = 24, .align_bytes = 8, .slots = refs_at_8, .slot_count = 2, .name = "@pair"};
const mu_abi_type fake_vector = {.size_bytes = 16, .align_bytes = 16, .name = "@vector"};
const mu_abi_type fake_void = {.size_bytes = 0, .align_bytes = 8, .name = "@void"};
const mu_abi_type fake_words = {
    .stride_bytes = 8, .align_bytes = 8, .is_hybrid = true, .name = "@words"};
const mu_abi_type fake_refs = {.size_bytes = 8,
                               .stride_bytes = 8,
                               .align_bytes = 8,
                               .is_hybrid = true,
                               .element_slots = ref_at_0,
                               .element_slot_count = 1,
                               .name = "@refs"};
const mu_abi_type fake_weak = {
    .size_bytes = 8, .align_bytes = 8, .slots = weak_at_0, .slot_count = 1, .name = "@weak"};
const mu_abi_type fake_tagged = {
    .size_bytes = 8, .align_bytes = 8, .slots = tagged_at_0, .slot_count = 1, .name = "@tagged"};

void fake_start(fake_mutator *mutator, const mu_gc_config *config)
{
    memset(mutator, 0, sizeof(*mutator));
    mutator->pool = mu_gc_pool_new();
    mutator->heap = mu_gc_heap_new(mutator->pool, config);
    mutator->buffer = (mu_gc_buffer){&mutator->cursor, &mutator->limit};
}

static void keep_job(void *context, void (*job)(void *argument), void *heap)
{
    fake_mutator *mutator = context;
    cr_assert_eq(heap, mutator->heap);
    cr_assert_eq(mutator->job, NULL, "one job at a time");
    mutator->job = job;
}

void fake_start_marking(fake_mutator *mutator, const mu_gc_config *config)
{
    mu_gc_config marking = *config;
    marking.run_later = keep_job;
    marking.run_context = mutator;
    fake_start(mutator, &marking);
}

void fake_start_helped(fake_mutator *mutator, const mu_gc_config *config, job_threads *threads)
{
    mu_gc_config helped = *config;
    helped.run_later = job_threads_run_later;
    helped.run_context = threads;
    helped.helpers = threads->thread_count;
    fake_start(mutator, &helped);
    mutator->threads = threads;
}

bool fake_run_job(fake_mutator *mutator)
{
    if (mutator->threads) {
        job_threads_wait(mutator->threads);
        return false;
    }
    void (*job)(void *) = mutator->job;
    mutator->job = NULL;
    if (job) {
        job(mutator->heap);
    }
    return job != NULL;
}

void fake_end(fake_mutator *mutator)
{
    while (fake_run_job(mutator)) {
    }
    mu_gc_buffer_retire(mutator->heap, &mutator->buffer);
    mu_gc_heap_free(mutator->heap);
    cr_assert_eq(mu_gc_pool_used_bytes(mutator->pool), 0);
    mu_gc_pool_free(mutator->pool);
}

static void show_roots(mu_gc_tracer *tracer, void *context)
{
    fake_mutator *mutator = context;
    for (int i = 0; i < FAKE_ROOTS; i++) {
        mu_gc_trace_slot(tracer, &mutator->roots[i], MU_ABI_SLOT_REF);
    }
    mu_gc_trace_slot(tracer, &mutator->weak_root, MU_ABI_SLOT_WEAK);
    mu_gc_trace_slot(tracer, &mutator->tagged_root, MU_ABI_SLOT_TAGREF64);
    for (int i = 0; i < FAKE_AREAS; i++) {
        const fake_area *area = &mutator->areas[i];
        if (area->type && area->type->is_hybrid) {
            mu_gc_trace_hybrid(tracer, area->address, area->type, area->length);
        } else if (area->type) {
            mu_gc_trace_area(tracer, area->address, area->type, area->length);
        }
    }
}

uint64_t fake_used_bytes(fake_mutator *mutator)
{
    mu_gc_stats stats = mu_gc_heap_stats(mutator->heap);
    cr_assert_leq(stats.used_bytes, stats.quota_bytes, "the quota is exceeded");
    if (!mutator->threads) { /* which may give something back in between */
        cr_assert_eq(stats.used_bytes, mu_gc_pool_used_bytes(mutator->pool));
    }
    return stats.used_bytes;
}

static mu_gc_collection collect(fake_mutator *mutator, bool full)
{
    mu_gc_buffer_retire(mutator->heap, &mutator->buffer);
    mu_gc_collection collection = mu_gc_plan(mutator->heap, full);
    mu_gc_collect(mutator->heap, &collection, show_roots, mutator);
    fake_used_bytes(mutator);
    return collection;
}

void fake_collect(fake_mutator *mutator)
{
    collect(mutator, true);
}

mu_gc_collection fake_collect_young(fake_mutator *mutator)
{
    return collect(mutator, false);
}

void fake_store(fake_mutator *mutator, uintptr_t ref, uint64_t index, uintptr_t value)
{
    uintptr_t *word = fake_word(ref, index);
    if (*mu_abi_header((mu_ref){ref}) & MU_ABI_HEADER_UNLOGGED) {
        mu_gc_log(mutator->heap, (mu_ref){ref}, (uintptr_t)word, sizeof *word);
    }
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

uintptr_t fake_new(fake_mutator *mutator, const mu_abi_type *type, uint64_t length)
{
    mu_ref ref;
    if (mutator->is_generational && mu_gc_is_due(mutator->heap)) {
        fake_collect_young(mutator);
    }
    mu_status status = mu_gc_allocate(mutator->heap, &mutator->buffer, type, length, &ref);
    if (status == MU_NO_MEMORY) {
        fake_collect(mutator);
        status = mu_gc_allocate(mutator->heap, &mutator->buffer, type, length, &ref);
    }
    cr_assert_eq(status, MU_OK, "no room for a %s of %zu elements", type->name, (size_t)length);
    cr_assert_eq(mu_gc_type_of(ref), type);
    return ref.address;
}

uintptr_t fake_bump(fake_mutator *mutator, const mu_abi_type *type)
{
    uint64_t bytes = MU_ABI_HEADER_BYTES + type->size_bytes;
    if (mutator->limit - mutator->cursor < bytes) {
        return fake_new(mutator, type, 0);
    }
    uintptr_t ref = mutator->cursor + MU_ABI_HEADER_BYTES;
    memset((void *)mutator->cursor, 0, bytes);
    mutator->cursor += bytes;
    *mu_abi_header((mu_ref){ref}) = (uintptr_t)type;
    return ref;
}
