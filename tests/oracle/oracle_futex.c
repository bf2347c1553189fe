/* Futexes. A thread that waits is passed over when turns are taken. Time is counted in
 * instructions, a nanosecond each, and leaps to the next deadline when every thread waits. */
#include "oracle_state.h"

enum { WOKEN = 0, DIFFERS = -1, TIMED_OUT = -3 };

static void write_outcome(frame *at, int32_t outcome)
{
    uint32_t result = inst_of(at)->results.first;
    write_int(result_image(at, 0), at->plan->version->variables[result].type, (uint32_t)outcome);
}

static uint64_t int_operand(frame *at, uint32_t index)
{
    return read_int(operand(at, index),
                    mu_ir_value_type(at->plan->version, operand_value(at, index)));
}

static void finish_wait(oracle *self, uint32_t index, int32_t outcome)
{
    uint32_t turn = self->run->turn;
    thread *woken = self->run->threads.items[index];
    woken->is_waiting = false;
    woken->waits_at = (iref_image){0};
    self->run->turn = index;
    write_outcome(woken->stack->top, outcome);
    continue_normally(self);
    self->run->turn = turn;
}

/* The thread in the queue of this location that is to be woken next; false: none. */
static bool first_waiter(const oracle *self, iref_image location, uint32_t *index)
{
    bool found = false;
    for (uint32_t i = 0; i < self->run->threads.count; i++) {
        const thread *at = self->run->threads.items[i];
        bool is_here = at->is_waiting && at->waits_at.object == location.object &&
                       at->waits_at.offset == location.offset;
        if (is_here && (!found || at->wait_order < self->run->threads.items[*index]->wait_order)) {
            *index = i;
            found = true;
        }
    }
    return found;
}

static int32_t wake_some(oracle *self, iref_image location, int32_t most)
{
    int32_t woken = 0;
    uint32_t index = 0;
    while (woken < most && first_waiter(self, location, &index)) {
        finish_wait(self, index, WOKEN);
        woken++;
    }
    return woken;
}

void wake_notified(oracle *self)
{
    for (uint32_t i = 0; self->run && i < self->notified.count; i++) {
        (void)wake_some(self, (iref_image){.object = self->notified.items[i]}, INT32_MAX);
    }
    self->notified.count = 0;
}

static void requeue(oracle *self, iref_image from, iref_image to)
{
    uint32_t index = 0;
    bool is_same = from.object == to.object && from.offset == to.offset;
    while (!is_same && first_waiter(self, from, &index)) {
        thread *moved = self->run->threads.items[index];
        moved->waits_at = to;
        moved->wait_order = ++self->run->waits;
    }
}

static void answer(oracle *self, frame *at, int32_t value)
{
    write_outcome(at, value);
    continue_normally(self);
}

static bool holds(frame *at, iref_image location, uint32_t wanted)
{
    const uint8_t *image = location.object->bytes + location.offset;
    return read_int(image, type_param(at, 0)) == int_operand(at, wanted);
}

static void do_wait(oracle *self, frame *at, iref_image location)
{
    bool has_timeout = inst_of(at)->comminst == MU_COMMINST_FUTEX_WAIT_TIMEOUT;
    run *running = self->run;
    if (!holds(at, location, 1)) {
        answer(self, at, DIFFERS);
        return;
    }
    thread *waiting = running_thread(self);
    uint64_t timeout = has_timeout ? int_operand(at, 2) : UINT64_MAX;
    waiting->is_waiting = true;
    waiting->waits_at = location;
    waiting->wait_order = ++running->waits;
    waiting->deadline =
        timeout > UINT64_MAX - running->clock ? UINT64_MAX : running->clock + timeout;
    running->slice = 0;
}

bool do_futex_comminst(oracle *self, frame *at)
{
    mu_ir_comminst which = inst_of(at)->comminst;
    if (which < MU_COMMINST_FUTEX_WAIT || which > MU_COMMINST_FUTEX_CMP_REQUEUE) {
        return false;
    }
    iref_image location = read_iref(operand(at, 0));
    bool moves = which == MU_COMMINST_FUTEX_CMP_REQUEUE;
    iref_image target = moves ? read_iref(operand(at, 1)) : location;
    if (!location.object || !target.object) {
        throw_error(self, MU_GUEST_ERROR_NULL_DEREFERENCE);
    } else if (which == MU_COMMINST_FUTEX_WAKE) {
        int32_t most = (int32_t)int_operand(at, 1);
        answer(self, at, wake_some(self, location, most));
    } else if (!moves) {
        do_wait(self, at, location);
    } else if (!holds(at, location, 2)) {
        answer(self, at, DIFFERS);
    } else {
        int32_t woken = wake_some(self, location, (int32_t)int_operand(at, 3));
        requeue(self, location, target);
        answer(self, at, woken);
    }
    return true;
}

void end_late_waits(oracle *self, bool leaps)
{
    run *at = self->run;
    uint64_t first = UINT64_MAX;
    for (uint32_t i = 0; i < at->threads.count; i++) {
        const thread *waiting = at->threads.items[i];
        if (waiting->is_waiting && waiting->deadline < first) {
            first = waiting->deadline;
        }
    }
    if (leaps && first == UINT64_MAX) {
        undefined(self, "every thread waits at a futex, for ever");
        return;
    }
    if (leaps && at->clock < first) {
        at->clock = first;
    }
    for (uint32_t i = 0; i < at->threads.count; i++) {
        const thread *waiting = at->threads.items[i];
        if (waiting->is_waiting && waiting->deadline <= at->clock && first != UINT64_MAX) {
            finish_wait(self, i, TIMED_OUT);
        }
    }
}
