/* Lookup. A side table has a 4-byte number for every granule of the cache: 0, or the number of the
 * piece of code that covers it; a second table leads from numbers to objects. Both are as large as
 * they can ever become, but only address space until they are used, so that they never move and
 * readers need no lock:
 *
 *      code       | gcd gcd gcd … | fib fib | (free)
 *      numbers    |  1   1   1  … |  2   2  |  0  0
 *      objects    [ -, gcd, fib, … ]
 *
 * install fills in the object before the numbers that lead to it, remove clears them the other way
 * round, and a reader looks at the granule's number again once it has the object.
 */
#include "mu_code.h"

#include "code_memory.h"
#include "gdb_interface.h"
#include "jitdump.h"
#include "perf_map.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

/* Granules are counted in 32 bits. */
#define MAX_SIZE_BYTES ((uint64_t)UINT32_MAX << MU_CODE_GRANULE_LOG2)
#define NO_FILE        (-1)

struct mu_code_cache {
    pthread_mutex_t lock; /* of everything but reading the two tables */
    mu_code_memory memory;
    uint32_t *numbers;        /* by granule; atomic */
    mu_code_object **objects; /* by number; atomic */
    uint32_t last_number;     /* highest ever used */
    MU_ARRAY(uint32_t) free_numbers;
    uint64_t used_bytes; /* atomic */
    bool gdb;
    int perf_map;             /* or NO_FILE */
    mu_code_jitdump *jitdump; /* or NULL */
};

static uint64_t granule_count(const mu_code_cache *cache)
{
    return cache->memory.size_bytes >> MU_CODE_GRANULE_LOG2;
}

static mu_status map_table(size_t bytes, void **table)
{
    void *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) {
        return MU_SYSTEM;
    }
    *table = mapped;
    return MU_OK;
}

static size_t numbers_bytes(const mu_code_cache *cache)
{
    return granule_count(cache) * sizeof *cache->numbers;
}

static size_t objects_bytes(const mu_code_cache *cache)
{
    return (granule_count(cache) + 1) * sizeof *cache->objects;
}

mu_status mu_code_cache_new(const mu_code_config *config, mu_code_cache **out)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    if (config->size_bytes == 0 || config->size_bytes > MAX_SIZE_BYTES - page) {
        return MU_INVALID;
    }
    mu_status status;
    void *table;
    mu_code_cache *cache = mu_allocate(sizeof *cache);
    pthread_mutex_init(&cache->lock, NULL);
    cache->gdb = config->gdb;
    cache->perf_map = NO_FILE;
    MU_TRY(mu_code_memory_init(&cache->memory, (config->size_bytes + page - 1) & ~(page - 1)));
    MU_TRY(map_table(numbers_bytes(cache), &table));
    cache->numbers = table;
    MU_TRY(map_table(objects_bytes(cache), &table));
    cache->objects = table;
    if (config->perf_map) {
        MU_TRY(mu_code_perf_map_open(&cache->perf_map));
    }
    if (config->jitdump) {
        MU_TRY(mu_code_jitdump_open(config->locate, &cache->jitdump));
    }
    *out = cache;
done:
    if (status != MU_OK) {
        mu_code_cache_free(cache);
    }
    return status;
}

void mu_code_cache_free(mu_code_cache *cache)
{
    if (!cache) {
        return;
    }
    for (uint32_t i = 1; i <= cache->last_number; i++) {
        if (cache->objects[i]) {
            mu_code_gdb_unregister(cache->objects[i]->debug);
            mu_code_object_free(cache->objects[i]);
        }
    }
    if (cache->perf_map != NO_FILE) {
        close(cache->perf_map);
    }
    mu_code_jitdump_close(cache->jitdump);
    if (cache->objects) {
        munmap(cache->objects, objects_bytes(cache));
    }
    if (cache->numbers) {
        munmap(cache->numbers, numbers_bytes(cache));
    }
    mu_code_memory_deinit(&cache->memory);
    MU_ARRAY_FREE(&cache->free_numbers);
    pthread_mutex_destroy(&cache->lock);
    mu_free(cache);
}

