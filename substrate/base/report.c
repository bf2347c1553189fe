#include "mu_base.h"

#include <stdio.h>
#include <string.h>

struct mu_report {
    mu_arena *arena;
    const char *file;
    mu_report_entry entries[MU_REPORT_MAX];
    uint32_t count;
    uint32_t total;
    bool (*stops)(const void *context);
    const void *stop_context;
};

mu_report *mu_report_new(void)
{
    mu_report *report = mu_allocate(sizeof *report);
    report->arena = mu_arena_new();
    report->file = "";
    return report;
}

void mu_report_free(mu_report *report)
{
    if (report) {
        mu_arena_free(report->arena);
        mu_free(report);
    }
}

void mu_report_set_file(mu_report *report, const char *file)
{
    if (report) {
        report->file = mu_arena_string(report->arena, file, strlen(file));
    }
}

mu_status mu_report_add(mu_report *report, mu_status status, mu_location where, const char *format,
                        ...)
{
    if (!report) {
        return status;
    }
    report->total++;
    if (report->count == MU_REPORT_MAX) {
        return status;
    }
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    report->entries[report->count++] =
        (mu_report_entry){.status = status,
                          .where = where,
                          .file = report->file,
                          .message = mu_arena_string(report->arena, text, strlen(text))};
    return status;
}

void mu_report_set_stop(mu_report *report, bool (*stops)(const void *context), const void *context)
{
    report->stops = stops;
    report->stop_context = context;
}

bool mu_report_is_stopped(const mu_report *report)
{
    return report && report->stops && report->stops(report->stop_context);
}

uint32_t mu_report_count(const mu_report *report)
{
    return report->count;
}

uint32_t mu_report_total(const mu_report *report)
{
    return report->total;
}

const mu_report_entry *mu_report_at(const mu_report *report, uint32_t index)
{
    MU_INVARIANT(index < report->count, "entry %u of %u", index, report->count);
    return &report->entries[index];
}

static int entry_text(const mu_report_entry *entry, char *text, size_t room)
{
    const char *file = entry->file;
    const char *colon = *file ? ":" : "";
    if (!entry->where.line) {
        return snprintf(text, room, "%s%s%s%s\n", file, colon, *file ? " " : "", entry->message);
    }
    return snprintf(text, room, "%s%s%u:%u: %s\n", file, colon, entry->where.line,
                    entry->where.column, entry->message);
}

char *mu_report_text(const mu_report *report)
{
    char more[64] = "";
    if (report->total > report->count) {
        snprintf(more, sizeof more, "and %u more\n", report->total - report->count);
    }
    size_t length = strlen(more);
    for (uint32_t i = 0; i < report->count; i++) {
        length += (size_t)entry_text(&report->entries[i], NULL, 0);
    }
    char *text = mu_allocate(length + 1);
    size_t used = 0;
    for (uint32_t i = 0; i < report->count; i++) {
        used += (size_t)entry_text(&report->entries[i], text + used, length + 1 - used);
    }
    memcpy(text + used, more, strlen(more));
    return text;
}
