/* What lets a program be its own client (common-insts.rest, "Metacircular Client Interface"): ids
 * and names, loading bundles, handling its own traps.
 *
 * A load takes long and occupies a worker, so a VM's programs load one at a time; whoever comes
 * meanwhile waits without a worker, and is put into the queue by who was before it. While it loads
 * a thread is out of the world, like one that waits, so that others can stop it, and the load can.
 */
#include "vm_internal.h"

#include <stdio.h>
#include <string.h>

/* What one upload may have, for all that a VM's programs load: texts are kept, and not counted in
 * the heap's quota. */
#define PROGRAM_TEXT_MOST_BYTES (64ull << 20)

struct program_load {
    mu_thread *next; /* waiting after this one */
    bool has_turn;
    char *text;
    size_t length;
    bool is_script;            /* HAIL */
    mu_irbuilder_graph *graph; /* not NULL: this, and no text */
};

/* ---- @uvm.meta.bytes */

/* The bytes behind the first operand; the length that the object says it has may be anything. */
static mu_guest_error bytes_operand(const mu_thread *thread, const char **bytes, uint64_t *length)
{
    mu_ref ref = {thread->abi.gpr[0]};
    if (!ref.address) {
        return MU_GUEST_ERROR_NULL_DEREFERENCE;
    }
    const mu_abi_type *type = mu_gc_type_of(ref);
    uint64_t said = __atomic_load_n((const uint64_t *)ref.address, __ATOMIC_ACQUIRE);
    /* One element more than there are: see mu_abi_length. */
    if (!type->is_hybrid || said > (*mu_abi_length(ref) - 1) * type->stride_bytes) {
        return MU_GUEST_ERROR_OUT_OF_BOUNDS;
    }
    *bytes = (const char *)ref.address + type->size_bytes;
    *length = said;
    return MU_GUEST_ERROR_NONE;
}

static slice_end id_of(mu_thread *thread)
{
    const char *name;
    uint64_t length;
    mu_guest_error error = bytes_operand(thread, &name, &length);
    if (error != MU_GUEST_ERROR_NONE) {
        return thread_raise(thread, error);
    }
    const mu_ir_entity *found = mu_ir_env_find(thread->vm->env, name, length);
    thread->abi.gpr[0] = found ? found->id : 0;
    return SLICE_GOES_ON;
}

static slice_end name_of(mu_thread *thread, const mu_ir_inst *inst)
{
    const mu_ir_version *version = thread->abi.site_version;
    const mu_ir_type *result = version->variables[inst->results.first].type;
    const mu_abi_type *type = mu_jit_descriptor(result->element);
    const mu_ir_entity *found = mu_ir_env_by_id(thread->vm->env, (uint32_t)thread->abi.gpr[0]);
    thread->abi.gpr[0] = 0;
    if (!found || !found->name) {
        return SLICE_GOES_ON;
    }
    size_t length = strlen(found->name);
    mu_ref made;
    if (vm_allocate(thread, type, length + 1, &made) != MU_OK) {
        return thread_raise(thread, MU_GUEST_ERROR_OUT_OF_MEMORY);
    }
    *(uint64_t *)made.address = length;
    memcpy((char *)made.address + type->size_bytes, found->name, length);
    thread->abi.gpr[0] = made.address;
    return SLICE_GOES_ON;
}

/* ---- loading */

slice_end thread_refuse(mu_thread *thread, const char *why)
{
    snprintf(thread->refusal, sizeof thread->refusal, "%s: %s",
             mu_abi_guest_error_text(MU_GUEST_ERROR_BUNDLE_REFUSED), why);
    return thread_raise(thread, MU_GUEST_ERROR_BUNDLE_REFUSED);
}

slice_end thread_refuse_reported(mu_thread *thread, mu_status status, mu_report *report)
{
    char *text = mu_report_text(report);
    mu_report_free(report);
    text[strcspn(text, "\n")] = '\0';
    slice_end end = thread_refuse(thread, *text ? text : mu_status_text(status));
    mu_free(text);
    return end;
}

