#pragma once
/* A VM with a client's context for one test, and short ways to write operations: each is performed
 * at once, with the heap collected before the next. */
#include "mu.h"
#include "mu_context.h"

#include <pthread.h>

enum {
#define MU_CONTEXT(name, number, text, operands, result) CTX_##name = number,
#include "mu_context_ops.def"
#undef MU_CONTEXT
};

/* muapi.h's flags. */
enum { NOT_ATOMIC, RELAXED, CONSUME, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST };
enum { XCHG, ADD, SUB, AND, NAND, OR, XOR, MAX, MIN, UMAX, UMIN };

typedef struct context_fixture {
    mu_substrate *substrate;
    mu_vm *vm;
    mu_context *context;
    mu_report *report;
    bool is_quiet;            /* no collections between operations */
    uint64_t next;            /* handle of the next result */
    mu_context_answer answer; /* of the last operation; zero without one */
    char text[3000];          /* of the last answer */
    /* Threads that the program or the context makes, under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t trapped, finished;
    mu_thread *last_trapped;
} context_fixture;

typedef struct context_settings {
    uint64_t heap_bytes; /* 0: 16 MiB */
    bool grant_native;
} context_settings;

void context_fixture_open(context_fixture *self, const char *bundle, context_settings settings);
/* Ends every thread first. */
void context_fixture_close(context_fixture *self);

/* Performs one operation, which must succeed. Returns its handle, or its integer when it gives no
 * handle. */
uint64_t context_do(context_fixture *self, uint32_t op, const uint64_t *operands, uint32_t count);
/* The same with bytes. */
uint64_t context_do_bytes(context_fixture *self, uint32_t op, const char *bytes);
/* One that must fail with this status and a message that contains `words`; handles are as before.
 */
void context_refused(context_fixture *self, mu_status status, const char *words, uint32_t op,
                     const uint64_t *operands, uint32_t count);
/* The same two with operands and bytes. */
uint64_t context_do_path(context_fixture *self, uint32_t op, const uint64_t *operands,
                         uint32_t count, const char *path);
void context_path_refused(context_fixture *self, mu_status status, const char *words, uint32_t op,
                          const uint64_t *operands, uint32_t count, const char *path);
#define DO(self, op, ...)                                                                          \
    context_do((self), CTX_##op, (const uint64_t[]){__VA_ARGS__},                                  \
               sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
#define REFUSED(self, status, words, op, ...)                                                      \
    context_refused((self), (status), (words), CTX_##op, (const uint64_t[]){__VA_ARGS__},          \
                    sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

uint64_t context_id(context_fixture *self, const char *name);
/* A handle of an int<bits>, and the integer of one. */
uint64_t context_int(context_fixture *self, uint32_t bits, uint64_t value);
uint64_t context_int_of(context_fixture *self, uint64_t handle);
/* Checks that a thread that was made waits in a trap or has finished, `count` times in all. */
mu_thread *context_wait_trapped(context_fixture *self, uint32_t count);
void context_wait_finished(context_fixture *self, uint32_t count);
/* A thread on a new stack for a function, with values of these handles; gives the threadref. */
uint64_t context_start(context_fixture *self, const char *function, const uint64_t *values,
                       uint32_t count);
/* The name of what the id of the last answer is of. */
const char *context_name(context_fixture *self, uint64_t id);
