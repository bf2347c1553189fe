/* When to collect what, and how much of the marking a stop does.
 *
 * Young space. A stop takes time in proportion to what survives, so young objects are collected
 * when so many have been made that about KEPT_BYTES of them live. Where more survives, there are
 * two kinds of programs: of one, a constant share lives however long the collector waits, so it
 * waits less; of the other, a structure is built and dropped as a whole, and the longer the
 * collector waits the fewer of those are met alive. Which it is, a trial tells: for some
 * collections young space is four times as large, and stays so if the share that lives sank.
 *
 * Old space is marked when it has grown by a share of what the quota leaves above that which lived
 * at the last marking. The background job marks; what it is behind, stops make up for. Behind is
 * what lets the room for promotion be used up sooner than the marking is through:
 *
 *      left to mark / room left   bytes must be marked for each byte that is promoted
 *
 * so when that has become clearly more than it was in the beginning, a stop compares what was
 * promoted in it with what was marked since the last, and does the rest (the mutators pay for what
 * they keep, as in Baker, "List processing in real time", CACM 1978). When that takes too long for
 * a stop and half of the room is used up, the stops come more often.
 */
#include "gc_heap.h"

/* Young blocks and, weighed less since they are not copied, bytes of young large objects. */
#define YOUNG_BYTES        ((uint64_t)2 << 20)
#define YOUNG_MIN_BYTES    ((uint64_t)512 << 10)
#define YOUNG_MAX_BYTES    ((uint64_t)16 << 20)
#define YOUNG_LARGE_WEIGHT 8u
/* Objects and cards in the log that a stop should have to scan. */
#define LOG_MANY 8192u
/* While marking is behind. */
#define BEHIND_BYTES ((uint64_t)256 << 10)
/* What may survive, as a rule, and where waiting longer pays: half a millisecond, and three or four
 * less often. */
#define KEPT_BYTES     ((uint64_t)384 << 10)
#define KEPT_MAX_BYTES ((uint64_t)4 << 20)
/* A structure that is larger than young space survives in parts as a whole, so trials take long
 * steps. */
#define TRIAL_FACTOR 4u
/* Collections that a trial takes, and that are between two. */
#define TRIAL_COLLECTIONS 6u
#define TRIAL_APART_MIN   16u
#define TRIAL_APART_MAX   512u
/* The job may be so far behind the plan, as a factor of what is to be marked for each byte that is
 * promoted, before stops help it: a fifth of the room may be used before it has begun. */
#define DELAY_ALLOWED    1.25
#define GROWTH_MIN_BYTES ((uint64_t)32 << 20)
/* Under stress, one collection in so many is a full one. */
#define STRESS_FULL_EVERY 8u

/* -------------------------------------------------------------------------------- young objects */

void mu_gc_pace_begin(mu_gc_heap *heap)
{
    heap->pace.young_bytes = YOUNG_BYTES;
    heap->pace.trial_apart = TRIAL_APART_MIN;
    mu_gc_pace_set_trigger(heap);
}

/* Bytes that old space may still take: blocks of the quota, and lines of blocks it has. */
static uint64_t room_of(const mu_gc_heap *heap)
{
    uint64_t used = mu_gc_heap_used_bytes(heap);
    uint64_t quota = heap->config.quota_bytes;
    return (quota > used ? quota - used : 0) + heap->hole_lines * MU_GC_LINE_BYTES;
}

/* Young space is taken from the room, as long as nothing of it is kept. */
static uint64_t most_young(const mu_gc_heap *heap)
{
    uint64_t most = heap->config.quota_bytes / 8;
    uint64_t part = (room_of(heap) + heap->young_count * MU_GC_BLOCK_BYTES) / 3;
    bool is_large = heap->pace.grown || heap->pace.in_trial;
    return is_large && part > most ? part : most;
}

void mu_gc_pace_note_young(mu_gc_heap *heap)
{
    uint64_t young_bytes =
        heap->young_count * MU_GC_BLOCK_BYTES + heap->young_large_bytes / YOUNG_LARGE_WEIGHT;
    uint64_t most = most_young(heap);
    uint64_t due = most < heap->pace.young_bytes ? most : heap->pace.young_bytes;
    due = heap->pace.is_behind && due > BEHIND_BYTES ? BEHIND_BYTES : due;
    if (young_bytes > due) {
        __atomic_store_n(&heap->is_due, true, __ATOMIC_RELAXED);
    }
    if (young_bytes > due + due / 2) {
        __atomic_store_n(&heap->is_overdue, true, __ATOMIC_RELAXED);
    }
}

