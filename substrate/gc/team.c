/* A stop's tracing by several threads.
 *
 * The collecting thread has the team; other threads come as jobs, if and when workers are free,
 * each with a tracer of its own: a stack, streams for copies, lists. Who has much on its stack
 * while others have nothing gives the older half of it away as a packet:
 *
 *      [stack of A ▓▓▓▓▓▓▓▓▓▓▓▓] ─► packets [▓▓▓▓▓][▓▓▓] ─► [stack of B, empty]
 *
 * The older half, since what was pushed first leads to most. Tracing is over when all who came have
 * nothing and no packet is left. Nobody waits for a helper that has not come: with none, the
 * collecting thread does it all. Who comes too late finds the team closed. A helper whose worker is
 * wanted by others gives away what it has, and leaves.
 *
 * An object that may move is claimed by exchanging its header for MU_GC_HEADER_MOVED, without an
 * address, and belongs to who did that until there is an address, or the header is back. Marks are
 * set atomically. Natives, which the runtime shows, and pairs are left to the collecting thread;
 * ephemerons.c says how a helper tells that it reached a key.
 */
#include "gc_heap.h"

#include <sched.h>
#include <string.h>

/* Objects scanned between looks at the others. */
#define TURN_OBJECTS 128u
/* A stack is shared when it has so many. */
#define SHARED_OBJECTS 32u
#define PACKET_OBJECTS 1024u
/* Looks for work before the processor is given up. */
#define SPINS 64u

void mu_gc_team_init(mu_gc_team *team)
{
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->job_ended, NULL);
}

void mu_gc_team_deinit(mu_gc_team *team)
{
    pthread_mutex_lock(&team->lock);
    while (team->jobs_out > 0) {
        pthread_cond_wait(&team->job_ended, &team->lock);
    }
    pthread_mutex_unlock(&team->lock);
    pthread_cond_destroy(&team->job_ended);
    pthread_mutex_destroy(&team->lock);
    MU_ARRAY_FREE(&team->packets);
}

/* ------------------------------------------------------------------------------------- packets */

static void give(mu_gc_team *team, mu_gc_words *stack, uint32_t given)
{
    mu_gc_words packet = {0};
    MU_ARRAY_RESERVE(&packet, given);
    memcpy(packet.items, stack->items, given * sizeof *packet.items);
    packet.count = given;
    stack->count -= given;
    memmove(stack->items, stack->items + given, stack->count * sizeof *stack->items);
    pthread_mutex_lock(&team->lock);
    MU_ARRAY_PUSH(&team->packets, packet);
    __atomic_store_n(&team->packet_count, team->packets.count, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&team->lock);
}

static void share(mu_gc_team *team, mu_gc_words *stack)
{
    give(team, stack, stack->count / 2 < PACKET_OBJECTS ? stack->count / 2 : PACKET_OBJECTS);
}

/* The lock is held. */
static bool take_packet(mu_gc_team *team, mu_gc_words *stack)
{
    if (team->packets.count == 0) {
        return false;
    }
    mu_gc_words packet = team->packets.items[--team->packets.count];
    __atomic_store_n(&team->packet_count, team->packets.count, __ATOMIC_RELAXED);
    MU_ARRAY_RESERVE(stack, packet.count);
    memcpy(stack->items, packet.items, packet.count * sizeof *packet.items);
    stack->count = packet.count;
    MU_ARRAY_FREE(&packet);
    return true;
}

static void wait_a_little(const mu_gc_team *team)
{
    for (uint32_t spins = 0; spins < SPINS; spins++) {
        if (__atomic_load_n(&team->packet_count, __ATOMIC_RELAXED) > 0 ||
            __atomic_load_n(&team->is_finished, __ATOMIC_RELAXED)) {
            return;
        }
        __builtin_ia32_pause();
    }
    sched_yield();
}

/* `helped`: the heap, for a helper; NULL for the collecting thread, which stays. */
static bool is_to_leave(const mu_gc_heap *helped)
{
    return helped && mu_gc_job_is_in_the_way(helped);
}

/* Fills an empty stack; false when all is traced, or the helper is to leave. Until it has found
 * something, the thread counts as waiting. */
