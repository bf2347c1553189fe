#include "mu_base.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(mu_base, map_finds_every_key_after_it_has_grown)
{
    enum { COUNT = 5000 };
    static char keys[COUNT][16];
    mu_map *map = mu_map_new();
    for (int i = 0; i < COUNT; i++) {
        int length = snprintf(keys[i], sizeof keys[i], "@name%d", i);
        cr_assert_null(mu_map_put(map, keys[i], (size_t)length, keys[i]));
    }
    cr_assert_eq(mu_map_count(map), COUNT);
    for (int i = 0; i < COUNT; i++) {
        char probe[16];
        int length = snprintf(probe, sizeof probe, "@name%d", i);
        cr_assert_eq(mu_map_get(map, probe, (size_t)length), (void *)keys[i]);
    }
    cr_assert_null(mu_map_get(map, "@name5000", 9));
    mu_map_free(map);
}

Test(mu_base, map_put_replaces_and_returns_the_old_value)
{
    int first = 1;
    int second = 2;
    mu_map *map = mu_map_new();
    cr_assert_null(mu_map_put(map, "key", 3, &first));
    cr_assert_eq(mu_map_put(map, "key", 3, &second), (void *)&first);
    cr_assert_eq(mu_map_get(map, "key", 3), (void *)&second);
    cr_assert_eq(mu_map_count(map), 1);
    mu_map_free(map);
}

Test(mu_base, map_keys_are_bytes_with_a_length)
{
    int values[3];
    mu_map *map = mu_map_new();
    (void)mu_map_put(map, "a\0b", 3, &values[0]);
    (void)mu_map_put(map, "a\0c", 3, &values[1]);
    (void)mu_map_put(map, "a", 1, &values[2]);
    cr_assert_eq(mu_map_get(map, "a\0b", 3), (void *)&values[0]);
    cr_assert_eq(mu_map_get(map, "a\0c", 3), (void *)&values[1]);
    cr_assert_eq(mu_map_get(map, "a", 1), (void *)&values[2]);
    cr_assert_null(mu_map_get(map, "a", 2));
    cr_assert_null(mu_map_get(map, "", 0));
    mu_map_free(map);
    mu_map_free(NULL);
}

Test(mu_base, hash_is_the_same_for_the_same_bytes_wherever_they_are)
{
    char buffer[64];
    for (size_t offset = 0; offset < 8; offset++) {
        memcpy(buffer + offset, "the same bytes of a name", 24);
        cr_assert_eq(mu_hash(buffer + offset, 24), mu_hash("the same bytes of a name", 24));
    }
}

/* Each of the 512 changes of one bit must give another hash, and no bit of the hash may be deaf to
 * them. */
Test(mu_base, hash_changes_with_every_bit_and_with_the_length)
{
    unsigned char bytes[64] = {0};
    uint64_t plain = mu_hash(bytes, sizeof bytes);
    uint64_t changed = 0;
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        uint64_t other = mu_hash(bytes, sizeof bytes);
        cr_assert_neq(other, plain, "bit %zu", bit);
        changed |= other ^ plain;
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    cr_assert_eq(changed, UINT64_MAX);
    for (size_t length = 0; length < sizeof bytes; length++) {
        cr_assert_neq(mu_hash(bytes, length), mu_hash(bytes, length + 1), "length %zu", length);
    }
}
