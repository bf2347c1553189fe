#pragma once
/* The file by which `perf inject --jit` learns of code that no executable file holds: its names,
 * its bytes and its lines, "/tmp/jit-PID.dump". It stays when the process ends, since perf reads it
 * afterwards. Private to the room. */
#include "mu_code.h"

typedef struct mu_code_jitdump mu_code_jitdump;

/* Begins a new file for this process. Errors: SYSTEM, it cannot be written, or not be mapped as
 * code, which is how perf finds it (/tmp is mounted noexec). */
MU_MUST_CHECK mu_status mu_code_jitdump_open(mu_code_locate_fn *locate, mu_code_jitdump **dump);
void mu_code_jitdump_close(mu_code_jitdump *dump); /* NULL is allowed */
/* Adds a piece of code that was installed: `bytes` are those of it. When the disk is full the file
 * ends with the piece before. Not thread-safe. */
void mu_code_jitdump_add(mu_code_jitdump *dump, const mu_code_object *object,
                         const unsigned char *bytes);