static bool find_work(mu_gc_team *team, mu_gc_words *stack, const mu_gc_heap *helped)
{
    pthread_mutex_lock(&team->lock);
    __atomic_store_n(&team->waiting, team->waiting + 1, __ATOMIC_RELAXED);
    bool leaves = is_to_leave(helped);
    bool found = !leaves && take_packet(team, stack);
    while (!found && !leaves && !team->is_finished) {
        if (team->waiting == team->members) {
            __atomic_store_n(&team->is_finished, true, __ATOMIC_RELAXED);
            break;
        }
        pthread_mutex_unlock(&team->lock);
        wait_a_little(team);
        pthread_mutex_lock(&team->lock);
        leaves = is_to_leave(helped);
        found = !leaves && take_packet(team, stack);
    }
    if (found) {
        __atomic_store_n(&team->waiting, team->waiting - 1, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&team->lock);
    return found;
}

static void work(mu_gc_team *team, mu_gc_tracer *tracer, const mu_gc_heap *helped)
{
    do {
        while (tracer->stack.count > 0) {
            mu_gc_drain_some(tracer, TURN_OBJECTS);
            if (!helped) {
                mu_gc_make_room(tracer->heap);
            } else if (tracer->stack.count > 0 && is_to_leave(helped)) {
                give(team, &tracer->stack, tracer->stack.count);
            }
            if (tracer->stack.count >= SHARED_OBJECTS &&
                __atomic_load_n(&team->waiting, __ATOMIC_RELAXED) > 0) {
                share(team, &tracer->stack);
            }
        }
    } while (find_work(team, &tracer->stack, helped));
}

/* ------------------------------------------------------------------------------------- helpers */

static void append(mu_gc_words *to, mu_gc_words *from)
{
    for (uint32_t i = 0; i < from->count; i++) {
        MU_ARRAY_PUSH(to, from->items[i]);
    }
    MU_ARRAY_FREE(from);
}

/* What a helper has found becomes the collecting thread's, which is working itself. */
static void hand_over(mu_gc_team *team, mu_gc_tracer *tracer)
{
    mu_gc_streams_close(tracer);
    pthread_mutex_lock(&team->lock);
    append(&team->found.weak, &tracer->weak);
    append(&team->found.weak_outside, &tracer->weak_outside);
    append(&team->found.met, &tracer->met);
    append(&team->found.natives, &tracer->natives);
    append(&team->found.pairs_met, &tracer->pairs_met);
    team->found.kept_bytes += tracer->kept_bytes;
    team->members--;
    team->waiting--;
    pthread_mutex_unlock(&team->lock);
    mu_gc_tracer_free(tracer);
}

/* Helps, if the team is still open. */
static void join_team(mu_gc_heap *heap)
{
    mu_gc_team *team = &heap->team;
    if (!__atomic_load_n(&team->is_open, __ATOMIC_RELAXED)) {
        return;
    }
    pthread_mutex_lock(&team->lock);
    bool joins = team->is_open && !team->is_finished;
    team->members += joins;
    mu_gc_tracer tracer = joins ? team->model : (mu_gc_tracer){0};
    pthread_mutex_unlock(&team->lock);
    if (joins) {
        work(team, &tracer, heap);
        hand_over(team, &tracer);
    }
}

static void run_helper(void *context)
{
    mu_gc_heap *heap = context;
    mu_gc_team *team = &heap->team;
    join_team(heap);
    pthread_mutex_lock(&team->lock);
    team->jobs_out--;
    pthread_cond_broadcast(&team->job_ended);
    pthread_mutex_unlock(&team->lock);
}

static void invite(mu_gc_heap *heap)
{
    mu_gc_team *team = &heap->team;
    pthread_mutex_lock(&team->lock);
    uint32_t invited =
        heap->config.helpers > team->jobs_out ? heap->config.helpers - team->jobs_out : 0;
    team->jobs_out += invited;
    pthread_mutex_unlock(&team->lock);
    for (; invited > 0; invited--) {
        heap->config.run_later(heap->config.run_context, run_helper, heap);
    }
}

/* ----------------------------------------------------------------------- the collecting thread */

static void open_team(mu_gc_heap *heap, const mu_gc_tracer *tracer)
{
    mu_gc_team *team = &heap->team;
    pthread_mutex_lock(&team->lock);
    team->model = mu_gc_tracer_of(heap, tracer->pass);
    team->model.epoch = tracer->epoch;
    team->model.marking = tracer->marking;
    team->model.no_memory = tracer->no_memory;
    team->model.is_shared = true;
    team->found = (mu_gc_found){0};
    team->members = 1;
    team->waiting = 0;
    __atomic_store_n(&team->is_finished, false, __ATOMIC_RELAXED);
    __atomic_store_n(&team->is_open, true, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&team->lock);
}

static void close_team(mu_gc_heap *heap, mu_gc_tracer *tracer)
{
    mu_gc_team *team = &heap->team;
    pthread_mutex_lock(&team->lock);
    __atomic_store_n(&team->is_open, false, __ATOMIC_RELAXED);
    while (team->members > 1) {
        pthread_mutex_unlock(&team->lock);
        sched_yield();
        pthread_mutex_lock(&team->lock);
    }
    append(&tracer->weak, &team->found.weak);
    append(&tracer->weak_outside, &team->found.weak_outside);
    append(&tracer->met, &team->found.met);
    append(&tracer->natives, &team->found.natives);
    append(&tracer->pairs_met, &team->found.pairs_met);
    tracer->kept_bytes += team->found.kept_bytes;
    pthread_mutex_unlock(&team->lock);
}

void mu_gc_team_trace(mu_gc_tracer *tracer)
{
    mu_gc_heap *heap = tracer->heap;
    open_team(heap, tracer);
    invite(heap);
    tracer->is_shared = true;
    do {
        work(&heap->team, tracer, NULL);
        close_team(heap, tracer);
        while (tracer->natives.count > 0) {
            mu_gc_show_native(tracer, (uintptr_t *)tracer->natives.items[--tracer->natives.count]);
        }
        if (tracer->stack.count > 0) {
            open_team(heap, tracer);
        }
    } while (tracer->stack.count > 0);
    tracer->is_shared = false;
    append(&tracer->pairs->met, &tracer->pairs_met);
}
