#include "muctl_times.h"
#include <inttypes.h>

uint64_t muctl_times_count(const muclient_times *times)
{
    uint64_t count = 0;
    for (size_t i = 0; i < times->bucket_count; i++) {
        count += times->buckets[i];
    }
    return count;
}

/* Where the bucket begins; a bucket is as wide as that. */
static double start_of(size_t bucket)
{
    return bucket < 64 ? (double)(UINT64_C(1) << bucket) : 0x1p63;
}

uint64_t muctl_times_quantile_ns(const muclient_times *times, double share)
{
    double wanted = share * (double)muctl_times_count(times);
    double below = 0;
    for (size_t i = 0; i < times->bucket_count; i++) {
        double here = (double)times->buckets[i];
        if (here > 0 && below + here >= wanted) {
            double ns = start_of(i) * (1 + (wanted > below ? (wanted - below) / here : 0));
            return ns < (double)times->longest_ns ? (uint64_t)ns : times->longest_ns;
        }
        below += here;
    }
    return times->longest_ns;
}

void muctl_time_print(char out[MUCTL_QUANTITY_BYTES], uint64_t ns)
{
    static const struct {
        double ns;
        const char *name;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if ((double)ns >= units[i].ns) {
            double amount = (double)ns / units[i].ns;
            (void)snprintf(out, MUCTL_QUANTITY_BYTES, amount < 10 ? "%.1f%s" : "%.0f%s", amount,
                           units[i].name);
            return;
        }
    }
    (void)snprintf(out, MUCTL_QUANTITY_BYTES, "%" PRIu64 "ns", ns);
}

void muctl_times_json(muctl_json *json, const char *key, const muclient_times *times,
                      bool with_buckets)
{
    muctl_json_object_begin(json, key);
    muctl_json_unsigned(json, "count", muctl_times_count(times));
    muctl_json_unsigned(json, "total_ns", times->total_ns);
    muctl_json_unsigned(json, "p50_ns", muctl_times_quantile_ns(times, 0.5));
    muctl_json_unsigned(json, "p99_ns", muctl_times_quantile_ns(times, 0.99));
    muctl_json_unsigned(json, "longest_ns", times->longest_ns);
    if (with_buckets) {
        muctl_json_array_begin(json, "buckets");
        for (size_t i = 0; i < times->bucket_count; i++) {
            muctl_json_object_begin(json, NULL);
            if (i + 1 < times->bucket_count) {
                muctl_json_unsigned(json, "below_ns", UINT64_C(2) << i);
            }
            muctl_json_unsigned(json, "count", times->buckets[i]);
            muctl_json_object_end(json);
        }
        muctl_json_array_end(json);
    }
    muctl_json_object_end(json);
}

void muctl_times_chart(FILE *out, const muclient_times *times)
{
    enum { WIDTH = 40 };
    uint64_t most = 1;
    for (size_t i = 0; i < times->bucket_count; i++) {
        most = times->buckets[i] > most ? times->buckets[i] : most;
    }
    for (size_t i = 0; i < times->bucket_count; i++) {
        char end[MUCTL_QUANTITY_BYTES];
        int length = (int)((double)times->buckets[i] / (double)most * WIDTH + 0.5);
        if (times->buckets[i] == 0) {
            continue;
        }
        muctl_time_print(end, i + 1 < times->bucket_count ? UINT64_C(2) << i : times->longest_ns);
        (void)fprintf(out, "  %s%8s  %8" PRIu64 "  %.*s\n",
                      i + 1 < times->bucket_count ? "< " : "to", end, times->buckets[i], length,
                      "########################################");
    }
}
