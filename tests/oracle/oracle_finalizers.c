/* Ephemerons, and queues of what died, by their definition: rounds over all objects until nothing
 * changes. They are objects without content, with a record beside. */
#include "oracle_state.h"

typedef enum watch_kind { AN_EPHEMERON, A_QUEUE, A_REGISTRATION } watch_kind;

enum { LAST = 1, HELD_WEAKLY = 2 };

struct watch {
    watch_kind kind;
    oracle_object *key;   /* ephemeron: NULL once it died; registration: NULL when it is ready */
    oracle_object *value; /* held; a queue's count */
    oracle_object *queue; /* registration; NULL: it is over */
    uint64_t number;      /* in the order of registering; once it is ready, of coming */
    uint32_t how;
};

/* ---- liveness */

static bool lives(const oracle_object *object)
{
    return object && object->is_marked;
}

static bool is_waiting(const watch *at)
{
    return at->kind == A_REGISTRATION && at->queue && at->key;
}

static bool is_ready(const watch *at)
{
    return at->kind == A_REGISTRATION && at->queue && !at->key;
}

/* What the record of an object keeps alive as far as is known; the object itself may be dead, but a
 * registration is its queue's. */
static bool mark_from(oracle *self, oracle_object *object)
{
    watch *at = object->watch;
    oracle_object *wanted[3] = {0};
    if (at->kind == A_REGISTRATION) {
        bool keeps = is_ready(at) || (lives(at->key) && !(at->how & HELD_WEAKLY));
        wanted[0] = lives(at->queue) ? object : NULL;
        wanted[1] = object->is_marked ? at->queue : NULL;
        wanted[2] = lives(at->queue) && keeps ? at->value : NULL;
    } else if (object->is_marked) {
        wanted[0] = at->kind == A_QUEUE || lives(at->key) ? at->value : NULL;
    }
    bool is_new = false;
    for (uint32_t i = 0; i < 3; i++) {
        if (wanted[i] && !wanted[i]->is_marked) {
            mark_object(self, wanted[i]);
            is_new = true;
        }
    }
    return is_new;
}

void mark_from_watches(oracle *self)
{
    bool again;
    do {
        again = false;
        mark_the_rest(self);
        for (oracle_object *object = self->heap; object; object = object->next) {
            again = (object->watch && mark_from(self, object)) || again;
        }
    } while (again);
}

/* The first in the order of registering whose object died. */
static oracle_object *first_dead(const oracle *self, uint32_t last)
{
    oracle_object *found = NULL;
    for (oracle_object *object = self->heap; object; object = object->next) {
        const watch *at = object->watch;
        if (object->is_marked && at && is_waiting(at) && !at->key->is_marked &&
            (at->how & LAST) == last && (!found || at->number < found->watch->number)) {
            found = object;
        }
    }
    return found;
}

/* It keeps nothing from now on, so it must not name what may be freed. */
static void end_registration(watch *at)
{
    at->key = at->value = at->queue = NULL;
}

static void count_ready(oracle *self, const watch *at, uint64_t change)
{
    oracle_object *count = at->queue->watch->value;
    if (count) {
        write_word(count->bytes, read_word(count->bytes) + change);
    }
    if (count && change == 1) {
        MU_ARRAY_PUSH(&self->notified, count);
    }
}

static void deliver(oracle *self, watch *at)
{
    if (at->how & HELD_WEAKLY && !lives(at->value)) {
        end_registration(at);
        return;
    }
    at->key = NULL;
    at->number = ++self->watches_made;
    count_ready(self, at, 1);
}

/* All that are due before any of what they hold is marked. */
static bool deliver_due(oracle *self, uint32_t last)
{
    bool any = false;
    for (oracle_object *dead; (dead = first_dead(self, last)); any = true) {
        deliver(self, dead->watch);
    }
    return any;
}

bool finalize_the_dead(oracle *self)
{
    bool any = false;
    while (deliver_due(self, 0) || deliver_due(self, LAST)) {
        mark_from_watches(self);
        any = true;
    }
    return any;
}

void break_ephemerons(oracle *self)
{
    for (oracle_object *object = self->heap; object; object = object->next) {
        watch *at = object->watch;
        if (!object->is_marked || !at) {
            continue;
        }
        if (at->kind == AN_EPHEMERON && !lives(at->key)) {
            at->key = at->value = NULL;
        } else if (is_waiting(at) && at->how & HELD_WEAKLY && !lives(at->value)) {
            end_registration(at);
        }
    }
}

/* ---- the instructions */

