/* Threads that install and remove code while others look addresses up: a reader sees a piece whole
 * or not at all. A plain program, for TSan; exits 0 when every lookup was right. */
#include "code_fixture.h"

#include <pthread.h>

#define WRITERS        2
#define READERS        3
#define KEPT           50
#define ROUNDS         30000
#define PIECES_AT_ONCE 8
#define CACHE_BYTES    (1u << 18)
#define READER_SEED    12345u

typedef struct shared {
    mu_code_cache *cache;
    mu_code_object *kept[KEPT]; /* installed all the time */
    uintptr_t base;
    int failures;     /* atomic */
    int writers_left; /* atomic */
} shared;

static void fail(shared *all, const char *what)
{
    fprintf(stderr, "race_code_find: %s\n", what);
    __atomic_fetch_add(&all->failures, 1, __ATOMIC_RELAXED);
}

static void *write_code(void *argument)
{
    shared *all = argument;
    mu_code_object *pieces[PIECES_AT_ONCE] = {0};
    for (uint32_t i = 0; i < ROUNDS; i++) {
        mu_code_object **piece = &pieces[i % PIECES_AT_ONCE];
        if (*piece) {
            mu_code_remove(all->cache, *piece);
        }
        mu_status status;
        *piece = fixture_install(all->cache, 6 + i % 300, i, &status);
        if (!*piece) {
            fail(all, mu_status_name(status));
            break;
        }
        if (mu_code_find(all->cache, (uintptr_t)(*piece)->start + 5) != *piece) {
            fail(all, "a piece just installed is not found");
        }
        if (fixture_run(*piece) != i) {
            fail(all, "old code was run in reused memory");
        }
    }
    for (uint32_t i = 0; i < PIECES_AT_ONCE; i++) {
        if (pieces[i]) {
            mu_code_remove(all->cache, pieces[i]);
        }
    }
    __atomic_fetch_sub(&all->writers_left, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void *read_code(void *argument)
{
    shared *all = argument;
    uint32_t random = READER_SEED;
    while (__atomic_load_n(&all->writers_left, __ATOMIC_ACQUIRE) > 0) {
        random = random * 1664525u + 1013904223u;
        mu_code_object *kept = all->kept[(random >> 16) % KEPT];
        uintptr_t address = (uintptr_t)kept->start + (random >> 8) % (kept->size_bytes + 1);
        if (mu_code_find(all->cache, address) != kept) {
            fail(all, "a piece that stays is not found");
        }
        /* Anywhere: what is found may be on its way out, so it is not looked into unless it stays.
         */
        uintptr_t anywhere = all->base + random % CACHE_BYTES;
        const mu_code_object *found = mu_code_find(all->cache, anywhere);
        for (uint32_t i = 0; i < KEPT; i++) {
            if (found == all->kept[i] &&
                anywhere - (uintptr_t)found->start > found->size_bytes + 16) {
                fail(all, "an address leads to a piece that does not hold it");
            }
        }
    }
    return NULL;
}

int main(void)
{
    shared all = {.writers_left = WRITERS};
    mu_code_config config = {.size_bytes = CACHE_BYTES, .gdb = true};
    if (mu_code_cache_new(&config, &all.cache) != MU_OK) {
        return 1;
    }
    for (uint32_t i = 0; i < KEPT; i++) {
        mu_status status;
        all.kept[i] = fixture_install(all.cache, 6 + i * 20, i, &status);
        if (!all.kept[i]) {
            return 1;
        }
    }
    all.base = (uintptr_t)all.kept[0]->start;
    pthread_t threads[WRITERS + READERS];
    for (int i = 0; i < WRITERS + READERS; i++) {
        pthread_create(&threads[i], NULL, i < WRITERS ? write_code : read_code, &all);
    }
    for (int i = 0; i < WRITERS + READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    mu_code_cache_free(all.cache);
    return all.failures == 0 ? 0 : 1;
}
