/* watch, unwatch. */
#include "muctl.h"
#include "muctl_quantity.h"

/* All ids are read before the first is sent. */
static int ids_read(const muctl_program *muctl, uint32_t *ids)
{
    const muctl_arguments *arguments = &muctl->arguments;
    for (size_t i = 1; i < arguments->word_count; i++) {
        uint64_t id;
        if (!muctl_number_parse(arguments->words[i], &id) || id == 0 || id > UINT32_MAX) {
            return muctl_usage(muctl, "it is the number behind WATCHPOINT or WPBRANCH",
                               "\"%s\" is not the id of a watchpoint", arguments->words[i]);
        }
        ids[i - 1] = (uint32_t)id;
    }
    return 0;
}

static int done_print(const muctl_program *muctl, bool enabled, const uint32_t *ids, size_t count)
{
    const char *vm = muctl->arguments.words[0];
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

static int switch_watchpoints(muctl_program *muctl, bool enabled)
{
    uint32_t ids[64] = {0};
    size_t count = muctl->arguments.word_count - 1;
    int status = ids_read(muctl, ids);
    status = status == 0 ? muctl_connect(muctl) : status;
    for (size_t i = 0; i < count && status == 0; i++) {
        muclient_error *error = NULL;
        if (muclient_watch(muctl->client, muctl->arguments.words[0], ids[i], enabled, &error) !=
            MUCLIENT_OK) {
            status = muctl_failed(muctl, error);
        }
    }
    return status == 0 ? done_print(muctl, enabled, ids, count) : status;
}

int muctl_watch_command(muctl_program *muctl)
{
    return switch_watchpoints(muctl, true);
}

int muctl_unwatch_command(muctl_program *muctl)
{
    return switch_watchpoints(muctl, false);
}
