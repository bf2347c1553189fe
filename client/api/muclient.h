#pragma once
/* libmuclient: talk to a running mud from C. Its other face, the C interface of the Mu
 * specification, is in muapi.h and muclient_mu.h.
 *
 *     muclient *client = NULL;
 *     muclient_reply *reply = NULL;
 *     muclient_error *error = NULL;
 *     if (muclient_connect(NULL, &client, &error) == MUCLIENT_OK) {
 *         muclient_value arguments[] = {{.kind = MUCLIENT_TEXT, .text = "1071"},
 *                                       {.kind = MUCLIENT_TEXT, .text = "462"}};
 *         muclient_call_spec spec = {.vm = "gcd", .function = "gcd",
 *                                    .arguments = arguments, .argument_count = 2};
 *         if (muclient_call(client, &spec, &reply, &error) == MUCLIENT_OK) {
 *             use(muclient_reply_returned(reply)->results[0].integer);
 *         }
 *     }
 *     muclient_error_free(error);  muclient_reply_free(reply);  muclient_close(client);
 *
 * Calls block. Several requests can be on their way at once: muclient_call_start sends one, and
 * muclient_wait waits for its reply while it takes in all others and runs the trap handler.
 *
 * Errors: a function that can fail returns a muclient_code. Unless `error` is NULL, a failure
 * stores an error there, which the caller frees; nothing is stored on success. Other outputs are
 * untouched on failure. After UNAVAILABLE the connection is of no more use than to be closed.
 *
 * Ownership: a reply or an error owns every text and array reached through it. What is passed in
 * is only read during the call, unless said otherwise.
 *
 * Threads: a connection belongs to one thread at a time; different connections are independent.
 * No signal is handled and no global state is kept.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MUCLIENT_MUST_CHECK __attribute__((warn_unused_result))

/* --- Codes --- */

typedef enum muclient_code {
    MUCLIENT_OK = 0,
    MUCLIENT_UNKNOWN = 1,
    MUCLIENT_INVALID_ARGUMENT = 2,
    MUCLIENT_UNAVAILABLE = 3, /* no mud there, or it went away */
    MUCLIENT_NOT_FOUND = 4,
    MUCLIENT_ALREADY_EXISTS = 5,
    MUCLIENT_FAILED_PRECONDITION = 6,
    MUCLIENT_PERMISSION_DENIED = 7,
    MUCLIENT_BUNDLE_REJECTED = 8, /* the error has diagnostics */
    MUCLIENT_GUEST_EXCEPTION = 9, /* the error has a kind and frames */
    MUCLIENT_RESOURCE_EXHAUSTED = 10,
    MUCLIENT_CANCELLED = 11,
    MUCLIENT_DEADLINE_EXCEEDED = 12,
    MUCLIENT_KILLED = 13,
    MUCLIENT_INTERNAL = 14,
    MUCLIENT_INTERRUPTED = 100, /* the wake descriptor became readable; the request goes on */
} muclient_code;

/* "NOT_FOUND". Static storage. */
const char *muclient_code_name(muclient_code code);
/* The exit status that muctl ends with for this code. */
int muclient_code_exit_status(muclient_code code);

/* Texts from mud may hold any character. This writes one so that it can be shown on a terminal in
 * one line (control characters and bytes that are not UTF-8 become \n, \t, \x1b); like snprintf it
 * writes at most `capacity` bytes and returns the whole length. */
size_t muclient_text_clean(char *out, size_t capacity, const char *text);
/* The length of the UTF-8 character at `text`, 0 when it is not well-formed. */
size_t muclient_utf8_length(const char *text);

/* --- What replies, errors and traps are made of. Texts are never NULL. --- */

typedef enum muclient_kind {
    MUCLIENT_TEXT,    /* to mud only: read by the parameter's type: "1071", "0xff", "2.5", "null" */
    MUCLIENT_INTEGER, /* `integer`, zero-extended; the width is in the type */
    MUCLIENT_FLOAT,   /* `single` */
    MUCLIENT_DOUBLE,  /* `real` */
    MUCLIENT_REFERENCE, /* `reference` */
    MUCLIENT_OPAQUE,    /* from mud only: `text` is a display form */
} muclient_kind;

