/* Where the time of long stops goes, for whoever tunes the collector (config.report, MU_GC_REPORT).
 *
 * Each phase is told apart by three clocks: the wall's, the thread's processor time, and its page
 * faults. A phase that took long on the wall but no processor time waited, for a lock or for the
 * system; one with faults touched memory for the first time.
 */
#include "gc_heap.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#define REPORTED_NS 1000000u

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void mu_gc_report_phase(mu_gc_heap *heap, const char *phase)
{
    mu_gc_report *report = &heap->report;
    if (!heap->config.report || report->count == MU_GC_REPORT_PHASES) {
        return;
    }
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    report->phases[report->count++] = (mu_gc_report_entry){
        .phase = phase,
        .wall_ns = clock_ns(CLOCK_MONOTONIC),
        .cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID),
        .faults = usage.ru_minflt,
        .switches = usage.ru_nivcsw + usage.ru_nvcsw,
    };
}

void mu_gc_report_end(mu_gc_heap *heap)
{
    mu_gc_report *report = &heap->report;
    mu_gc_report_phase(heap, "end");
    if (report->count > 1) {
        const mu_gc_report_entry *first = &report->phases[0];
        const mu_gc_report_entry *last = &report->phases[report->count - 1];
        uint64_t took_ns = last->wall_ns - first->wall_ns;
        if (took_ns >= REPORTED_NS) {
            char line[1024];
            int used =
                snprintf(line, sizeof line,
                         "gc: a stop of %.3f ms (%.3f of processor time, %ld faults, %ld "
                         "switches), kept %llu KiB:",
                         (double)took_ns * 1e-6, (double)(last->cpu_ns - first->cpu_ns) * 1e-6,
                         last->faults - first->faults, last->switches - first->switches,
                         (unsigned long long)(report->kept_bytes >> 10));
            for (uint32_t i = 0; i + 1 < report->count; i++) {
                const mu_gc_report_entry *from = &report->phases[i];
                const mu_gc_report_entry *to = from + 1;
                used +=
                    snprintf(line + used, sizeof line - (size_t)used, " %s %.3f/%.3f/%ld",
                             from->phase, (double)(to->wall_ns - from->wall_ns) * 1e-6,
                             (double)(to->cpu_ns - from->cpu_ns) * 1e-6, to->faults - from->faults);
            }
            fprintf(stderr, "%s\n", line);
        }
    }
    report->count = 0;
}
