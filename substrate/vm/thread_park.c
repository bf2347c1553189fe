/* A thread that waits for its trap handler, and what wakes it: an answer, or its end. One that
 * waits in a futex's queue is woken by the same thread_wake. */
#include "vm_internal.h"

void thread_park(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    pthread_mutex_lock(&vm->lock);
    vm_leave_world_locked(thread);
    thread_end_slice(thread);
    bool is_called = thread_is_called(thread);
    bool tells = !is_called && thread->trapped;
    thread->state = is_called ? MU_THREAD_RUNNING : MU_THREAD_TRAPPED;
    thread->is_telling = tells;
    if (is_called) {
        thread_submit(thread);
    }
    pthread_mutex_unlock(&vm->lock);
    /* Unless this worker still has to tell, somebody else may have the thread now. */
    if (tells) {
        thread->trapped(thread, thread->context);
        pthread_mutex_lock(&vm->lock);
        thread->is_telling = false;
        if (thread->state == MU_THREAD_RUNNING) {
            thread_submit(thread);
        }
        pthread_mutex_unlock(&vm->lock);
    }
}

void thread_wake(mu_thread *thread)
{
    thread->state = MU_THREAD_RUNNING;
    /* Were it to run, and end, while the handler is still being told of the trap, then the handler
     * would be told of a thread that is gone. */
    if (!thread->is_telling) {
        thread_submit(thread);
    }
}