/* A reference is null, fresh, or names a keep-alive of the trap that is being handled. */
typedef struct muclient_reference {
    bool null;
    bool fresh;         /* to mud only: a new object of type void, to be thrown */
    uint32_t frame;     /* 0 is the innermost */
    uint32_t keepalive; /* index within the frame */
} muclient_reference;

typedef struct muclient_value {
    muclient_kind kind;
    const char *type; /* from mud: "int<64>", "ref<@Node>"; may be NULL towards mud */
    union {
        const char *text;
        uint64_t integer;
        float single;
        double real;
        muclient_reference reference;
    };
} muclient_value;

typedef struct muclient_location {
    const char *file;
    uint32_t line; /* from 1; 0: not at a place */
    uint32_t column;
} muclient_location;

typedef struct muclient_diagnostic {
    const char *kind; /* "INVALID", "UNSUPPORTED" */
    const char *message;
    muclient_location location;
} muclient_diagnostic;

typedef struct muclient_keepalive {
    const char *name; /* "@gcd.v1.head.a" */
    muclient_value value;
} muclient_keepalive;

typedef struct muclient_frame {
    const char *function;    /* "@gcd" */
    const char *version;     /* "@gcd.v1"; empty for an undefined function */
    const char *instruction; /* empty when it has no name */
    muclient_location location;
    const muclient_keepalive *keepalives;
    size_t keepalive_count;
} muclient_frame;

/* --- Errors --- */

typedef struct muclient_error muclient_error;

muclient_code muclient_error_code(const muclient_error *error);
const char *muclient_error_message(const muclient_error *error); /* one line: what happened */
const char *muclient_error_hint(const muclient_error *error);    /* what to do; may be empty */
/* Of a guest exception: "EXCEPTION", "STACK_OVERFLOW", …; else empty. */
const char *muclient_error_kind(const muclient_error *error);
/* Of a refused bundle. */
const muclient_diagnostic *muclient_error_diagnostics(const muclient_error *error, size_t *count);
/* Of a guest exception, innermost first. */
const muclient_frame *muclient_error_frames(const muclient_error *error, size_t *count);
void muclient_error_free(muclient_error *error); /* NULL is allowed */

/* --- Replies --- */

typedef struct muclient_loaded {
    const char *vm;
    const char *bundle;
    uint32_t version; /* 1 for the first load of the name */
    const char *digest;
    uint32_t functions;
} muclient_loaded;

typedef struct muclient_returned {
    uint64_t call;
    const muclient_value *results;
    size_t result_count;
    bool exited; /* the thread ended by itself: there are no results */
    uint64_t wall_us;
    uint64_t cpu_us; /* of workers that ran it */
} muclient_returned;

typedef struct muclient_vm_info {
    const char *name;
    const char *guest;
    uint64_t heap_used_bytes;
    uint64_t heap_quota_bytes;
    uint64_t collections;
    uint64_t calls_running;
    uint64_t calls_trapped;
    uint64_t calls_done;
    bool handler_attached;
    const uint64_t *calls; /* numbers of calls that run or wait in a trap, for muclient_call_kill */
    size_t call_count;
    uint64_t contexts; /* of clients and of traps */
    uint64_t context_handles;
} muclient_vm_info;

typedef struct muclient_bundle_info {
    const char *vm;
    const char *guest;
    const char *bundle;
    uint32_t version;
    const char *digest;
    uint64_t bytes;
    uint32_t functions;
    uint64_t loaded_ms_ago;
} muclient_bundle_info;

typedef struct muclient_function_info {
    const char *name;
    const char *version; /* empty when only declared */
    const char *signature;
} muclient_function_info;

