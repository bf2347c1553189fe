/* Open addressing with linear probing; removal moves the rest of the run back, so that there are no
 * tombstones. The ids are our own and consecutive, so a multiplicative hash spreads them well and
 * no client can choose them. */
#include "id_table.h"

struct mud_id_slot {
    uint64_t id; /* 0: free */
    void *item;
};

enum { FIRST_CAPACITY = 16 };

static uint32_t home_of(const mud_id_table *table, uint64_t id)
{
    return (uint32_t)((id * 0x9e3779b97f4a7c15ull) >> 32) & (table->capacity - 1);
}

/* Where `id` is or would be put. */
static uint32_t find(const mud_id_table *table, uint64_t id)
{
    uint32_t at = home_of(table, id);
    while (table->slots[at].id != 0 && table->slots[at].id != id) {
        at = (at + 1) & (table->capacity - 1);
    }
    return at;
}

static void grow(mud_id_table *table)
{
    mud_id_table larger = {.capacity = table->capacity == 0 ? FIRST_CAPACITY : table->capacity * 2,
                           .count = table->count};
    larger.slots = mu_allocate(larger.capacity * sizeof *larger.slots);
    for (uint32_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].id != 0) {
            larger.slots[find(&larger, table->slots[i].id)] = table->slots[i];
        }
    }
    mu_free(table->slots);
    *table = larger;
}

void mud_id_table_put(mud_id_table *table, uint64_t id, void *item)
{
    MU_INVARIANT(id != 0 && item != NULL, "id %llu", (unsigned long long)id);
    if ((table->count + 1) * 4 > table->capacity * 3) {
        grow(table);
    }
    uint32_t at = find(table, id);
    MU_INVARIANT(table->slots[at].id == 0, "id %llu is there already", (unsigned long long)id);
    table->slots[at] = (struct mud_id_slot){.id = id, .item = item};
    table->count++;
}

void *mud_id_table_get(const mud_id_table *table, uint64_t id)
{
    if (table->capacity == 0 || id == 0) {
        return NULL;
    }
    return table->slots[find(table, id)].item;
}

void mud_id_table_remove(mud_id_table *table, uint64_t id)
{
    if (mud_id_table_get(table, id) == NULL) {
        return;
    }
    uint32_t mask = table->capacity - 1;
    uint32_t hole = find(table, id);
    for (uint32_t at = (hole + 1) & mask; table->slots[at].id != 0; at = (at + 1) & mask) {
        /* An item may fill the hole unless that would put it before its home. */
        uint32_t distance_home = (at - home_of(table, table->slots[at].id)) & mask;
        if (distance_home >= ((at - hole) & mask)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    table->slots[hole] = (struct mud_id_slot){0};
    table->count--;
}

void *mud_id_table_next(const mud_id_table *table, uint32_t *cursor)
{
    while (*cursor < table->capacity) {
        void *item = table->slots[(*cursor)++].item;
        if (item != NULL) {
            return item;
        }
    }
    return NULL;
}

void mud_id_table_deinit(mud_id_table *table)
{
    mu_free(table->slots);
    *table = (mud_id_table){0};
}
