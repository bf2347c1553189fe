#pragma once
/* Private to vm: what stands behind mu.h. Reading order: substrate.c, vm.c, vm_load.c, world.c,
 * thread.c, thread_run.c, thread_park.c, stacks.c, native_frames.c, common_insts.c, pins.c,
 * futex.c, finalizer_insts.c, meta_insts.c, irbuilder_insts.c, swap_stack.c, unwind.c, frames.c,
 * cursors.c, values.c, profile.c; then context_internal.h.
 *
 * The world of a VM. A thread is "in the world" while a worker runs it: in Mu code, or in the
 * runtime on its behalf. Whoever collects, or changes what compiled code reaches, stops the world:
 * sets every thread's stack limit out of reach and waits until none is in it. A thread leaves at
 * yieldpoints only, so between two of them its references may be held raw.
 */
#include "mu.h"
#include "mu_context.h"

#include "mu_gc_ephemerons.h"
#include "mu_hail.h"
#include "mu_ir_type_pool.h"
#include "mu_irbuilder.h"
#include "mu_jit_native.h"
#include "mu_profile.h"
#include "mu_stack.h"
#include "mu_thread_pool.h"
#include "mu_timer_queue.h"
#include "mu_verify.h"

#include <pthread.h>
#include <sys/queue.h>

/* An environment someone loaded, so that the next VM that loads the same shares it. */
typedef struct env_record {
    struct env_record *next;
    const mu_ir_env *parent;
    mu_ir_env *env; /* not counted; the record goes when the environment does */
    char *text;
    size_t length;
    bool allow_native;
    uint32_t functions_defined;
} env_record;

/* VMs that have had no thread for a while; idle.c. */
typedef struct vm_idle_list {
    pthread_mutex_t lock; /* taken before a VM's */
    pthread_cond_t rested;
    mu_vm *first, *last; /* those that were not looked at for longest first */
    uint32_t count;
    uint32_t to_look_at; /* in the pass under way */
    mu_vm *resting;      /* is being collected */
    mu_timer timer;
    bool is_due; /* the timer is set, or a worker is to come */
    bool is_ending;
} vm_idle_list;
typedef struct idle_place {
    mu_vm *next, *previous;
    bool is_listed;
} idle_place;

struct mu_substrate {
    mu_substrate_config config;
    mu_gc_pool *blocks;
    mu_code_cache *code;
    mu_jit *jit;
    mu_stack_pool *stacks;
    mu_stack_pool *native_stacks; /* for C */
    mu_thread_pool *workers;
    uint32_t worker_count;
    mu_timer_queue *timers;
    mu_ir_env *root;
    pthread_mutex_t lock; /* of what follows; taken before a VM's lock, never after */
    mu_vm *vms;
    vm_idle_list idle;    /* has its own lock */
    env_record **records; /* hash table, chained */
    uint32_t record_buckets;
    uint32_t record_count;
};

/* What a VM knows of one of its functions. */
typedef struct vm_function {
    mu_ir_func *func;
    mu_ir_version *newest; /* NULL: only declared */
    uint32_t heat;         /* atomic: how often it was found running; tiers.c */
} vm_function;

typedef struct vm_cell {
    uint64_t offset_bytes;
    const mu_abi_type *type;
} vm_cell;

typedef struct vm_stack vm_stack;
/* The VM's enabled watchpoints; watchpoints.c. */
typedef struct vm_watchpoints {
    pthread_mutex_t lock;                  /* taken after every other but the code generator's */
    MU_ARRAY(uint32_t) enabled;            /* ascending */
    uint64_t filter[MU_ABI_WATCH_ENTRIES]; /* atomic; compiled code reads it */
} vm_watchpoints;
typedef struct program_load program_load;
typedef struct futex_queue futex_queue;

/* Where threads wait: a hash table of queues by the location's address, chained. */
typedef struct futex_table {
    futex_queue **buckets;
    uint32_t bucket_count; /* 0, or a power of two */
    uint32_t queue_count;
} futex_table;

