/* watch, unwatch. */
#include "muctl.h"
#include "muctl_quantity.h"

static int ids_read(const muctl_program *muctl, const char *const *words, size_t count,
                    uint32_t *ids)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t id;
        if (!muctl_number_parse(words[i], &id) || id == 0 || id > UINT32_MAX) {
            return muctl_usage(muctl, "it is the number behind WATCHPOINT or WPBRANCH",
                               "\"%s\" is not the id of a watchpoint", words[i]);
        }
        ids[i] = (uint32_t)id;
    }
    return 0;
}

static int done_print(const muctl_program *muctl, const char *vm, bool enabled, const uint32_t *ids,
                      size_t count)
{
    if (muctl->is_json) {
        muctl_json json;
        muctl_document_begin(muctl, &json, enabled ? "watch" : "unwatch");
        muctl_json_string(&json, "vm", vm);
        muctl_json_array_begin(&json, "watchpoints");
        for (size_t i = 0; i < count; i++) {
            muctl_json_unsigned(&json, NULL, ids[i]);
        }
        muctl_json_array_end(&json);
        muctl_document_end(&json);
    } else {
        for (size_t i = 0; i < count; i++) {
            (void)fprintf(muctl->out, "%s watchpoint %u of %s\n", enabled ? "enabled" : "disabled",
                          ids[i], vm);
        }
    }
    return muctl_written(muctl);
}

int muctl_watch_switch(muctl_program *muctl, const char *vm, const char *const *words, size_t count,
                       bool enabled)
{
    uint32_t ids[MUCTL_WATCH_MOST] = {0};
    int status = ids_read(muctl, words, count, ids);
    if (status == 0 && muctl->client == NULL) {
        status = muctl_connect(muctl);
    }
    for (size_t i = 0; i < count && status == 0; i++) {
        muclient_error *error = NULL;
        if (muclient_watch(muctl->client, vm, ids[i], enabled, &error) != MUCLIENT_OK) {
            status = muctl_failed(muctl, error);
        }
    }
    return status == 0 ? done_print(muctl, vm, enabled, ids, count) : status;
}

static int switch_given(muctl_program *muctl, bool enabled)
{
    const muctl_arguments *arguments = &muctl->arguments;
    return muctl_watch_switch(muctl, arguments->words[0], arguments->words + 1,
                              arguments->word_count - 1, enabled);
}

int muctl_watch_command(muctl_program *muctl)
{
    return switch_given(muctl, true);
}

int muctl_unwatch_command(muctl_program *muctl)
{
    return switch_given(muctl, false);
}
