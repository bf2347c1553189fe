#include "muctl_quantity.h"
#include <stdio.h>
#include <string.h>

static const uint64_t longest_ms = UINT64_C(49) * 24 * 3600 * 1000;
static const uint64_t largest_bytes = UINT64_C(1) << 62;

/* Reads the digits; `end` is what follows them. */
static bool digits_read(const char *text, const char **end, uint64_t *number)
{
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value)) {
            return false;
        }
    }
    *end = at;
    *number = value;
    return at != text;
}

bool muctl_number_parse(const char *text, uint64_t *number)
{
    const char *end;
    uint64_t value;
    if (!digits_read(text, &end, &value) || *end != 0) {
        return false;
    }
    *number = value;
    return true;
}

typedef struct unit {
    const char *name;
    uint64_t factor;
} unit;

static bool quantity_parse(const char *text, const unit *units, size_t count, uint64_t most,
                           uint64_t *out)
{
    const char *end;
    uint64_t value;
    if (!digits_read(text, &end, &value) || value == 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(end, units[i].name) == 0) {
            if (value > most / units[i].factor) {
                return false;
            }
            *out = value * units[i].factor;
            return true;
        }
    }
    return false;
}

bool muctl_duration_parse(const char *text, uint64_t *milliseconds)
{
    static const unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    return quantity_parse(text, units, sizeof units / sizeof units[0], longest_ms, milliseconds);
}

bool muctl_size_parse(const char *text, uint64_t *bytes)
{
    static const unit units[] = {{"", 1},
                                 {"K", UINT64_C(1) << 10},
                                 {"M", UINT64_C(1) << 20},
                                 {"G", UINT64_C(1) << 30},
                                 {"KiB", UINT64_C(1) << 10},
                                 {"MiB", UINT64_C(1) << 20},
                                 {"GiB", UINT64_C(1) << 30}};
    return quantity_parse(text, units, sizeof units / sizeof units[0], largest_bytes, bytes);
}

void muctl_duration_print(char out[MUCTL_QUANTITY_BYTES], uint64_t milliseconds)
{
    unsigned long long seconds = milliseconds / 1000;
    if (seconds >= 86400) {
        (void)snprintf(out, MUCTL_QUANTITY_BYTES, "%llud %lluh", seconds / 86400,
                       seconds % 86400 / 3600);
    } else if (seconds >= 3600) {
        (void)snprintf(out, MUCTL_QUANTITY_BYTES, "%lluh %llum", seconds / 3600,
                       seconds % 3600 / 60);
    } else if (seconds >= 60) {
        (void)snprintf(out, MUCTL_QUANTITY_BYTES, "%llum %llus", seconds / 60, seconds % 60);
    } else if (seconds > 0) {
        (void)snprintf(out, MUCTL_QUANTITY_BYTES, "%llus", seconds);
    } else {
        (void)snprintf(out, MUCTL_QUANTITY_BYTES, "%llums", (unsigned long long)milliseconds);
    }
}

void muctl_size_print(char out[MUCTL_QUANTITY_BYTES], uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double amount = (double)bytes;
    unsigned step = 0;
    while (amount >= 1024 && step < 4) {
        amount /= 1024;
        step++;
    }
    (void)snprintf(out, MUCTL_QUANTITY_BYTES, step == 0 || amount >= 10 ? "%.0f %s" : "%.1f %s",
                   amount, units[step]);
}
