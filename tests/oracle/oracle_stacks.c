/* Stacks and threads. A stack that no thread runs waits at the instruction of its top frame, or for
 * the arguments of a function that has not begun. Threads take turns of a fixed number of
 * instructions, in the order they were made, so that a run is the same every time and a thread that
 * spins does not keep others from running. */
#include "oracle_state.h"

#define SLICE_STEPS              300u
#define FIRST_COLLECTION_HANDLES 1000u

/* ------------------------------------------------------------------------------------- stacks */

/* Before a stack or cursor is made: those that nothing leads to go, now and then. */
static void count_handle(oracle *self)
{
    if (self->handle_count >= self->next_collection_handles) {
        if (self->next_collection_handles > 0) {
            oracle_collect(self);
        }
        self->next_collection_handles = 2 * self->handle_count + FIRST_COLLECTION_HANDLES;
    }
    self->handle_count++;
}

stack *stack_new(oracle *self)
{
    count_handle(self);
    stack *made = mu_allocate(sizeof *made);
    made->next = self->stacks;
    self->stacks = made;
    return made;
}

void stack_kill(stack *killed)
{
    while (killed->top) {
        pop_frame(killed);
    }
    killed->state = STACK_DEAD;
    killed->era++;
}

cursor *cursor_new(oracle *self, stack *on, frame *at)
{
    count_handle(self);
    cursor *made = mu_allocate(sizeof *made);
    *made = (cursor){.next = self->cursors, .stack = on, .at = at, .era = on->era};
    self->cursors = made;
    return made;
}

void free_handles(oracle *self, bool only_unmarked)
{
    for (cursor **link = &self->cursors; *link;) {
        cursor *at = *link;
        if (at->is_marked && only_unmarked) {
            at->is_marked = false;
            link = &at->next;
        } else {
            *link = at->next;
            self->handle_count--;
            mu_free(at);
        }
    }
    for (stack **link = &self->stacks; *link;) {
        stack *at = *link;
        if (at->is_marked && only_unmarked) {
            at->is_marked = false;
            link = &at->next;
        } else {
            *link = at->next;
            self->handle_count--;
            stack_kill(at);
            mu_free(at);
        }
    }
}

stack *ready_stack(oracle *self, const uint8_t *image)
{
    stack *found = (stack *)(uintptr_t)read_word(image);
    if (!found) {
        throw_error(self, MU_GUEST_ERROR_NULL_DEREFERENCE);
        return NULL;
    }
    if (found->state != STACK_READY) {
        throw_error(self, MU_GUEST_ERROR_STACK_STATE);
        return NULL;
    }
    return found;
}

static bool are_equal(mu_ir_type *const *types, uint32_t count, mu_ir_type *const *wanted,
                      uint32_t wanted_count)
{
    bool is_equal = count == wanted_count;
    for (uint32_t i = 0; is_equal && i < count; i++) {
        is_equal = mu_ir_type_equal(types[i], wanted[i]);
    }
    return is_equal;
}

bool stack_waits_for(const oracle *self, const stack *on, mu_ir_type *const *types, uint32_t count)
{
    const frame *top = on->top;
    if (top->native) {
        const mu_ir_sig *sig = native_awaited(top->native);
        return are_equal(types, count, sig->results, sig->result_count);
    }
    if (!top->plan) {
        const mu_ir_sig *sig = self->functions.items[top->function]->sig;
        return are_equal(types, count, sig->params, sig->param_count);
    }
    mu_ir_range results = inst_of(top)->results;
    bool is_equal = count == results.count;
    for (uint32_t i = 0; is_equal && i < count; i++) {
        is_equal =
            mu_ir_type_equal(types[i], top->plan->version->variables[results.first + i].type);
    }
    return is_equal;
}

/* ------------------------------------------------------------------------------------ threads */

thread *thread_new(oracle *self, stack *on)
{
    thread *made = mu_allocate(sizeof *made);
    made->stack = on;
    made->first = on;
    on->state = STACK_ACTIVE;
    on->era++;
    MU_ARRAY_PUSH(&self->run->threads, made);
    self->threads_made++;
    return made;
}

void end_thread(oracle *self, oracle_outcome outcome)
{
    run *at = self->run;
    thread *ended = running_thread(self);
    stack_kill(ended->stack);
    drop_pins(self, ended->is_clients ? NULL : ended);
    if (ended->is_clients) {
        at->result->outcome = outcome;
        at->is_over = true;
        return;
    }
    mu_free(ended);
    at->threads.count--;
    for (uint32_t i = at->turn; i < at->threads.count; i++) {
        at->threads.items[i] = at->threads.items[i + 1];
    }
    at->turn = (at->turn + at->threads.count - 1) % at->threads.count;
    at->slice = 0;
}

