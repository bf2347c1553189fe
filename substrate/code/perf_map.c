/* One write for each line, so that perf never sees half of one. */
#include "perf_map.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

mu_status mu_code_perf_map_open(int *file)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%ld.map", (long)getpid());
    /* Anybody may write to /tmp. What is there under this name is of an earlier process with our
     * number, or a trap: it is removed, never opened. */
    unlink(path);
    int opened = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (opened < 0) {
        return MU_SYSTEM;
    }
    *file = opened;
    return MU_OK;
}

void mu_code_perf_map_add(int file, const mu_code_object *object)
{
    char line[512]; /* a longer name is cut */
    int length =
        snprintf(line, sizeof line - 1, "%lx %x %s", (unsigned long)(uintptr_t)object->start,
                 object->size_bytes, object->name ? object->name : "?");
    size_t count = length < (int)sizeof line - 1 ? (size_t)length : sizeof line - 2;
    for (size_t i = 0; i < count; i++) {
        if ((unsigned char)line[i] < ' ') {
            line[i] = '?'; /* a name must not make lines of its own */
        }
    }
    line[count] = '\n';
    ssize_t written = write(file, line, count + 1);
    (void)written;
}
