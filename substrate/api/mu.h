#pragma once
/* The substrate's face: what guests and the daemon see of it. One `mu_substrate` per process holds
 * what all VMs share (blocks, compiled code, the worker pool); a `mu_vm` is one program with its
 * own heap, globals and function table; a `mu_thread` is a Mu thread with its stack. A Mu thread is
 * not an OS thread: it runs on some worker, and while it waits (for a trap handler, or at a futex)
 * it occupies none.
 *
 * Threads. Every function may be called from any OS thread, unless it says otherwise, and none of
 * them waits for guest code to end but mu_vm_free and mu_substrate_free. Those that look at or
 * change a VM's threads wait while its world is being stopped, so for a collection at most.
 * Callbacks come on worker threads; they must be quick and must not call mu_vm_free or
 * mu_substrate_free.
 */
#include "mu_base.h"

typedef struct mu_substrate mu_substrate;
typedef struct mu_vm mu_vm;
typedef struct mu_thread mu_thread;
typedef struct mu_function mu_function; /* a function of a VM; borrowed, lives as long as the VM */

/* ---------------------------------------------------------------------------------- substrate */

/* When functions are compiled by the optimising tier. */
typedef enum mu_tiers {
    MU_TIERS_HOT, /* when they have been found running a few times, beside the program */
    MU_TIERS_NEVER,
    MU_TIERS_ALWAYS, /* at once, where that tier knows all that they have; for tests */
    MU_TIERS_EAGER,  /* as HOT, but every yieldpoint counts; for tests */
} mu_tiers;

typedef struct mu_substrate_config {
    uint32_t workers;    /* OS threads that run guests; 0: one a core */
    uint64_t code_bytes; /* of the code cache; 0: 256 MiB */
    bool perf_map;       /* /tmp/perf-PID.map */
    bool jitdump;        /* /tmp/jit-PID.dump */
    bool gdb;            /* the GDB JIT interface */
    bool gc_stress;      /* collect at every allocation */
    bool gc_verify;      /* check heaps after every collection */
    bool gc_concurrent;  /* mark old objects beside the program at every opportunity */
    bool gc_report;      /* say on stderr what long stops spent their time on */
    mu_tiers tiers;
    bool yield_stress; /* make room, and go on on another worker, at every yieldpoint */
} mu_substrate_config;
/* The settings of the environment: MU_GC_STRESS, MU_GC_VERIFY, MU_GC_CONCURRENT, MU_YIELD_STRESS,
 * MU_GC_REPORT, MU_PERF_MAP, MU_JITDUMP, MU_GDB (each "1"), MU_WORKERS (a number), MU_TIERS ("hot",
 * "never", "always" or "eager"). */
mu_substrate_config mu_substrate_config_from_environment(void);
/* Errors: SYSTEM when the machine gives no executable memory or threads. */
MU_MUST_CHECK mu_status mu_substrate_new(const mu_substrate_config *config, mu_report *report,
                                         mu_substrate **substrate);
void mu_substrate_free(mu_substrate *substrate);           /* all VMs are gone */
uint64_t mu_substrate_heap_bytes(mu_substrate *substrate); /* blocks and large objects in use */
uint64_t mu_substrate_code_bytes(mu_substrate *substrate);
/* What the workers have done. */
typedef struct mu_substrate_stats {
    uint64_t slices;       /* of threads and jobs, that began */
    uint64_t worker_moves; /* slices of threads that began on another worker than the one before */
    uint64_t preemptions;  /* how often a thread was asked to make room */
} mu_substrate_stats;
mu_substrate_stats mu_substrate_get_stats(mu_substrate *substrate);
/* Runs `job(context)` once on a worker. For work such as parsing that must not hold up a caller. */
void mu_substrate_submit(mu_substrate *substrate, void (*job)(void *context), void *context);

/* ----------------------------------------------------------------------------------------- VMs */

