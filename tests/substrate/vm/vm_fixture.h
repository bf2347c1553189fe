#pragma once
/* A VM for one test, and a way to wait for what its threads report from the pool's workers. */
#include "mu.h"

#include <pthread.h>

typedef struct vm_fixture {
    mu_substrate *substrate;
    mu_vm *vm;
    mu_report *report;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t finished; /* threads that have, under the lock */
} vm_fixture;

/* One VM with one bundle, of which `text` is the source; fails the test when there is none. */
void vm_fixture_open(vm_fixture *self, uint32_t workers, const char *name, const char *text);
void vm_fixture_open_with(vm_fixture *self, const mu_substrate_config *config, const char *name,
                          const char *text);
void vm_fixture_close(vm_fixture *self);

/* A thread that has not started: @function with as many of `argument` as it has parameters, which
 * is one int<64> or none. */
mu_thread *vm_fixture_thread(vm_fixture *self, const char *function, uint64_t argument);

/* Such a thread, started. A trap kills it; its end is counted in `finished`. */
mu_thread *vm_fixture_start(vm_fixture *self, const char *function, uint64_t argument);

/* Any thread, from a callback: writes one of the test's counters, which wakes who waits for it. */
void vm_fixture_set(vm_fixture *self, uint32_t *counter, uint32_t value);

/* Waits until the counter is at least that much. */
void vm_fixture_wait(vm_fixture *self, const uint32_t *counter, uint32_t least);
