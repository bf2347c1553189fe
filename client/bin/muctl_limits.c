#include "muctl_limits.h"
#include "muctl_quantity.h"
#include "muctl_table.h"
#include <stddef.h>

typedef struct limit_row {
    muctl_option option;
    bool is_size; /* in bytes; else a number of things */
    size_t field;
    const char *name; /* on the table */
    const char *key;  /* in JSON */
} limit_row;

/* clang-format off */
static const limit_row rows[] = {
    {MUCTL_HEAP,   true,  offsetof(muclient_vm_limits, heap_bytes),   "heap",   "heap_bytes"},
    {MUCTL_STACK,    true,  offsetof(muclient_vm_limits, stack_bytes),     "stack",    "stack_bytes"},
    {MUCTL_STACKS,   true,  offsetof(muclient_vm_limits, stacks_bytes),    "stacks",   "stacks_bytes"},
    {MUCTL_STACK_COUNT, false, offsetof(muclient_vm_limits, stacks),       "stack-count", "stacks"},
    {MUCTL_THREADS,  false, offsetof(muclient_vm_limits, threads),         "threads",  "threads"},
    {MUCTL_CODE,     true,  offsetof(muclient_vm_limits, code_bytes),      "code",     "code_bytes"},
    {MUCTL_METADATA, true,  offsetof(muclient_vm_limits, metadata_bytes),  "metadata", "metadata_bytes"},
    {MUCTL_HANDLES,  false, offsetof(muclient_vm_limits, context_handles), "handles",  "context_handles"},
    {MUCTL_CALLS,  false, offsetof(muclient_vm_limits, calls),        "calls",  "calls"},
    {MUCTL_OUTPUT, true,  offsetof(muclient_vm_limits, output_bytes), "output", "output_bytes"},
};
/* clang-format on */
enum { ROWS = sizeof rows / sizeof rows[0] };

static uint64_t value_of(const muclient_vm_limits *limits, const limit_row *row)
{
    return *(const uint64_t *)((const char *)limits + row->field);
}

int muctl_limits_read(const muctl_program *muctl, muclient_vm_limits *limits)
{
    *limits = (muclient_vm_limits){0};
    for (size_t i = 0; i < ROWS; i++) {
        uint64_t value = 0;
        const char *text = muctl->arguments.values[rows[i].option];
        if (text == NULL) {
            continue;
        }
        if (rows[i].is_size && !muctl_size_parse(text, &value)) {
            return muctl_usage(muctl, "write it like 512K, 64M or 1G", "\"%s\" is not a size",
                               text);
        }
        if (!rows[i].is_size && (!muctl_number_parse(text, &value) || value == 0)) {
            return muctl_usage(muctl, "write it like 64", "\"%s\" is not a number from 1 on", text);
        }
        *(uint64_t *)((char *)limits + rows[i].field) = value;
    }
    return 0;
}

bool muctl_limits_print(FILE *out, const muclient_vm_limits *limits)
{
    static const char *const header[] = {"LIMIT", "VALUE"};
    muctl_table table;
    muctl_table_begin(&table, 2, header);
    for (size_t i = 0; i < ROWS; i++) {
        char size[MUCTL_QUANTITY_BYTES];
        muctl_table_cell(&table, rows[i].name);
        if (rows[i].is_size) {
            muctl_size_print(size, value_of(limits, &rows[i]));
            muctl_table_cell(&table, size);
        } else {
            muctl_table_number(&table, value_of(limits, &rows[i]));
        }
    }
    return muctl_table_end(&table, out);
}

void muctl_limits_json(muctl_json *json, const char *key, const muclient_vm_limits *limits)
{
    muctl_json_object_begin(json, key);
    for (size_t i = 0; i < ROWS; i++) {
        muctl_json_unsigned(json, rows[i].key, value_of(limits, &rows[i]));
    }
    muctl_json_object_end(json);
}
