#pragma once
/* A VM with a bundle that declares something to initialise, for tests of HAIL scripts. */
#include "mu.h"

#include <pthread.h>

typedef struct hail_fixture {
    mu_substrate *substrate;
    mu_vm *vm;
    mu_report *report; /* of the last load */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t finished;
} hail_fixture;

void hail_open(hail_fixture *f, const mu_substrate_config *config, uint64_t heap_bytes);
void hail_close(hail_fixture *f);
/* Loads a bundle, which must be right. */
void hail_bundle(hail_fixture *f, const char *text);
/* Loads a script, with a new report. */
mu_status hail_load(hail_fixture *f, const char *text);
mu_status hail_load_bytes(hail_fixture *f, const char *text, size_t length);
/* Fails with the report's text unless the script is performed. */
void hail_load_well(hail_fixture *f, const char *text);
/* Starts @name without arguments. */
mu_thread *hail_start(hail_fixture *f, const char *name, mu_thread_trapped_fn *trapped);
/* Waits for it, frees it, and gives its one result, an int<64>. */
int64_t hail_result(hail_fixture *f, mu_thread *thread);
/* Both. */
int64_t hail_call(hail_fixture *f, const char *name);

/* Text that grows. */
typedef struct hail_script_text {
    MU_ARRAY(char) bytes;
} hail_script_text;
void hail_add(hail_script_text *to, const char *format, ...) MU_PRINTF(2, 3);
