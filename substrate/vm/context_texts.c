/* Values that people write. */
#include "context_internal.h"

#include "mu_ir_value.h"

#include <string.h>

enum { TEXT_BYTES = 4096 };

/* Reads what mu_ir_value_read does. */
static mu_status read_plain(context_call *call, const char *text, mu_ir_type *type)
{
    _Alignas(16) unsigned char bytes[MU_CONTEXT_MAX_VALUE_BYTES] = {0};
    mu_report *report = mu_report_new();
    mu_status status = mu_ir_value_read(type, text, "the value", report, bytes);
    if (status == MU_OK) {
        status = context_give(call, type, bytes);
    } else {
        char *reason = mu_report_text(report);
        status = context_refuse(call, status, 0, "%.*s", (int)strcspn(reason, "\n"), reason);
        mu_free(reason);
    }
    mu_report_free(report);
    return status;
}

static mu_status refuse_text(context_call *call, const char *text, const mu_ir_type *type,
                             const char *advice)
{
    char *type_text = mu_ir_type_text(type);
    mu_status status = context_refuse(call, MU_INVALID, 0, "\"%.80s\" is no value of type %.80s%s",
                                      text, type_text, advice);
    mu_free(type_text);
    return status;
}

static bool reads_as(mu_ir_type *type, const char *text, uint64_t *word)
{
    return mu_ir_value_read(type, text, "", NULL, word) == MU_OK;
}

static mu_status read_tagref64(context_call *call, const char *text, mu_ir_type *type, bool is_null)
{
    uint64_t word = 0;
    if (is_null) {
        word = mu_abi_tagref64_from_ref(0, 0);
    } else if (reads_as(context_int_type(call->context, 52), text, &word)) {
        word = mu_abi_tagref64_from_int(word);
    } else if (reads_as(context_type(call->context, MU_IR_DOUBLE), text, &word)) {
        word = mu_abi_tagref64_from_double(word);
    } else {
        return refuse_text(call, text, type, "; give an int of 52 bits, a double or null");
    }
    return context_give_word(call, type, word);
}

/* ---- references */

static mu_status read_function(context_call *call, const char *text, mu_ir_type *type)
{
    const mu_ir_entity *found = mu_ir_env_find(call->vm->env, text, strlen(text));
    const mu_ir_func *func = (const mu_ir_func *)found;
    if (!found || found->kind != MU_IR_FUNC || !mu_ir_type_same(func->funcref_type, type)) {
        return refuse_text(call, text, type, "; give null or the name of such a function");
    }
    return context_give_word(call, type, func->number);
}

static mu_status read_new(context_call *call, mu_ir_type *type)
{
    mu_ref made;
    if (type->kind != MU_IR_REF || type->element->kind != MU_IR_VOID) {
        return refuse_text(call, "new", type, "; it is an object of type void");
    }
    mu_status status = vm_allocate(&call->context->mutator, &vm_void_type, 0, &made);
    if (status != MU_OK) {
        return context_refuse_error(call, MU_GUEST_ERROR_OUT_OF_MEMORY, 0);
    }
    return context_give_word(call, type, made.address);
}

/* ---- the operations */

static mu_status read_value(context_call *call, const char *text, mu_ir_type *type)
{
    bool is_null = strcmp(text, "null") == 0 || strcmp(text, "NULL") == 0;
    if (type->kind == MU_IR_TAGREF64) {
        return read_tagref64(call, text, type, is_null);
    }
    if (type->kind == MU_IR_FUNCREF && !is_null) {
        return read_function(call, text, type);
    }
    if (type->kind == MU_IR_REF && strcmp(text, "new") == 0) {
        return read_new(call, type);
    }
    return read_plain(call, text, type);
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
