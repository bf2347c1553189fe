#pragma once
/* The VMs by name, in alphabetical order. Names that clients choose are letters, digits, "_" and
 * "-"; names that mud makes up begin with "~", so that the two never meet. */
#include "mu_base.h"

#define MUD_NAME_BYTES 64u
#define MUD_VMS_MOST   16384u

struct mud_vm;
typedef struct mud_vm_table {
    MU_ARRAY(struct mud_vm *) vms;
    uint64_t last_made_up;
} mud_vm_table;

/* May a client give a VM this name? */
bool mud_vm_name_is_good(const char *name);
/* The same for a bundle: dots are allowed too. */
bool mud_bundle_name_is_good(const char *name);
/* NULL when there is none. */
struct mud_vm *mud_vm_table_find(const mud_vm_table *table, const char *name);
/* Where the first VM whose name comes after `name` is; the table's length when there is none. */
uint32_t mud_vm_table_after(const mud_vm_table *table, const char *name);
/* The name is not in the table. */
void mud_vm_table_add(mud_vm_table *table, struct mud_vm *vm);
void mud_vm_table_remove(mud_vm_table *table, const struct mud_vm *vm);
/* Writes a name that no other VM has had. */
void mud_vm_table_make_name(mud_vm_table *table, char name[MUD_NAME_BYTES + 1]);
void mud_vm_table_deinit(mud_vm_table *table);
