/* Each step proposes a text with less in it; what does not load any more does not fail in the same
 * way and is not taken. The steps know no more of the syntax than that instructions are lines, that
 * arguments stand in parentheses after a block's name, and that names carry types. */
#include "minimise.h"

#include "mu_base.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct line_list {
    MU_ARRAY(char *) lines;
} line_list;

typedef struct minimiser {
    line_list now;
    minimise_fn *still_fails;
    void *context;
    bool has_shrunk;
} minimiser;

/* --------------------------------------------------------------------------------------- lines */

static line_list split_lines(const char *text)
{
    line_list list = {0};
    while (*text) {
        size_t length = strcspn(text, "\n");
        MU_ARRAY_PUSH(&list.lines, mu_string_copy(text, length));
        text += length + (text[length] == '\n');
    }
    return list;
}

static char *join_lines(const line_list *list)
{
    size_t length = 1;
    for (uint32_t i = 0; i < list->lines.count; i++) {
        length += strlen(list->lines.items[i]) + 1;
    }
    char *text = mu_allocate(length);
    char *at = text;
    for (uint32_t i = 0; i < list->lines.count; i++) {
        if (*list->lines.items[i]) {
            at = stpcpy(stpcpy(at, list->lines.items[i]), "\n");
        }
    }
    return text;
}

static void free_lines(line_list *list)
{
    for (uint32_t i = 0; i < list->lines.count; i++) {
        mu_free(list->lines.items[i]);
    }
    MU_ARRAY_FREE(&list->lines);
}

/* An empty line is one that is gone. */
static line_list copy_lines(const line_list *from)
{
    line_list copy = {0};
    for (uint32_t i = 0; i < from->lines.count; i++) {
        MU_ARRAY_PUSH(&copy.lines,
                      mu_string_copy(from->lines.items[i], strlen(from->lines.items[i])));
    }
    return copy;
}

static void set_line(line_list *list, uint32_t index, const char *text)
{
    char *copy = mu_string_copy(text, strlen(text));
    mu_free(list->lines.items[index]);
    list->lines.items[index] = copy;
}

/* Takes `proposed` over if it still fails; frees it otherwise. */
static bool propose(minimiser *m, line_list *proposed)
{
    char *text = join_lines(proposed);
    char *before = join_lines(&m->now);
    bool is_better = strcmp(text, before) != 0 && m->still_fails(text, m->context);
    if (is_better) {
        free_lines(&m->now);
        m->now = split_lines(text);
        m->has_shrunk = true;
    }
    free_lines(proposed);
    mu_free(text);
    mu_free(before);
    return is_better;
}

static bool propose_line(minimiser *m, uint32_t index, const char *text)
{
    line_list proposed = copy_lines(&m->now);
    set_line(&proposed, index, text);
    return propose(m, &proposed);
}

/* Lines [first, end) of the function around `index`. */
static void function_around(const line_list *list, uint32_t index, uint32_t *first, uint32_t *end)
{
    *first = index;
    while (*first > 0 && strncmp(list->lines.items[*first], ".funcdef", 8) != 0) {
        (*first)--;
    }
    *end = index;
    while (*end < list->lines.count && strcmp(list->lines.items[*end], "}") != 0) {
        (*end)++;
    }
}

/* --------------------------------------------------------------------------------------- names */

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-';
}

/* "@z.i33" for "%v7.i33" and "@k3.i33"; false for names without a type. */
static bool zero_of_name(const char *name, size_t length, char zero[64])
{
    const char *dot = memchr(name, '.', length);
    if (!dot || length > 40) {
        return false;
    }
    snprintf(zero, 64, "@z%.*s", (int)(name + length - dot), dot);
    return true;
}

static char *replace_name(const char *line, const char *name, const char *by)
{
    size_t name_length = strlen(name);
    char *out = mu_allocate(strlen(line) * (strlen(by) + 2) + 1);
    char *at = out;
    while (*line) {
        if (strncmp(line, name, name_length) == 0 && !is_name_char(line[name_length])) {
            at = stpcpy(at, by);
            line += name_length;
        } else {
            *at++ = *line++;
        }
    }
    return out;
}

static void replace_in_function(line_list *list, uint32_t index, const char *name, const char *by)
{
    uint32_t first;
    uint32_t end;
    function_around(list, index, &first, &end);
    for (uint32_t i = first; i < end; i++) {
        char *line = replace_name(list->lines.items[i], name, by);
        set_line(list, i, line);
        mu_free(line);
    }
}

/* --------------------------------------------------------------------------------------- steps */

static void drop_lines(minimiser *m)
{
    for (uint32_t size = m->now.lines.count; size; size /= 2) {
        for (uint32_t end = m->now.lines.count; end > 0;) {
            uint32_t first = end > size ? end - size : 0;
            line_list proposed = copy_lines(&m->now);
            for (uint32_t i = first; i < end; i++) {
                set_line(&proposed, i, "");
            }
            propose(m, &proposed);
            end = first < m->now.lines.count ? first : m->now.lines.count;
        }
    }
}

