/* Which functions are worth the optimising tier. Who is found running is counted: now and then the
 * pool asks what runs to leave at its next yieldpoint, and the functions of its innermost frames
 * get warmer (Arnold, Fink, Grove, Hind and Sweeney, "Adaptive Optimization in the Jalapeño JVM",
 * OOPSLA 2000). So compiled code counts nothing, and a loop is noticed as well as a function that
 * is called often. What is hot is compiled again by a job of the VM's, beside everything else, and
 * from then on calls go there; frames of the older code stay as they are. */
#include "vm_internal.h"

/* Frames that a sample warms: a loop may spend its time in what it calls. */
#define WARMED_FRAMES 3u
/* Samples that make a function hot. */
#define HOT 2u

typedef struct hot_version {
    mu_vm *vm;
    mu_ir_version *version;
} hot_version;

/* Calls go to the new code if they still go to the older one. A VM that may not have so much code
 * keeps what it has. */
static void lead_to(mu_vm *vm, const mu_ir_version *version, const mu_code_object *object)
{
    pthread_mutex_lock(&vm->lock);
    mu_abi_function *function = &vm->table[version->func->number];
    const mu_code_object *quick = mu_jit_object(version);
    bool is_current = vm->functions[version->func->number].newest == version;
    if (is_current && quick && function->code == quick->start &&
        vm_charge_code(vm, mu_jit_optimised_bytes(version)) == QUOTA_NONE) {
        __atomic_store_n(&function->code, object->start, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&vm->lock);
}

static void optimise(void *context)
{
    hot_version hot = *(hot_version *)context;
    mu_vm *vm = hot.vm;
    mu_jit_room room = vm_code_room(vm);
    const mu_code_object *object;
    mu_free(context);
    if (mu_jit_optimise(vm->substrate->jit, hot.version, &room, &object) == MU_OK) {
        lead_to(vm, hot.version, object);
    }
    pthread_mutex_lock(&vm->lock);
    vm->active--;
    pthread_cond_broadcast(&vm->changed);
    pthread_mutex_unlock(&vm->lock);
}

static void ask_for(mu_vm *vm, mu_ir_version *version)
{
    hot_version *hot = mu_allocate(sizeof *hot);
    *hot = (hot_version){vm, version};
    pthread_mutex_lock(&vm->lock);
    vm->active++; /* the VM stays until the job is over */
    pthread_mutex_unlock(&vm->lock);
    mu_thread_pool_submit_for(vm->substrate->workers, vm->share, optimise, hot);
}

static void warm(mu_vm *vm, const mu_code_object *object)
{
    mu_ir_version *version = object->version;
    if (!version || version->hidden || object != mu_jit_object(version) ||
        mu_jit_is_not_optimised(version)) {
        return;
    }
    vm_function *function = &vm->functions[version->func->number];
    if (__atomic_add_fetch(&function->heat, 1, __ATOMIC_RELAXED) == HOT) {
        ask_for(vm, version);
    }
}

void thread_warm(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    const mu_code_cache *code = vm->substrate->code;
    mu_stack_cursor cursor;
    uint32_t warmed = 0;
    if (thread->abi.leave_reason == MU_ABI_LEAVE_PROLOGUE) { /* its own frame is not there yet */
        warm(vm, mu_code_find(code, thread->abi.continuation));
        warmed++;
    }
    bool more = thread_first_frame(thread, &cursor);
    for (; more && warmed < WARMED_FRAMES; more = mu_stack_next(code, &cursor)) {
        if (!mu_stack_is_native(&cursor)) {
            warm(vm, cursor.object);
            warmed++;
        }
    }
}

void thread_ask_warmth(mu_task *task)
{
    mu_thread *thread = task->context;
    __atomic_store_n(&thread->warmth_wanted, true, __ATOMIC_RELAXED);
    vm_request_stop(thread);
}
