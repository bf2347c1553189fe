/* Sampling. A timer comes at each tick and asks the threads that are in the world to leave at their
 * next yieldpoint, or whatever else they leave Mu code for; there each walks its own frames and
 * adds them to the tree. Late ticks are made up for: they count for the sample that is taken then.
 *
 * The threads that the timer asks are in a list that exists only during a profile (`sampled`): they
 * come and go with the world, under the VM's lock, so that a tick costs what runs and not what is
 * there. The tree has a lock of its own, which is taken after that one.
 *
 * Nodes are found by hashing (parent, version, line) into a table of their numbers, twice as large
 * as there may be nodes; from node 1 on, since 0 is the bottom of all stacks:
 *
 *      @main.v1 ── @work.v1 ── @hash.v1        a stack is a path, and shares its beginning
 *              └── @read.v1
 */
#include "vm_internal.h"

#include <time.h>

#define TABLE_SLOTS ((size_t)2 * MU_PROFILE_MAX_NODES)
_Static_assert((TABLE_SLOTS & (TABLE_SLOTS - 1)) == 0, "a slot is the low bits of a hash");

/* What a node is of: a version, or one of these two. */
static const char of_native, of_deeper;

typedef struct place {
    const void *what;
    uint32_t line;
} place;

typedef struct node {
    place at;
    uint32_t parent;
    uint64_t samples;
} node;

struct mu_profile {
    mu_vm *vm;
    mu_profile_config config;
    uint64_t interval_ns;
    mu_timer timer;
    /* Under the VM's lock. */
    bool is_ending;
    uint64_t next_ns; /* tick, on the monotonic clock */
    uint64_t ticks, stopped_ticks;
    /* Under the profile's lock of the VM. */
    uint64_t samples, others;
    MU_ARRAY(node) nodes;
    uint32_t *table;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- the tree */

static uint32_t slot_of(uint32_t parent, place at)
{
    uint64_t hash = ((uint64_t)(uintptr_t)at.what >> 4) ^ ((uint64_t)at.line << 40);
    hash = (hash + parent) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash >> 32) & (TABLE_SLOTS - 1);
}

/* The child of `parent` at this place, made if need be; 0: there is no room. */
static uint32_t child_of(mu_profile *profile, uint32_t parent, place at)
{
    uint32_t slot = slot_of(parent, at);
    for (; profile->table[slot]; slot = (slot + 1) & (TABLE_SLOTS - 1)) {
        const node *there = &profile->nodes.items[profile->table[slot]];
        if (there->parent == parent && there->at.what == at.what && there->at.line == at.line) {
            return profile->table[slot];
        }
    }
    if (profile->nodes.count > profile->config.nodes) {
        return 0;
    }
    profile->table[slot] = profile->nodes.count;
    MU_ARRAY_PUSH(&profile->nodes, ((node){.at = at, .parent = parent}));
    return profile->table[slot];
}

/* `frames` begin with the innermost. */
static void add(mu_profile *profile, const place *frames, uint32_t count, uint32_t weight)
{
    uint32_t at = 0;
    profile->samples += weight;
    while (count--) {
        at = child_of(profile, at, frames[count]);
        if (!at) {
            profile->others += weight;
            return;
        }
    }
    profile->nodes.items[at].samples += weight;
}

/* ---- a sample, by the thread itself */

static place place_in(const mu_ir_version *version, uint32_t inst, bool with_lines)
{
    const mu_location *where =
        inst == UINT32_MAX ? &version->entity.where : &version->insts[inst].entity.where;
    return (place){version, with_lines && !version->hidden ? where->line : 0};
}

