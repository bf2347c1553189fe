/* The verifier cannot see that an index or a cast leads outside of an object; when such an access
 * hits nothing, the kernel says so here. The faulting frame is dropped as if it had thrown: the
 * stack is cut back to its return address, and the machine goes on in the stub that leaves with an
 * error. */
#include "fault_handler.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define SIGNAL_STACK_BYTES 65536u
#define CACHES_MAX         8
/* What an access through NULL plus a field's offset hits. */
#define NULL_AREA_BYTES (1u << 20)

static struct {
    pthread_mutex_t lock;
    const mu_code_cache *caches[CACHES_MAX]; /* atomic: read in the handler */
    int count;
    struct sigaction old_segv;
    struct sigaction old_bus;
} faults = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct {
    mu_abi_thread *thread;
    const void *leave_error;
    bool has_stack;
} running;

static const mu_code_object *code_at(uintptr_t address)
{
    for (int i = 0; i < CACHES_MAX; i++) {
        const mu_code_cache *cache = __atomic_load_n(&faults.caches[i], __ATOMIC_ACQUIRE);
        const mu_code_object *object = cache ? mu_code_find(cache, address) : NULL;
        if (object) {
            return object;
        }
    }
    return NULL;
}

static void pass_on(int number, siginfo_t *info, void *context)
{
    const struct sigaction *old = number == SIGSEGV ? &faults.old_segv : &faults.old_bus;
    if (old->sa_flags & SA_SIGINFO) {
        old->sa_sigaction(number, info, context);
    } else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
        old->sa_handler(number);
    } else {
        /* Back to the default; the instruction faults again and ends the process. */
        signal(number, SIG_DFL);
    }
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const mu_code_object *object = code_at((uintptr_t)registers[REG_RIP]);
    bool is_ours = object && object->version && running.thread &&
                   (uintptr_t)registers[REG_R15] == (uintptr_t)running.thread;
    if (!is_ours) {
        pass_on(number, info, context);
        return;
    }
    bool is_null = (uintptr_t)info->si_addr < NULL_AREA_BYTES && info->si_code != SI_KERNEL;
    const uintptr_t *frame = (const uintptr_t *)registers[REG_RBP];
    registers[REG_RAX] = is_null ? MU_GUEST_ERROR_NULL_DEREFERENCE : MU_GUEST_ERROR_MEMORY_FAULT;
    registers[REG_RSP] = (greg_t)(uintptr_t)(frame + 1);
    registers[REG_RBP] = (greg_t)frame[0];
    registers[REG_RIP] = (greg_t)(uintptr_t)running.leave_error;
}

void fault_handler_install(const mu_code_cache *cache)
{
    pthread_mutex_lock(&faults.lock);
    if (faults.count++ == 0) {
        struct sigaction action = {.sa_sigaction = on_fault,
                                   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
        sigemptyset(&action.sa_mask);
        sigaction(SIGSEGV, &action, &faults.old_segv);
        sigaction(SIGBUS, &action, &faults.old_bus);
    }
    int i = 0;
    while (i < CACHES_MAX && faults.caches[i]) {
        i++;
    }
    MU_INVARIANT(i < CACHES_MAX, "more than %d substrates in one process", CACHES_MAX);
    __atomic_store_n(&faults.caches[i], cache, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&faults.lock);
}

void fault_handler_remove(const mu_code_cache *cache)
{
    pthread_mutex_lock(&faults.lock);
    for (int i = 0; i < CACHES_MAX; i++) {
        if (faults.caches[i] == cache) {
            __atomic_store_n(&faults.caches[i], NULL, __ATOMIC_RELEASE);
            if (--faults.count == 0) {
                sigaction(SIGSEGV, &faults.old_segv, NULL);
                sigaction(SIGBUS, &faults.old_bus, NULL);
            }
        }
    }
    pthread_mutex_unlock(&faults.lock);
}

static pthread_key_t stack_key;

static void drop_signal_stack(void *memory)
{
    stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
    munmap(memory, SIGNAL_STACK_BYTES);
}

static void make_stack_key(void)
{
    pthread_key_create(&stack_key, drop_signal_stack);
}

static void give_signal_stack(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_stack_key);
    void *memory =
        mmap(NULL, SIGNAL_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return;
    }
    stack_t stack = {.ss_sp = memory, .ss_size = SIGNAL_STACK_BYTES};
    sigaltstack(&stack, NULL);
    pthread_setspecific(stack_key, memory);
}

void fault_handler_enter(mu_abi_thread *thread, const void *leave_error)
{
    if (!running.has_stack) {
        running.has_stack = true;
        give_signal_stack();
    }
    running.leave_error = leave_error;
    running.thread = thread;
}

mu_abi_thread *fault_handler_thread(void)
{
    return running.thread;
}
