/* Lifecycle, frames and control flow. A frame's instruction continues in one of three ways,
 * whatever it was: normally (to its normal destination or the next instruction), exceptionally (to
 * its exceptional destination, or out of the frame), or, for branches, to a destination. */
#include "oracle_state.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_HEAP_BYTES  (256ull << 20)
#define DEFAULT_STACK_BYTES (1ull << 20)
#define DEFAULT_STEPS       2000000000ull

/* ------------------------------------------------------------------------------------- lifecycle
 */

/* Enters into the table the functions of `env` and of its ancestors that are not in it yet. */
static void add_functions(oracle *self, mu_ir_env *env)
{
    for (mu_ir_env *at = env; at; at = at->parent) {
        for (uint32_t i = 0; at->bundle && i < at->bundle->func_count; i++) {
            mu_ir_func *function = at->bundle->funcs[i];
            while (self->functions.count <= function->number) {
                MU_ARRAY_PUSH(&self->functions, NULL);
                MU_ARRAY_PUSH(&self->newest, NULL);
            }
            self->functions.items[function->number] = function;
        }
    }
    for (uint32_t i = 0; i < self->newest.count; i++) {
        self->newest.items[i] = NULL;
    }
}

oracle *oracle_new(mu_ir_env *env, const oracle_limits *limits)
{
    oracle *self = mu_allocate(sizeof *self);
    self->limits = limits ? *limits : (oracle_limits){0};
    if (self->limits.heap_bytes == 0) {
        self->limits.heap_bytes = DEFAULT_HEAP_BYTES;
    }
    if (self->limits.stack_bytes == 0) {
        self->limits.stack_bytes = DEFAULT_STACK_BYTES;
    }
    if (self->limits.steps == 0) {
        self->limits.steps = DEFAULT_STEPS;
    }
    self->next_collection_bytes = 32ull << 20;
    self->plans = mu_map_new();
    self->env = mu_ir_env_retain(env);
    add_functions(self, env);
    return self;
}

void oracle_set_env(oracle *self, mu_ir_env *env)
{
    mu_ir_env *old = self->env;
    self->env = mu_ir_env_retain(env);
    mu_ir_env_release(old, NULL);
    add_functions(self, env);
}

mu_ir_env *oracle_env(const oracle *self)
{
    return self->env;
}

void oracle_free(oracle *self)
{
    if (!self) {
        return;
    }
    object_list_free(self->heap);
    object_list_free(self->globals);
    mu_map_free(self->plans);
    plan_free_all(self);
    MU_ARRAY_FREE(&self->functions);
    MU_ARRAY_FREE(&self->newest);
    MU_ARRAY_FREE(&self->cells);
    MU_ARRAY_FREE(&self->marks);
    mu_free(self->scratch);
    mu_ir_env_release(self->env, NULL);
    mu_free(self);
}

const char *oracle_function_name(const oracle *self, uint64_t number)
{
    if (number >= self->functions.count || !self->functions.items[number]) {
        return NULL;
    }
    return self->functions.items[number]->entity.name;
}

/* ---------------------------------------------------------------------------------------- frames
 */

static uint64_t stack_size_of(const plan *of)
{
    return ORACLE_FRAME_BYTES + of->frame_bytes;
}

/* False: the stack is full. */
static bool push_frame(oracle *self, const plan *of)
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

static void pop_frame(run *at)
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

static const mu_ir_dest *dest_of(const frame *at, uint32_t index)
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

static void finish(oracle *self, oracle_outcome outcome)
{
    self->run->result->outcome = outcome;
    self->run->is_over = true;
}

/* Finds who catches: the throwing instruction itself, or the CALL of a caller. */
static void unwind(oracle *self)
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

/* ----------------------------------------------------------------------------------------- calls
 */

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

static void do_call(oracle *self, frame *at)
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
static void do_tailcall(oracle *self, frame *at)
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

static void do_return(oracle *self, frame *at)
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

/* ----------------------------------------------------------------------------------------- traps
 */

static void do_trap(oracle *self, frame *at)
{
    run *running = self->run;
    oracle_answer answer = {0};
    running->trapped(self, running->context, &answer);
    switch (answer.kind) {
    case ORACLE_KILL: finish(self, ORACLE_KILLED); return;
    case ORACLE_THROW:
        throw_object(self, answer.is_fresh ? heap_allocate(self, NULL, 0) : answer.exception);
        return;
    case ORACLE_RESUME: break;
    }
    mu_ir_range results = inst_of(at)->results;
    for (uint32_t i = 0; i < results.count; i++) {
        const oracle_value none = {0};
        const oracle_value *value = i < answer.count ? &answer.values[i] : &none;
        image_from_value(result_image(at, i), at->plan->version->variables[results.first + i].type,
                         value);
    }
    continue_normally(self);
}

static frame *frame_at(const oracle *self, uint32_t index)
{
    frame *at = self->run->top;
    while (index-- > 0) {
        at = at->caller;
    }
    return at;
}

uint32_t oracle_frame_count(const oracle *self)
{
    uint32_t count = 0;
    for (const frame *at = self->run->top; at; at = at->caller) {
        count++;
    }
    return count;
}

oracle_frame oracle_frame_at(const oracle *self, uint32_t index)
{
    const frame *at = frame_at(self, index);
    const mu_ir_version *version = at->plan->version;
    return (oracle_frame){
        .function = version->func->entity.name,
        .version = version->hidden ? NULL : version->entity.name,
        .instruction = version->hidden ? NULL : inst_of(at)->entity.name,
        .keepalive_count = inst_of(at)->keepalives.count,
    };
}

