/* status, shutdown, version, help. */
#include "muctl.h"
#include "muctl_quantity.h"
#include <string.h>

static void status_json(const muctl_program *muctl, const muclient_status_info *status)
{
    muctl_json json;
    muctl_document_begin(muctl, &json, "status");
    muctl_json_string(&json, "version", status->version);
    muctl_json_unsigned(&json, "pid", status->pid);
    muctl_json_unsigned(&json, "uptime_ms", status->uptime_ms);
    muctl_json_string(&json, "socket", status->socket);
    muctl_json_unsigned(&json, "sessions", status->sessions);
    muctl_json_unsigned(&json, "vms", status->vms);
    muctl_json_unsigned(&json, "bundles", status->bundles);
    muctl_json_unsigned(&json, "calls_running", status->calls_running);
    muctl_json_unsigned(&json, "calls_trapped", status->calls_trapped);
    muctl_json_unsigned(&json, "calls_done", status->calls_done);
    muctl_json_unsigned(&json, "heap_bytes", status->heap_bytes);
    muctl_json_unsigned(&json, "code_bytes", status->code_bytes);
    muctl_json_bool(&json, "draining", status->draining);
    muctl_json_unsigned(&json, "contexts", status->contexts);
    muctl_document_end(&json);
}

static void status_print(FILE *out, const muclient_status_info *status)
{
    char version[64];
    char socket[256];
    char uptime[MUCTL_QUANTITY_BYTES];
    char heap[MUCTL_QUANTITY_BYTES];
    char code[MUCTL_QUANTITY_BYTES];
    (void)muclient_text_clean(version, sizeof version, status->version);
    (void)muclient_text_clean(socket, sizeof socket, status->socket);
    muctl_duration_print(uptime, status->uptime_ms);
    muctl_size_print(heap, status->heap_bytes);
    muctl_size_print(code, status->code_bytes);
    (void)fprintf(out, "mud %s  %s %s  pid %llu  socket unix:%s\n", version,
                  status->draining ? "draining" : "running", uptime,
                  (unsigned long long)status->pid, socket);
    (void)fprintf(out,
                  "vms %u  bundles %u  sessions %u  calls %llu running, %llu trapped, %llu done  "
                  "heap %s  code %s\n",
                  status->vms, status->bundles, status->sessions,
                  (unsigned long long)status->calls_running,
                  (unsigned long long)status->calls_trapped, (unsigned long long)status->calls_done,
                  heap, code);
}

int muctl_status_command(muctl_program *muctl)
{
    int status = muctl_connect(muctl);
    if (status != 0) {
        return status;
    }
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    if (muclient_status(muctl->client, &reply, &error) != MUCLIENT_OK) {
        return muctl_failed(muctl, error);
    }
    if (muctl->is_json) {
        status_json(muctl, muclient_reply_status(reply));
    } else {
        status_print(muctl->out, muclient_reply_status(reply));
    }
    muclient_reply_free(reply);
    return muctl_written(muctl);
}

int muctl_shutdown_command(muctl_program *muctl)
{
    muclient_error *error = NULL;
    int status = muctl_connect(muctl);
    if (status == 0 && muclient_shutdown(muctl->client, muctl->arguments.given[MUCTL_NOW],
                                         &error) != MUCLIENT_OK) {
        status = muctl_failed(muctl, error);
    }
    return status == 0 ? muctl_done(muctl, "shutdown", "socket", muclient_path(muctl->client),
                                    "shutting down mud on")
                       : status;
}

/* mud's own version is told when it is there, and its absence is no error. */
int muctl_version_command(muctl_program *muctl)
{
    muclient_options options = {.socket = muctl->arguments.values[MUCTL_SOCKET],
                                .wake_fd = muctl->signal_fd};
    bool is_there = muclient_connect(&options, &muctl->client, NULL) == MUCLIENT_OK;
    const char *server = is_there ? muclient_server_name(muctl->client) : NULL;
    if (muctl->is_json) {
        muctl_json json;
        muctl_document_begin(muctl, &json, "version");
        muctl_json_string(&json, "muctl", MUD_VERSION);
        muctl_json_string(&json, "mud", server);
        muctl_document_end(&json);
    } else {
        char clean[128];
        (void)muclient_text_clean(clean, sizeof clean, server == NULL ? "" : server);
        (void)fprintf(muctl->out, "muctl %s\n%s\n", MUD_VERSION,
                      server == NULL ? "mud is not running" : clean);
    }
    return muctl_written(muctl);
}

static const char overview[] = "usage: muctl COMMAND [--socket PATH] [--json] …\n"
                               "\n"
                               "  load FILE           load a bundle into mud\n"
                               "  call VM.FUNC ARG…   call a function\n"
                               "  run FILE…           load and call in a fresh VM\n"
                               "  ls                  list VMs and bundles\n"
                               "  vm create, set, ls, rm  VMs and their limits\n"
                               "  ps, kill CALL       the calls that run\n"
                               "  stats [VM]          heaps, collections, calls, in numbers\n"
                               "  trap attach VM      handle a VM's traps\n"
                               "  status              how mud is doing\n"
                               "  inspect, gc, bt, disasm, watch, shutdown, version, help COMMAND\n"
                               "\n"
                               "  muctl load gcd.uir && muctl call gcd.gcd 1071 462\n"
                               "  muctl run gcd.uir --call gcd -- 1071 462\n";

/* Is it the command of these words, or one of those that begin with the one word? */
static bool is_named(const muctl_command *command, const char *const *words, size_t count)
{
    size_t first = strcspn(command->name, " ");
    if (strlen(words[0]) != first || strncmp(command->name, words[0], first) != 0) {
        return false;
    }
    return count == 1 ||
           (command->name[first] == ' ' && strcmp(command->name + first + 1, words[1]) == 0);
}

static void command_explain(const muctl_program *muctl, const muctl_command *command)
{
    (void)fprintf(muctl->out, "usage: muctl %s\n\n%s\n\n", command->usage, command->text);
    muctl_options_print(muctl->out, command->options);
    if (command->run == muctl_trap_command) {
        (void)fputs("\nwhile a trap waits, with ; between several:\n", muctl->out);
        muctl_trap_help_print(muctl->out);
    }
}

int muctl_help_command(muctl_program *muctl)
{
    const muctl_arguments *arguments = &muctl->arguments;
    size_t count;
    size_t explained = 0;
    const muctl_command *commands = muctl_commands(&count);
    if (arguments->command != NULL && arguments->command->run != muctl_help_command) {
        command_explain(muctl, arguments->command);
        return muctl_written(muctl);
    }
    for (size_t i = 0; i < count && arguments->word_count > 0; i++) {
        if (is_named(&commands[i], arguments->words, arguments->word_count)) {
            (void)fputs(explained++ > 0 ? "\n" : "", muctl->out);
            command_explain(muctl, &commands[i]);
        }
    }
    if (arguments->word_count > 0 && explained == 0) {
        return muctl_usage(muctl, "muctl help", "there is no command \"%s%s%s\"",
                           arguments->words[0], arguments->word_count > 1 ? " " : "",
                           arguments->word_count > 1 ? arguments->words[1] : "");
    }
    if (arguments->word_count == 0) {
        (void)fputs(overview, muctl->out);
    }
    return muctl_written(muctl);
}