/* The frames of a thread that has left Mu code, innermost first: how many there are. */
static uint32_t walk(const mu_thread *thread, bool with_lines,
                     place frames[MU_PROFILE_MAX_FRAMES + 1])
{
    const mu_code_cache *code = thread->vm->substrate->code;
    mu_stack_cursor cursor;
    uint32_t count = 0;
    if (thread->abi.leave_reason == MU_ABI_LEAVE_PROLOGUE) { /* its own frame is not there yet */
        const mu_code_object *object = mu_code_find(code, thread->abi.continuation);
        frames[count++] = place_in(object->version, UINT32_MAX, with_lines);
    }
    bool more = thread_first_frame(thread, &cursor);
    for (; more && count < MU_PROFILE_MAX_FRAMES; more = mu_stack_next(code, &cursor)) {
        frames[count++] = mu_stack_is_native(&cursor)
                              ? (place){&of_native, 0}
                              : place_in(cursor.object->version, cursor.site->inst, with_lines);
    }
    if (more) {
        frames[count++] = (place){&of_deeper, 0};
    }
    return count;
}

/* Where a thread stands at a site of its top frame, and its frame pointer is known. */
static bool is_at_site(const mu_thread *thread)
{
    switch ((int)thread->abi.leave_reason) {
    case MU_ABI_LEAVE_YIELD:
    case MU_ABI_LEAVE_PROLOGUE:
    case MU_ABI_LEAVE_COMPILE:
    case MU_ABI_LEAVE_GROW:
    case MU_ABI_LEAVE_TRAP:
    case MU_ABI_LEAVE_ALLOCATE:
    case MU_ABI_LEAVE_THROW:
    case MU_ABI_LEAVE_COMMON:
    case MU_ABI_LEAVE_NEWTHREAD:
    case MU_ABI_LEAVE_SWAPSTACK: return true;
    default: return false;
    }
}

void thread_sample(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    place frames[MU_PROFILE_MAX_FRAMES + 1];
    if (!is_at_site(thread)) {
        return;
    }
    uint32_t weight = __atomic_exchange_n(&thread->samples_wanted, 0, __ATOMIC_RELAXED);
    bool with_lines = __atomic_load_n(&vm->profile_has_lines, __ATOMIC_RELAXED);
    uint32_t count = walk(thread, with_lines, frames);
    pthread_mutex_lock(&vm->profile_lock);
    if (vm->profile && weight && count) {
        add(vm->profile, frames, count, weight);
    }
    pthread_mutex_unlock(&vm->profile_lock);
}

/* ---- ticks */

void vm_profile_enter(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    bool is_mutator = !thread->task.run; /* of a context: has no frames */
    if (vm->profile && !is_mutator) {
        LIST_INSERT_HEAD(&vm->sampled, thread, of_sampled);
        thread->is_sampled = true;
    }
}

void vm_profile_leave(mu_thread *thread)
{
    if (thread->is_sampled) {
        LIST_REMOVE(thread, of_sampled);
        thread->is_sampled = false;
    }
}

/* VM's lock held. */
static void ask_threads(mu_profile *profile, uint32_t ticks)
{
    mu_vm *vm = profile->vm;
    mu_thread *thread;
    profile->ticks += ticks;
    if (vm->stopping) {
        profile->stopped_ticks += ticks;
        return;
    }
    LIST_FOREACH(thread, &vm->sampled, of_sampled)
    {
        __atomic_fetch_add(&thread->samples_wanted, ticks, __ATOMIC_RELAXED);
        vm_request_stop(thread);
    }
}

static void tick(void *context)
{
    mu_profile *profile = context;
    mu_vm *vm = profile->vm;
    pthread_mutex_lock(&vm->lock);
    if (!profile->is_ending) {
        uint64_t now = now_ns();
        uint64_t late_ns = now > profile->next_ns ? now - profile->next_ns : 0;
        uint64_t ticks = 1 + late_ns / profile->interval_ns;
        profile->next_ns += ticks * profile->interval_ns;
        ask_threads(profile, ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX);
        mu_timer_set(vm->substrate->timers, &profile->timer,
                     profile->next_ns > now ? profile->next_ns - now : 0, tick, profile);
    }
    pthread_mutex_unlock(&vm->lock);
}

/* ---- beginning and end */

