/* Values that people write. */
#include "context_internal.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 wide;

enum { TEXT_BYTES = 128 }; /* more than any number needs */

static mu_status refuse_text(context_call *call, const char *text, const mu_ir_type *type,
                             const char *advice)
{
    char *type_text = mu_ir_type_text(type);
    mu_status status = context_refuse(call, MU_INVALID, 0, "\"%s\" is no value of type %.80s%s",
                                      text, type_text, advice);
    mu_free(type_text);
    return status;
}

/* ---- numbers */

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    unsigned letter = (unsigned)(c | 0x20) - 'a';
    return letter < 6 ? letter + 10 : 16;
}

/* Representable in `bits` bits, signed or unsigned; cut to them. */
static bool read_int(const char *text, uint32_t bits, uint64_t words[2])
{
    bool is_negative = *text == '-';
    text += *text == '-' || *text == '+';
    bool is_hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    unsigned base = is_hexadecimal ? 16 : 10;
    wide mask = bits == 128 ? ~(wide)0 : ((wide)1 << bits) - 1;
    wide sum = 0;
    text += is_hexadecimal ? 2 : 0;
    if (!*text) {
        return false;
    }
    for (; *text; text++) {
        unsigned digit = digit_value(*text);
        if (digit >= base || __builtin_mul_overflow(sum, (wide)base, &sum) ||
            __builtin_add_overflow(sum, (wide)digit, &sum)) {
            return false;
        }
    }
    if (sum > (is_negative ? (mask >> 1) + 1 : mask)) {
        return false;
    }
    sum = (is_negative ? -sum : sum) & mask;
    words[0] = (uint64_t)sum;
    words[1] = (uint64_t)(sum >> 64);
    return true;
}

/* Infinity has to be asked for by name. */
static bool read_real(const char *text, bool is_single, uint64_t *word)
{
    char *end = NULL;
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    MU_INVARIANT(c_locale != (locale_t)0, "the C locale is missing");
    float single_value = strtof_l(text, &end, c_locale);
    double double_value = strtod_l(text, &end, c_locale);
    freelocale(c_locale);
    bool is_infinite = is_single ? isinf(single_value) : isinf(double_value);
    if (strchr(" \t\n\v\f\r", text[0]) || end == text || *end ||
        (is_infinite && !strpbrk(text, "iI"))) {
        return false;
    }
    if (is_single) {
        memcpy(word, &single_value, sizeof single_value);
    } else {
        memcpy(word, &double_value, sizeof double_value);
    }
    return true;
}

static bool read_tagref64(const char *text, bool is_null, uint64_t words[2])
{
    if (is_null) {
        words[0] = mu_abi_tagref64_from_ref(0, 0);
    } else if (read_int(text, 52, words)) {
        words[0] = mu_abi_tagref64_from_int(words[0]);
    } else if (read_real(text, false, words)) {
        words[0] = mu_abi_tagref64_from_double(words[0]);
    } else {
        return false;
    }
    return true;
}

/* ---- references */

static mu_status read_function(context_call *call, const char *text, const mu_ir_type *type,
                               uint64_t *word)
{
    const mu_ir_entity *found = mu_ir_env_find(call->vm->env, text, strlen(text));
    const mu_ir_func *func = (const mu_ir_func *)found;
    if (!found || found->kind != MU_IR_FUNC || !mu_ir_type_same(func->funcref_type, type)) {
        return refuse_text(call, text, type, "; give null or the name of such a function");
    }
    *word = func->number;
    return MU_OK;
}

static mu_status read_new(context_call *call, mu_ir_type *type)
{
    mu_ref made;
    if (type->kind != MU_IR_REF || type->element->kind != MU_IR_VOID) {
        return refuse_text(call, "new", type, "; it is an object of type void");
    }
    mu_status status = vm_allocate(&call->context->mutator, &vm_void_type, 0, &made);
    if (status != MU_OK) {
        return context_refuse(call, status, 0, "%s",
                              mu_abi_guest_error_text(MU_GUEST_ERROR_OUT_OF_MEMORY));
    }
    return context_give_word(call, type, made.address);
}