void mu_gc_pace_note_log(mu_gc_heap *heap)
{
    if (heap->log.count + heap->dirty_cards > LOG_MANY) {
        __atomic_store_n(&heap->is_due, true, __ATOMIC_RELAXED);
    }
}

/* The job is asked to make way before anybody stops for it, but not for long: it may itself be
 * waiting for a processor. */
bool mu_gc_is_due(const mu_gc_heap *heap)
{
    return __atomic_load_n(&heap->is_due, __ATOMIC_RELAXED) &&
           (!__atomic_load_n(&heap->job_is_in, __ATOMIC_RELAXED) ||
            __atomic_load_n(&heap->is_overdue, __ATOMIC_RELAXED));
}

static void count(mu_gc_sample *sample, uint64_t young_bytes, uint64_t kept_bytes)
{
    sample->count++;
    sample->young_bytes += young_bytes;
    sample->kept_bytes += kept_bytes;
}

/* Did at most three quarters of the share survive that did before? Averages of at least a block. */
static bool is_better(const mu_gc_sample *now, const mu_gc_sample *before)
{
    return (double)now->kept_bytes * (double)before->young_bytes * 4 <=
           (double)before->kept_bytes * (double)now->young_bytes * 3;
}

static void begin_trial(mu_gc_pace *pace)
{
    pace->before = pace->sample;
    pace->before_bytes = pace->young_bytes;
    pace->sample = (mu_gc_sample){0};
    uint64_t bytes = pace->young_bytes * TRIAL_FACTOR;
    pace->young_bytes = bytes < YOUNG_MAX_BYTES ? bytes : YOUNG_MAX_BYTES;
    pace->in_trial = true;
}

static void end_trial(mu_gc_pace *pace)
{
    bool pays = is_better(&pace->sample, &pace->before) &&
                pace->sample.kept_bytes <= KEPT_MAX_BYTES * pace->sample.count;
    pace->in_trial = false;
    pace->grown = pays || pace->grown;
    pace->trial_apart = pays ? TRIAL_APART_MIN : pace->trial_apart * 2;
    if (pace->trial_apart > TRIAL_APART_MAX) {
        pace->trial_apart = TRIAL_APART_MAX;
    }
    if (!pays) {
        pace->young_bytes = pace->before_bytes;
    }
    pace->until_trial = pays ? TRIAL_COLLECTIONS : pace->trial_apart;
    pace->sample = (mu_gc_sample){0};
}

/* As much as lets about the allowed amount survive, by the last few collections. */
static void adapt(mu_gc_pace *pace)
{
    uint64_t kept_bytes = pace->sample.kept_bytes / pace->sample.count;
    uint64_t allowed = pace->grown ? KEPT_MAX_BYTES : KEPT_BYTES;
    uint64_t most = pace->grown ? pace->young_bytes : YOUNG_BYTES;
    uint64_t bytes = pace->young_bytes + pace->young_bytes / 4;
    if (kept_bytes > allowed) {
        bytes = pace->young_bytes * allowed / kept_bytes;
    }
    bytes = bytes < most ? bytes : most;
    pace->young_bytes = bytes > YOUNG_MIN_BYTES ? bytes : YOUNG_MIN_BYTES;
    pace->grown = pace->grown && pace->young_bytes > YOUNG_BYTES;
}

void mu_gc_pace_learn(mu_gc_heap *heap, uint64_t young_bytes, uint64_t kept_bytes)
{
    mu_gc_pace *pace = &heap->pace;
    count(&pace->sample, young_bytes, kept_bytes);
    pace->until_trial -= pace->until_trial > 0;
    if (pace->in_trial && kept_bytes > 2 * KEPT_MAX_BYTES) {
        end_trial(pace); /* too long a stop to be repeated */
    } else if (pace->sample.count == TRIAL_COLLECTIONS && pace->in_trial) {
        end_trial(pace);
    } else if (pace->sample.count == TRIAL_COLLECTIONS) {
        bool is_much = pace->sample.kept_bytes > KEPT_BYTES * TRIAL_COLLECTIONS;
        if (is_much && !pace->until_trial && pace->young_bytes < YOUNG_MAX_BYTES &&
            pace->young_bytes < room_of(heap) / 4) {
            begin_trial(pace);
            return;
        }
        adapt(pace);
        pace->sample = (mu_gc_sample){0};
    }
}

/* ---------------------------------------------------------------------------------- old objects */

