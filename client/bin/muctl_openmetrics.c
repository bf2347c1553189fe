/* OpenMetrics text, version 1.0 (github.com/OpenObservability/OpenMetrics, specification), which
 * Prometheus reads, too. A family is all its samples together, so that each is printed for all VMs
 * before the next begins; the tables say where in the numbers of a VM its value is. */
#include "muctl_stats.h"
#include "muctl_times.h"
#include "muctl_value.h"
#include <inttypes.h>
#include <stddef.h>

typedef struct sample_row {
    const char *family; /* rows of one family follow each other; the first has its type and so on */
    const char *type;
    const char *unit; /* "" or the family's last word */
    const char *help;
    const char *label; /* besides `vm`; "" for none */
    size_t field;      /* a uint64_t */
    double scale;      /* what it is multiplied with */
} sample_row;

/* clang-format off */
#define VM(name) offsetof(muclient_vm_stats, name)
static const sample_row vm_rows[] = {
    {"mud_vm_heap_used_bytes", "gauge", "bytes", "Blocks and large objects of the VM's heap.", "", VM(heap_used_bytes), 1},
    {"mud_vm_heap_live_bytes", "gauge", "bytes", "What the last collection of the whole heap found alive.", "", VM(heap_live_bytes), 1},
    {"mud_vm_heap_limit_bytes", "gauge", "bytes", "What the heap may use.", "", VM(limits.heap_bytes), 1},
    {"mud_vm_collections", "counter", "", "Collections of the heap; a marking runs beside the program.", "kind=\"young\"", VM(young_collections), 1},
    {"mud_vm_collections", "", "", "", "kind=\"full\"", VM(full_collections), 1},
    {"mud_vm_collections", "", "", "", "kind=\"marking\"", VM(markings), 1},
    {"mud_vm_collection_seconds", "counter", "seconds", "Time that collections took.", "", VM(collected_ns), 1e-9},
    {"mud_vm_calls_running", "gauge", "", "Calls of clients that run or wait.", "", VM(calls_running), 1},
    {"mud_vm_calls_trapped", "gauge", "", "Calls that wait in a trap.", "", VM(calls_trapped), 1},
    {"mud_vm_calls_limit", "gauge", "", "Calls that may run at once.", "", VM(limits.calls), 1},
    {"mud_vm_calls", "counter", "", "Calls that have ended, and those refused because there were too many.", "outcome=\"returned\"", VM(calls.returned), 1},
    {"mud_vm_calls", "", "", "", "outcome=\"failed\"", VM(calls.failed), 1},
    {"mud_vm_calls", "", "", "", "outcome=\"limited\"", VM(calls.limited), 1},
    {"mud_vm_calls", "", "", "", "outcome=\"late\"", VM(calls.late), 1},
    {"mud_vm_calls", "", "", "", "outcome=\"cancelled\"", VM(calls.cancelled), 1},
    {"mud_vm_calls", "", "", "", "outcome=\"killed\"", VM(calls.killed), 1},
    {"mud_vm_calls", "", "", "", "outcome=\"refused\"", VM(calls.refused), 1},
    {"mud_vm_threads", "gauge", "", "Threads that have not finished: of programs, calls and contexts.", "", VM(threads), 1},
    {"mud_vm_threads_limit", "gauge", "", "Threads that there may be.", "", VM(limits.threads), 1},
    {"mud_vm_threads_finished", "counter", "", "Threads that have ended, those of calls among them.", "", VM(threads_finished), 1},
    {"mud_vm_contexts", "gauge", "", "Contexts of clients and of traps.", "", VM(contexts), 1},
    {"mud_vm_context_handles", "gauge", "", "Handles that contexts hold.", "", VM(context_handles), 1},
    {"mud_vm_context_handles_limit", "gauge", "", "Handles that contexts may hold.", "", VM(limits.context_handles), 1},
    {"mud_vm_stacks", "gauge", "", "Stacks.", "", VM(stacks), 1},
    {"mud_vm_stacks_limit", "gauge", "", "Stacks that there may be.", "", VM(limits.stacks), 1},
    {"mud_vm_stacks_bytes", "gauge", "bytes", "All stacks, as far as their frames have reached.", "", VM(stacks_bytes), 1},
    {"mud_vm_stacks_limit_bytes", "gauge", "bytes", "What all stacks may take.", "", VM(limits.stacks_bytes), 1},
    {"mud_vm_code_bytes", "gauge", "bytes", "Machine code of the functions that the VM has called.", "", VM(code_bytes), 1},
    {"mud_vm_code_limit_bytes", "gauge", "bytes", "Machine code that it may have.", "", VM(limits.code_bytes), 1},
    {"mud_vm_metadata_bytes", "gauge", "bytes", "What else is held for the VM.", "", VM(metadata_bytes), 1},
    {"mud_vm_metadata_limit_bytes", "gauge", "bytes", "What else may be held.", "", VM(limits.metadata_bytes), 1},
    {"mud_vm_output_bytes", "counter", "bytes", "Results and events of traps sent to clients.", "", VM(output_bytes), 1},
    {"mud_vm_output_limit_bytes", "gauge", "bytes", "What one call may send to clients.", "", VM(limits.output_bytes), 1},
    {"mud_vm_bundles", "gauge", "", "Bundles that the VM has loaded.", "", VM(bundles), 1},
    {"mud_vm_functions", "gauge", "", "Functions of the VM.", "", VM(functions), 1},
};
#undef VM
/* clang-format on */