/* ---- the operations */

static mu_status read_value(context_call *call, const char *text, mu_ir_type *type)
{
    uint64_t words[2] = {0, 0};
    bool is_null = strcmp(text, "null") == 0 || strcmp(text, "NULL") == 0;
    bool is_read = false;
    const char *advice = "";
    mu_status status = MU_OK;
    switch ((int)type->kind) {
    case MU_IR_INT: is_read = type->bits <= 128 && read_int(text, type->bits, words); break;
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR: is_read = is_null || read_int(text, 64, words); break;
    case MU_IR_FLOAT:
    case MU_IR_DOUBLE: is_read = read_real(text, type->kind == MU_IR_FLOAT, words); break;
    case MU_IR_TAGREF64: is_read = read_tagref64(text, is_null, words); break;
    case MU_IR_FUNCREF:
        if (!is_null) {
            MU_TRY(read_function(call, text, type, words));
        }
        is_read = true;
        break;
    case MU_IR_REF:
        if (strcmp(text, "new") == 0) {
            return read_new(call, type);
        }
        is_read = is_null;
        advice = "; give null";
        break;
    default:
        is_read = is_null && type->kind != MU_IR_STRUCT && type->kind != MU_IR_ARRAY &&
                  type->kind != MU_IR_VECTOR;
        advice = "; such a value cannot be written";
        break;
    }
    status = is_read ? context_give(call, type, words) : refuse_text(call, text, type, advice);
done:
    return status;
}

/* Which type operands 1 and 2 say. */
static mu_status find_type(context_call *call, mu_ir_type **type)
{
    const context_value *value = context_value_at(call, 1);
    uint64_t index = context_integer_at(call, 2);
    vm_stack *stack;
    if (value->type->kind != MU_IR_STACKREF) {
        *type = value->type->kind == MU_IR_IREF
                    ? context_strong(call->context, value->type->element)
                    : value->type;
        return index == 0 ? MU_OK
                          : context_refuse(call, MU_INVALID, 2, "only a stack waits for several");
    }
    mu_status status = MU_OK;
    pthread_mutex_lock(&call->vm->lock);
    MU_TRY(context_refuse_error(call, vm_stack_find_parked(value->words[0], &stack), 1));
    if (index >= stack->state.wanted_count) {
        MU_TRY(context_refuse(call, MU_INVALID, 2, "the stack waits for %u values",
                              stack->state.wanted_count));
    }
    *type = stack->state.wanted[index];
done:
    pthread_mutex_unlock(&call->vm->lock);
    return status;
}

mu_status context_read(context_call *call)
{
    static const unsigned char zeros[MU_CONTEXT_MAX_VALUE_BYTES];
    const mu_context_operation *operation = call->operation;
    char text[TEXT_BYTES + 1] = "";
    mu_ir_type *type = NULL;
    mu_status status = MU_OK;
    MU_TRY(find_type(call, &type));
    MU_TRY(context_check_value_type(call, 1, type));
    if (!operation->byte_count) {
        return context_give(call, type, zeros);
    }
    if (operation->byte_count > TEXT_BYTES || memchr(operation->bytes, 0, operation->byte_count)) {
        return context_refuse(call, MU_INVALID, 0, "no value is written with so many characters");
    }
    memcpy(text, operation->bytes, operation->byte_count);
    status = read_value(call, text, type);
done:
    return status;
}

mu_status context_wants(context_call *call)
{
    vm_stack *stack;
    uint32_t count = 0;
    mu_status status = context_expect_object(call, 1, MU_IR_STACKREF);
    if (status != MU_OK) {
        return status;
    }
    pthread_mutex_lock(&call->vm->lock);
    status = context_refuse_error(
        call, vm_stack_find_parked(context_value_at(call, 1)->words[0], &stack), 1);
    if (status == MU_OK) {
        count = stack->state.wanted_count;
    }
    pthread_mutex_unlock(&call->vm->lock);
    return status == MU_OK ? context_answer(call, count) : status;
}
