/* Many VMs in one mud over its socket: how long it takes to make them, to load the same bundle into
 * each and call it once, to list them, to read their statistics and to remove them.
 *
 *   mud --socket ./m.sock &   vm_crowd ./m.sock [VMS] [keep | BUNDLE FUNCTION]
 *
 * `keep` leaves the VMs there. Ends with status 1 when a listing does not have all of them. */
#include "bench_samples.h"
#include "muclient.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 32, BUNDLE_MOST = 1 << 20 };

static muclient *client;

static void must(muclient_code code, muclient_error *error)
{
    if (code != MUCLIENT_OK) {
        fprintf(stderr, "%s\n", error == NULL ? "out of memory" : muclient_error_message(error));
        exit(1);
    }
}

static void name_vm(char name[NAME_BYTES], int number)
{
    snprintf(name, NAME_BYTES, "crowd-%d", number);
}

static void make_all(int count)
{
    double start = bench_now();
    for (int i = 0; i < count; i++) {
        char name[NAME_BYTES];
        muclient_error *error = NULL;
        name_vm(name, i);
        must(muclient_vm_create(client, &(muclient_vm_spec){.name = name}, NULL, &error), error);
    }
    double took = bench_now() - start;
    printf("made %d VMs in %.3f s, %.1f us each\n", count, took, took / count * 1e6);
}

static void load_and_call_all(int count, const char *path, const char *function)
{
    static char text[BUNDLE_MOST];
    FILE *file = fopen(path, "r");
    size_t length = file == NULL ? 0 : fread(text, 1, sizeof text, file);
    if (file == NULL || fclose(file) != 0) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    double took[2] = {0, 0};
    for (int i = 0; i < count; i++) {
        char name[NAME_BYTES];
        muclient_error *error = NULL;
        name_vm(name, i);
        muclient_load_spec load = {.vm = name, .bundle = "crowd", .file = path};
        muclient_call_spec call = {.vm = name, .function = function};
        double start = bench_now();
        must(muclient_load_bytes(client, &load, text, length, NULL, &error), error);
        double loaded = bench_now();
        must(muclient_call(client, &call, NULL, &error), error);
        took[0] += loaded - start;
        took[1] += bench_now() - loaded;
    }
    printf("loaded into each in %.1f us, called once in %.1f us\n", took[0] / count * 1e6,
           took[1] / count * 1e6);
}

/* Of all pages; `after` and the two numbers are out. */
typedef int page_fn(const char *after, char last[NAME_BYTES], bool *more);

static int list_page(const char *after, char last[NAME_BYTES], bool *more)
{
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    must(muclient_list(client, after, &reply, &error), error);
    const muclient_listing *listing = muclient_reply_listing(reply);
    int count = (int)listing->vm_count;
    *more = listing->more;
    snprintf(last, NAME_BYTES, "%s", count == 0 ? "" : listing->vms[count - 1].name);
    muclient_reply_free(reply);
    return count;
}

static int stats_page(const char *after, char last[NAME_BYTES], bool *more)
{
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    must(muclient_stats_get(client, NULL, after, &reply, &error), error);
    const muclient_stats *stats = muclient_reply_stats(reply);
    int count = (int)stats->vm_count;
    *more = stats->more;
    snprintf(last, NAME_BYTES, "%s", count == 0 ? "" : stats->vms[count - 1].name);
    muclient_reply_free(reply);
    return count;
}

static void read_all(const char *what, page_fn *page, int wanted)
{
    int count = 0;
    int pages = 0;
    double longest = 0;
    double start = bench_now();
    char last[NAME_BYTES] = "";
    for (bool more = true; more; pages++) {
        char after[NAME_BYTES];
        double began = bench_now();
        memcpy(after, last, sizeof after);
        count += page(after, last, &more);
        double took = bench_now() - began;
        longest = took > longest ? took : longest;
    }
    printf("%s of %d VMs in %.1f ms, %d replies, the longest %.1f ms\n", what, count,
           (bench_now() - start) * 1e3, pages, longest * 1e3);
    if (count < wanted) {
        exit(1);
    }
}

static void remove_all(int count)
{
    double start = bench_now();
    for (int i = 0; i < count; i++) {
        char name[NAME_BYTES];
        muclient_error *error = NULL;
        name_vm(name, i);
        must(muclient_vm_remove(client, name, false, &error), error);
    }
    printf("removed in %.1f us each\n", (bench_now() - start) / count * 1e6);
}

int main(int argc, char **argv)
{
    muclient_error *error = NULL;
    int count = argc > 2 ? atoi(argv[2]) : 10000;
    muclient_options options = {.socket = argc > 1 ? argv[1] : NULL, .name = "vm_crowd"};
    must(muclient_connect(&options, &client, &error), error);
    count = count < 1 ? 1 : count;
    make_all(count);
    if (argc > 4) {
        load_and_call_all(count, argv[3], argv[4]);
    }
    read_all("listing", list_page, count);
    read_all("statistics", stats_page, count);
    if (argc != 4 || strcmp(argv[3], "keep") != 0) {
        remove_all(count);
    }
    muclient_close(client);
    return 0;
}
