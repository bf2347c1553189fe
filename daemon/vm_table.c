#include "vm_table.h"
#include "hosted_vm.h"
#include <stdio.h>
#include <string.h>

static bool name_is_good(const char *name, const char *also)
{
    size_t length = strnlen(name, MUD_NAME_BYTES + 1);
    if (length == 0 || length > MUD_NAME_BYTES) {
        return false;
    }
    for (const char *at = name; *at != '\0'; at++) {
        bool is_letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        bool is_digit = *at >= '0' && *at <= '9';
        if (!is_letter && !is_digit && strchr(also, *at) == NULL) {
            return false;
        }
    }
    return true;
}

bool mud_vm_name_is_good(const char *name)
{
    return name_is_good(name, "_-");
}

bool mud_bundle_name_is_good(const char *name)
{
    return name_is_good(name, "_-.~");
}

/* The first place whose VM does not come before `name`. */
static uint32_t place_of(const mud_vm_table *table, const char *name)
{
    uint32_t low = 0;
    uint32_t high = table->vms.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (strcmp(table->vms.items[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

mud_vm *mud_vm_table_find(const mud_vm_table *table, const char *name)
{
    uint32_t at = place_of(table, name);
    bool found = at < table->vms.count && strcmp(table->vms.items[at]->name, name) == 0;
    return found ? table->vms.items[at] : NULL;
}

uint32_t mud_vm_table_after(const mud_vm_table *table, const char *name)
{
    uint32_t at = place_of(table, name);
    bool found = at < table->vms.count && strcmp(table->vms.items[at]->name, name) == 0;
    return found ? at + 1 : at;
}

void mud_vm_table_add(mud_vm_table *table, mud_vm *vm)
{
    uint32_t at = place_of(table, vm->name);
    MU_ARRAY_PUSH(&table->vms, vm);
    memmove(&table->vms.items[at + 1], &table->vms.items[at],
            (table->vms.count - 1 - at) * sizeof(mud_vm *));
    table->vms.items[at] = vm;
}

void mud_vm_table_remove(mud_vm_table *table, const mud_vm *vm)
{
    uint32_t at = place_of(table, vm->name);
    MU_INVARIANT(at < table->vms.count && table->vms.items[at] == vm, "VM %s is not in the table",
                 vm->name);
    table->vms.count--;
    memmove(&table->vms.items[at], &table->vms.items[at + 1],
            (table->vms.count - at) * sizeof(mud_vm *));
}

void mud_vm_table_make_name(mud_vm_table *table, char name[MUD_NAME_BYTES + 1])
{
    table->last_made_up++;
    snprintf(name, MUD_NAME_BYTES + 1, "~%llu", (unsigned long long)table->last_made_up);
}

void mud_vm_table_deinit(mud_vm_table *table)
{
    MU_ARRAY_FREE(&table->vms);
}
