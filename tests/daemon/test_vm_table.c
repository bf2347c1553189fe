#include "hosted_vm.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(mud_vm_table, names_are_letters_digits_and_two_signs)
{
    const char *good[] = {"a", "gcd", "extra-big_func2", "0",
                          "1234567890123456789012345678901234567890123456789012345678901234"};
    const char *bad[] = {
        "",    ".",
        "a.b", "a b",
        "@a",  "~1",
        "a/b", "\n",
        "é",   "12345678901234567890123456789012345678901234567890123456789012345"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cr_assert(mud_vm_name_is_good(good[i]), "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_not(mud_vm_name_is_good(bad[i]), "%s", bad[i]);
    }
    cr_assert(mud_bundle_name_is_good("a.b"));
    cr_assert_not(mud_bundle_name_is_good("a b"));
}

Test(mud_vm_table, keeps_vms_in_order_and_finds_them)
{
    enum { COUNT = 200 };
    static mud_vm vms[COUNT];
    mud_vm_table table = {0};
    for (int i = 0; i < COUNT; i++) {
        snprintf(vms[i].name, sizeof vms[i].name, "vm%d", i * 7919 % COUNT);
        mud_vm_table_add(&table, &vms[i]);
    }
    for (uint32_t i = 1; i < table.vms.count; i++) {
        cr_assert_lt(strcmp(table.vms.items[i - 1]->name, table.vms.items[i]->name), 0);
    }
    for (int i = 0; i < COUNT; i += 2) {
        mud_vm_table_remove(&table, &vms[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(mud_vm_table_find(&table, vms[i].name), i % 2 == 0 ? NULL : &vms[i]);
    }
    cr_assert_null(mud_vm_table_find(&table, "v"));
    mud_vm_table_deinit(&table);
}

Test(mud_vm_table, made_up_names_are_new_and_no_client_can_take_them)
{
    mud_vm_table table = {0};
    char first[MUD_NAME_BYTES + 1];
    char second[MUD_NAME_BYTES + 1];
    mud_vm_table_make_name(&table, first);
    mud_vm_table_make_name(&table, second);
    cr_assert_str_neq(first, second);
    cr_assert_not(mud_vm_name_is_good(first));
}

Test(mud_vm_table, pages_go_on_behind_a_name_that_may_be_gone)
{
    mud_vm vms[3] = {{.name = "b"}, {.name = "d"}, {.name = "f"}};
    mud_vm_table table = {0};
    for (int i = 0; i < 3; i++) {
        mud_vm_table_add(&table, &vms[i]);
    }
    cr_assert_eq(mud_vm_table_after(&table, ""), 0);
    cr_assert_eq(mud_vm_table_after(&table, "a"), 0);
    cr_assert_eq(mud_vm_table_after(&table, "b"), 1);
    cr_assert_eq(mud_vm_table_after(&table, "c"), 1);
    cr_assert_eq(mud_vm_table_after(&table, "f"), 3);
    cr_assert_eq(mud_vm_table_after(&table, "z"), 3);
    mud_vm_table_deinit(&table);
}
