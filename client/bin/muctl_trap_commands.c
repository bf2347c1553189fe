/* Each command is a function that returns 0, or the exit status that its error would have. An
 * answer goes out as mud has it from clients without contexts, in one message, unless the stack has
 * been changed or a value is a place: then the context holds its values. */
#include "muctl_trap_commands.h"
#include "muctl_quantity.h"
#include "muctl_trap_show.h"
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n"

enum { WORDS_MOST = 72 };

typedef struct command_words {
    const char *items[WORDS_MOST];
    size_t count;
} command_words;

typedef struct command_row {
    const char *word;
    int (*run)(muctl_trap_state *state, const command_words *words);
    size_t fewest, most;
    const char *usage, *text;
} command_row;

#define MUCTL_TRAP_COMMAND(function, word, fewest, most, usage, text)                              \
    static int function##_do(muctl_trap_state *state, const command_words *words);
#include "muctl_trap_commands.def"
#undef MUCTL_TRAP_COMMAND

static const command_row rows[] = {
#define MUCTL_TRAP_COMMAND(function, word, fewest, most, usage, text)                              \
    {word, function##_do, fewest, most, usage, text},
#include "muctl_trap_commands.def"
#undef MUCTL_TRAP_COMMAND
};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* --- Looking --- */

static int place_require(const muctl_trap_state *state, const char *word, muctl_place *place)
{
    return muctl_place_find(state, word, place)
               ? 0
               : muctl_usage(state->muctl, "bt shows the names; those of global cells begin with @",
                             "no frame keeps anything named \"%s\"", word);
}

static int bt_do(muctl_trap_state *state, const command_words *words)
{
    uint64_t count = state->frame_count;
    if (words->count > 1 && !muctl_number_parse(words->items[1], &count)) {
        return muctl_usage(state->muctl, "bt [N]", "\"%s\" is not a number of frames",
                           words->items[1]);
    }
    count = count < state->frame_count ? count : state->frame_count;
    return muctl_show_frames(state, (size_t)count);
}

static int print_do(muctl_trap_state *state, const command_words *words)
{
    muctl_batch batch;
    muctl_place place;
    muctl_batch_begin(&batch, state);
    int status = place_require(state, words->items[1], &place);
    if (status == 0) {
        uint64_t root = muctl_place_root(&batch, &place);
        MUCTL_BATCH_DO(&batch, "describe", place.path, root);
        status = muctl_show_described(&batch, words->items[1]);
    }
    return status;
}

static int set_do(muctl_trap_state *state, const command_words *words)
{
    muctl_batch batch;
    muctl_place place;
    muctl_batch_begin(&batch, state);
    int status = place_require(state, words->items[1], &place);
    if (status == 0) {
        uint64_t root = muctl_place_root(&batch, &place);
        uint64_t location = MUCTL_BATCH_MAKE(&batch, "locate", place.path, root);
        uint64_t value = muctl_value_make(&batch, words->items[2], location, 0);
        MUCTL_BATCH_DO(&batch, "store", NULL, 0, location, value);
        MUCTL_BATCH_DO(&batch, "describe", place.path, root);
        status = muctl_show_described(&batch, words->items[1]);
    }
    return status;
}

static int threadlocal_do(muctl_trap_state *state, const command_words *words)
{
    muctl_batch batch;
    muctl_batch_begin(&batch, state);
    uint64_t local = MUCTL_BATCH_MAKE(&batch, "get_threadlocal", NULL, MUCLIENT_TRAP_THREAD);
    if (words->count > 1) {
        uint64_t value = muctl_value_make(&batch, words->items[1], local, 0);
        MUCTL_BATCH_DO(&batch, "set_threadlocal", NULL, MUCLIENT_TRAP_THREAD, value);
        local = MUCTL_BATCH_MAKE(&batch, "get_threadlocal", NULL, MUCLIENT_TRAP_THREAD);
    }
    MUCTL_BATCH_DO(&batch, "describe", NULL, local);
    return muctl_show_described(&batch, "threadlocal");
}

void muctl_trap_help_print(FILE *out)
{
    for (size_t i = 0; i < ROWS; i++) {
        (void)fprintf(out, "  %-27s %s\n", rows[i].usage, rows[i].text);
    }
    (void)fputs(MUCTL_ANSWER_HELP, out);
}

static int help_do(muctl_trap_state *state, const command_words *words)
{
    (void)words;
    if (state->muctl->is_json) {
        muctl_json json;
        muctl_document_begin(state->muctl, &json, "trap_help");
        muctl_json_array_begin(&json, "commands");
        for (size_t i = 0; i < ROWS; i++) {
            muctl_json_object_begin(&json, NULL);
            muctl_json_string(&json, "usage", rows[i].usage);
            muctl_json_string(&json, "text", rows[i].text);
            muctl_json_object_end(&json);
        }
        muctl_json_array_end(&json);
        muctl_json_string(&json, "answers", MUCTL_ANSWER_HELP);
        muctl_document_end(&json);
        return muctl_written(state->muctl);
    }
    muctl_trap_help_print(state->muctl->out);
    return muctl_written(state->muctl);
}

/* --- The VM --- */

static int load_do(muctl_trap_state *state, const command_words *words)
{
    muctl_program *muctl = state->muctl;
    const char *file = words->items[1];
    if (strcmp(file, "-") == 0) {
        return muctl_usage(muctl, "give a file", "standard input has the commands");
    }
    char *name = muctl_bundle_name(file);
    muclient_load_spec spec = {.vm = state->trap->vm, .bundle = name, .file = file};
    muclient_reply *reply = NULL;
    int status = name == NULL
                     ? muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory")
                     : muctl_load_file(muctl, file, &spec, &reply);
    if (status == 0) {
        status = muctl_loaded_print(muctl, muclient_reply_loaded(reply));
    }
    muclient_reply_free(reply);
    free(name);
    return status;
}

static int watch_do(muctl_trap_state *state, const command_words *words)
{
    return muctl_watch_switch(state->muctl, state->trap->vm, words->items + 1, words->count - 1,
                              true);
}

static int unwatch_do(muctl_trap_state *state, const command_words *words)
{
    return muctl_watch_switch(state->muctl, state->trap->vm, words->items + 1, words->count - 1,
                              false);
}

static int collect_do(muctl_trap_state *state, const command_words *words)
{
    muclient_error *error = NULL;
    (void)words;
    if (muclient_collect(state->muctl->client, state->trap->vm, &error) != MUCLIENT_OK) {
        return muctl_failed(state->muctl, error);
    }
    return muctl_done(state->muctl, "gc", "vm", state->trap->vm, "collected");
}

/* The integer that the last operation gives. */
static int number_ask(muctl_batch *batch, uint64_t *number)
{
    muclient_reply *reply = NULL;
    int status = muctl_batch_perform(batch, &reply);
    if (status == 0) {
        const muclient_performed *performed = muclient_reply_performed(reply);
        *number = performed == NULL || performed->answer_count == 0
                      ? 0
                      : performed->answers[performed->answer_count - 1].integer;
    }
    muclient_reply_free(reply);
    return status;
}

/* The id of a function, whose name may lack its "@". */
static int function_ask(muctl_trap_state *state, const char *function, uint64_t *id)
{
    muctl_batch batch;
    char name[1024];
    muctl_batch_begin(&batch, state);
    (void)snprintf(name, sizeof name, "%s%s", function[0] == '@' ? "" : "@", function);
    muctl_batch_do(&batch, "id_of", name, 0, NULL);
    return number_ask(&batch, id);
}

static int start_do(muctl_trap_state *state, const command_words *words)
{
    muctl_batch batch;
    uint64_t id = 0;
    uint64_t operands[3 + MUCTL_TRAP_VALUES] = {0};
    size_t count = words->count - 2;
    int status = function_ask(state, words->items[1], &id);
    if (status != 0) {
        return status;
    }
    muctl_batch_begin(&batch, state);
    uint64_t function = MUCTL_BATCH_MAKE(&batch, "handle_from_func", NULL, id);
    operands[0] = MUCTL_BATCH_MAKE(&batch, "new_stack", NULL, function);
    operands[2] = count;
    for (size_t i = 0; i < count; i++) {
        operands[3 + i] = muctl_value_make(&batch, words->items[2 + i], operands[0], i);
    }
    (void)muctl_batch_make(&batch, "new_thread_nor", NULL, 3 + count, operands);
    status = muctl_batch_perform(&batch, NULL);
    return status == 0 ? muctl_done(state->muctl, "start", "function", words->items[1], "started")
                       : status;
}

/* --- The stack --- */

static int frames_pop(muctl_trap_state *state, uint32_t pops)
{
    muctl_batch batch;
    int status = 0;
    if (pops >= state->frame_count && !state->trap->more_frames) {
        return muctl_usage(state->muctl, "bt shows them",
                           "%u frames cannot be popped: there are %zu, and the last has to stay",
                           pops, state->frame_count);
    }
    muctl_batch_begin(&batch, state);
    uint64_t cursor = MUCTL_BATCH_MAKE(&batch, "new_cursor", NULL, MUCLIENT_TRAP_STACK);
    for (uint32_t i = 0; i < pops && status == 0; i++) {
        MUCTL_BATCH_DO(&batch, "next_frame", NULL, cursor);
        if (batch.count == MUCTL_BATCH_OPERATIONS - 1) {
            status = muctl_batch_perform(&batch, NULL);
            muctl_batch_begin(&batch, state);
        }
    }
    MUCTL_BATCH_DO(&batch, "pop_frames_to", NULL, cursor);
    status = status == 0 ? muctl_batch_perform(&batch, NULL) : status;
    if (status == 0) {
        muctl_trap_state_popped(state, pops);
    }
    return status;
}

static int frame_push(muctl_trap_state *state, const char *function)
{
    muctl_batch batch;
    uint64_t id = 0;
    int status = function_ask(state, function, &id);
    if (status != 0) {
        return status;
    }
    muctl_batch_begin(&batch, state);
    uint64_t pushed = MUCTL_BATCH_MAKE(&batch, "handle_from_func", NULL, id);
    MUCTL_BATCH_DO(&batch, "push_frame", NULL, MUCLIENT_TRAP_STACK, pushed);
    status = muctl_batch_perform(&batch, NULL);
    if (status == 0 && !muctl_trap_state_pushed(state, function)) {
        status = muctl_trouble(state->muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
    }
    return status;
}

static int stack_change(muctl_trap_state *state, const muclient_answer *answer)
{
    int status = answer->pops == 0 ? 0 : frames_pop(state, answer->pops);
    for (size_t i = 0; i < answer->push_count && status == 0; i++) {
        status = frame_push(state, answer->pushes[i]);
    }
    return status;
}

/* --- Answers that the context holds --- */

static bool is_place(const muctl_trap_state *state, const char *word)
{
    muctl_place place;
    return muctl_place_find(state, word, &place) && !place.is_global;
}

static bool has_places(const muctl_trap_state *state, const muclient_answer *answer)
{
    for (size_t i = 0; i < answer->value_count; i++) {
        if (is_place(state, answer->values[i].text)) {
            return true;
        }
    }
    return false;
}

static int values_pass(muctl_trap_state *state, muclient_answer *answer)
{
    muctl_batch batch;
    uint64_t wanted = 0;
    muctl_batch_begin(&batch, state);
    MUCTL_BATCH_DO(&batch, "wants", NULL, MUCLIENT_TRAP_STACK);
    int status = number_ask(&batch, &wanted);
    if (status != 0) {
        return status;
    }
    if (wanted > MUCTL_TRAP_VALUES || (answer->value_count > 0 && answer->value_count != wanted)) {
        return muctl_usage(state->muctl, "none at all stand for zeros and NULLs",
                           "the stack waits for %llu values; %zu were given",
                           (unsigned long long)wanted, answer->value_count);
    }
    muctl_batch_begin(&batch, state);
    for (size_t i = 0; i < wanted; i++) {
        state->answer_handles[i] =
            answer->value_count == 0
                ? MUCTL_BATCH_MAKE(&batch, "read", NULL, MUCLIENT_TRAP_STACK, i)
                : muctl_value_make(&batch, answer->values[i].text, MUCLIENT_TRAP_STACK, i);
    }
    status = wanted == 0 ? 0 : muctl_batch_perform(&batch, NULL);
    *answer = (muclient_answer){
        .action = MUCLIENT_PASS, .handles = state->answer_handles, .handle_count = wanted};
    return status;
}

static int exception_raise(muctl_trap_state *state, const char *what, muclient_answer *answer)
{
    muctl_batch batch;
    uint64_t thrown = 0;
    int status = 0;
    muctl_batch_begin(&batch, state);
    if (strcmp(what, "null") != 0) {
        if (strcmp(what, "new") != 0 && !is_place(state, what)) {
            return muctl_usage(state->muctl, "write null, new or the name of a keep-alive",
                               "the trap keeps nothing named \"%s\"", what);
        }
        uint64_t local = MUCTL_BATCH_MAKE(&batch, "get_threadlocal", NULL, MUCLIENT_TRAP_THREAD);
        thrown = muctl_value_make(&batch, what, local, 0);
        status = muctl_batch_perform(&batch, NULL);
    }
    *answer = (muclient_answer){.action = MUCLIENT_RAISE, .exception_handle = thrown};
    return status;
}

/* Makes the answer one that the context holds, if the plain form cannot say it. */
static int answer_finish(muctl_trap_state *state, muctl_reading reading,
                         const muctl_answer_words *words, muclient_answer *answer)
{
    bool is_resume = answer->action == MUCLIENT_RESUME;
    bool is_throw = answer->action == MUCLIENT_THROW;
    if ((!is_resume && !is_throw) ||
        (state->changes == 0 && reading == MUCTL_ANSWERED && !has_places(state, answer))) {
        return 0;
    }
    if (is_throw && answer->pops > 0 && is_place(state, words->thrown)) {
        return muctl_usage(state->muctl, "first throw from where it is, or pop first",
                           "\"%s\" may go with the frames that are popped", words->thrown);
    }
    int status = stack_change(state, answer);
    if (status != 0) {
        return status;
    }
    return is_resume ? values_pass(state, answer) : exception_raise(state, words->thrown, answer);
}

/* --- Lines --- */

/* NULL: none; `status` is set when the words do not fit. */
static const command_row *row_find(const muctl_trap_state *state, const command_words *words,
                                   int *status)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].word, words->items[0]) != 0) {
            continue;
        }
        size_t count = words->count - 1;
        if (count < rows[i].fewest || count > rows[i].most) {
            *status = muctl_usage(state->muctl, rows[i].usage, "%s %s arguments", rows[i].word,
                                  count > rows[i].most ? "takes fewer" : "wants more");
        }
        return &rows[i];
    }
    return NULL;
}

