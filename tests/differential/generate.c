/* Puts a program together. Termination: a cell @fuel counts down at the headers of loops and at the
 * entries of functions, which give up when it is used up; back edges go only to such headers, and
 * calls only to such functions or to later ones. */
#include "generate.h"
#include "program_text.h"

#include <stdio.h>
#include <string.h>

uint64_t program_random(program *p)
{
    uint64_t z = p->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t program_below(program *p, uint32_t limit)
{
    return (uint32_t)((program_random(p) >> 32) * limit >> 32);
}

bool program_chance(program *p, uint32_t percent)
{
    return program_below(p, 100) < percent;
}

void program_write(program_buffer *buffer, const char *format, ...)
{
    for (;;) {
        va_list arguments;
        va_start(arguments, format);
        size_t room = buffer->capacity - buffer->length;
        int written =
            vsnprintf(buffer->text ? buffer->text + buffer->length : NULL, room, format, arguments);
        va_end(arguments);
        if (buffer->text && (size_t)written < room) {
            buffer->length += (size_t)written;
            return;
        }
        buffer->capacity = buffer->capacity * 2 + (size_t)written + 256;
        buffer->text = mu_reallocate(buffer->text, buffer->capacity);
    }
}

static void make_functions(program *p)
{
    uint32_t count = 1 + program_below(p, 6);
    uint32_t mains = 1 + program_below(p, 2);
    for (uint32_t i = 0; i < count + mains; i++) {
        program_func func = {.is_main = i < mains};
        snprintf(func.name, sizeof func.name, "%s%u", func.is_main ? "main" : "f", i);
        if (!func.is_main) {
            sig_purpose purpose =
                program_chance(p, p->has_pointers ? 50 : 10) ? SIG_NATIVE : SIG_GUEST;
            func.sig =
                program_chance(p, 60) || !p->sigs.count ? program_make_sig(p, purpose) : NULL;
        } else {
            func.sig = program_make_sig(p, SIG_MAIN);
        }
        while (!func.sig || (!func.is_main && !func.sig->funcref)) {
            func.sig = p->sigs.items[program_below(p, p->sigs.count)];
        }
        func.is_declared = !func.is_main && program_chance(p, 4);
        func.is_checked = !func.is_main && (func.is_declared || program_chance(p, 80));
        MU_ARRAY_PUSH(&p->funcs, func);
    }
}

static void make_globals(program *p)
{
    uint32_t count = 1 + program_below(p, 6);
    for (uint32_t i = 0; i < count; i++) {
        program_global global = {.type = program_random_value_type(p)};
        snprintf(global.name, sizeof global.name, "g%u", i);
        MU_ARRAY_PUSH(&p->globals, global);
        program_write(&p->body, ".global @%s <@%s>\n", global.name, global.type->name);
        program_iref_to(p, global.type);
    }
    program_write(&p->body, ".global @fuel <@i64>\n.const @one <@i64> = 1\n");
}

static void write_calls(program *p)
{
    for (uint32_t i = 0; i < p->funcs.count; i++) {
        const program_func *func = &p->funcs.items[i];
        for (uint32_t k = 0; func->is_main && k < 2; k++) {
            program_write(&p->body, "// call @%s", func->name);
            for (uint32_t a = 0; a < func->sig->param_count; a++) {
                uint64_t word = program_random(p);
                word = word & 3 ? word >> (word >> 58) : 0 - (word >> 58);
                program_write(&p->body, " 0x%llx", (unsigned long long)word);
            }
            program_write(&p->body, "\n");
        }
    }
}

char *generate_program(uint64_t seed, bool has_pointers)
{
    program p = {.arena = mu_arena_new(), .random = seed, .has_pointers = has_pointers};
    program_random(&p);
    p.has_threads = program_chance(&p, 25);
    p.has_own_traps = program_chance(&p, 4);
    p.walks_stacks = program_chance(&p, 30);
    program_make_types(&p);
    make_functions(&p);
    make_globals(&p);
    program_write_common(&p);
    for (uint32_t i = 0; i < p.funcs.count; i++) {
        program_make_function(&p, i);
    }
    program_write_detours(&p);
    program_write_stack_bottoms(&p);
    write_calls(&p);
    program_write_types(&p);
    program_write(&p.head, "%s", p.body.text);
    for (uint32_t i = 0; i < p.types.count; i++) {
        MU_ARRAY_FREE(&p.types.items[i]->constants);
    }
    for (uint32_t i = 0; i < p.blocks.count; i++) {
        p.blocks.items[i] = (program_block){0};
    }
    mu_free(p.body.text);
    MU_ARRAY_FREE(&p.types);
    MU_ARRAY_FREE(&p.sigs);
    MU_ARRAY_FREE(&p.funcs);
    MU_ARRAY_FREE(&p.globals);
    MU_ARRAY_FREE(&p.blocks);
    MU_ARRAY_FREE(&p.values);
    mu_arena_free(p.arena);
    return p.head.text;
}
