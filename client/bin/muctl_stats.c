/* stats: a table of all VMs, or everything about one; once, or again and again. */
#include "muctl_stats.h"
#include "muctl_limits.h"
#include "muctl_quantity.h"
#include "muctl_table.h"
#include "muctl_times.h"
#include <inttypes.h>
#include <poll.h>
#include <time.h>

static int stats_get(muctl_program *muctl, const char *vm, muctl_pages *pages)
{
    const char *after = NULL;
    for (bool more = true; more;) {
        muclient_reply *reply = NULL;
        muclient_error *error = NULL;
        if (muclient_stats_get(muctl->client, vm, after, &reply, &error) != MUCLIENT_OK) {
            return muctl_failed(muctl, error);
        }
        const muclient_stats *stats = muclient_reply_stats(reply);
        more = stats->more && stats->vm_count > 0;
        after = more ? stats->vms[stats->vm_count - 1].name : NULL;
        if (!muctl_pages_add(pages, reply)) {
            return muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
        }
    }
    return 0;
}

/* ---------------------------------------------------------------------------------------- JSON */

static void counts_json(muctl_json *json, const char *key, const muclient_call_counts *counts)
{
    muctl_json_object_begin(json, key);
    muctl_json_unsigned(json, "returned", counts->returned);
    muctl_json_unsigned(json, "failed", counts->failed);
    muctl_json_unsigned(json, "limited", counts->limited);
    muctl_json_unsigned(json, "late", counts->late);
    muctl_json_unsigned(json, "cancelled", counts->cancelled);
    muctl_json_unsigned(json, "killed", counts->killed);
    muctl_json_unsigned(json, "refused", counts->refused);
    muctl_json_object_end(json);
}

static void vm_json(muctl_json *json, const muclient_vm_stats *vm, bool with_buckets)
{
    muctl_json_object_begin(json, NULL);
    muctl_json_string(json, "name", vm->name);
    muctl_json_string(json, "guest", vm->guest);
    muctl_limits_json(json, "limits", &vm->limits);
    muctl_json_unsigned(json, "heap_used_bytes", vm->heap_used_bytes);
    muctl_json_unsigned(json, "heap_live_bytes", vm->heap_live_bytes);
    muctl_json_unsigned(json, "young_collections", vm->young_collections);
    muctl_json_unsigned(json, "full_collections", vm->full_collections);
    muctl_json_unsigned(json, "markings", vm->markings);
    muctl_json_unsigned(json, "collected_ns", vm->collected_ns);
    muctl_times_json(json, "stops", &vm->stops, with_buckets);
    muctl_times_json(json, "to_safepoints", &vm->to_safepoints, with_buckets);
    muctl_json_unsigned(json, "calls_running", vm->calls_running);
    muctl_json_unsigned(json, "calls_trapped", vm->calls_trapped);
    counts_json(json, "calls", &vm->calls);
    muctl_json_unsigned(json, "threads", vm->threads);
    muctl_json_unsigned(json, "stacks", vm->stacks);
    muctl_json_unsigned(json, "stacks_bytes", vm->stacks_bytes);
    muctl_json_unsigned(json, "code_bytes", vm->code_bytes);
    muctl_json_unsigned(json, "metadata_bytes", vm->metadata_bytes);
    muctl_json_unsigned(json, "threads_finished", vm->threads_finished);
    muctl_json_unsigned(json, "contexts", vm->contexts);
    muctl_json_unsigned(json, "context_handles", vm->context_handles);
    muctl_json_unsigned(json, "output_bytes", vm->output_bytes);
    muctl_json_unsigned(json, "bundles", vm->bundles);
    muctl_json_unsigned(json, "functions", vm->functions);
    muctl_json_object_end(json);
}

static void stats_json(const muctl_program *muctl, const muctl_pages *pages)
{
    muctl_json json;
    muctl_document_begin(muctl, &json, "stats");
    muctl_json_array_begin(&json, "vms");
    for (size_t p = 0; p < pages->count; p++) {
        const muclient_stats *stats = muclient_reply_stats(pages->replies[p]);
        for (size_t i = 0; i < stats->vm_count; i++) {
            vm_json(&json, &stats->vms[i], muctl->arguments.given[MUCTL_HISTOGRAM]);
        }
    }
    muctl_json_array_end(&json);
    muctl_document_end(&json);
}

/* ---------------------------------------------------------------------------------- for people */

/* "64 MiB / 256 MiB" */
static void of_limit(char *out, size_t capacity, uint64_t used, uint64_t limit)
{
    char used_text[MUCTL_QUANTITY_BYTES];
    char limit_text[MUCTL_QUANTITY_BYTES];
    muctl_size_print(used_text, used);
    muctl_size_print(limit_text, limit);
    (void)snprintf(out, capacity, "%s / %s", used_text, limit_text);
}