struct mu_vm {
    mu_substrate *substrate;
    mu_vm_config config;         /* `limits` as they are now: see vm_limit */
    pthread_mutex_t limits_lock; /* of changes to them; no other is taken but the heap's */
    mu_share *share;             /* of the workers' time */
    mu_vm *next, *previous;      /* under the substrate's lock */
    pthread_mutex_t load_lock;   /* one load at a time; taken before `lock` */
    pthread_mutex_t lock;        /* of everything below */
    pthread_cond_t changed;
    bool stopping;       /* the world is stopped or being stopped; atomic to look at */
    uint64_t stopped_ns; /* when it was, on the monotonic clock */
    mu_times stops, to_safepoints;
    uint32_t stops_wanted;      /* threads that wait to stop it */
    uint32_t calms;             /* who keeps it from being stopped: calm.c */
    mu_vm_calm_fn *calm_wanted; /* by whom that waits for it; NULL: nobody */
    void *calm_context;
    uint32_t in_world;                       /* threads that run */
    mu_thread *first_stopped, *last_stopped; /* that wait, without a worker, until it goes on */
    uint32_t active;                         /* threads started and not finished with */
    bool is_ending;                          /* threads made from now on are killed at once */
    mu_thread *threads;
    mu_thread *mutators; /* of contexts; in the world now and then, never run */
    uint32_t mutator_count;
    uint64_t last_stack;   /* serial number */
    uint32_t thread_count; /* made and not finished */
    mu_vm_thread_hook hook;
    futex_table futexes; /* changes in the world only */
    vm_stack *stacks;
    uint32_t stack_count;
    uint64_t stack_bytes;      /* that the stacks may take up to their floors */
    uint64_t live_stack_bytes; /* after the last collection */
    mu_gc_heap *heap;
    mu_ir_env *env;
    mu_abi_function *table; /* by number; entry 0 is the NULL funcref's */
    vm_function *functions; /* by number, from 1 */
    uint32_t table_count, table_capacity;
    unsigned char *globals; /* reserved address space */
    uint64_t globals_bytes;
    vm_cell *cells; /* global cells that hold references */
    uint32_t cell_count;
    mu_ref *script_objects; /* roots while a HAIL script is performed, in a stopped world */
    uint32_t script_object_count;
    uint32_t bundles;
    mu_thread *first_loader; /* of threads that wait to load a bundle */
    bool is_program_loading;
    uint64_t program_text_bytes;    /* that programs loaded so far */
    pthread_mutex_t irbuilder_lock; /* of `irbuilder`; taken last, and held for one call at most */
    mu_irbuilder *irbuilder;        /* NULL: not used yet */
    uint64_t trap_handler;          /* the program's own: a function's number; atomic; 0: none */
    uintptr_t trap_userdata;        /* root */
    uint64_t finished_count;
    idle_place idle_place;          /* the list's lock */
    uint64_t idle_since_ns;         /* atomic */
    uint64_t code_bytes;            /* of what its table leads to, or led to */
    uint64_t metadata_bytes;        /* atomic */
    uint32_t handle_count;          /* of its contexts, or promised to an operation; atomic */
    vm_watchpoints watchpoints;     /* has its own lock */
    mu_jit_owner exposed;           /* what the program has exposed; the code generator's lock */
    mu_profile *profile;            /* under way; changes under `lock` and its own */
    bool profile_has_lines;         /* atomic */
    LIST_HEAD(, mu_thread) sampled; /* meanwhile: threads in the world */
    pthread_mutex_t profile_lock;   /* of its samples; taken after `lock` */
};

/* The limits of mu_vm_limits. NONE: it is no limit that stands in the way, but the system, or one
 * of the fixed limits of substrate/README.md. */
typedef enum vm_quota {
    QUOTA_NONE,
    QUOTA_HEAP,
    QUOTA_STACK,
    QUOTA_STACKS_BYTES,
    QUOTA_STACKS,
    QUOTA_THREADS,
    QUOTA_CODE,
    QUOTA_METADATA,
    QUOTA_HANDLES,
} vm_quota;

/* How a thread goes on when it is entered. */
typedef enum resume_kind {
    RESUME_RETURN,   /* returns to the address at mu_sp */
    RESUME_FUNCTION, /* calls `callee`, its newest version: mu_sp is at the caller's return address
                      */
    RESUME_ENTRY,    /* the same, and resume_pc is where it goes on */
    RESUME_LANDING,  /* at resume_pc, a landing pad of the frame */
} resume_kind;

/* Where a stack goes on that nobody runs, and with values of which types. The values of a thread
 * that is bound to a stack but does not run are in its saved registers. */
typedef struct stack_state {
    resume_kind resume; /* RETURN or FUNCTION */
    uintptr_t sp;
    uintptr_t fp;
    uint64_t callee; /* FUNCTION */
    mu_ir_type *const *wanted;
    uint32_t wanted_count;
} stack_state;

/* A stack of the VM. It lives while a thread is bound to it or its handle, the object that
 * stackrefs refer to, is reachable. The handle's only word is this one's address, or 0 when the
 * stack is dead. All under the VM's lock, or with the world stopped; the memory is the bound
 * thread's. */
struct vm_stack {
    vm_stack *next, *previous;
    mu_stack *memory;
    uintptr_t floor;     /* what it may use for now, counted in the VM's stack_bytes; goes down */
    mu_thread *thread;   /* bound to; NULL: parked */
    uint64_t serial;     /* of the VM, from 1 */
    uintptr_t handle;    /* object's address; 0: none */
    bool has_old_handle; /* in the collection under way: only a full one asks whether it lives */
    bool reached;        /* in the collection under way */
    bool marked;         /* since the collector began to mark old objects, or made since */
    bool has_no_young;   /* a collection saw its frames, and it has not run since */
    uint64_t changes;    /* counts what makes cursors stale */
    const mu_ir_func *bottom;
    mu_stack *native;          /* for its calls of C, from the first on */
    uint64_t native_bytes;     /* that it counts for */
    uintptr_t ccall_sp;        /* as the bound thread has it */
    mu_jit_callback *callback; /* the innermost that has not returned */
    stack_state state;         /* parked */
};

