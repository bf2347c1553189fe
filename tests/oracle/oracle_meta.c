/* What lets a program be its own client: ids and names, loading bundles, handling its own traps. */
#include "oracle_state.h"

#include <string.h>

/* The characters behind a @uvm.meta.bytes.r; NULL after an error has been thrown. */
static const char *bytes_of(oracle *self, const uint8_t *image, uint64_t *length)
{
    const oracle_object *bytes = read_ref(image);
    if (!bytes) {
        throw_error(self, MU_GUEST_ERROR_NULL_DEREFERENCE);
        return NULL;
    }
    *length = read_word(bytes->bytes);
    if (*length > bytes->length - 1) {
        throw_error(self, MU_GUEST_ERROR_OUT_OF_BOUNDS);
        return NULL;
    }
    return (const char *)bytes->bytes + bytes->type->size_bytes;
}

static void do_id_of(oracle *self, frame *at)
{
    uint64_t length;
    const char *name = bytes_of(self, operand(at, 0), &length);
    if (!name) {
        return;
    }
    const mu_ir_entity *found = mu_ir_env_find(self->env, name, length);
    uint32_t id = found ? found->id : 0;
    memcpy(result_image(at, 0), &id, sizeof id);
    continue_normally(self);
}

static void do_name_of(oracle *self, frame *at)
{
    const char type_name[] = "@uvm.meta.bytes";
    const mu_ir_type *type =
        (const mu_ir_type *)mu_ir_env_find(self->env, type_name, sizeof type_name - 1);
    uint32_t id;
    memcpy(&id, operand(at, 0), sizeof id);
    const mu_ir_entity *found = mu_ir_env_by_id(self->env, id);
    oracle_object *made = NULL;
    if (found && found->name) {
        uint64_t length = strlen(found->name);
        made = heap_allocate(self, type, length + 1);
        if (!made) {
            throw_error(self, MU_GUEST_ERROR_OUT_OF_MEMORY);
            return;
        }
        write_word(made->bytes, length);
        memcpy(made->bytes + type->size_bytes, found->name, length);
    }
    write_ref(result_image(at, 0), made);
    continue_normally(self);
}

static void do_load_bundle(oracle *self, frame *at)
{
    uint64_t length;
    const char *text = bytes_of(self, operand(at, 0), &length);
    if (!text) {
        return;
    }
    if (!self->load) {
        undefined(self, "nothing is there that loads bundles");
    } else if (self->load(self->load_context, text, length) == MU_OK) {
        continue_normally(self);
    } else {
        throw_error(self, MU_GUEST_ERROR_BUNDLE_REFUSED);
    }
}

static void do_set_trap_handler(oracle *self, frame *at)
{
    uint64_t handler = read_word(operand(at, 0));
    mu_ir_value value = operand_value(at, 0);
    const mu_ir_type *type = mu_ir_value_type(at->plan->version, value);
    if (!handler) {
        throw_error(self, MU_GUEST_ERROR_NULL_FUNCTION);
        return;
    }
    if (self->functions.items[handler]->sig->canonical != type->sig->canonical) {
        throw_error(self, MU_GUEST_ERROR_WRONG_SIGNATURE);
        return;
    }
    self->trap_handler = handler;
    self->trap_userdata = read_ref(operand(at, 1));
    continue_normally(self);
}

bool do_own_trap(oracle *self)
{
    if (!self->trap_handler) {
        return false;
    }
    thread *running = running_thread(self);
    stack *from = running->stack;
    stack *to = stack_new(self);
    const plan *of = plan_of_function(self, self->trap_handler);
    if (!push_frame(self, to, of)) {
        throw_error(self, MU_GUEST_ERROR_STACK_OVERFLOW);
        return true;
    }
    from->state = STACK_READY;
    to->state = STACK_ACTIVE;
    to->era++;
    uint32_t watchpoint = oracle_trap_watchpoint(self); /* of the stack that is left */
    running->stack = to;
    const uint32_t *slots = of->slots + of->version->blocks[0].params.first;
    mu_ir_type word = {.kind = MU_IR_INT, .bits = 32, .size_bytes = 4};
    write_word(to->top->slots + slots[0], (uint64_t)(uintptr_t)from);
    write_int(to->top->slots + slots[1], &word, watchpoint);
    write_ref(to->top->slots + slots[2], self->trap_userdata);
    return true;
}

bool do_meta_comminst(oracle *self, frame *at)
{
    switch (inst_of(at)->comminst) { /* NOLINT: those of the client interface */
    case MU_COMMINST_META_ID_OF: do_id_of(self, at); return true;
    case MU_COMMINST_META_NAME_OF: do_name_of(self, at); return true;
    case MU_COMMINST_META_LOAD_BUNDLE: do_load_bundle(self, at); return true;
    case MU_COMMINST_META_SET_TRAP_HANDLER: do_set_trap_handler(self, at); return true;
    default: return false;
    }
}
