/* Complaints and the names of things in them.
 *
 * Types print by structure as long as that is short: "int<64>", "ref<@Node>", "iref<iref<int<8>>>".
 * A composite shows its name, for its structure can be exponentially longer than the text that
 * defines it, and the depth of references is cut. */
#include "verifier.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_DEPTH_MAX = 4, MESSAGE_MAX = 1024 };

static void append(mu_verify_text *out, const char *text)
{
    size_t used = strlen(out->text);
    snprintf(out->text + used, sizeof out->text - used, "%s", text);
}

const char *mu_verify_name_of(const mu_ir_entity *entity)
{
    return entity && entity->label ? entity->label : "(no name)";
}

static const char *kind_word(mu_ir_type_kind kind)
{
#define KIND_WORD(name, word) [MU_IR_##name] = (word),
    static const char *const words[] = {MU_IR_TYPE_LIST(KIND_WORD)};
#undef KIND_WORD
    return words[kind];
}

mu_verify_text mu_verify_text_of_type(const mu_ir_type *type)
{
    mu_verify_text out = {""};
    uint32_t depth = 0;
    while (type) {
        bool is_composite = type->kind >= MU_IR_STRUCT && type->kind <= MU_IR_VECTOR;
        bool shows_name = is_composite || depth == TEXT_DEPTH_MAX;
        if (shows_name && type->entity.label) {
            append(&out, type->entity.label);
            break;
        }
        append(&out, kind_word(type->kind));
        if (type->kind == MU_IR_INT) {
            char width[16];
            snprintf(width, sizeof width, "<%u>", type->bits);
            append(&out, width);
        } else if (type->sig) {
            append(&out, "<");
            append(&out, mu_verify_name_of(&type->sig->entity));
            append(&out, ">");
        } else if (is_composite || depth == TEXT_DEPTH_MAX) {
            append(&out, "<...>");
            break;
        }
        if (!type->element) {
            break;
        }
        append(&out, "<");
        type = type->element;
        depth++;
    }
    if (!type) {
        append(&out, "(unknown type)");
    }
    while (depth--) {
        append(&out, ">");
    }
    return out;
}

const char *mu_verify_name_of_inst(const mu_ir_inst *inst)
{
    if (inst->op == MU_OP_COMMINST) {
        return mu_ir_comminst_name(inst->comminst);
    }
    if (!inst->is_ptr) {
        return mu_ir_op_info_of(inst->op)->word;
    }
    switch (mu_ir_op_info_of(inst->op)->shape) {
    case MU_SHAPE_LOAD: return "LOAD PTR";
    case MU_SHAPE_STORE: return "STORE PTR";
    case MU_SHAPE_CMPXCHG: return "CMPXCHG PTR";
    case MU_SHAPE_ATOMICRMW: return "ATOMICRMW PTR";
    case MU_SHAPE_GETFIELD: return "GETFIELDIREF PTR";
    case MU_SHAPE_GETVARPART: return "GETVARPARTIREF PTR";
    default: return inst->op == MU_OP_SHIFTIREF ? "SHIFTIREF PTR" : "GETELEMIREF PTR";
    }
}

static void add(mu_verifier *v, mu_status status, mu_location where, const char *text)
{
    v->invalid += status == MU_INVALID;
    v->not_allowed += status == MU_NOT_ALLOWED;
    v->unsupported += status == MU_UNSUPPORTED;
    (void)mu_report_add(v->report, status, where, "%s", text);
}

/* Writes "where: " and, for an instruction's complaint, "name " into `text`; returns how much.
 * Outside of function bodies the complaint itself says what it is about. */
static size_t prefix_text(const mu_verifier *v, bool with_inst, char text[MESSAGE_MAX])
{
    if (!v->version) {
        return 0;
    }
    const mu_ir_entity *place = v->block ? &v->block->entity : &v->version->entity;
    int used = snprintf(text, MESSAGE_MAX, "%s: %s%s", mu_verify_name_of(place),
                        with_inst ? mu_verify_name_of_inst(v->inst) : "", with_inst ? " " : "");
    return used < MESSAGE_MAX ? (size_t)used : MESSAGE_MAX - 1;
}

void mu_verify_refuse(mu_verifier *v, mu_status status, mu_location where, const char *format, ...)
{
    char text[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add(v, status, where, text);
}

void mu_verify_complain_here(mu_verifier *v, mu_status status, mu_location where,
                             const char *format, ...)
{
    char text[MESSAGE_MAX];
    size_t used = prefix_text(v, false, text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, sizeof text - used, format, arguments);
    va_end(arguments);
    add(v, status, where, text);
}

void mu_verify_complain_inst(mu_verifier *v, const char *format, ...)
{
    char text[MESSAGE_MAX];
    size_t used = prefix_text(v, true, text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, sizeof text - used, format, arguments);
    va_end(arguments);
    add(v, MU_INVALID, v->inst->entity.where, text);
}