/* What the saved registers hold. */
typedef enum pending_kind {
    PENDING_NONE,
    PENDING_ARGUMENTS, /* of `callee` */
    PENDING_RESULTS,   /* of the trap at mu_sp */
} pending_kind;

/* What a thread has pinned: an iref, or a ref as that of the whole object. */
typedef struct thread_pin {
    uintptr_t base;
    uint64_t offset;
    uint64_t count;
} thread_pin;

typedef struct error_frame {
    const char *function;
    const char *version;
    const char *instruction;
    const char *bundle;
    mu_location where;
} error_frame;

/* What a common instruction has at most: @uvm.irbuilder.new_comminst. */
enum { COMMON_OPERANDS = 10 };

struct mu_thread {
    mu_abi_thread abi; /* first: r15 points at it */
    mu_vm *vm;
    mu_thread *next, *previous; /* under the VM's lock */
    vm_stack *stack;            /* NULL once finished */
    uint64_t first_stack;       /* serial number of the stack that it began on */
    uintptr_t handle;           /* object of no type that threadrefs refer to; 0: none yet */
    uintptr_t local;            /* thread-local reference */
    const mu_ir_func *function;
    mu_thread_state state;
    bool is_in_world;
    bool is_made_by_thread; /* NEWTHREAD; freed with its last slice unless the hook has it */
    bool is_telling;        /* a worker is in `trapped` for it */
    /* Has taken it at its trap: it has no stack, that is in site_stack. The collector looks, so
     * this changes in the world, or under vm_lock_quiet; a killed thread keeps it until it runs. */
    mu_context *holder;
    uint64_t held_changes;  /* of that stack, when it was taken */
    bool exit_wanted;       /* ends once it runs, as by @uvm.thread_exit */
    bool kill_wanted;       /* atomic */
    bool cancel_wanted;     /* atomic: CANCELLED is to be thrown */
    bool is_cancelled;      /* it was, or will be */
    bool has_grace;         /* `grace` was set */
    mu_timer grace;         /* kills it */
    uint64_t cpu_budget_ns; /* atomic; 0: none */
    bool yield_wanted;      /* atomic: the pool asks it to make room */
    mu_task task;           /* its slices */
    uint64_t cpu_ns;        /* of those that have ended; VM's lock */
    futex_queue *queue;     /* it waits in, or did until it was killed or its time was over */
    mu_thread *next_waiter, *previous_waiter;
    bool has_waited; /* since the last slice */
    mu_timer timer;  /* of the wait */
    mu_thread *next_stopped;
    bool does_again; /* what Mu code left for, once it runs */
    program_load *load;
    char refusal[200]; /* of the last bundle that it could not load */
    bool trap_is_hidden;
    uint32_t trap_watchpoint; /* 0: a TRAP */
    bool throw_wanted;        /* at abi.exception, once it runs */
    mu_guest_error stopped;   /* NATIVE_FRAME: what could not pass the frame */
    bool throws_handler_gone; /* the same, with our own error */
    resume_kind resume;
    pending_kind pending;
    mu_ir_type *const *pending_types;
    uint32_t pending_count;
    mu_ir_type *operand_types[COMMON_OPERANDS]; /* of a common instruction, as pending */
    MU_ARRAY(thread_pin) pins;                  /* multiset */
    uintptr_t landing_return; /* RESUME_LANDING: the site's return address, for walks */
    mu_thread_trapped_fn *trapped;
    mu_thread_finished_fn *finished;
    void *context;
    mu_outcome outcome;
    mu_guest_error error;
    vm_quota exceeded; /* by OUT_OF_MEMORY or STACK_OVERFLOW; NONE: another limit */
    char error_text[320];
    mu_value *results;
    error_frame *error_frames;
    uint32_t error_frame_count;

    bool warmth_wanted;      /* atomic: see tiers.c */
    uint32_t samples_wanted; /* atomic: ticks of a profile since its last sample */
    bool is_sampled;
    LIST_ENTRY(mu_thread) of_sampled;
};

/* ---- quotas.c */
/* A limit as it is now; any thread. */
#define vm_limit(vm, name) __atomic_load_n(&(vm)->config.limits.name, __ATOMIC_RELAXED)
/* Fills in the defaults of a new VM's limits. Errors: INVALID. */
MU_MUST_CHECK mu_status vm_limits_init(mu_vm *vm);
/* Counts bytes that are held for the VM outside of its heap. False: that would exceed the limit.
 * Any thread. */
MU_MUST_CHECK bool vm_metadata_take(mu_vm *vm, uint64_t bytes);
/* The same for what must not fail, such as what is said of an error. */
void vm_metadata_add(mu_vm *vm, uint64_t bytes);
void vm_metadata_give(mu_vm *vm, uint64_t bytes);
uint64_t vm_metadata_left(const mu_vm *vm);
/* The same for values of contexts. */
MU_MUST_CHECK bool vm_handles_take(mu_vm *vm, uint32_t count);
void vm_handles_give(mu_vm *vm, uint32_t count);
/* A sentence with the limit's name, its value and what to do. */
#define VM_QUOTA_TEXT_BYTES 180
void vm_quota_text(const mu_vm *vm, vm_quota quota, char text[VM_QUOTA_TEXT_BYTES]);
/* Says so in the report. Returns LIMIT, or NO_MEMORY if it is none of the VM's. */
mu_status vm_report_quota(const mu_vm *vm, vm_quota quota, mu_report *report);
/* Notes which limit the guest error is about that is returned, to be raised in the thread or told
 * to its context. */