/* "12us 1.3ms 2.1ms": half of them, 99 of 100, all are not longer. */
static void of_times(char *out, size_t capacity, const muclient_times *times)
{
    char texts[3][MUCTL_QUANTITY_BYTES];
    if (muctl_times_count(times) == 0) {
        (void)snprintf(out, capacity, "-");
        return;
    }
    muctl_time_print(texts[0], muctl_times_quantile_ns(times, 0.5));
    muctl_time_print(texts[1], muctl_times_quantile_ns(times, 0.99));
    muctl_time_print(texts[2], times->longest_ns);
    (void)snprintf(out, capacity, "%s %s %s", texts[0], texts[1], texts[2]);
}

static void vm_row(muctl_table *table, const muclient_vm_stats *vm)
{
    char text[128];
    muctl_table_cell(table, vm->name);
    of_limit(text, sizeof text, vm->heap_used_bytes, vm->limits.heap_bytes);
    muctl_table_cell(table, text);
    (void)snprintf(text, sizeof text, "%" PRIu64 "+%" PRIu64 "+%" PRIu64, vm->young_collections,
                   vm->full_collections, vm->markings);
    muctl_table_cell(table, text);
    of_times(text, sizeof text, &vm->stops);
    muctl_table_cell(table, text);
    muctl_table_number(table, vm->calls_running);
    muctl_table_number(table, vm->calls.returned);
    muctl_table_number(table,
                       vm->calls.failed + vm->calls.limited + vm->calls.late + vm->calls.cancelled);
    muctl_table_number(table, vm->calls.killed);
    muctl_table_number(table, vm->threads);
}

static bool table_print(FILE *out, const muctl_pages *pages)
{
    static const char *const header[] = {
        "VM",     "HEAP",   "YOUNG+FULL+MARKED", "STOPS p50 p99 max", "RUNNING", "DONE", "FAILED",
        "KILLED", "THREADS"};
    muctl_table table;
    muctl_table_begin(&table, sizeof header / sizeof header[0], header);
    for (size_t p = 0; p < pages->count; p++) {
        const muclient_stats *stats = muclient_reply_stats(pages->replies[p]);
        for (size_t i = 0; i < stats->vm_count; i++) {
            vm_row(&table, &stats->vms[i]);
        }
    }
    return muctl_table_end(&table, out);
}

static void times_print(FILE *out, const char *name, const muclient_times *times, bool with_chart)
{
    char text[128];
    char total[MUCTL_QUANTITY_BYTES];
    of_times(text, sizeof text, times);
    muctl_time_print(total, times->total_ns);
    (void)fprintf(out, "%s %" PRIu64 ", in all %s, p50 p99 max %s\n", name,
                  muctl_times_count(times), total, text);
    if (with_chart) {
        muctl_times_chart(out, times);
    }
}

/* What is used of the other limits. */
static void used_print(FILE *out, const muclient_vm_stats *vm)
{
    char stacks[128];
    char code[128];
    char metadata[128];
    char output[MUCTL_QUANTITY_BYTES];
    of_limit(stacks, sizeof stacks, vm->stacks_bytes, vm->limits.stacks_bytes);
    of_limit(code, sizeof code, vm->code_bytes, vm->limits.code_bytes);
    of_limit(metadata, sizeof metadata, vm->metadata_bytes, vm->limits.metadata_bytes);
    muctl_size_print(output, vm->output_bytes);
    (void)fprintf(out, "threads %" PRIu64 " of %" PRIu64 ", finished %" PRIu64 "  ", vm->threads,
                  vm->limits.threads, vm->threads_finished);
    (void)fprintf(out, "stacks %" PRIu64 " of %" PRIu64 ", %s\n", vm->stacks, vm->limits.stacks,
                  stacks);
    (void)fprintf(out, "code %s  metadata %s\n", code, metadata);
    (void)fprintf(out, "contexts %" PRIu64 " with %" PRIu64 " of %" PRIu64 " handles  output %s\n",
                  vm->contexts, vm->context_handles, vm->limits.context_handles, output);
}

