#pragma once
/* Durations and sizes as users write them. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "300ms", "5s", "2m", "1h", not 0; false: it is none of these, or over 49 days. */
bool muctl_duration_parse(const char *text, uint64_t *milliseconds);
/* "4096", "64K", "256M", "1G", also "64KiB", not 0; false: it is none of these, or over 2^62. */
bool muctl_size_parse(const char *text, uint64_t *bytes);
/* A decimal number without sign; false: it is not one, or does not fit. */
bool muctl_number_parse(const char *text, uint64_t *number);

enum { MUCTL_QUANTITY_BYTES = 32 };
/* "12d 4h", "3h 5m", "2m 1s", "850ms". */
void muctl_duration_print(char out[MUCTL_QUANTITY_BYTES], uint64_t milliseconds);
/* "512 B", "1.3 GiB". */
void muctl_size_print(char out[MUCTL_QUANTITY_BYTES], uint64_t bytes);