mu_guest_error thread_exceed(mu_thread *thread, vm_quota quota);

/* ---- idle.c */
void vm_idle_init(mu_substrate *substrate);
/* Nothing is begun afterwards; while there still are workers. */
void vm_idle_end(mu_substrate *substrate);
void vm_idle_deinit(mu_substrate *substrate);
/* The VM has no threads any more. Without its lock. */
void vm_note_idle(mu_vm *vm);
/* It ends: nobody collects it any more. Without its lock. */
void vm_forget_idle(mu_vm *vm);

/* ---- env_records.c */
mu_ir_env *vm_find_loaded(mu_substrate *substrate, const mu_ir_env *parent, const char *text,
                          size_t length, bool allow_native, uint32_t *functions_defined);
/* Remembers, unless another VM was first: then that one's environment is returned and this one
 * dropped. */
mu_ir_env *vm_remember_loaded(mu_substrate *substrate, mu_ir_env *env, const char *text,
                              size_t length, bool allow_native, uint32_t functions_defined);
void vm_release_env(mu_substrate *substrate, mu_ir_env *env);

/* ---- world.c; all but vm_lock_quiet are called without the VM's lock */
void vm_enter_world(mu_thread *thread);
/* The same for a thread at the beginning of a slice, which does not wait on its worker: false when
 * the world is stopped; then the slice is over, and the thread is queued when the world goes on. */
bool vm_enter_world_or_wait(mu_thread *thread);
/* Puts a thread whose slice is over, and which is not in the world, into the queue again, once the
 * world goes on. VM's lock held. */
void vm_queue_when_going(mu_thread *thread);
void vm_leave_world(mu_thread *thread);
void vm_leave_world_locked(mu_thread *thread); /* VM's lock held */
/* Stops the world; `self` (may be NULL) is the calling thread, which counts as stopped. */
void vm_stop_world(mu_vm *vm, mu_thread *self);
void vm_start_world(mu_vm *vm, mu_thread *self);
/* A yieldpoint: lets the world stop if someone wants it to, and waits until it goes on. */
void vm_pause_for_world(mu_thread *thread);
/* The same for a thread, which collects first if that is due, and does not wait on its worker:
 * false when it has to make room. */
bool vm_goes_on(mu_thread *thread);
/* Is another thread about to collect already? Then it is better to make room than to wait. */
bool vm_is_stopping_to_collect(const mu_thread *thread);
/* In a long stop: lets others have the worker if they want it (mu_thread_pool_make_room). */
void vm_make_room(void *vm);
/* Asks a thread to come to a yieldpoint; VM's lock held, or by the thread itself. */
void vm_request_stop(mu_thread *thread);
/* Gives the true stack limit back when nothing is wanted of the thread; VM's lock held. */
void vm_allow_running(mu_thread *thread);
/* Shows the collector what the frames of a stack refer to; from its first frame on. */
void vm_trace_frames(mu_gc_tracer *tracer, const mu_vm *vm, bool more, mu_stack_cursor *cursor);
/* Takes the lock at a time when the world is not being stopped. */
void vm_lock_quiet(mu_vm *vm);
/* The world has been started: gives the calm to who waits for it, if it may be; to be called then,
 * without the lock. VM's lock held. */
mu_vm_calm_fn *vm_take_calm(mu_vm *vm, void **context);
/* Collects, the whole heap if `full`; `self` as in vm_stop_world. */
void vm_collect(mu_vm *vm, mu_thread *self, bool full);
/* The same, by whoever has stopped the world. */
void vm_collect_stopped(mu_vm *vm, bool full);
/* The write barrier of compiled code. */
mu_abi_barrier_fn vm_log_store;
/* trap_answer.c: of objects of type void that nobody of the program made. */
extern const mu_abi_type vm_void_type;
/* Allocates, collecting when the quota is used up. Errors: NO_MEMORY. */
MU_MUST_CHECK mu_status vm_allocate(mu_thread *thread, const mu_abi_type *type, uint64_t length,
                                    mu_ref *ref);

/* Has the context taken the thread, which still waits? VM's lock held. */
static inline bool thread_is_held_by(const mu_thread *thread, const mu_context *context)
{
    return thread->state == MU_THREAD_TRAPPED && thread->holder == context;
}

static inline bool thread_is_killed(const mu_thread *thread)
{
    return __atomic_load_n(&thread->kill_wanted, __ATOMIC_ACQUIRE);
}
/* Does somebody outside want it to end, or to hear of that? */
static inline bool thread_is_called(const mu_thread *thread)
{
    return thread_is_killed(thread) || __atomic_load_n(&thread->cancel_wanted, __ATOMIC_ACQUIRE);
}
/* How soon it is to run then: a killed thread only ends. */
static inline mu_urgency thread_urgency(const mu_thread *thread)
{
    return thread_is_killed(thread) ? MU_TASK_AT_ONCE : MU_TASK_SOON;
}
static inline void thread_want_killed(mu_thread *thread)
{
    __atomic_store_n(&thread->kill_wanted, true, __ATOMIC_RELEASE);
}

