#pragma once
/* A table: aligned columns with a header on a terminal, tab-separated rows otherwise. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct muctl_table {
    size_t columns;
    char **cells;
    size_t count; /* of cells; the first row is the header */
    size_t capacity;
    bool is_out_of_memory;
} muctl_table;

void muctl_table_begin(muctl_table *table, size_t columns, const char *const *header);
/* The next cell, a cleaned copy of `text`. */
void muctl_table_cell(muctl_table *table, const char *text);
void muctl_table_number(muctl_table *table, unsigned long long number);
/* Prints and frees. False when memory was out. */
bool muctl_table_end(muctl_table *table, FILE *out);