/* What a VM may use at most. To mud, 0: the default, or unchanged. */
typedef struct muclient_vm_limits {
    uint64_t heap_bytes;
    uint64_t calls;        /* of clients, that run or wait at once */
    uint64_t output_bytes; /* that one call or thread sends to clients: results, events of traps */
    uint64_t stack_bytes;  /* how deep one stack may become */
    uint64_t stacks_bytes; /* all stacks together, as far as their frames have reached */
    uint64_t stacks;       /* how many there are */
    uint64_t threads;      /* of the program, of calls and of contexts, not finished */
    uint64_t code_bytes;   /* machine code of the functions that it has called */
    uint64_t metadata_bytes;  /* all else that is held for it: bundles, tables, contexts */
    uint64_t context_handles; /* values that contexts hold */
    uint64_t cpu_share;       /* weight among VMs that want to run, 1 to 1000; the default is 1 */
} muclient_vm_limits;

/* Of muclient_vm_set. */
typedef struct muclient_vm_settings {
    const char *name;
    const char *guest;
    muclient_vm_limits limits; /* as they are now */
    bool grant_native;
} muclient_vm_settings;

/* A histogram: buckets[i] counts times from 2^i nanoseconds to below 2^(i + 1); the last one
 * whatever is longer. */
typedef struct muclient_times {
    const uint64_t *buckets;
    size_t bucket_count;
    uint64_t longest_ns;
    uint64_t total_ns;
} muclient_times;

/* How calls have ended; refused ones never began. */
typedef struct muclient_call_counts {
    uint64_t returned;
    uint64_t failed;  /* GUEST_EXCEPTION, FAILED_PRECONDITION, … */
    uint64_t limited; /* RESOURCE_EXHAUSTED */
    uint64_t late;    /* DEADLINE_EXCEEDED */
    uint64_t cancelled;
    uint64_t killed;
    uint64_t refused; /* the VM had as many as it may */
} muclient_call_counts;

typedef struct muclient_vm_stats {
    const char *name;
    const char *guest;
    muclient_vm_limits limits;
    uint64_t heap_used_bytes;
    uint64_t heap_live_bytes; /* as the last collection of the whole heap found */
    uint64_t young_collections;
    uint64_t full_collections;
    uint64_t markings; /* beside the program */
    uint64_t collected_ns;
    muclient_times stops;         /* how long the VM's world stood still */
    muclient_times to_safepoints; /* how long it took to stop */
    uint64_t calls_running;
    uint64_t calls_trapped;
    muclient_call_counts calls;
    uint64_t threads; /* not finished: of the program, of calls and of contexts */
    uint64_t threads_finished;
    uint64_t contexts;
    uint64_t context_handles;
    uint64_t output_bytes; /* sent by all its calls and threads */
    uint64_t bundles;
    uint64_t functions;
    uint64_t stacks_bytes; /* used of the limits of these names */
    uint64_t stacks;
    uint64_t code_bytes;
    uint64_t metadata_bytes;
    uint64_t cpu_ns; /* of workers: for its threads, its collections, marking its heap */
} muclient_vm_stats;

/* A call that has not ended, or a thread of a program. */
typedef struct muclient_call_info {
    uint64_t call; /* its number */
    const char *vm;
    const char *function; /* that it began with */
    bool made_by_program; /* a thread */
    const char *state;    /* "running", "trapped", "waiting", "cancelled", "ending" */
    uint64_t age_us;
    uint64_t cpu_us; /* of workers that ran it */
    bool has_deadline;
    uint64_t deadline_left_us;
    uint64_t client_pid; /* 0: a thread's */
    const char *client;
} muclient_call_info;

/* Of muclient_list_calls. */
typedef struct muclient_call_listing {
    const muclient_call_info *calls; /* by number */
    size_t call_count;
    bool more; /* behind the last */
} muclient_call_listing;

/* Of muclient_list, and of muclient_inspect with one VM. */
typedef struct muclient_listing {
    const muclient_vm_info *vms;
    size_t vm_count;
    const muclient_bundle_info *bundles;
    size_t bundle_count;
    const muclient_function_info *functions; /* of muclient_inspect only */
    size_t function_count;
    bool more; /* VMs behind the last */
} muclient_listing;

typedef struct muclient_thread_trace {
    uint64_t call;
    const char *function;         /* that it began with */
    bool made_by_program;         /* NEWTHREAD */
    const char *state;            /* "running", "trapped", "waiting" */
    const muclient_frame *frames; /* innermost first, without values; none of a running one */
    size_t frame_count;
    bool more_frames;
} muclient_thread_trace;

