#include "builder_script.h"

#include <stdlib.h>
#include <string.h>

#define FIRST 0x300u

typedef struct reader {
    builder_script *script;
    const char *at, *end;
    mu_arena *arena;
    mu_map *made; /* word → uint64_t */
    MU_ARRAY(uint64_t) operands;
    const char *name;
    size_t name_length;
} reader;

typedef struct word {
    const char *text;
    size_t length;
} word;

/* The next word of the line; length 0 at its end. */
static word next_word(reader *from)
{
    while (from->at < from->end && (*from->at == ' ' || *from->at == '\t')) {
        from->at++;
    }
    word found = {from->at, 0};
    while (from->at < from->end && !strchr(" \t\n[]", *from->at) && *from->at) {
        from->at++;
    }
    if (from->at == found.text && from->at < from->end && *from->at != '\n') {
        from->at++; /* a bracket */
    }
    found.length = (size_t)(from->at - found.text);
    return found;
}

static bool is(word found, const char *text)
{
    return found.length == strlen(text) && memcmp(found.text, text, found.length) == 0;
}

static uint64_t value_of(const reader *from, word found)
{
    char digits[32];
    if (found.text[0] == '#') {
        const mu_ir_entity *entity =
            mu_ir_env_find(from->script->env, found.text + 1, found.length - 1);
        return entity ? entity->id : 0;
    }
    if ((found.text[0] >= '0' && found.text[0] <= '9') && found.length < sizeof digits) {
        memcpy(digits, found.text, found.length);
        digits[found.length] = '\0';
        return strtoull(digits, NULL, 0);
    }
    const uint64_t *made = mu_map_get(from->made, found.text, found.length);
    return made ? *made : 0;
}

static void take_list(reader *from)
{
    uint32_t count_at = from->operands.count;
    MU_ARRAY_PUSH(&from->operands, 0);
    for (word each = next_word(from); each.length && !is(each, "]"); each = next_word(from)) {
        MU_ARRAY_PUSH(&from->operands, value_of(from, each));
        from->operands.items[count_at]++;
    }
}

static void take_operands(reader *from)
{
    from->operands.count = 0;
    from->name = NULL;
    from->name_length = 0;
    for (word each = next_word(from); each.length; each = next_word(from)) {
        if (is(each, "[")) {
            take_list(from);
        } else if (each.text[0] == '@' || each.text[0] == '"') {
            from->name = each.text + (each.text[0] == '"');
            from->name_length = each.length - (each.text[0] == '"');
        } else {
            MU_ARRAY_PUSH(&from->operands, value_of(from, each));
        }
    }
}

static uint32_t number_of(word function)
{
    for (uint32_t number = FIRST; mu_irbuilder_op_info_of(number); number++) {
        if (is(function, mu_irbuilder_op_info_of(number)->word)) {
            return number;
        }
    }
    return 0;
}

static void remember(const reader *from, word target, uint64_t value)
{
    uint64_t *slot = mu_map_get(from->made, target.text, target.length);
    if (!slot) {
        slot = MU_ARENA_NEW(from->arena, uint64_t);
        mu_map_put(from->made, target.text, target.length, slot);
    }
    *slot = value;
}

static mu_status perform(const reader *from, uint32_t op, uint64_t *result)
{
    builder_script *script = from->script;
    *result = 0;
    if (op == MU_IRBUILDER_LOAD_BUNDLE_FROM_NODE && script->load) {
        uint64_t node = from->operands.count ? from->operands.items[0] : 0;
        return script->load(script->context, node, script->report);
    }
    if (script->perform) {
        return script->perform(script->context, op, from->operands.items, from->operands.count,
                               from->name, from->name_length, script->report, result);
    }
    return mu_irbuilder_perform(script->builder, script->env, op, from->operands.items,
                                from->operands.count, from->name, from->name_length, script->report,
                                result);
}

static mu_status take_line(reader *from)
{
    word function = next_word(from);
    word target = {NULL, 0};
    const char *after = from->at;
    if (function.length && is(next_word(from), "=")) {
        target = function;
        function = next_word(from);
    } else {
        from->at = after;
    }
    if (!function.length) {
        return MU_OK;
    }
    take_operands(from);
    uint32_t op = number_of(function);
    uint64_t result;
    if (!op) {
        return mu_report_add(from->script->report, MU_INVALID, (mu_location){0}, "no function %.*s",
                             (int)(function.length < 40 ? function.length : 40), function.text);
    }
    mu_status status = perform(from, op, &result);
    if (status == MU_OK) {
        from->script->done++;
        from->script->rows[op - FIRST] = true;
    }
    if (status == MU_OK && target.length) {
        remember(from, target, result);
    }
    return status;
}

mu_status builder_script_run(builder_script *self, const char *text, size_t length)
{
    reader from = {.script = self,
                   .at = text,
                   .end = text + length,
                   .arena = mu_arena_new(),
                   .made = mu_map_new()};
    mu_status status = MU_OK;
    while (from.at < from.end && (status == MU_OK || self->goes_on)) {
        status = take_line(&from);
        while (from.at < from.end && *from.at != '\n') {
            from.at++;
        }
        from.at += from.at < from.end;
    }
    MU_ARRAY_FREE(&from.operands);
    mu_map_free(from.made);
    mu_arena_free(from.arena);
    return status;
}
