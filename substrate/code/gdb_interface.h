#pragma once
/* GDB's interface for code made at run time (GDB manual, "JIT Compilation Interface"): a list of
 * object files in memory, and a function in which the debugger has a breakpoint. Private to the
 * room.
 *
 * The manual prescribes the layout and the two global names; they are the process's, so that the
 * list has a lock of its own.
 */
#include "mu_code.h"

typedef struct mu_code_gdb_entry mu_code_gdb_entry;
struct mu_code_gdb_entry {
    mu_code_gdb_entry *next;
    mu_code_gdb_entry *previous;
    const void *symbol_file;
    uint64_t symbol_file_bytes;
};

typedef enum mu_code_gdb_action {
    MU_CODE_GDB_NOTHING,
    MU_CODE_GDB_REGISTER,
    MU_CODE_GDB_UNREGISTER,
} mu_code_gdb_action;

typedef struct mu_code_gdb_descriptor {
    uint32_t version;
    uint32_t action; /* mu_code_gdb_action */
    mu_code_gdb_entry *relevant;
    mu_code_gdb_entry *first;
} mu_code_gdb_descriptor;

/* Changed under the lock of gdb_interface.c. */
extern mu_code_gdb_descriptor __jit_debug_descriptor;
void __jit_debug_register_code(void);

/* Tells a debugger, present or future, about installed code; the entry is taken back with
 * unregister. Thread-safe. */
mu_code_gdb_entry *mu_code_gdb_register(const mu_code_object *object);
void mu_code_gdb_unregister(mu_code_gdb_entry *entry); /* NULL is allowed */
