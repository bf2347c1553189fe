/* Pinning. Objects of the oracle do not move; what is left of a pin is that it keeps its object
 * alive, that it has to be there to be ended, and that it ends with its thread. */
#include "oracle_state.h"

static iref_image pinned_operand(frame *at)
{
    if (type_param(at, 0)->kind == MU_IR_IREF) {
        return read_iref(operand(at, 0));
    }
    return (iref_image){.object = read_ref(operand(at, 0))};
}

static void remove_pin(oracle *self, uint32_t index)
{
    self->pins.items[index] = self->pins.items[--self->pins.count];
}

void drop_pins(oracle *self, const thread *pinner)
{
    for (uint32_t i = self->pins.count; i-- > 0;) {
        if (!pinner || self->pins.items[i].pinner == pinner) {
            remove_pin(self, i);
        }
    }
}

static void do_pin(oracle *self, frame *at)
{
    iref_image pinned = pinned_operand(at);
    uint64_t address = 0;
    if (pinned.object) {
        pin made = {.pinner = running_thread(self), .pinned = pinned};
        MU_ARRAY_PUSH(&self->pins, made);
        address = (uint64_t)(uintptr_t)pinned.object->bytes + (uint64_t)pinned.offset;
    }
    write_word(result_image(at, 0), address);
    continue_normally(self);
}

static void do_unpin(oracle *self, frame *at)
{
    iref_image pinned = pinned_operand(at);
    for (uint32_t i = 0; pinned.object && i < self->pins.count; i++) {
        const pin *known = &self->pins.items[i];
        if (known->pinner == running_thread(self) && known->pinned.object == pinned.object &&
            known->pinned.offset == pinned.offset) {
            remove_pin(self, i);
            continue_normally(self);
            return;
        }
    }
    if (pinned.object) {
        throw_error(self, MU_GUEST_ERROR_NOT_PINNED);
    } else {
        continue_normally(self);
    }
}

bool do_pin_comminst(oracle *self, frame *at)
{
    switch (inst_of(at)->comminst) { /* NOLINT: those of pinning */
    case MU_COMMINST_NATIVE_PIN: do_pin(self, at); return true;
    case MU_COMMINST_NATIVE_UNPIN: do_unpin(self, at); return true;
    default: return false;
    }
}