/* Of muclient_backtrace. */
typedef struct muclient_backtraces {
    const muclient_thread_trace *threads;
    size_t thread_count;
    bool more; /* threads than are listed */
} muclient_backtraces;

typedef struct muclient_code_line {
    uint32_t offset;   /* in the code; up to the next line's */
    const char *block; /* empty: what stands apart, for rare cases */
    const char *text;  /* the instruction */
} muclient_code_line;

/* Of muclient_get_code: x86-64. */
typedef struct muclient_function_code {
    const char *version;
    uint64_t address;
    const uint8_t *bytes;
    size_t byte_count;
    const muclient_code_line *lines;
    size_t line_count;
    bool cut; /* there is more */
} muclient_function_code;

/* A function that was seen on stacks, called by its parent's. */
typedef struct muclient_profile_node {
    size_t parent;        /* 1 + the index of its caller's node, which is smaller; 0: the bottom */
    const char *function; /* "@gcd.v1", "native", "[deeper]" below 512 frames */
    const char *file;     /* the name of its bundle; may be empty */
    uint64_t line;        /* 0: not known, or not asked for */
    uint64_t samples;     /* in which it was the innermost */
} muclient_profile_node;

/* Of a profile. */
typedef struct muclient_profile {
    const char *vm;
    uint64_t samples;       /* in all */
    uint64_t others;        /* of these, of stacks for which there was no room in the tree */
    uint64_t ticks;         /* of the profile's clock */
    uint64_t stopped_ticks; /* of these, while the VM's world was stopped, as for collections */
    uint64_t wall_us;
    const muclient_profile_node *nodes;
    size_t node_count;
} muclient_profile;

/* Of muclient_perform: what the operations that have an integer or a text as result gave. */
typedef struct muclient_operation_answer {
    size_t operation; /* its place in the list, from 0 */
    uint64_t integer;
    const char *text; /* NULL: none */
} muclient_operation_answer;
typedef struct muclient_performed {
    const muclient_operation_answer *answers;
    size_t answer_count;
} muclient_performed;

typedef struct muclient_status_info {
    const char *version;
    uint64_t pid;
    uint64_t uptime_ms;
    const char *socket;
    uint32_t sessions;
    uint32_t vms;
    uint32_t bundles;
    uint64_t calls_running;
    uint64_t calls_trapped;
    uint64_t calls_done;
    uint64_t heap_bytes;
    uint64_t code_bytes;
    bool draining;
    uint32_t contexts;
} muclient_status_info;

/* Of muclient_stats_get. */
typedef struct muclient_stats {
    muclient_status_info status; /* of mud */
    const muclient_vm_stats *vms;
    size_t vm_count;
    bool more; /* behind the last */
} muclient_stats;

typedef struct muclient_reply muclient_reply;

/* What the reply holds; NULL when it is a reply of another kind. Borrowed from the reply. */
const muclient_loaded *muclient_reply_loaded(const muclient_reply *reply);
const muclient_returned *muclient_reply_returned(const muclient_reply *reply);
const muclient_listing *muclient_reply_listing(const muclient_reply *reply);
const muclient_function_code *muclient_reply_code(const muclient_reply *reply);
const muclient_backtraces *muclient_reply_backtraces(const muclient_reply *reply);
const muclient_status_info *muclient_reply_status(const muclient_reply *reply);
const muclient_performed *muclient_reply_performed(const muclient_reply *reply);
const muclient_vm_settings *muclient_reply_settings(const muclient_reply *reply);
const muclient_stats *muclient_reply_stats(const muclient_reply *reply);
const muclient_call_listing *muclient_reply_calls(const muclient_reply *reply);
const muclient_profile *muclient_reply_profile(const muclient_reply *reply);
uint64_t muclient_reply_ended(const muclient_reply *reply); /* of muclient_calls_kill; else 0 */
const char *muclient_reply_vm_name(const muclient_reply *reply); /* of muclient_vm_create */
void muclient_reply_free(muclient_reply *reply);                 /* NULL is allowed */

