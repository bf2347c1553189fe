/* The VM's IR builder: for whoever calls it from outside, and for its programs, by the common
 * instructions @uvm.irbuilder.….
 *
 * A program gives lists as an iref to the first item and a count, and names as an iref to bytes
 * that end with 0. Whatever they say, nothing is read but items of the array that the iref points
 * into, which is copied first: other threads may be writing to it. */
#include "vm_internal.h"

#include <string.h>

/* ---- from outside */

static bool take(void *vm, uint64_t bytes)
{
    return vm_metadata_take(vm, bytes);
}

static void give(void *vm, uint64_t bytes)
{
    vm_metadata_give(vm, bytes);
}

/* The VM's builder, made when it is first wanted; its lock is held. NULL: no metadata is left. */
static mu_irbuilder *builder_of(mu_vm *vm)
{
    if (!vm->irbuilder) {
        vm->irbuilder =
            mu_irbuilder_new(&(mu_irbuilder_account){.take = take, .give = give, .context = vm});
    }
    return vm->irbuilder;
}

mu_status vm_irbuilder_perform(mu_vm *vm, uint32_t op, const uint64_t *operands,
                               uint32_t operand_count, const char *name, size_t name_length,
                               mu_report *report, uint64_t *result)
{
    /* Environments only grow, so this one stays good. */
    pthread_mutex_lock(&vm->lock);
    const mu_ir_env *env = vm->env;
    pthread_mutex_unlock(&vm->lock);
    pthread_mutex_lock(&vm->irbuilder_lock);
    mu_irbuilder *builder = builder_of(vm);
    mu_status status = builder ? mu_irbuilder_perform(builder, env, op, operands, operand_count,
                                                      name, name_length, report, result)
                               : MU_NO_MEMORY;
    pthread_mutex_unlock(&vm->irbuilder_lock);
    return status == MU_NO_MEMORY ? vm_report_quota(vm, QUOTA_METADATA, report) : status;
}

static mu_status detach(mu_vm *vm, uint64_t node, mu_report *report, mu_irbuilder_graph **graph)
{
    pthread_mutex_lock(&vm->irbuilder_lock);
    mu_irbuilder *builder = builder_of(vm);
    mu_status status = builder ? mu_irbuilder_detach(builder, node, report, graph) : MU_NO_MEMORY;
    pthread_mutex_unlock(&vm->irbuilder_lock);
    return status == MU_NO_MEMORY ? vm_report_quota(vm, QUOTA_METADATA, report) : status;
}

mu_status vm_load_built(mu_vm *vm, uint64_t node, const char *name, mu_report *report,
                        mu_load_info *info)
{
    mu_irbuilder_graph *graph;
    mu_report_set_file(report, name);
    mu_status status = detach(vm, node, report, &graph);
    return status == MU_OK ? vm_load_graph(vm, graph, name, report, info) : status;
}

mu_status mu_vm_irbuilder_perform(mu_vm *vm, uint32_t op, const uint64_t *operands,
                                  uint32_t operand_count, const char *name, size_t name_length,
                                  mu_report *report, uint64_t *result)
{
    return vm_irbuilder_perform(vm, op, operands, operand_count, name, name_length, report, result);
}

mu_status mu_vm_load_built(mu_vm *vm, uint64_t node, const char *name, mu_report *report,
                           mu_load_info *info)
{
    return vm_load_built(vm, node, name, report, info);
}

/* ---- operands of the instruction at hand */

typedef MU_ARRAY(uint64_t) word_list;

typedef struct call {
    mu_thread *thread;
    const mu_ir_inst *inst;
    mu_jit_place places[COMMON_OPERANDS];
    uint32_t next; /* operand */
    word_list words;
    char name[4097]; /* a byte more than a name may have */
    size_t name_length;
} call;

static const void *next_operand(call *self)
{
    return thread_place_memory(self->thread, &self->places[self->next++]);
}

/* An integer, a node, the bits of a floating-point number. */
static uint64_t next_word(call *self)
{
    const mu_ir_type *type = self->thread->operand_types[self->next];
    bool is_short = type->kind == MU_IR_FLOAT || (type->kind == MU_IR_INT && type->bits == 32);
    const void *memory = next_operand(self);
    uint64_t word;
    uint32_t low;
    memcpy(&word, memory, sizeof word);
    memcpy(&low, memory, sizeof low);
    return is_short ? low : word;
}

typedef struct location {
    mu_ref base;
    uint64_t offset;
    const mu_ir_type *type; /* of an item */
} location;

static location next_location(call *self)
{
    const mu_ir_type *type = self->thread->operand_types[self->next]->element;
    uint64_t words[2];
    memcpy(words, next_operand(self), sizeof words);
    return (location){.base = {words[0]}, .offset = words[1], .type = type};
}

/* Are there `count` items, at least one? What ALLOCA made in a VM with the grant `native` is no
 * object, but somewhere in the thread's stack. */
