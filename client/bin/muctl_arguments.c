/* Reading the command line. Options and arguments may come in any order; "--" ends the options;
 * what begins with a minus sign and a digit or a point is a number, not an option. */
#include "muctl_arguments.h"
#include "muctl_suggestion.h"
#include <stdlib.h>
#include <string.h>

typedef struct option_row {
    const char *word;
    const char *value;
    const char *text;
} option_row;

static const option_row option_rows[MUCTL_OPTION_COUNT] = {
#define MUCTL_OPTION(name, word, value, text) {word, value, text},
#include "muctl_options.def"
#undef MUCTL_OPTION
};

typedef struct parsing {
    muctl_arguments *out;
    muctl_problem *problem;
    const char **dos;
} parsing;

/* Stores what is wrong, "<before><word><after>", and the hint. Returns false. */
static bool refuse(const parsing *parse, const char *hint, const char *before, const char *word,
                   const char *after)
{
    char clean[128];
    muctl_text_shorten(clean, sizeof clean, word);
    (void)snprintf(parse->problem->text, MUCTL_PROBLEM_BYTES, "%s%s%s", before, clean, after);
    (void)snprintf(parse->problem->hint, MUCTL_PROBLEM_BYTES, "%s", hint);
    return false;
}

static bool is_option(const char *word)
{
    if (word[0] != '-' || word[1] == 0) {
        return false;
    }
    return !((word[1] >= '0' && word[1] <= '9') || word[1] == '.');
}

static bool unknown_option(const parsing *parse, const char *word)
{
    const char *words[MUCTL_OPTION_COUNT];
    for (unsigned i = 0; i < MUCTL_OPTION_COUNT; i++) {
        words[i] = option_rows[i].word;
    }
    const char *near = muctl_suggestion(word + strspn(word, "-"), words, MUCTL_OPTION_COUNT);
    char hint[MUCTL_PROBLEM_BYTES];
    if (near != NULL) {
        (void)snprintf(hint, sizeof hint, "did you mean --%s?", near);
    } else {
        (void)snprintf(hint, sizeof hint, "muctl help; put -- before arguments that begin with -");
    }
    return refuse(parse, hint, "there is no option \"", word, "\"");
}

/* Takes an option at argv[*at], with its value when that is the next word. */
static bool option_take(const parsing *parse, int argc, char *const *argv, int *at)
{
    const char *word = argv[*at];
    const char *name = strcmp(word, "-h") == 0 ? "--help" : word;
    size_t length = strcspn(name, "=");
    for (unsigned i = 0; i < MUCTL_OPTION_COUNT; i++) {
        const option_row *row = &option_rows[i];
        if (length != strlen(row->word) + 2 || strncmp(name, "--", 2) != 0 ||
            strncmp(name + 2, row->word, length - 2) != 0) {
            continue;
        }
        if (parse->out->given[i] && i != MUCTL_DO) {
            return refuse(parse, "give it once", "", word, " is given twice");
        }
        parse->out->given[i] = true;
        if (row->value == NULL) {
            return name[length] == 0 || refuse(parse, "muctl help", "", word, " takes no value");
        }
        if (name[length] == '=') {
            parse->out->values[i] = name + length + 1;
        } else if (*at + 1 < argc) {
            parse->out->values[i] = argv[++*at];
        } else {
            return refuse(parse, "muctl help", "", word, " wants a value");
        }
        if (i == MUCTL_DO) {
            parse->dos[parse->out->do_count++] = parse->out->values[i];
        }
        return true;
    }
    return unknown_option(parse, word);
}

static bool unknown_command(const parsing *parse, const char *word)
{
    size_t count;
    const muctl_command *commands = muctl_commands(&count);
    const char **names = calloc(count, sizeof *names);
    const char *near = NULL;
    if (names != NULL) {
        for (size_t i = 0; i < count; i++) {
            names[i] = commands[i].name;
        }
        near = muctl_suggestion(word, names, count);
        free(names);
    }
    char hint[MUCTL_PROBLEM_BYTES];
    (void)snprintf(hint, sizeof hint, near == NULL ? "muctl help" : "did you mean: muctl %s", near);
    return refuse(parse, hint, "there is no command \"", word, "\"");
}

