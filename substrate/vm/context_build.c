/* The IR builder's functions as operations of a context (irbuilder.rest): nodes are handles of type
 * irnoderef, whose values are the builder's numbers. */
#include "context_internal.h"

#include "mu_irbuilder.h"

#include <string.h>

typedef MU_ARRAY(uint64_t) numbers;

/* The number of the node that a handle stands for. */
static mu_status add_node(context_call *call, uint32_t at, bool may_be_none, numbers *out)
{
    uint64_t handle = call->operation->operands[at];
    const context_value *value = context_find(call->context, handle);
    if (!handle && may_be_none) {
        MU_ARRAY_PUSH(out, 0);
        return MU_OK;
    }
    if (!value) {
        return context_refuse(call, MU_INVALID, at + 1, "there is no handle %llu",
                              (unsigned long long)handle);
    }
    if (value->type->kind != MU_IR_IRNODEREF) {
        return context_refuse_type(call, at + 1, "irnoderef", value->type);
    }
    MU_ARRAY_PUSH(out, value->words[0]);
    return MU_OK;
}

/* A list: its count, then its items, of which `letter` says what they are. */
static mu_status add_list(context_call *call, char letter, uint32_t *at, numbers *out)
{
    uint32_t given = call->operation->operand_count;
    uint64_t count = call->operation->operands[*at];
    mu_status status = MU_OK;
    if (count > given - *at - 1) {
        return context_refuse(call, MU_INVALID, *at + 1, "a list of %llu items, but %u operands",
                              (unsigned long long)count, given);
    }
    MU_ARRAY_PUSH(out, count);
    ++*at;
    for (uint64_t i = 0; i < count && status == MU_OK; i++, ++*at) {
        if (letter == 'N') {
            status = add_node(call, *at, false, out);
        } else {
            MU_ARRAY_PUSH(out, call->operation->operands[*at]);
        }
    }
    return status;
}

/* The operands with nodes by number. */
static mu_status number_operands(context_call *call, const char *letters, numbers *out)
{
    uint32_t at = 0;
    mu_status status = MU_OK;
    for (; *letters && status == MU_OK; letters++) {
        if (*letters == 's') {
            continue;
        }
        if (at >= call->operation->operand_count) {
            return context_refuse(call, MU_INVALID, 0, "has too few operands: %u",
                                  call->operation->operand_count);
        }
        if (*letters == 'N' || *letters == 'I') {
            status = add_list(call, *letters, &at, out);
            continue;
        }
        if (*letters == 'i') {
            MU_ARRAY_PUSH(out, call->operation->operands[at]);
        } else {
            status = add_node(call, at, *letters == 'o', out);
        }
        at++;
    }
    if (status == MU_OK && at != call->operation->operand_count) {
        status = context_refuse(call, MU_INVALID, 0, "has too many operands: %u",
                                call->operation->operand_count);
    }
    return status;
}

/* Loading stops the world. */
static mu_status load(context_call *call, uint64_t node)
{
    vm_leave_world(&call->context->mutator);
    mu_status status = vm_load_built(call->vm, node, "a client's bundle", call->report, NULL);
    vm_enter_world(&call->context->mutator);
    return status == MU_OK ? MU_OK : context_refuse(call, status, 0, "nothing was loaded");
}

static mu_status perform(context_call *call, const numbers *operands)
{
    const mu_context_operation *operation = call->operation;
    uint64_t result = 0;
    mu_status status = MU_OK;
    if (operation->op == MU_IRBUILDER_LOAD_BUNDLE_FROM_NODE) {
        return load(call, operands->items[0]);
    }
    if (call->result == 'n') {
        MU_TRY(context_check_free(call, call->next, 1));
    }
    MU_TRY(vm_irbuilder_perform(call->vm, operation->op, operands->items, operands->count,
                                operation->bytes, operation->byte_count, call->report, &result));
    if (call->result == 'n') {
        status = context_give_word(call, context_type(call->context, MU_IR_IRNODEREF), result);
    } else if (call->result == 'i') {
        status = context_answer(call, result);
    }
done:
    return status;
}

mu_status context_build(context_call *call)
{
    numbers operands = {0};
    const mu_irbuilder_op_info *row = mu_irbuilder_op_info_of(call->operation->op);
    if (!row) {
        return context_refuse(call, MU_INVALID, 0, "no operation has the number %u",
                              call->operation->op);
    }
    call->name = row->word;
    call->result = row->result;
    mu_status status = number_operands(call, row->operands, &operands);
    if (status == MU_OK) {
        status = perform(call, &operands);
    }
    MU_ARRAY_FREE(&operands);
    return status;
}