static void words_cut(char *text, command_words *words)
{
    char *rest = NULL;
    words->count = 0;
    for (char *word = strtok_r(text, BLANKS, &rest); word != NULL && words->count < WORDS_MOST;
         word = strtok_r(NULL, BLANKS, &rest)) {
        words->items[words->count++] = word;
    }
}

static int row_do(muctl_trap_state *state, char *text, bool *is_found)
{
    command_words words;
    int status = 0;
    words_cut(text, &words);
    const command_row *row = row_find(state, &words, &status);
    *is_found = row != NULL;
    return row != NULL && status == 0 ? row->run(state, &words) : status;
}

static muctl_done_with answer_do(muctl_trap_state *state, char *text, muctl_answer_words *words,
                                 muclient_answer *answer, int *status)
{
    muctl_reading reading = muctl_answer_read(text, state->trap, words, answer);
    switch (reading) {
    case MUCTL_DETACH: return MUCTL_TRAP_LEFT;
    case MUCTL_UNREADABLE:
        *status = muctl_usage(state->muctl, "help lists the commands", "that is no command");
        return MUCTL_TRAP_STAYS;
    case MUCTL_CHANGES:
        *status = stack_change(state, answer);
        *status = *status == 0 ? muctl_show_frames(state, state->frame_count) : *status;
        return MUCTL_TRAP_STAYS;
    case MUCTL_ANSWERED:
    case MUCTL_THROWS_PLACE:
        *status = answer_finish(state, reading, words, answer);
        return *status == 0 ? MUCTL_TRAP_ANSWERED : MUCTL_TRAP_STAYS;
    }
    return MUCTL_TRAP_STAYS;
}

muctl_done_with muctl_trap_line_do(muctl_trap_state *state, char *line, muctl_answer_words *words,
                                   muclient_answer *answer, int *status)
{
    char *rest = NULL;
    muctl_done_with done = MUCTL_TRAP_STAYS;
    *status = 0;
    for (char *text = strtok_r(line, ";", &rest);
         text != NULL && done == MUCTL_TRAP_STAYS && *status == 0;
         text = strtok_r(NULL, ";", &rest)) {
        bool is_found = false;
        if (text[strspn(text, BLANKS)] == 0) {
            continue;
        }
        char *copy = strdup(text);
        if (copy == NULL) {
            *status = muctl_trouble(state->muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
            break;
        }
        *status = row_do(state, copy, &is_found);
        free(copy);
        if (!is_found) {
            done = answer_do(state, text, words, answer, status);
        }
        (void)fflush(state->muctl->out);
    }
    return done;
}
