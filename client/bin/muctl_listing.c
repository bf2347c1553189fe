/* ls, inspect, rm, gc; vm ls, vm rm. */
#include "muctl_pages.h"
#include "muctl_quantity.h"
#include "muctl_table.h"
#include <string.h>

enum { DIGEST_SHOWN = 12 };

static void vm_json(muctl_json *json, const char *key, const muclient_vm_info *vm)
{
    muctl_json_object_begin(json, key);
    muctl_json_string(json, "name", vm->name);
    muctl_json_string(json, "guest", vm->guest);
    muctl_json_unsigned(json, "heap_used_bytes", vm->heap_used_bytes);
    muctl_json_unsigned(json, "heap_quota_bytes", vm->heap_quota_bytes);
    muctl_json_unsigned(json, "collections", vm->collections);
    muctl_json_unsigned(json, "calls_running", vm->calls_running);
    muctl_json_unsigned(json, "calls_trapped", vm->calls_trapped);
    muctl_json_unsigned(json, "calls_done", vm->calls_done);
    muctl_json_bool(json, "handler_attached", vm->handler_attached);
    muctl_json_array_begin(json, "calls");
    for (size_t i = 0; i < vm->call_count; i++) {
        muctl_json_unsigned(json, NULL, vm->calls[i]);
    }
    muctl_json_array_end(json);
    muctl_json_unsigned(json, "contexts", vm->contexts);
    muctl_json_unsigned(json, "context_handles", vm->context_handles);
    muctl_json_object_end(json);
}

static void bundles_json(muctl_json *json, const muclient_listing *listing)
{
    for (size_t i = 0; i < listing->bundle_count; i++) {
        const muclient_bundle_info *bundle = &listing->bundles[i];
        muctl_json_object_begin(json, NULL);
        muctl_json_string(json, "vm", bundle->vm);
        muctl_json_string(json, "guest", bundle->guest);
        muctl_json_string(json, "bundle", bundle->bundle);
        muctl_json_unsigned(json, "version", bundle->version);
        muctl_json_string(json, "digest", bundle->digest);
        muctl_json_unsigned(json, "bytes", bundle->bytes);
        muctl_json_unsigned(json, "functions", bundle->functions);
        muctl_json_unsigned(json, "loaded_ms_ago", bundle->loaded_ms_ago);
        muctl_json_object_end(json);
    }
}

static void vm_cells(muctl_table *table, const muclient_vm_info *vm)
{
    char used[MUCTL_QUANTITY_BYTES];
    char quota[MUCTL_QUANTITY_BYTES];
    char both[2 * MUCTL_QUANTITY_BYTES + 4];
    muctl_size_print(used, vm->heap_used_bytes);
    muctl_size_print(quota, vm->heap_quota_bytes);
    (void)snprintf(both, sizeof both, "%s / %s", used, quota);
    muctl_table_cell(table, both);
    muctl_table_number(table, vm->calls_running);
    muctl_table_number(table, vm->calls_trapped);
    muctl_table_number(table, vm->contexts);
}

static void bundle_row(muctl_table *table, const muclient_vm_info *vm,
                       const muclient_bundle_info *bundle)
{
    char text[256];
    char age[MUCTL_QUANTITY_BYTES];
    (void)snprintf(text, sizeof text, "%.200s@%u", bundle->bundle, bundle->version);
    muctl_table_cell(table, text);
    muctl_table_cell(table, vm->name);
    muctl_table_cell(table, bundle->guest);
    muctl_table_number(table, bundle->functions);
    vm_cells(table, vm);
    (void)snprintf(text, sizeof text, "%.*s", DIGEST_SHOWN, bundle->digest);
    muctl_table_cell(table, text);
    muctl_duration_print(age, bundle->loaded_ms_ago);
    (void)snprintf(text, sizeof text, "%s ago", age);
    muctl_table_cell(table, text);
}

static void empty_row(muctl_table *table, const muclient_vm_info *vm)
{
    muctl_table_cell(table, "-");
    muctl_table_cell(table, vm->name);
    muctl_table_cell(table, vm->guest);
    muctl_table_number(table, 0);
    vm_cells(table, vm);
    muctl_table_cell(table, "-");
    muctl_table_cell(table, "-");
}

