#include "id_table.h"
#include <criterion/criterion.h>

Test(mud_id_table, finds_what_was_put_and_forgets_what_was_removed)
{
    enum { COUNT = 5000 };
    static int items[COUNT];
    mud_id_table table = {0};
    cr_assert_null(mud_id_table_get(&table, 1));
    for (uint64_t id = 1; id < COUNT; id++) {
        mud_id_table_put(&table, id, &items[id]);
    }
    for (uint64_t id = 1; id < COUNT; id += 3) {
        mud_id_table_remove(&table, id);
    }
    mud_id_table_remove(&table, 1);
    for (uint64_t id = 1; id < COUNT; id++) {
        cr_assert_eq(mud_id_table_get(&table, id), id % 3 == 1 ? NULL : &items[id], "id %llu",
                     (unsigned long long)id);
    }
    cr_assert_null(mud_id_table_get(&table, 0));
    cr_assert_null(mud_id_table_get(&table, UINT64_MAX));
    mud_id_table_deinit(&table);
}

Test(mud_id_table, walks_every_item_once)
{
    enum { COUNT = 100 };
    int seen[COUNT] = {0};
    mud_id_table table = {0};
    uint32_t cursor = 0;
    for (uint64_t id = 1; id <= COUNT; id++) {
        mud_id_table_put(&table, id << 32, &seen[id - 1]);
    }
    int *item = NULL;
    while ((item = mud_id_table_next(&table, &cursor)) != NULL) {
        *item += 1;
    }
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(seen[i], 1);
    }
    mud_id_table_deinit(&table);
}

Test(mud_id_table, stays_right_while_ids_come_and_go)
{
    enum { ALIVE = 37, TURNS = 100000 };
    static int items[TURNS];
    mud_id_table table = {0};
    for (uint64_t id = 1; id < TURNS; id++) {
        mud_id_table_put(&table, id, &items[id]);
        if (id > ALIVE) {
            cr_assert_eq(mud_id_table_get(&table, id - ALIVE), &items[id - ALIVE]);
            mud_id_table_remove(&table, id - ALIVE);
            cr_assert_null(mud_id_table_get(&table, id - ALIVE));
        }
    }
    cr_assert_eq(table.count, ALIVE);
    cr_assert_leq(table.capacity, 64);
    mud_id_table_deinit(&table);
}
