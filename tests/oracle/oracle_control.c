/* Frames, destinations, exceptions and calls. A frame's instruction continues in one of three ways,
 * whatever it was: normally (to its normal destination or the next instruction), exceptionally (to
 * its exceptional destination, or out of the frame), or, for branches, to a destination. */
#include "oracle_state.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------------------------- frames */

static uint64_t stack_size_of(const plan *of)
{
    return ORACLE_FRAME_BYTES + (of ? of->frame_bytes : 0);
}

static frame *add_frame(oracle *self, stack *on, const plan *of)
{
    if (on->bytes + stack_size_of(of) > self->limits.stack_bytes) {
        return NULL;
    }
    frame *added = mu_allocate(sizeof *added + (of ? of->frame_bytes : 0));
    added->plan = of;
    added->caller = on->top;
    on->top = added;
    on->bytes += stack_size_of(of);
    return added;
}

bool push_frame(oracle *self, stack *on, const plan *of)
{
    frame *pushed = add_frame(self, on, of);
    if (pushed) {
        pushed->inst = of->version->blocks[0].insts.first;
    }
    return pushed != NULL;
}

bool push_unbegun_frame(oracle *self, stack *on, uint64_t function)
{
    frame *pushed = add_frame(self, on, NULL);
    if (pushed) {
        pushed->function = function;
    }
    return pushed != NULL;
}

static void drop_frame(stack *from, frame *dropped)
{
    if (dropped->native) {
        native_drop(dropped->native);
    }
    from->bytes -= stack_size_of(dropped->plan);
    for (const oracle_object *cell = dropped->cells; cell; cell = cell->next) {
        from->bytes -= cell->size_bytes;
    }
    object_list_free(dropped->cells);
    mu_free(dropped);
}

void pop_frame(stack *from)
{
    frame *popped = from->top;
    from->top = popped->caller;
    drop_frame(from, popped);
}

static void grow_scratch(oracle *self, uint32_t needed)
{
    if (self->scratch_bytes < needed) {
        self->scratch = mu_reallocate(self->scratch, needed);
        self->scratch_bytes = needed;
    }
}

/* Block parameters are assigned at the same time: all arguments are read before any is written. */
void jump_to(oracle *self, const mu_ir_dest *dest, const oracle_object *const *exception)
{
    frame *at = running_stack(self)->top;
    const plan *of = at->plan;
    const mu_ir_version *version = of->version;
    const mu_ir_block *block = &version->blocks[dest->block];
    uint32_t first = of->block_first[dest->block];
    uint32_t end = of->block_first[dest->block + 1];
    grow_scratch(self, end - first + 1);
    memset(self->scratch, 0, end - first);
    for (uint32_t i = 0; i < dest->args.count; i++) {
        uint32_t parameter = block->params.first + i;
        memcpy(self->scratch + (of->slots[parameter] - first),
               image_of_value(at, version->operands[dest->args.first + i]),
               size_of_type(version->variables[parameter].type));
    }
    if (block->has_exc_param && exception) {
        memcpy(self->scratch + (of->slots[block->exc_param] - first), exception, sizeof *exception);
    }
    memcpy(at->slots + first, self->scratch, end - first);
    at->inst = block->insts.first;
}

const mu_ir_dest *dest_of(const frame *at, uint32_t index)
{
    return &at->plan->version->dests[inst_of(at)->dests.first + index];
}

void continue_normally(oracle *self)
{
    frame *at = running_stack(self)->top;
    if (inst_of(at)->op == MU_OP_WATCHPOINT) {
        jump_to(self, dest_of(at, 1), NULL);
    } else if (inst_of(at)->has_exc) {
        jump_to(self, dest_of(at, 0), NULL);
    } else {
        at->inst++;
    }
}

void throw_error(oracle *self, mu_guest_error error)
{
    thread *at = running_thread(self);
    at->is_thrown = true;
    at->error = error;
    at->exception = NULL;
}

void throw_object(oracle *self, oracle_object *exception)
{
    throw_error(self, MU_GUEST_ERROR_EXCEPTION);
    running_thread(self)->exception = exception;
}

void undefined(oracle *self, const char *format, ...)
{
    run *at = self->run;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(at->result->message, sizeof at->result->message, format, arguments);
    va_end(arguments);
    at->result->outcome = ORACLE_UNDEFINED;
    at->is_over = true;
}

