#include "muctl_trap_state.h"
#include <stdlib.h>
#include <string.h>

/* Handles that a frame's keep-alives may take. */
enum { KEEPALIVES_MOST = 65536 };

/* --- The state --- */

muctl_trap_state *muctl_trap_state_new(muctl_program *muctl, const muclient_trap *trap)
{
    muctl_trap_state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        return NULL;
    }
    *state = (muctl_trap_state){.muctl = muctl,
                                .trap = trap,
                                .id = trap->id,
                                .frame_count = trap->frame_count,
                                .next_handle = MUCLIENT_TRAP_STACK + 1};
    state->frames = calloc(trap->frame_count + 1, sizeof *state->frames);
    state->handles = calloc(trap->frame_count + 1, sizeof *state->handles);
    if (state->frames == NULL || state->handles == NULL) {
        muctl_trap_state_free(state);
        return NULL;
    }
    if (trap->frame_count > 0) {
        memcpy(state->frames, trap->frames, trap->frame_count * sizeof *state->frames);
    }
    return state;
}

void muctl_trap_state_free(muctl_trap_state *state)
{
    if (state == NULL) {
        return;
    }
    for (size_t i = 0; i < state->name_count; i++) {
        free(state->names[i]);
    }
    free(state->names);
    free(state->frames);
    free(state->handles);
    free(state);
}

void muctl_trap_state_popped(muctl_trap_state *state, size_t count)
{
    size_t gone = count < state->frame_count ? count : state->frame_count;
    state->frame_count -= gone;
    memmove(state->frames, state->frames + gone, state->frame_count * sizeof *state->frames);
    memmove(state->handles, state->handles + gone, state->frame_count * sizeof *state->handles);
    state->changes += count > 0;
}

bool muctl_trap_state_pushed(muctl_trap_state *state, const char *function)
{
    size_t count = state->frame_count + 1;
    muclient_frame *frames = reallocarray(state->frames, count, sizeof *frames);
    state->frames = frames == NULL ? state->frames : frames;
    uint64_t *handles = reallocarray(state->handles, count, sizeof *handles);
    state->handles = handles == NULL ? state->handles : handles;
    char **names = reallocarray(state->names, state->name_count + 1, sizeof *names);
    state->names = names == NULL ? state->names : names;
    char *name = strdup(function);
    state->changes++;
    if (frames == NULL || handles == NULL || names == NULL || name == NULL) {
        free(name);
        return false;
    }
    state->names[state->name_count++] = name;
    memmove(frames + 1, frames, state->frame_count * sizeof *frames);
    memmove(handles + 1, handles, state->frame_count * sizeof *handles);
    frames[0] = (muclient_frame){
        .function = name, .version = "", .instruction = "", .location = {.file = ""}};
    handles[0] = 0;
    state->frame_count = count;
    return true;
}

/* --- Batches --- */

void muctl_batch_begin(muctl_batch *batch, muctl_trap_state *state)
{
    batch->state = state;
    batch->count = 0;
    batch->operand_count = 0;
    batch->first_handle = state->next_handle;
}

static void add(muctl_batch *batch, const char *name, const char *text, uint64_t result,
                size_t count, const uint64_t *operands)
{
    if (batch->count == MUCTL_BATCH_OPERATIONS ||
        batch->operand_count + count > MUCTL_BATCH_OPERANDS) {
        batch->operand_count = MUCTL_BATCH_OPERANDS + 1;
        return;
    }
    uint64_t *place = batch->operands + batch->operand_count;
    if (count > 0) {
        memcpy(place, operands, count * sizeof *place);
    }
    batch->operand_count += count;
    batch->items[batch->count++] = (muclient_operation){
        .name = name, .result = result, .operands = place, .operand_count = count, .text = text};
}

void muctl_batch_do(muctl_batch *batch, const char *name, const char *text, size_t count,
                    const uint64_t *operands)
{
    add(batch, name, text, 0, count, operands);
}

uint64_t muctl_batch_make(muctl_batch *batch, const char *name, const char *text, size_t count,
                          const uint64_t *operands)
{
    uint64_t handle = batch->state->next_handle++;
    add(batch, name, text, handle, count, operands);
    return handle;
}

