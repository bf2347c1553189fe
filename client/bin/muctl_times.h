#pragma once
/* Histograms of times. */
#include "muctl.h"
#include "muctl_quantity.h"

uint64_t muctl_times_count(const muclient_times *times);
/* The time that `share` (0.99) of those in the histogram are not longer than: found within its
 * bucket as if that were filled evenly, and never above the longest. 0 when there are none. */
uint64_t muctl_times_quantile_ns(const muclient_times *times, double share);
/* "250ns", "12us", "3.4ms", "1.5s". */
void muctl_time_print(char out[MUCTL_QUANTITY_BYTES], uint64_t ns);
/* {"count":…,"total_ns":…,"p50_ns":…,"p99_ns":…,"longest_ns":…} and, if wanted, "buckets", each
 * with the time below which it ends. */
void muctl_times_json(muctl_json *json, const char *key, const muclient_times *times,
                      bool with_buckets);
/* A line for each bucket that is not empty. */
void muctl_times_chart(FILE *out, const muclient_times *times);