/* What a VM may have; 0 stands for the default. Each limit is hard: what would exceed it is
 * refused, in this VM alone, with a message that names the limit, its value and what can be done.
 * In a program that is the guest error OUT_OF_MEMORY (STACK_OVERFLOW for depth); a function of this
 * interface answers LIMIT or NO_MEMORY. Garbage is collected first where that may help. */
typedef struct mu_vm_limits {
    uint64_t heap_bytes;  /* blocks of objects and large objects; from 1 MiB to 64 TiB */
    uint64_t stack_bytes; /* depth of one stack, in whole pages; from 64 KiB to 1 GiB */
    uint64_t
        stacks_bytes; /* all stacks together, as far as their frames have reached, and whole stacks
                         of C; at least 8 KiB; the default is the heap's limit at that time */
    uint32_t stacks;  /* how many there are */
    uint32_t threads; /* made and not finished: of the program, of calls and of clients */
    /* Machine code of the functions that the VM has called. Code is shared among VMs that have
     * loaded the same; each is charged for all that it uses. */
    uint64_t code_bytes;
    /* All other memory that is held for the VM: its bundles in memory and their texts, what is
     * known about its code, tables, threads and stacks (but what they hold), contexts, bundles
     * under construction. What VMs share is charged to each. substrate/vm/README.md lists it. */
    uint64_t metadata_bytes;
    uint32_t context_handles; /* values that contexts hold, of all contexts together */
} mu_vm_limits;
#define MU_VM_DEFAULT_HEAP_BYTES      (256ull << 20)
#define MU_VM_DEFAULT_STACK_BYTES     (1ull << 20)
#define MU_VM_DEFAULT_STACKS          (1u << 20)
#define MU_VM_DEFAULT_THREADS         4096u
#define MU_VM_DEFAULT_CODE_BYTES      (64ull << 20)
#define MU_VM_DEFAULT_METADATA_BYTES  (1ull << 30)
#define MU_VM_DEFAULT_CONTEXT_HANDLES (1u << 20)

typedef struct mu_vm_config {
    mu_vm_limits limits;
    bool grant_native;  /* the unsafe native interface */
    uint32_t cpu_share; /* see mu_vm_set_cpu_share; 0: the default; at most MU_VM_MAX_CPU_SHARE */
} mu_vm_config;
/* Errors: INVALID, a limit or a share that cannot be one. */
MU_MUST_CHECK mu_status mu_vm_new(mu_substrate *substrate, const mu_vm_config *config, mu_vm **vm);
/* Changes limits; those that are 0 stay. Where more is used than is allowed now, nothing is taken
 * away, and what asks for more fails until it fits. Stacks that are there grow no deeper than they
 * could when they were made. Any thread, at any time; waits for a collection at most. Errors:
 * INVALID, a limit that cannot be one; then nothing has changed. */
MU_MUST_CHECK mu_status mu_vm_set_limits(mu_vm *vm, const mu_vm_limits *limits, mu_report *report);
mu_vm_limits mu_vm_get_limits(mu_vm *vm);
/* Kills what still runs, waits for it to be gone, frees everything. Thread objects must have been
 * freed or be finished; finished ones are freed with it. Its contexts (mu_context.h) have been
 * freed. Not from a callback. */
void mu_vm_free(mu_vm *vm);

/* What becomes of threads that the program makes itself (NEWTHREAD): the hook is called on a worker
 * before such a thread starts, and gives the callbacks it is to have (see mu_thread_start; none may
 * be NULL). The thread is then the hook's, to free once it has finished. Without a hook they free
 * themselves, and a trap in them is the guest error TRAP_HANDLER_GONE. `function` is the one at the
 * bottom of the thread's stack. The hook must be quick and must not wait: the VM's world does not
 * stop meanwhile. */
typedef struct mu_thread_callbacks {
    void (*trapped)(mu_thread *thread, void *context);
    void (*finished)(mu_thread *thread, void *context);
    void *context;
} mu_thread_callbacks;
typedef mu_thread_callbacks mu_thread_made_fn(mu_thread *thread, const mu_function *function,
                                              void *context);