/* What mud says of an operation, without its number and name: nobody has written it. */
static int failure_report(muctl_program *muctl, muclient_error *error)
{
    if (error == NULL || muclient_error_code(error) == MUCLIENT_INTERRUPTED) {
        return muctl_failed(muctl, error);
    }
    const char *message = muclient_error_message(error);
    const char *words = strncmp(message, "operation ", 10) == 0 ? strstr(message, ": ") : NULL;
    int status = muctl_trouble(muctl, muclient_error_code(error), muclient_error_hint(error), "%s",
                               words == NULL ? message : words + 2);
    muclient_error_free(error);
    return status;
}

int muctl_batch_perform(muctl_batch *batch, muclient_reply **reply)
{
    muctl_trap_state *state = batch->state;
    muctl_program *muctl = state->muctl;
    muclient_error *error = NULL;
    int status = 0;
    if (state->trap->context == 0) {
        status = muctl_trouble(muctl, MUCLIENT_FAILED_PRECONDITION, "it is too old",
                               "this mud gives no context with a trap, which that needs");
    } else if (batch->operand_count > MUCTL_BATCH_OPERANDS) {
        status = muctl_usage(muctl, "do it in parts", "that is too much at once");
    } else if (muclient_perform(muctl->client, state->trap->context, batch->items, batch->count,
                                reply, &error) != MUCLIENT_OK) {
        status = failure_report(muctl, error);
    }
    for (size_t i = 0; status != 0 && i < state->frame_count; i++) {
        if (state->handles[i] >= batch->first_handle) { /* perhaps they were not made */
            state->handles[i] = 0;
        }
    }
    return status;
}

/* --- Places --- */

static bool name_is(const char *name, const char *word, size_t length)
{
    size_t whole = strlen(name);
    return length > 0 && whole >= length && memcmp(name + whole - length, word, length) == 0 &&
           (whole == length || name[whole - length - 1] == '.');
}

static bool keepalive_find(const muctl_trap_state *state, const char *word, size_t length,
                           size_t first, size_t end, muctl_place *place)
{
    for (size_t f = first; f < end; f++) {
        for (size_t k = 0; k < state->frames[f].keepalive_count; k++) {
            if (name_is(state->frames[f].keepalives[k].name, word, length)) {
                *place = (muctl_place){.frame = f, .keepalive = k, .path = word + length};
                return true;
            }
        }
    }
    return false;
}

bool muctl_place_find(const muctl_trap_state *state, const char *word, muctl_place *place)
{
    size_t first = 0;
    size_t end = state->frame_count;
    size_t digits = strspn(word, "0123456789");
    if (digits > 0 && digits < 10 && word[digits] == ':') {
        size_t frame = strtoul(word, NULL, 10);
        first = frame < end ? frame : end;
        end = first < end ? first + 1 : end;
        word += digits + 1;
    }
    bool is_global = digits == 0 && word[0] == '@';
    word += word[0] == '%';
    for (size_t length = strlen(word); length > 0; length--) {
        bool is_cut = word[length] == 0 || word[length] == '.' || word[length] == '[';
        if (is_cut && keepalive_find(state, word, length, first, end, place)) {
            return true;
        }
    }
    *place = (muctl_place){.is_global = true, .path = word};
    return is_global;
}

uint64_t muctl_place_root(muctl_batch *batch, const muctl_place *place)
{
    muctl_trap_state *state = batch->state;
    if (place->is_global) {
        return 0;
    }
    if (state->handles[place->frame] == 0) {
        uint64_t cursor = MUCTL_BATCH_MAKE(batch, "new_cursor", NULL, MUCLIENT_TRAP_STACK);
        for (size_t i = 0; i < place->frame; i++) {
            MUCTL_BATCH_DO(batch, "next_frame", NULL, cursor);
        }
        state->handles[place->frame] = MUCTL_BATCH_MAKE(batch, "dump_keepalives", NULL, cursor);
        state->next_handle += KEEPALIVES_MOST;
        MUCTL_BATCH_DO(batch, "close_cursor", NULL, cursor);
        MUCTL_BATCH_DO(batch, "delete_value", NULL, cursor);
    }
    return state->handles[place->frame] + place->keepalive;
}

uint64_t muctl_value_make(muctl_batch *batch, const char *word, uint64_t like, uint64_t index)
{
    muctl_place place;
    if (muctl_place_find(batch->state, word, &place) && !place.is_global) {
        uint64_t root = muctl_place_root(batch, &place);
        return MUCTL_BATCH_MAKE(batch, "fetch", place.path, root);
    }
    return MUCTL_BATCH_MAKE(batch, "read", word, like, index);
}
