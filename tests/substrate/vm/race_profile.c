/* Profiles that begin and end while threads of all kinds come, run, collect, wait for each other's
 * stops and are killed. A plain program for ThreadSanitizer. */
#include "mu_profile.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PROFILES = 150, THREADS = 6 };

static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @box = struct<@i64 @i64> .typedef @stack = stackref\n"
    ".const @n0 <@i64> = 0 .const @n1 <@i64> = 1 .const @some <@i64> = 300\n"
    ".funcsig @v_v = () -> () .funcsig @i_i = (@i64) -> (@i64)\n"
    ".funcdef @deep VERSION %v1 <@i_i> { %entry(<@i64> %n):\n"
    "    %z = EQ <@i64> %n @n0 BRANCH2 %z %bottom() %on(%n)\n"
    "  %bottom(): RET @n0\n"
    "  %on(<@i64> %n): %m = SUB <@i64> %n @n1 %r = NEW <@box> %d = CALL <@i_i> @deep (%m)\n"
    "    %s = ADD <@i64> %d @n1 RET %s }\n"
    ".funcdef @forever VERSION %v1 <@v_v> { %entry(): BRANCH %again()\n"
    "  %again(): %d = CALL <@i_i> @deep (@some) BRANCH %again() }\n"
    ".funcdef @once VERSION %v1 <@v_v> { %entry(): %d = CALL <@i_i> @deep (@some)\n"
    "    COMMINST @uvm.thread_exit }\n"
    ".funcdef @nothing VERSION %v1 <@v_v> { %entry(): COMMINST @uvm.thread_exit }\n"
    ".funcdef @makes VERSION %v1 <@v_v> { %entry(): BRANCH %again()\n"
    "  %again(): %s = COMMINST @uvm.new_stack <[@v_v]> (@nothing)\n"
    "    %t = NEWTHREAD %s PASS_VALUES <> () EXC(%again() %again()) }\n";

typedef struct race {
    mu_vm *vm;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t finished;
} race;

static void check(bool claim, const char *what)
{
    if (!claim) {
        fprintf(stderr, "race_profile: not so: %s\n", what);
        exit(1);
    }
}

static void on_trapped(mu_thread *thread, void *context)
{
    (void)context;
    mu_thread_kill(thread);
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

static mu_thread *start(race *self, const char *function)
{
    mu_thread *thread = NULL;
    mu_function *called = mu_vm_find_function(self->vm, function);
    check(called && mu_thread_new(self->vm, called, NULL, 0, NULL, &thread) == MU_OK, function);
    mu_thread_start(thread, on_trapped, on_finished, self);
    return thread;
}

static uint64_t profile(race *self, uint32_t round)
{
    mu_profile *made;
    mu_profile_config config = {.hz = round % 3 ? 10000 : 500, .with_lines = round % 2};
    check(mu_profile_start(self->vm, &config, &made) == MU_OK, "a profile begins");
    nanosleep(&(struct timespec){.tv_nsec = 1000000L * (round % 7)}, NULL);
    mu_profile_stop(made);
    mu_profile_totals totals = mu_profile_get_totals(made);
    uint64_t sum = totals.others;
    for (uint32_t i = 0; i < totals.nodes; i++) {
        sum += mu_profile_node_at(made, i).samples;
    }
    check(sum == totals.samples, "the tree has all samples");
    mu_profile_free(made);
    return sum;
}

static void wait_for(race *self, uint32_t finished)
{
    pthread_mutex_lock(&self->lock);
    while (self->finished < finished) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
}

int main(void)
{
    mu_substrate *substrate;
    mu_substrate_config config = mu_substrate_config_from_environment();
    mu_vm_config vm_config = {.limits.heap_bytes = 16u << 20};
    race self = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    mu_thread *threads[THREADS];
    uint64_t samples = 0;
    config.workers = 3;
    check(mu_substrate_new(&config, NULL, &substrate) == MU_OK, "there is a substrate");
    check(mu_vm_new(substrate, &vm_config, &self.vm) == MU_OK, "there is a VM");
    check(mu_vm_load(self.vm, "race", bundle, strlen(bundle), NULL, NULL) == MU_OK, "it loads");
    /* Code of one thread's making that others run is no order that ThreadSanitizer sees. */
    start(&self, "once");
    wait_for(&self, 1);
    for (uint32_t i = 0; i < THREADS; i++) {
        threads[i] = start(&self, i % 3 ? "forever" : "makes");
    }
    for (uint32_t round = 0; round < PROFILES; round++) {
        uint32_t place = round % THREADS;
        samples += profile(&self, round);
        mu_thread_kill(threads[place]);
        threads[place] = start(&self, round % 3 ? "forever" : "makes");
    }
    check(samples > 0, "somebody was sampled");
    for (uint32_t i = 0; i < THREADS; i++) {
        mu_thread_kill(threads[i]);
    }
    wait_for(&self, 1 + PROFILES + THREADS);
    mu_vm_free(self.vm);
    mu_substrate_free(substrate);
    return 0;
}
