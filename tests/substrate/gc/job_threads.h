#pragma once
/* Threads that run a heap's jobs, as a pool's workers do. Plain: for race programs too. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define JOB_THREADS_MAX  4
#define JOB_THREADS_JOBS 64

typedef struct job_threads {
    pthread_t threads[JOB_THREADS_MAX];
    uint32_t thread_count;
    uint32_t idle;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct {
        void (*run)(void *argument);
        void *argument;
    } jobs[JOB_THREADS_JOBS];
    uint32_t first;
    uint32_t count;
    uint64_t ran;
    bool over;
} job_threads;

void job_threads_start(job_threads *threads, uint32_t count);
/* A mu_gc_config's run_later, with the threads for context. When a thread is idle it returns as
 * soon as one has taken the job, so that help comes in time even where stops are short. */
void job_threads_run_later(void *context, void (*run)(void *argument), void *argument);
/* Until no job is there or runs. */
void job_threads_wait(job_threads *threads);
/* Lets what is there run, and returns how many ran. */
uint64_t job_threads_end(job_threads *threads);
