/* run: load files into a fresh VM without a name, call a function, print; the VM goes with our
 * connection. On the mud that answers, else on a private one. */
#include "muctl.h"
#include "muctl_trap_text.h"
#include "muctl_value.h"
#include "private_mud.h"
#include <stdlib.h>

static void trap_log(void *data, muclient *client, const muclient_trap *trap,
                     muclient_answer *answer)
{
    const muctl_program *muctl = data;
    (void)client;
    (void)answer;
    muctl_trap_line(muctl->out, trap);
    (void)fflush(muctl->out);
}

/* A socket that the user named must answer; without one, any mud will do. */
static int run_connect(muctl_program *muctl, muctl_private **private_mud)
{
    if (muctl->arguments.given[MUCTL_SOCKET]) {
        return muctl_connect(muctl);
    }
    muclient_options options = {.name = "muctl " MUD_VERSION, .wake_fd = muctl->signal_fd};
    muclient_error *error = NULL;
    muclient_code code = muclient_connect(&options, &muctl->client, &error);
    if (code == MUCLIENT_OK) {
        return 0;
    }
    if (code != MUCLIENT_UNAVAILABLE && code != MUCLIENT_PERMISSION_DENIED) {
        return muctl_failed(muctl, error);
    }
    muclient_error_free(error);
    return muctl_private_start(muctl, private_mud);
}

static int file_load(muctl_program *muctl, const char *vm, const char *file)
{
    char *bundle = muctl_bundle_name(file);
    if (bundle == NULL) {
        return muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
    }
    muclient_load_spec spec = {
        .vm = vm, .bundle = bundle, .file = file, .guest = muctl->arguments.values[MUCTL_GUEST]};
    muclient_reply *reply = NULL;
    int status = muctl_load_file(muctl, file, &spec, &reply);
    muclient_reply_free(reply);
    free(bundle);
    return status;
}

static int function_call(muctl_program *muctl, const char *vm, uint64_t timeout_ms)
{
    const muctl_arguments *arguments = &muctl->arguments;
    const char *function = arguments->values[MUCTL_CALL];
    size_t count = arguments->word_count - arguments->rest_start;
    muclient_value *values = muctl_values(arguments->words + arguments->rest_start, count);
    if (values == NULL) {
        return muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
    }
    muclient_call_spec spec = {.vm = vm,
                               .function = function == NULL ? "main" : function,
                               .arguments = values,
                               .argument_count = count,
                               .timeout_ms = timeout_ms,
                               .log_traps = arguments->given[MUCTL_LOG_TRAPS]};
    if (spec.log_traps) {
        muclient_trap_handler_set(muctl->client, trap_log, muctl);
    }
    int status = muctl_call_and_print(muctl, &spec);
    free(values);
    return status;
}

static int vm_run(muctl_program *muctl, uint64_t heap_bytes, bool native, uint64_t timeout_ms)
{
    const muctl_arguments *arguments = &muctl->arguments;
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    muclient_vm_spec spec = {.guest = arguments->values[MUCTL_GUEST],
                             .grant_native = native,
                             .limits = {.heap_bytes = heap_bytes}};
    if (muclient_vm_create(muctl->client, &spec, &reply, &error) != MUCLIENT_OK) {
        return muctl_failed(muctl, error);
    }
    const char *vm = muclient_reply_vm_name(reply);
    int status = 0;
    for (size_t i = 0; status == 0 && i < arguments->rest_start; i++) {
        status = file_load(muctl, vm, arguments->words[i]);
    }
    if (status == 0) {
        status = function_call(muctl, vm, timeout_ms);
    }
    muclient_reply_free(reply);
    return status;
}

int muctl_run_command(muctl_program *muctl)
{
    uint64_t heap_bytes = 0;
    uint64_t timeout_ms = 0;
    bool native = false;
    int status = muctl_heap(muctl, &heap_bytes);
    if (status == 0) {
        status = muctl_grant(muctl, &native);
    }
    if (status == 0) {
        status = muctl_timeout(muctl, &timeout_ms);
    }
    if (status != 0) {
        return status;
    }
    if (muctl->arguments.rest_start == 0) {
        return muctl_usage(muctl, "usage: muctl run FILE... [-- ARG...]", "run wants a file");
    }
    muctl_private *private_mud = NULL;
    status = run_connect(muctl, &private_mud);
    if (status == 0) {
        status = vm_run(muctl, heap_bytes, native, timeout_ms);
    }
    muclient_close(muctl->client);
    muctl->client = NULL;
    muctl_private_stop(private_mud);
    return status;
}