static void header_print(FILE *out, const char *family, const char *type, const char *unit,
                         const char *help)
{
    (void)fprintf(out, "# TYPE %s %s\n", family, type);
    if (unit[0] != 0) {
        (void)fprintf(out, "# UNIT %s %s\n", family, unit);
    }
    (void)fprintf(out, "# HELP %s %s\n", family, help);
}

/* The value of a label. A character that is not well-formed UTF-8 becomes U+FFFD. */
static void label_print(FILE *out, const char *name, const char *text)
{
    (void)fprintf(out, "%s=\"", name);
    for (const char *at = text; *at != 0;) {
        size_t length = muclient_utf8_length(at);
        if (length == 0) {
            (void)fputs("\xef\xbf\xbd", out);
            length = 1;
        } else if (*at == '\n') {
            (void)fputs("\\n", out);
        } else if (*at == '"' || *at == '\\') {
            (void)fprintf(out, "\\%c", *at);
        } else {
            (void)fwrite(at, 1, length, out);
        }
        at += length;
    }
    (void)fputc('"', out);
}

static void number_print(FILE *out, uint64_t value, double scale)
{
    char text[MUCTL_REAL_BYTES];
    if (scale == 1) {
        (void)fprintf(out, "%" PRIu64 "\n", value);
    } else {
        muctl_double_print(text, (double)value * scale);
        (void)fprintf(out, "%s\n", text);
    }
}

/* ------------------------------------------------------------------------------------- of mud */

static void daemon_gauge(FILE *out, const char *family, const char *unit, const char *help,
                         uint64_t value, double scale)
{
    header_print(out, family, "gauge", unit, help);
    (void)fprintf(out, "%s ", family);
    number_print(out, value, scale);
}

static void daemon_print(FILE *out, const muclient_status_info *status)
{
    header_print(out, "mud", "info", "", "The daemon.");
    (void)fputs("mud_info{", out);
    label_print(out, "version", status->version);
    (void)fputs("} 1\n", out);
    daemon_gauge(out, "mud_uptime_seconds", "seconds", "Since mud was started.", status->uptime_ms,
                 1e-3);
    daemon_gauge(out, "mud_sessions", "", "Connected clients.", status->sessions, 1);
    daemon_gauge(out, "mud_vms", "", "VMs.", status->vms, 1);
    daemon_gauge(out, "mud_bundles", "", "Bundles in all VMs.", status->bundles, 1);
    daemon_gauge(out, "mud_calls_running", "", "Calls of clients that run or wait.",
                 status->calls_running, 1);
    daemon_gauge(out, "mud_calls_trapped", "", "Calls that wait in a trap.", status->calls_trapped,
                 1);
    daemon_gauge(out, "mud_contexts", "", "Contexts of clients and of traps.", status->contexts, 1);
    daemon_gauge(out, "mud_heap_bytes", "bytes", "Blocks and large objects of all heaps.",
                 status->heap_bytes, 1);
    daemon_gauge(out, "mud_code_bytes", "bytes", "Machine code of all that is loaded.",
                 status->code_bytes, 1);
    header_print(out, "mud_calls", "counter", "", "Calls that have ended, in all VMs.");
    (void)fprintf(out, "mud_calls_total %" PRIu64 "\n", status->calls_done);
}

