/* Types of operands and results, and the checks that most operations begin with. */
#include "context_internal.h"

/* Parts of a composite that are looked at; no value of MU_CONTEXT_MAX_VALUE_BYTES of honest types
 * has as many. */
#define PARTS_MOST (4u * MU_CONTEXT_MAX_VALUE_BYTES)

/* ---- making */

mu_ir_type *context_type(const mu_context *context, mu_ir_type_kind kind)
{
    return mu_ir_type_pool_get(context->types, &(mu_ir_type){.kind = kind});
}

mu_ir_type *context_int_type(const mu_context *context, uint32_t bits)
{
    return mu_ir_type_pool_get(context->types, &(mu_ir_type){.kind = MU_IR_INT, .bits = bits});
}

mu_ir_type *context_type_of(const mu_context *context, mu_ir_type_kind kind, mu_ir_type *element)
{
    return mu_ir_type_pool_get(context->types, &(mu_ir_type){.kind = kind, .element = element});
}

mu_ir_type *context_ref_void(const mu_context *context)
{
    return context_type_of(context, MU_IR_REF, context_type(context, MU_IR_VOID));
}

mu_ir_type *context_strong(const mu_context *context, mu_ir_type *type)
{
    return type->kind == MU_IR_WEAKREF ? context_type_of(context, MU_IR_REF, type->element) : type;
}

/* ---- checking */

/* The depth is that of types, at most 1,000. */
static bool is_value_type(const mu_ir_type *type, uint32_t *parts_left)
{
    if (!*parts_left) {
        return false;
    }
    --*parts_left;
    switch ((int)type->kind) {
    case MU_IR_VOID:
    case MU_IR_HYBRID:
    case MU_IR_WEAKREF: return false;
    case MU_IR_ARRAY:
    case MU_IR_VECTOR: return is_value_type(type->element, parts_left);
    case MU_IR_STRUCT:
        for (uint32_t i = 0; i < type->field_count; i++) {
            if (!is_value_type(type->fields[i], parts_left)) {
                return false;
            }
        }
        return true;
    default: return true;
    }
}

mu_status context_check_value_type(context_call *call, uint32_t operand, const mu_ir_type *type)
{
    uint32_t parts_left = PARTS_MOST;
    if (type->kind != MU_IR_HYBRID && type->size_bytes > MU_CONTEXT_MAX_VALUE_BYTES) {
        return context_refuse(call, MU_LIMIT, operand,
                              "a value of %llu bytes; a context's have at most %u: use its parts",
                              (unsigned long long)type->size_bytes, MU_CONTEXT_MAX_VALUE_BYTES);
    }
    if (!is_value_type(type, &parts_left)) {
        return context_refuse_type(call, operand, "a type that values can have", type);
    }
    return MU_OK;
}

static const char *name_of_kind(mu_ir_type_kind kind)
{
    static const char *const names[] = {
#define MU_IR_TYPE_NAME(name, word) word,
        MU_IR_TYPE_LIST(MU_IR_TYPE_NAME)
#undef MU_IR_TYPE_NAME
    };
    return names[kind];
}

mu_status context_expect(context_call *call, uint32_t operand, mu_ir_type_kind kind)
{
    const mu_ir_type *type = context_value_at(call, operand)->type;
    return type->kind == kind ? MU_OK
                              : context_refuse_type(call, operand, name_of_kind(kind), type);
}

mu_status context_expect_object(context_call *call, uint32_t operand, mu_ir_type_kind kind)
{
    mu_status status = context_expect(call, operand, kind);
    const context_value *value = context_value_at(call, operand);
    if (status == MU_OK && !value->words[0] && (kind != MU_IR_IREF || !value->words[1])) {
        status = context_refuse(call, MU_INVALID, operand, "is NULL");
    }
    return status;
}

mu_status context_expect_type(context_call *call, uint32_t operand, const mu_ir_type *type)
{
    const mu_ir_type *given = context_value_at(call, operand)->type;
    if (mu_ir_type_same(given, type)) {
        return MU_OK;
    }
    char *text = mu_ir_type_text(type);
    mu_status status = context_refuse_type(call, operand, text, given);
    mu_free(text);
    return status;
}

mu_status context_expect_entity(context_call *call, uint32_t operand, mu_ir_kind kind,
                                mu_ir_entity **entity)
{
    static const char *const names[] = {
        [MU_IR_TYPE] = "a type",      [MU_IR_SIG] = "a signature",
        [MU_IR_CONST] = "a constant", [MU_IR_GLOBAL] = "a global cell",
        [MU_IR_FUNC] = "a function",  [MU_IR_EXPOSE] = "an exposed function"};
    uint64_t id = context_integer_at(call, operand);
    mu_ir_entity *found = id <= UINT32_MAX ? mu_ir_env_by_id(call->vm->env, (uint32_t)id) : NULL;
    if (!found) {
        return context_refuse(call, MU_NOT_FOUND, operand, "nothing has the id %llu",
                              (unsigned long long)id);
    }
    if (found->kind != kind) {
        return context_refuse(call, MU_INVALID, operand, "the id %llu is %.80s, which is not %s",
                              (unsigned long long)id, found->name ? found->name : "without a name",
                              names[kind]);
    }
    *entity = found;
    return MU_OK;
}

/* ---- numbers */

uint64_t context_cut(uint64_t word, uint32_t bits)
{
    return bits < 64 ? word & ((1ull << bits) - 1) : word;
}

uint64_t context_unsigned(const context_value *value)
{
    return value->words[1] ? UINT64_MAX : value->words[0];
}

int64_t context_signed(const context_value *value)
{
    uint32_t bits = value->type->bits;
    if (bits <= 64) {
        return (int64_t)(value->words[0] << (64 - bits)) >> (64 - bits);
    }
    int64_t high = (int64_t)(value->words[1] << (128 - bits)) >> (128 - bits);
    int64_t low = (int64_t)value->words[0];
    if (high == low >> 63) {
        return low;
    }
    return high < 0 ? INT64_MIN : INT64_MAX;
}
