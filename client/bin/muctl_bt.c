/* bt: what the calls of a VM are at, and the threads that they made. */
#include "muctl.h"
#include "muctl_json.h"

enum { NAME_BYTES = 256 };

static void traces_print(FILE *out, const muclient_backtraces *traces)
{
    for (size_t i = 0; i < traces->thread_count; i++) {
        const muclient_thread_trace *thread = &traces->threads[i];
        char name[NAME_BYTES];
        (void)muclient_text_clean(name, sizeof name, thread->function);
        (void)fprintf(out, "%s %llu of %s: %s\n", thread->made_by_program ? "thread" : "call",
                      (unsigned long long)thread->call, name, thread->state);
        muctl_frames_print(out, thread->frames, thread->frame_count);
        if (thread->more_frames) {
            (void)fputs("  … and more frames\n", out);
        }
    }
    if (traces->more) {
        (void)fputs("… and more threads\n", out);
    }
}

static void traces_json(const muctl_program *muctl, const muclient_backtraces *traces)
{
    muctl_json json;
    muctl_document_begin(muctl, &json, "bt");
    muctl_json_array_begin(&json, "threads");
    for (size_t i = 0; i < traces->thread_count; i++) {
        const muclient_thread_trace *thread = &traces->threads[i];
        muctl_json_object_begin(&json, NULL);
        muctl_json_unsigned(&json, "call", thread->call);
        muctl_json_string(&json, "function", thread->function);
        muctl_json_bool(&json, "made_by_program", thread->made_by_program);
        muctl_json_string(&json, "state", thread->state);
        muctl_frames_json(&json, "frames", thread->frames, thread->frame_count);
        muctl_json_bool(&json, "more_frames", thread->more_frames);
        muctl_json_object_end(&json);
    }
    muctl_json_array_end(&json);
    muctl_json_bool(&json, "more", traces->more);
    muctl_document_end(&json);
}

int muctl_bt_command(muctl_program *muctl)
{
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    int status = muctl_connect(muctl);
    if (status == 0 && muclient_backtrace(muctl->client, muctl->arguments.words[0], &reply,
                                          &error) != MUCLIENT_OK) {
        status = muctl_failed(muctl, error);
    }
    if (status == 0 && muctl->is_json) {
        traces_json(muctl, muclient_reply_backtraces(reply));
    } else if (status == 0) {
        traces_print(muctl->out, muclient_reply_backtraces(reply));
    }
    muclient_reply_free(reply);
    return status == 0 ? muctl_written(muctl) : status;
}