static void free_load(mu_thread *thread)
{
    mu_irbuilder_graph_free(thread->load->graph);
    mu_free(thread->load->text);
    mu_free(thread->load);
    thread->load = NULL;
}

/* The next thread that waits may load; VM's lock held. */
static void pass_on(mu_vm *vm)
{
    mu_thread *next = vm->first_loader;
    vm->is_program_loading = next != NULL;
    if (next) {
        vm->first_loader = next->load->next;
        next->load->has_turn = true;
        thread_submit(next);
    }
}

static mu_thread **find_loader(mu_vm *vm, const mu_thread *thread)
{
    mu_thread **link = &vm->first_loader;
    while (*link && *link != thread) {
        link = &(*link)->load->next;
    }
    return link;
}

bool thread_stop_queueing_to_load(mu_thread *thread)
{
    mu_thread **link = find_loader(thread->vm, thread);
    if (*link) {
        *link = thread->load->next;
        return true;
    }
    return false;
}

static mu_status load_now(mu_thread *thread, mu_report *report)
{
    char name[128];
    snprintf(name, sizeof name, "loaded by %s", thread->function->entity.label);
    program_load *load = thread->load;
    if (load->graph) {
        mu_irbuilder_graph *graph = load->graph;
        load->graph = NULL;
        return vm_load_graph(thread->vm, graph, name, report, NULL);
    }
    return load->is_script ? mu_vm_load_hail(thread->vm, name, load->text, load->length, report)
                           : mu_vm_load(thread->vm, name, load->text, load->length, report, NULL);
}

slice_end thread_load(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    mu_status status = MU_OK;
    if (!thread->load->has_turn) {
        free_load(thread);
        return SLICE_GOES_ON;
    }
    mu_report *report = mu_report_new();
    vm_leave_world(thread);
    if (!thread_is_called(thread)) {
        status = load_now(thread, report);
    }
    pthread_mutex_lock(&vm->lock);
    free_load(thread);
    pass_on(vm);
    pthread_mutex_unlock(&vm->lock);
    vm_enter_world(thread);
    if (status != MU_OK) {
        return thread_refuse_reported(thread, status, report);
    }
    mu_report_free(report);
    return SLICE_GOES_ON;
}

static bool take_budget(mu_vm *vm, uint64_t length)
{
    pthread_mutex_lock(&vm->lock);
    bool fits = length <= PROGRAM_TEXT_MOST_BYTES - vm->program_text_bytes;
    vm->program_text_bytes += fits ? length : 0;
    pthread_mutex_unlock(&vm->lock);
    return fits;
}

/* Now, or when it is this thread's turn. */
static slice_end begin_load(mu_thread *thread, const program_load *load)
{
    mu_vm *vm = thread->vm;
    thread->load = mu_allocate(sizeof *thread->load);
    *thread->load = *load;
    thread->pending = PENDING_NONE;
    pthread_mutex_lock(&vm->lock);
    if (vm->is_program_loading && thread_is_called(thread)) {
        pthread_mutex_unlock(&vm->lock);
        return SLICE_QUEUED; /* where that is heeded */
    }
    if (vm->is_program_loading) {
        *find_loader(vm, NULL) = thread;
        vm_leave_world_locked(thread);
        thread_end_slice(thread);
        pthread_mutex_unlock(&vm->lock);
        return SLICE_WAITING;
    }
    vm->is_program_loading = true;
    thread->load->has_turn = true;
    pthread_mutex_unlock(&vm->lock);
    return thread_load(thread);
}

static const char too_much[] = "all that a VM's programs load may have 64 MiB";

slice_end thread_load_graph(mu_thread *thread, mu_irbuilder_graph *graph)
{
    if (!take_budget(thread->vm, mu_irbuilder_graph_bytes(graph))) {
        mu_irbuilder_graph_free(graph);
        return thread_refuse(thread, too_much);
    }
    return begin_load(thread, &(program_load){.graph = graph});
}