/* The bundles come in the order of their VMs. */
static void listing_rows(muctl_table *table, const muclient_listing *listing)
{
    size_t next = 0;
    for (size_t v = 0; v < listing->vm_count; v++) {
        const muclient_vm_info *vm = &listing->vms[v];
        bool is_empty = true;
        while (next < listing->bundle_count && strcmp(listing->bundles[next].vm, vm->name) == 0) {
            bundle_row(table, vm, &listing->bundles[next++]);
            is_empty = false;
        }
        if (is_empty) {
            empty_row(table, vm);
        }
    }
}

static void bundle_table_begin(muctl_table *table)
{
    static const char *const header[] = {"BUNDLE",  "VM",      "GUEST",    "FUNCS",  "HEAP",
                                         "RUNNING", "TRAPPED", "CONTEXTS", "DIGEST", "LOADED"};
    muctl_table_begin(table, sizeof header / sizeof header[0], header);
}

static void vm_table_begin(muctl_table *table)
{
    static const char *const header[] = {"VM",      "GUEST",   "BUNDLES", "HEAP",
                                         "RUNNING", "TRAPPED", "CONTEXTS"};
    muctl_table_begin(table, sizeof header / sizeof header[0], header);
}

static void vm_rows(muctl_table *table, const muclient_listing *listing)
{
    size_t next = 0;
    for (size_t v = 0; v < listing->vm_count; v++) {
        const muclient_vm_info *vm = &listing->vms[v];
        size_t first = next;
        while (next < listing->bundle_count && strcmp(listing->bundles[next].vm, vm->name) == 0) {
            next++;
        }
        muctl_table_cell(table, vm->name);
        muctl_table_cell(table, vm->guest);
        muctl_table_number(table, next - first);
        vm_cells(table, vm);
    }
}

static int listing_get(muctl_program *muctl, muctl_pages *pages)
{
    const char *after = NULL;
    for (bool more = true; more;) {
        muclient_reply *reply = NULL;
        muclient_error *error = NULL;
        if (muclient_list(muctl->client, after, &reply, &error) != MUCLIENT_OK) {
            return muctl_failed(muctl, error);
        }
        const muclient_listing *listing = muclient_reply_listing(reply);
        more = listing->more && listing->vm_count > 0;
        after = more ? listing->vms[listing->vm_count - 1].name : NULL;
        if (!muctl_pages_add(pages, reply)) {
            return muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
        }
    }
    return 0;
}

static void listing_json(const muctl_program *muctl, const muctl_pages *pages, bool with_bundles)
{
    muctl_json json;
    muctl_document_begin(muctl, &json, with_bundles ? "ls" : "vm.ls");
    muctl_json_array_begin(&json, "vms");
    for (size_t p = 0; p < pages->count; p++) {
        const muclient_listing *listing = muclient_reply_listing(pages->replies[p]);
        for (size_t i = 0; i < listing->vm_count; i++) {
            vm_json(&json, NULL, &listing->vms[i]);
        }
    }
    muctl_json_array_end(&json);
    if (with_bundles) {
        muctl_json_array_begin(&json, "bundles");
        for (size_t p = 0; p < pages->count; p++) {
            bundles_json(&json, muclient_reply_listing(pages->replies[p]));
        }
        muctl_json_array_end(&json);
    }
    muctl_document_end(&json);
}

static bool listing_print(FILE *out, const muctl_pages *pages, bool with_bundles)
{
    muctl_table table;
    if (with_bundles) {
        bundle_table_begin(&table);
    } else {
        vm_table_begin(&table);
    }
    for (size_t p = 0; p < pages->count; p++) {
        const muclient_listing *listing = muclient_reply_listing(pages->replies[p]);
        if (with_bundles) {
            listing_rows(&table, listing);
        } else {
            vm_rows(&table, listing);
        }
    }
    return muctl_table_end(&table, out);
}

static int list(muctl_program *muctl, bool with_bundles)
{
    muctl_pages pages = {0};
    int status = muctl_connect(muctl);
    if (status == 0) {
        status = listing_get(muctl, &pages);
    }
    if (status == 0 && muctl->is_json) {
        listing_json(muctl, &pages, with_bundles);
    } else if (status == 0 && !listing_print(muctl->out, &pages, with_bundles)) {
        status = muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
    }
    muctl_pages_free(&pages);
    return status == 0 ? muctl_written(muctl) : status;
}

