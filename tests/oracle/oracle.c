/* Lifecycle, traps and the loop that goes from instruction to instruction. */
#include "oracle_state.h"

#include "mu_irbuilder.h"

#include <string.h>

#define DEFAULT_HEAP_BYTES  (256ull << 20)
#define DEFAULT_STACK_BYTES (1ull << 20)
#define DEFAULT_STEPS       2000000000ull

/* ---------------------------------------------------------------------------------- lifecycle */

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
    self->cells = mu_map_new();
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

void oracle_set_loader(oracle *self, oracle_load_fn *load, oracle_load_built_fn *load_built,
                       void *context)
{
    self->load = load;
    self->load_built = load_built;
    self->load_context = context;
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
    free_handles(self, false);
    exposed_free_all(self);
    object_list_free(self->heap);
    object_list_free(self->globals);
    mu_map_free(self->plans);
    plan_free_all(self);
    MU_ARRAY_FREE(&self->functions);
    MU_ARRAY_FREE(&self->newest);
    mu_map_free(self->cells);
    mu_irbuilder_free(self->irbuilder);
    MU_ARRAY_FREE(&self->pins);
    MU_ARRAY_FREE(&self->notified);
    MU_ARRAY_FREE(&self->marks);
    MU_ARRAY_FREE(&self->marked_stacks);
    MU_ARRAY_FREE(&self->boxes);
    MU_ARRAY_FREE(&self->watchpoints);
    mu_free(self->scratch);
    mu_ir_env_release(self->env, NULL);
    mu_free(self);
}

const char *oracle_function_name(const oracle *self, uint64_t number)
{
    if (number >= self->functions.count || !self->functions.items[number]) {
        return NULL;
    }
    return self->functions.items[number]->entity.label;
}

/* -------------------------------------------------------------------------------------- traps */

static void do_trap(oracle *self, frame *at)
{
    run *running = self->run;
    oracle_answer answer = {0};
    if (do_own_trap(self)) {
        return;
    }
    running->trapped(self, running->context, &answer);
    switch (answer.kind) {
    case ORACLE_KILL: end_thread(self, ORACLE_KILLED); return;
    case ORACLE_THROW:
        throw_object(self, answer.is_fresh ? heap_allocate(self, NULL, 0) : answer.exception);
        return;
    case ORACLE_RESUME: break;
    }
    mu_ir_range results = inst_of(at)->results;
    for (uint32_t i = 0; i < results.count; i++) {
        const oracle_value none = {0};
        const oracle_value *value = i < answer.count ? &answer.values[i] : &none;
        image_from_value(self, result_image(at, i),
                         at->plan->version->variables[results.first + i].type, value);
    }
    continue_normally(self);
}

static bool is_watched(const oracle *self, uint64_t id)
{
    for (uint32_t i = 0; i < self->watchpoints.count; i++) {
        if (self->watchpoints.items[i] == id) {
            return true;
        }
    }
    return false;
}

void oracle_watch(oracle *self, uint32_t id, bool enables)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->watchpoints.count; i++) {
        if (self->watchpoints.items[i] != id) {
            self->watchpoints.items[kept++] = self->watchpoints.items[i];
        }
    }
    self->watchpoints.count = kept;
    if (enables) {
        MU_ARRAY_PUSH(&self->watchpoints, id);
    }
}

uint32_t oracle_trap_watchpoint(const oracle *self)
{
    const mu_ir_inst *inst = inst_of(running_stack(self)->top);
    return inst->op == MU_OP_WATCHPOINT ? (uint32_t)inst->literal : 0;
}

/* The id 0 is always enabled. */
static void do_watchpoint(oracle *self, frame *at)
{
    const mu_ir_inst *inst = inst_of(at);
    if (inst->literal != 0 && !is_watched(self, inst->literal)) {
        jump_to(self, dest_of(at, 0), NULL);
    } else if (inst->op == MU_OP_WATCHPOINT) {
        do_trap(self, at);
    } else {
        jump_to(self, dest_of(at, 1), NULL);
    }
}

static frame *frame_at(const oracle *self, uint32_t index)
{
    frame *at = running_stack(self)->top;
    while (index-- > 0) {
        at = at->caller;
    }
    return at;
}

uint32_t oracle_frame_count(const oracle *self)
{
    uint32_t count = 0;
    for (const frame *at = running_stack(self)->top; at; at = at->caller) {
        count++;
    }
    return count;
}

oracle_frame oracle_frame_at(const oracle *self, uint32_t index)
{
    const frame *at = frame_at(self, index);
    if (at->native) {
        return (oracle_frame){.function = "native", .is_native = true};
    }
    if (!at->plan) {
        const mu_ir_func *function = self->functions.items[at->function];
        const mu_ir_version *newest = mu_ir_env_newest(self->env, function);
        return (oracle_frame){.function = function->entity.label,
                              .version = newest ? newest->entity.label : NULL};
    }
    const mu_ir_version *version = at->plan->version;
    return (oracle_frame){
        .function = version->func->entity.label,
        .version = version->hidden ? NULL : version->entity.label,
        .instruction = version->hidden ? NULL : inst_of(at)->entity.name,
        .keepalive_count = inst_of(at)->keepalives.count,
    };
}

