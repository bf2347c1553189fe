/* How long a short call takes, from its making to its end, in a VM that is alone and in one beside
 * 1, 4 and 16 VMs whose threads never end; then how long a killed thread takes to be gone there.
 * Between two calls the VM sleeps for about a millisecond, so that others have the workers.
 *
 *   call_latency [CALLS [WORKERS]] */
#include "bench_samples.h"
#include "mu.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CALLS 500

static const char program[] =
    ".typedef @i64 = int<64> .const @n1 <@i64> = 1 .funcsig @v_i = () -> (@i64)\n"
    ".funcdef @one VERSION %v1 <@v_i> { %entry(): RET @n1 }\n"
    ".funcdef @spin VERSION %v1 <@v_i> { %entry(): BRANCH %loop() %loop(): BRANCH %loop() }\n";

static mu_vm *new_vm(mu_substrate *substrate)
{
    mu_vm *vm;
    mu_vm_config config = {.limits.heap_bytes = 8u << 20};
    if (mu_vm_new(substrate, &config, &vm) != MU_OK ||
        mu_vm_load(vm, "latency", program, sizeof program - 1, NULL, NULL) != MU_OK) {
        fprintf(stderr, "no VM with the program\n");
        exit(1);
    }
    return vm;
}

typedef struct call_end {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
} call_end;

static void on_finished(mu_thread *thread, void *context)
{
    call_end *end = context;
    (void)thread;
    pthread_mutex_lock(&end->lock);
    end->done = true;
    pthread_cond_signal(&end->changed);
    pthread_mutex_unlock(&end->lock);
}

static mu_thread *start(mu_vm *vm, const char *name, call_end *end)
{
    mu_thread *thread;
    if (mu_thread_new(vm, mu_vm_find_function(vm, name), NULL, 0, NULL, &thread) != MU_OK) {
        fprintf(stderr, "no thread\n");
        exit(1);
    }
    mu_thread_start(thread, NULL, on_finished, end);
    return thread;
}

static void wait_for(mu_thread *thread, call_end *end)
{
    pthread_mutex_lock(&end->lock);
    while (!end->done) {
        pthread_cond_wait(&end->changed, &end->lock);
    }
    pthread_mutex_unlock(&end->lock);
    mu_thread_free(thread);
}

static double call_seconds(mu_vm *vm)
{
    call_end end = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    double begin = bench_now();
    mu_thread *thread = start(vm, "one", &end);
    wait_for(thread, &end);
    return bench_now() - begin;
}

static double kill_seconds(mu_vm *vm)
{
    call_end end = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    mu_thread *thread = start(vm, "spin", &end);
    (void)call_seconds(vm); /* by then it has begun, or waits for a worker */
    double begin = bench_now();
    mu_thread_kill(thread);
    wait_for(thread, &end);
    return bench_now() - begin;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

typedef struct quantiles {
    double p50, p99, most;
} quantiles;

static quantiles measure(mu_vm *vm, uint32_t count, double (*once)(mu_vm *vm))
{
    double *samples = mu_allocate(count * sizeof *samples);
    for (uint32_t i = 0; i < count; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 500000 + i * 7919 % 1000 * 1000}, NULL);
        samples[i] = once(vm);
    }
    qsort(samples, count, sizeof *samples, compare);
    quantiles of = {samples[count / 2], samples[count - 1 - count / 100], samples[count - 1]};
    mu_free(samples);
    return of;
}

static void show(const char *what, uint32_t hogs, quantiles of, quantiles alone)
{
    printf("%s beside %2u spinning VMs: p50 %8.1f us, p99 %8.1f us, most %8.1f us; p99 is %.1f "
           "times that alone\n",
           what, hogs, of.p50 * 1e6, of.p99 * 1e6, of.most * 1e6, of.p99 / alone.p99);
}

int main(int argc, char **argv)
{
    static const uint32_t hog_counts[] = {0, 1, 4, 16};
    uint32_t calls = argc > 1 ? (uint32_t)atoi(argv[1]) : CALLS;
    mu_substrate_config config = {.workers = argc > 2 ? (uint32_t)atoi(argv[2]) : 0};
    mu_substrate *substrate;
    mu_vm *hogs[16];
    uint32_t hog_count = 0;
    call_end hog_end = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    if (!calls || mu_substrate_new(&config, NULL, &substrate) != MU_OK) {
        fprintf(stderr, "usage: call_latency [CALLS [WORKERS]]\n");
        return 1;
    }
    mu_vm *vm = new_vm(substrate);
    quantiles call_alone = {0};
    quantiles kill_alone = {0};
    for (uint32_t i = 0; i < 4; i++) {
        for (; hog_count < hog_counts[i]; hog_count++) {
            hogs[hog_count] = new_vm(substrate);
            start(hogs[hog_count], "spin", &hog_end);
        }
        quantiles call = measure(vm, calls, call_seconds);
        quantiles kill = measure(vm, calls / 10 + 1, kill_seconds);
        call_alone = i ? call_alone : call;
        kill_alone = i ? kill_alone : kill;
        show("call", hog_count, call, call_alone);
        show("kill", hog_count, kill, kill_alone);
    }
    for (uint32_t i = 0; i < hog_count; i++) {
        mu_vm_free(hogs[i]);
    }
    mu_vm_free(vm);
    mu_substrate_free(substrate);
    return 0;
}
