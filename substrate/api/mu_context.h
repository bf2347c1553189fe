#pragma once
/* A client's context (uvm-client-interface.rest, MuCtx): Mu values that somebody outside of the
 * program holds by handles, and the operations on them, performed in batches. The daemon has one
 * for each MuCtx of a client; the operations are the rows of mu_context_ops.def and of
 * irbuilder/api/mu_irbuilder_ops.def.
 *
 * A handle is a number that the caller chooses for a result, not 0; what it stands for is a root.
 * So a batch may use what its earlier operations made, and a whole conversation fits into one.
 * Values have their type: what the specification calls undefined (an operand of another type, an
 * index out of bounds, NULL, a stack in the wrong state, a handle that is not there) is an error
 * here, with the names of rows and the number of the operand in its report; it has changed nothing.
 *
 * Threads. A context is used by one caller at a time; different contexts of a VM by different OS
 * threads at once. The calls below wait while the VM's world is stopped and do not run guest code,
 * but LOAD_BUNDLE and LOAD_HAIL take as long as mu_vm_load does: not on a thread that others wait
 * for. May be called while the VM's threads run, and for a trapped thread. NEW_THREAD_… ask the
 * VM's thread hook on the caller's thread, while the VM's world cannot be stopped. */
#include "mu.h"

typedef struct mu_context mu_context;

#define MU_CONTEXT_MAX_HANDLES      (1u << 20) /* of a context; beyond it LIMIT */
#define MU_VM_MAX_CONTEXTS          1024u
#define MU_CONTEXT_MAX_VALUE_BYTES  4096u         /* of one value; beyond it LIMIT */
#define MU_CONTEXT_MAX_MEMORY_BYTES (64ull << 20) /* of all values of more than 16 bytes */

/* The VM is freed after its contexts. Errors: LIMIT, too many contexts in the VM, or its limit
 * metadata_bytes. */
MU_MUST_CHECK mu_status mu_context_new(mu_vm *vm, mu_context **context);
/* Drops its handles, pins and bundles under construction. A thread that it holds in a trap (see
 * below) must have been answered. NULL is nothing. */
void mu_context_free(mu_context *context);
/* How many handles it holds. */
uint32_t mu_context_handle_count(const mu_context *context);

typedef struct mu_context_operation {
    uint32_t op;              /* the row's number */
    uint64_t result;          /* handle of the result, free until now; of several, the first, the
                                 others follow */
    const uint64_t *operands; /* handles and integers as the row says */
    uint32_t operand_count;
    const char *bytes; /* the row's 's' */
    size_t byte_count;
} mu_context_operation;

/* What an operation with an integer or a text as result gave. */
typedef struct mu_context_answer {
    uint32_t operation; /* its number in the batch, from 0 */
    uint32_t bits;      /* TO_INT: the width; else 0 */
    uint64_t integer;   /* TO_INT: zero-extended; yes is 1; an id; how many; 0 beside a text */
    uint64_t high;      /* TO_INT: of an int wider than 64 bits */
    char *text;         /* NUL-terminated; NULL where there is none, as of what has no name */
} mu_context_answer;

/* Performs operations in their order up to the first that fails; what was done before it stays.
 *   answers       out, on an error too: one for each operation done that has an integer or a text;
 *                 freed by mu_context_answers_free
 *   failed        out, on an error only: the number of the operation
 * Errors: INVALID; STATE; NO_MEMORY for an object or stack that the quotas do not allow even after
 * a collection; NOT_ALLOWED for what needs the grant `native`; UNSUPPORTED; LIMIT; NOT_FOUND for an
 * id that nothing has. */
MU_MUST_CHECK mu_status mu_context_perform(mu_context *context,
                                           const mu_context_operation *operations, uint32_t count,
                                           mu_context_answer **answers, uint32_t *answer_count,
                                           uint32_t *failed, mu_report *report);
void mu_context_answers_free(mu_context_answer *answers, uint32_t count);

/* ------------------------------------------------------------------------------------- traps */

/* Gives the context a trapped thread to handle, as the specification has it (Trap Handling): the
 * thread is unbound, its stack waits for the trap's results, and both get handles, so that the
 * operations above can walk and rebuild the stack. The thread stays trapped until one of the next
 * two, or mu_thread_kill. mu_thread_frame goes on to see the stack's frames, mu_thread_keepalive
 * does not see their values. Errors: STATE when it is not trapped, or somebody has taken it;
 * INVALID when a handle is 0 or not free, or both are one; LIMIT; NO_MEMORY. */
MU_MUST_CHECK mu_status mu_context_take_trap(mu_context *context, mu_thread *thread,
                                             uint64_t thread_handle, uint64_t stack_handle);

typedef enum mu_trap_decision {
    MU_TRAP_EXIT,  /* the thread ends as by @uvm.thread_exit; its stack stays, if anything has it */
    MU_TRAP_PASS,  /* rebinds to `stack` with `values` */
    MU_TRAP_THROW, /* rebinds to `stack` and throws `exception` there */
} mu_trap_decision;

typedef struct mu_trap_verdict {
    mu_trap_decision decision;
    uint64_t stack;         /* handles */
    uint64_t exception;     /* 0: NULL */
    const uint64_t *values; /* handles */
    uint32_t value_count;
} mu_trap_verdict;

/* Answers the trap of a thread that this context has taken. On an error nothing has changed.
 * Errors: INVALID when a value is not of the type that the stack waits for; STATE when the stack is
 * dead or bound, or this context does not have the thread. */
MU_MUST_CHECK mu_status mu_context_answer_trap(mu_context *context, mu_thread *thread,
                                               const mu_trap_verdict *verdict, mu_report *report);
/* Puts the thread back for a moment, as it was before mu_context_take_trap, so that what is for
 * trapped threads can be used: mu_thread_frame, mu_thread_resume_in, … The context keeps the
 * handles. Errors: STATE when it does not have the thread, or the stack has changed. */
MU_MUST_CHECK mu_status mu_context_lend_trap(mu_context *context, mu_thread *thread,
                                             mu_report *report);
/* Takes a lent thread again; cursors of its stack are of no use any more. Errors: STATE when it is
 * not trapped: it was answered, or killed meanwhile; NO_MEMORY, it stays as it is. */
MU_MUST_CHECK mu_status mu_context_retake_trap(mu_context *context, mu_thread *thread);
/* Gives it back: bound again to the stack that it trapped on, if that still waits as it did then,
 * as before mu_context_take_trap; else it is killed. Nothing, when it does not have the thread. */
void mu_context_return_trap(mu_context *context, mu_thread *thread);