static void drop_functions(minimiser *m)
{
    for (uint32_t i = 0; i < m->now.lines.count; i++) {
        if (strncmp(m->now.lines.items[i], ".funcdef ", 9) != 0) {
            continue;
        }
        uint32_t first;
        uint32_t end;
        function_around(&m->now, i, &first, &end);
        char name[64];
        char sig[64];
        if (sscanf(m->now.lines.items[i], ".funcdef %63s VERSION %%v1 <%63[^>]", name, sig) != 2) {
            continue;
        }
        char text[200];
        snprintf(text, sizeof text, ".funcdecl %s <%s>", name, sig);
        line_list proposed = copy_lines(&m->now);
        for (uint32_t k = first; k <= end && k < proposed.lines.count; k++) {
            set_line(&proposed, k, "");
        }
        set_line(&proposed, first, text);
        propose(m, &proposed);
    }
}

/* Blocks without the labels that begin them would not parse: label and lines go together. */
static void drop_blocks(minimiser *m)
{
    for (uint32_t i = 0; i < m->now.lines.count; i++) {
        if (strncmp(m->now.lines.items[i], "    %b", 6) != 0) {
            continue;
        }
        line_list proposed = copy_lines(&m->now);
        uint32_t k = i;
        do {
            set_line(&proposed, k++, "");
        } while (k < proposed.lines.count && strncmp(proposed.lines.items[k], "        ", 8) == 0);
        if (propose(m, &proposed)) {
            i--;
        }
    }
}

/* The line goes, and its results become zeros. */
static void drop_definitions(minimiser *m)
{
    for (uint32_t i = m->now.lines.count; i-- > 0;) {
        if (i >= m->now.lines.count || strncmp(m->now.lines.items[i], "        ", 8) != 0) {
            continue;
        }
        line_list proposed = copy_lines(&m->now);
        const char *line = m->now.lines.items[i];
        const char *equals = strstr(line, " = ");
        for (const char *at = line; equals && at < equals; at++) {
            size_t length = 1;
            while (is_name_char(at[length])) {
                length++;
            }
            char zero[64];
            if (*at == '%' && zero_of_name(at, length, zero)) {
                char *name = mu_string_copy(at, length);
                replace_in_function(&proposed, i, name, zero);
                mu_free(name);
            }
        }
        set_line(&proposed, i, "");
        propose(m, &proposed);
    }
}

static void simplify_operands(minimiser *m)
{
    for (uint32_t i = 0; i < m->now.lines.count; i++) {
        /* Not the names that the line defines. */
        const char *equals = strstr(m->now.lines.items[i], " = ");
        size_t first = equals ? (size_t)(equals - m->now.lines.items[i]) : 0;
        bool is_inst = strncmp(m->now.lines.items[i], "        ", 8) == 0;
        for (size_t at = first; is_inst && at < strlen(m->now.lines.items[i]); at++) {
            const char *line = m->now.lines.items[i];
            char zero[64];
            size_t length = 1;
            while (is_name_char(line[at + length])) {
                length++;
            }
            bool is_operand = line[at] == '%' || (line[at] == '@' && line[at + 1] == 'k');
            if (!is_operand || !zero_of_name(line + at, length, zero)) {
                continue;
            }
            char *text = mu_allocate(strlen(line) + 64);
            memcpy(text, line, at);
            strcpy(stpcpy(text + at, zero), line + at + length);
            propose_line(m, i, text);
            mu_free(text);
        }
    }
}

static char *format(const char *pattern, ...) MU_PRINTF(1, 2);
static char *format(const char *pattern, ...)
{
    va_list arguments;
    va_start(arguments, pattern);
    char *made = NULL;
    int length = vasprintf(&made, pattern, arguments);
    va_end(arguments);
    MU_INVARIANT(length >= 0, "no memory");
    char *text = mu_string_copy(made, (size_t)length);
    free(made);
    return text;
}

/* Past the destination's arguments. */
static const char *skip_dest(const char *at)
{
    at += strcspn(at, ")");
    return *at ? at + 1 : at;
}

/* Ends of blocks become simpler ones. */
/* The instruction without its exception clause, then a branch to where it goes normally. */
static void drop_exception_clause(minimiser *m, uint32_t index, const char *clause)
{
    const char *line = m->now.lines.items[index];
    const char *dest = clause + strlen(" EXC(");
    char *text = format("%.*s\n        BRANCH %.*s", (int)(clause - line), line,
                        (int)(skip_dest(dest) - dest), dest);
    propose_line(m, index, text);
    mu_free(text);
}

static void simplify_branch2(minimiser *m, uint32_t index, const char *dest)
{
    const char *second = skip_dest(dest);
    char *first_only = format("        BRANCH %.*s", (int)(second - dest), dest);
    char *second_only = format("        BRANCH %s", second);
    if (!propose_line(m, index, first_only)) {
        propose_line(m, index, second_only);
    }
    mu_free(first_only);
    mu_free(second_only);
}