/* --- Connecting --- */

typedef struct muclient muclient;

typedef struct muclient_options {
    const char *socket;       /* NULL: see muclient_socket_path */
    const char *name;         /* what this client calls itself, for mud's log; may be NULL */
    int handshake_timeout_ms; /* 0: 10 seconds */
    int wake_fd;              /* see muclient_wake_set; 0: none */
} muclient_options;

/* Finds the socket: `given`, else $MUD_HOST ("unix:/path" or "/path"), else
 * $XDG_RUNTIME_DIR/mud/mud.sock, else /run/mud/mud.sock; the third only if it is there or the
 * fourth is not. `path` is the caller's, for free(). Errors: INVALID_ARGUMENT. */
MUCLIENT_MUST_CHECK muclient_code muclient_socket_path(const char *given, char **path,
                                                       muclient_error **error);
/* Connects and greets. `options` may be NULL. Errors: UNAVAILABLE, INVALID_ARGUMENT,
 * PERMISSION_DENIED, FAILED_PRECONDITION (another version of the protocol), INTERRUPTED. */
MUCLIENT_MUST_CHECK muclient_code muclient_connect(const muclient_options *options, muclient **out,
                                                   muclient_error **error);
/* Closes and frees the connection; calls that run go on or end as mud decides. NULL is allowed.
 * Not from within a trap handler. */
void muclient_close(muclient *client);
/* While `fd` (a signalfd, a pipe, an eventfd) is readable, every wait ends with INTERRUPTED. The
 * library never reads from it. Negative: none. */
void muclient_wake_set(muclient *client, int fd);
const char *muclient_path(const muclient *client);        /* of the socket */
const char *muclient_server_name(const muclient *client); /* "mud 0.1.0" */
uint64_t muclient_server_pid(const muclient *client);
bool muclient_is_server_going(const muclient *client); /* mud said that it is shutting down */

/* --- Bundles and VMs --- */

typedef struct muclient_load_spec {
    const char *vm;      /* made when absent */
    const char *bundle;  /* NULL: the VM's name */
    const char *file;    /* what messages call the text; may be NULL */
    const char *guest;   /* NULL: found by the file's name and content */
    uint64_t heap_bytes; /* of a VM that is made now; 0: the default */
    bool grant_native;   /* the VM's code may use pointers and call C; see muclient_vm_create */
} muclient_load_spec;

/* Gives the next bytes of the bundle: their count, 0 at the end, negative to give up. */
typedef ssize_t (*muclient_read_fn)(void *data, uint8_t *bytes, size_t capacity);

/* Loads a bundle, in pieces as `read` gives them; nothing is loaded unless all arrives.
 * Errors: BUNDLE_REJECTED, RESOURCE_EXHAUSTED, CANCELLED (`read` gave up), … */
MUCLIENT_MUST_CHECK muclient_code muclient_load_stream(muclient *client,
                                                       const muclient_load_spec *spec,
                                                       muclient_read_fn read, void *data,
                                                       muclient_reply **reply,
                                                       muclient_error **error);
MUCLIENT_MUST_CHECK muclient_code muclient_load_bytes(muclient *client,
                                                      const muclient_load_spec *spec,
                                                      const void *bytes, size_t length,
                                                      muclient_reply **reply,
                                                      muclient_error **error);
typedef struct muclient_vm_spec {
    const char *name;  /* NULL: mud makes one up, and the VM goes when this connection does */
    const char *guest; /* NULL: the Mu IR */
    bool grant_native; /* its code may use pointers and call C functions; PERMISSION_DENIED unless
                          mud was started with --allow-native */
    muclient_vm_limits limits;
} muclient_vm_spec;
MUCLIENT_MUST_CHECK muclient_code muclient_vm_create(muclient *client, const muclient_vm_spec *spec,
                                                     muclient_reply **reply,
                                                     muclient_error **error);
/* Changes limits of a VM, also while it runs; the reply has all of them as they are then, so with
 * no change it is a question. A limit below what is in use takes nothing away: what asks for more
 * fails until it fits. Errors: INVALID_ARGUMENT for one that no VM may have; then none is changed.
 */
