#pragma once
/* The daemon as a library, so that tests can reach its parts; the program in bin/ only calls it. */
#include "mu_base.h"

typedef enum mud_log_level {
    MUD_LOG_ERROR,
    MUD_LOG_WARNING,
    MUD_LOG_INFO,
    MUD_LOG_DEBUG,
} mud_log_level;

typedef struct mud_options {
    char *socket_path;   /* owned */
    bool is_private;     /* exit when standard input ends */
    bool allows_native;  /* clients may give VMs the grant `native` */
    uint32_t workers;    /* 0: as the environment says, else one a core */
    uint64_t heap_bytes; /* quota of a VM that names none; 0: the substrate's default */
    mud_log_level log_level;
} mud_options;

typedef enum mud_options_outcome {
    MUD_OPTIONS_RUN,
    MUD_OPTIONS_TEXT,  /* `text` is what was asked for: help or the version */
    MUD_OPTIONS_WRONG, /* `text` says what is wrong */
} mud_options_outcome;

/* Reads the command line.
 *   runtime_dir  of the user, from XDG_RUNTIME_DIR; NULL or "" when there is none
 *   options      out, with RUN; the caller frees with mud_options_deinit
 *   text         out, otherwise; the caller frees with mu_free */
mud_options_outcome mud_options_parse(int argument_count, char *const *arguments,
                                      const char *runtime_dir, mud_options *options, char **text);
void mud_options_deinit(mud_options *options);

/* Runs the daemon until it is told to stop; returns the process's exit status: 0 after an orderly
 * stop, 1 when it could not start or had to give up. To be called once in a process, from its first
 * thread. */
int mud_daemon_run(const mud_options *options);
