#include "job_threads.h"

#include <stdio.h>
#include <stdlib.h>

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "job threads: %s\n", what);
        abort();
    }
}

static void *run_jobs(void *context)
{
    job_threads *t = context;
    pthread_mutex_lock(&t->lock);
    while (!t->over || t->count) {
        if (!t->count) {
            t->idle++;
            pthread_cond_broadcast(&t->changed);
            while (!t->count && !t->over) {
                pthread_cond_wait(&t->changed, &t->lock);
            }
            t->idle--;
            continue;
        }
        uint32_t at = t->first;
        t->first = (at + 1) % JOB_THREADS_JOBS;
        t->count--;
        t->ran++;
        void (*run)(void *) = t->jobs[at].run;
        void *argument = t->jobs[at].argument;
        pthread_cond_broadcast(&t->changed);
        pthread_mutex_unlock(&t->lock);
        run(argument);
        pthread_mutex_lock(&t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

void job_threads_start(job_threads *t, uint32_t count)
{
    *t = (job_threads){.thread_count = count};
    require(count <= JOB_THREADS_MAX, "too many threads");
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    for (uint32_t i = 0; i < count; i++) {
        require(pthread_create(&t->threads[i], NULL, run_jobs, t) == 0, "no thread");
    }
}

void job_threads_run_later(void *context, void (*run)(void *argument), void *argument)
{
    job_threads *t = context;
    pthread_mutex_lock(&t->lock);
    require(t->count < JOB_THREADS_JOBS, "too many jobs");
    uint32_t at = (t->first + t->count++) % JOB_THREADS_JOBS;
    t->jobs[at].run = run;
    t->jobs[at].argument = argument;
    pthread_cond_broadcast(&t->changed);
    while (t->idle > 0 && t->count > 0) {
        pthread_cond_wait(&t->changed, &t->lock);
    }
    pthread_mutex_unlock(&t->lock);
}

void job_threads_wait(job_threads *t)
{
    pthread_mutex_lock(&t->lock);
    while (t->count > 0 || t->idle < t->thread_count) {
        pthread_cond_wait(&t->changed, &t->lock);
    }
    pthread_mutex_unlock(&t->lock);
}

uint64_t job_threads_end(job_threads *t)
{
    pthread_mutex_lock(&t->lock);
    t->over = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
    for (uint32_t i = 0; i < t->thread_count; i++) {
        pthread_join(t->threads[i], NULL);
    }
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    return t->ran;
}
