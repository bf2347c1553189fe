#pragma once
/* The file in which `perf` looks for the names of code that no executable file holds: lines of
 * address, size and name, "/tmp/perf-PID.map". It stays when the process ends, since perf reads it
 * afterwards. Private to the room. */
#include "mu_code.h"

/* Begins a new file for this process. Errors: SYSTEM, it cannot be written. */
MU_MUST_CHECK mu_status mu_code_perf_map_open(int *file);
/* Adds a line; a full disk loses it and nothing else. Not thread-safe. */
void mu_code_perf_map_add(int file, const mu_code_object *object);
