/* vm create, vm set. */
#include "muctl_limits.h"

int muctl_vm_create_command(muctl_program *muctl)
{
    const muctl_arguments *arguments = &muctl->arguments;
    muclient_vm_spec spec = {.name = arguments->words[0], .guest = arguments->values[MUCTL_GUEST]};
    if (spec.name[0] == 0) {
        return muctl_usage(muctl, "use up to 64 letters, digits, _ and -", "a VM wants a name");
    }
    int status = muctl_limits_read(muctl, &spec.limits);
    if (status == 0) {
        status = muctl_grant(muctl, &spec.grant_native);
    }
    if (status == 0) {
        status = muctl_connect(muctl);
    }
    muclient_error *error = NULL;
    if (status == 0 && muclient_vm_create(muctl->client, &spec, NULL, &error) != MUCLIENT_OK) {
        status = muctl_failed(muctl, error);
    }
    return status == 0 ? muctl_done(muctl, "vm.create", "vm", spec.name, "created") : status;
}

static int settings_print(const muctl_program *muctl, const muclient_vm_settings *settings)
{
    if (muctl->is_json) {
        muctl_json json;
        muctl_document_begin(muctl, &json, "vm.set");
        muctl_json_string(&json, "vm", settings->name);
        muctl_json_string(&json, "guest", settings->guest);
        muctl_json_bool(&json, "grant_native", settings->grant_native);
        muctl_limits_json(&json, "limits", &settings->limits);
        muctl_document_end(&json);
    } else if (!muctl_limits_print(muctl->out, &settings->limits)) {
        return muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
    }
    return muctl_written(muctl);
}

int muctl_vm_set_command(muctl_program *muctl)
{
    muclient_vm_limits limits;
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    int status = muctl_limits_read(muctl, &limits);
    if (status == 0) {
        status = muctl_connect(muctl);
    }
    if (status == 0 && muclient_vm_set(muctl->client, muctl->arguments.words[0], &limits, &reply,
                                       &error) != MUCLIENT_OK) {
        status = muctl_failed(muctl, error);
    }
    if (status == 0) {
        status = settings_print(muctl, muclient_reply_settings(reply));
    }
    muclient_reply_free(reply);
    return status;
}
