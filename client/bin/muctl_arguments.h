#pragma once
/* The command line: which command, which options, which arguments. Everything about a command that
 * can be said in a table is in muctl_commands.def and muctl_options.def. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum muctl_option {
#define MUCTL_OPTION(name, word, value, text) MUCTL_##name,
#include "muctl_options.def"
#undef MUCTL_OPTION
    MUCTL_OPTION_COUNT
} muctl_option;

typedef struct muctl_program muctl_program;
typedef int (*muctl_command_fn)(muctl_program *muctl);

typedef struct muctl_command {
    const char *name; /* "ls", "trap attach" */
    muctl_command_fn run;
    uint64_t options; /* a bit for each muctl_option it takes */
    unsigned fewest;  /* arguments */
    unsigned most;
    const char *usage;
    const char *text;
} muctl_command;

typedef struct muctl_arguments {
    const muctl_command *command; /* NULL: none was given */
    const char *values[MUCTL_OPTION_COUNT];
    bool given[MUCTL_OPTION_COUNT];
    const char *const *dos; /* the values of --do, of which there may be several */
    size_t do_count;
    const char **memory;
    const char **words; /* the arguments, without the command's name */
    size_t word_count;
    size_t rest_start; /* index of the first word after "--"; word_count when there was none */
} muctl_arguments;

/* What is wrong with a command line, and what to do. */
enum { MUCTL_PROBLEM_BYTES = 512 };
typedef struct muctl_problem {
    char text[MUCTL_PROBLEM_BYTES];
    char hint[MUCTL_PROBLEM_BYTES];
} muctl_problem;

/* The table, and its length. */
const muctl_command *muctl_commands(size_t *count);
/* Reads the command line into `out`, which borrows from argv and is to be deinited in any case.
 * False: `problem` says what is wrong. */
bool muctl_arguments_parse(int argc, char *const *argv, muctl_arguments *out,
                           muctl_problem *problem);
void muctl_arguments_deinit(muctl_arguments *arguments);
/* Prints the options a command takes. */
void muctl_options_print(FILE *out, uint64_t options);