/* The record of the kind that an operand refers to; NULL after an error has been thrown. */
static watch *watch_operand(oracle *self, frame *at, uint32_t index, watch_kind kind)
{
    const oracle_object *object = read_ref(operand(at, index));
    if (!object) {
        throw_error(self, MU_GUEST_ERROR_NULL_DEREFERENCE);
        return NULL;
    }
    if (!object->watch || object->watch->kind != kind) {
        throw_error(self, MU_GUEST_ERROR_WRONG_TYPE);
        return NULL;
    }
    return object->watch;
}

static void give(oracle *self, frame *at, oracle_object *object)
{
    write_ref(result_image(at, 0), object);
    continue_normally(self);
}

static void give_new(oracle *self, frame *at, const watch *content)
{
    oracle_object *made = heap_allocate(self, NULL, 0);
    if (!made) {
        throw_error(self, MU_GUEST_ERROR_OUT_OF_MEMORY);
        return;
    }
    made->watch = mu_allocate(sizeof *made->watch);
    *made->watch = *content;
    give(self, at, made);
}

static void new_ephemeron(oracle *self, frame *at)
{
    watch made = {AN_EPHEMERON, .key = read_ref(operand(at, 0)), .value = read_ref(operand(at, 1))};
    if (!made.key) {
        throw_error(self, MU_GUEST_ERROR_NULL_DEREFERENCE);
        return;
    }
    give_new(self, at, &made);
}

static void use_ephemeron(oracle *self, frame *at)
{
    watch *used = watch_operand(self, at, 0, AN_EPHEMERON);
    if (!used) {
        return;
    }
    switch ((int)inst_of(at)->comminst) {
    case MU_COMMINST_EPHEMERON_KEY: give(self, at, used->key); break;
    case MU_COMMINST_EPHEMERON_VALUE: give(self, at, used->value); break;
    default:
        used->value = used->key ? read_ref(operand(at, 1)) : NULL;
        continue_normally(self);
        break;
    }
}

static void take(oracle *self, frame *at)
{
    const oracle_object *queue = read_ref(operand(at, 0));
    watch *first = NULL;
    if (!watch_operand(self, at, 0, A_QUEUE)) {
        return;
    }
    for (oracle_object *object = self->heap; object; object = object->next) {
        watch *other = object->watch;
        if (other && is_ready(other) && other->queue == queue &&
            (!first || other->number < first->number)) {
            first = other;
        }
    }
    oracle_object *taken = first ? first->value : NULL;
    if (first) {
        count_ready(self, first, UINT64_MAX);
        end_registration(first);
    }
    give(self, at, taken);
}

static void register_finalizer(oracle *self, frame *at)
{
    mu_ir_type word = {.kind = MU_IR_INT, .bits = 32};
    watch made = {A_REGISTRATION, .key = read_ref(operand(at, 0)),
                  .value = read_ref(operand(at, 1)), .queue = read_ref(operand(at, 2)),
                  .how = (uint32_t)read_int(operand(at, 3), &word)};
    if (!made.key || !made.value) {
        throw_error(self, MU_GUEST_ERROR_NULL_DEREFERENCE);
        return;
    }
    if (!watch_operand(self, at, 2, A_QUEUE)) {
        return;
    }
    if (made.how > (LAST | HELD_WEAKLY)) {
        throw_error(self, MU_GUEST_ERROR_OUT_OF_BOUNDS);
        return;
    }
    made.number = ++self->watches_made;
    give_new(self, at, &made);
}

static void unregister_finalizer(oracle *self, frame *at)
{
    watch *ended = watch_operand(self, at, 0, A_REGISTRATION);
    if (!ended) {
        return;
    }
    *result_image(at, 0) = is_waiting(ended);
    if (is_waiting(ended)) {
        end_registration(ended);
    }
    continue_normally(self);
}

bool do_finalizer_comminst(oracle *self, frame *at)
{
    switch ((int)inst_of(at)->comminst) {
    case MU_COMMINST_EPHEMERON_NEW: new_ephemeron(self, at); return true;
    case MU_COMMINST_EPHEMERON_KEY:
    case MU_COMMINST_EPHEMERON_VALUE:
    case MU_COMMINST_EPHEMERON_SET_VALUE: use_ephemeron(self, at); return true;
    case MU_COMMINST_QUEUE_NEW:
        give_new(self, at, &(watch){A_QUEUE, .value = read_ref(operand(at, 0))});
        return true;
    case MU_COMMINST_QUEUE_TAKE: take(self, at); return true;
    case MU_COMMINST_FINALIZER_REGISTER: register_finalizer(self, at); return true;
    case MU_COMMINST_FINALIZER_UNREGISTER: unregister_finalizer(self, at); return true;
    default: return false;
    }
}
