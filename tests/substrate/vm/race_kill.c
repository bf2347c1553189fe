/* A thousand threads are killed and cancelled at random moments, wherever they are: allocating,
 * collected around, compiling, waiting at a futex, trapped, taken by a context, in C code, loading,
 * waiting for a worker. Each must end soon, as it should, and nothing of it may stay. A plain
 * program for ThreadSanitizer. */
#include "mu.h"
#include "mu_context.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ENDINGS = 1000, AT_ONCE = 8, HOGS = 6, CHAIN = 12, CHAIN_INSTRUCTIONS = 200 };
#define MS            1000000ull
#define WORST_NS_MOST (20000 * MS) /* nobody waits longer on the slowest machine */

typedef enum place {
    ALLOCATING,
    COLLECTED,
    COMPILING,
    AT_FUTEX,
    TRAPPED,
    TAKEN,
    IN_C,
    LOADING,
    PLACES
} place;
static const char *const functions[] = {"allocate", "keep", "chain",  "wait",
                                        "trap",     "trap", "call_c", "load"};

typedef struct race {
    mu_substrate *substrate;
    mu_vm *vm; /* of the trials */
    uint32_t chains;
    uint64_t random;
    uint64_t worst_ns[PLACES];
    uint32_t killed, cancelled;
} race;

typedef struct trial {
    mu_thread *thread;
    place place;
    mu_context *context; /* TAKEN */
    bool is_cancel;
    uint64_t asked_ns;
    uint64_t ended_ns; /* atomic */
} trial;