typedef struct mu_vm_thread_hook {
    mu_thread_made_fn *made;
    void *context;
} mu_vm_thread_hook;
/* Before the VM's first thread. */
void mu_vm_set_thread_hook(mu_vm *vm, const mu_vm_thread_hook *hook);

typedef struct mu_load_info {
    uint32_t functions_defined;
} mu_load_info;
/* Loads a text bundle: parses, verifies, links, publishes everything at once. On failure nothing
 * has changed. New versions of existing functions take effect for calls that begin afterwards. name
 * for messages, such as a file name report  every error found info    out; may be NULL Errors:
 * INVALID, UNSUPPORTED, NOT_ALLOWED, LIMIT. May be called while the VM's threads run, and from a
 * trap handler. Takes time in proportion to the text; waits for the VM's threads to reach a
 * yieldpoint for a moment. */
MU_MUST_CHECK mu_status mu_vm_load(mu_vm *vm, const char *name, const char *text, size_t length,
                                   mu_report *report, mu_load_info *info);

/* Performs a script of the Heap Allocation and Initialisation Language (hail.rest), in text form,
 * on what the VM has loaded: makes its objects, then initialises objects and global cells. What no
 * global cell refers to afterwards is garbage. `name` is for messages, such as a file name; `text`
 * is borrowed for the call; `report` gets every error found, with line and column.
 *
 * Everything is checked before anything is done, and the VM's threads stand still from the first
 * object to the last store: they see all of the script or, after an error, nothing.
 *
 * Errors: INVALID; UNSUPPORTED for the binary form; LIMIT for a script beyond the limits of
 * mu_hail.h; NO_MEMORY for an object that the heap's quota does not allow, even after a collection:
 * the report has its name and place.
 *
 * May be called while the VM's threads run, and from a trap handler, as mu_vm_load may; waits for
 * other loads into the VM and for its threads to reach a yieldpoint. Takes time in proportion to
 * the text and to the bytes of its objects; the threads wait for a part of that, in which nothing
 * is parsed. */
MU_MUST_CHECK mu_status mu_vm_load_hail(mu_vm *vm, const char *name, const char *text,
                                        size_t length, mu_report *report);

/* The IR builder (irbuilder.rest): bundles made by calls. Performs the function of the number `op`
 * of irbuilder/api/mu_irbuilder_ops.def, but load_bundle_from_node.
 *   operands  as its row says: nodes by number (0: NULL), integers, flags of muapi.h; a list as its
 *             count and its items
 *   name      not NUL-terminated; of set_name
 *   result    out: the number of a node, or the integer; 0 where there is none
 * Errors: INVALID and LIMIT, with the operand in the report; then nothing has changed. Any thread,
 * also while the VM's threads run and from a trap handler; quick. What is not loaded goes with the
 * VM. */
MU_MUST_CHECK mu_status mu_vm_irbuilder_perform(mu_vm *vm, uint32_t op, const uint64_t *operands,
                                                uint32_t operand_count, const char *name,
                                                size_t name_length, mu_report *report,
                                                uint64_t *result);
/* load_bundle_from_node: loads what was built under this node, as mu_vm_load does a text: errors,
 * threads and time are as there. The node and all others of its bundle are gone afterwards, also on
 * an error. `name` is for messages; `info` may be NULL. */
MU_MUST_CHECK mu_status mu_vm_load_built(mu_vm *vm, uint64_t node, const char *name,
                                         mu_report *report, mu_load_info *info);

/* A histogram of times: bucket i counts those from 2^i nanoseconds to below 2^(i + 1); the last one
 * whatever is longer. */
#define MU_TIME_BUCKETS 36
typedef struct mu_times {
    uint64_t buckets[MU_TIME_BUCKETS];
    uint64_t longest_ns;
    uint64_t total_ns;
} mu_times;