/* ---- thread.c */
/* Counts a thread that is to be made. False: it exceeds this limit. VM's lock held. */
MU_MUST_CHECK bool vm_thread_claim(mu_vm *vm, vm_quota *exceeded);
/* A thread bound to `stack`, to go on in its state; it was claimed. VM's lock held. */
mu_thread *thread_new_on(mu_vm *vm, vm_stack *stack, const mu_ir_func *function);

/* ---- stacks.c */
/* A parked stack that is about to call `func`, with no handle. Errors: NO_MEMORY, and what it
 * exceeds. VM's lock held. */
MU_MUST_CHECK mu_status vm_stack_new(mu_vm *vm, const mu_ir_func *func, vm_quota *exceeded,
                                     vm_stack **stack);
/* Counts stacks, and bytes that they take. VM's lock held or world stopped; statistics look at any
 * time. */
void vm_stacks_count(mu_vm *vm, int32_t stacks, int64_t bytes);
/* May the VM's stacks take so many bytes more? VM's lock held. */
bool vm_stacks_have_room(const mu_vm *vm, uint64_t more);
/* Kills and frees it; VM's lock held or world stopped. */
void vm_stack_free(mu_vm *vm, vm_stack *stack);
/* A handle of no stack yet. A safepoint. Errors: NO_MEMORY. */
MU_MUST_CHECK mu_status vm_stack_new_handle(mu_thread *thread, mu_ref *handle);
/* Makes it the stack's, which has none. */
void vm_stack_set_handle(vm_stack *stack, mu_ref handle);
/* The stack behind a stackref; NULL: dead. VM's lock held. */
vm_stack *vm_stack_behind(uintptr_t handle);
/* The same, which must be ready to go on. Errors: NULL_DEREFERENCE; STACK_STATE when it is dead or
 * bound. VM's lock held. */
mu_guest_error vm_stack_find_parked(uintptr_t handle, vm_stack **stack);
/* @uvm.new_stack: a stack to call function `number`, and its stackref. May collect. Errors:
 * OUT_OF_MEMORY. */
mu_guest_error vm_stack_make(mu_thread *thread, uint64_t number, uint64_t *made);
/* @uvm.kill_stack. Errors: as vm_stack_find_parked. */
mu_guest_error vm_stack_kill(mu_vm *vm, uintptr_t handle);
/* May the stack reach down to `lowest`? Moves its floor, or says what it exceeds. VM's lock held.
 */
MU_MUST_CHECK bool vm_stack_grow(mu_vm *vm, vm_stack *stack, uintptr_t lowest, vm_quota *exceeded);
/* Binds a thread to a parked stack, from whose state it goes on; values of the wanted types, if
 * any, are in the registers and in `overflow` (may be NULL). VM's lock held. */
void vm_stack_bind(mu_thread *thread, vm_stack *stack, const uint64_t *overflow);
/* Leaves the thread's stack parked, waiting for values of these types; VM's lock held. */
void vm_stack_park(mu_thread *thread, mu_ir_type *const *wanted, uint32_t count);
/* Does the stack wait for values of just these types? */
bool vm_stack_wants(const stack_state *state, mu_ir_type *const *types, uint32_t count);
/* The first frame of a stack in this state that has begun. */
bool vm_stack_first_frame(const mu_vm *vm, const stack_state *state, mu_stack_cursor *cursor);
/* Have so many stacks been made since the last collection that another is due? VM's lock held. */
bool vm_stacks_are_due(const mu_vm *vm);
/* Before a collection, after it: which stacks nothing refers to any more. World stopped. */
void vm_stacks_forget_handles(mu_vm *vm, const mu_gc_collection *plan);
void vm_stacks_drop_unreached(mu_vm *vm, const mu_gc_collection *done);
mu_gc_native_fn vm_stack_reached;
/* Roots of a collection that is not full: frames of parked stacks whose handles are not looked at.
 */
void vm_stacks_trace_parked(mu_gc_tracer *tracer, mu_vm *vm);

/* ---- thread_run.c: one slice of a thread, on a worker */
typedef enum slice_end {
    SLICE_GOES_ON,
    SLICE_TRAPPED,
    SLICE_WAITING, /* has left the world, and may be somebody else's already */
    SLICE_QUEUED,  /* makes room: goes to the end of the queue */
    SLICE_AGAIN,   /* the same; then does again what it left for */
    SLICE_FINISHED,
} slice_end;
void thread_run_slice(void *thread);
/* Throws from the thread's top frame. */
slice_end thread_throw(mu_thread *thread, uintptr_t exception, mu_guest_error error);
slice_end thread_raise(mu_thread *thread, mu_guest_error error);
/* Ends it, whatever handlers it has. */
slice_end thread_end_with_error(mu_thread *thread, mu_guest_error error, bool has_frames);
/* What people are told of the thread's error: static, of the thread, or written to `quota`. */
const char *thread_error_sentence(const mu_thread *thread, mu_guest_error error,
                                  char quota[VM_QUOTA_TEXT_BYTES]);