void unwind(oracle *self)
{
    thread *at = running_thread(self);
    stack *on = at->stack;
    at->is_thrown = false;
    while (on->top) {
        if (on->top->native) {
            at->error = MU_GUEST_ERROR_NATIVE_FRAME;
            break;
        }
        /* A frame that has not begun has nothing that could catch. */
        if (on->top->plan && inst_of(on->top)->has_exc) {
            const oracle_object *exception = at->exception;
            uint32_t caught_by = inst_of(on->top)->op == MU_OP_WATCHPOINT ? 2 : 1;
            jump_to(self, dest_of(on->top, caught_by), &exception);
            at->exception = NULL;
            return;
        }
        pop_frame(on);
    }
    if (at->is_clients) {
        self->run->result->error = at->error;
    }
    end_thread(self, ORACLE_ERROR);
}

/* -------------------------------------------------------------------------------------- calls */

uint64_t function_operand(oracle *self, frame *at, uint32_t index)
{
    uint64_t number = read_word(operand(at, index));
    if (number == 0) {
        throw_error(self, MU_GUEST_ERROR_NULL_FUNCTION);
        return 0;
    }
    const mu_ir_sig *expected = at->plan->version->sigs[inst_of(at)->sigs.first];
    if (self->functions.items[number]->sig->canonical != expected->canonical) {
        throw_error(self, MU_GUEST_ERROR_WRONG_SIGNATURE);
        return 0;
    }
    return number;
}

/* The plan to call, or NULL after an error has been thrown. */
static const plan *callee_of(oracle *self, frame *at)
{
    uint64_t number = function_operand(self, at, 0);
    return number ? plan_of_function(self, number) : NULL;
}

/* The top frame, which is at the beginning of its version, takes its arguments. */
static void pass_arguments(oracle *self, frame *from, uint32_t first)
{
    frame *to = running_stack(self)->top;
    const mu_ir_version *version = to->plan->version;
    mu_ir_range params = version->blocks[0].params;
    for (uint32_t i = 0; i < params.count; i++) {
        memcpy(to->slots + to->plan->slots[params.first + i], operand(from, first + i),
               size_of_type(version->variables[params.first + i].type));
    }
}

/* The top frame begins: at the newest version of its function. */
static void begin(oracle *self, frame *from, uint32_t first)
{
    stack *on = running_stack(self);
    const plan *of = plan_of_function(self, on->top->function);
    pop_frame(on);
    if (!push_frame(self, on, of)) {
        throw_error(self, MU_GUEST_ERROR_STACK_OVERFLOW);
        return;
    }
    pass_arguments(self, from, first);
}

void receive(oracle *self, frame *from, uint32_t first)
{
    frame *to = running_stack(self)->top;
    if (to->native) {
        bool has_result = native_awaited(to->native)->result_count;
        native_return(self, has_result ? operand(from, first) : NULL);
        return;
    }
    if (!to->plan) {
        begin(self, from, first);
        return;
    }
    mu_ir_range results = inst_of(to)->results;
    for (uint32_t i = 0; i < results.count; i++) {
        memcpy(result_image(to, i), operand(from, first + i),
               size_of_type(to->plan->version->variables[results.first + i].type));
    }
    continue_normally(self);
}

void do_call(oracle *self, frame *at)
{
    const plan *of = callee_of(self, at);
    if (!of) {
        return;
    }
    if (!push_frame(self, running_stack(self), of)) {
        throw_error(self, MU_GUEST_ERROR_STACK_OVERFLOW);
        return;
    }
    pass_arguments(self, at, 1);
}

/* The old frame goes once its arguments have been read. */
void do_tailcall(oracle *self, frame *at)
{
    const plan *of = callee_of(self, at);
    if (!of) {
        return;
    }
    stack *on = running_stack(self);
    on->bytes -= stack_size_of(at->plan);
    bool is_pushed = push_frame(self, on, of);
    on->bytes += stack_size_of(at->plan);
    if (!is_pushed) {
        throw_error(self, MU_GUEST_ERROR_STACK_OVERFLOW);
        return;
    }
    pass_arguments(self, at, 1);
    on->top->caller = at->caller;
    drop_frame(on, at);
}

static void return_at_bottom(oracle *self, frame *at)
{
    thread *returning = running_thread(self);
    oracle_result *result = self->run->result;
    if (returning->stack != returning->first) {
        pop_frame(returning->stack);
        throw_error(self, MU_GUEST_ERROR_STACK_BOTTOM);
        return;
    }
    const mu_ir_sig *sig = at->plan->version->sig;
    if (returning->is_clients) {
        for (uint32_t i = 0; i < sig->result_count && i < ORACLE_MAX_VALUES; i++) {
            result->values[i] = value_from_image(self, operand(at, i), sig->results[i]);
        }
        result->count = sig->result_count;
    }
    end_thread(self, ORACLE_RETURNED);
}

void do_return(oracle *self, frame *at)
{
    stack *on = running_stack(self);
    if (!at->caller) {
        return_at_bottom(self, at);
        return;
    }
    on->top = at->caller;
    receive(self, at, 0);
    drop_frame(on, at);
}
