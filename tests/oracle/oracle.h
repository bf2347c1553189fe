#pragma once
/* A plain reference interpreter of Mu IR: the oracle beside which compiled code is tested. It
 * shares nothing with the compiler but the IR, and is written to be obviously right rather than
 * fast.
 *
 * Every value is a byte image laid out as its type says: an SSA variable is such an image in its
 * frame, a memory location one in an object, so that a load is a copy and an aggregate needs no
 * code of its own. A reference in an image is the address of an `oracle_object`, an iref the pair
 * of that address and a byte offset, a funcref the function's number. Objects do not move; the heap
 * is collected by mark and sweep when its quota is used up. Frames live in host memory, so guest
 * recursion needs no host stack.
 *
 * Behaviour that the specification leaves undefined (an access outside of an object, a dangling
 * iref) ends the run as ORACLE_UNDEFINED: a test that meets it is wrong.
 *
 * Not thread-safe.
 */
#include "mu_abi.h"
#include "mu_ir.h"

typedef struct oracle oracle;
typedef struct oracle_object oracle_object;

typedef struct oracle_limits {
    uint64_t heap_bytes;  /* 0: 256 MiB */
    uint64_t stack_bytes; /* of each stack; 0: 1 MiB; each frame counts for ORACLE_FRAME_BYTES and
                             its variables */
    uint64_t steps;       /* instructions in one run; 0: 2,000,000,000 */
    bool trusted; /* the VM has the grant native: casts and shifts are not checked, ALLOCA is in
                     frames */
} oracle_limits;
#define ORACLE_FRAME_BYTES 48u

/* An oracle for the program that `env` is; a reference to `env` is kept. `limits` may be NULL. */
oracle *oracle_new(mu_ir_env *env, const oracle_limits *limits);
void oracle_free(oracle *self);
/* The program has grown: `env` extends the environment so far. Also from a trap handler. */
void oracle_set_env(oracle *self, mu_ir_env *env);
mu_ir_env *oracle_env(const oracle *self);
/* Who loads a bundle that the program wants loaded, by oracle_set_env. */
typedef mu_status oracle_load_fn(void *context, const char *text, size_t length);
typedef struct mu_irbuilder_graph mu_irbuilder_graph;
typedef mu_status oracle_load_built_fn(void *context, mu_irbuilder_graph *graph); /* taken */
void oracle_set_loader(oracle *self, oracle_load_fn *load, oracle_load_built_fn *load_built,
                       void *context);
/* Collects the heap. Also from a trap handler. */
void oracle_collect(oracle *self);
/* Enables a watchpoint, or disables it. Also from a trap handler. */
void oracle_watch(oracle *self, uint32_t id, bool enables);
uint64_t oracle_heap_bytes(const oracle *self);

/* A value outside: scalars only; of other composites than vectors only the type is told. */
typedef struct oracle_value {
    const mu_ir_type *type;
    uint64_t integer; /* INT, UPTR, UFUNCPTR; FUNCREF: the function's number */
    float single_value;
    double double_value;
    bool is_integer;       /* TAGREF64 given: `integer`; else, if not `is_null`, `double_value` */
    bool is_null;          /* REF, IREF, FUNCREF */
    oracle_object *object; /* REF, IREF; valid until the heap is collected */
    char text[256];        /* of any other type: its display form, as mu_value has it */
    const char *literal;   /* the same, to give one */
} oracle_value;

typedef enum oracle_answer_kind {
    ORACLE_RESUME, /* with `values`; a `count` of 0 stands for zeros and NULLs */
    ORACLE_THROW,  /* `exception`, or a new object when `is_fresh` */
    ORACLE_KILL,
} oracle_answer_kind;
#define ORACLE_MAX_VALUES 64
typedef struct oracle_answer {
    oracle_answer_kind kind;
    oracle_value values[ORACLE_MAX_VALUES];
    uint32_t count;
    bool is_fresh;
    oracle_object *exception;
} oracle_answer;

/* Called at a trap; fills `answer`, which comes zeroed. */
typedef void oracle_trapped_fn(oracle *self, void *context, oracle_answer *answer);

/* For the trap handler: the frames of the stack that trapped. */
typedef struct oracle_frame {
    const char *function;
    const char *version;     /* NULL: an undefined function */
    const char *instruction; /* NULL: has no name */
    uint32_t keepalive_count;
    bool is_native; /* C code, named "native" */
} oracle_frame;
uint32_t oracle_frame_count(const oracle *self);
oracle_frame oracle_frame_at(const oracle *self, uint32_t index); /* 0 is the innermost */
oracle_value oracle_keepalive(const oracle *self, uint32_t frame, uint32_t index);
uint32_t oracle_trap_watchpoint(const oracle *self); /* 0: a TRAP */
uint32_t oracle_trap_result_count(const oracle *self);
bool oracle_trap_is_clients(const oracle *self); /* not of a thread that the program made */
const mu_ir_type *oracle_trap_result_type(const oracle *self, uint32_t index);

typedef enum oracle_outcome {
    ORACLE_RETURNED,
    ORACLE_EXITED,
    ORACLE_ERROR, /* `error` */
    ORACLE_KILLED,
    ORACLE_UNDEFINED, /* `message` */
} oracle_outcome;
typedef struct oracle_result {
    oracle_outcome outcome;
    mu_guest_error error;
    oracle_value values[ORACLE_MAX_VALUES];
    uint32_t count;
    char message[200];
} oracle_result;
/* Calls `function` and runs until its thread is over; threads that the guest made and that still
 * run then are dropped. `trapped` is told of the traps of all of them. The arguments have the types
 * of the function's parameters. */
void oracle_run(oracle *self, const mu_ir_func *function, const oracle_value *arguments,
                oracle_trapped_fn *trapped, void *context, oracle_result *result);

/* Name of the function with this number, or NULL. */
const char *oracle_function_name(const oracle *self, uint64_t number);
