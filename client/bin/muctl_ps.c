/* ps and kill. */
#include "muctl_pages.h"
#include "muctl_quantity.h"
#include "muctl_table.h"
#include <inttypes.h>

/* ------------------------------------------------------------------------------------------ ps */

static int calls_get(muctl_program *muctl, const char *vm, muctl_pages *pages)
{
    uint64_t after = 0;
    bool more = true;
    while (more) {
        muclient_reply *reply = NULL;
        muclient_error *error = NULL;
        if (muclient_list_calls(muctl->client, vm, after, &reply, &error) != MUCLIENT_OK) {
            return muctl_failed(muctl, error);
        }
        const muclient_call_listing *listing = muclient_reply_calls(reply);
        more = listing->more && listing->call_count > 0;
        after = more ? listing->calls[listing->call_count - 1].call : 0;
        if (!muctl_pages_add(pages, reply)) {
            return muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
        }
    }
    return 0;
}

static void client_cell(muctl_table *table, const muclient_call_info *call)
{
    char text[160];
    if (call->made_by_program) {
        muctl_table_cell(table, "(thread)");
    } else if (call->client_pid == 0) {
        muctl_table_cell(table, "(gone)");
    } else {
        (void)snprintf(text, sizeof text, "%.100s/pid %" PRIu64, call->client, call->client_pid);
        muctl_table_cell(table, text);
    }
}

static void call_row(muctl_table *table, const muclient_call_info *call)
{
    char text[MUCTL_QUANTITY_BYTES];
    muctl_table_number(table, call->call);
    muctl_table_cell(table, call->vm);
    muctl_table_cell(table, call->function);
    muctl_table_cell(table, call->state);
    muctl_duration_print(text, call->age_us / 1000);
    muctl_table_cell(table, text);
    muctl_duration_print(text, call->deadline_left_us / 1000);
    muctl_table_cell(table, call->has_deadline ? text : "-");
    client_cell(table, call);
}

static bool calls_print(FILE *out, const muctl_pages *pages)
{
    static const char *const header[] = {"CALL", "VM",       "FUNCTION", "STATE",
                                         "AGE",  "DEADLINE", "CLIENT"};
    muctl_table table;
    muctl_table_begin(&table, sizeof header / sizeof header[0], header);
    for (size_t p = 0; p < pages->count; p++) {
        const muclient_call_listing *listing = muclient_reply_calls(pages->replies[p]);
        for (size_t i = 0; i < listing->call_count; i++) {
            call_row(&table, &listing->calls[i]);
        }
    }
    return muctl_table_end(&table, out);
}

static void call_json(muctl_json *json, const muclient_call_info *call)
{
    muctl_json_object_begin(json, NULL);
    muctl_json_unsigned(json, "call", call->call);
    muctl_json_string(json, "vm", call->vm);
    muctl_json_string(json, "function", call->function);
    muctl_json_bool(json, "made_by_program", call->made_by_program);
    muctl_json_string(json, "state", call->state);
    muctl_json_unsigned(json, "age_us", call->age_us);
    if (call->has_deadline) {
        muctl_json_unsigned(json, "deadline_left_us", call->deadline_left_us);
    }
    if (call->client_pid != 0) {
        muctl_json_unsigned(json, "client_pid", call->client_pid);
        muctl_json_string(json, "client", call->client);
    }
    muctl_json_object_end(json);
}

static void calls_json(const muctl_program *muctl, const muctl_pages *pages)
{
    muctl_json json;
    muctl_document_begin(muctl, &json, "ps");
    muctl_json_array_begin(&json, "calls");
    for (size_t p = 0; p < pages->count; p++) {
        const muclient_call_listing *listing = muclient_reply_calls(pages->replies[p]);
        for (size_t i = 0; i < listing->call_count; i++) {
            call_json(&json, &listing->calls[i]);
        }
    }
    muctl_json_array_end(&json);
    muctl_document_end(&json);
}

int muctl_ps_command(muctl_program *muctl)
{
    const muctl_arguments *arguments = &muctl->arguments;
    muctl_pages pages = {0};
    int status = muctl_connect(muctl);
    if (status == 0) {
        status = calls_get(muctl, arguments->word_count > 0 ? arguments->words[0] : NULL, &pages);
    }
    if (status == 0 && muctl->is_json) {
        calls_json(muctl, &pages);
    } else if (status == 0 && !calls_print(muctl->out, &pages)) {
        status = muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
    }
    muctl_pages_free(&pages);
    return status == 0 ? muctl_written(muctl) : status;
}

/* ---------------------------------------------------------------------------------------- kill */

static int vm_kill(muctl_program *muctl, const char *vm)
{
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    int status = muctl_connect(muctl);
    if (status == 0 && muclient_calls_kill(muctl->client, vm, &reply, &error) != MUCLIENT_OK) {
        status = muctl_failed(muctl, error);
    }
    if (status == 0) {
        uint64_t count = muclient_reply_ended(reply);
        if (muctl->is_json) {
            muctl_json json;
            muctl_document_begin(muctl, &json, "kill");
            muctl_json_string(&json, "vm", vm);
            muctl_json_unsigned(&json, "killed", count);
            muctl_document_end(&json);
        } else {
            (void)fprintf(muctl->out, "killed %" PRIu64 " call%s of %s\n", count,
                          count == 1 ? "" : "s", vm);
        }
        status = muctl_written(muctl);
    }
    muclient_reply_free(reply);
    return status;
}

int muctl_call_number_read(const muctl_program *muctl, const char *word, uint64_t *call)
{
    if (!muctl_number_parse(word, call)) {
        return muctl_usage(muctl, "muctl ps lists the calls that run",
                           "\"%s\" is not the number of a call", word);
    }
    return 0;
}

/* All are read before the first is killed; one that has ended does not keep the others alive. */
int muctl_kill_command(muctl_program *muctl)
{
    const muctl_arguments *arguments = &muctl->arguments;
    const char *vm = arguments->values[MUCTL_VM];
    uint64_t call = 0;
    int status = 0;
    if ((vm != NULL) == (arguments->word_count > 0)) {
        return muctl_usage(muctl, "usage: muctl kill CALL... | kill --vm NAME",
                           "kill wants either calls or a VM");
    }
    if (vm != NULL) {
        return vm_kill(muctl, vm);
    }
    for (size_t i = 0; i < arguments->word_count && status == 0; i++) {
        status = muctl_call_number_read(muctl, arguments->words[i], &call);
    }
    if (status == 0) {
        status = muctl_connect(muctl);
    }
    if (status != 0) {
        return status;
    }
    for (size_t i = 0; i < arguments->word_count; i++) {
        muclient_error *error = NULL;
        int one = muctl_call_number_read(muctl, arguments->words[i], &call);
        if (one == 0) {
            one = muclient_call_kill(muctl->client, call, &error) == MUCLIENT_OK
                      ? muctl_done(muctl, "kill", "call", arguments->words[i], "killed call")
                      : muctl_failed(muctl, error);
        }
        status = status == 0 ? one : status;
    }
    return status;
}