static void vm_print(FILE *out, const muclient_vm_stats *vm, bool with_charts)
{
    char text[128];
    char collected[MUCTL_QUANTITY_BYTES];
    char live[MUCTL_QUANTITY_BYTES];
    char name[128];
    const muclient_call_counts *calls = &vm->calls;
    (void)muclient_text_clean(name, sizeof name, vm->name);
    of_limit(text, sizeof text, vm->heap_used_bytes, vm->limits.heap_bytes);
    muctl_size_print(live, vm->heap_live_bytes);
    muctl_time_print(collected, vm->collected_ns);
    (void)fprintf(out, "%s  heap %s, live %s  bundles %" PRIu64 ", functions %" PRIu64 "\n", name,
                  text, live, vm->bundles, vm->functions);
    (void)fprintf(out,
                  "collections %" PRIu64 " young, %" PRIu64 " full, %" PRIu64 " markings, in %s\n",
                  vm->young_collections, vm->full_collections, vm->markings, collected);
    times_print(out, "stops", &vm->stops, with_charts);
    times_print(out, "to safepoints", &vm->to_safepoints, with_charts);
    (void)fprintf(out, "calls %" PRIu64 " of %" PRIu64 " running, %" PRIu64 " trapped; ",
                  vm->calls_running, vm->limits.calls, vm->calls_trapped);
    (void)fprintf(out,
                  "returned %" PRIu64 ", failed %" PRIu64 ", over a limit %" PRIu64
                  ", late %" PRIu64 ", cancelled %" PRIu64 ", killed %" PRIu64 ", refused %" PRIu64
                  "\n",
                  calls->returned, calls->failed, calls->limited, calls->late, calls->cancelled,
                  calls->killed, calls->refused);
    used_print(out, vm);
}

static int stats_print(muctl_program *muctl, const muctl_pages *pages)
{
    const muctl_arguments *arguments = &muctl->arguments;
    bool with_charts = arguments->given[MUCTL_HISTOGRAM];
    if (arguments->given[MUCTL_OPENMETRICS]) {
        muctl_openmetrics_print(muctl->out, pages);
    } else if (muctl->is_json) {
        stats_json(muctl, pages);
    } else if (arguments->word_count == 0 && !with_charts) {
        if (!table_print(muctl->out, pages)) {
            return muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
        }
    } else {
        for (size_t p = 0; p < pages->count; p++) {
            const muclient_stats *stats = muclient_reply_stats(pages->replies[p]);
            for (size_t i = 0; i < stats->vm_count; i++) {
                vm_print(muctl->out, &stats->vms[i], with_charts);
            }
        }
    }
    return muctl_written(muctl);
}

/* -------------------------------------------------------------------------------- the command */

/* 0, or the exit status after a signal. */
static int pause_for(const muctl_program *muctl, uint64_t milliseconds)
{
    struct pollfd wake = {.fd = muctl->signal_fd, .events = POLLIN};
    struct timespec end;
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    uint64_t end_ms = (uint64_t)end.tv_sec * 1000 + (uint64_t)end.tv_nsec / 1000000 + milliseconds;
    for (;;) {
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
        uint64_t left_ms = now_ms < end_ms ? end_ms - now_ms : 0;
        if (left_ms == 0) {
            return 0;
        }
        if (poll(&wake, 1, left_ms < INT32_MAX ? (int)left_ms : INT32_MAX) > 0) {
            int number = muctl_signal_take(muctl);
            return number == 0 ? MUCTL_EXIT_INTERRUPTED : 128 + number;
        }
    }
}

static int options_check(const muctl_program *muctl, uint64_t *pause_ms, uint64_t *times)
{
    const muctl_arguments *arguments = &muctl->arguments;
    const char *watch = arguments->values[MUCTL_WATCH];
    const char *count = arguments->values[MUCTL_COUNT];
    *pause_ms = 0;
    *times = watch == NULL ? 1 : UINT64_MAX;
    if (muctl->is_json && arguments->given[MUCTL_OPENMETRICS]) {
        return muctl_usage(muctl, "give one", "stats is printed as JSON or as OpenMetrics text");
    }
    if (watch != NULL && !muctl_duration_parse(watch, pause_ms)) {
        return muctl_usage(muctl, "write it like 500ms or 1s", "\"%s\" is not a duration", watch);
    }
    if (count != NULL && (watch == NULL || !muctl_number_parse(count, times) || *times == 0)) {
        return muctl_usage(muctl, "stats --watch 1s --count 10",
                           "--count wants a number and --watch");
    }
    return 0;
}

int muctl_stats_command(muctl_program *muctl)
{
    const muctl_arguments *arguments = &muctl->arguments;
    const char *vm = arguments->word_count > 0 ? arguments->words[0] : NULL;
    uint64_t pause_ms;
    uint64_t times;
    int status = options_check(muctl, &pause_ms, &times);
    if (status == 0) {
        status = muctl_connect(muctl);
    }
    for (uint64_t i = 0; i < times && status == 0; i++) {
        muctl_pages pages = {0};
        if (i > 0) {
            status = pause_for(muctl, pause_ms);
        }
        if (status == 0) {
            status = stats_get(muctl, vm, &pages);
        }
        if (status == 0) {
            status = stats_print(muctl, &pages);
        }
        muctl_pages_free(&pages);
    }
    return status;
}
