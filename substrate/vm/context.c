/* A client's context: its life, and performing batches. Each operation is looked up in one table,
 * its operands are checked against the row and found, then the row's function does it. */
#include "context_internal.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
static const context_row rows[] = {
#define MU_CONTEXT(name, number, text, operands, result) [number] = {(text), (operands), (result)},
#include "mu_context_ops.def"
#undef MU_CONTEXT
};

enum {
#define MU_CONTEXT(name, number, text, operands, result) ROW_##name = number,
#include "mu_context_ops.def"
#undef MU_CONTEXT
    BUILDER_FIRST = 0x300, /* irbuilder/api/mu_irbuilder_ops.def */
};

static context_fn *const performers[sizeof rows / sizeof *rows] = {
    [ROW_ID_OF] = context_id_of, [ROW_NAME_OF] = context_name_of,
    [ROW_LOAD_BUNDLE] = context_load_bundle, [ROW_LOAD_HAIL] = context_load_hail,
    [ROW_FROM_INT] = context_from_int, [ROW_FROM_FLOAT] = context_from_float,
    [ROW_FROM_DOUBLE] = context_from_double, [ROW_FROM_PTR] = context_from_ptr,
    [ROW_FROM_FP] = context_from_fp, [ROW_FROM_CONST] = context_from_const,
    [ROW_FROM_GLOBAL] = context_from_global, [ROW_FROM_FUNC] = context_from_func,
    [ROW_FROM_EXPOSE] = context_from_expose, [ROW_TO_INT] = context_to_int,
    [ROW_TO_FLOAT] = context_to_float, [ROW_TO_DOUBLE] = context_to_double,
    [ROW_TO_PTR] = context_to_ptr, [ROW_TO_FP] = context_to_fp,
    [ROW_DELETE_VALUE] = context_delete_value, [ROW_REF_EQ] = context_ref_eq,
    [ROW_REF_ULT] = context_ref_ult, [ROW_EXTRACT_VALUE] = context_extract_value,
    [ROW_INSERT_VALUE] = context_insert_value, [ROW_EXTRACT_ELEMENT] = context_extract_element,
    [ROW_INSERT_ELEMENT] = context_insert_element, [ROW_NEW_FIXED] = context_new_fixed,
    [ROW_NEW_HYBRID] = context_new_hybrid, [ROW_REFCAST] = context_refcast,
    [ROW_GET_IREF] = context_get_iref, [ROW_GET_FIELD_IREF] = context_get_field_iref,
    [ROW_GET_ELEM_IREF] = context_get_elem_iref, [ROW_SHIFT_IREF] = context_shift_iref,
    [ROW_GET_VAR_PART_IREF] = context_get_var_part_iref, [ROW_LOAD] = context_load,
    [ROW_STORE] = context_store, [ROW_CMPXCHG] = context_cmpxchg,
    [ROW_ATOMICRMW] = context_atomicrmw, [ROW_FENCE] = context_fence,
    [ROW_NEW_STACK] = context_new_stack, [ROW_NEW_THREAD_NOR] = context_new_thread_nor,
    [ROW_NEW_THREAD_EXC] = context_new_thread_exc, [ROW_KILL_STACK] = context_kill_stack,
    [ROW_SET_THREADLOCAL] = context_set_threadlocal,
    [ROW_GET_THREADLOCAL] = context_get_threadlocal, [ROW_NEW_CURSOR] = context_new_cursor,
    [ROW_NEXT_FRAME] = context_next_frame, [ROW_COPY_CURSOR] = context_copy_cursor,
    [ROW_CLOSE_CURSOR] = context_close_cursor, [ROW_CUR_FUNC] = context_cur_func,
    [ROW_CUR_FUNC_VER] = context_cur_func_ver, [ROW_CUR_INST] = context_cur_inst,
    [ROW_DUMP_KEEPALIVES] = context_dump_keepalives, [ROW_POP_FRAMES_TO] = context_pop_frames_to,
    [ROW_PUSH_FRAME] = context_push_frame, [ROW_TR64_IS_FP] = context_tr64_is_fp,
    [ROW_TR64_IS_INT] = context_tr64_is_int, [ROW_TR64_IS_REF] = context_tr64_is_ref,
    [ROW_TR64_TO_FP] = context_tr64_to_fp, [ROW_TR64_TO_INT] = context_tr64_to_int,
    [ROW_TR64_TO_REF] = context_tr64_to_ref, [ROW_TR64_TO_TAG] = context_tr64_to_tag,
    [ROW_TR64_FROM_FP] = context_tr64_from_fp, [ROW_TR64_FROM_INT] = context_tr64_from_int,
    [ROW_TR64_FROM_REF] = context_tr64_from_ref,
    [ROW_ENABLE_WATCHPOINT] = context_enable_watchpoint,
    [ROW_DISABLE_WATCHPOINT] = context_disable_watchpoint, [ROW_PIN] = context_pin,
    [ROW_UNPIN] = context_unpin, [ROW_EXPOSE_FUNC] = context_expose_func,
    [ROW_UNEXPOSE] = context_unexpose, [ROW_DESCRIBE] = context_describe,
    [ROW_LOCATE] = context_locate, [ROW_FETCH] = context_fetch, [ROW_READ] = context_read,
    [ROW_WANTS] = context_wants,
};
/* clang-format on */

