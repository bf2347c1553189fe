/* A Mu program's threads wait, wake, move each other between queues and run out of time, while OS
 * threads collect, kill some of them and ask for states. Every wait must end, whatever meets. A
 * plain program for ThreadSanitizer. */
#include "mu.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS = 24, KILLED = 6, ROUNDS = 6, COLLECTIONS = 40 };

/* Each thread does this so often: waits for a little while, wakes one, moves one, at cells of an
 * object that moves. */
static const char bundle[] =
    ".typedef @i32 = int<32> .typedef @i64 = int<64> .typedef @i1 = int<1>\n"
    ".typedef @cells = array<@i32 4> .typedef @ref = ref<@cells> .typedef @iref = iref<@cells>\n"
    ".global @shared <@ref>\n"
    ".const @w0 <@i32> = 0 .const @w1 <@i32> = 1 .const @w2 <@i32> = 2 .const @n0 <@i64> = 0\n"
    ".const @n1 <@i64> = 1 .const @n3 <@i64> = 3 .const @short <@i64> = 200000\n"
    ".funcsig @v_v = () -> () .funcsig @i_i = (@i64) -> (@i64)\n"
    ".funcdef @make VERSION %v1 <@v_v> { %entry():\n"
    "    %r = NEW <@cells> STORE SEQ_CST <@ref> @shared %r RET () }\n"
    ".funcdef @mix VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %n): BRANCH %head(%n @n0)\n"
    "  %head(<@i64> %n <@i64> %sum):\n"
    "    %z = EQ <@i64> %n @n0 BRANCH2 %z %done(%sum) %body(%n %sum)\n"
    "  %body(<@i64> %n <@i64> %sum):\n"
    "    %r = LOAD SEQ_CST <@ref> @shared\n"
    "    %i = GETIREF <@cells> %r\n"
    "    %k = AND <@i64> %n @n3 %k1 = ADD <@i64> %n @n1 %l = AND <@i64> %k1 @n3\n"
    "    %a = GETELEMIREF <@cells @i64> %i %k\n"
    "    %b = GETELEMIREF <@cells @i64> %i %l\n"
    "    %w = COMMINST @uvm.futex.wait_timeout <@i32> (%a @w0 @short)\n"
    "    %x = COMMINST @uvm.futex.wake <@i32> (%b @w1)\n"
    "    %y = COMMINST @uvm.futex.cmp_requeue <@i32> (%a %b @w0 @w1)\n"
    "    %garbage = NEW <@cells>\n"
    "    %s = ADD <@i64> %sum @n1 %m = SUB <@i64> %n @n1 BRANCH %head(%m %s)\n"
    "  %done(<@i64> %sum): RET %sum }\n";

typedef struct race {
    mu_vm *vm;
    mu_thread *threads[THREADS];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t finished;
} race;

static void check(bool claim, const char *what)
{
    if (!claim) {
        fprintf(stderr, "race_futex: not so: %s\n", what);
        exit(1);
    }
}

static void sleep_us(long count)
{
    nanosleep(&(struct timespec){.tv_nsec = count * 1000}, NULL);
}

static void on_trapped(mu_thread *thread, void *context)
{
    (void)context;
    mu_thread_kill(thread);
}

static void on_finished(mu_thread *thread, void *context)
{
    race *self = context;
    (void)thread;
    pthread_mutex_lock(&self->lock);
    self->finished++;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static mu_thread *start(race *self, const char *name, uint64_t argument)
{
    mu_function *function = mu_vm_find_function(self->vm, name);
    mu_value value = {.kind = MU_VALUE_INT, .bits = 64, .integer = argument};
    mu_thread *thread;
    check(mu_thread_new(self->vm, function, &value, mu_function_param_count(function), NULL,
                        &thread) == MU_OK,
          "a thread is made");
    mu_thread_start(thread, on_trapped, on_finished, self);
    return thread;
}

static void wait_until_finished(race *self, uint32_t count)
{
    pthread_mutex_lock(&self->lock);
    while (self->finished < count) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
}

static void *collect(void *context)
{
    race *self = context;
    for (int i = 0; i < COLLECTIONS; i++) {
        mu_vm_collect(self->vm);
        sleep_us(300);
    }
    return NULL;
}

static void *kill_some(void *context)
{
    race *self = context;
    for (int i = 0; i < KILLED; i++) {
        sleep_us(700);
        (void)mu_vm_get_stats(self->vm);
        (void)mu_thread_get_state(self->threads[i]);
        mu_thread_kill(self->threads[i]);
    }
    return NULL;
}

static void run_round(mu_substrate *substrate, bool ends_early)
{
    race self = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    mu_vm_config config = {.limits.heap_bytes = 16u << 20};
    pthread_t collector, killer;
    check(mu_vm_new(substrate, &config, &self.vm) == MU_OK, "a VM is made");
    check(mu_vm_load(self.vm, "race", bundle, strlen(bundle), NULL, NULL) == MU_OK,
          "the bundle is right");
    start(&self, "make", 0);
    wait_until_finished(&self, 1);
    for (uint32_t i = 0; i < THREADS; i++) {
        self.threads[i] = start(&self, "mix", 100);
    }
    check(pthread_create(&collector, NULL, collect, &self) == 0, "a thread starts");
    check(pthread_create(&killer, NULL, kill_some, &self) == 0, "a thread starts");
    pthread_join(killer, NULL);
    pthread_join(collector, NULL);
    if (!ends_early) {
        wait_until_finished(&self, THREADS + 1);
        for (uint32_t i = KILLED; i < THREADS; i++) {
            check(mu_thread_outcome(self.threads[i]) == MU_OUTCOME_RETURNED &&
                      mu_thread_result(self.threads[i], 0).integer == 100,
                  "a thread that nobody killed does all its rounds");
        }
    }
    mu_vm_free(self.vm);
    check(self.finished == THREADS + 1, "every thread has ended");
}

int main(void)
{
    mu_substrate_config config = {.workers = 3};
    mu_substrate *substrate;
    check(mu_substrate_new(&config, NULL, &substrate) == MU_OK, "a substrate is made");
    for (int i = 0; i < ROUNDS; i++) {
        run_round(substrate, i % 2);
    }
    mu_substrate_free(substrate);
    return 0;
}
