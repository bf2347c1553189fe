/* Loads a bundle into a new VM, calls it and removes the VM, very often: mud's memory, descriptors
 * and threads do not grow. Every second cycle the bundle is one that was never there before.
 *
 *   load_cycles MUD [CYCLES] */
#include "muclient.h"
#include "real_mud.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the first cycles make once and for all: arenas, caches, the largest tables. */
#define WARM_UP_FEWEST 500u
/* What mud may grow by, whatever the number of cycles: arenas of jemalloc's settle slowly. */
#define GROWTH_MOST_KIB 4096

static void must(muclient_code code, const char *what, const muclient_error *error)
{
    if (code != MUCLIENT_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, muclient_code_name(code),
                error ? muclient_error_message(error) : "");
        exit(1);
    }
}

typedef struct footprint {
    long resident_kib, descriptors, threads;
    uint64_t code_bytes, heap_bytes;
    uint32_t vms, bundles;
} footprint;

static long count_entries(uint64_t pid, const char *folder)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%llu/%s", (unsigned long long)pid, folder);
    DIR *opened = opendir(path);
    long count = 0;
    while (opened && readdir(opened)) {
        count++;
    }
    if (opened) {
        closedir(opened);
    }
    return count - 2;
}

static long resident_kib(uint64_t pid)
{
    char path[64];
    long total = 0;
    long resident = 0;
    snprintf(path, sizeof path, "/proc/%llu/statm", (unsigned long long)pid);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%ld %ld", &total, &resident) != 2) {
        fprintf(stderr, "%s does not say how large mud is\n", path);
        exit(1);
    }
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static footprint look(muclient *client)
{
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    must(muclient_status(client, &reply, &error), "asking", error);
    const muclient_status_info *status = muclient_reply_status(reply);
    footprint seen = {.resident_kib = resident_kib(status->pid),
                      .descriptors = count_entries(status->pid, "fd"),
                      .threads = count_entries(status->pid, "task"),
                      .code_bytes = status->code_bytes,
                      .heap_bytes = status->heap_bytes,
                      .vms = status->vms,
                      .bundles = status->bundles};
    muclient_reply_free(reply);
    return seen;
}

/* The constant makes it a bundle that has not been there. */
static void load(muclient *client, uint64_t constant)
{
    char program[1000];
    snprintf(program, sizeof program,
             ".typedef @i64 = int<64> .funcsig @i_i = (@i64) -> (@i64)\n"
             ".typedef @box = struct<@i64 @i64> .const @1 <@i64> = 1 .const @0 <@i64> = 0\n"
             ".const @more <@i64> = %llu .global @last <@i64>\n"
             ".funcdef @grow VERSION %%v1 <@i_i> { %%entry(<@i64> %%n):\n"
             "    %%r = NEW <@box> %%i = GETIREF <@box> %%r %%f = GETFIELDIREF <@box 1> %%i\n"
             "    %%m = ADD <@i64> %%n @more STORE <@i64> %%f %%m STORE <@i64> @last %%m\n"
             "    %%x = LOAD <@i64> @last RET (%%x) }\n",
             (unsigned long long)constant);
    muclient_load_spec spec = {.vm = "cycle", .file = "cycle.uir"};
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    must(muclient_load_bytes(client, &spec, program, strlen(program), &reply, &error), "loading",
         error);
    muclient_reply_free(reply);
}

static void call(muclient *client, uint64_t constant)
{
    muclient_value value = {.kind = MUCLIENT_INTEGER, .integer = 5};
    muclient_call_spec spec = {
        .vm = "cycle", .function = "grow", .arguments = &value, .argument_count = 1};
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    must(muclient_call(client, &spec, &reply, &error), "calling", error);
    uint64_t result = muclient_reply_returned(reply)->results[0].integer;
    if (result != constant + 5) {
        fprintf(stderr, "5 + %llu is not %llu\n", (unsigned long long)constant,
                (unsigned long long)result);
        exit(1);
    }
    muclient_reply_free(reply);
}

static void cycle(muclient *client, uint64_t number)
{
    muclient_error *error = NULL;
    uint64_t constant = number % 2 ? number : 0;
    load(client, constant);
    call(client, constant);
    must(muclient_vm_remove(client, "cycle", false, &error), "removing", error);
}

static void print(const char *when, const footprint *seen)
{
    printf(
        "%-14s %8ld KiB resident, %ld descriptors, %ld threads, %llu bytes of code, %llu of heaps, "
        "%u VMs, %u bundles\n",
        when, seen->resident_kib, seen->descriptors, seen->threads,
        (unsigned long long)seen->code_bytes, (unsigned long long)seen->heap_bytes, seen->vms,
        seen->bundles);
    fflush(stdout);
}

/* VMs are freed behind the replies, so the last may still be there. */
static footprint settled(muclient *client)
{
    footprint seen = look(client);
    for (int tries = 0; tries < 200; tries++) {
        usleep(20000);
        footprint next = look(client);
        bool is_same = next.resident_kib == seen.resident_kib &&
                       next.code_bytes == seen.code_bytes && next.heap_bytes == seen.heap_bytes;
        seen = next;
        if (is_same && tries > 10) {
            break;
        }
    }
    return seen;
}

static int check(bool is_so, const char *claim)
{
    printf("%s - %s\n", is_so ? "ok" : "not ok", claim);
    return is_so ? 0 : 1;
}

int main(int argc, char **argv)
{
    uint64_t cycles = argc > 2 ? strtoull(argv[2], NULL, 0) : 2000;
    uint64_t warm_up = cycles / 10 > WARM_UP_FEWEST ? cycles / 10 : WARM_UP_FEWEST;
    real_mud *mud = real_mud_start(argv[1]);
    muclient *client = NULL;
    muclient_error *error = NULL;
    muclient_options options = {.socket = real_mud_socket(mud), .name = "load_cycles"};
    must(muclient_connect(&options, &client, &error), "connecting", error);
    for (uint64_t i = 0; i < warm_up; i++) {
        cycle(client, i);
    }
    footprint before = settled(client);
    print("warmed up", &before);
    for (uint64_t i = 0; i < cycles; i++) {
        cycle(client, warm_up + i);
    }
    footprint after = settled(client);
    print("at the end", &after);
    int failures =
        check(after.resident_kib - before.resident_kib <= GROWTH_MOST_KIB, "memory does not grow") +
        check(after.code_bytes <= before.code_bytes, "nor does code") +
        check(after.heap_bytes <= before.heap_bytes, "nor do heaps") +
        check(after.descriptors <= before.descriptors, "nor do descriptors") +
        check(after.threads <= before.threads, "nor do threads") +
        check(after.vms == 0 && after.bundles == 0, "and no VM is left");
    muclient_close(client);
    failures += check(real_mud_stop(mud) == 0, "mud ends well");
    return failures ? 1 : 0;
}