/* ---- life */

mu_status mu_context_new(mu_vm *vm, mu_context **out)
{
    mu_status status = MU_OK;
    mu_context *context = mu_allocate(sizeof *context);
    context->mutator.vm = vm;
    vm_lock_quiet(vm);
    if (vm->mutator_count == MU_VM_MAX_CONTEXTS || !vm_metadata_take(vm, sizeof *context)) {
        status = MU_LIMIT;
    } else {
        context->types = mu_ir_type_pool_new(vm->env);
        context->types_bytes = mu_ir_type_pool_bytes(context->types);
        vm_metadata_add(vm, context->types_bytes);
        context->mutator.next = vm->mutators;
        if (context->mutator.next) {
            context->mutator.next->previous = &context->mutator;
        }
        vm->mutators = &context->mutator;
        vm->mutator_count++;
        *out = context;
    }
    pthread_mutex_unlock(&vm->lock);
    if (status != MU_OK) {
        mu_free(context);
    }
    return status;
}

static void unlink_mutator(mu_context *context)
{
    mu_thread *mutator = &context->mutator;
    mu_vm *vm = mutator->vm;
    mu_gc_buffer buffer = {&mutator->abi.alloc_cursor, &mutator->abi.alloc_limit};
    vm_lock_quiet(vm);
    thread_drop_pins(mutator);
    mu_gc_buffer_retire(vm->heap, &buffer);
    if (mutator->previous) {
        mutator->previous->next = mutator->next;
    } else {
        vm->mutators = mutator->next;
    }
    if (mutator->next) {
        mutator->next->previous = mutator->previous;
    }
    vm->mutator_count--;
    for (const mu_thread *thread = vm->threads; thread; thread = thread->next) {
        MU_INVARIANT(!thread_is_held_by(thread, context),
                     "a context is freed that still has a thread");
    }
    pthread_mutex_unlock(&vm->lock);
}

void mu_context_free(mu_context *context)
{
    if (!context) {
        return;
    }
    unlink_mutator(context);
    context_drop_all(context);
    vm_metadata_give(context->mutator.vm, sizeof *context + context->types_bytes);
    mu_ir_type_pool_free(context->types);
    mu_free(context);
}

uint32_t mu_context_handle_count(const mu_context *context)
{
    return context->held;
}

/* ---- errors */

mu_status context_refuse(context_call *call, mu_status status, uint32_t operand, const char *format,
                         ...)
{
    char what[400];
    char where[40] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (operand) {
        snprintf(where, sizeof where, ", operand %u", operand);
    }
    if (!call->operation) {
        return mu_report_add(call->report, status, (mu_location){0}, "%s%s: %s", call->name, where,
                             what);
    }
    return mu_report_add(call->report, status, (mu_location){0}, "operation %u, %s%s: %s",
                         call->index, call->name, where, what);
}

mu_status context_refuse_type(context_call *call, uint32_t operand, const char *what,
                              const mu_ir_type *given)
{
    char *text = mu_ir_type_text(given);
    mu_status status =
        context_refuse(call, MU_INVALID, operand, "expected %s, given %.120s", what, text);
    mu_free(text);
    return status;
}

mu_status context_refuse_error(context_call *call, mu_guest_error error, uint32_t operand)
{
    mu_status status = MU_INVALID;
    if (error == MU_GUEST_ERROR_NONE) {
        return MU_OK;
    }
    if (error == MU_GUEST_ERROR_OUT_OF_MEMORY) {
        status = MU_NO_MEMORY;
        operand = 0;
    } else if (error == MU_GUEST_ERROR_STACK_STATE) {
        status = MU_STATE;
    } else if (error == MU_GUEST_ERROR_STACK_OVERFLOW) {
        status = MU_LIMIT;
    }
    char quota[VM_QUOTA_TEXT_BYTES];
    return context_refuse(call, status, operand, "%s",
                          thread_error_sentence(&call->context->mutator, error, quota));
}

