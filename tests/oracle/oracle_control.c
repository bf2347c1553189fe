/* Frames, destinations, exceptions and calls. A frame's instruction continues in one of three ways,
 * whatever it was: normally (to its normal destination or the next instruction), exceptionally (to
 * its exceptional destination, or out of the frame), or, for branches, to a destination. */
#include "oracle_state.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------------------------- frames */

static uint64_t stack_size_of(const plan *of)
{
    return ORACLE_FRAME_BYTES + of->frame_bytes;
}

bool push_frame(oracle *self, const plan *of)
{
    run *at = self->run;
    if (at->stack_bytes + stack_size_of(of) > self->limits.stack_bytes) {
        return false;
    }
    frame *pushed = mu_allocate(sizeof *pushed + of->frame_bytes);
    pushed->plan = of;
    pushed->inst = of->version->blocks[0].insts.first;
    pushed->caller = at->top;
    at->top = pushed;
    at->stack_bytes += stack_size_of(of);
    return true;
}

static void drop_frame(run *at, frame *dropped)
{
    at->stack_bytes -= stack_size_of(dropped->plan);
    for (const oracle_object *cell = dropped->cells; cell; cell = cell->next) {
        at->stack_bytes -= cell->size_bytes;
    }
    object_list_free(dropped->cells);
    mu_free(dropped);
}

void pop_frame(run *at)
{
    frame *popped = at->top;
    at->top = popped->caller;
    drop_frame(at, popped);
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
    frame *at = self->run->top;
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
    frame *at = self->run->top;
    if (inst_of(at)->has_exc) {
        jump_to(self, dest_of(at, 0), NULL);
    } else {
        at->inst++;
    }
}

void throw_error(oracle *self, mu_guest_error error)
{
    self->run->is_thrown = true;
    self->run->error = error;
    self->run->exception = NULL;
}

void throw_object(oracle *self, oracle_object *exception)
{
    throw_error(self, MU_GUEST_ERROR_EXCEPTION);
    self->run->exception = exception;
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

void finish(oracle *self, oracle_outcome outcome)
{
    self->run->result->outcome = outcome;
    self->run->is_over = true;
}

void unwind(oracle *self)
{
    run *at = self->run;
    at->is_thrown = false;
    while (at->top) {
        if (inst_of(at->top)->has_exc) {
            const oracle_object *exception = at->exception;
            jump_to(self, dest_of(at->top, 1), &exception);
            at->exception = NULL;
            return;
        }
        pop_frame(at);
    }
    at->result->error = at->error;
    finish(self, ORACLE_ERROR);
}

/* -------------------------------------------------------------------------------------- calls */

static uint32_t argument_first(const frame *at)
{
    return inst_of(at)->operands.first + 1;
}

/* The plan to call, or NULL after an error has been thrown. */
static const plan *callee_of(oracle *self, frame *at)
{
    uint64_t number = read_word(operand(at, 0));
    if (number == 0) {
        throw_error(self, MU_GUEST_ERROR_NULL_FUNCTION);
        return NULL;
    }
    const plan *of = plan_of_function(self, number);
    MU_INVARIANT(of, "no function %llu", (unsigned long long)number);
    const mu_ir_sig *expected = at->plan->version->sigs[inst_of(at)->sigs.first];
    if (of->version->sig->canonical != expected->canonical) {
        throw_error(self, MU_GUEST_ERROR_WRONG_SIGNATURE);
        return NULL;
    }
    return of;
}

/* Copies the arguments of `from`'s call into the top frame's parameters. */
static void pass_arguments(oracle *self, frame *from)
{
    frame *to = self->run->top;
    const mu_ir_version *version = to->plan->version;
    mu_ir_range params = version->blocks[0].params;
    for (uint32_t i = 0; i < params.count; i++) {
        memcpy(to->slots + to->plan->slots[params.first + i],
               image_of_value(from, from->plan->version->operands[argument_first(from) + i]),
               size_of_type(version->variables[params.first + i].type));
    }
}

void do_call(oracle *self, frame *at)
{
    const plan *of = callee_of(self, at);
    if (!of) {
        return;
    }
    if (!push_frame(self, of)) {
        throw_error(self, MU_GUEST_ERROR_STACK_OVERFLOW);
        return;
    }
    pass_arguments(self, at);
}

/* The old frame goes once its arguments have been read. */
void do_tailcall(oracle *self, frame *at)
{
    const plan *of = callee_of(self, at);
    if (!of) {
        return;
    }
    run *running = self->run;
    running->stack_bytes -= stack_size_of(at->plan);
    if (!push_frame(self, of)) {
        running->stack_bytes += stack_size_of(at->plan);
        throw_error(self, MU_GUEST_ERROR_STACK_OVERFLOW);
        return;
    }
    running->stack_bytes += stack_size_of(at->plan);
    pass_arguments(self, at);
    running->top->caller = at->caller;
    drop_frame(running, at);
}

void do_return(oracle *self, frame *at)
{
    run *running = self->run;
    frame *caller = at->caller;
    const mu_ir_sig *sig = at->plan->version->sig;
    for (uint32_t i = 0; i < sig->result_count; i++) {
        const uint8_t *image = operand(at, i);
        if (caller) {
            memcpy(result_image(caller, i), image, size_of_type(sig->results[i]));
        } else if (i < ORACLE_MAX_VALUES) {
            running->result->values[i] = value_from_image(image, sig->results[i]);
        }
    }
    pop_frame(running);
    if (caller) {
        continue_normally(self);
    } else {
        running->result->count = sig->result_count;
        finish(self, ORACLE_RETURNED);
    }
}