int muctl_ls_command(muctl_program *muctl)
{
    return list(muctl, true);
}

int muctl_vm_ls_command(muctl_program *muctl)
{
    return list(muctl, false);
}

static void inspection_json(const muctl_program *muctl, const muclient_listing *listing)
{
    muctl_json json;
    muctl_document_begin(muctl, &json, "inspect");
    if (listing->vm_count > 0) {
        vm_json(&json, "vm", &listing->vms[0]);
    }
    muctl_json_array_begin(&json, "bundles");
    bundles_json(&json, listing);
    muctl_json_array_end(&json);
    muctl_json_array_begin(&json, "functions");
    for (size_t i = 0; i < listing->function_count; i++) {
        muctl_json_object_begin(&json, NULL);
        muctl_json_string(&json, "name", listing->functions[i].name);
        muctl_json_string(&json, "version", listing->functions[i].version);
        muctl_json_string(&json, "signature", listing->functions[i].signature);
        muctl_json_object_end(&json);
    }
    muctl_json_array_end(&json);
    muctl_document_end(&json);
}

static bool inspection_print(FILE *out, const muclient_listing *listing)
{
    muctl_table table;
    bundle_table_begin(&table);
    listing_rows(&table, listing);
    bool is_printed = muctl_table_end(&table, out);
    if (listing->vm_count > 0) {
        const muclient_vm_info *vm = &listing->vms[0];
        (void)fprintf(out, "calls done %llu, collections %llu, trap handler %s, ",
                      (unsigned long long)vm->calls_done, (unsigned long long)vm->collections,
                      vm->handler_attached ? "attached" : "none");
        (void)fprintf(out, "contexts %llu with %llu handles\n", (unsigned long long)vm->contexts,
                      (unsigned long long)vm->context_handles);
        for (size_t i = 0; i < vm->call_count; i++) {
            (void)fprintf(out, "call %llu\n", (unsigned long long)vm->calls[i]);
        }
    }
    static const char *const header[] = {"FUNCTION", "VERSION", "SIGNATURE"};
    muctl_table_begin(&table, sizeof header / sizeof header[0], header);
    for (size_t i = 0; i < listing->function_count; i++) {
        const char *version = listing->functions[i].version;
        muctl_table_cell(&table, listing->functions[i].name);
        muctl_table_cell(&table, version[0] == 0 ? "-" : version);
        muctl_table_cell(&table, listing->functions[i].signature);
    }
    return muctl_table_end(&table, out) && is_printed;
}

int muctl_inspect_command(muctl_program *muctl)
{
    int status = muctl_connect(muctl);
    if (status != 0) {
        return status;
    }
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    if (muclient_inspect(muctl->client, muctl->arguments.words[0], &reply, &error) != MUCLIENT_OK) {
        return muctl_failed(muctl, error);
    }
    const muclient_listing *listing = muclient_reply_listing(reply);
    if (muctl->is_json) {
        inspection_json(muctl, listing);
    } else if (!inspection_print(muctl->out, listing)) {
        status = muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
    }
    muclient_reply_free(reply);
    return status == 0 ? muctl_written(muctl) : status;
}

int muctl_rm_command(muctl_program *muctl)
{
    const char *name = muctl->arguments.words[0];
    muclient_error *error = NULL;
    int status = muctl_connect(muctl);
    if (status == 0 && muclient_vm_remove(muctl->client, name, muctl->arguments.given[MUCTL_FORCE],
                                          &error) != MUCLIENT_OK) {
        status = muctl_failed(muctl, error);
    }
    return status == 0 ? muctl_done(muctl, "rm", "vm", name, "removed") : status;
}

int muctl_vm_rm_command(muctl_program *muctl)
{
    return muctl_rm_command(muctl);
}

int muctl_gc_command(muctl_program *muctl)
{
    const char *name = muctl->arguments.words[0];
    muclient_error *error = NULL;
    int status = muctl_connect(muctl);
    if (status == 0 && muclient_collect(muctl->client, name, &error) != MUCLIENT_OK) {
        status = muctl_failed(muctl, error);
    }
    return status == 0 ? muctl_done(muctl, "gc", "vm", name, "collected") : status;
}
