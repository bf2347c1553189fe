/* The line after "run:", by recursive descent; README.md has the grammar. */
#include "text_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct line_parser {
    mu_arena *arena;
    const char *at;
    char *fault;
    size_t fault_bytes;
    bool failed;
} line_parser;

static void fail(line_parser *p, const char *expected)
{
    if (!p->failed) {
        snprintf(p->fault, p->fault_bytes, "expected %s at \"%.60s\"", expected, p->at);
        p->failed = true;
    }
}

static void skip_blanks(line_parser *p)
{
    p->at += strspn(p->at, " \t,");
}

static bool accept(line_parser *p, const char *token)
{
    skip_blanks(p);
    size_t length = strlen(token);
    if (p->failed || strncmp(p->at, token, length) != 0) {
        return false;
    }
    p->at += length;
    return true;
}

/* A word that ends where a word ends. */
static bool accept_word(line_parser *p, const char *word)
{
    skip_blanks(p);
    size_t length = strcspn(p->at, " \t,()[]|");
    return length == strlen(word) && accept(p, word);
}

static void expect(line_parser *p, const char *token)
{
    if (!accept(p, token)) {
        fail(p, token);
    }
}

static const char *take_word(line_parser *p, const char *stops)
{
    skip_blanks(p);
    size_t length = strcspn(p->at, stops);
    const char *word = mu_arena_string(p->arena, p->at, length);
    p->at += length;
    return word;
}

static uint32_t take_number(line_parser *p)
{
    skip_blanks(p);
    char *end;
    unsigned long value = strtoul(p->at, &end, 10);
    if (end == p->at) {
        fail(p, "a number");
    }
    p->at = end;
    return (uint32_t)value;
}

/* From a "{" up to the "}" that closes it. */
static void take_braces(line_parser *p, text_value *value)
{
    const char *start = p->at;
    uint32_t depth = 0;
    do {
        depth += *p->at == '{';
        depth -= *p->at == '}';
        p->at += *p->at != '\0';
    } while (depth && *p->at);
    size_t length = (size_t)(p->at - start);
    if (depth || length >= sizeof value->literal) {
        fail(p, "a value in braces that is not too long");
        return;
    }
    memcpy(value->literal, start, length);
    value->literal[length] = '\0';
}

static text_value take_value(line_parser *p)
{
    text_value value = {0};
    skip_blanks(p);
    if (accept(p, "bits(")) {
        snprintf(value.literal, sizeof value.literal, "bits(%s)", take_word(p, ")"));
        expect(p, ")");
        return value;
    }
    if (*p->at == '{') {
        take_braces(p, &value);
        return value;
    }
    const char *word = take_word(p, " \t,()[]|");
    const char *colon = strchr(word, ':');
    if (colon) {
        snprintf(value.type, sizeof value.type, "%.*s", (int)(colon - word), word);
        word = colon + 1;
    }
    if (*word == '\0' || strlen(word) >= sizeof value.literal) {
        fail(p, "a value");
    }
    snprintf(value.literal, sizeof value.literal, "%s", word);
    if (strcmp(word, "bits") == 0 && accept(p, "(")) {
        snprintf(value.literal, sizeof value.literal, "bits(%s)", take_word(p, ")"));
        expect(p, ")");
    }
    return value;
}

static void push_value(line_parser *p, text_values *values, text_value value)
{
    if (values->count == values->capacity) {
        uint32_t capacity = values->capacity ? 2 * values->capacity : 4;
        text_value *items = MU_ARENA_ARRAY(p->arena, text_value, capacity);
        if (values->count > 0) {
            memcpy(items, values->items, sizeof(text_value) * values->count);
        }
        values->items = items;
        values->capacity = capacity;
    }
    values->items[values->count++] = value;
}

/* Values up to one of the closing tokens, which stays. */
static void take_values(line_parser *p, text_values *values, const char *closing)
{
    skip_blanks(p);
    while (!p->failed && *p->at && !strchr(closing, *p->at)) {
        push_value(p, values, take_value(p));
        skip_blanks(p);
    }
}

/* A value, or values in parentheses. */
static void take_tuple(line_parser *p, text_values *values)
{
    if (accept(p, "(")) {
        take_values(p, values, ")");
        expect(p, ")");
    } else {
        push_value(p, values, take_value(p));
    }
}

