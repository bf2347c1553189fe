/* The IR builder for programs: the operands of its common instructions, by the letters of
 * mu_irbuilder_ops.def. */
#include "oracle_state.h"

#include "mu_irbuilder.h"

#include <string.h>

typedef struct call {
    oracle *self;
    frame *at;
    uint32_t next; /* operand */
    MU_ARRAY(uint64_t) words;
    char name[5000];
    size_t name_length;
    mu_guest_error error;
} call;

static uint64_t next_word(call *of)
{
    const mu_ir_type *type =
        mu_ir_value_type(of->at->plan->version, operand_value(of->at, of->next));
    uint64_t word = 0;
    memcpy(&word, operand(of->at, of->next++), size_of_type(type));
    return word;
}

typedef struct array {
    iref_image first;
    const mu_ir_type *type;
} array;

static array next_array(call *of)
{
    mu_ir_value value = operand_value(of->at, of->next);
    return (array){.first = read_iref(operand(of->at, of->next++)),
                   .type = mu_ir_value_type(of->at->plan->version, value)->element};
}

/* The item's bytes; NULL where there is none. */
static const uint8_t *item_of(const array *from, uint64_t index)
{
    const oracle_object *object = from->first.object;
    int64_t to = from->first.offset + (int64_t)(index * size_of_type(from->type));
    bool is_there = object_has_type_at(object, from->first.offset, from->type) &&
                    object_allows_shift(object, from->first.offset, to, from->type);
    return is_there ? object->bytes + to : NULL;
}

static void take_items(call *of, const array *from, uint64_t count)
{
    MU_ARRAY_PUSH(&of->words, count);
    if (count && !from->first.object) {
        of->error = MU_GUEST_ERROR_NULL_DEREFERENCE;
    } else if (count > UINT32_MAX || (count && !item_of(from, count - 1))) {
        of->error = MU_GUEST_ERROR_OUT_OF_BOUNDS;
    }
    for (uint64_t i = 0; i < count && of->error == MU_GUEST_ERROR_NONE; i++) {
        uint64_t word = 0;
        memcpy(&word, item_of(from, i), size_of_type(from->type));
        MU_ARRAY_PUSH(&of->words, word);
    }
}

static void take_lists(call *of, uint32_t lists)
{
    array from[2];
    for (uint32_t i = 0; i < lists; i++) {
        from[i] = next_array(of);
    }
    uint64_t count = next_word(of);
    for (uint32_t i = 0; i < lists && of->error == MU_GUEST_ERROR_NONE; i++) {
        take_items(of, &from[i], count);
    }
}

static void take_name(call *of)
{
    array from = next_array(of);
    if (!from.first.object) {
        of->error = MU_GUEST_ERROR_NULL_DEREFERENCE;
        return;
    }
    for (const uint8_t *byte; (byte = item_of(&from, of->name_length)) && *byte;) {
        of->name[of->name_length++] = (char)*byte;
        if (of->name_length == sizeof of->name) {
            return;
        }
    }
    if (!item_of(&from, of->name_length)) {
        of->error = MU_GUEST_ERROR_OUT_OF_BOUNDS;
    }
}

static void take_operands(call *of, uint32_t op)
{
    const char *letters = mu_irbuilder_op_info_of(op)->operands;
    for (; *letters && of->error == MU_GUEST_ERROR_NONE; letters++) {
        if (op == MU_IRBUILDER_SET_NEWSTACK_PASS_VALUES && *letters == 'N') {
            take_lists(of, 2); /* they share their count */
            return;
        }
        switch (*letters) {
        case 'N':
        case 'I': take_lists(of, 1); break;
        case 's': take_name(of); break;
        default: MU_ARRAY_PUSH(&of->words, next_word(of)); break;
        }
    }
}

static mu_status load(oracle *self, uint64_t node)
{
    mu_irbuilder_graph *graph;
    mu_status status = mu_irbuilder_detach(self->irbuilder, node, NULL, &graph);
    if (status == MU_OK && self->load_built) {
        return self->load_built(self->load_context, graph);
    }
    mu_irbuilder_graph_free(status == MU_OK ? graph : NULL);
    return status == MU_OK ? MU_UNSUPPORTED : status;
}

static mu_status perform(call *of, uint32_t op)
{
    oracle *self = of->self;
    if (op == MU_IRBUILDER_LOAD_BUNDLE_FROM_NODE) {
        return load(self, of->words.items[0]);
    }
    uint64_t result;
    mu_status status =
        mu_irbuilder_perform(self->irbuilder, self->env, op, of->words.items, of->words.count,
                             of->name, of->name_length, NULL, &result);
    if (status == MU_OK && inst_of(of->at)->results.count) {
        const mu_ir_type *type = mu_irbuilder_op_info_of(op)->result == 'i'
                                     ? &(mu_ir_type){.kind = MU_IR_INT, .bits = 32, .size_bytes = 4}
                                     : &(mu_ir_type){.kind = MU_IR_IRNODEREF, .size_bytes = 8};
        memcpy(result_image(of->at, 0), &result, size_of_type(type));
    }
    return status;
}

bool do_irbuilder_comminst(oracle *self, frame *at)
{
    uint32_t op = mu_ir_comminst_id(inst_of(at)->comminst);
    if (!mu_irbuilder_op_info_of(op)) {
        return false;
    }
    if (!self->irbuilder) {
        self->irbuilder = mu_irbuilder_new(NULL);
    }
    call of = {.self = self, .at = at, .error = MU_GUEST_ERROR_NONE};
    take_operands(&of, op);
    if (of.error == MU_GUEST_ERROR_NONE && perform(&of, op) != MU_OK) {
        of.error = MU_GUEST_ERROR_BUNDLE_REFUSED;
    }
    MU_ARRAY_FREE(&of.words);
    if (of.error == MU_GUEST_ERROR_NONE) {
        continue_normally(self);
    } else {
        throw_error(self, of.error);
    }
    return true;
}