static void simplify_switch(minimiser *m, uint32_t index, const char *dest)
{
    char *text = format("        BRANCH %.*s", (int)(skip_dest(dest) - dest), dest);
    line_list proposed = copy_lines(&m->now);
    uint32_t end = index;
    while (end + 1 < proposed.lines.count && !strchr(proposed.lines.items[end], '}')) {
        set_line(&proposed, end++, "");
    }
    set_line(&proposed, end, "");
    set_line(&proposed, index, text);
    propose(m, &proposed);
    mu_free(text);
}

/* Ends of blocks become simpler ones. */
static void simplify_ends(minimiser *m)
{
    for (uint32_t i = 0; i < m->now.lines.count; i++) {
        const char *line = m->now.lines.items[i];
        const char *dest = strstr(line, "%b");
        const char *clause = strstr(line, " EXC(");
        if (clause) {
            drop_exception_clause(m, i, clause);
        } else if (dest && strncmp(line, "        BRANCH2", 15) == 0) {
            simplify_branch2(m, i, dest);
        } else if (dest && strncmp(line, "        SWITCH", 14) == 0) {
            simplify_switch(m, i, dest);
        }
        line = m->now.lines.items[i];
        if (strncmp(line, "        ", 8) == 0 && !strchr(line, '{')) {
            propose_line(m, i, "        COMMINST @uvm.thread_exit");
        }
        const char *keep = strstr(m->now.lines.items[i], " KEEPALIVE(");
        if (keep) {
            char *without =
                mu_string_copy(m->now.lines.items[i], (size_t)(keep - m->now.lines.items[i]));
            propose_line(m, i, without);
            mu_free(without);
        }
    }
}

/* Copies the list that begins at `list` (after its parenthesis) without item `index`; an item is
 * one word, or two where it begins with '<'. False when there is no such item. */
static bool copy_without(char *out, const char *list, uint32_t index, char *removed)
{
    bool found = false;
    uint32_t number = 0;
    while (*list && *list != ')') {
        size_t length = strcspn(list, " )");
        if (*list == '<') {
            length += 1 + strcspn(list + length + 1, " )");
        }
        if (number++ == index) {
            found = true;
            snprintf(removed, 80, "%.*s", (int)length, list);
        } else {
            out += sprintf(out, "%.*s ", (int)length, list);
        }
        list += length;
        list += strspn(list, " ");
    }
    strcpy(out, list);
    return found;
}

/* Removes parameter `index` of the block with this label, and the arguments for it. */
static void drop_parameter(minimiser *m, uint32_t label_line, uint32_t index)
{
    line_list proposed = copy_lines(&m->now);
    const char *label = m->now.lines.items[label_line];
    size_t head = strcspn(label, "(") + 1;
    char *prefix = mu_string_copy(label + 4, head - 4);
    uint32_t first;
    uint32_t end;
    function_around(&m->now, label_line, &first, &end);
    bool found = false;
    char parameter[80] = "";
    for (uint32_t i = first; i < end; i++) {
        for (size_t from = 0;;) {
            const char *line = proposed.lines.items[i];
            const char *use = strstr(line + from, prefix);
            if (!use) {
                break;
            }
            use += strlen(prefix);
            char removed[80] = "";
            char *text = mu_allocate(strlen(line) * 2 + 8);
            memcpy(text, line, (size_t)(use - line));
            found = copy_without(text + (use - line), use, index, removed) || found;
            if (i == label_line) {
                snprintf(parameter, sizeof parameter, "%s", removed);
            }
            from = (size_t)(use - line);
            set_line(&proposed, i, text);
            mu_free(text);
        }
    }
    mu_free(prefix);
    char zero[64];
    const char *name = strchr(parameter, '%');
    if (found && name && zero_of_name(name, strlen(name), zero)) {
        replace_in_function(&proposed, label_line, name, zero);
        propose(m, &proposed);
    } else {
        free_lines(&proposed);
    }
}

static void drop_parameters(minimiser *m)
{
    for (uint32_t i = 0; i < m->now.lines.count; i++) {
        if (strncmp(m->now.lines.items[i], "    %b", 6) != 0) {
            continue;
        }
        for (uint32_t index = 40; index-- > 0;) {
            drop_parameter(m, i, index);
        }
    }
}

char *minimise_program(const char *program, minimise_fn *still_fails, void *context)
{
    minimiser m = {.now = split_lines(program), .still_fails = still_fails, .context = context};
    do {
        m.has_shrunk = false;
        drop_functions(&m);
        simplify_ends(&m);
        drop_blocks(&m);
        drop_lines(&m);
        drop_definitions(&m);
        drop_parameters(&m);
        simplify_operands(&m);
    } while (m.has_shrunk);
    char *text = join_lines(&m.now);
    free_lines(&m.now);
    return text;
}