MUCLIENT_MUST_CHECK muclient_code muclient_vm_set(muclient *client, const char *vm,
                                                  const muclient_vm_limits *limits,
                                                  muclient_reply **reply, muclient_error **error);
/* Without `force` a VM with running calls stays (FAILED_PRECONDITION). */
MUCLIENT_MUST_CHECK muclient_code muclient_vm_remove(muclient *client, const char *vm, bool force,
                                                     muclient_error **error);
/* The VMs whose names come after `after` (NULL: all), in that order, with their bundles; as many as
 * fit well into a frame. When the listing says that there are more, ask on after the last one. */
MUCLIENT_MUST_CHECK muclient_code muclient_list(muclient *client, const char *after,
                                                muclient_reply **reply, muclient_error **error);
/* How VMs are doing, in numbers: one, or with `vm` NULL all whose names come after `after`, of
 * which there may be more, as in muclient_list. */
MUCLIENT_MUST_CHECK muclient_code muclient_stats_get(muclient *client, const char *vm,
                                                     const char *after, muclient_reply **reply,
                                                     muclient_error **error);
MUCLIENT_MUST_CHECK muclient_code muclient_inspect(muclient *client, const char *vm,
                                                   muclient_reply **reply, muclient_error **error);
/* The machine code of a function's newest version, which is compiled if it was not. Errors:
 * NOT_FOUND; FAILED_PRECONDITION when no version is loaded. */
MUCLIENT_MUST_CHECK muclient_code muclient_get_code(muclient *client, const char *vm,
                                                    const char *function, muclient_reply **reply,
                                                    muclient_error **error);
/* What the calls of a VM are at, and the threads that they made. */
MUCLIENT_MUST_CHECK muclient_code muclient_backtrace(muclient *client, const char *vm,
                                                     muclient_reply **reply,
                                                     muclient_error **error);
/* Samples the stacks of a VM's running threads. */
typedef struct muclient_profile_spec {
    const char *vm;
    uint64_t duration_ms; /* 1 to 3,600,000 */
    uint32_t hz;          /* samples a second of a thread that runs all the time: 1 to 10,000 */
    bool lines;           /* tell lines of a function apart */
} muclient_profile_spec;
/* Begins a profile; its reply comes to muclient_wait(client, *request, …) when it is over. Errors
 * come there, too: NOT_FOUND; INVALID_ARGUMENT; FAILED_PRECONDITION when the VM is being profiled;
 * RESOURCE_EXHAUSTED when four are; CANCELLED when the VM is removed meanwhile. */
MUCLIENT_MUST_CHECK muclient_code muclient_profile_start(muclient *client,
                                                         const muclient_profile_spec *spec,
                                                         uint64_t *request, muclient_error **error);
/* Ends a profile of this connection before its time: its reply has what there is. Errors: NOT_FOUND
 * when it has ended. */
MUCLIENT_MUST_CHECK muclient_code muclient_profile_end(muclient *client, const char *vm,
                                                       muclient_error **error);
/* Collects the VM's garbage now. */
MUCLIENT_MUST_CHECK muclient_code muclient_collect(muclient *client, const char *vm,
                                                   muclient_error **error);

/* Enables all watchpoints of the id in the VM, or disables them; also while its calls run. An
 * enabled one traps, and the trap has the id. Errors: INVALID_ARGUMENT for the id 0;
 * RESOURCE_EXHAUSTED when the VM has too many. */
MUCLIENT_MUST_CHECK muclient_code muclient_watch(muclient *client, const char *vm,
                                                 uint32_t watchpoint, bool enabled,
                                                 muclient_error **error);

/* --- Calls --- */

typedef struct muclient_call_spec {
    const char *vm;
    const char *function; /* with or without its "@" */
    const muclient_value *arguments;
    size_t argument_count;
    uint64_t timeout_ms;  /* 0: none */
    uint64_t cpu_us;      /* processor time that it may use; 0: any */
    bool log_traps;       /* each trap comes to this connection's handler, already resumed */
    bool check_arguments; /* only check them, do not run */
} muclient_call_spec;