/* The next thread that does not wait; false: all of them do. */
static bool next_turn(run *at)
{
    for (uint32_t i = 0; i < at->threads.count; i++) {
        at->turn = (at->turn + 1) % at->threads.count;
        if (!at->threads.items[at->turn]->is_waiting) {
            return true;
        }
    }
    return false;
}

void take_turns(oracle *self)
{
    run *at = self->run;
    if (at->is_over) {
        return;
    }
    if (at->slice > 0) {
        at->slice--;
        return;
    }
    end_late_waits(self, false);
    while (!at->is_over && !next_turn(at)) {
        end_late_waits(self, true);
    }
    at->slice = SLICE_STEPS;
}

/* ------------------------------------------------------------------------------------ binding */

/* The stack of NEWTHREAD or SWAPSTACK, if it can take what is passed to it: values of the types
 * from `types_first` on, or an exception. NULL after an error has been thrown. */
static stack *stack_to_bind(oracle *self, frame *at, uint32_t types_first)
{
    stack *to = ready_stack(self, operand(at, 0));
    const mu_ir_inst *inst = inst_of(at);
    if (to && !inst->throws_exc &&
        !stack_waits_for(self, to, at->plan->version->types + inst->types.first + types_first,
                         inst->types.count - types_first)) {
        throw_error(self, MU_GUEST_ERROR_STACK_STATE);
        return NULL;
    }
    return to;
}

/* The running thread is bound to its stack, which takes the operands from `first` on. */
static void resume(oracle *self, frame *from, uint32_t first)
{
    if (inst_of(from)->throws_exc) {
        throw_object(self, read_ref(operand(from, first)));
    } else {
        receive(self, from, first);
    }
}

void do_newthread(oracle *self, frame *at)
{
    bool has_threadlocal = inst_of(at)->has_threadlocal;
    stack *on = stack_to_bind(self, at, 0);
    if (!on) {
        return;
    }
    thread *made = thread_new(self, on);
    made->threadlocal = has_threadlocal ? read_ref(operand(at, 1)) : NULL;
    uint32_t turn = self->run->turn;
    self->run->turn = self->run->threads.count - 1;
    resume(self, at, has_threadlocal ? 2 : 1);
    self->run->turn = turn;
    write_word(result_image(at, 0), self->threads_made);
    continue_normally(self);
}

void do_swapstack(oracle *self, frame *at)
{
    thread *running = running_thread(self);
    stack *from = running->stack;
    stack *to = stack_to_bind(self, at, inst_of(at)->pass_types_first);
    if (!to) {
        return;
    }
    bool kills_old = inst_of(at)->kills_old;
    from->state = STACK_READY;
    to->state = STACK_ACTIVE;
    to->era++;
    running->stack = to;
    resume(self, at, 1);
    if (kills_old) {
        stack_kill(from);
    }
}

/* ------------------------------------------------------------------------ common instructions */

static void do_new_stack(oracle *self, frame *at)
{
    uint64_t function = function_operand(self, at, 0);
    if (!function) {
        return;
    }
    stack *made = stack_new(self);
    bool is_pushed = push_unbegun_frame(self, made, function);
    MU_INVARIANT(is_pushed, "a stack too small for one frame");
    write_word(result_image(at, 0), (uint64_t)(uintptr_t)made);
    continue_normally(self);
}

static void do_kill_stack(oracle *self, frame *at)
{
    stack *killed = ready_stack(self, operand(at, 0));
    if (killed) {
        stack_kill(killed);
        continue_normally(self);
    }
}

bool do_stack_comminst(oracle *self, frame *at)
{
    thread *running = running_thread(self);
    switch (inst_of(at)->comminst) { /* NOLINT: those of stacks and threads */
    case MU_COMMINST_NEW_STACK: do_new_stack(self, at); return true;
    case MU_COMMINST_KILL_STACK: do_kill_stack(self, at); return true;
    case MU_COMMINST_THREAD_EXIT: end_thread(self, ORACLE_EXITED); return true;
    case MU_COMMINST_CURRENT_STACK:
        write_word(result_image(at, 0), (uint64_t)(uintptr_t)running->stack);
        continue_normally(self);
        return true;
    case MU_COMMINST_SET_THREADLOCAL:
        running->threadlocal = read_ref(operand(at, 0));
        continue_normally(self);
        return true;
    case MU_COMMINST_GET_THREADLOCAL:
        write_ref(result_image(at, 0), running->threadlocal);
        continue_normally(self);
        return true;
    default: return false;
    }
}
