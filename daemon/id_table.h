#pragma once
/* A hash table from the numbers that we give to sessions, calls and traps to the things themselves.
 */
#include "mu_base.h"

typedef struct mud_id_table {
    struct mud_id_slot *slots; /* NULL while empty */
    uint32_t capacity;         /* a power of two */
    uint32_t count;
} mud_id_table;

/* `id` is not 0 and not in the table; `item` is not NULL. */
void mud_id_table_put(mud_id_table *table, uint64_t id, void *item);
/* NULL when there is no such id. */
void *mud_id_table_get(const mud_id_table *table, uint64_t id);
/* Does nothing when there is no such id. */
void mud_id_table_remove(mud_id_table *table, uint64_t id);
/* Walks the table: `cursor` starts at 0; NULL at the end. The table must not change meanwhile. */
void *mud_id_table_next(const mud_id_table *table, uint32_t *cursor);
void mud_id_table_deinit(mud_id_table *table);
