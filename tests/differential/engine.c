/* What both engines share: calls, answers, the text of values. */
#include "engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void engine_write(engine_text *out, const char *format, ...)
{
    for (;;) {
        va_list arguments;
        va_start(arguments, format);
        size_t room = out->capacity - out->length;
        int written =
            vsnprintf(out->text ? out->text + out->length : NULL, room, format, arguments);
        va_end(arguments);
        if (out->text && (size_t)written < room) {
            out->length += (size_t)written;
            return;
        }
        out->capacity = out->capacity * 2 + (size_t)written + 256;
        out->text = mu_reallocate(out->text, out->capacity);
    }
}

void engine_write_value(engine_text *out, const mu_value *value)
{
    uint32_t single;
    uint64_t both;
    memcpy(&single, &value->single_value, sizeof single);
    memcpy(&both, &value->double_value, sizeof both);
    switch (value->kind) {
    case MU_VALUE_INT:
        engine_write(out, " i%u:0x%llx", value->bits, (unsigned long long)value->integer);
        break;
    case MU_VALUE_FLOAT:
        if (isnan(value->single_value)) {
            engine_write(out, " f:nan");
        } else {
            engine_write(out, " f:0x%x", single);
        }
        break;
    case MU_VALUE_DOUBLE:
        if (isnan(value->double_value)) {
            engine_write(out, " d:nan");
        } else {
            engine_write(out, " d:0x%llx", (unsigned long long)both);
        }
        break;
    case MU_VALUE_REF: engine_write(out, value->is_null ? " ref:NULL" : " ref"); break;
    case MU_VALUE_IREF: engine_write(out, value->is_null ? " iref:NULL" : " iref"); break;
    case MU_VALUE_FUNCREF: engine_write(out, " %s", value->is_null ? "NULL" : value->text); break;
    case MU_VALUE_TAGREF64: engine_write(out, " tagref64"); break;
    case MU_VALUE_POINTER:
        engine_write(out, " pointer:0x%llx", (unsigned long long)value->integer);
        break;
    case MU_VALUE_OTHER: engine_write(out, " %s", value->text); break;
    }
}

bool engine_next_call(const char **from, engine_call *call)
{
    const char *line = strstr(*from, "// call @");
    if (!line) {
        return false;
    }
    line += strlen("// call @");
    size_t length = strcspn(line, " \n");
    snprintf(call->function, sizeof call->function, "@%.*s", (int)length, line);
    line += length;
    call->count = 0;
    while (*line == ' ' && call->count < ENGINE_ARGUMENTS_MAX) {
        char *end;
        call->words[call->count++] = strtoull(line, &end, 0);
        line = end;
    }
    *from = line;
    return true;
}

uint64_t engine_scramble(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t engine_watchpoint(uint32_t index)
{
    static const uint32_t ids[ENGINE_WATCHPOINTS] = {1, 2, 3, 65, 129, 4000000001};
    return ids[index];
}

bool engine_draw_watchpoints(uint32_t calls, uint32_t traps, bool is_trap, uint32_t *mask)
{
    uint64_t state = (uint64_t)calls << 32 | traps;
    if (is_trap && engine_scramble(&state) % 3 != 0) {
        return false;
    }
    *mask = (uint32_t)engine_scramble(&state) & ((1u << ENGINE_WATCHPOINTS) - 1);
    return true;
}

engine_answer engine_answer_of(uint32_t trap, bool is_undefined_function, bool may_kill)
{
    uint64_t state = trap;
    uint64_t dice = engine_scramble(&state) % 100;
    engine_answer answer = {.collects = engine_scramble(&state) % 8 == 0};
    answer.random = engine_scramble(&state);
    /* Going on would only call the undefined function again. */
    uint64_t resumed = is_undefined_function ? 20 : 80;
    if (trap >= ENGINE_TRAPS_MAX) {
        answer.kind = ANSWER_KILL;
    } else if (dice < resumed) {
        answer.kind = dice % 10 ? ANSWER_VALUES : ANSWER_ZEROS;
    } else {
        uint64_t other = dice % 20;
        answer.kind = other < 6    ? ANSWER_NULL
                      : other < 12 ? ANSWER_FRESH
                      : other < 19 ? ANSWER_KEPT
                                   : ANSWER_KILL;
    }
    if (answer.kind == ANSWER_KILL && !may_kill) {
        answer.kind = ANSWER_NULL;
    }
    return answer;
}

bool engine_make_value(mu_type_info type, uint64_t word, mu_value *value)
{
    *value = (mu_value){.kind = type.kind, .bits = type.bits};
    uint32_t single = (uint32_t)word;
    switch (type.kind) {
    case MU_VALUE_INT:
        value->integer = type.bits < 64 ? word & ((UINT64_C(1) << type.bits) - 1) : word;
        return true;
    case MU_VALUE_FLOAT: memcpy(&value->single_value, &single, sizeof single); return true;
    case MU_VALUE_DOUBLE: memcpy(&value->double_value, &word, sizeof word); return true;
    case MU_VALUE_REF:
    case MU_VALUE_IREF:
    case MU_VALUE_FUNCREF: value->is_null = true; return true;
    case MU_VALUE_TAGREF64:
        value->kind = word % 3 == 0 ? MU_VALUE_INT : word % 3 == 1 ? MU_VALUE_DOUBLE : MU_VALUE_REF;
        value->integer = word & 0xfffffffffffff;
        memcpy(&value->double_value, &word, sizeof word);
        value->is_null = value->kind == MU_VALUE_REF;
        return true;
    case MU_VALUE_POINTER: value->integer = word; return true;
    case MU_VALUE_OTHER: break;
    }
    return false;
}

bool engine_is_trusted(void)
{
    return getenv(ENGINE_TRUSTED_VARIABLE) !=
           NULL; /* NOLINT(concurrency-mt-unsafe): set before any thread */
}