mu_status context_refuse_quota(context_call *call, vm_quota quota)
{
    char text[VM_QUOTA_TEXT_BYTES];
    vm_quota_text(call->vm, quota, text);
    return context_refuse(call, MU_LIMIT, 0, "%s", text);
}

mu_status context_answer(context_call *call, uint64_t integer)
{
    call->has_answer = true;
    call->answer.integer = integer;
    return MU_OK;
}

/* ---- one operation */

static mu_status find_operands(context_call *call, const char *letters)
{
    const mu_context_operation *operation = call->operation;
    uint32_t at = 0;
    for (uint32_t i = 0; letters[i]; i++) {
        char letter = letters[i];
        if (letter == 's') {
            continue;
        }
        if (at >= operation->operand_count) {
            return context_refuse(call, MU_INVALID, 0, "has too few operands: %u; it takes \"%s\"",
                                  operation->operand_count, letters);
        }
        uint64_t word = operation->operands[at++];
        if (letter == 'H') {
            if (word != operation->operand_count - at) {
                return context_refuse(call, MU_INVALID, at,
                                      "a list of %llu items, but %u operands follow",
                                      (unsigned long long)word, operation->operand_count - at);
            }
            call->list = operation->operands + at;
            call->list_count = (uint32_t)word;
            call->list_first = at + 1;
            return MU_OK;
        }
        call->operands[i].integer = word;
        if (letter == 'h' || (letter == 'o' && word)) {
            call->operands[i].value = context_find(call->context, word);
            if (!call->operands[i].value) {
                return context_refuse(call, MU_INVALID, at, "there is no handle %llu",
                                      (unsigned long long)word);
            }
        }
    }
    if (at != operation->operand_count) {
        return context_refuse(call, MU_INVALID, 0, "has too many operands: %u; it takes \"%s\"",
                              operation->operand_count, letters);
    }
    return MU_OK;
}

static mu_status perform_row(context_call *call, const context_row *row, context_fn *perform)
{
    mu_status status = MU_OK;
    MU_TRY(find_operands(call, row->operands));
    if (row->result == 'h' || row->result == 'b') {
        MU_TRY(context_check_free(call, call->next, 1));
    }
    status = perform(call);
done:
    return status;
}

static mu_status perform_one(context_call *call)
{
    uint32_t op = call->operation->op;
    if (op >= BUILDER_FIRST) {
        call->name = "build";
        return context_build(call);
    }
    const context_row *row = op < sizeof rows / sizeof *rows ? &rows[op] : NULL;
    if (!row || !row->name) {
        call->name = "unknown";
        return context_refuse(call, MU_INVALID, 0, "no operation has the number %u", op);
    }
    MU_INVARIANT(performers[op], "nothing performs %s", row->name);
    call->name = row->name;
    call->result = row->result;
    return perform_row(call, row, performers[op]);
}

/* ---- a batch */

/* The types that the operation derived: few, and of what the VM has loaded. */
static void count_types(mu_context *context)
{
    uint64_t bytes = mu_ir_type_pool_bytes(context->types);
    vm_metadata_add(context->mutator.vm, bytes - context->types_bytes);
    context->types_bytes = bytes;
}

static bool should_pause(const mu_thread *mutator)
{
    return __atomic_load_n(&mutator->abi.stack_limit, __ATOMIC_RELAXED) == MU_ABI_LIMIT_STOP;
}

mu_status mu_context_perform(mu_context *context, const mu_context_operation *operations,
                             uint32_t count, mu_context_answer **answers, uint32_t *answer_count,
                             uint32_t *failed, mu_report *report)
{
    MU_ARRAY(mu_context_answer) given = {0};
    mu_status status = MU_OK;
    uint32_t done = 0;
    vm_enter_world(&context->mutator);
    while (done < count && status == MU_OK) {
        if (should_pause(&context->mutator)) {
            vm_pause_for_world(&context->mutator);
        }
        context_call call = {.context = context,
                             .vm = context->mutator.vm,
                             .report = report,
                             .operation = &operations[done],
                             .index = done,
                             .next = operations[done].result,
                             .answer = {.operation = done}};
        status = perform_one(&call);
        context_settle(&call);
        count_types(context);
        if (status == MU_OK && call.has_answer) {
            MU_ARRAY_PUSH(&given, call.answer);
        }
        done += status == MU_OK;
    }
    vm_leave_world(&context->mutator);
    *answers = given.items;
    *answer_count = given.count;
    if (status != MU_OK) {
        *failed = done;
    }
    return status;
}

void mu_context_answers_free(mu_context_answer *answers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        mu_free(answers[i].text);
    }
    mu_free(answers);
}
