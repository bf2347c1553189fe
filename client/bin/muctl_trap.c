/* trap attach: print each trap of a VM, do what --do says, and answer it, by the options or by
 * asking. Traps that come when the work is over are left to mud, which does with them as
 * --on-disconnect says. */
#include "muctl.h"
#include "muctl_quantity.h"
#include "muctl_trap_commands.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 65536 };

typedef struct trap_session {
    muctl_program *muctl;
    muclient_on_disconnect on_disconnect;
    const char *throw_what; /* --throw */
    muclient_value *values; /* --resume */
    size_t value_count;
    uint64_t left; /* traps until the end; with `is_counted` */
    bool is_counted;
    bool is_asking;
    bool is_over;
    bool is_leaving; /* over before its count, so that no answer is given any more */
    bool is_announced;
    int status;
    char *line; /* LINE_BYTES, what was read from standard input and not used */
    size_t line_length;
    char *answer_line;        /* LINE_BYTES, what the answer borrows from */
    char *script;             /* the same of --do */
    muctl_trap_state *states; /* of this trap, and of those whose answers mud has not taken yet */
    muctl_answer_words line_words;
} trap_session;

/* Ends the work; mud finds the answer to this trap. */
static void trap_leave(trap_session *session, muclient_answer *answer, int status)
{
    answer->action = MUCLIENT_LEAVE;
    session->is_over = true;
    session->is_leaving = true;
    session->status = session->status == 0 ? status : session->status;
}

/* Reads a line of standard input, or finds its end or a signal. */
static bool line_read(trap_session *session, int *status)
{
    for (;;) {
        char *end = memchr(session->line, '\n', session->line_length);
        if (end != NULL) {
            size_t length = (size_t)(end - session->line);
            memcpy(session->answer_line, session->line, length);
            session->answer_line[length] = 0;
            session->line_length -= length + 1;
            memmove(session->line, end + 1, session->line_length);
            return true;
        }
        struct pollfd polled[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                   {.fd = session->muctl->signal_fd, .events = POLLIN}};
        if (poll(polled, 2, -1) < 0 && errno != EINTR) {
            *status = MUCTL_EXIT_BUG;
            return false;
        }
        if (polled[1].revents != 0) {
            *status = 128 + muctl_signal_take(session->muctl);
            return false;
        }
        ssize_t count = read(STDIN_FILENO, session->line + session->line_length,
                             LINE_BYTES - session->line_length);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            *status = 0;
            return false;
        }
        session->line_length += (size_t)count;
    }
}

/* The words of an error stay on the screen; what ends muctl is a signal or that mud has gone. */
static bool is_the_end(int status)
{
    return status > 128 || status == muclient_code_exit_status(MUCLIENT_UNAVAILABLE);
}

static void answer_ask(trap_session *session, muctl_trap_state *state, muclient_answer *answer)
{
    for (;;) {
        int status;
        (void)fprintf(session->muctl->err, "trap %llu> ", (unsigned long long)state->id);
        (void)fflush(session->muctl->err);
        if (!line_read(session, &status)) {
            (void)fputc('\n', session->muctl->err);
            trap_leave(session, answer, status);
            return;
        }
        muctl_done_with done =
            muctl_trap_line_do(state, session->answer_line, &session->line_words, answer, &status);
        if (done == MUCTL_TRAP_ANSWERED) {
            return;
        }
        if (done == MUCTL_TRAP_LEFT || is_the_end(status)) {
            trap_leave(session, answer, status);
            return;
        }
    }
}

/* Does what --do says; true when that has answered, or failed and so ended the work. */
static bool scripts_do(trap_session *session, muctl_trap_state *state, muclient_answer *answer)
{
    const muctl_arguments *arguments = &session->muctl->arguments;
    for (size_t i = 0; i < arguments->do_count; i++) {
        int status = 0;
        free(session->script);
        session->script = strdup(arguments->dos[i]);
        if (session->script == NULL) {
            trap_leave(session, answer, muclient_code_exit_status(MUCLIENT_RESOURCE_EXHAUSTED));
            return true;
        }
        muctl_done_with done =
            muctl_trap_line_do(state, session->script, &session->line_words, answer, &status);
        if (done == MUCTL_TRAP_LEFT || status != 0) {
            trap_leave(session, answer, status);
        }
        if (done != MUCTL_TRAP_STAYS || status != 0) {
            return true;
        }
    }
    return false;
}

/* As the options say, unless they leave it open: then by asking. */
static void answer_choose(trap_session *session, muctl_trap_state *state, muclient_answer *answer)
{
    const muctl_arguments *arguments = &session->muctl->arguments;
    const muclient_trap *trap = state->trap;
    bool is_refused = trap->refusal[0] != 0;
    if (is_refused && (!session->is_asking || arguments->do_count > 0)) {
        trap_leave(session, answer, MUCTL_EXIT_USAGE);
    } else if (!is_refused && scripts_do(session, state, answer)) {
        return;
    } else if (session->is_asking) {
        answer_ask(session, state, answer);
    } else if (state->changes > 0 && !arguments->given[MUCTL_KILL]) {
        trap_leave(
            session, answer,
            muctl_usage(session->muctl, "end the commands with resume or throw",
                        "--do has changed the stack, so the options do not answer any more"));
    } else if (arguments->given[MUCTL_KILL]) {
        answer->action = MUCLIENT_KILL;
    } else if (session->throw_what == NULL) {
        answer->values = session->values;
        answer->value_count = session->value_count;
    } else if (muctl_exception_find(session->throw_what, trap, &answer->exception)) {
        answer->action = MUCLIENT_THROW;
    } else {
        trap_leave(session, answer,
                   muctl_usage(session->muctl, "write null, new or the name of a keep-alive",
                               "the trap keeps nothing named \"%s\"", session->throw_what));
    }
}