typedef struct mu_vm_stats {
    uint64_t heap_quota_bytes, heap_used_bytes, heap_live_bytes, collections, young_collections,
        markings, collected_ns, longest_collection_ns;
    mu_times stops;         /* how long the VM's world stood still, for collections and loads */
    mu_times to_safepoints; /* how long it took to stop */
    uint64_t threads_running, threads_trapped, threads_waiting, threads_finished;
    uint32_t bundles, functions;
    /* What is used of the limits of these names; of heap_bytes, heap_used_bytes. */
    uint64_t stacks_bytes, code_bytes, metadata_bytes;
    uint32_t stacks, threads, context_handles;
    uint64_t cpu_ns; /* time of workers: for its threads, its collections, marking its heap */
    uint32_t cpu_share;
} mu_vm_stats;
mu_vm_stats mu_vm_get_stats(mu_vm *vm);

/* For a caller that must not wait while the VM's world is stopped, such as the loop of a server. As
 * long as the VM is kept calm, none of the functions that look at or change its threads waits, and
 * what wants to stop the world does: so not for long. Not to be called between the two: what stops
 * the world itself (loads, mu_vm_collect, mu_vm_free). Any thread.
 *
 * mu_vm_try_calm gives false, and keeps nothing calm, when the world is stopped or about to be.
 * mu_vm_calm_later then calls `granted` once, as soon as the world runs again, before the next stop
 * and with the VM kept calm; on whatever thread that is, or before it returns. One at a time of a
 * VM may wait so, and the VM must not be freed meanwhile. Each calm is ended by mu_vm_end_calm. */
typedef void mu_vm_calm_fn(void *context);
bool mu_vm_try_calm(mu_vm *vm);
void mu_vm_calm_later(mu_vm *vm, mu_vm_calm_fn *granted, void *context);
void mu_vm_end_calm(mu_vm *vm);

/* The VM's weight among VMs that want to run: when there are too few workers, each has time in
 * proportion to its weight, as far as it has threads enough for that. A VM that did not run does
 * not save up time. 0 is the default, and more than MU_VM_MAX_CPU_SHARE that. At any time. */
#define MU_VM_DEFAULT_CPU_SHARE 1u
#define MU_VM_MAX_CPU_SHARE     1000u
void mu_vm_set_cpu_share(mu_vm *vm, uint32_t share);
/* Collects the heap now. May be called from a trap handler; waits for the VM's running threads to
 * reach a yieldpoint. */
void mu_vm_collect(mu_vm *vm);

/* Enables all watchpoints of this id in the VM, or disables them again: those in what is loaded now
 * and later. An evaluation that begins after the call has returned sees it; one that waits in a
 * trap goes on as enabled. At once and without stopping anybody; also from a trap handler. What is
 * so already is no error. Errors: INVALID for the id 0; LIMIT beyond MU_VM_MAX_WATCHPOINTS ids.
 * Spec: instruction-set.rest, WATCHPOINT. */
#define MU_VM_MAX_WATCHPOINTS 65536u
MU_MUST_CHECK mu_status mu_vm_enable_watchpoint(mu_vm *vm, uint32_t id);
MU_MUST_CHECK mu_status mu_vm_disable_watchpoint(mu_vm *vm, uint32_t id);

/* The function with this global name (the leading '@' may be left out), or with an id as "#65540",
 * which is also how one without a name is called everywhere; or NULL. */
mu_function *mu_vm_find_function(mu_vm *vm, const char *name);
/* Functions in the order of their definition; `index` below mu_vm_stats.functions. NULL past the
 * end. */
mu_function *mu_vm_function_at(mu_vm *vm, uint32_t index);
const char *mu_function_name(const mu_function *function);
/* Name of the newest version; NULL when only declared. Borrowed. */
const char *mu_function_version(mu_vm *vm, const mu_function *function);
/* "(int<64> int<64>) -> (int<64>)"; the caller frees with mu_free. */
char *mu_function_signature(const mu_function *function);
uint32_t mu_function_param_count(const mu_function *function);
uint32_t mu_function_result_count(const mu_function *function);

