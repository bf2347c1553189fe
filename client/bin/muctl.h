#pragma once
/* What every command of muctl shares: its command line, where it writes, its connection, and how it
 * reports errors. A command returns the exit status. */
#include "muclient.h"
#include "muctl_arguments.h"
#include "muctl_json.h"
#include <stdio.h>

enum { MUCTL_EXIT_USAGE = 2, MUCTL_EXIT_BUG = 70, MUCTL_EXIT_INTERRUPTED = 130 };

struct muctl_program {
    muctl_arguments arguments;
    FILE *out;
    FILE *err;
    int signal_fd; /* readable when SIGINT or SIGTERM came; negative in tests */
    bool is_json;
    muclient *client; /* once muctl_connect has succeeded */
};

/* Runs muctl; SIGINT and SIGTERM must be blocked when `signal_fd` is one. */
int muctl_main(int argc, char *const *argv, FILE *out, FILE *err, int signal_fd);

/* --- muctl_session.c --- */

/* Connects as the options say. 0, or the exit status after the error was reported. */
int muctl_connect(muctl_program *muctl);
/* The signal that came, 0 for none; takes it. */
int muctl_signal_take(const muctl_program *muctl);
/* The exit status for a failed request: reports the error, or is silent after a signal, for which
 * the status is 128 + its number. Frees the error. */
int muctl_failed(muctl_program *muctl, muclient_error *error);
/* The status after writing to `out`: 0, or 1 when it could not be written. */
int muctl_written(const muctl_program *muctl);

/* --- muctl_report.c --- */

/* Reports wrong usage; returns 2. */
int muctl_usage(const muctl_program *muctl, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Reports an error of our own with a code; returns its exit status. */
int muctl_trouble(const muctl_program *muctl, muclient_code code, const char *hint,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Reports the error; returns its exit status. */
int muctl_error_report(const muctl_program *muctl, const muclient_error *error);
/* "#0 @gcd.v1 at @gcd.v1.head.t (gcd.uir:3:5)" and its keep-alives, a line for each frame. */
void muctl_frames_print(FILE *out, const muclient_frame *frames, size_t count);
void muctl_frames_json(muctl_json *json, const char *key, const muclient_frame *frames,
                       size_t count);
/* Begins a document {"schema":"muctl.<name>/1", … on `out`. */
void muctl_document_begin(const muctl_program *muctl, muctl_json *json, const char *name);
void muctl_document_end(muctl_json *json);
/* Prints "<verb> <value>", or {"schema":"muctl.<name>/1","<key>":"<value>"}. */
int muctl_done(const muctl_program *muctl, const char *name, const char *key, const char *value,
               const char *verb);

/* --- muctl_call.c --- */

/* Values written on the command line; the caller frees the array. NULL when memory is out. */
muclient_value *muctl_values(const char *const *words, size_t count);
/* Takes VM.FUNC apart; the caller frees `vm`. An exit status other than 0 after a message. */
int muctl_function_split(muctl_program *muctl, const char *target, char **vm,
                         const char **function);
/* Calls, with ^C killing the call; prints the results. */
int muctl_call_and_print(muctl_program *muctl, const muclient_call_spec *spec);
/* Reads --deadline or --timeout; 0 and `*milliseconds`, or the exit status. */
int muctl_timeout(const muctl_program *muctl, uint64_t *milliseconds);

/* --- muctl_ps.c --- */

/* The number of a call; 0, or the exit status after a message. */
int muctl_call_number_read(const muctl_program *muctl, const char *word, uint64_t *call);

/* --- muctl_load.c --- */

/* Loads a file ("-": standard input). `reply` is the caller's. 0, or the exit status. */
int muctl_load_file(muctl_program *muctl, const char *file, const muclient_load_spec *spec,
                    muclient_reply **reply);
/* Prints what was loaded. 0, or the exit status. */
int muctl_loaded_print(const muctl_program *muctl, const muclient_loaded *loaded);
/* The file's name without folder and ending, with _ for what cannot be in a name of mud's; for
 * free(). NULL when memory is out. */
char *muctl_bundle_name(const char *file);
/* Reads --heap; 0 and `*bytes` (0: not given), or the exit status. */
int muctl_heap(const muctl_program *muctl, uint64_t *bytes);
/* Reads --grant; 0 and `*native`, or the exit status. */
int muctl_grant(const muctl_program *muctl, bool *native);

/* --- muctl_trap_commands.c --- */

/* What can be written while a trap waits. */
void muctl_trap_help_print(FILE *out);

/* --- muctl_watch.c --- */

/* Enables or disables watchpoints, whose ids are the words: at most MUCTL_WATCH_MOST. Connects
 * unless that is done. 0, or the exit status; all ids are read before the first is sent. */
enum { MUCTL_WATCH_MOST = 64 };
int muctl_watch_switch(muctl_program *muctl, const char *vm, const char *const *words, size_t count,
                       bool enabled);

/* --- The commands --- */
#define MUCTL_COMMAND(function, name, options, fewest, most, usage, text)                          \
    int muctl_##function##_command(muctl_program *muctl);
#include "muctl_commands.def"
#undef MUCTL_COMMAND