/* ------------------------------------------------------------------------------------- of VMs */

typedef void vm_print_fn(FILE *out, const muclient_vm_stats *vm, const void *argument);

static void for_each_vm(FILE *out, const muctl_pages *pages, vm_print_fn *print,
                        const void *argument)
{
    for (size_t p = 0; p < pages->count; p++) {
        const muclient_stats *stats = muclient_reply_stats(pages->replies[p]);
        for (size_t i = 0; i < stats->vm_count; i++) {
            print(out, &stats->vms[i], argument);
        }
    }
}

static void sample_print(FILE *out, const muclient_vm_stats *vm, const void *argument)
{
    const sample_row *row = argument;
    const sample_row *first = row;
    while (first->type[0] == 0) {
        first--;
    }
    (void)fprintf(out, "%s%s{", row->family, first->type[0] == 'c' ? "_total" : "");
    label_print(out, "vm", vm->name);
    (void)fprintf(out, "%s%s} ", row->label[0] == 0 ? "" : ",", row->label);
    number_print(out, *(const uint64_t *)((const char *)vm + row->field), row->scale);
}

/* Thresholds from a microsecond on, each four times the one before. A bucket of mud's ends below a
 * power of two, and ours includes its threshold: so it is the nanosecond before that power. */
enum { FIRST_POWER = 10, POWER_STEP = 2 };

typedef struct histogram_row {
    const char *family;
    size_t field;
} histogram_row;

static void histogram_print(FILE *out, const muclient_vm_stats *vm, const void *argument)
{
    const histogram_row *row = argument;
    const muclient_times *times = (const muclient_times *)((const char *)vm + row->field);
    uint64_t count = muctl_times_count(times);
    uint64_t below = 0;
    size_t power = 0;
    for (size_t next = FIRST_POWER; next < times->bucket_count; next += POWER_STEP) {
        char end[MUCTL_REAL_BYTES];
        for (; power < next; power++) {
            below += times->buckets[power];
        }
        muctl_double_print(end, (double)((UINT64_C(1) << next) - 1) / 1e9);
        (void)fprintf(out, "%s_bucket{", row->family);
        label_print(out, "vm", vm->name);
        (void)fprintf(out, ",le=\"%s\"} %" PRIu64 "\n", end, below);
    }
    (void)fprintf(out, "%s_bucket{", row->family);
    label_print(out, "vm", vm->name);
    (void)fprintf(out, ",le=\"+Inf\"} %" PRIu64 "\n%s_count{", count, row->family);
    label_print(out, "vm", vm->name);
    (void)fprintf(out, "} %" PRIu64 "\n%s_sum{", count, row->family);
    label_print(out, "vm", vm->name);
    (void)fputs("} ", out);
    number_print(out, times->total_ns, 1e-9);
}

void muctl_openmetrics_print(FILE *out, const muctl_pages *pages)
{
    static const histogram_row stops = {"mud_vm_stop_seconds", offsetof(muclient_vm_stats, stops)};
    static const histogram_row waits = {"mud_vm_safepoint_wait_seconds",
                                        offsetof(muclient_vm_stats, to_safepoints)};
    daemon_print(out, &muclient_reply_stats(pages->replies[0])->status);
    for (size_t i = 0; i < sizeof vm_rows / sizeof vm_rows[0]; i++) {
        const sample_row *row = &vm_rows[i];
        if (row->type[0] != 0) {
            header_print(out, row->family, row->type, row->unit, row->help);
        }
        for_each_vm(out, pages, sample_print, row);
    }
    header_print(out, stops.family, "histogram", "seconds",
                 "How long a VM stood still, for collections and loads.");
    for_each_vm(out, pages, histogram_print, &stops);
    header_print(out, waits.family, "histogram", "seconds",
                 "How long its threads took to stand still.");
    for_each_vm(out, pages, histogram_print, &waits);
    (void)fputs("# EOF\n", out);
}
