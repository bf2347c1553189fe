/* Open addressing with linear probing and no deletion; at most half full. The hash is SipHash-1-3
 * (Aumasson and Bernstein 2012), because names come from outside and a weak hash would let a bundle
 * make its own load quadratic. */
#include "mu_base.h"

#include <string.h>
#include <sys/random.h>

typedef struct slot {
    const void *key;
    size_t key_bytes;
    uint64_t hash;
    void *value; /* NULL: empty */
} slot;

struct mu_map {
    slot *slots;
    size_t mask; /* capacity - 1 */
    size_t count;
};

typedef struct hash_key {
    uint64_t k0, k1;
} hash_key;

static hash_key process_key(void)
{
    static hash_key key;
    static int ready; /* 0: none yet, 1: being drawn, 2: there */
    if (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) == 2) {
        return key;
    }
    int expected = 0;
    if (__atomic_compare_exchange_n(&ready, &expected, 1, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        hash_key drawn = {0x6d7564206d756420u, 0x2064756d2064756du};
        if (getrandom(&drawn, sizeof drawn, GRND_NONBLOCK) != (ssize_t)sizeof drawn) {
            drawn.k0 ^= (uint64_t)(uintptr_t)&drawn;
        }
        key = drawn;
        __atomic_store_n(&ready, 2, __ATOMIC_RELEASE);
    }
    while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) != 2) {
        __builtin_ia32_pause();
    }
    return key;
}

static uint64_t rotate(uint64_t value, int bits)
{
    return (value << bits) | (value >> (64 - bits));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

uint64_t mu_hash(const void *bytes, size_t count)
{
    hash_key key = process_key();
    uint64_t v[4] = {key.k0 ^ 0x736f6d6570736575u, key.k1 ^ 0x646f72616e646f6du,
                     key.k0 ^ 0x6c7967656e657261u, key.k1 ^ 0x7465646279746573u};
    const unsigned char *at = bytes;
    size_t left = count;
    while (left >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
        at += 8;
        left -= 8;
    }
    uint64_t last = (uint64_t)count << 56;
    for (size_t i = 0; i < left; i++) {
        last |= (uint64_t)at[i] << (8 * i);
    }
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

mu_map *mu_map_new(void)
{
    mu_map *map = mu_allocate(sizeof *map);
    map->mask = 15;
    map->slots = mu_allocate((map->mask + 1) * sizeof *map->slots);
    return map;
}

void mu_map_free(mu_map *map)
{
    if (map) {
        mu_free(map->slots);
        mu_free(map);
    }
}

static slot *find(const mu_map *map, const void *key, size_t key_bytes, uint64_t hash)
{
    for (size_t i = hash & map->mask;; i = (i + 1) & map->mask) {
        slot *each = &map->slots[i];
        if (!each->value || (each->hash == hash && each->key_bytes == key_bytes &&
                             memcmp(each->key, key, key_bytes) == 0)) {
            return each;
        }
    }
}

void *mu_map_get(const mu_map *map, const void *key, size_t key_bytes)
{
    return find(map, key, key_bytes, mu_hash(key, key_bytes))->value;
}

static bool is_full(const mu_map *map)
{
    return map->count * 2 > map->mask;
}

static void grow(mu_map *map)
{
    slot *old = map->slots;
    size_t old_capacity = map->mask + 1;
    map->mask = old_capacity * 2 - 1;
    map->slots = mu_allocate(old_capacity * 2 * sizeof *map->slots);
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].value) {
            *find(map, old[i].key, old[i].key_bytes, old[i].hash) = old[i];
        }
    }
    mu_free(old);
}

void *mu_map_put(mu_map *map, const void *key, size_t key_bytes, void *value)
{
    MU_INVARIANT(value != NULL, "a map holds no NULL values");
    if (is_full(map)) {
        grow(map);
    }
    uint64_t hash = mu_hash(key, key_bytes);
    slot *place = find(map, key, key_bytes, hash);
    void *old = place->value;
    if (!old) {
        map->count++;
        *place = (slot){.key = key, .key_bytes = key_bytes, .hash = hash};
    }
    place->value = value;
    return old;
}

size_t mu_map_bytes(const mu_map *map)
{
    return map ? sizeof *map + (map->mask + 1) * sizeof *map->slots : 0;
}

size_t mu_map_growth_bytes(const mu_map *map)
{
    return is_full(map) ? (map->mask + 1) * sizeof *map->slots : 0;
}

size_t mu_map_count(const mu_map *map)
{
    return map->count;
}
