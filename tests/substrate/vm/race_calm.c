/* A VM kept calm while others stop it as often as they can: no stop lies within a calm, everybody
 * who waits for one gets it, and stops are not kept away for good. A plain program for
 * ThreadSanitizer. */
#include "mu.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STOPPERS = 3, COLLECTIONS = 400, CALMS_LEAST = 100 };

static const char bundle[] = ".typedef @i64 = int<64> .typedef @box = struct<@i64 @i64>\n"
                             ".funcsig @v_v = () -> ()\n"
                             ".funcdef @forever VERSION %v1 <@v_v> {\n"
                             "  %entry(): BRANCH %again()\n"
                             "  %again(): %r = NEW <@box> BRANCH %again() }\n"
                             ".funcdef @nothing VERSION %v1 <@v_v> { %entry(): RET () }\n";

typedef struct race {
    mu_vm *vm;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_granted;
    uint32_t finished, stoppers_done;
} race;

static void check(bool claim, const char *what)
{
    if (!claim) {
        fprintf(stderr, "race_calm: not so: %s\n", what);
        exit(1);
    }
}

static uint64_t stops_of(mu_vm *vm)
{
    uint64_t count = 0;
    mu_vm_stats stats = mu_vm_get_stats(vm);
    for (uint32_t i = 0; i < MU_TIME_BUCKETS; i++) {
        count += stats.stops.buckets[i];
    }
    return count;
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

static void on_granted(void *context)
{
    race *self = context;
    pthread_mutex_lock(&self->lock);
    check(!self->is_granted, "a calm is granted once");
    self->is_granted = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static void *stop_again_and_again(void *context)
{
    race *self = context;
    for (int i = 0; i < COLLECTIONS; i++) {
        mu_vm_collect(self->vm);
    }
    pthread_mutex_lock(&self->lock);
    self->stoppers_done++;
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

static mu_thread *thread_of(race *self, const char *name)
{
    mu_thread *thread = NULL;
    const mu_function *function = mu_vm_find_function(self->vm, name);
    check(mu_thread_new(self->vm, function, NULL, 0, NULL, &thread) == MU_OK, "a thread is made");
    return thread;
}

/* What must not wait: made and freed here, and its frames asked for. */
static void look_at_threads(race *self)
{
    mu_thread *thread = thread_of(self, "nothing");
    check(mu_thread_frame_count(thread) == 0, "a new thread has no frames");
    mu_thread_free(thread);
}

static void await_grant(race *self)
{
    pthread_mutex_lock(&self->lock);
    while (!self->is_granted) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    self->is_granted = false;
    pthread_mutex_unlock(&self->lock);
}

/* Keeps the VM calm; how many times over is the result. */
static uint32_t keep_calm(race *self)
{
    if (!mu_vm_try_calm(self->vm)) {
        mu_vm_calm_later(self->vm, on_granted, self);
        await_grant(self);
    }
    uint64_t before = stops_of(self->vm);
    look_at_threads(self);
    /* Not when somebody waits to stop the world: who comes second must not keep it from that. */
    bool is_twice = mu_vm_try_calm(self->vm);
    look_at_threads(self);
    check(stops_of(self->vm) == before, "no stop within a calm");
    return is_twice ? 2 : 1;
}

static void *stop_once(void *context)
{
    race *self = context;
    mu_vm_collect(self->vm);
    return NULL;
}

/* No program runs yet. A stop waits for a calm to end; a second calm, asked for meanwhile, comes
 * when the stop is over.
 */
static void stop_between_two(race *self)
{
    pthread_t stopper;
    check(mu_vm_try_calm(self->vm), "a VM that nobody stops is kept calm");
    uint64_t before = stops_of(self->vm);
    check(pthread_create(&stopper, NULL, stop_once, self) == 0, "an OS thread");
    while (mu_vm_try_calm(self->vm)) {
        mu_vm_end_calm(self->vm); /* until the stopper waits */
    }
    mu_vm_calm_later(self->vm, on_granted, self);
    look_at_threads(self);
    check(stops_of(self->vm) == before && !self->is_granted, "the stop waits, and so who is later");
    mu_vm_end_calm(self->vm);
    await_grant(self);
    check(stops_of(self->vm) == before + 1, "the stop was made before");
    look_at_threads(self);
    mu_vm_end_calm(self->vm);
    pthread_join(stopper, NULL);
}

static bool all_stopped(race *self)
{
    pthread_mutex_lock(&self->lock);
    bool are_done = self->stoppers_done == STOPPERS;
    pthread_mutex_unlock(&self->lock);
    return are_done;
}

static void run(race *self)
{
    pthread_t stoppers[STOPPERS];
    uint64_t first = stops_of(self->vm);
    for (int i = 0; i < STOPPERS; i++) {
        check(pthread_create(&stoppers[i], NULL, stop_again_and_again, self) == 0, "an OS thread");
    }
    for (int i = 0; i < CALMS_LEAST || !all_stopped(self); i++) {
        for (uint32_t calms = keep_calm(self); calms > 0; calms--) {
            mu_vm_end_calm(self->vm);
        }
    }
    for (int i = 0; i < STOPPERS; i++) {
        pthread_join(stoppers[i], NULL);
    }
    check(stops_of(self->vm) >= first + (uint64_t)STOPPERS * COLLECTIONS, "every stop was made");
}

int main(void)
{
    mu_substrate *substrate = NULL;
    race self = {.vm = NULL};
    mu_substrate_config config = mu_substrate_config_from_environment();
    mu_vm_config vm_config = {.limits.heap_bytes = 8 << 20};
    config.workers = 2;
    pthread_mutex_init(&self.lock, NULL);
    pthread_cond_init(&self.changed, NULL);
    check(mu_substrate_new(&config, NULL, &substrate) == MU_OK, "a substrate");
    check(mu_vm_new(substrate, &vm_config, &self.vm) == MU_OK, "a VM");
    check(mu_vm_load(self.vm, "calm", bundle, strlen(bundle), NULL, NULL) == MU_OK, "the bundle");
    stop_between_two(&self);
    mu_thread *runner = thread_of(&self, "forever");
    mu_thread_start(runner, on_trapped, on_finished, &self);
    run(&self);
    mu_thread_kill(runner);
    pthread_mutex_lock(&self.lock);
    while (self.finished == 0) {
        pthread_cond_wait(&self.changed, &self.lock);
    }
    pthread_mutex_unlock(&self.lock);
    mu_vm_free(self.vm);
    mu_substrate_free(substrate);
    return 0;
}
