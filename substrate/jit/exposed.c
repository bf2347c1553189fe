/* Addresses that C code can call. Each is an entry of a few bytes that never changes: it loads the
 * address of its slot and jumps through it to the common stub.
 *
 *      code    | mov r11, slot 0; jmp [r11] | mov r11, slot 1; jmp [r11] | …       chunk
 *      data    [ entry called func … ] [ entry called func … ] …
 *
 * So unexposing is a store, and an address that C still has leads to a slot that knows nothing: the
 * process ends with a diagnostic rather than in whatever code came to lie there. For the same
 * reason chunks stay as long as the process's code does, and slots wait in a queue before they are
 * used again.
 */
#include "exposed.h"

#include "stubs.h"

#define ENTRY_BYTES 16u
/* As long as no more are free, new ones are made. */
#define FREE_KEPT 128u

void quick_exposed_init(exposed_pool *pool, mu_jit_called_fn *called)
{
    pthread_mutex_init(&pool->lock, NULL);
    pool->called = called;
}

void quick_exposed_deinit(exposed_pool *pool, mu_code_cache *cache)
{
    for (uint32_t i = 0; i < pool->chunks.count; i++) {
        mu_code_remove(cache, pool->chunks.items[i]->object);
        mu_free(pool->chunks.items[i]);
    }
    MU_ARRAY_FREE(&pool->chunks);
    pthread_mutex_destroy(&pool->lock);
}

/* ---- slots */

static void put_free(exposed_pool *pool, mu_jit_exposed *slot)
{
    slot->next = NULL;
    slot->previous = pool->free_last;
    if (pool->free_last) {
        pool->free_last->next = slot;
    } else {
        pool->free_first = slot;
    }
    pool->free_last = slot;
    pool->free_count++;
}

static mu_jit_exposed *take_free(exposed_pool *pool)
{
    mu_jit_exposed *slot = pool->free_first;
    pool->free_first = slot->next;
    if (slot->next) {
        slot->next->previous = NULL;
    } else {
        pool->free_last = NULL;
    }
    pool->free_count--;
    return slot;
}

static mu_status add_chunk(mu_jit *jit)
{
    exposed_chunk *chunk = mu_allocate(sizeof *chunk);
    x64_assembler *a = x64_assembler_new();
    for (uint32_t i = 0; i < EXPOSED_CHUNK_COUNT; i++) {
        x64_align(a, ENTRY_BYTES);
        x64_mov_ri(a, R11, (uintptr_t)&chunk->slots[i]);
        x64_jmp_m(a, x64_at(R11, offsetof(mu_jit_exposed, entry)));
    }
    const unsigned char *bytes;
    uint32_t size;
    x64_assembler_finish(a, &bytes, &size);
    mu_code_object *object = mu_allocate(sizeof *object);
    object->name = mu_string_copy("mu.exposed", 10);
    mu_status status = mu_code_install(jit->cache, object, bytes, size);
    x64_assembler_free(a);
    if (status != MU_OK) {
        mu_code_object_free(object);
        mu_free(chunk);
        return status;
    }
    chunk->object = object;
    for (uint32_t i = 0; i < EXPOSED_CHUNK_COUNT; i++) {
        mu_jit_exposed *slot = &chunk->slots[i];
        slot->entry = jit->stubs.callback;
        slot->called = jit->exposed.called;
        slot->address = (uintptr_t)object->start + (uintptr_t)i * ENTRY_BYTES;
        put_free(&jit->exposed, slot);
    }
    MU_ARRAY_PUSH(&jit->exposed.chunks, chunk);
    return MU_OK;
}

/* NULL: nothing of ours is there. */
static mu_jit_exposed *slot_at(exposed_pool *pool, uintptr_t address)
{
    for (uint32_t i = 0; i < pool->chunks.count; i++) {
        exposed_chunk *chunk = pool->chunks.items[i];
        uintptr_t offset = address - (uintptr_t)chunk->object->start;
        if (offset < (uintptr_t)EXPOSED_CHUNK_COUNT * ENTRY_BYTES) {
            return offset % ENTRY_BYTES ? NULL : &chunk->slots[offset / ENTRY_BYTES];
        }
    }
    return NULL;
}

static void set_function(mu_jit_exposed *slot, const mu_ir_func *func)
{
    __atomic_store_n(&slot->func, func, __ATOMIC_RELEASE);
}

static void link_to_owner(mu_jit_exposed *slot, mu_jit_owner *owner)
{
    slot->owner = owner;
    slot->previous = NULL;
    slot->next = NULL;
    if (owner) {
        slot->next = owner->first;
        if (slot->next) {
            slot->next->previous = slot;
        }
        owner->first = slot;
        owner->count++;
    }
}