/* -------------------------------------------------------------------------------------- values */

typedef enum mu_value_kind {
    MU_VALUE_INT,     /* int<bits> in `integer`, zero-extended */
    MU_VALUE_FLOAT,   /* `single_value` */
    MU_VALUE_DOUBLE,  /* `double_value` */
    MU_VALUE_POINTER, /* uptr, ufuncptr in `integer` */
    MU_VALUE_REF,     /* ref: `is_null`, `handle` */
    MU_VALUE_IREF,    /* iref: the same */
    MU_VALUE_FUNCREF, /* `integer` is 0 or the function's number, `text` its name */
    /* tagref64: `text` says what it holds. One is given as a DOUBLE, an INT of 52 bits or a REF,
     * whose tag is then 0, or as the `handle` of a keep-alive. */
    MU_VALUE_TAGREF64,
    /* An int of more than 64 bits, a composite, or an opaque reference: `text` is its display form,
     * "{1, 2.5, {3, null}}", cut short if need be. One is given as a `literal` of that form. */
    MU_VALUE_OTHER,
} mu_value_kind;

/* A handle to a reference of a trapped thread, in one of its MU_HANDLE_FRAMES innermost frames:
 * valid until the thread goes on. */
#define MU_HANDLE_FRAMES 64u
typedef struct mu_handle {
    uint32_t frame;     /* 0 is the innermost */
    uint32_t keepalive; /* index in the frame's keep-alive list */
} mu_handle;

typedef struct mu_value {
    mu_value_kind kind;
    uint32_t bits; /* INT */
    bool is_null;  /* REF, IREF, FUNCREF */
    bool is_fresh; /* REF, as an exception to throw: a new object of type void */
    uint64_t integer;
    float single_value;
    double double_value;
    mu_handle handle;
    char text[256];      /* OTHER, FUNCREF, TAGREF64 */
    const char *literal; /* OTHER, when it is given: borrowed for the call; see mu_ir_value_read */
} mu_value;

/* A type as far as values of it can be made outside. */
typedef struct mu_type_info {
    mu_value_kind kind;
    uint32_t bits;
} mu_type_info;
mu_type_info mu_function_param_type(const mu_function *function, uint32_t index);
mu_type_info mu_function_result_type(const mu_function *function, uint32_t index);
/* Display form ("int<64>"); caller frees with mu_free. */
char *mu_function_param_text(const mu_function *function, uint32_t index);
char *mu_function_result_text(const mu_function *function, uint32_t index);

/* The machine code of a function's newest version, and which instruction each part of it is of:
 * from a line's offset up to the next line's. */
typedef struct mu_code_part {
    uint32_t offset_bytes;
    const char *block; /* global name; NULL, as is the text: what stands apart, for rare cases */
    char *text;        /* the instruction */
} mu_code_part;
typedef struct mu_function_code {
    const char *version; /* global name; borrowed from the VM */
    uint64_t address;
    unsigned char *bytes;
    uint32_t size_bytes;
    mu_code_part *lines;
    uint32_t line_count;
} mu_function_code;
/* Compiles it if need be, which may take a while: not on a thread that others wait for. The caller
 * frees `code` with mu_function_code_free, before the VM. Errors: STATE when no version is loaded;
 * LIMIT when it cannot be compiled. */
MU_MUST_CHECK mu_status mu_function_get_code(mu_vm *vm, const mu_function *function,
                                             mu_report *report, mu_function_code **code);
void mu_function_code_free(mu_function_code *code);

/* ------------------------------------------------------------------------------------- threads */

typedef enum mu_thread_state {
    MU_THREAD_NEW,
    MU_THREAD_RUNNING, /* or waiting for a worker */
    MU_THREAD_TRAPPED,
    MU_THREAD_WAITING, /* in the queue of a futex */
    MU_THREAD_FINISHED,
} mu_thread_state;