static bool has_items(const mu_thread *thread, const location *at, uint64_t count)
{
    uint64_t stride = at->type->size_bytes;
    if (count > UINT32_MAX) {
        return false;
    }
    if (!at->base.address) {
        uintptr_t top = thread->stack->memory->top;
        return at->offset >= thread->abi.mu_sp && at->offset < top &&
               count <= (top - at->offset) / stride;
    }
    return location_has_type(at->base, at->offset, at->type) &&
           (count == 1 ||
            location_shifts(at->base, at->offset, at->offset + (count - 1) * stride, at->type));
}

static mu_guest_error take_items(call *self, const location *at, uint64_t count)
{
    MU_ARRAY_PUSH(&self->words, count);
    if (!count) {
        return MU_GUEST_ERROR_NONE;
    }
    if (!at->base.address && !at->offset) {
        return MU_GUEST_ERROR_NULL_DEREFERENCE;
    }
    if (!has_items(self->thread, at, count)) {
        return MU_GUEST_ERROR_OUT_OF_BOUNDS;
    }
    uint64_t stride = at->type->size_bytes;
    const char *memory = (const char *)at->base.address + at->offset;
    for (uint64_t i = 0; i < count && i <= MU_IRBUILDER_MAX_LIST; i++) {
        uint64_t word = 0;
        memcpy(&word, memory + i * stride, stride);
        MU_ARRAY_PUSH(&self->words, word);
    }
    return MU_GUEST_ERROR_NONE;
}

static mu_guest_error next_list(call *self)
{
    location at = next_location(self);
    return take_items(self, &at, next_word(self));
}

/* Types and values of set_newstack_pass_values, which share their count. */
static mu_guest_error next_lists(call *self)
{
    location types = next_location(self);
    location values = next_location(self);
    uint64_t count = next_word(self);
    mu_guest_error error = take_items(self, &types, count);
    return error == MU_GUEST_ERROR_NONE ? take_items(self, &values, count) : error;
}

static mu_guest_error next_name(call *self)
{
    location at = next_location(self);
    if (!at.base.address && !at.offset) {
        return MU_GUEST_ERROR_NULL_DEREFERENCE;
    }
    uint64_t there = 0; /* characters, found by halving: there are those before the last one, too */
    uint64_t beyond = sizeof self->name + 1;
    while (beyond - there > 1) {
        uint64_t middle = there + (beyond - there) / 2;
        if (has_items(self->thread, &at, middle)) {
            there = middle;
        } else {
            beyond = middle;
        }
    }
    memcpy(self->name, (const char *)at.base.address + at.offset, there);
    self->name_length = strnlen(self->name, there);
    return self->name_length == there && there < sizeof self->name ? MU_GUEST_ERROR_OUT_OF_BOUNDS
                                                                   : MU_GUEST_ERROR_NONE;
}

static mu_guest_error take_operands(call *self, const char *letters)
{
    mu_thread *thread = self->thread;
    mu_guest_error error = MU_GUEST_ERROR_NONE;
    mu_jit_assign_places(thread->operand_types, self->inst->operands.count, self->places);
    if (self->inst->comminst == MU_COMMINST_IRBUILDER_SET_NEWSTACK_PASS_VALUES) {
        MU_ARRAY_PUSH(&self->words, next_word(self));
        return next_lists(self);
    }
    for (; *letters && error == MU_GUEST_ERROR_NONE; letters++) {
        if (*letters == 'N' || *letters == 'I') {
            error = next_list(self);
        } else if (*letters == 's') {
            error = next_name(self);
        } else {
            MU_ARRAY_PUSH(&self->words, next_word(self));
        }
    }
    return error;
}

/* ---- the instructions */

static slice_end load(mu_thread *thread, uint64_t node)
{
    mu_report *report = mu_report_new();
    mu_irbuilder_graph *graph;
    mu_status status = detach(thread->vm, node, report, &graph);
    if (status != MU_OK) {
        return thread_refuse_reported(thread, status, report);
    }
    mu_report_free(report);
    return thread_load_graph(thread, graph);
}

static slice_end perform(call *self, uint32_t op)
{
    mu_thread *thread = self->thread;
    mu_report *report = mu_report_new();
    uint64_t result = 0;
    mu_status status = vm_irbuilder_perform(thread->vm, op, self->words.items, self->words.count,
                                            self->name, self->name_length, report, &result);
    if (status != MU_OK) {
        return thread_refuse_reported(thread, status, report);
    }
    mu_report_free(report);
    thread->abi.gpr[0] = result;
    return SLICE_GOES_ON;
}

slice_end thread_irbuilder_inst(mu_thread *thread, const mu_ir_inst *inst)
{
    uint32_t op = mu_ir_comminst_id(inst->comminst);
    if (op == MU_IRBUILDER_LOAD_BUNDLE_FROM_NODE) {
        return load(thread, thread->abi.gpr[0]);
    }
    call self = {.thread = thread, .inst = inst};
    mu_guest_error error = take_operands(&self, mu_irbuilder_op_info_of(op)->operands);
    slice_end end = error == MU_GUEST_ERROR_NONE ? perform(&self, op) : thread_raise(thread, error);
    MU_ARRAY_FREE(&self.words);
    return end;
}
