/* What waits at one worker: urgent tasks in two lists; others in a list for each share, the shares
 * in a binary heap by their time. A share's time grows while it is in heaps of other workers, so
 * keys are lower bounds: whoever looks for the least brings that one's key up to date first, until
 * it stays where it is. */
#include "pool.h"

/* So many tasks of a list are looked at for one that may run: of a VM that ends there may be
 * thousands. */
#define LOOKED_AT 64u

void run_queue_init(run_queue *queue)
{
    pthread_mutex_init(&queue->lock, NULL);
    MU_ARRAY_PUSH(&queue->heap, NULL);
    queue->least_key = POOL_NEVER;
}

void run_queue_deinit(run_queue *queue)
{
    pthread_mutex_destroy(&queue->lock);
    MU_ARRAY_FREE(&queue->heap);
}

/* ---- lists */

static void append(task_list *list, mu_task *task)
{
    task->next = NULL;
    task->previous = list->last;
    if (list->last) {
        list->last->next = task;
    } else {
        list->first = task;
    }
    list->last = task;
}

static void unlink_task(task_list *list, mu_task *task)
{
    if (task->previous) {
        task->previous->next = task->next;
    } else {
        list->first = task->next;
    }
    if (task->next) {
        task->next->previous = task->previous;
    } else {
        list->last = task->previous;
    }
}

/* ---- the heap */

static void put(run_queue *queue, uint32_t place, share_queue *of_share)
{
    queue->heap.items[place] = of_share;
    of_share->place = place;
}

static void rise(run_queue *queue, uint32_t place, share_queue *of_share)
{
    while (place > 1 && queue->heap.items[place / 2]->key > of_share->key) {
        put(queue, place, queue->heap.items[place / 2]);
        place /= 2;
    }
    put(queue, place, of_share);
}

static void sink(run_queue *queue, uint32_t place, share_queue *of_share)
{
    uint32_t last = queue->heap.count - 1;
    for (;;) {
        uint32_t child = 2 * place;
        if (child < last && queue->heap.items[child + 1]->key < queue->heap.items[child]->key) {
            child++;
        }
        if (child > last || queue->heap.items[child]->key >= of_share->key) {
            break;
        }
        put(queue, place, queue->heap.items[child]);
        place = child;
    }
    put(queue, place, of_share);
}

static void publish_least(run_queue *queue)
{
    pool_store(&queue->least_key, queue->heap.count > 1 ? queue->heap.items[1]->key : POOL_NEVER);
}

static void enter_heap(run_queue *queue, share_queue *of_share)
{
    of_share->key = pool_load(&of_share->share->time);
    MU_ARRAY_PUSH(&queue->heap, of_share);
    rise(queue, queue->heap.count - 1, of_share);
    publish_least(queue);
}

static void leave_heap(run_queue *queue, share_queue *of_share)
{
    uint32_t place = of_share->place;
    share_queue *last = queue->heap.items[--queue->heap.count];
    of_share->place = 0;
    if (last != of_share) {
        if (place > 1 && queue->heap.items[place / 2]->key > last->key) {
            rise(queue, place, last);
        } else {
            sink(queue, place, last);
        }
    }
    publish_least(queue);
}

/* The share that has had least; NULL: no task waits. */
static share_queue *find_least(run_queue *queue)
{
    if (queue->heap.count == 1) {
        return NULL;
    }
    for (;;) {
        share_queue *first = queue->heap.items[1];
        uint64_t now = pool_load(&first->share->time);
        if (now <= first->key) {
            publish_least(queue);
            return first;
        }
        first->key = now;
        sink(queue, 1, first);
    }
}

uint64_t run_queue_least(run_queue *queue)
{
    const share_queue *least = find_least(queue);
    return least ? least->key : POOL_NEVER;
}

/* ---- tasks */

static void change_counts(run_queue *queue, const mu_task *task, int32_t by)
{
    pool_store32(&queue->count, queue->count + (uint32_t)by);
    if (task->urgency == MU_TASK_SOON) {
        pool_store32(&queue->soon_count, queue->soon_count + (uint32_t)by);
    } else if (task->urgency == MU_TASK_AT_ONCE) {
        pool_store32(&queue->at_once_count, queue->at_once_count + (uint32_t)by);
    }
    if (task->avoids) {
        pool_store32(&queue->bound_count, queue->bound_count + (uint32_t)by);
    }
}

static task_list *urgent_list(run_queue *queue, const mu_task *task)
{
    return task->urgency == MU_TASK_SOON ? &queue->soon : &queue->at_once;
}

void run_queue_add(run_queue *queue, mu_task *task, uint32_t worker)
{
    __atomic_store_n(&task->queued_at, worker + 1, __ATOMIC_RELAXED);
    change_counts(queue, task, 1);
    if (task->urgency != MU_TASK_IN_TURN) {
        append(urgent_list(queue, task), task);
        return;
    }
    share_queue *of_share = &task->share->queues[worker];
    append(&of_share->tasks, task);
    pool_store32(&of_share->count, of_share->count + 1);
    if (!of_share->place) {
        enter_heap(queue, of_share);
    }
}

void run_queue_take_out(run_queue *queue, mu_task *task)
{
    uint32_t worker = task->queued_at - 1;
    change_counts(queue, task, -1);
    if (task->urgency != MU_TASK_IN_TURN) {
        unlink_task(urgent_list(queue, task), task);
    } else {
        share_queue *of_share = &task->share->queues[worker];
        unlink_task(&of_share->tasks, task);
        pool_store32(&of_share->count, of_share->count - 1);
        if (!of_share->tasks.first) {
            leave_heap(queue, of_share);
        }
    }
    __atomic_store_n(&task->queued_at, 0, __ATOMIC_RELAXED);
}

/* Others may be waiting for what a slice that rests is in the midst of, on workers, which their
 * share pays for: it goes on whatever that has had. */
static bool is_allowed(const mu_task *task, uint32_t worker, uint64_t most_time)
{
    if (task->paused) {
        return true;
    }
    return task->avoids != worker + 1 &&
           (!task->share || pool_load(&task->share->time) <= most_time);
}

static mu_task *take_first(run_queue *queue, const task_list *list, uint32_t worker,
                           uint64_t most_time)
{
    mu_task *task = list->first;
    uint32_t looked = 0;
    while (task && !is_allowed(task, worker, most_time)) {
        task = ++looked < LOOKED_AT ? task->next : NULL;
    }
    if (task) {
        run_queue_take_out(queue, task);
    }
    return task;
}

mu_task *run_queue_take_at_once(run_queue *queue, uint32_t worker, uint64_t most_time)
{
    return take_first(queue, &queue->at_once, worker, most_time);
}

mu_task *run_queue_take_soon(run_queue *queue, uint32_t worker, uint64_t most_time)
{
    return take_first(queue, &queue->soon, worker, most_time);
}

mu_task *run_queue_take(run_queue *queue, uint32_t worker, uint64_t most_time)
{
    share_queue *least = find_least(queue);
    return least ? take_first(queue, &least->tasks, worker, most_time) : NULL;
}
