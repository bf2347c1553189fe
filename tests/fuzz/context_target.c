#include "fuzz_targets.h"

#include "mu.h"
#include "mu_context.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MOST   24u
#define LINES_MOST   300u
#define TRAPPED_MOST 64u

/* Types, functions and cells for scripts to name. */
static const char bundle[] =
    ".typedef @void = void .typedef @i6 = int<6> .typedef @i7 = int<7> .typedef @i52 = int<52>\n"
    ".typedef @i64 = int<64> .typedef @i128 = int<128> .typedef @f = float .typedef @d = double\n"
    ".typedef @tr = tagref64 .typedef @r = ref<@void> .typedef @r64 = ref<@i64>\n"
    ".typedef @i = iref<@void> .typedef @i.64 = iref<@i64> .typedef @w = weakref<@i64>\n"
    ".typedef @v4 = vector<@f 4> .typedef @st = stackref .typedef @th = threadref\n"
    ".typedef @node = struct<@i64 @rn @i.64> .typedef @rn = ref<@node>\n"
    ".typedef @child = struct<@node @d> .typedef @rc = ref<@child>\n"
    ".typedef @ten = array<@node 10> .typedef @many = array<@rn 200>\n"
    ".typedef @hy = hybrid<@i64 @rn @node> .typedef @b = hybrid<@i64> .typedef @p = uptr<@i64>\n"
    ".typedef @weak = struct<@w @i64> .typedef @huge = array<@i64 68719476736>\n"
    ".funcsig @v_v = () -> () .funcsig @i_i = (@i64) -> (@i64) .typedef @fr = funcref<@v_v>\n"
    ".typedef @fri = funcref<@i_i> .typedef @fp = ufuncptr<@v_v> .funcdecl @fun <@v_v>\n"
    ".funcsig @huge.sig = (@huge) -> () .funcdecl @huge.f <@huge.sig>\n"
    ".const @0 <@i64> = 0 .const @1 <@i64> = 1 .const @null <@r> = NULL .const @two <@d> = 2.0d\n"
    ".const @nn <@rn> = NULL .const @ni <@i.64> = NULL .const @N <@node> = {@0 @nn @ni}\n"
    ".global @g.64 <@i64> .global @g.r <@r> .global @g.rn <@rn> .global @g.ten <@ten>\n"
    ".global @g.st <@st> .global @g.th <@th> .global @g.tr <@tr> .global @g.i <@i>\n"
    ".funcdef @rec VERSION %v1 <@i_i> { %entry(<@i64> %n):\n"
    "  %z = EQ <@i64> %n @0 BRANCH2 %z %zero(%n) %more(%n)\n"
    "  %zero(<@i64> %n): %v = TRAP <@i64> KEEPALIVE (%n) RET %v\n"
    "  %more(<@i64> %n): %r = NEW <@node> %m = SUB <@i64> %n @1\n"
    "    %v = CALL <@i_i> @rec (%m) KEEPALIVE (%n %r) RET %v }\n"
    ".funcdef @begin VERSION %v1 <@v_v> { %entry(): %two = ADD <@i64> @1 @1\n"
    "  %v = CALL <@i_i> @rec (%two) STORE <@i64> @g.64 %v RET () }\n";

static const struct {
    const char *word;
    uint32_t number;
} rows[] = {
#define MU_CONTEXT(name, number, text, operands, result) {text, number},
#include "mu_context_ops.def"
#undef MU_CONTEXT
};

/* One script: a VM, a context, threads that trapped. */
typedef struct run {
    mu_vm *vm;
    mu_context *context;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    mu_thread *waiting; /* trapped, not taken yet */
    mu_thread *taken;
    uint32_t trapped;
} run;

static mu_substrate *substrate(void)
{
    static mu_substrate *made; /* kept: making it costs more than a small input */
    if (!made) {
        mu_substrate_config config = {.workers = 1, .code_bytes = 64u << 20, .gc_verify = true};
        mu_status status = mu_substrate_new(&config, NULL, &made);
        MU_INVARIANT(status == MU_OK, "no substrate: %s", mu_status_name(status));
    }
    return made;
}

/* ---- threads: the latest trapped one waits, others are killed */

static void on_trapped(mu_thread *thread, void *context)
{
    run *self = context;
    pthread_mutex_lock(&self->lock);
    bool keeps = !self->waiting && !self->taken && ++self->trapped < TRAPPED_MOST;
    if (keeps) {
        self->waiting = thread;
        pthread_cond_broadcast(&self->changed);
    }
    pthread_mutex_unlock(&self->lock);
    if (!keeps) {
        mu_thread_kill(thread);
    }
}

static void on_finished(mu_thread *thread, void *context)
{
    (void)thread; /* goes with the VM, so that a pointer to it stays good */
    (void)context;
}

static mu_thread_callbacks on_made(mu_thread *thread, const mu_function *function, void *context)
{
    (void)thread;
    (void)function;
    return (mu_thread_callbacks){on_trapped, on_finished, context};
}

static void start_first(run *self)
{
    mu_thread *thread;
    mu_status status =
        mu_thread_new(self->vm, mu_vm_find_function(self->vm, "begin"), NULL, 0, NULL, &thread);
    MU_INVARIANT(status == MU_OK, "no thread: %s", mu_status_name(status));
    mu_thread_start(thread, on_trapped, on_finished, self);
    pthread_mutex_lock(&self->lock);
    while (!self->waiting) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
}

/* ---- lines */

typedef struct line {
    char *words[WORDS_MOST];
    uint32_t count;
    char *bytes; /* after ':' */
} line;

