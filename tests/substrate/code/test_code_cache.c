/* The code cache through its public header. */
#include "code_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static mu_code_cache *cache;
static mu_code_cache *cache_of(uint64_t size_bytes)
{
    mu_code_cache *made = NULL;
    mu_code_config config = {.size_bytes = size_bytes};
    cr_assert_eq(mu_code_cache_new(&config, &made), MU_OK);
    return made;
}
static void setup(void)
{
    cache = cache_of(1u << 20);
}
static void teardown(void)
{
    mu_code_cache_free(cache);
}
TestSuite(mu_code, .init = setup, .fini = teardown, .timeout = 60);

static mu_code_object *install(uint32_t size_bytes, uint32_t number)
{
    mu_status status;
    mu_code_object *object = fixture_install(cache, size_bytes, number, &status);
    cr_assert_eq(status, MU_OK, "%s", mu_status_name(status));
    return object;
}

Test(mu_code, installed_code_runs)
{
    mu_code_object *one = install(6, 11);
    mu_code_object *other = install(100, 22);
    cr_assert_eq(fixture_run(one), 11);
    cr_assert_eq(fixture_run(other), 22);
    cr_assert_eq((uintptr_t)one->start % 16, 0);
    cr_assert_eq((uintptr_t)other->start % 16, 0);
    cr_assert_eq(one->size_bytes, 6);
}

Test(mu_code, byte_of_installed_code_is_changed_in_place)
{
    mu_code_object *one = install(6, 11);
    mu_code_object *other = install(6, 22);
    mu_code_set_byte(cache, one->start + 1, 33);
    mu_code_synchronize();
    cr_assert_eq(fixture_run(one), 33);
    cr_assert_eq(fixture_run(other), 22);
    mu_code_set_byte(cache, one->start + 1, 11);
    mu_code_synchronize();
    cr_assert_eq(fixture_run(one), 11);
}

Test(mu_code, every_byte_and_the_end_lead_to_their_piece)
{
    mu_code_object *pieces[64];
    for (uint32_t i = 0; i < 64; i++) {
        pieces[i] = install(6 + i, i);
    }
    for (uint32_t i = 0; i < 64; i++) {
        for (uint32_t offset = 0; offset <= pieces[i]->size_bytes; offset++) {
            cr_assert_eq(mu_code_find(cache, (uintptr_t)pieces[i]->start + offset), pieces[i],
                         "piece %u, byte %u", i, offset);
        }
    }
}

Test(mu_code, nothing_is_found_outside)
{
    cr_assert_null(mu_code_find(cache, 0));
    mu_code_object *object = install(40, 1);
    uintptr_t start = (uintptr_t)object->start;
    cr_assert_null(mu_code_find(cache, start - 1));
    cr_assert_null(mu_code_find(cache, start + 48));
    cr_assert_null(mu_code_find(cache, start + (1u << 20)));
    cr_assert_null(mu_code_find(cache, start + (1u << 20) - 1));
    cr_assert_null(mu_code_find(cache, 0));
    cr_assert_null(mu_code_find(cache, UINTPTR_MAX));
    cr_assert_null(mu_code_find(cache, (uintptr_t)&cache));
}

Test(mu_code, removed_code_is_not_found_and_its_memory_serves_again)
{
    mu_code_object *first = install(1000, 1);
    mu_code_object *second = install(1000, 2);
    mu_code_object *third = install(1000, 3);
    const unsigned char *start = first->start;
    uintptr_t second_start = (uintptr_t)second->start;
    mu_code_remove(cache, second);
    cr_assert_null(mu_code_find(cache, second_start));
    cr_assert_null(mu_code_find(cache, second_start + 999));
    cr_assert_eq(mu_code_find(cache, (uintptr_t)third->start), third);
    mu_code_remove(cache, first); /* the two gaps become one */
    mu_code_object *large = install(2000, 4);
    cr_assert_eq(large->start, start);
    cr_assert_eq(fixture_run(large), 4);
    cr_assert_eq(mu_code_find(cache, second_start), large);
    cr_assert_eq(fixture_run(third), 3);
}

