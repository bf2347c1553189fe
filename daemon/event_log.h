#pragma once
/* The log on standard error: a line an event, with time and level. Text that came from a client
 * cannot break a line or steer a terminal. */
#include "mud_daemon.h"

typedef struct mud_log {
    mud_log_level level; /* what is less urgent is dropped */
    int descriptor;
} mud_log;

void mud_log_write(const mud_log *log, mud_log_level level, const char *format, ...)
    MU_PRINTF(3, 4);