/* Makes it the VM's profile. What threads were asked for an earlier one is void. VM's lock held. */
static void attach(mu_profile *profile)
{
    mu_vm *vm = profile->vm;
    pthread_mutex_lock(&vm->profile_lock);
    vm->profile = profile;
    __atomic_store_n(&vm->profile_has_lines, profile->config.with_lines, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&vm->profile_lock);
    LIST_INIT(&vm->sampled);
    for (mu_thread *thread = vm->threads; thread; thread = thread->next) {
        __atomic_store_n(&thread->samples_wanted, 0, __ATOMIC_RELAXED);
        if (thread->is_in_world) {
            vm_profile_enter(thread);
        }
    }
}

mu_status mu_profile_start(mu_vm *vm, const mu_profile_config *config, mu_profile **out)
{
    if (!config->hz || config->hz > MU_PROFILE_MAX_HZ) {
        return MU_INVALID;
    }
    mu_profile *profile = mu_allocate(sizeof *profile);
    profile->vm = vm;
    profile->config = *config;
    if (!config->nodes || config->nodes > MU_PROFILE_MAX_NODES) {
        profile->config.nodes = MU_PROFILE_MAX_NODES;
    }
    profile->interval_ns = 1000000000u / config->hz;
    profile->next_ns = now_ns() + profile->interval_ns;
    profile->table = mu_allocate(TABLE_SLOTS * sizeof *profile->table);
    MU_ARRAY_PUSH(&profile->nodes, (node){0});
    pthread_mutex_lock(&vm->lock);
    bool is_free = !vm->profile;
    profile->is_ending = !is_free;
    if (is_free) {
        attach(profile);
        mu_timer_set(vm->substrate->timers, &profile->timer, profile->interval_ns, tick, profile);
    }
    pthread_mutex_unlock(&vm->lock);
    if (!is_free) {
        mu_profile_free(profile);
        return MU_EXISTS;
    }
    *out = profile;
    return MU_OK;
}

void mu_profile_stop(mu_profile *profile)
{
    mu_vm *vm = profile->vm;
    if (profile->is_ending) {
        return;
    }
    pthread_mutex_lock(&vm->lock);
    profile->is_ending = true;
    while (!LIST_EMPTY(&vm->sampled)) {
        vm_profile_leave(LIST_FIRST(&vm->sampled));
    }
    pthread_mutex_lock(&vm->profile_lock);
    vm->profile = NULL;
    pthread_mutex_unlock(&vm->profile_lock);
    pthread_mutex_unlock(&vm->lock);
    mu_timer_cancel(vm->substrate->timers, &profile->timer);
}

void mu_profile_free(mu_profile *profile)
{
    if (profile) {
        mu_profile_stop(profile);
        MU_ARRAY_FREE(&profile->nodes);
        mu_free(profile->table);
        mu_free(profile);
    }
}

/* ---- what came of it */

mu_profile_totals mu_profile_get_totals(const mu_profile *profile)
{
    return (mu_profile_totals){.samples = profile->samples,
                               .others = profile->others,
                               .ticks = profile->ticks,
                               .stopped_ticks = profile->stopped_ticks,
                               .nodes = profile->nodes.count - 1};
}

mu_profile_node mu_profile_node_at(const mu_profile *profile, uint32_t index)
{
    MU_INVARIANT(index + 1 < profile->nodes.count, "node %u of %u", index,
                 profile->nodes.count - 1);
    const node *from = &profile->nodes.items[index + 1];
    mu_profile_node made = {
        .parent = from->parent, .file = "", .line = from->at.line, .samples = from->samples};
    if (from->at.what == &of_native) {
        made.function = MU_FRAME_NATIVE;
    } else if (from->at.what == &of_deeper) {
        made.function = MU_PROFILE_DEEPER;
    } else {
        const mu_ir_version *version = from->at.what;
        made.function = version->hidden ? version->func->entity.label : version->entity.label;
        made.file = version->bundle ? version->bundle->name : "";
    }
    return made;
}