/* ---- pins.c */
slice_end thread_pin_inst(mu_thread *thread, const mu_ir_inst *inst);
slice_end thread_unpin_inst(mu_thread *thread, const mu_ir_inst *inst);
/* Adds one to the thread's pins of this iref, or takes one off; NULL is nothing. False: when there
 * is no room for another, and `exceeded` says why; when it is not pinned. */
bool thread_add_pin(mu_thread *thread, uintptr_t base, uint64_t offset);
bool thread_take_pin(mu_thread *thread, uintptr_t base, uint64_t offset);
/* Ends all of a thread's pins. */
void thread_drop_pins(mu_thread *thread);
mu_gc_pins_fn vm_show_pins;

/* ---- finalizer_insts.c: ephemerons, and queues of what died */
slice_end thread_finalizer_inst(mu_thread *thread, const mu_ir_inst *inst);
/* After a collection: wakes who waits for something to come. World stopped. */
void vm_queues_wake(mu_vm *vm);

/* ---- common_insts.c, swap_stack.c: instructions that the runtime does */
slice_end thread_common_inst(mu_thread *thread);
slice_end thread_newthread(mu_thread *thread);
slice_end thread_swapstack(mu_thread *thread);
/* For whoever makes a thread on a parked stack, a program or a context: a handle for it, which may
 * collect; vm_thread_claim; the thread, RUNNING but not started, which then gets its arguments or
 * is thrown at; asking the hook and starting it. The middle three under the VM's lock. */
MU_MUST_CHECK mu_status vm_thread_new_handle(mu_thread *thread, mu_ref *handle);
mu_thread *vm_thread_make(mu_vm *vm, vm_stack *stack, mu_ref handle, uintptr_t local);
void thread_throw_at_start(mu_thread *thread, uintptr_t exception);
void vm_thread_start_made(mu_thread *thread);

/* ---- futex.c */
slice_end thread_futex_inst(mu_thread *thread, const mu_ir_inst *inst);
/* At the beginning of a slice: the thread waits no longer, whoever ended that. */
void thread_stop_waiting(mu_thread *thread);
/* In a collection, after it: the locations move. World stopped. */
void vm_futexes_trace(mu_gc_tracer *tracer, mu_vm *vm);
void vm_futexes_find_again(mu_vm *vm);
/* Wakes whoever waits at the first word of the object; VM's lock held, world stopped. */
void vm_futexes_wake_all(mu_vm *vm, mu_ref object);
void vm_futexes_free(mu_vm *vm);

/* ---- meta_insts.c: programs that are their own clients */
slice_end thread_meta_inst(mu_thread *thread, const mu_ir_inst *inst);
/* Loads what `load` says, if it is its turn; else it was called away. */
slice_end thread_load(mu_thread *thread);
/* Takes a thread out of those that wait to load, if it is there. VM's lock held. */
bool thread_stop_queueing_to_load(mu_thread *thread);
/* Begins the program's own trap handler, which there is. */
slice_end thread_handle_own_trap(mu_thread *thread, const mu_ir_version *version,
                                 const mu_ir_inst *trap);

/* Loads a graph when it is this thread's turn; it goes in any case. */
slice_end thread_load_graph(mu_thread *thread, mu_irbuilder_graph *graph);
/* Raises BUNDLE_REFUSED with this message. */
slice_end thread_refuse(mu_thread *thread, const char *why);
/* The same with the report's first line; frees the report. */
slice_end thread_refuse_reported(mu_thread *thread, mu_status status, mu_report *report);

/* ---- native_frames.c: C functions, and those that C calls */
/* Exposes a function to C under a cookie, until vm_unexpose or the VM's end. C may call the address
 * in a CCALL of this VM, on the thread that is in it; any other call ends the process with a
 * diagnostic.
 * Errors: NOT_ALLOWED without the grant `native`; NOT_FOUND, no such function; UNSUPPORTED, its
 * signature has types that are not passed to C; LIMIT, too many, or the code cache is full. From
 * any thread. */
MU_MUST_CHECK mu_status vm_expose(mu_vm *vm, uint64_t function, uint64_t cookie,
                                  uintptr_t *address);
/* Errors: NOT_FOUND when vm_expose has not given the address, or it was unexposed. A callback under
 * way goes on. */
MU_MUST_CHECK mu_status vm_unexpose(mu_vm *vm, uintptr_t address);
/* The address of a .expose of a bundle that the VM has loaded; it is not unexposed. */
uintptr_t vm_exposed_address(const mu_ir_expose *expose);
mu_jit_called_fn vm_called_by_c;
slice_end thread_native_stack(mu_thread *thread);
slice_end thread_ccall(mu_thread *thread);
slice_end thread_ccall_done(mu_thread *thread);
slice_end thread_callback(mu_thread *thread);
slice_end thread_callback_return(mu_thread *thread);
slice_end thread_native_inst(mu_thread *thread, const mu_ir_inst *inst);
/* The stack is bound to a thread: whose calls of C are from now on that thread's. */
void vm_stack_bind_native(mu_thread *thread);
/* Gives the C stack back, with whatever C frames are on it; VM's lock held or world stopped. */
void vm_stack_drop_native(mu_vm *vm, vm_stack *stack);
/* The callback whose return the native frame waits for; `sp` is where its return address is. */
const mu_jit_callback *vm_callback_at(uintptr_t sp);