static void split(char *text, line *out)
{
    char *rest = NULL;
    *out = (line){.bytes = strchr(text, ':')};
    if (out->bytes) {
        *out->bytes++ = '\0';
    }
    for (char *word = strtok_r(text, " \t\r", &rest); word && out->count < WORDS_MOST;
         word = strtok_r(NULL, " \t\r", &rest)) {
        out->words[out->count++] = word;
    }
}

static mu_status perform(run *self, const mu_context_operation *operation, uint64_t *integer)
{
    mu_context_answer *answers;
    uint32_t count, failed;
    mu_report *report = mu_report_new();
    mu_status status =
        mu_context_perform(self->context, operation, 1, &answers, &count, &failed, report);
    MU_INVARIANT((status == MU_OK) == (mu_report_total(report) == 0), "%s with %u errors",
                 mu_status_name(status), mu_report_total(report));
    if (count) {
        *integer = answers[0].integer;
    }
    mu_context_answers_free(answers, count);
    mu_report_free(report);
    return status;
}

/* A number, or the id of a name. */
static uint64_t value_of(run *self, const char *word)
{
    uint64_t id = 0;
    if (word[0] != '@') {
        return strtoull(word, NULL, 0);
    }
    mu_context_operation find = {.op = 0x01, .bytes = word, .byte_count = strlen(word)};
    return perform(self, &find, &id) == MU_OK ? id : 0;
}

/* "take THREAD STACK", "pass STACK VALUES…", "throw STACK EXCEPTION", "exit", "return". */
static bool handle_trap(run *self, const line *at, const uint64_t *numbers)
{
    const char *word = at->words[0];
    mu_trap_verdict verdict = {.stack = at->count > 1 ? numbers[0] : 0};
    if (strcmp(word, "take") == 0) {
        pthread_mutex_lock(&self->lock);
        mu_thread *thread = self->taken ? self->taken : self->waiting;
        self->waiting = NULL;
        self->taken = thread;
        pthread_mutex_unlock(&self->lock);
        mu_status status = thread && at->count > 2
                               ? mu_context_take_trap(self->context, thread, numbers[0], numbers[1])
                               : MU_OK;
        return status != MU_SYSTEM;
    }
    if (strcmp(word, "return") == 0) {
        if (self->taken) {
            mu_context_return_trap(self->context, self->taken);
        }
        return true;
    }
    if (strcmp(word, "pass") == 0) {
        verdict.decision = MU_TRAP_PASS;
        verdict.values = numbers + 1;
        verdict.value_count = at->count > 2 ? at->count - 2 : 0;
    } else if (strcmp(word, "throw") == 0) {
        verdict.decision = MU_TRAP_THROW;
        verdict.exception = at->count > 2 ? numbers[1] : 0;
    } else if (strcmp(word, "exit") == 0) {
        verdict.decision = MU_TRAP_EXIT;
    } else {
        return false;
    }
    if (self->taken &&
        mu_context_answer_trap(self->context, self->taken, &verdict, NULL) == MU_OK) {
        pthread_mutex_lock(&self->lock);
        self->taken = NULL;
        pthread_mutex_unlock(&self->lock);
    }
    return true;
}

static void perform_line(run *self, const line *at)
{
    uint64_t numbers[WORDS_MOST] = {0};
    uint64_t integer = 0;
    mu_context_operation operation = {.op = (uint32_t)strtoul(at->words[0], NULL, 0)};
    for (uint32_t i = 1; i < at->count; i++) {
        numbers[i - 1] = value_of(self, at->words[i]);
    }
    if (handle_trap(self, at, numbers)) {
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(at->words[0], rows[i].word) == 0) {
            operation.op = rows[i].number;
        }
    }
    operation.result = numbers[0];
    operation.operands = numbers + 1;
    operation.operand_count = at->count > 2 ? at->count - 2 : 0;
    operation.bytes = at->bytes;
    operation.byte_count = at->bytes ? strlen(at->bytes) : 0;
    (void)perform(self, &operation, &integer);
}

/* ---- scripts */

static void run_script(run *self, char *text)
{
    uint32_t lines = 0;
    char *rest = NULL;
    for (char *each = strtok_r(text, "\n", &rest); each && lines < LINES_MOST;
         each = strtok_r(NULL, "\n", &rest), lines++) {
        line at;
        split(each, &at);
        if (at.count) {
            perform_line(self, &at);
        }
        if (lines % 4 == 0) {
            mu_vm_collect(self->vm);
        }
    }
    mu_vm_collect(self->vm);
}

void fuzz_context(const uint8_t *bytes, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ bytes[i]) * 16777619u;
    }
    mu_vm_config config = {.limits.heap_bytes = 2u << 20, .grant_native = (hash & 1) != 0};
    run self = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    char *text = malloc(length + 1);
    memcpy(text, bytes, length);
    text[length] = '\0';
    mu_status status = mu_vm_new(substrate(), &config, &self.vm);
    MU_INVARIANT(status == MU_OK, "no VM: %s", mu_status_name(status));
    mu_vm_set_thread_hook(self.vm, &(mu_vm_thread_hook){on_made, &self});
    status = mu_vm_load(self.vm, "bundle", bundle, sizeof bundle - 1, NULL, NULL);
    MU_INVARIANT(status == MU_OK, "the bundle was refused: %s", mu_status_name(status));
    status = mu_context_new(self.vm, &self.context);
    MU_INVARIANT(status == MU_OK, "no context: %s", mu_status_name(status));
    start_first(&self);
    run_script(&self, text);
    if (self.taken) {
        mu_context_return_trap(self.context, self.taken);
    }
    mu_context_free(self.context);
    mu_vm_free(self.vm);
    free(text);
}