oracle_value oracle_keepalive(const oracle *self, uint32_t index, uint32_t keepalive)
{
    frame *at = frame_at(self, index);
    mu_ir_value value = at->plan->version->operands[inst_of(at)->keepalives.first + keepalive];
    return value_from_image(image_of_value(at, value), mu_ir_value_type(at->plan->version, value));
}

uint32_t oracle_trap_result_count(const oracle *self)
{
    return inst_of(self->run->top)->results.count;
}

const mu_ir_type *oracle_trap_result_type(const oracle *self, uint32_t index)
{
    const frame *at = self->run->top;
    return at->plan->version->variables[inst_of(at)->results.first + index].type;
}

/* --------------------------------------------------------------------------------------- the loop
 */

static void do_switch(oracle *self, frame *at)
{
    const mu_ir_inst *inst = inst_of(at);
    const uint8_t *wanted = operand(at, 0);
    uint64_t size = size_of_type(type_param(at, 0));
    for (uint32_t i = 0; i < inst->cases.count; i++) {
        mu_ir_value value = at->plan->version->operands[inst->cases.first + i];
        if (memcmp(wanted, image_of_value(at, value), size) == 0) {
            jump_to(self, dest_of(at, i + 1), NULL);
            return;
        }
    }
    jump_to(self, dest_of(at, 0), NULL);
}

static void do_comminst(oracle *self, frame *at)
{
    switch (inst_of(at)->comminst) { /* NOLINT: of many, these are interpreted */
    case MU_COMMINST_THREAD_EXIT: finish(self, ORACLE_EXITED); break;
    case MU_COMMINST_KILL_DEPENDENCY:
        memcpy(result_image(at, 0), operand(at, 0), size_of_type(type_param(at, 0)));
        continue_normally(self);
        break;
    default: undefined(self, "%s is not interpreted", mu_ir_comminst_name(inst_of(at)->comminst));
    }
}

static void do_instruction(oracle *self, frame *at)
{
    const mu_ir_inst *inst = inst_of(at);
    switch (mu_ir_op_info_of(inst->op)->shape) {
    case MU_SHAPE_BINARY: do_binary(self, at); break;
    case MU_SHAPE_COMPARE: do_compare(self, at); break;
    case MU_SHAPE_CONVERT: do_convert(self, at); break;
    case MU_SHAPE_SELECT: do_select(self, at); break;
    case MU_SHAPE_BRANCH: jump_to(self, dest_of(at, 0), NULL); break;
    case MU_SHAPE_BRANCH2: jump_to(self, dest_of(at, *operand(at, 0) ? 0 : 1), NULL); break;
    case MU_SHAPE_SWITCH: do_switch(self, at); break;
    case MU_SHAPE_CALL: do_call(self, at); break;
    case MU_SHAPE_TAILCALL: do_tailcall(self, at); break;
    case MU_SHAPE_RET: do_return(self, at); break;
    case MU_SHAPE_THROW: throw_object(self, read_ref(operand(at, 0))); break;
    case MU_SHAPE_FIELD: do_field(self, at); break;
    case MU_SHAPE_ELEMENT: do_element(self, at); break;
    case MU_SHAPE_SHUFFLE: do_shuffle(self, at); break;
    case MU_SHAPE_NEW:
    case MU_SHAPE_NEWHYBRID: do_allocation(self, at); break;
    case MU_SHAPE_GETIREF:
    case MU_SHAPE_GETFIELD:
    case MU_SHAPE_GETELEM:
    case MU_SHAPE_GETVARPART: do_addressing(self, at); break;
    case MU_SHAPE_LOAD: do_load(self, at); break;
    case MU_SHAPE_STORE: do_store(self, at); break;
    case MU_SHAPE_CMPXCHG: do_cmpxchg(self, at); break;
    case MU_SHAPE_ATOMICRMW: do_atomicrmw(self, at); break;
    case MU_SHAPE_FENCE: continue_normally(self); break; /* one thread: nothing to order */
    case MU_SHAPE_TRAP: do_trap(self, at); break;
    case MU_SHAPE_COMMINST: do_comminst(self, at); break;
    case MU_SHAPE_WATCHPOINT:
    case MU_SHAPE_WPBRANCH:
    case MU_SHAPE_CCALL:
    case MU_SHAPE_NEWTHREAD:
    case MU_SHAPE_SWAPSTACK:
        undefined(self, "%s is not interpreted", mu_ir_op_info_of(inst->op)->word);
        break;
    }
}

static void enter(oracle *self, const mu_ir_func *function, const oracle_value *arguments)
{
    const plan *of = plan_of_function(self, function->number);
    MU_INVARIANT(of, "%s is not in this oracle's environment", function->entity.name);
    if (!push_frame(self, of)) {
        throw_error(self, MU_GUEST_ERROR_STACK_OVERFLOW);
        return;
    }
    const mu_ir_version *version = of->version;
    mu_ir_range params = version->blocks[0].params;
    for (uint32_t i = 0; i < params.count; i++) {
        image_from_value(self->run->top->slots + of->slots[params.first + i],
                         version->variables[params.first + i].type, &arguments[i]);
    }
}

void oracle_run(oracle *self, const mu_ir_func *function, const oracle_value *arguments,
                oracle_trapped_fn *trapped, void *context, oracle_result *result)
{
    run running = {.trapped = trapped, .context = context, .result = result};
    *result = (oracle_result){0};
    self->run = &running;
    enter(self, function, arguments);
    while (!running.is_over) {
        if (running.is_thrown) {
            unwind(self);
        } else if (running.steps++ == self->limits.steps) {
            undefined(self, "more than %llu instructions", (unsigned long long)self->limits.steps);
        } else {
            do_instruction(self, running.top);
        }
    }
    while (running.top) {
        pop_frame(&running);
    }
    self->run = NULL;
}