typedef enum mu_outcome {
    MU_OUTCOME_RETURNED, /* the bottom function returned: results */
    MU_OUTCOME_EXITED,   /* @uvm.thread_exit */
    MU_OUTCOME_ERROR,    /* mu_thread_error tells: an uncaught exception or a guest error */
    MU_OUTCOME_KILLED,
} mu_outcome;

/* Called when the thread has trapped: it waits until mu_thread_resume, _throw or _kill, which the
 * callback may call itself; whoever calls, the thread does not run on, nor finish, before the
 * callback has returned. Called again at each trap. A program that has set a trap handler of its
 * own
 * (@uvm.meta.set_trap_handler) handles its traps itself, and this is not called. */
typedef void mu_thread_trapped_fn(mu_thread *thread, void *context);
/* Called once, when the thread has finished; the callback may free the thread. */
typedef void mu_thread_finished_fn(mu_thread *thread, void *context);

/* A thread that will call `function` with `arguments`. The arguments are checked against the
 * signature: ints must fit the width (as signed or unsigned), references must be NULL. Errors:
 * INVALID with a report that shows the signature; UNSUPPORTED for parameter types that cannot be
 * made from outside; NO_MEMORY without memory for a stack. */
MU_MUST_CHECK mu_status mu_thread_new(mu_vm *vm, const mu_function *function,
                                      const mu_value *arguments, uint32_t argument_count,
                                      mu_report *report, mu_thread **thread);
/* Starts it; callbacks may come before this returns. */
void mu_thread_start(mu_thread *thread, mu_thread_trapped_fn *trapped,
                     mu_thread_finished_fn *finished, void *context);
/* Kills it: no handler of the guest sees it, and it finishes as KILLED at its next yieldpoint or at
 * once when trapped or waiting, also for a worker: it goes before other threads. While it is in a C
 * function that is when that returns. Later calls do nothing. */
void mu_thread_kill(mu_thread *thread);
/* Cancels it: throws the guest error CANCELLED at its next yieldpoint, or out of what it waits for
 * (a futex, a trap, also one that a context has taken, a load). The program may catch it, once; a
 * thread that has not finished `grace_ns` nanoseconds later is killed. One whose trap a context has
 * taken and whose stack it has changed is killed at once, there being nothing to throw into. Later
 * calls only shorten the grace. Does nothing to a finished thread. */
void mu_thread_cancel(mu_thread *thread, uint64_t grace_ns);
/* Time of workers that ran it, so far. Collections that it does count, too. */
uint64_t mu_thread_cpu_ns(mu_thread *thread);
/* When mu_thread_cpu_ns has come to `cpu_ns`, the thread ends with the guest error CPU_BUDGET,
 * which no handler of the program sees, at a yieldpoint within about a slice of 5 ms. 0: no budget.
 * May be changed at any time before it has finished. */
void mu_thread_set_cpu_budget(mu_thread *thread, uint64_t cpu_ns);
/* Frees a thread that is new or finished. */
void mu_thread_free(mu_thread *thread);

mu_thread_state mu_thread_get_state(mu_thread *thread);
mu_vm *mu_thread_vm(mu_thread *thread);

/* Of a finished thread. */
mu_outcome mu_thread_outcome(mu_thread *thread);
/* RETURNED: the results; `index` below mu_function_result_count. */
mu_value mu_thread_result(mu_thread *thread, uint32_t index);
typedef struct mu_thread_error {
    const char *kind;    /* "EXCEPTION", "DIVISION_BY_ZERO", … */
    const char *message; /* a sentence; borrowed from the thread */
} mu_thread_error;
mu_thread_error mu_thread_get_error(mu_thread *thread);

/* Frames: of a trapped or waiting thread, innermost first (one that waits may run on at any time);
 * of one that finished with an error, as they were where it was thrown, without values, at most
 * MU_ERROR_FRAMES. */