static void take_frames(line_parser *p, text_trap *trap)
{
    text_frame frames[32];
    uint32_t count = 0;
    expect(p, "[");
    if (accept_word(p, "wp")) {
        trap->watchpoint = take_number(p);
    }
    do {
        if (count == 32) {
            fail(p, "at most 32 frames");
            return;
        }
        text_frame *frame = &frames[count++];
        *frame = (text_frame){.is_undefined = accept_word(p, "undefined")};
        frame->place = take_word(p, " \t,[]|");
        take_values(p, &frame->values, "|]");
    } while (accept(p, "|"));
    expect(p, "]");
    trap->frames = MU_ARENA_ARRAY(p->arena, text_frame, count);
    trap->frame_count = count;
    memcpy(trap->frames, frames, sizeof(text_frame) * count);
}

static bool is_at_end_of_answer(line_parser *p)
{
    bool comma = p->at[strspn(p->at, " \t")] == ',';
    skip_blanks(p);
    return comma || *p->at == '\0' || *p->at == '[' || strncmp(p->at, "==", 2) == 0 ||
           strncmp(p->at, "times ", 6) == 0 || strncmp(p->at, "throws ", 7) == 0 ||
           strcmp(p->at, "exits") == 0 || strcmp(p->at, "killed") == 0;
}

static void take_answer(line_parser *p, text_trap *trap)
{
    if (accept_word(p, "gc")) {
        trap->collects = true;
    }
    if (accept_word(p, "load")) {
        trap->load = take_word(p, " \t,");
    }
    if (accept_word(p, "watch")) {
        trap->enables = take_number(p);
    }
    if (accept_word(p, "unwatch")) {
        trap->disables = take_number(p);
    }
    if (accept_word(p, "pop")) {
        trap->pops = take_number(p);
    }
    if (accept_word(p, "push")) {
        trap->push = take_word(p, " \t,");
    }
    if (is_at_end_of_answer(p)) {
        return;
    }
    if (accept_word(p, "throw")) {
        trap->answer = ANSWER_THROW;
        trap->is_fresh = accept_word(p, "new");
        if (accept_word(p, "keep")) {
            trap->exception = (int32_t)take_number(p);
        }
    } else if (accept_word(p, "kill")) {
        trap->answer = ANSWER_KILL;
    } else {
        take_tuple(p, &trap->values);
    }
}

static void take_traps(line_parser *p, text_run *run)
{
    text_trap traps[64];
    uint32_t count = 0;
    while (!p->failed && accept(p, "[")) {
        p->at--;
        if (count == 64) {
            fail(p, "at most 64 traps");
            return;
        }
        text_trap *trap = &traps[count++];
        *trap = (text_trap){.times = 1, .exception = -1};
        take_frames(p, trap);
        if (accept(p, "->")) {
            take_answer(p, trap);
        }
        if (accept_word(p, "times")) {
            trap->times = take_number(p);
        }
    }
    run->trap_count = count;
    run->traps = MU_ARENA_ARRAY(p->arena, text_trap, count + 1);
    memcpy(run->traps, traps, sizeof(text_trap) * count);
}

static void take_outcome(line_parser *p, text_run *run)
{
    if (accept(p, "==")) {
        run->outcome = TEXT_RETURNS;
        take_tuple(p, &run->results);
    } else if (accept_word(p, "throws")) {
        run->outcome = TEXT_THROWS;
        run->error = take_word(p, " \t");
    } else if (accept_word(p, "exits")) {
        run->outcome = TEXT_EXITS;
    } else if (accept_word(p, "killed")) {
        run->outcome = TEXT_KILLED;
    } else {
        fail(p, "==, throws, exits or killed");
    }
}

bool text_parse_run(mu_arena *arena, const char *text, text_run *run, char *fault,
                    size_t fault_bytes)
{
    line_parser p = {.arena = arena, .at = text, .fault = fault, .fault_bytes = fault_bytes};
    *run = (text_run){0};
    run->function = take_word(&p, " \t(");
    expect(&p, "(");
    take_values(&p, &run->arguments, ")");
    expect(&p, ")");
    if (accept_word(&p, "traps")) {
        take_traps(&p, run);
    }
    take_outcome(&p, run);
    skip_blanks(&p);
    if (*p.at) {
        fail(&p, "the end of the line");
    }
    return !p.failed;
}