/* Once, when mud has taken us: it may send the first trap together with its reply. */
static void announce(trap_session *session, const char *vm)
{
    if (!session->is_announced && !session->muctl->is_json) {
        char clean[256];
        (void)muclient_text_clean(clean, sizeof clean, vm);
        (void)fprintf(session->muctl->err, "handling the traps of %s\n", clean);
    }
    session->is_announced = true;
}

/* The trap's state, new unless its answer was refused. NULL when memory is out. */
static muctl_trap_state *state_of(trap_session *session, const muclient_trap *trap)
{
    muctl_trap_state **link = &session->states;
    bool is_any_pending = muclient_answers_pending(session->muctl->client) > 0;
    while (*link != NULL && (*link)->id != trap->id) {
        muctl_trap_state *state = *link;
        if (is_any_pending || trap->refusal[0] != 0) {
            link = &state->next;
        } else {
            *link = state->next;
            muctl_trap_state_free(state);
        }
    }
    if (*link == NULL) {
        *link = muctl_trap_state_new(session->muctl, trap);
    } else {
        (*link)->trap = trap;
    }
    return *link;
}

static void trap_handle(void *data, muclient *client, const muclient_trap *trap,
                        muclient_answer *answer)
{
    trap_session *session = data;
    (void)client;
    if (session->is_leaving || (session->is_over && trap->refusal[0] == 0)) {
        answer->action = MUCLIENT_LEAVE;
        return;
    }
    announce(session, trap->vm);
    if (trap->refusal[0] != 0) {
        (void)muctl_usage(session->muctl, "", "mud refused the answer: %s", trap->refusal);
    } else if (session->muctl->is_json) {
        muctl_trap_json(session->muctl->out, trap);
    } else {
        muctl_trap_print(session->muctl->out, trap);
    }
    (void)fflush(session->muctl->out);
    muctl_trap_state *state = state_of(session, trap);
    if (state == NULL) {
        trap_leave(session, answer,
                   muctl_trouble(session->muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory"));
        return;
    }
    answer_choose(session, state, answer);
    if (trap->refusal[0] == 0 && session->is_counted && --session->left == 0) {
        session->is_over = true;
    }
}

static int traps_serve(trap_session *session, const char *vm)
{
    muctl_program *muctl = session->muctl;
    muclient_error *error = NULL;
    muclient_trap_handler_set(muctl->client, trap_handle, session);
    muclient_code code =
        muclient_trap_attach_contexts(muctl->client, vm, session->on_disconnect, &error);
    if (code == MUCLIENT_OK) {
        announce(session, vm);
    }
    while (code == MUCLIENT_OK &&
           (!session->is_over || muclient_answers_pending(muctl->client) > 0)) {
        code = muclient_poll(muctl->client, -1, &error);
    }
    if (code == MUCLIENT_OK) {
        code = muclient_trap_detach(muctl->client, vm, &error);
    }
    int status = code == MUCLIENT_OK ? 0 : muctl_failed(muctl, error);
    return session->status != 0 ? session->status : status;
}

static int session_options(trap_session *session)
{
    static const char *const actions[] = {[MUCLIENT_DISCONNECT_RESUME] = "resume",
                                          [MUCLIENT_DISCONNECT_THROW] = "throw",
                                          [MUCLIENT_DISCONNECT_KILL] = "kill"};
    const muctl_program *muctl = session->muctl;
    const muctl_arguments *arguments = &muctl->arguments;
    int ways = arguments->given[MUCTL_RESUME] + arguments->given[MUCTL_THROW] +
               arguments->given[MUCTL_KILL];
    if (ways > 1) {
        return muctl_usage(muctl, "give one of them",
                           "--resume, --throw and --kill exclude each other");
    }
    if (!arguments->given[MUCTL_RESUME] && arguments->word_count > 1) {
        return muctl_usage(muctl, "values go with --resume", "\"%s\" is an argument too many",
                           arguments->words[1]);
    }
    const char *action = arguments->values[MUCTL_ON_DISCONNECT];
    unsigned chosen = 0;
    while (action != NULL && chosen < 3 && strcmp(actions[chosen], action) != 0) {
        chosen++;
    }
    if (chosen == 3) {
        return muctl_usage(muctl, "write resume, throw or kill",
                           "\"%s\" is nothing mud can do on a disconnect", action);
    }
    const char *count = arguments->values[MUCTL_COUNT];
    if (count != NULL && (!muctl_number_parse(count, &session->left) || session->left == 0)) {
        return muctl_usage(muctl, "write a number from 1", "\"%s\" is not a count", count);
    }
    session->is_counted = count != NULL;
    session->on_disconnect = (muclient_on_disconnect)chosen;
    session->throw_what = arguments->values[MUCTL_THROW];
    session->is_asking = ways == 0;
    session->value_count = arguments->word_count - 1;
    return 0;
}

int muctl_trap_command(muctl_program *muctl)
{
    trap_session session = {.muctl = muctl};
    int status = session_options(&session);
    if (status != 0) {
        return status;
    }
    session.values = muctl_values(muctl->arguments.words + 1, session.value_count);
    session.line = malloc(LINE_BYTES);
    session.answer_line = malloc(LINE_BYTES);
    if (session.values == NULL || session.line == NULL || session.answer_line == NULL) {
        status = muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
    }
    if (status == 0) {
        status = muctl_connect(muctl);
    }
    if (status == 0) {
        status = traps_serve(&session, muctl->arguments.words[0]);
    }
    free(session.values);
    free(session.line);
    free(session.answer_line);
    free(session.script);
    while (session.states != NULL) {
        muctl_trap_state *next = session.states->next;
        muctl_trap_state_free(session.states);
        session.states = next;
    }
    return status;
}
