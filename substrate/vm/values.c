/* Values between the words of compiled code and the outside. */
#include "mu_ir_value.h"
#include "vm_internal.h"

#include <stdio.h>
#include <string.h>

mu_type_info value_type_info(const mu_ir_type *type)
{
    switch (type->kind) {
    case MU_IR_INT:
        if (type->bits <= 64) {
            return (mu_type_info){MU_VALUE_INT, type->bits};
        }
        break;
    case MU_IR_FLOAT: return (mu_type_info){MU_VALUE_FLOAT, 32};
    case MU_IR_DOUBLE: return (mu_type_info){MU_VALUE_DOUBLE, 64};
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR: return (mu_type_info){MU_VALUE_POINTER, 64};
    case MU_IR_REF: return (mu_type_info){MU_VALUE_REF, 64};
    case MU_IR_IREF: return (mu_type_info){MU_VALUE_IREF, 128};
    case MU_IR_FUNCREF: return (mu_type_info){MU_VALUE_FUNCREF, 64};
    case MU_IR_TAGREF64: return (mu_type_info){MU_VALUE_TAGREF64, 64};
    case MU_IR_STRUCT:
    case MU_IR_HYBRID:
    case MU_IR_ARRAY:
    case MU_IR_VECTOR:
    case MU_IR_VOID:
    case MU_IR_WEAKREF:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF:
    case MU_IR_IRNODEREF: break;
    }
    return (mu_type_info){MU_VALUE_OTHER, 0};
}

static bool fits_int(const mu_value *value, uint32_t bits)
{
    /* Zero-extended, or sign-extended to 64. */
    int64_t as_signed = (int64_t)value->integer;
    return bits >= 64 || value->integer >> bits == 0 ||
           (as_signed < 0 && as_signed >= -(int64_t)(1ull << (bits - 1)));
}

static bool fits_tagref64(const mu_value *value)
{
    return value->kind == MU_VALUE_DOUBLE || value->kind == MU_VALUE_REF ||
           value->kind == MU_VALUE_TAGREF64 || (value->kind == MU_VALUE_INT && fits_int(value, 52));
}

/* Whether the text is one of a value of the type. */
static mu_status check_literal(const mu_value *value, const mu_ir_type *type, const char *what,
                               mu_report *report)
{
    void *memory;
    mu_status status = mu_try_allocate(type->size_bytes, &memory);
    if (status == MU_OK) {
        status = mu_ir_value_read(type, value->literal, what, report, memory);
        mu_free(memory);
    }
    return status;
}

mu_status value_check(const mu_value *value, const mu_ir_type *type, const char *what,
                      mu_report *report)
{
    mu_type_info wanted = value_type_info(type);
    mu_status status = MU_OK;
    if (wanted.kind == MU_VALUE_OTHER && value->kind == MU_VALUE_OTHER && value->literal) {
        return check_literal(value, type, what, report);
    }
    char *text = mu_ir_type_text(type);
    if (wanted.kind == MU_VALUE_OTHER) {
        status = mu_report_add(report, MU_INVALID, (mu_location){0},
                               "%s: a value of type %s is given as text, as in {1, 2}", what, text);
    } else if (wanted.kind == MU_VALUE_TAGREF64 ? !fits_tagref64(value)
                                                : value->kind != wanted.kind) {
        status =
            mu_report_add(report, MU_INVALID, (mu_location){0}, "%s is not of type %s", what, text);
    } else if (wanted.kind == MU_VALUE_INT && !fits_int(value, wanted.bits)) {
        status = mu_report_add(report, MU_INVALID, (mu_location){0}, "%s: %lld does not fit in %s",
                               what, (long long)value->integer, text);
    } else if (wanted.kind == MU_VALUE_FUNCREF && !value->is_null) {
        status = mu_report_add(report, MU_INVALID, (mu_location){0},
                               "%s: a function reference given from outside must be NULL", what);
    }
    mu_free(text);
    return status;
}

static uint64_t tagref64_word(const mu_value *value, const uint64_t *handle_words)
{
    uint64_t bits = 0;
    uint64_t handle = handle_words && !value->is_null ? handle_words[0] : 0;
    if (value->kind == MU_VALUE_INT) {
        return mu_abi_tagref64_from_int(value->integer);
    }
    if (value->kind == MU_VALUE_REF) {
        return mu_abi_tagref64_from_ref(handle, 0);
    }
    if (value->kind == MU_VALUE_TAGREF64) {
        return handle;
    }
    memcpy(&bits, &value->double_value, sizeof bits);
    return mu_abi_tagref64_from_double(bits);
}

