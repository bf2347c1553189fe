/* The format is that of Linux, tools/perf/Documentation/jitdump-specification.txt, version 1: a
 * header, then records, of which a piece of code has two, the lines first since perf wants them by
 * then:
 *
 *      header | lines of @gcd.v1 | @gcd.v1 and its bytes | lines of @fib.v1 | …
 *
 * perf learns of the file because the process maps its first page as code, and orders what it says
 * by its times, which are those of `perf record -k mono`. Code that was removed is not told of: at
 * its address other code follows, at a later time. There are no unwinding tables, since all frames
 * hang on rbp, as `perf record -g` follows them. */
#include "jitdump.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MAGIC   0x4a695444u /* "JiTD" */
#define VERSION 1u

enum { RECORD_LOAD = 0, RECORD_LINES = 2, RECORD_CLOSE = 3 };

/* Everything is in the machine's byte order, and without padding. */
typedef struct dump_header {
    uint32_t magic, version;
    uint32_t size_bytes;
    uint32_t machine;
    uint32_t padding;
    uint32_t process;
    uint64_t time_ns;
    uint64_t flags;
} dump_header;

typedef struct record_header {
    uint32_t kind;
    uint32_t size_bytes; /* of the whole record */
    uint64_t time_ns;
} record_header;

typedef struct load_record {
    record_header header;
    uint32_t process, thread;
    uint64_t address, code_address; /* the same */
    uint64_t size_bytes;
    uint64_t number; /* of the piece of code, each another */
    /* The name with its NUL, then the code. */
} load_record;

typedef struct lines_record {
    record_header header;
    uint64_t address;
    uint64_t count;
    /* As many times a line_entry, the file's name and NUL. Other programs than perf allow "\xff"
     * for the name before; perf 6.1 takes that for a name. */
} lines_record;

typedef struct line_entry {
    uint64_t address;
    uint32_t line;
    uint32_t column; /* as a discriminator; not given */
} line_entry;

_Static_assert(sizeof(dump_header) == 40 && sizeof(load_record) == 56 &&
                   sizeof(lines_record) == 32 && sizeof(line_entry) == 16,
               "records are laid out as the specification says");