/* The command is the first word or, for some such as "trap attach", the first two. */
static bool command_take(const parsing *parse)
{
    muctl_arguments *out = parse->out;
    size_t count;
    bool has_two = false;
    const muctl_command *commands = muctl_commands(&count);
    for (size_t i = 0; i < count; i++) {
        const char *name = commands[i].name;
        size_t first = strcspn(name, " ");
        if (strlen(out->words[0]) != first || strncmp(name, out->words[0], first) != 0) {
            continue;
        }
        size_t taken = 1;
        if (name[first] == ' ') {
            has_two = true;
            if (out->rest_start < 2 || strcmp(name + first + 1, out->words[1]) != 0) {
                continue;
            }
            taken = 2;
        }
        out->command = &commands[i];
        out->words += taken;
        out->word_count -= taken;
        out->rest_start -= taken;
        return true;
    }
    char both[128];
    bool is_pair = has_two && out->rest_start > 1;
    (void)snprintf(both, sizeof both, "%s%s%s", out->words[0], is_pair ? " " : "",
                   is_pair ? out->words[1] : "");
    return unknown_command(parse, both);
}

static bool command_check(const parsing *parse)
{
    const muctl_arguments *out = parse->out;
    const muctl_command *command = out->command;
    char hint[MUCTL_PROBLEM_BYTES];
    (void)snprintf(hint, sizeof hint, "usage: muctl %s", command->usage);
    for (unsigned i = 0; i < MUCTL_OPTION_COUNT; i++) {
        if (out->given[i] && (command->options >> i & 1) == 0) {
            (void)snprintf(parse->problem->text, MUCTL_PROBLEM_BYTES, "%s has no option --%s",
                           command->name, option_rows[i].word);
            (void)snprintf(parse->problem->hint, MUCTL_PROBLEM_BYTES, "%s", hint);
            return false;
        }
    }
    if (out->given[MUCTL_HELP]) {
        return true;
    }
    if (out->word_count < command->fewest) {
        return refuse(parse, hint, "", command->name, " wants more arguments");
    }
    if (out->word_count > command->most) {
        return refuse(parse, hint, "\"", out->words[command->most], "\" is an argument too many");
    }
    return true;
}

bool muctl_arguments_parse(int argc, char *const *argv, muctl_arguments *out,
                           muctl_problem *problem)
{
    *out = (muctl_arguments){0};
    parsing parse = {.out = out, .problem = problem};
    /* The arguments, and behind them the values of --do: together no more than argc. */
    const char **words = calloc(2 * ((size_t)argc + 1), sizeof *words);
    if (words == NULL) {
        return refuse(&parse, "", "", "out of memory", "");
    }
    out->memory = words;
    out->words = words;
    out->dos = parse.dos = words + argc + 1;
    bool is_rest = false;
    for (int i = 1; i < argc; i++) {
        if (!is_rest && strcmp(argv[i], "--") == 0) {
            is_rest = true;
            out->rest_start = out->word_count;
        } else if (!is_rest && is_option(argv[i])) {
            if (!option_take(&parse, argc, argv, &i)) {
                return false;
            }
        } else {
            words[out->word_count++] = argv[i];
        }
    }
    if (!is_rest) {
        out->rest_start = out->word_count;
    }
    if (out->rest_start == 0 || words[0] == NULL) {
        return out->word_count == 0 ||
               refuse(&parse, "muctl help", "a command is missing before ", "--", "");
    }
    return command_take(&parse) && command_check(&parse);
}

void muctl_arguments_deinit(muctl_arguments *arguments)
{
    free(arguments->memory);
    *arguments = (muctl_arguments){0};
}

void muctl_options_print(FILE *out, uint64_t options)
{
    for (unsigned i = 0; i < MUCTL_OPTION_COUNT; i++) {
        if ((options >> i & 1) != 0) {
            char shown[64];
            (void)snprintf(shown, sizeof shown, "--%s %s", option_rows[i].word,
                           option_rows[i].value == NULL ? "" : option_rows[i].value);
            (void)fprintf(out, "  %-24s %s\n", shown, option_rows[i].text);
        }
    }
}