/* The pool's lock is held. */
static void release(exposed_pool *pool, mu_jit_exposed *slot)
{
    mu_jit_owner *owner = slot->owner;
    set_function(slot, NULL);
    if (owner) {
        if (slot->previous) {
            slot->previous->next = slot->next;
        } else {
            owner->first = slot->next;
        }
        if (slot->next) {
            slot->next->previous = slot->previous;
        }
        owner->count--;
    }
    slot->owner = NULL;
    put_free(pool, slot);
}

/* ---- exposing */

mu_status mu_jit_expose(mu_jit *jit, mu_jit_owner *owner, const mu_ir_func *func, uint64_t cookie,
                        uintptr_t *address)
{
    exposed_pool *pool = &jit->exposed;
    mu_status status = MU_OK;
    pthread_mutex_lock(&pool->lock);
    if (pool->free_count <= FREE_KEPT) {
        MU_TRY(add_chunk(jit));
    }
    mu_jit_exposed *slot = take_free(pool);
    link_to_owner(slot, owner);
    slot->cookie = cookie;
    set_function(slot, func);
    *address = slot->address;
done:
    pthread_mutex_unlock(&pool->lock);
    return status;
}

mu_status mu_jit_unexpose(mu_jit *jit, mu_jit_owner *owner, uintptr_t address)
{
    exposed_pool *pool = &jit->exposed;
    pthread_mutex_lock(&pool->lock);
    mu_jit_exposed *slot = slot_at(pool, address);
    bool is_exposed = slot && slot->func && slot->owner == owner;
    if (is_exposed) {
        release(pool, slot);
    }
    pthread_mutex_unlock(&pool->lock);
    return is_exposed ? MU_OK : MU_NOT_FOUND;
}

void mu_jit_unexpose_all(mu_jit *jit, mu_jit_owner *owner)
{
    exposed_pool *pool = &jit->exposed;
    pthread_mutex_lock(&pool->lock);
    while (owner->first) {
        release(pool, owner->first);
    }
    pthread_mutex_unlock(&pool->lock);
}

mu_status mu_jit_expose_bundle(mu_jit *jit, mu_ir_bundle *bundle)
{
    mu_status status = MU_OK;
    for (uint32_t i = 0; i < bundle->expose_count; i++) {
        mu_ir_expose *expose = bundle->exposes[i];
        MU_TRY(mu_jit_expose(jit, NULL, expose->func, expose->cookie->low, &expose->address));
    }
done:
    if (status != MU_OK) {
        quick_unexpose_bundle(jit, bundle);
    }
    return status;
}

void quick_unexpose_bundle(mu_jit *jit, mu_ir_bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->expose_count; i++) {
        mu_ir_expose *expose = bundle->exposes[i];
        if (expose->address) {
            mu_status status = mu_jit_unexpose(jit, NULL, expose->address);
            MU_INVARIANT(status == MU_OK, "%s is not exposed", expose->entity.name);
            expose->address = 0;
        }
    }
}

/* ---- signatures */

/* The vectors that C's compilers pass alike; the verifier has the same rule. */
static bool is_native_vector(const mu_ir_type *type)
{
    const mu_ir_type *lane = type->element;
    bool is_lane = lane->kind == MU_IR_INT
                       ? lane->bits >= 8 && lane->bits <= 64 && !(lane->bits & (lane->bits - 1))
                       : lane->kind == MU_IR_FLOAT || lane->kind == MU_IR_DOUBLE ||
                             lane->kind == MU_IR_UPTR || lane->kind == MU_IR_UFUNCPTR;
    return is_lane && type->length >= 2 && !(type->length & (type->length - 1)) &&
           type->size_bytes <= 32;
}

static bool is_native_value(const mu_ir_type *type, bool is_inside)
{
    bool is_right = true;
    switch ((int)type->kind) {
    case MU_IR_VECTOR: return is_native_vector(type);
    case MU_IR_INT:
    case MU_IR_FLOAT:
    case MU_IR_DOUBLE:
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR: return true;
    case MU_IR_STRUCT:
        for (uint32_t i = 0; i < type->field_count; i++) {
            is_right = is_right && is_native_value(type->fields[i], true);
        }
        return is_right;
    case MU_IR_ARRAY: return is_inside && is_native_value(type->element, true);
    default: return false;
    }
}

bool mu_jit_can_expose(const mu_ir_sig *sig)
{
    bool is_right = sig->result_count <= 1 && mu_jit_can_pass(sig->params, sig->param_count) &&
                    mu_jit_can_pass(sig->results, sig->result_count);
    for (uint32_t i = 0; is_right && i < sig->param_count; i++) {
        is_right = is_native_value(sig->params[i], false);
    }
    const mu_ir_type *result = sig->result_count ? sig->results[0] : NULL;
    bool is_wide_vector = result && result->kind == MU_IR_VECTOR && result->size_bytes > 16;
    return is_right && !is_wide_vector && (!result || is_native_value(result, false));
}