static void check(bool claim, const char *what)
{
    if (!claim) {
        fprintf(stderr, "race_kill: not so: %s\n", what);
        exit(1);
    }
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

static void sleep_ns(uint64_t ns)
{
    nanosleep(&(struct timespec){.tv_sec = (time_t)(ns / (1000 * MS)),
                                 .tv_nsec = (long)(ns % (1000 * MS))},
              NULL);
}

static uint64_t pick(race *self, uint64_t below)
{
    self->random = self->random * 6364136223846793005u + 1442695040888963407u;
    return (self->random >> 33) % below;
}

/* ---- the program */

static const char program[] =
    ".typedef @i64 = int<64> .typedef @i32 = int<32> .typedef @i8 = int<8> .typedef @i1 = int<1>\n"
    ".typedef @void = void .typedef @rv = ref<@void> .typedef @node = struct<@rv @i64>\n"
    ".typedef @rn = ref<@node> .funcsig @v_i = () -> (@i64) .funcsig @v_v = () -> ()\n"
    ".typedef @c = ufuncptr<@v_v> .const @c.sleep <@c> = %#lx .global @cell <@i32>\n"
    ".const @w0 <@i32> = 0 .const @n0 <@i64> = 0 .const @n1 <@i64> = 1\n"
    ".const @most <@i64> = 20000 .const @text <@i64> = 200000 .const @blank <@i8> = 0x20\n"
    ".const @nil <@rn> = NULL .const @nilv <@rv> = NULL\n"
    ".funcdef @allocate VERSION %%v1 <@v_i> { %%entry(): BRANCH %%loop()\n"
    "  %%loop(): %%r = NEW <@node> BRANCH %%loop() }\n"
    ".funcdef @keep VERSION %%v1 <@v_i> { %%entry(): BRANCH %%loop(@nilv @n0)\n"
    "  %%loop(<@rv> %%list <@i64> %%n): %%r = NEW <@node> %%i = GETIREF <@node> %%r\n"
    "    %%f = GETFIELDIREF <@node 0> %%i STORE <@rv> %%f %%list\n"
    "    %%v = REFCAST <@rn @rv> %%r %%m = ADD <@i64> %%n @n1 %%e = EQ <@i64> %%m @most\n"
    "    BRANCH2 %%e %%loop(@nilv @n0) %%loop(%%v %%m) }\n"
    ".funcdef @wait VERSION %%v1 <@v_i> {\n"
    "  %%entry(): %%x = COMMINST @uvm.futex.wait <@i32> (@cell @w0) RET @n1 }\n"
    ".funcdef @trap VERSION %%v1 <@v_i> { %%entry(): TRAP <> RET @n1 }\n"
    ".funcdef @call_c VERSION %%v1 <@v_i> { %%entry(): BRANCH %%loop()\n"
    "  %%loop(): CCALL #DEFAULT <@c @v_v> @c.sleep () BRANCH %%loop() }\n"
    ".funcdef @load VERSION %%v1 <@v_i> { %%entry():\n"
    "    %%r = NEWHYBRID <@uvm.meta.bytes @i64> @text %%i = GETIREF <@uvm.meta.bytes> %%r\n"
    "    %%l = GETFIELDIREF <@uvm.meta.bytes 0> %%i STORE <@i64> %%l @text\n"
    "    %%v = GETVARPARTIREF <@uvm.meta.bytes> %%i BRANCH %%fill(%%r %%v @n0)\n"
    "  %%fill(<@uvm.meta.bytes.r> %%r <@ib> %%v <@i64> %%n): STORE <@i8> %%v @blank\n"
    "    %%w = SHIFTIREF <@i8 @i64> %%v @n1 %%m = ADD <@i64> %%n @n1\n"
    "    %%e = EQ <@i64> %%m @text BRANCH2 %%e %%go(%%r) %%fill(%%r %%w %%m)\n"
    "  %%go(<@uvm.meta.bytes.r> %%r): COMMINST @uvm.meta.load_bundle (%%r) RET @n1 }\n"
    ".typedef @ib = iref<@i8>\n"
    ".funcdef @spin VERSION %%v1 <@v_i> { %%entry(): BRANCH %%loop() %%loop(): BRANCH %%loop() }\n";

/* What a C function may do: return after a while. */
static void sleep_in_c(void)
{
    sleep_ns(MS);
}

typedef struct text {
    char *bytes;
    size_t length, room;
} text;

static void add(text *self, const char *format, ...) MU_PRINTF(2, 3);
static void add(text *self, const char *format, ...)
{
    va_list arguments;
    if (self->room - self->length < 8192) {
        self->room = self->room * 2 + 16384;
        self->bytes = mu_reallocate(self->bytes, self->room);
    }
    va_start(arguments, format);
    self->length += (size_t)vsnprintf(self->bytes + self->length, 8192, format, arguments);
    va_end(arguments);
}

static void load(mu_vm *vm, text *source)
{
    mu_report *report = mu_report_new();
    if (mu_vm_load(vm, "race", source->bytes, source->length, report, NULL) != MU_OK) {
        fprintf(stderr, "%s\n", mu_report_text(report));
        check(false, "the program is loaded");
    }
    mu_report_free(report);
    mu_free(source->bytes);
}

static mu_vm *new_vm(race *self)
{
    mu_vm *vm;
    mu_vm_config config = {.limits.heap_bytes = 16u << 20, .grant_native = true};
    text source = {0};
    check(mu_vm_new(self->substrate, &config, &vm) == MU_OK, "a VM is made");
    add(&source, program, (unsigned long)(uintptr_t)sleep_in_c);
    load(vm, &source);
    return vm;
}

/* Functions that nobody has compiled, each of which calls the next. */
static void add_chain(race *self, char *first, size_t room)
{
    text source = {0};
    uint32_t number = self->chains++;
    for (uint32_t i = 0; i < CHAIN; i++) {
        add(&source, ".funcdef @chain%u_%u VERSION %%v1 <@v_i> { %%entry():\n", number, i);
        add(&source, "%%x0 = ADD <@i64> @n1 @n1\n");
        for (uint32_t k = 1; k < CHAIN_INSTRUCTIONS; k++) {
            add(&source, "%%x%u = MUL <@i64> %%x%u @n1\n", k, k - 1);
        }
        add(&source, "%%r = CALL <@v_i> @chain%u_%u () RET %%r }\n", number, (i + 1) % CHAIN);
    }
    load(self->vm, &source);
    snprintf(first, room, "chain%u_0", number);
}

/* ---- trials */

static void on_trapped(mu_thread *thread, void *context)
{
    (void)thread;
    (void)context;
}

static void on_finished(mu_thread *thread, void *context)
{
    trial *self = context;
    (void)thread;
    __atomic_store_n(&self->ended_ns, now_ns(), __ATOMIC_RELEASE);
}

static mu_thread *make(mu_vm *vm, const char *function)
{
    mu_thread *thread;
    check(mu_thread_new(vm, mu_vm_find_function(vm, function), NULL, 0, NULL, &thread) == MU_OK,
          "a thread is made");
    return thread;
}

static void begin(race *self, trial *one)
{
    char chain[32];
    const char *function;
    memset(one, 0, sizeof *one);
    one->place = (place)pick(self, PLACES);
    one->is_cancel = pick(self, 2);
    function = functions[one->place];
    if (one->place == COMPILING) {
        add_chain(self, chain, sizeof chain);
        function = chain;
    }
    one->thread = make(self->vm, function);
    mu_thread_start(one->thread, on_trapped, on_finished, one);
}

/* Whether it has is a matter of time. */
static void take(race *self, trial *one)
{
    if (one->place == TAKEN && mu_context_new(self->vm, &one->context) == MU_OK &&
        mu_context_take_trap(one->context, one->thread, 1, 2) != MU_OK) {
        mu_context_free(one->context);
        one->context = NULL;
    }
}

static void end(race *self, trial *one)
{
    one->asked_ns = now_ns();
    if (one->is_cancel) {
        mu_thread_cancel(one->thread, pick(self, 3) ? UINT64_MAX : pick(self, 2 * MS));
        self->cancelled++;
    } else {
        mu_thread_kill(one->thread);
        self->killed++;
    }
}

static void wait_for_end(race *self, trial *one)
{
    uint64_t ended;
    while (!(ended = __atomic_load_n(&one->ended_ns, __ATOMIC_ACQUIRE))) {
        check(now_ns() - one->asked_ns < WORST_NS_MOST, "who is to end does");
        sleep_ns(50000);
    }
    uint64_t ns = ended > one->asked_ns ? ended - one->asked_ns : 0;
    self->worst_ns[one->place] = ns > self->worst_ns[one->place] ? ns : self->worst_ns[one->place];
    mu_outcome outcome = mu_thread_outcome(one->thread);
    bool is_over = outcome == MU_OUTCOME_RETURNED || outcome == MU_OUTCOME_ERROR;
    const char *kind = outcome == MU_OUTCOME_ERROR ? mu_thread_get_error(one->thread).kind : "";
    bool is_cancelled = strcmp(kind, "CANCELLED") == 0;
    /* A chain ends when its stack does, a load when it is done. */
    bool may_be_over = one->place == COMPILING || one->place == LOADING;
    check(outcome == MU_OUTCOME_KILLED || (one->is_cancel && is_cancelled) ||
              (is_over && may_be_over),
          "it ends as it was told");
    mu_thread_free(one->thread);
    mu_context_free(one->context);
}

static void run_batch(race *self)
{
    trial trials[AT_ONCE];
    for (uint32_t i = 0; i < AT_ONCE; i++) {
        begin(self, &trials[i]);
    }
    sleep_ns(pick(self, 4 * MS));
    for (uint32_t i = 0; i < AT_ONCE; i++) {
        take(self, &trials[i]);
    }
    for (uint32_t i = 0; i < AT_ONCE; i++) {
        end(self, &trials[i]);
        if (trials[i].place == COLLECTED) {
            mu_vm_collect(self->vm);
        }
        sleep_ns(pick(self, MS / 2));
    }
    for (uint32_t i = 0; i < AT_ONCE; i++) {
        wait_for_end(self, &trials[i]);
    }
}

static void expect_nothing_left(race *self)
{
    mu_vm_collect(self->vm);
    mu_vm_stats stats = mu_vm_get_stats(self->vm);
    check(!stats.threads_running && !stats.threads_trapped && !stats.threads_waiting,
          "no thread is left");
    check(stats.heap_live_bytes < 1u << 20, "no object of theirs is left");
    mu_vm_free(self->vm);
}

int main(int argc, char **argv)
{
    race self = {.random = argc > 1 ? strtoull(argv[1], NULL, 10) : 1};
    mu_substrate_config config = mu_substrate_config_from_environment();
    config.workers = config.workers ? config.workers : 3;
    check(mu_substrate_new(&config, NULL, &self.substrate) == MU_OK, "a substrate is made");
    mu_vm *hogs = new_vm(&self);
    trial hog_trials[HOGS] = {0};
    for (uint32_t i = 0; i < HOGS; i++) {
        mu_thread_start(make(hogs, "spin"), on_trapped, on_finished, &hog_trials[i]);
    }
    /* What a VM's programs load has a limit, so it is another one now and then. */
    for (uint32_t done = 0; done < ENDINGS; done += AT_ONCE) {
        if (done % (10 * AT_ONCE) == 0) {
            if (done) {
                expect_nothing_left(&self);
            }
            self.vm = new_vm(&self);
        }
        run_batch(&self);
    }
    expect_nothing_left(&self);
    mu_vm_free(hogs);
    check(mu_substrate_heap_bytes(self.substrate) == 0, "all blocks have been given back");
    mu_substrate_free(self.substrate);
    printf("%u killed, %u cancelled; the worst, in ms:", self.killed, self.cancelled);
    for (uint32_t i = 0; i < PLACES; i++) {
        printf(" %s %.1f", i == TAKEN ? "taken" : functions[i], (double)self.worst_ns[i] / 1e6);
    }
    printf("\n");
    return 0;
}
