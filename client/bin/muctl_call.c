/* call. The first signal kills the call and its end is reported as ever; the second ends
 * muctl at once. */
#include "muctl.h"
#include "muctl_quantity.h"
#include "muctl_value.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

muclient_value *muctl_values(const char *const *words, size_t count)
{
    muclient_value *values = calloc(count + 1, sizeof *values);
    for (size_t i = 0; values != NULL && i < count; i++) {
        values[i] = (muclient_value){.kind = MUCLIENT_TEXT, .text = words[i]};
    }
    return values;
}

int muctl_timeout(const muctl_program *muctl, uint64_t *milliseconds)
{
    const char *const *values = muctl->arguments.values;
    const char *text = values[values[MUCTL_DEADLINE] != NULL ? MUCTL_DEADLINE : MUCTL_TIMEOUT];
    *milliseconds = 0;
    if (values[MUCTL_DEADLINE] != NULL && values[MUCTL_TIMEOUT] != NULL) {
        return muctl_usage(muctl, "give one", "--timeout and --deadline are the same");
    }
    if (text != NULL && !muctl_duration_parse(text, milliseconds)) {
        return muctl_usage(muctl, "write it like 300ms, 5s or 2m", "\"%s\" is not a duration",
                           text);
    }
    return 0;
}

static int returned_print(const muctl_program *muctl, const muclient_returned *returned)
{
    if (muctl->is_json) {
        muctl_json json;
        muctl_document_begin(muctl, &json, "call");
        muctl_json_unsigned(&json, "call", returned->call);
        muctl_json_array_begin(&json, "results");
        for (size_t i = 0; i < returned->result_count; i++) {
            muctl_value_json(&json, NULL, &returned->results[i]);
        }
        muctl_json_array_end(&json);
        muctl_json_bool(&json, "exited", returned->exited);
        muctl_json_unsigned(&json, "wall_us", returned->wall_us);
        muctl_document_end(&json);
        return muctl_written(muctl);
    }
    for (size_t i = 0; i < returned->result_count; i++) {
        (void)fputs(i == 0 ? "" : " ", muctl->out);
        muctl_value_print(muctl->out, &returned->results[i]);
    }
    if (returned->result_count > 0) {
        (void)fputc('\n', muctl->out);
    }
    return muctl_written(muctl);
}

/* Kills the call that `request` started. mud names the call soon after taking it in; before that
 * there is nothing to kill by. False: a second signal came. */
static bool request_kill(muctl_program *muctl, uint64_t request)
{
    muclient_code code = MUCLIENT_OK;
    while (code == MUCLIENT_OK && muclient_call_number(muctl->client, request) == 0 &&
           !muclient_is_answered(muctl->client, request)) {
        code = muclient_poll(muctl->client, -1, NULL);
    }
    if (code == MUCLIENT_OK && !muclient_is_answered(muctl->client, request)) {
        /* It may just have ended: then there is nothing left to kill, and its reply is there. */
        code =
            muclient_call_kill(muctl->client, muclient_call_number(muctl->client, request), NULL);
    }
    return code != MUCLIENT_INTERRUPTED;
}

int muctl_call_and_print(muctl_program *muctl, const muclient_call_spec *spec)
{
    uint64_t request;
    muclient_error *error = NULL;
    if (muclient_call_start(muctl->client, spec, &request, &error) != MUCLIENT_OK) {
        return muctl_failed(muctl, error);
    }
    muclient_reply *reply = NULL;
    int first_signal = 0;
    muclient_code code = muclient_wait(muctl->client, request, &reply, &error);
    while (code == MUCLIENT_INTERRUPTED) {
        muclient_error_free(error);
        error = NULL;
        int number = muctl_signal_take(muctl);
        if (first_signal != 0 || number == 0) {
            return MUCTL_EXIT_INTERRUPTED;
        }
        first_signal = number;
        if (!request_kill(muctl, request)) {
            return MUCTL_EXIT_INTERRUPTED;
        }
        code = muclient_wait(muctl->client, request, &reply, &error);
    }
    int status = code == MUCLIENT_OK ? returned_print(muctl, muclient_reply_returned(reply))
                                     : muctl_failed(muctl, error);
    muclient_reply_free(reply);
    return first_signal == SIGTERM || first_signal == SIGHUP ? 128 + first_signal : status;
}

int muctl_function_split(muctl_program *muctl, const char *target, char **vm, const char **function)
{
    const char *dot = strchr(target, '.');
    if (dot == NULL || dot == target || dot[1] == 0) {
        return muctl_usage(muctl, "write it like gcd.gcd; muctl ls shows the VMs",
                           "\"%s\" is not VM.FUNC", target);
    }
    *vm = strndup(target, (size_t)(dot - target));
    *function = dot + 1;
    return *vm == NULL ? muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory") : 0;
}

int muctl_call_command(muctl_program *muctl)
{
    const muctl_arguments *arguments = &muctl->arguments;
    muclient_call_spec spec = {.argument_count = arguments->word_count - 1};
    int status = muctl_timeout(muctl, &spec.timeout_ms);
    if (status != 0) {
        return status;
    }
    char *vm = NULL;
    status = muctl_function_split(muctl, arguments->words[0], &vm, &spec.function);
    if (status != 0) {
        return status;
    }
    muclient_value *values = muctl_values(arguments->words + 1, spec.argument_count);
    if (values == NULL) {
        status = muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
    }
    if (status == 0) {
        status = muctl_connect(muctl);
    }
    if (status == 0) {
        spec.vm = vm;
        spec.arguments = values;
        status = muctl_call_and_print(muctl, &spec);
    }
    free(vm);
    free(values);
    return status;
}
