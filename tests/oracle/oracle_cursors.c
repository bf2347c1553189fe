/* Looking at the frames of a stack that no thread runs, and replacing them. */
#include "oracle_state.h"

#include <string.h>

/* The cursor, if it is good; else NULL after an error has been thrown. */
static cursor *good_cursor(oracle *self, const uint8_t *image)
{
    cursor *found = (cursor *)(uintptr_t)read_word(image);
    if (!found) {
        throw_error(self, MU_GUEST_ERROR_NULL_DEREFERENCE);
        return NULL;
    }
    if (!found->stack || found->era != found->stack->era) {
        throw_error(self, MU_GUEST_ERROR_STACK_STATE);
        return NULL;
    }
    return found;
}

static void give_cursor(oracle *self, frame *at, stack *on, frame *to)
{
    write_word(result_image(at, 0), (uint64_t)(uintptr_t)cursor_new(self, on, to));
    continue_normally(self);
}

static void do_new_cursor(oracle *self, frame *at)
{
    stack *on = ready_stack(self, operand(at, 0));
    if (on) {
        give_cursor(self, at, on, on->top);
    }
}

static void do_next_frame(oracle *self, cursor *moved)
{
    if (!moved->at->caller) {
        throw_error(self, MU_GUEST_ERROR_STACK_STATE);
        return;
    }
    moved->at = moved->at->caller;
    continue_normally(self);
}

/* The version that the frame runs or would begin; NULL: its function is undefined. */
static const mu_ir_version *version_of(oracle *self, const frame *at)
{
    const plan *of = at->plan ? at->plan : plan_of_function(self, at->function);
    return of->version->hidden ? NULL : of->version;
}

static uint32_t id_of_frame(oracle *self, const frame *at, mu_ir_comminst wanted)
{
    if (at->native) {
        return 0;
    }
    const mu_ir_version *version = version_of(self, at);
    if (wanted == MU_COMMINST_META_CUR_FUNC) {
        return at->plan ? at->plan->version->func->entity.id
                        : self->functions.items[at->function]->entity.id;
    }
    if (!version) {
        return 0;
    }
    return wanted == MU_COMMINST_META_CUR_FUNC_VER ? version->entity.id
           : at->plan                              ? inst_of(at)->entity.id
                                                   : 0;
}

static void do_dump_keepalives(oracle *self, frame *at, frame *dumped)
{
    const char name[] = "@uvm.meta.refs";
    const mu_ir_type *refs = (const mu_ir_type *)mu_ir_env_find(self->env, name, sizeof name - 1);
    mu_ir_range keepalives = dumped->plan ? inst_of(dumped)->keepalives : (mu_ir_range){0};
    oracle_object *list = heap_allocate(self, refs, keepalives.count);
    if (!list) {
        throw_error(self, MU_GUEST_ERROR_OUT_OF_MEMORY);
        return;
    }
    /* In its place now, where the collector finds it. */
    write_ref(result_image(at, 0), list);
    write_word(list->bytes, keepalives.count);
    for (uint32_t i = 0; i < keepalives.count; i++) {
        mu_ir_value value = dumped->plan->version->operands[keepalives.first + i];
        const mu_ir_type *type = mu_ir_value_type(dumped->plan->version, value);
        oracle_object *box = heap_allocate(self, type, 0);
        if (!box) {
            throw_error(self, MU_GUEST_ERROR_OUT_OF_MEMORY);
            return;
        }
        memcpy(box->bytes, image_of_value(dumped, value), size_of_type(type));
        write_ref(list->bytes + refs->size_bytes + i * refs->stride_bytes, box);
    }
    continue_normally(self);
}

static void do_pop_frames_to(oracle *self, cursor *to)
{
    for (const frame *popped = to->stack->top; popped != to->at; popped = popped->caller) {
        if (popped->native) {
            throw_error(self, MU_GUEST_ERROR_STACK_STATE);
            return;
        }
    }
    while (to->stack->top != to->at) {
        pop_frame(to->stack);
    }
    to->era = ++to->stack->era;
    continue_normally(self);
}

static void do_push_frame(oracle *self, frame *at)
{
    stack *on = ready_stack(self, operand(at, 0));
    uint64_t function = on ? function_operand(self, at, 1) : 0;
    if (!function) {
        return;
    }
    const mu_ir_sig *sig = at->plan->version->sigs[inst_of(at)->sigs.first];
    if (!stack_waits_for(self, on, sig->results, sig->result_count)) {
        throw_error(self, MU_GUEST_ERROR_STACK_STATE);
        return;
    }
    if (!push_unbegun_frame(self, on, function)) {
        throw_error(self, MU_GUEST_ERROR_STACK_OVERFLOW);
        return;
    }
    on->era++;
    continue_normally(self);
}

static void do_with_cursor(oracle *self, frame *at, cursor *with)
{
    mu_ir_comminst comminst = inst_of(at)->comminst;
    switch (comminst) { /* NOLINT: those that take a cursor */
    case MU_COMMINST_META_NEXT_FRAME: do_next_frame(self, with); break;
    case MU_COMMINST_META_COPY_CURSOR: give_cursor(self, at, with->stack, with->at); break;
    case MU_COMMINST_META_DUMP_KEEPALIVES: do_dump_keepalives(self, at, with->at); break;
    case MU_COMMINST_META_POP_FRAMES_TO: do_pop_frames_to(self, with); break;
    case MU_COMMINST_META_CLOSE_CURSOR:
        with->stack = NULL;
        continue_normally(self);
        break;
    default: {
        uint32_t id = id_of_frame(self, with->at, comminst);
        memcpy(result_image(at, 0), &id, sizeof id);
        continue_normally(self);
    }
    }
}

bool do_cursor_comminst(oracle *self, frame *at)
{
    switch (inst_of(at)->comminst) { /* NOLINT: those of cursors and frames */
    case MU_COMMINST_META_NEW_CURSOR: do_new_cursor(self, at); return true;
    case MU_COMMINST_META_PUSH_FRAME: do_push_frame(self, at); return true;
    case MU_COMMINST_META_NEXT_FRAME:
    case MU_COMMINST_META_COPY_CURSOR:
    case MU_COMMINST_META_CLOSE_CURSOR:
    case MU_COMMINST_META_CUR_FUNC:
    case MU_COMMINST_META_CUR_FUNC_VER:
    case MU_COMMINST_META_CUR_INST:
    case MU_COMMINST_META_DUMP_KEEPALIVES:
    case MU_COMMINST_META_POP_FRAMES_TO: {
        cursor *with = good_cursor(self, operand(at, 0));
        if (with) {
            do_with_cursor(self, at, with);
        }
        return true;
    }
    default: return false;
    }
}