Test(mu_code, gaps_merge_in_every_order)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int i = 0; i < 6; i++) {
        mu_code_cache_free(cache);
        cache = cache_of(16384);
        mu_code_object *pieces[3];
        pieces[0] = install(4000, 0);
        pieces[1] = install(5000, 1);
        pieces[2] = install(7000, 2);
        const unsigned char *start = pieces[0]->start;
        for (int j = 0; j < 3; j++) {
            mu_code_remove(cache, pieces[orders[i][j]]);
        }
        pieces[0] = install(8190, 3);
        pieces[1] = install(8190, 4);
        cr_assert_eq(pieces[0]->start, start);
        cr_assert_eq(pieces[1]->start, start + 8192);
    }
}

Test(mu_code, removed_code_is_a_trap, .signal = SIGTRAP)
{
    mu_code_object *object = install(64, 1);
    const unsigned char *start = object->start;
    mu_code_remove(cache, object);
    for (int i = 0; i < 80; i++) {
        cr_assert_eq(start[i], 0xcc);
    }
    void (*function)(void) = (void (*)(void))(uintptr_t)start;
    function();
}

Test(mu_code, a_full_cache_is_a_limit_and_loses_nothing)
{
    mu_status status = MU_OK;
    mu_code_object *last = NULL;
    uint32_t count = 0;
    for (;;) {
        mu_code_object *object = fixture_install(cache, 4090, count, &status);
        if (!object) {
            break;
        }
        last = object;
        count++;
    }
    cr_assert_eq(status, MU_LIMIT);
    cr_assert_eq(count, (1u << 20) / 4096);
    cr_assert_eq(mu_code_used_bytes(cache), count * 4090u);
    cr_assert_eq(fixture_run(last), count - 1);
    mu_code_remove(cache, last);
    last = install(4095, 7);
    cr_assert_eq(fixture_run(last), 7);
    cr_assert_null(fixture_install(cache, 6, 1, &status), "no granule is left");
}

Test(mu_code, the_smallest_pieces_fill_the_cache_too)
{
    uint32_t count = 0;
    mu_status status;
    while (fixture_install(cache, 6, count, &status)) {
        count++;
    }
    cr_assert_eq(status, MU_LIMIT);
    cr_assert_eq(count, (1u << 20) / 16);
}

Test(mu_code, used_bytes_counts_what_is_installed)
{
    cr_assert_eq(mu_code_used_bytes(cache), 0);
    mu_code_object *one = install(100, 1);
    mu_code_object *other = install(50, 2);
    cr_assert_eq(mu_code_used_bytes(cache), 150);
    mu_code_remove(cache, one);
    cr_assert_eq(mu_code_used_bytes(cache), 50);
    mu_code_remove(cache, other);
    cr_assert_eq(mu_code_used_bytes(cache), 0);
}

Test(mu_code, sites_are_found_by_their_return_address_alone)
{
    for (uint32_t count = 0; count < 20; count++) {
        unsigned char bytes[200];
        fixture_code(bytes, sizeof bytes, count);
        mu_code_object *object = fixture_object("@sites.v1");
        object->sites = mu_allocate(sizeof(mu_code_site) * (count + 1));
        object->site_count = count;
        for (uint32_t i = 0; i < count; i++) {
            object->sites[i].return_offset = i * 9 + 5;
            object->sites[i].inst = i;
        }
        if (count > 0) {
            object->sites[count - 1].return_offset = 200; /* a call is the last instruction */
        }
        cr_assert_eq(mu_code_install(cache, object, bytes, sizeof bytes), MU_OK);
        uint32_t found = 0;
        for (uint32_t offset = 0; offset <= 200; offset++) {
            const mu_code_site *site = mu_code_site_at(object, (uintptr_t)object->start + offset);
            if (site) {
                cr_assert_eq(site->return_offset, offset);
                cr_assert_eq(site, &object->sites[found]);
                found++;
            }
        }
        cr_assert_eq(found, count);
        cr_assert_null(mu_code_site_at(object, (uintptr_t)object->start - 1));
        cr_assert_null(mu_code_site_at(object, (uintptr_t)object->start + (5ull << 32) + 5));
    }
}