#define MU_ERROR_FRAMES 64
#define MU_FRAME_NATIVE "native" /* the name of frames of C code, between Mu code's */
typedef struct mu_frame {
    const char *function;    /* "@gcd" */
    const char *version;     /* "@gcd.v1"; NULL for an undefined function */
    const char *instruction; /* global name; NULL when it has none */
    mu_location where;       /* in the bundle's text */
    const char *bundle;      /* the name it was loaded by */
    uint32_t keepalive_count;
    bool is_native; /* C code that was called and has called back; it has no version */
} mu_frame;
uint32_t mu_thread_frame_count(mu_thread *thread);
/* Borrowed strings, valid as long as the VM. */
MU_MUST_CHECK mu_status mu_thread_frame(mu_thread *thread, uint32_t index, mu_frame *frame);
/* A keep-alive value of a trapped thread's frame; `name` is the variable's global name. */
MU_MUST_CHECK mu_status mu_thread_keepalive(mu_thread *thread, uint32_t frame, uint32_t index,
                                            mu_value *value, const char **name);
/* Display form of its type; caller frees with mu_free. */
char *mu_thread_keepalive_type(mu_thread *thread, uint32_t frame, uint32_t index);

/* What a trapped thread waits for. */
typedef struct mu_trap_info {
    bool is_undefined_function; /* the call of a function without a version */
    uint32_t result_count;
    uint32_t watchpoint; /* the id of the WATCHPOINT; 0: a TRAP */
} mu_trap_info;
mu_trap_info mu_thread_trap(mu_thread *thread);
mu_type_info mu_thread_trap_result_type(mu_thread *thread, uint32_t index);
char *mu_thread_trap_result_text(mu_thread *thread, uint32_t index); /* caller frees */
/* Goes on with these values as the trap's results; `count` 0 stands for zeros and NULLs of any
 * result types. Errors: INVALID when they do not fit; STATE when the thread is not trapped. */
MU_MUST_CHECK mu_status mu_thread_resume(mu_thread *thread, const mu_value *values, uint32_t count,
                                         mu_report *report);
/* Goes on by throwing `exception` (a REF: NULL, fresh, or a handle) out of the trap. */
MU_MUST_CHECK mu_status mu_thread_throw(mu_thread *thread, const mu_value *exception,
                                        mu_report *report);
/* On-stack replacement (threads-stacks.rest): frames to pop from a trapped thread's stack,
 * innermost first, then functions to push, outermost first, each to begin at its newest version and
 * to return to the one before; the thread waits for what the new top frame wants. Frames that have
 * not begun are not among those of mu_thread_frame. A frame of C code cannot be popped, nor what is
 * below it. */
typedef struct mu_replacement {
    uint32_t pops;
    const mu_function *const *pushes;
    uint32_t push_count;
} mu_replacement;
/* What the thread would wait for; the caller frees `types` with mu_free. Errors: INVALID when the
 * frames or the functions' results do not fit; LIMIT; STATE. */
MU_MUST_CHECK mu_status mu_thread_wants_after(mu_thread *thread, const mu_replacement *replacement,
                                              mu_report *report, mu_type_info **types,
                                              uint32_t *count);
/* mu_thread_resume and mu_thread_throw into the frames after the replacement, in one step: on an
 * error nothing has changed. Handles are those of the frames before it. */
MU_MUST_CHECK mu_status mu_thread_resume_in(mu_thread *thread, const mu_replacement *replacement,
                                            const mu_value *values, uint32_t count,
                                            mu_report *report);
MU_MUST_CHECK mu_status mu_thread_throw_in(mu_thread *thread, const mu_replacement *replacement,
                                           const mu_value *exception, mu_report *report);
/* The same with a guest error of kind TRAP_HANDLER_GONE. */
MU_MUST_CHECK mu_status mu_thread_throw_handler_gone(mu_thread *thread);