/* ---- function_code.c */
/* The entry of a function's newest version, or hidden one, compiled if need be; the VM is charged
 * for it once, and its table leads there from then on. Without the VM's lock. Errors: LIMIT;
 * NO_MEMORY, and what it exceeds. */
MU_MUST_CHECK mu_status vm_compile(mu_vm *vm, mu_ir_version *version, vm_quota *exceeded,
                                   const void **entry);

/* What code the VM may still have; and takes it for code that its table does not lead to yet, or
 * says what stands in the way. The lock is held for the latter. */
mu_jit_room vm_code_room(mu_vm *vm);
vm_quota vm_charge_code(mu_vm *vm, mu_jit_room taken);

/* Where in its bundle an instruction of compiled code is. */
mu_code_locate_fn vm_code_source;

/* ---- tiers.c */
/* At a yieldpoint: the functions that the thread is in get warmer. */
void thread_warm(mu_thread *thread);
/* Of the pool: asks the thread of this task to do so. */
void thread_ask_warmth(mu_task *task);

/* ---- vm_load.c */
/* Host memory of a table of functions with so many entries. */
uint64_t vm_table_bytes(uint32_t capacity);
/* Builds, verifies and publishes a bundle as mu_vm_load does a text; the graph goes in any case.
 * Errors, threads: as mu_vm_load. */
MU_MUST_CHECK mu_status vm_load_graph(mu_vm *vm, mu_irbuilder_graph *graph, const char *name,
                                      mu_report *report, mu_load_info *info);

/* ---- irbuilder_insts.c */
/* mu_irbuilder_perform on the VM's builder, whoever calls: a thread of the VM, a client's context,
 * the process. Operands and errors are as there; any thread, in the world or not, without the VM's
 * lock; quick.
 */
MU_MUST_CHECK mu_status vm_irbuilder_perform(mu_vm *vm, uint32_t op, const uint64_t *operands,
                                             uint32_t operand_count, const char *name,
                                             size_t name_length, mu_report *report,
                                             uint64_t *result);
/* load_bundle_from_node: what mu_vm_load does with a text, errors and threads as there; out of the
 * world. All nodes of the bundle are gone afterwards, also on an error but the one that `node` is
 * no bundle (INVALID). `info` may be NULL. */
MU_MUST_CHECK mu_status vm_load_built(mu_vm *vm, uint64_t node, const char *name, mu_report *report,
                                      mu_load_info *info);
slice_end thread_irbuilder_inst(mu_thread *thread, const mu_ir_inst *inst);

/* ---- wide_ints.c */
/* Does the operation that abi.site_inst names, on memory. */
slice_end thread_memory_inst(mu_thread *thread);

/* ---- cursors.c: frame cursors and on-stack replacement */
slice_end thread_cursor_inst(mu_thread *thread, const mu_ir_inst *inst);
/* A cursor at the top of a parked stack, or where another is. `stackref` and `from` are read after
 * the allocation, which may collect, so they are roots. Errors: OUT_OF_MEMORY; NULL_DEREFERENCE;
 * STACK_STATE, also of a cursor that is stale or closed. */
mu_guest_error vm_cursor_new(mu_thread *thread, const uint64_t *stackref, uint64_t *result);
mu_guest_error vm_cursor_copy(mu_thread *thread, const uint64_t *from, uint64_t *result);
/* What one operand does: NEXT_FRAME, CLOSE_CURSOR, POP_FRAMES_TO; CUR_… give an id. */
mu_guest_error vm_cursor_use(mu_vm *vm, uintptr_t cursor, mu_ir_comminst what, uint64_t *result);
mu_guest_error vm_push_frame(mu_thread *thread, uintptr_t stack, uint64_t function);
/* The keep-alive values of the cursor's frame, good while the VM's lock is held. */
typedef struct vm_frame_values {
    uint32_t count;
    const mu_code_object *object;
    const mu_code_site *site;
    uintptr_t frame;
} vm_frame_values;
mu_guest_error vm_cursor_values(mu_vm *vm, uintptr_t cursor, vm_frame_values *values);
const void *vm_frame_value(const vm_frame_values *values, uint32_t index, mu_ir_type **type);

/* ---- stack_replacement.c */
/* Sets what a frame that waits at this site wants. */
void vm_stack_wait_at(const mu_code_object *object, const mu_code_site *site, stack_state *state);
/* Pushes a frame for the newest version of `func` on a parked stack, to begin; `thread` does it.
 * Errors: STACK_STATE when its results are not what the stack waits for, STACK_OVERFLOW. VM's lock
 * held. */
