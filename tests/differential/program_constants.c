/* Constants: new ones and known ones again. */
#include "program_text.h"

#include <stdio.h>
#include <string.h>

static uint64_t interesting_int(program *p, uint32_t bits)
{
    uint64_t value = program_random(p);
    switch (program_below(p, 10)) {
    case 0: value = 0; break;
    case 1: value = 1; break;
    case 2: value = UINT64_MAX; break;
    case 3: value = UINT64_C(1) << (bits - 1); break;
    case 4: value = (UINT64_C(1) << (bits - 1)) - 1; break;
    case 5: value %= 16; break;
    case 6: value = UINT64_C(1) << (value % bits); break;
    case 7:
        value = (value & 1 ? UINT64_C(0x80000000) : UINT64_C(0x7fffffff)) + (value >> 60) - 8;
        break;
    case 8: value = 0 - (value % 200); break;
    default: break;
    }
    return bits < 64 ? value & ((UINT64_C(1) << bits) - 1) : value;
}

static uint64_t interesting_float(program *p)
{
    static const uint32_t known[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000,
                                     0xff800000, 0x7fc00000, 1,          0x007fffff, 0x7f7fffff,
                                     0x4f000000, 0xcf000000, 0x5f000000, 0xdf000000, 0x5f800000,
                                     0x40490fdb, 0x3f000000, 0x46000000, 0x43000000, 0x42800000};
    uint32_t index = program_below(p, 28);
    return index < 20 ? known[index] : program_random(p) & UINT32_MAX;
}

static uint64_t interesting_double(program *p)
{
    static const uint64_t known[] = {
        0,
        UINT64_C(0x8000000000000000),
        UINT64_C(0x3ff0000000000000),
        UINT64_C(0xbff0000000000000),
        UINT64_C(0x7ff0000000000000),
        UINT64_C(0xfff0000000000000),
        UINT64_C(0x7ff8000000000000),
        1,
        UINT64_C(0x000fffffffffffff),
        UINT64_C(0x7fefffffffffffff),
        UINT64_C(0x41e0000000000000),
        UINT64_C(0xc1e0000000000000),
        UINT64_C(0x43e0000000000000),
        UINT64_C(0xc3e0000000000000),
        UINT64_C(0x43f0000000000000),
        UINT64_C(0x400921fb54442d18),
        UINT64_C(0x3fe0000000000000),
        UINT64_C(0x40c0000000000000),
        UINT64_C(0x433fffffffffffff),
        UINT64_C(0x47efffffefffffff),
    };
    uint32_t index = program_below(p, 28);
    return index < 20 ? known[index] : program_random(p);
}

static const char *name_constant(program *p, const program_type *type)
{
    program_type *owner = (program_type *)(uintptr_t)type;
    const char *name = mu_arena_format(p->arena, "@k%u.%s", p->name_count++, type->name);
    MU_ARRAY_PUSH(&owner->constants, name);
    program_write(&p->head, ".const %s <@%s> = ", name, type->name);
    return name;
}

const char *program_wide_constant(program *p, const program_type *type, uint64_t high, uint64_t low)
{
    const char *name = name_constant(p, type);
    program_write(&p->head, "0x%llx%016llx\n", (unsigned long long)high, (unsigned long long)low);
    return name;
}

static const char *random_wide(program *p, const program_type *type)
{
    static const uint64_t highs[] = {0, 0, 0, UINT64_MAX, 1, INT64_MAX, UINT64_C(1) << 63};
    uint32_t dice = program_below(p, 10);
    uint64_t high = dice < 7 ? highs[dice] : interesting_int(p, 64);
    return program_wide_constant(p, type, high, interesting_int(p, 64));
}

const char *program_int_constant(program *p, const program_type *type, uint64_t value)
{
    if (type->bits > 64) {
        return program_wide_constant(p, type, 0, value);
    }
    const char *name = name_constant(p, type);
    value = type->bits < 64 ? value & ((UINT64_C(1) << type->bits) - 1) : value;
    bool is_high = value >> (type->bits - 1);
    if (is_high && program_chance(p, 50)) {
        uint64_t magnitude =
            0 - (type->bits < 64 ? value | ~((UINT64_C(1) << type->bits) - 1) : value);
        program_write(&p->head, "-%llu\n", (unsigned long long)magnitude);
    } else {
        program_write(&p->head, "0x%llx\n", (unsigned long long)value);
    }
    return name;
}

const char *program_null(program *p, const program_type *type)
{
    return mu_arena_format(p->arena, "@z.%s", type->name);
}

static const char *random_function(program *p, const program_type *type)
{
    for (uint32_t tries = 0; tries < 8; tries++) {
        const program_func *func = &p->funcs.items[program_below(p, p->funcs.count)];
        if (func->sig == type->sig && func->is_checked) {
            return mu_arena_format(p->arena, "@%s", func->name);
        }
    }
    return program_null(p, type);
}

static const char *random_cell(program *p, const program_type *type)
{
    for (uint32_t tries = 0; tries < 8 && p->globals.count; tries++) {
        const program_global *global = &p->globals.items[program_below(p, p->globals.count)];
        if (global->type == type->element) {
            return mu_arena_format(p->arena, "@%s", global->name);
        }
    }
    return program_null(p, type);
}

const char *program_list_constant(program *p, const program_type *type, const char *const *items)
{
    uint32_t count = type->kind == KIND_STRUCT ? type->field_count : type->length;
    const char *name = name_constant(p, type);
    program_write(&p->head, "{");
    for (uint32_t i = 0; i < count; i++) {
        program_write(&p->head, "%s%s", i ? " " : "", items[i]);
    }
    program_write(&p->head, "}\n");
    return name;
}

static const char *make_list(program *p, const program_type *type)
{
    uint32_t count = type->kind == KIND_STRUCT ? type->field_count : type->length;
    const char **items = MU_ARENA_ARRAY(p->arena, const char *, count);
    for (uint32_t i = 0; i < count; i++) {
        items[i] = program_constant(p, type->kind == KIND_STRUCT ? type->fields[i] : type->element);
    }
    return program_list_constant(p, type, items);
}

const char *program_constant(program *p, const program_type *type)
{
    if (type->constants.count > 3 && program_chance(p, 60)) {
        return type->constants.items[program_below(p, type->constants.count)];
    }
    const char *name;
    switch (type->kind) {
    case KIND_INT:
        return type->bits > 64 ? random_wide(p, type)
                               : program_int_constant(p, type, interesting_int(p, type->bits));
    case KIND_UPTR:
    case KIND_UFUNCPTR:
        name = name_constant(p, type);
        program_write(&p->head, "0x%llx\n", (unsigned long long)interesting_int(p, 64));
        return name;
    case KIND_FLOAT:
        name = name_constant(p, type);
        program_write(&p->head, "bitsf(0x%llx)\n", (unsigned long long)interesting_float(p));
        return name;
    case KIND_DOUBLE:
        name = name_constant(p, type);
        program_write(&p->head, "bitsd(0x%llx)\n", (unsigned long long)interesting_double(p));
        return name;
    case KIND_STRUCT:
    case KIND_ARRAY:
    case KIND_VECTOR: return make_list(p, type);
    case KIND_FUNCREF: return random_function(p, type);
    case KIND_IREF: return random_cell(p, type);
    case KIND_REF:
    case KIND_STACKREF:
    case KIND_THREADREF:
    case KIND_CURSORREF:
    case KIND_NODEREF:
    case KIND_TAGREF:
    case KIND_VOID:
    case KIND_HYBRID: break;
    }
    return program_null(p, type);
}