static slice_end load_operand(mu_thread *thread, bool is_script)
{
    const char *bytes;
    uint64_t length;
    mu_guest_error error = bytes_operand(thread, &bytes, &length);
    if (error != MU_GUEST_ERROR_NONE) {
        return thread_raise(thread, error);
    }
    if (!take_budget(thread->vm, length)) {
        return thread_refuse(thread, too_much);
    }
    program_load load = {.text = mu_allocate(length + 1), .length = length, .is_script = is_script};
    memcpy(load.text, bytes, length);
    return begin_load(thread, &load);
}

/* ---- traps */

static slice_end set_trap_handler(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    uint64_t handler = thread->abi.gpr[0];
    if (!handler) {
        return thread_raise(thread, MU_GUEST_ERROR_NULL_FUNCTION);
    }
    if (vm->table[handler].sig != thread->operand_types[0]->sig->canonical) {
        return thread_raise(thread, MU_GUEST_ERROR_WRONG_SIGNATURE);
    }
    pthread_mutex_lock(&vm->lock);
    __atomic_store_n(&vm->trap_handler, handler, __ATOMIC_RELEASE);
    vm->trap_userdata = thread->abi.gpr[1];
    pthread_mutex_unlock(&vm->lock);
    return SLICE_GOES_ON;
}

/* Leaves the stack at the trap for a new one, where the handler begins; its arguments are that
 * stack, the watchpoint or 0, and the user data. `handle` is the old stack's. */
static mu_status begin_handler(mu_thread *thread, const mu_ir_inst *trap, mu_ref handle)
{
    mu_vm *vm = thread->vm;
    const mu_ir_version *version = thread->abi.site_version;
    vm_stack *stack;
    pthread_mutex_lock(&vm->lock);
    mu_status status =
        vm_stack_new(vm, vm->functions[vm->trap_handler].func, &thread->exceeded, &stack);
    if (status == MU_OK) {
        vm_stack_set_handle(thread->stack, handle);
        vm_stack_park(thread, &version->types[trap->types.first], trap->types.count);
        vm_stack_bind(thread, stack, NULL);
        thread->abi.gpr[0] = handle.address;
        thread->abi.gpr[1] = trap->op == MU_OP_WATCHPOINT ? trap->literal : 0;
        thread->abi.gpr[2] = vm->trap_userdata;
    }
    pthread_mutex_unlock(&vm->lock);
    return status;
}

static mu_status handle_of_stack(mu_thread *thread, mu_ref *handle)
{
    handle->address = thread->stack->handle;
    return handle->address ? MU_OK : vm_stack_new_handle(thread, handle);
}

slice_end thread_handle_own_trap(mu_thread *thread, const mu_ir_version *version,
                                 const mu_ir_inst *trap)
{
    mu_ref handle;
    thread->abi.site_version = version;
    mu_status status = handle_of_stack(thread, &handle);
    if (status == MU_OK) {
        status = begin_handler(thread, trap, handle);
    }
    if (status == MU_NO_MEMORY && handle.address) { /* a collection frees stacks, too */
        vm_collect(thread->vm, thread, true);
        status = handle_of_stack(thread, &handle);
        status = status == MU_OK ? begin_handler(thread, trap, handle) : status;
    }
    return status == MU_OK ? SLICE_GOES_ON : thread_raise(thread, MU_GUEST_ERROR_OUT_OF_MEMORY);
}

slice_end thread_meta_inst(mu_thread *thread, const mu_ir_inst *inst)
{
    switch ((int)inst->comminst) {
    case MU_COMMINST_META_ID_OF: return id_of(thread);
    case MU_COMMINST_META_NAME_OF: return name_of(thread, inst);
    case MU_COMMINST_META_LOAD_BUNDLE: return load_operand(thread, false);
    case MU_COMMINST_META_LOAD_HAIL: return load_operand(thread, true);
    default: return set_trap_handler(thread);
    }
}