mu_guest_error vm_stack_push(mu_thread *thread, vm_stack *stack, const mu_ir_func *func);
/* Of a trapped thread: the state it would go on in, whose `wanted` and nothing else counts what is
 * pushed; then going into it. VM's lock held. Errors: INVALID, LIMIT. */
MU_MUST_CHECK mu_status thread_plan_replacement(mu_thread *thread,
                                                const mu_replacement *replacement,
                                                stack_state *state, mu_report *report);
void thread_apply_replacement(mu_thread *thread, const mu_replacement *replacement,
                              stack_state *state);
/* ---- frames.c */
/* Where a keep-alive value of a trapped thread's frame is, and its variable; NULL: there is none.
 * VM's lock held. */
const void *thread_keepalive(const mu_thread *thread, uint32_t frame, uint32_t index,
                             const mu_ir_variable **variable);

/* Puts a thread whose state has just become RUNNING into the queue. VM's lock held. */
void thread_submit(mu_thread *thread);
/* The same for one that made room. */
void thread_submit_again(mu_thread *thread);

/* ---- thread_end.c: cancel, kill, budgets */
/* At a yieldpoint: ends the thread, or throws at it, if somebody wants that. */
slice_end thread_heed(mu_thread *thread);
/* Brings a thread of which something is wanted to where it heeds that, whatever it waits for. VM's
 * lock held. */
void thread_rouse(mu_thread *thread);
/* Ends the accounting of its slice, before anybody else may have the thread. VM's lock held. */
void thread_end_slice(mu_thread *thread);
/* At the beginning of a slice: has it asked when its budget is used up. */
void thread_set_alarm(mu_thread *thread);
/* Of the pool: asks the thread of this task to make room. */
void thread_preempt(mu_task *task);

/* ---- profile.c */
/* The thread comes to the world, or leaves it; VM's lock held. */
void vm_profile_enter(mu_thread *thread);
void vm_profile_leave(mu_thread *thread);
/* Is a sample of the thread wanted? */
static inline bool thread_has_sample_due(const mu_thread *thread)
{
    return __atomic_load_n(&thread->samples_wanted, __ATOMIC_RELAXED);
}
/* Takes it, if what Mu code was left for is such that the frames can be walked; else later. */
void thread_sample(mu_thread *thread);

/* ---- thread_park.c */
/* Ends a slice at a trap: leaves the world, tells the handler. The thread is somebody else's
 * afterwards. */
void thread_park(mu_thread *thread);
/* Gives the stack of a trapped thread that a context has taken back to it; false: that was changed,
 * so nothing can be thrown into it. VM's lock held, quiet. */
bool thread_take_back(mu_thread *thread);
/* Lets a trapped or waiting thread run on; VM's lock held. */
void thread_wake(mu_thread *thread);

/* ---- unwind.c */
/* Throws abi.exception from the thread's top frame: it goes on at the handler, or is false when
 * there is none. */
bool thread_unwind(mu_thread *thread);
/* Notes the frames as they are, for the error's report; forgets them. */
void thread_note_frames(mu_thread *thread);
void thread_forget_frames(mu_thread *thread);
/* The first frame of a thread that is not running. */
bool thread_first_frame(const mu_thread *thread, mu_stack_cursor *cursor);

/* ---- locations.c */
/* Is there a location of type `wanted` at `offset` of the object (or global cell) at `base`? */
bool location_has_type(mu_ref base, uint64_t offset, const mu_ir_type *wanted);
/* Are there locations of type `wanted` in one array at both offsets? */
bool location_shifts(mu_ref base, uint64_t from, uint64_t to, const mu_ir_type *wanted);

/* ---- context_handles.c */
/* Shows the collector what the context of this mutator holds. World stopped. */
void vm_context_trace(mu_gc_tracer *tracer, mu_thread *mutator);

/* ---- watchpoints.c */
void vm_watchpoints_init(mu_vm *vm);
void vm_watchpoints_deinit(mu_vm *vm);
bool vm_watchpoint_is_enabled(mu_vm *vm, uint32_t id);

/* ---- values.c */
mu_type_info value_type_info(const mu_ir_type *type);
/* Stores a value into the words of a place; references come as raw. Errors: INVALID, UNSUPPORTED.
 */
MU_MUST_CHECK mu_status value_check(const mu_value *value, const mu_ir_type *type, const char *what,
                                    mu_report *report);
/* Writes a value's display form, as mu_ir_value_show does. */
void value_show(const mu_vm *vm, const mu_ir_type *type, const void *memory, char *text,
                size_t bytes);
mu_value value_from_memory(const mu_vm *vm, const mu_ir_type *type, const void *memory);
/* Writes words to the saved registers of `place`, or reads them. */
void thread_put_place(mu_thread *thread, const mu_jit_place *place, const uint64_t *words);
/* Writes a checked value there; `handle_words` are what its handle names, if it has one. */
void thread_put_value(mu_thread *thread, const mu_jit_place *place, const mu_value *value,
                      const mu_ir_type *type, const uint64_t *handle_words);
const void *thread_place_memory(const mu_thread *thread, const mu_jit_place *place);
