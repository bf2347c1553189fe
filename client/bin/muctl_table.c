#include "muctl_table.h"
#include "muclient.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Characters as a terminal counts them, nearly: one for each that UTF-8 begins. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (const char *at = text; *at != 0; at++) {
        width += ((unsigned char)*at & 0xc0) != 0x80;
    }
    return width;
}

void muctl_table_begin(muctl_table *table, size_t columns, const char *const *header)
{
    *table = (muctl_table){.columns = columns};
    for (size_t i = 0; i < columns; i++) {
        muctl_table_cell(table, header[i]);
    }
}

void muctl_table_cell(muctl_table *table, const char *text)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity == 0 ? 64 : table->capacity * 2;
        char **cells = realloc(table->cells, capacity * sizeof *cells);
        if (cells == NULL) {
            table->is_out_of_memory = true;
            return;
        }
        table->cells = cells;
        table->capacity = capacity;
    }
    size_t length = muclient_text_clean(NULL, 0, text);
    char *clean = malloc(length + 1);
    if (clean == NULL) {
        table->is_out_of_memory = true;
        return;
    }
    (void)muclient_text_clean(clean, length + 1, text);
    table->cells[table->count++] = clean;
}

void muctl_table_number(muctl_table *table, unsigned long long number)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%llu", number);
    muctl_table_cell(table, text);
}

static void rows_print(const muctl_table *table, FILE *out, const size_t *widths)
{
    size_t first = widths == NULL ? table->columns : 0;
    for (size_t i = first; i < table->count; i++) {
        size_t column = i % table->columns;
        bool is_last = column + 1 == table->columns;
        (void)fputs(table->cells[i], out);
        if (is_last) {
            (void)fputc('\n', out);
        } else if (widths == NULL) {
            (void)fputc('\t', out);
        } else {
            (void)fprintf(out, "%*s", (int)(widths[column] - width_of(table->cells[i]) + 2), "");
        }
    }
}

bool muctl_table_end(muctl_table *table, FILE *out)
{
    size_t *widths = NULL;
    if (isatty(fileno(out)) == 1) {
        widths = calloc(table->columns, sizeof *widths);
    }
    for (size_t i = 0; widths != NULL && i < table->count; i++) {
        size_t width = width_of(table->cells[i]);
        size_t column = i % table->columns;
        widths[column] = width > widths[column] ? width : widths[column];
    }
    if (!table->is_out_of_memory) {
        rows_print(table, out, widths);
    }
    for (size_t i = 0; i < table->count; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    free(widths);
    return !table->is_out_of_memory;
}