Test(mu_code, no_mapping_is_writable_and_executable)
{
    for (uint32_t i = 0; i < 1000; i++) {
        mu_code_object *object = install(6 + i % 100, i);
        cr_assert_eq(fixture_run(object), i);
        if (i % 3 == 0) {
            mu_code_remove(cache, object);
        }
    }
    mu_code_object *object = install(6, 1);
    FILE *maps = fopen("/proc/self/maps", "r");
    cr_assert_not_null(maps);
    char line[512];
    bool code_is_mapped = false;
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        char rights[5];
        cr_assert_eq(sscanf(line, "%lx-%lx %4s", &from, &to, rights), 3, "%s", line);
        cr_assert_not(rights[1] == 'w' && rights[2] == 'x', "%s", line);
        if ((uintptr_t)object->start >= from && (uintptr_t)object->start < to) {
            cr_assert_str_eq(rights, "r-xs");
            code_is_mapped = true;
        }
    }
    fclose(maps);
    cr_assert(code_is_mapped);
}

Test(mu_code, code_cannot_be_written_where_it_runs)
{
    mu_code_object *object = install(6, 1);
    int zeros = open("/dev/zero", O_RDONLY);
    cr_assert_geq(zeros, 0);
    ssize_t count = read(zeros, (void *)(uintptr_t)object->start, 6);
    cr_assert_eq(count, -1);
    cr_assert_eq(errno, EFAULT);
    close(zeros);
    cr_assert_eq(fixture_run(object), 1);
}

Test(mu_code, a_large_cache_takes_memory_only_for_what_is_used)
{
    mu_code_cache_free(cache);
    cache = cache_of(1ull << 30);
    install(1000, 1);
    FILE *statm = fopen("/proc/self/statm", "r");
    unsigned long size, resident;
    cr_assert_eq(fscanf(statm, "%lu %lu", &size, &resident), 2);
    fclose(statm);
    cr_assert_gt(size * 4096, 2ull << 30);
    cr_assert_lt(resident * 4096, 256ull << 20);
}

Test(mu_code, sizes_that_no_cache_can_have_are_refused)
{
    static const uint64_t sizes[] = {0, UINT64_MAX, 1ull << 40};
    for (int i = 0; i < 3; i++) {
        mu_code_cache *other = NULL;
        mu_code_config config = {.size_bytes = sizes[i]};
        cr_assert_eq(mu_code_cache_new(&config, &other), MU_INVALID);
        cr_assert_null(other);
    }
}

Test(mu_code, an_object_that_was_never_installed_can_be_freed)
{
    mu_code_object *object = fixture_object("@never");
    object->sites = mu_allocate(sizeof(mu_code_site));
    object->slots = mu_allocate(sizeof(mu_code_slot));
    object->keepalives = mu_allocate(sizeof(mu_code_keepalive));
    mu_code_object_free(object);
    mu_code_object_free(NULL);
}

Test(mu_code, the_perf_map_names_every_piece)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%ld.map", (long)getpid());
    cr_assert_eq(symlink("/nonexistent/elsewhere", path), 0, "as somebody might have planted it");
    mu_code_cache_free(cache);
    mu_code_config config = {.size_bytes = 1u << 20, .perf_map = true};
    cr_assert_eq(mu_code_cache_new(&config, &cache), MU_OK);
    mu_code_object *one = install(16, 1);
    unsigned char bytes[33] = {0xc3};
    mu_code_object *other = fixture_object("@line\nbreak");
    cr_assert_eq(mu_code_install(cache, other, bytes, sizeof bytes), MU_OK);
    char name[1000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    mu_code_object *long_one = fixture_object(name);
    cr_assert_eq(mu_code_install(cache, long_one, bytes, 1), MU_OK);
    char expected[128];
    snprintf(expected, sizeof expected, "%lx 10 @f1.v1\n%lx 21 @line?break\n%lx 1 nnn",
             (unsigned long)(uintptr_t)one->start, (unsigned long)(uintptr_t)other->start,
             (unsigned long)(uintptr_t)long_one->start);
    char content[2048] = "";
    FILE *map = fopen(path, "r");
    cr_assert_not_null(map);
    size_t count = fread(content, 1, sizeof content - 1, map);
    fclose(map);
    unlink(path);
    cr_assert_eq(strncmp(content, expected, strlen(expected)), 0, "%s", content);
    cr_assert_eq(content[count - 1], '\n', "a long name is cut, its line is whole");
    int lines = 0;
    for (size_t i = 0; i < count; i++) {
        lines += content[i] == '\n';
    }
    cr_assert_eq(lines, 3);
}
