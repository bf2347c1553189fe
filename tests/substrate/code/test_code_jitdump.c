/* The dump that a cache writes, read back as its specification says. */
#include "code_fixture.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef struct dump {
    unsigned char *bytes;
    size_t size_bytes;
    size_t at;
} dump;

static void path_of(char path[64])
{
    snprintf(path, 64, "/tmp/jit-%ld.dump", (long)getpid());
}

static dump read_dump(void)
{
    char path[64];
    path_of(path);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    dump read = {.bytes = malloc(1u << 20)};
    read.size_bytes = fread(read.bytes, 1, 1u << 20, file);
    fclose(file);
    unlink(path);
    return read;
}

static uint64_t number(dump *self, size_t size_bytes)
{
    uint64_t value = 0;
    cr_assert_leq(self->at + size_bytes, self->size_bytes, "the dump ends early");
    memcpy(&value, self->bytes + self->at, size_bytes);
    self->at += size_bytes;
    return value;
}

static const char *text(dump *self)
{
    const char *start = (const char *)self->bytes + self->at;
    self->at += strlen(start) + 1;
    cr_assert_leq(self->at, self->size_bytes);
    return start;
}

static void check_header(dump *self)
{
    cr_assert_eq(number(self, 4), 0x4a695444);
    cr_assert_eq(number(self, 4), 1);
    cr_assert_eq(number(self, 4), 40, "bytes of the header");
    cr_assert_eq(number(self, 4), EM_X86_64);
    number(self, 4);
    cr_assert_eq(number(self, 4), (uint64_t)getpid());
    cr_assert_gt(number(self, 8), 0);
    cr_assert_eq(number(self, 8), 0);
}

/* Of a record of this kind, which ends at `*end`; its time. */
static uint64_t begin_record(dump *self, uint32_t kind, size_t *end)
{
    size_t start = self->at;
    cr_assert_eq(number(self, 4), kind);
    *end = start + number(self, 4);
    cr_assert_leq(*end, self->size_bytes);
    return number(self, 8);
}

static void check_code(dump *self, const mu_code_object *object, uint64_t index)
{
    size_t end;
    uint64_t time_ns = begin_record(self, 0, &end);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    cr_assert_leq(time_ns, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
    cr_assert_eq(number(self, 4), (uint64_t)getpid());
    cr_assert_eq(number(self, 4), (uint64_t)gettid());
    cr_assert_eq(number(self, 8), (uintptr_t)object->start);
    cr_assert_eq(number(self, 8), (uintptr_t)object->start);
    cr_assert_eq(number(self, 8), object->size_bytes);
    cr_assert_eq(number(self, 8), index);
    cr_assert_str_eq(text(self), object->name);
    cr_assert_eq(self->at + object->size_bytes, end);
    cr_assert_eq(memcmp(self->bytes + self->at, object->start, object->size_bytes), 0);
    self->at = end;
}

static void check_line(dump *self, const mu_code_object *object, uint32_t offset, uint32_t line,
                       const char *file)
{
    cr_expect_eq(number(self, 8), (uintptr_t)object->start + offset);
    cr_expect_eq(number(self, 4), line);
    cr_expect_eq(number(self, 4), 0);
    cr_expect_str_eq(text(self), file);
}

/* The instruction 7 is in another file, 8 nowhere. */
static mu_code_source locate(const mu_code_object *object, uint32_t inst)
{
    cr_assert_not_null(object->start);
    return (mu_code_source){.file = inst == 7 ? "b.uir" : "a.uir",
                            .line = inst == MU_CODE_LINE_OTHER ? 1
                                    : inst == 8                ? 0
                                                               : 10 + inst / 2};
}

static mu_code_cache *new_cache(mu_code_locate_fn *with_lines)
{
    mu_code_cache *cache;
    mu_code_config config = {.size_bytes = 1u << 20, .jitdump = true, .locate = with_lines};
    cr_assert_eq(mu_code_cache_new(&config, &cache), MU_OK);
    return cache;
}

static mu_code_object *install_with_lines(mu_code_cache *cache)
{
    static const mu_code_line lines[] = {{4, 0},  {4, 2},  {8, 3}, {12, 7},
                                         {16, 8}, {20, 4}, {40, 6}};
    unsigned char bytes[40];
    mu_code_object *object = fixture_object("@lines.v1");
    object->line_count = sizeof lines / sizeof lines[0];
    object->lines = mu_allocate(sizeof lines);
    memcpy(object->lines, lines, sizeof lines);
    fixture_code(bytes, sizeof bytes, 3);
    cr_assert_eq(mu_code_install(cache, object, bytes, sizeof bytes), MU_OK);
    return object;
}

Test(mu_code_jitdump, has_names_addresses_and_bytes, .timeout = 60)
{
    mu_status status;
    mu_code_cache *cache = new_cache(NULL);
    const mu_code_object *first = fixture_install(cache, 40, 1, &status);
    const mu_code_object *second = fixture_install(cache, 6, 2, &status);
    cr_assert_eq(status, MU_OK);
    dump read = read_dump();
    check_header(&read);
    check_code(&read, first, 1);
    check_code(&read, second, 2);
    cr_assert_eq(read.at, read.size_bytes);
    free(read.bytes);
    mu_code_cache_free(cache);
}

Test(mu_code_jitdump, has_lines_of_what_became_code, .timeout = 60)
{
    size_t end;
    mu_code_cache *cache = new_cache(locate);
    const mu_code_object *object = install_with_lines(cache);
    dump read = read_dump();
    check_header(&read);
    begin_record(&read, 2, &end);
    cr_assert_eq(number(&read, 8), (uintptr_t)object->start);
    cr_assert_eq(number(&read, 8), 4);
    check_line(&read, object, 0, 1, "a.uir");
    check_line(&read, object, 4, 11, "a.uir");
    check_line(&read, object, 12, 13, "b.uir");
    check_line(&read, object, 20, 12, "a.uir");
    cr_assert_eq(read.at, end);
    check_code(&read, object, 1);
    cr_assert_eq(read.at, read.size_bytes);
    free(read.bytes);
    mu_code_cache_free(cache);
}

Test(mu_code_jitdump, ends_with_a_record_of_that, .timeout = 60)
{
    size_t end;
    mu_code_cache *cache = new_cache(locate);
    mu_code_cache_free(cache);
    dump read = read_dump();
    check_header(&read);
    begin_record(&read, 3, &end);
    cr_assert_eq(read.at, end);
    cr_assert_eq(read.at, read.size_bytes);
    free(read.bytes);
}

Test(mu_code_jitdump, is_mapped_as_code_so_that_perf_finds_it, .timeout = 60)
{
    char path[64];
    char line[512];
    bool is_mapped = false;
    mu_code_cache *cache = new_cache(NULL);
    path_of(path);
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) {
        is_mapped |= strstr(line, path) && strstr(line, " r-xp 00000000 ");
    }
    fclose(maps);
    cr_assert(is_mapped);
    mu_code_cache_free(cache);
    unlink(path);
}

/* Code that was written under this name by somebody else is not followed or added to. */
Test(mu_code_jitdump, takes_over_no_file_that_is_there, .timeout = 60)
{
    char path[64];
    path_of(path);
    cr_assert_eq(symlink("/nonexistent/elsewhere", path), 0);
    mu_code_cache *cache = new_cache(NULL);
    dump read = read_dump();
    check_header(&read);
    free(read.bytes);
    mu_code_cache_free(cache);
}
