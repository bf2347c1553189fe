/* Contexts on OS threads of their own, a program's threads and collections, all at once on one VM:
 * objects are made and changed through shared cells, threads are made, trapped, taken, walked and
 * answered, contexts come and go. A plain program for ThreadSanitizer. */
#include "mu.h"
#include "mu_context.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
#define MU_CONTEXT(name, number, text, operands, result) CTX_##name = number,
#include "mu_context_ops.def"
#undef MU_CONTEXT
};
enum { CLIENTS = 3, ROUNDS = 200, ADDS = 40, COLLECTIONS = 600, SEQ_CST = 6, RMW_ADD = 1 };

static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @box = struct<@i64 @i64> .typedef @ref = ref<@box>\n"
    ".typedef @void = void .typedef @rv = ref<@void> .typedef @iref = iref<@i64>\n"
    ".global @count <@i64> .global @shared <@ref> .global @inner <@iref>\n"
    ".const @0 <@i64> = 0 .const @1 <@i64> = 1 .funcsig @i_v = (@i64) -> ()\n"
    ".funcdef @work VERSION %v1 <@i_v> {\n"
    "  %entry(<@i64> %n): BRANCH %head(%n)\n"
    "  %head(<@i64> %n): %z = EQ <@i64> %n @0 BRANCH2 %z %done(%n) %body(%n)\n"
    "  %body(<@i64> %n): %r = NEW <@box> %i = GETIREF <@box> %r\n"
    "    %f = GETFIELDIREF <@box 1> %i STORE SEQ_CST <@iref> @inner %f\n"
    "    STORE SEQ_CST <@ref> @shared %r\n"
    "    %old = ATOMICRMW SEQ_CST ADD <@i64> @count @1\n"
    "    %m = SUB <@i64> %n @1 BRANCH %head(%m)\n"
    "  %done(<@i64> %n): TRAP <> KEEPALIVE (%n) COMMINST @uvm.thread_exit }\n";

typedef struct race {
    mu_vm *vm;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    mu_thread *trapped[CLIENTS * ROUNDS];
    uint32_t trapped_count, taken_count, finished;
} race;

static void check(bool claim, const char *what)
{
    if (!claim) {
        fprintf(stderr, "race_context: not so: %s\n", what);
        exit(1);
    }
}

/* ---- threads */