struct mu_code_jitdump {
    int file;
    void *marker; /* its first page, mapped as code */
    size_t marker_bytes;
    mu_code_locate_fn *locate;
    uint64_t last_number;
    uint64_t size_bytes; /* of the file */
    bool is_full;
    MU_ARRAY(unsigned char) record; /* that is being put together */
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- records */

static void put(mu_code_jitdump *dump, const void *bytes, size_t count)
{
    MU_ARRAY_RESERVE(&dump->record, dump->record.count + (uint32_t)count);
    memcpy(dump->record.items + dump->record.count, bytes, count);
    dump->record.count += (uint32_t)count;
}

/* What is put together goes to the file, or nothing of it. */
static void write_out(mu_code_jitdump *dump)
{
    uint32_t count = dump->record.count;
    if (!dump->is_full && write(dump->file, dump->record.items, count) == (ssize_t)count) {
        dump->size_bytes += count;
    } else if (!dump->is_full) {
        int failed = ftruncate(dump->file, (off_t)dump->size_bytes);
        (void)failed;
        dump->is_full = true;
    }
    dump->record.count = 0;
}

/* Compiled code may have two lines at one offset, when the first became no code. */
static bool is_empty_line(const mu_code_object *object, uint32_t index)
{
    uint32_t end =
        index + 1 < object->line_count ? object->lines[index + 1].offset : object->size_bytes;
    return object->lines[index].offset >= end;
}

typedef struct line_table {
    const mu_code_object *object;
    uint64_t count;
    mu_code_source last;
} line_table;

static void put_line(mu_code_jitdump *dump, line_table *table, uint32_t offset, uint32_t inst)
{
    mu_code_source source = dump->locate(table->object, inst);
    bool is_as_before =
        source.line == table->last.line && (!source.line || !strcmp(source.file, table->last.file));
    if (source.line && !is_as_before) {
        line_entry entry = {.address = (uintptr_t)table->object->start + offset,
                            .line = source.line};
        put(dump, &entry, sizeof entry);
        put(dump, source.file, strlen(source.file) + 1);
        table->count++;
        table->last = source;
    }
}

/* Adds the lines, if there are any; the record's beginning is written again when their number is
 * known. What comes before the first line is the function's prologue. */
static void put_lines(mu_code_jitdump *dump, const mu_code_object *object, uint64_t time_ns)
{
    lines_record lines = {.header = {.kind = RECORD_LINES, .time_ns = time_ns},
                          .address = (uintptr_t)object->start};
    line_table table = {.object = object};
    put(dump, &lines, sizeof lines);
    if (object->line_count && object->lines[0].offset) {
        put_line(dump, &table, 0, MU_CODE_LINE_OTHER);
    }
    for (uint32_t i = 0; i < object->line_count; i++) {
        if (!is_empty_line(object, i)) {
            put_line(dump, &table, object->lines[i].offset, object->lines[i].inst);
        }
    }
    lines.header.size_bytes = dump->record.count;
    lines.count = table.count;
    memcpy(dump->record.items, &lines, sizeof lines);
    if (!lines.count) {
        dump->record.count = 0;
    }
}

void mu_code_jitdump_add(mu_code_jitdump *dump, const mu_code_object *object,
                         const unsigned char *bytes)
{
    const char *name = object->name ? object->name : "?";
    uint64_t time_ns = now_ns();
    load_record load = {
        .header = {.kind = RECORD_LOAD,
                   .size_bytes = (uint32_t)(sizeof load + strlen(name) + 1 + object->size_bytes),
                   .time_ns = time_ns},
        .process = (uint32_t)getpid(),
        .thread = (uint32_t)gettid(),
        .address = (uintptr_t)object->start,
        .code_address = (uintptr_t)object->start,
        .size_bytes = object->size_bytes,
        .number = ++dump->last_number,
    };
    if (dump->locate) {
        put_lines(dump, object, time_ns);
    }
    put(dump, &load, sizeof load);
    put(dump, name, strlen(name) + 1);
    put(dump, bytes, object->size_bytes);
    write_out(dump);
}

/* ---- the file */

static void put_header(mu_code_jitdump *dump)
{
    dump_header header = {.magic = MAGIC,
                          .version = VERSION,
                          .size_bytes = sizeof header,
                          .machine = EM_X86_64,
                          .process = (uint32_t)getpid(),
                          .time_ns = now_ns()};
    put(dump, &header, sizeof header);
}

mu_status mu_code_jitdump_open(mu_code_locate_fn *locate, mu_code_jitdump **out)
{
    mu_status status = MU_SYSTEM;
    char path[64];
    snprintf(path, sizeof path, "/tmp/jit-%ld.dump", (long)getpid());
    mu_code_jitdump *dump = mu_allocate(sizeof *dump);
    dump->locate = locate;
    dump->marker_bytes = (size_t)sysconf(_SC_PAGESIZE);
    /* As with the map of names: what is there under this name is removed, never opened. */
    unlink(path);
    dump->file = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (dump->file >= 0) {
        put_header(dump);
        write_out(dump);
        void *marker =
            mmap(NULL, dump->marker_bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, dump->file, 0);
        dump->marker = marker == MAP_FAILED ? NULL : marker;
        status = dump->marker && !dump->is_full ? MU_OK : MU_SYSTEM;
    }
    if (status != MU_OK) {
        mu_code_jitdump_close(dump);
        return status;
    }
    *out = dump;
    return MU_OK;
}

void mu_code_jitdump_close(mu_code_jitdump *dump)
{
    if (!dump) {
        return;
    }
    if (dump->marker) {
        record_header end = {.kind = RECORD_CLOSE, .size_bytes = sizeof end, .time_ns = now_ns()};
        put(dump, &end, sizeof end);
        write_out(dump);
        munmap(dump->marker, dump->marker_bytes);
    }
    if (dump->file >= 0) {
        close(dump->file);
    }
    MU_ARRAY_FREE(&dump->record);
    mu_free(dump);
}