oracle_value oracle_keepalive(const oracle *self, uint32_t index, uint32_t keepalive)
{
    frame *at = frame_at(self, index);
    mu_ir_value value = at->plan->version->operands[inst_of(at)->keepalives.first + keepalive];
    return value_from_image(self, image_of_value(at, value),
                            mu_ir_value_type(at->plan->version, value));
}

uint32_t oracle_trap_result_count(const oracle *self)
{
    return inst_of(running_stack(self)->top)->results.count;
}

bool oracle_trap_is_clients(const oracle *self)
{
    return running_thread(self)->is_clients;
}

const mu_ir_type *oracle_trap_result_type(const oracle *self, uint32_t index)
{
    const frame *at = running_stack(self)->top;
    return at->plan->version->variables[inst_of(at)->results.first + index].type;
}

/* ----------------------------------------------------------------------------------- the loop */

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
    switch ((int)inst_of(at)->comminst) {
    case MU_COMMINST_KILL_DEPENDENCY:
        memcpy(result_image(at, 0), operand(at, 0), size_of_type(type_param(at, 0)));
        continue_normally(self);
        break;
    case MU_COMMINST_META_ENABLE_WATCHPOINT:
    case MU_COMMINST_META_DISABLE_WATCHPOINT: {
        mu_ir_type word = {.kind = MU_IR_INT, .bits = 32};
        uint32_t id = (uint32_t)read_int(operand(at, 0), &word);
        if (id) {
            oracle_watch(self, id, inst_of(at)->comminst == MU_COMMINST_META_ENABLE_WATCHPOINT);
        }
        continue_normally(self);
        break;
    }
    default:
        if (!do_tagref(self, at) && !do_stack_comminst(self, at) && !do_cursor_comminst(self, at) &&
            !do_pin_comminst(self, at) && !do_expose_comminst(self, at) &&
            !do_futex_comminst(self, at) && !do_meta_comminst(self, at) &&
            !do_finalizer_comminst(self, at) && !do_irbuilder_comminst(self, at)) {
            undefined(self, "%s is not interpreted", mu_ir_comminst_name(inst_of(at)->comminst));
        }
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
    case MU_SHAPE_FENCE: continue_normally(self); break; /* nothing is out of order */
    case MU_SHAPE_TRAP: do_trap(self, at); break;
    case MU_SHAPE_COMMINST: do_comminst(self, at); break;
    case MU_SHAPE_NEWTHREAD: do_newthread(self, at); break;
    case MU_SHAPE_SWAPSTACK: do_swapstack(self, at); break;
    case MU_SHAPE_WATCHPOINT:
    case MU_SHAPE_WPBRANCH: do_watchpoint(self, at); break;
    case MU_SHAPE_CCALL: do_ccall(self, at); break;
    }
}

static void enter(oracle *self, const mu_ir_func *function, const oracle_value *arguments)
{
    const plan *of = plan_of_function(self, function->number);
    MU_INVARIANT(of, "%s is not in this oracle's environment", function->entity.label);
    if (!push_frame(self, running_stack(self), of)) {
        throw_error(self, MU_GUEST_ERROR_STACK_OVERFLOW);
        return;
    }
    const mu_ir_version *version = of->version;
    mu_ir_range params = version->blocks[0].params;
    for (uint32_t i = 0; i < params.count; i++) {
        image_from_value(self, running_stack(self)->top->slots + of->slots[params.first + i],
                         version->variables[params.first + i].type, &arguments[i]);
    }
}

void oracle_run(oracle *self, const mu_ir_func *function, const oracle_value *arguments,
                oracle_trapped_fn *trapped, void *context, oracle_result *result)
{
    run running = {.trapped = trapped, .context = context, .result = result};
    *result = (oracle_result){0};
    self->run = &running;
    thread_new(self, stack_new(self))->is_clients = true;
    enter(self, function, arguments);
    while (!running.is_over) {
        if (running_thread(self)->is_thrown) {
            unwind(self);
            take_turns(self);
        } else if (running.steps++ == self->limits.steps) {
            undefined(self, "more than %llu instructions", (unsigned long long)self->limits.steps);
        } else {
            running.clock++;
            do_instruction(self, running_stack(self)->top);
            take_turns(self);
        }
    }
    for (uint32_t i = 0; i < running.threads.count; i++) {
        stack_kill(running.threads.items[i]->stack);
        mu_free(running.threads.items[i]);
    }
    MU_ARRAY_FREE(&running.threads);
    self->run = NULL;
}