static uint32_t take_number(mu_code_cache *cache)
{
    if (cache->free_numbers.count > 0) {
        return cache->free_numbers.items[--cache->free_numbers.count];
    }
    return ++cache->last_number;
}

static void set_numbers(mu_code_cache *cache, mu_code_range range, uint32_t number)
{
    uint64_t end = (range.offset + range.bytes) >> MU_CODE_GRANULE_LOG2;
    for (uint64_t i = range.offset >> MU_CODE_GRANULE_LOG2; i < end; i++) {
        __atomic_store_n(&cache->numbers[i], number, __ATOMIC_RELEASE);
    }
}

mu_status mu_code_install(mu_code_cache *cache, mu_code_object *object, const unsigned char *bytes,
                          uint32_t size_bytes)
{
    mu_status status;
    mu_code_range range;
    pthread_mutex_lock(&cache->lock);
    MU_TRY(mu_code_memory_put(&cache->memory, bytes, size_bytes, &range));
    object->start = cache->memory.executable + range.offset;
    object->size_bytes = size_bytes;
    object->debug = cache->gdb ? mu_code_gdb_register(object) : NULL;
    if (cache->perf_map != NO_FILE) {
        mu_code_perf_map_add(cache->perf_map, object);
    }
    if (cache->jitdump) {
        mu_code_jitdump_add(cache->jitdump, object, bytes);
    }
    uint32_t number = take_number(cache);
    __atomic_store_n(&cache->objects[number], object, __ATOMIC_RELEASE);
    set_numbers(cache, range, number);
    __atomic_fetch_add(&cache->used_bytes, size_bytes, __ATOMIC_RELAXED);
done:
    pthread_mutex_unlock(&cache->lock);
    return status;
}

void mu_code_set_byte(mu_code_cache *cache, const unsigned char *at, unsigned char value)
{
    mu_code_memory_set_byte(&cache->memory, at, value);
}

void mu_code_synchronize(void)
{
    mu_code_memory_synchronize();
}

static uint32_t number_at(const mu_code_cache *cache, uintptr_t address)
{
    uint64_t offset = address - (uintptr_t)cache->memory.executable;
    if (offset >= cache->memory.size_bytes) {
        return 0;
    }
    return __atomic_load_n(&cache->numbers[offset >> MU_CODE_GRANULE_LOG2], __ATOMIC_ACQUIRE);
}

void mu_code_remove(mu_code_cache *cache, mu_code_object *object)
{
    pthread_mutex_lock(&cache->lock);
    uint32_t number = number_at(cache, (uintptr_t)object->start);
    MU_INVARIANT(number != 0 && cache->objects[number] == object, "%s at %p is not in this cache",
                 object->name ? object->name : "?", (const void *)object->start);
    mu_code_range range = mu_code_memory_range(&cache->memory, object->start, object->size_bytes);
    set_numbers(cache, range, 0);
    __atomic_store_n(&cache->objects[number], NULL, __ATOMIC_RELEASE);
    MU_ARRAY_PUSH(&cache->free_numbers, number);
    mu_code_gdb_unregister(object->debug);
    mu_code_memory_drop(&cache->memory, range);
    __atomic_fetch_sub(&cache->used_bytes, object->size_bytes, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&cache->lock);
    mu_code_object_free(object);
}

const mu_code_object *mu_code_find(const mu_code_cache *cache, uintptr_t address)
{
    uint32_t number = number_at(cache, address);
    while (number != 0) {
        const mu_code_object *object = __atomic_load_n(&cache->objects[number], __ATOMIC_ACQUIRE);
        uint32_t again = number_at(cache, address);
        if (again == number) {
            return object;
        }
        number = again; /* the granule changed hands meanwhile, and the number may have, too */
    }
    return NULL;
}

uint64_t mu_code_used_bytes(const mu_code_cache *cache)
{
    return __atomic_load_n(&cache->used_bytes, __ATOMIC_RELAXED);
}