/* Calls a function and waits. Errors: GUEST_EXCEPTION, DEADLINE_EXCEEDED, KILLED, INVALID_ARGUMENT
 * (the arguments do not fit), INTERRUPTED (the call goes on and its reply is dropped), … */
MUCLIENT_MUST_CHECK muclient_code muclient_call(muclient *client, const muclient_call_spec *spec,
                                                muclient_reply **reply, muclient_error **error);
/* Sends a call; `request` is for muclient_wait. */
MUCLIENT_MUST_CHECK muclient_code muclient_call_start(muclient *client,
                                                      const muclient_call_spec *spec,
                                                      uint64_t *request, muclient_error **error);
/* The number of a started call, for muclient_call_kill; 0 while mud has not said it yet. */
uint64_t muclient_call_number(const muclient *client, uint64_t request);
/* The reply has arrived, so that muclient_wait would not block. */
bool muclient_is_answered(const muclient *client, uint64_t request);
/* Waits for a request's reply and gives it out, once; runs the trap handler meanwhile. After
 * INTERRUPTED the request is still there and may be waited for again. */
MUCLIENT_MUST_CHECK muclient_code muclient_wait(muclient *client, uint64_t request,
                                                muclient_reply **reply, muclient_error **error);
/* Nobody will wait for this request: its reply is dropped when it comes. */
void muclient_forget(muclient *client, uint64_t request);
/* Kills a call of this or another client. */
MUCLIENT_MUST_CHECK muclient_code muclient_call_kill(muclient *client, uint64_t call,
                                                     muclient_error **error);

/* Cancels a call of this or another client: throws CANCELLED in it, which it may catch. When it has
 * not ended `grace_ms` later (0: one second, at most a day) it is killed; cancelling it again can
 * only shorten that. */
MUCLIENT_MUST_CHECK muclient_code muclient_call_cancel(muclient *client, uint64_t call,
                                                       uint64_t grace_ms, muclient_error **error);
/* Kills all calls of a VM, and the threads that its program and contexts made; the reply says how
 * many that were. */
MUCLIENT_MUST_CHECK muclient_code muclient_calls_kill(muclient *client, const char *vm,
                                                      muclient_reply **reply,
                                                      muclient_error **error);
/* The calls and threads that have not ended, of one VM or of all (`vm` NULL), whose numbers are
 * above `after`; of which there may be more, as in muclient_list. */
MUCLIENT_MUST_CHECK muclient_code muclient_list_calls(muclient *client, const char *vm,
                                                      uint64_t after, muclient_reply **reply,
                                                      muclient_error **error);

/* --- The daemon --- */

MUCLIENT_MUST_CHECK muclient_code muclient_status(muclient *client, muclient_reply **reply,
                                                  muclient_error **error);
MUCLIENT_MUST_CHECK muclient_code muclient_shutdown(muclient *client, bool now,
                                                    muclient_error **error);

/* --- Traps --- */

typedef enum muclient_trap_kind {
    MUCLIENT_TRAP = 0,
    MUCLIENT_UNDEFINED_FUNCTION = 1,
} muclient_trap_kind;

typedef struct muclient_trap {
    uint64_t id;
    uint64_t call;
    const char *vm;
    muclient_trap_kind kind;
    const char *const *result_types; /* what resuming must give */
    size_t result_count;
    const muclient_frame *frames; /* innermost first */
    size_t frame_count;
    bool more_frames;    /* than are listed */
    bool resumed;        /* only told (log_traps): the answer is not used */
    uint32_t watchpoint; /* id of the WATCHPOINT; 0: a TRAP */
    uint64_t context;    /* for muclient_perform, with muclient_trap_attach_contexts; else 0 */
    const char *refusal; /* why mud did not take the last answer, else empty; it wants another */
} muclient_trap;

/* Handles that a trap's context has from the start. */
enum { MUCLIENT_TRAP_THREAD = 1, MUCLIENT_TRAP_STACK = 2 };