static void on_trapped(mu_thread *thread, void *context)
{
    race *self = context;
    pthread_mutex_lock(&self->lock);
    self->trapped[self->trapped_count++] = thread;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static void on_finished(mu_thread *thread, void *context)
{
    race *self = context;
    mu_thread_free(thread);
    pthread_mutex_lock(&self->lock);
    self->finished++;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static mu_thread_callbacks on_made(mu_thread *thread, const mu_function *function, void *context)
{
    (void)thread;
    (void)function;
    return (mu_thread_callbacks){on_trapped, on_finished, context};
}

static mu_thread *next_trapped(race *self)
{
    pthread_mutex_lock(&self->lock);
    while (self->trapped_count == self->taken_count) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    mu_thread *thread = self->trapped[self->taken_count++];
    pthread_mutex_unlock(&self->lock);
    return thread;
}

/* ---- a client */

typedef struct client {
    mu_context *context;
    uint64_t next;
} client;

static uint64_t perform(client *self, uint32_t op, const uint64_t *operands, uint32_t count,
                        const char *bytes)
{
    mu_context_operation operation = {.op = op,
                                      .result = ++self->next,
                                      .operands = operands,
                                      .operand_count = count,
                                      .bytes = bytes,
                                      .byte_count = bytes ? strlen(bytes) : 0};
    mu_context_answer *answers;
    uint32_t answer_count, failed;
    mu_report *report = mu_report_new();
    mu_status status =
        mu_context_perform(self->context, &operation, 1, &answers, &answer_count, &failed, report);
    char *text = mu_report_text(report);
    check(status == MU_OK, text);
    uint64_t integer = answer_count ? answers[0].integer : 0;
    mu_context_answers_free(answers, answer_count);
    mu_free(text);
    mu_report_free(report);
    return answer_count && op != CTX_CMPXCHG && op != CTX_DUMP_KEEPALIVES ? integer : self->next;
}
#define DO(self, op, ...)                                                                          \
    perform((self), CTX_##op, (const uint64_t[]){__VA_ARGS__},                                     \
            sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), NULL)

static uint64_t id_of(client *self, const char *name)
{
    return perform(self, CTX_ID_OF, NULL, 0, name);
}

static void use_memory(client *self)
{
    uint64_t one = DO(self, FROM_INT, 64, 1, 0);
    uint64_t cell = DO(self, FROM_GLOBAL, id_of(self, "@count"));
    uint64_t shared = DO(self, FROM_GLOBAL, id_of(self, "@shared"));
    uint64_t inner = DO(self, FROM_GLOBAL, id_of(self, "@inner"));
    uint64_t type = id_of(self, "@box");
    for (int i = 0; i < ADDS; i++) {
        uint64_t object = DO(self, NEW_FIXED, type);
        uint64_t field = DO(self, GET_FIELD_IREF, DO(self, GET_IREF, object), 1);
        DO(self, STORE, SEQ_CST, shared, object);
        DO(self, ATOMICRMW, SEQ_CST, 0, inner, field);
        uint64_t place = DO(self, LOAD, SEQ_CST, inner);
        DO(self, ATOMICRMW, SEQ_CST, RMW_ADD, place, one);
        uint64_t other = DO(self, LOAD, SEQ_CST, shared);
        DO(self, CMPXCHG, SEQ_CST, SEQ_CST, 0, shared, other, object);
        DO(self, ATOMICRMW, SEQ_CST, RMW_ADD, cell, one);
        DO(self, DELETE_VALUE, object);
    }
}

static void start_thread(client *self)
{
    uint64_t callee = DO(self, FROM_FUNC, id_of(self, "@work"));
    uint64_t stack = DO(self, NEW_STACK, callee);
    DO(self, NEW_THREAD_NOR, stack, 0, 1, DO(self, FROM_INT, 64, ADDS, 0));
}

/* Some threads die while they are taken, some are given back and taken again. */
static void handle_trap(race *all, client *self, int round)
{
    mu_thread *thread = next_trapped(all);
    uint64_t threadref = self->next + 1;
    uint64_t stack = self->next + 2;
    self->next += 2;
    check(mu_context_take_trap(self->context, thread, threadref, stack) == MU_OK, "a trap");
    uint64_t cursor = DO(self, NEW_CURSOR, stack);
    check(DO(self, CUR_INST, cursor) == 0 || DO(self, CUR_FUNC, cursor) != 0, "a frame");
    DO(self, DUMP_KEEPALIVES, cursor);
    if (round % 4 == 0) {
        mu_context_return_trap(self->context, thread);
        self->next += 2;
        check(mu_context_take_trap(self->context, thread, self->next - 1, self->next) == MU_OK,
              "a trap that was given back");
    }
    mu_trap_verdict verdict = {.decision = round % 2 ? MU_TRAP_PASS : MU_TRAP_EXIT, .stack = stack};
    if (round % 5 == 0) {
        mu_thread_kill(thread);
    } else {
        check(mu_context_answer_trap(self->context, thread, &verdict, NULL) == MU_OK, "an answer");
    }
}

static void *run_client(void *context)
{
    race *all = context;
    for (int round = 0; round < ROUNDS; round++) {
        client self = {0};
        check(mu_context_new(all->vm, &self.context) == MU_OK, "a context");
        start_thread(&self);
        use_memory(&self);
        if (round % 10 == 0) {
            char text[64];
            snprintf(text, sizeof text, ".const @c%p.%d <@i64> = 1", (void *)&self, round);
            perform(&self, CTX_LOAD_BUNDLE, NULL, 0, text);
        }
        handle_trap(all, &self, round);
        mu_context_free(self.context);
    }
    return NULL;
}

static void *collect(void *context)
{
    race *self = context;
    for (int i = 0; i < COLLECTIONS; i++) {
        mu_vm_collect(self->vm);
        (void)mu_vm_get_stats(self->vm);
    }
    return NULL;
}

int main(void)
{
    mu_substrate_config config = {.workers = 2, .gc_verify = true};
    mu_vm_config vm_config = {.limits.heap_bytes = 8u << 20};
    mu_substrate *substrate;
    race self = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t clients[CLIENTS], collector;
    check(mu_substrate_new(&config, NULL, &substrate) == MU_OK, "a substrate is made");
    check(mu_vm_new(substrate, &vm_config, &self.vm) == MU_OK, "a VM is made");
    mu_vm_set_thread_hook(self.vm, &(mu_vm_thread_hook){on_made, &self});
    check(mu_vm_load(self.vm, "race", bundle, strlen(bundle), NULL, NULL) == MU_OK, "a bundle");
    for (int i = 0; i < CLIENTS; i++) {
        check(pthread_create(&clients[i], NULL, run_client, &self) == 0, "a thread starts");
    }
    check(pthread_create(&collector, NULL, collect, &self) == 0, "a thread starts");
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i], NULL);
    }
    pthread_join(collector, NULL);
    client last = {0};
    check(mu_context_new(self.vm, &last.context) == MU_OK, "a context");
    uint64_t cell = DO(&last, FROM_GLOBAL, id_of(&last, "@count"));
    uint64_t count = DO(&last, TO_INT, DO(&last, LOAD, SEQ_CST, cell));
    check(count == (uint64_t)2 * CLIENTS * ROUNDS * ADDS, "no addition is lost");
    mu_context_free(last.context);
    mu_vm_free(self.vm);
    check(self.finished == CLIENTS * ROUNDS, "every thread has ended");
    mu_substrate_free(substrate);
    return 0;
}