/* Words of a value that has one or two. */
static void value_to_words(const mu_value *value, const mu_ir_type *type,
                           const uint64_t *handle_words, uint64_t words[2])
{
    words[0] = words[1] = 0;
    if (type->kind == MU_IR_TAGREF64) {
        words[0] = tagref64_word(value, handle_words);
        return;
    }
    switch (value->kind) {
    case MU_VALUE_INT:
        words[0] = value->integer;
        if (type->bits < 64) {
            words[0] &= (1ull << type->bits) - 1;
        }
        break;
    case MU_VALUE_POINTER: words[0] = value->integer; break;
    case MU_VALUE_FLOAT: memcpy(&words[0], &value->single_value, 4); break;
    case MU_VALUE_DOUBLE: memcpy(&words[0], &value->double_value, 8); break;
    case MU_VALUE_REF:
    case MU_VALUE_IREF:
        if (!value->is_null && handle_words) {
            words[0] = handle_words[0];
            words[1] = value->kind == MU_VALUE_IREF ? handle_words[1] : 0;
        }
        break;
    case MU_VALUE_FUNCREF:
    case MU_VALUE_TAGREF64:
    case MU_VALUE_OTHER: break;
    }
}

/* What a tagref64 holds, without addresses. */
static void describe_tagref64(uint64_t word, mu_value *value)
{
    double number;
    memcpy(&number, &word, sizeof number);
    if (mu_abi_tagref64_is_int(word)) {
        int64_t integer = (int64_t)(mu_abi_tagref64_to_int(word) << 12) >> 12;
        snprintf(value->text, sizeof value->text, "int<52> %lld", (long long)integer);
    } else if (mu_abi_tagref64_is_ref(word)) {
        snprintf(value->text, sizeof value->text, "%s with tag %u",
                 mu_abi_tagref64_to_address(word) ? "ref" : "NULL",
                 (unsigned)mu_abi_tagref64_to_tag(word));
    } else {
        snprintf(value->text, sizeof value->text, "double %.17g", number);
    }
}

/* What the text of a composite says of a function reference or a tagref64 in it. */
static void show_leaf(void *context, const mu_ir_type *type, const void *memory, char *text,
                      size_t bytes)
{
    const mu_vm *vm = context;
    uint64_t word;
    memcpy(&word, memory, sizeof word);
    if (type->kind == MU_IR_TAGREF64) {
        mu_value value;
        describe_tagref64(word, &value);
        snprintf(text, bytes, "%s", value.text);
    } else {
        const char *label = word < vm->table_count ? vm->functions[word].func->entity.label : "?";
        snprintf(text, bytes, "%s", label);
    }
}

void value_show(const mu_vm *vm, const mu_ir_type *type, const void *memory, char *text,
                size_t bytes)
{
    mu_ir_value_show(type, memory, show_leaf, (void *)(uintptr_t)vm, text, bytes);
}

mu_value value_from_memory(const mu_vm *vm, const mu_ir_type *type, const void *memory)
{
    mu_type_info info = value_type_info(type);
    mu_value value = {.kind = info.kind, .bits = info.bits};
    uint64_t words[2] = {0, 0};
    if (info.kind != MU_VALUE_OTHER) {
        memcpy(words, memory, info.kind == MU_VALUE_IREF ? 16 : 8);
    }
    switch (info.kind) {
    case MU_VALUE_INT:
    case MU_VALUE_POINTER: value.integer = words[0]; break;
    case MU_VALUE_FLOAT: memcpy(&value.single_value, memory, 4); break;
    case MU_VALUE_DOUBLE: memcpy(&value.double_value, memory, 8); break;
    case MU_VALUE_REF: value.is_null = words[0] == 0; break;
    case MU_VALUE_IREF: value.is_null = words[0] == 0 && words[1] == 0; break;
    case MU_VALUE_FUNCREF:
        value.integer = words[0];
        value.is_null = words[0] == 0;
        if (words[0] && words[0] < vm->table_count) {
            snprintf(value.text, sizeof value.text, "%s",
                     vm->functions[words[0]].func->entity.label);
        }
        break;
    case MU_VALUE_TAGREF64: describe_tagref64(words[0], &value); break;
    case MU_VALUE_OTHER: value_show(vm, type, memory, value.text, sizeof value.text); break;
    }
    return value;
}

const void *thread_place_memory(const mu_thread *thread, const mu_jit_place *place)
{
    switch (place->kind) {
    case MU_JIT_PLACE_GPR: return &thread->abi.gpr[place->index];
    case MU_JIT_PLACE_XMM: return &thread->abi.xmm[place->index];
    case MU_JIT_PLACE_OVERFLOW: break;
    }
    return &thread->abi.overflow[place->index];
}

void thread_put_place(mu_thread *thread, const mu_jit_place *place, const uint64_t *words)
{
    void *memory = (void *)(uintptr_t)thread_place_memory(thread, place);
    memcpy(memory, words, place->words * sizeof *words);
}

void thread_put_value(mu_thread *thread, const mu_jit_place *place, const mu_value *value,
                      const mu_ir_type *type, const uint64_t *handle_words)
{
    uint64_t words[2];
    if (value->kind == MU_VALUE_OTHER) {
        void *memory = (void *)(uintptr_t)thread_place_memory(thread, place);
        memset(memory, 0, place->words * sizeof *words);
        mu_status status = mu_ir_value_read(type, value->literal, "", NULL, memory);
        MU_INVARIANT(status == MU_OK, "a value was not checked");
        return;
    }
    value_to_words(value, type, handle_words, words);
    thread_put_place(thread, place, words);
}