typedef enum muclient_action {
    MUCLIENT_RESUME = 0,
    MUCLIENT_THROW = 1,
    MUCLIENT_KILL = 2,
    MUCLIENT_LEAVE = 3, /* no answer: it waits until this connection detaches or closes; then mud
                           does as was said on attaching */
    /* Of a trap with a context only. */
    MUCLIENT_EXIT = 4,  /* the thread ends, as by thread_exit */
    MUCLIENT_PASS = 5,  /* the thread goes on at the stack with `handles` */
    MUCLIENT_RAISE = 6, /* the same, and throws `exception_handle` there */
} muclient_action;

typedef enum muclient_on_disconnect {
    MUCLIENT_DISCONNECT_RESUME = 0, /* with zeros and NULLs */
    MUCLIENT_DISCONNECT_THROW = 1,
    MUCLIENT_DISCONNECT_KILL = 2,
} muclient_on_disconnect;

typedef struct muclient_answer {
    muclient_action action;
    const muclient_value
        *values; /* RESUME: one for each result type, or none for zeros and NULLs */
    size_t value_count;
    muclient_reference exception; /* THROW */
    /* On-stack replacement, before RESUME or THROW: frames to pop, innermost first, then functions
     * to push by name, outermost first. Values are those that the new top frame waits for. */
    uint32_t pops;
    const char *const *pushes;
    size_t push_count;
    /* PASS, RAISE: what a context holds. */
    const uint64_t *handles;
    size_t handle_count;
    uint64_t exception_handle; /* 0: NULL */
} muclient_answer;

/* Answers a trap. `trap` is borrowed until the handler returns. `answer` comes set to a RESUME with
 * zeros and NULLs; what it points to must stay until the handler has returned. The handler may use
 * the connection; traps that arrive meanwhile wait until it has returned. */
typedef void (*muclient_trap_fn)(void *data, muclient *client, const muclient_trap *trap,
                                 muclient_answer *answer);

/* The handler is run by whatever waits on this connection. NULL: none; traps are then dropped. */
void muclient_trap_handler_set(muclient *client, muclient_trap_fn handler, void *data);
/* Makes this connection the VM's trap handler. Errors: FAILED_PRECONDITION when there is one. */
MUCLIENT_MUST_CHECK muclient_code muclient_trap_attach(muclient *client, const char *vm,
                                                       muclient_on_disconnect on_disconnect,
                                                       muclient_error **error);
/* The same, and each trap has a context besides its frames: a handler can look at values, change
 * objects and the stack. Once it has changed the stack, only PASS, RAISE, EXIT and KILL answer. */
MUCLIENT_MUST_CHECK muclient_code muclient_trap_attach_contexts(
    muclient *client, const char *vm, muclient_on_disconnect on_disconnect, muclient_error **error);
MUCLIENT_MUST_CHECK muclient_code muclient_trap_detach(muclient *client, const char *vm,
                                                       muclient_error **error);
/* One of mud's operations on the values of a context: one for each function of MuCtx (muapi.h), by
 * its name and with its parameters, and describe, locate, fetch, read and wants (client/README.md).
 */
typedef struct muclient_operation {
    const char *name;
    uint64_t result;          /* handle of the result, chosen by the caller; 0 when it has none */
    const uint64_t *operands; /* handles and integers; a list is its count, then its items */
    size_t operand_count;
    const char *text; /* where a name, path or value is wanted; else NULL */
} muclient_operation;
/* Performs the operations in their order, up to the first that fails; what was done before it
 * stays. Errors: INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, … of that operation, which the
 * message names; NOT_FOUND also when the context has gone. */
MUCLIENT_MUST_CHECK muclient_code muclient_perform(muclient *client, uint64_t context,
                                                   const muclient_operation *operations,
                                                   size_t count, muclient_reply **reply,
                                                   muclient_error **error);
/* Answers that mud has not taken yet, among them those it refused: wait until there are none before
 * detaching. */
size_t muclient_answers_pending(const muclient *client);
/* Takes in what mud sends and runs the handler, for at most `timeout_ms` (negative: until
 * something came). OK, too, when nothing came. Errors: UNAVAILABLE, INTERRUPTED. */
MUCLIENT_MUST_CHECK muclient_code muclient_poll(muclient *client, int timeout_ms,
                                                muclient_error **error);
