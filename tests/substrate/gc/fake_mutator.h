#pragma once
/* One mutator without machine code: a heap of its own, an allocation buffer, and C arrays for
 * roots. */
#include "job_threads.h"
#include "mu_gc.h"

#define FAKE_ROOTS 64
#define FAKE_AREAS 4

/* Memory outside the heap that holds references: `length` elements when the type is a hybrid, else
 * `length` values. */
typedef struct fake_area {
    void *address;
    const mu_abi_type *type;
    uint64_t length;
} fake_area;

typedef struct fake_mutator {
    mu_gc_pool *pool;
    mu_gc_heap *heap;
    uintptr_t cursor;
    uintptr_t limit;
    mu_gc_buffer buffer;
    uintptr_t roots[FAKE_ROOTS];
    uintptr_t weak_root;
    uintptr_t tagged_root;
    fake_area areas[FAKE_AREAS];
    bool is_generational;    /* fake_new collects young objects when that is due */
    void (*job)(void *heap); /* of the heap's, to be run; NULL: none */
    job_threads *threads;    /* which run the heap's jobs beside; NULL: none */
} fake_mutator;

#define FAKE_MIB ((uint64_t)1 << 20)

void fake_start(fake_mutator *mutator, const mu_gc_config *config);
/* The same, with a heap that marks old objects beside the mutator, whenever fake_run_job lets it.
 */
void fake_start_marking(fake_mutator *mutator, const mu_gc_config *config);
/* The same, but threads run the job whenever there is one, and as many help in stops. */
void fake_start_helped(fake_mutator *mutator, const mu_gc_config *config, job_threads *threads);
/* Lets the heap's background job run once; false when there is none. With threads, waits until they
 * have run what there is. */
bool fake_run_job(fake_mutator *mutator);
/* Frees heap and pool, having asserted that nothing is left in use. */
void fake_end(fake_mutator *mutator);
/* The whole heap. */
void fake_collect(fake_mutator *mutator);
/* Young objects; more where the heap thinks so. */
mu_gc_collection fake_collect_young(fake_mutator *mutator);
/* Stores a reference as compiled code would, after a collection. */
void fake_store(fake_mutator *mutator, uintptr_t ref, uint64_t index, uintptr_t value);
/* Through mu_gc_allocate; collects when there is no room; the test fails when there is none then.
 */
uintptr_t fake_new(fake_mutator *mutator, const mu_abi_type *type, uint64_t length);
/* The same, but first as compiled code would: bumps the buffer when a fixed-size object fits. */
uintptr_t fake_bump(fake_mutator *mutator, const mu_abi_type *type);
uint64_t fake_used_bytes(fake_mutator *mutator);

static inline uintptr_t *fake_word(uintptr_t ref, uint64_t index)
{
    return (uintptr_t *)ref + index;
}

/* [0] number, [1] ref, [2] ref */
extern const mu_abi_type fake_pair;
/* no references; [0] [1] numbers; payload aligned to 16 */
extern const mu_abi_type fake_vector;
/* size 0 */
extern const mu_abi_type fake_void;
/* hybrid: nothing fixed; elements of 8 bytes without references */
extern const mu_abi_type fake_words;
/* hybrid: [0] number; elements are refs */
extern const mu_abi_type fake_refs;
/* [0] weak ref */
extern const mu_abi_type fake_weak;
/* [0] tagref64 */
extern const mu_abi_type fake_tagged;