/* How much of the room may be used before a marking begins, which needs the rest for what the
 * mutators keep until it ends: half as much again as they did in the last ones. */
static uint64_t share_beside(const mu_gc_heap *heap, uint64_t room)
{
    uint64_t need = heap->pace.need_bytes + heap->pace.need_bytes / 2;
    uint64_t share = heap->pace.need_bytes && need < room ? room - need : 0;
    share = share < room - room / 4 ? share : room - room / 4;
    return share > room / 3 ? share : room / 3;
}

void mu_gc_pace_set_trigger(mu_gc_heap *heap)
{
    uint64_t live = heap->stats.live_bytes;
    uint64_t room = room_of(heap);
    uint64_t growth = live > GROWTH_MIN_BYTES ? live : GROWTH_MIN_BYTES;
    uint64_t share = heap->config.run_later ? share_beside(heap, room) : room - room / 4;
    heap->pace.trigger_bytes = live + (growth < share ? growth : share);
    heap->pace.trigger_room_bytes = room - share;
}

mu_gc_collection mu_gc_plan(mu_gc_heap *heap, bool full)
{
    mu_gc_collection plan = {.is_full = full};
    pthread_mutex_lock(&heap->lock);
    if (heap->config.stress && !full) {
        plan.is_full = ++heap->stressed % STRESS_FULL_EVERY == 0 && !heap->config.concurrent;
    }
    uint64_t room = room_of(heap) + heap->young_count * MU_GC_BLOCK_BYTES;
    bool wanted = heap->config.concurrent || heap->stats.live_bytes >= heap->pace.trigger_bytes ||
                  room <= heap->pace.trigger_room_bytes;
    if (wanted && heap->phase == MU_GC_IDLE && !plan.is_full) {
        plan.is_full = !heap->config.run_later;
        plan.begins_marking = !plan.is_full;
    }
    pthread_mutex_unlock(&heap->lock);
    return plan;
}

/* Room of the marking under way that only its last stops may use up. */
static uint64_t reserve_of(const mu_gc_heap *heap)
{
    return heap->pace.room_bytes / 8 + heap->pace.young_bytes;
}

/* Bytes to mark for each byte that may still be promoted; negative when none may. The last
 * sixteenth is for what lives beyond the estimate. */
static double ratio_of(const mu_gc_heap *heap)
{
    uint64_t marked = heap->marker.kept_bytes;
    uint64_t live = heap->stats.live_bytes;
    uint64_t room = room_of(heap);
    uint64_t reserve = reserve_of(heap);
    uint64_t left = live > marked ? live - marked : 0;
    left = left > live / 16 ? left : live / 16;
    return room > reserve ? (double)left / (double)(room - reserve) : -1;
}

void mu_gc_pace_begin_marking(mu_gc_heap *heap)
{
    heap->pace.marked_bytes = 0;
    heap->pace.is_behind = false;
    heap->pace.room_bytes = room_of(heap);
    heap->pace.begun_bytes = heap->stats.live_bytes;
    heap->pace.planned_ratio = ratio_of(heap);
}

/* One that had luck makes the next but a little bolder. */
void mu_gc_pace_end_marking(mu_gc_heap *heap)
{
    mu_gc_pace *pace = &heap->pace;
    uint64_t promoted = heap->stats.live_bytes - pace->begun_bytes + 1;
    uint64_t least = pace->need_bytes - pace->need_bytes / 4;
    pace->need_bytes = promoted > least ? promoted : least;
}

uint64_t mu_gc_pace_assist(const mu_gc_heap *heap, uint64_t promoted_bytes, bool *is_last)
{
    const mu_gc_pace *pace = &heap->pace;
    uint64_t since = heap->marker.kept_bytes - pace->marked_bytes; /* what was promoted is of it */
    *is_last = room_of(heap) < pace->room_bytes / 32 + pace->young_bytes / 2;
    double ratio = ratio_of(heap);
    if (ratio < 0) {
        return UINT64_MAX;
    }
    if (ratio < pace->planned_ratio * DELAY_ALLOWED) {
        return 0;
    }
    double wanted = ratio * (double)promoted_bytes;
    double done = (double)(since > promoted_bytes ? since - promoted_bytes : 0);
    return wanted > done ? (uint64_t)(wanted - done) : 0;
}

void mu_gc_pace_end_assist(mu_gc_heap *heap, bool fell_short)
{
    heap->pace.marked_bytes = heap->marker.kept_bytes;
    heap->pace.is_behind = fell_short && room_of(heap) < heap->pace.room_bytes / 2;
}
