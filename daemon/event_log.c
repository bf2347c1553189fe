#include "event_log.h"
#include "proto.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 1024, CLEAN_BYTES = 2048, STAMP_BYTES = 64 };

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static void write_stamp(char *out, size_t capacity, mud_log_level level)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t length = strftime(out, capacity, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + length, capacity - length, ".%03ldZ %-7s ", now.tv_nsec / 1000000,
             level_names[level]);
}

void mud_log_write(const mud_log *log, mud_log_level level, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    char line[STAMP_BYTES + CLEAN_BYTES + 1];
    if (level > log->level) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    write_stamp(line, STAMP_BYTES, level);
    size_t length = strlen(line);
    proto_text_clean(line + length, CLEAN_BYTES, message);
    length += strlen(line + length);
    line[length++] = '\n';
    /* One write, so that lines of several processes on one terminal do not mix. A log that cannot
     * be written is no reason to stop serving. */
    if (write(log->descriptor, line, length) < 0) {
        return;
    }
}
