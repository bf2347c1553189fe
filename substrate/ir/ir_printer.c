#include "ir_printer.h"

#include "ir_tables.h"

#include <string.h>

/* The text form has no nameless definitions and parameters, but a builder may make some. */
void mu_ir_print_name(mu_ir_buffer *buffer, const mu_ir_entity *entity)
{
    if (entity->name) {
        mu_ir_buffer_add(buffer, entity->name);
    } else {
        mu_ir_buffer_format(buffer, "@mud.id.%u", entity->id);
    }
}

static void print_types(mu_ir_buffer *buffer, mu_ir_type *const *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        mu_ir_buffer_add(buffer, i ? " " : "");
        mu_ir_print_name(buffer, &types[i]->entity);
    }
}

static void print_type(mu_ir_buffer *buffer, const mu_ir_type *type)
{
    mu_ir_buffer_add(buffer, ".typedef ");
    mu_ir_print_name(buffer, &type->entity);
    mu_ir_buffer_format(buffer, " = %s", mu_ir_type_word(type->kind));
    switch (type->kind) {
    case MU_IR_INT: mu_ir_buffer_format(buffer, "<%u>", type->bits); break;
    case MU_IR_STRUCT:
    case MU_IR_HYBRID:
        mu_ir_buffer_add(buffer, "<");
        print_types(buffer, type->fields, type->field_count);
        if (type->kind == MU_IR_HYBRID) {
            mu_ir_buffer_add(buffer, type->field_count ? " " : "");
            mu_ir_print_name(buffer, &type->element->entity);
        }
        mu_ir_buffer_add(buffer, ">");
        break;
    case MU_IR_ARRAY:
    case MU_IR_VECTOR:
        mu_ir_buffer_add(buffer, "<");
        mu_ir_print_name(buffer, &type->element->entity);
        mu_ir_buffer_format(buffer, " %llu>", (unsigned long long)type->length);
        break;
    case MU_IR_UPTR:
    case MU_IR_REF:
    case MU_IR_IREF:
    case MU_IR_WEAKREF:
        mu_ir_buffer_add(buffer, "<");
        mu_ir_print_name(buffer, &type->element->entity);
        mu_ir_buffer_add(buffer, ">");
        break;
    case MU_IR_FUNCREF:
    case MU_IR_UFUNCPTR:
        mu_ir_buffer_add(buffer, "<");
        mu_ir_print_name(buffer, &type->sig->entity);
        mu_ir_buffer_add(buffer, ">");
        break;
    default: break;
    }
    mu_ir_buffer_add(buffer, "\n");
}

static void print_sig(mu_ir_buffer *buffer, const mu_ir_sig *sig)
{
    mu_ir_buffer_add(buffer, ".funcsig ");
    mu_ir_print_name(buffer, &sig->entity);
    mu_ir_buffer_add(buffer, " = (");
    print_types(buffer, sig->params, sig->param_count);
    mu_ir_buffer_add(buffer, ") -> (");
    print_types(buffer, sig->results, sig->result_count);
    mu_ir_buffer_add(buffer, ")\n");
}

/* ------------------------------------------------------------------------------------ constants */

/* Decimal as far as 64 bits go. A literal that was too large gets a digit more than 128 bits have,
 * so that it stays too large. */
static void print_int(mu_ir_buffer *buffer, const mu_ir_const *constant)
{
    unsigned __int128 value = (unsigned __int128)constant->high << 64 | constant->low;
    if (constant->negative) {
        mu_ir_buffer_add(buffer, "-");
        value = -value;
    }
    unsigned long long low = (unsigned long long)value;
    unsigned long long high = (unsigned long long)(value >> 64);
    if (constant->too_large) {
        mu_ir_buffer_format(buffer, "0x1%016llx%016llx", high, low);
    } else if (high) {
        mu_ir_buffer_format(buffer, "0x%llx%016llx", high, low);
    } else {
        mu_ir_buffer_format(buffer, "%llu", low);
    }
}

static void print_value(mu_ir_buffer *buffer, const mu_ir_const *constant)
{
    uint32_t single_bits;
    uint64_t double_bits;
    switch (constant->kind) {
    case MU_IR_CONST_INT: print_int(buffer, constant); break;
    case MU_IR_CONST_FLOAT:
        memcpy(&single_bits, &constant->single_value, sizeof single_bits);
        mu_ir_buffer_format(buffer, "bitsf(0x%08x) // %g", single_bits,
                            (double)constant->single_value);
        break;
    case MU_IR_CONST_DOUBLE:
        memcpy(&double_bits, &constant->double_value, sizeof double_bits);
        mu_ir_buffer_format(buffer, "bitsd(0x%016llx) // %g", (unsigned long long)double_bits,
                            constant->double_value);
        break;
    case MU_IR_CONST_NULL: mu_ir_buffer_add(buffer, "NULL"); break;
    case MU_IR_CONST_LIST:
        mu_ir_buffer_add(buffer, "{");
        for (uint32_t i = 0; i < constant->item_count; i++) {
            mu_ir_buffer_add(buffer, i ? " " : "");
            mu_ir_print_name(buffer, constant->items[i]);
        }
        mu_ir_buffer_add(buffer, "}");
        break;
    }
}

static void print_const(mu_ir_buffer *buffer, const mu_ir_const *constant)
{
    mu_ir_buffer_add(buffer, ".const ");
    mu_ir_print_name(buffer, &constant->entity);
    mu_ir_buffer_add(buffer, " <");
    mu_ir_print_name(buffer, &constant->type->entity);
    mu_ir_buffer_add(buffer, "> = ");
    print_value(buffer, constant);
    mu_ir_buffer_add(buffer, "\n");
}

/* ------------------------------------------------------------------------------------- functions
 */

static void print_label(mu_ir_buffer *buffer, const mu_ir_version *version,
                        const mu_ir_block *block)
{
    mu_ir_buffer_add(buffer, "    ");
    mu_ir_print_name(buffer, &block->entity);
    mu_ir_buffer_add(buffer, "(");
    for (uint32_t i = 0; i < block->params.count; i++) {
        const mu_ir_variable *param = &version->variables[block->params.first + i];
        mu_ir_buffer_add(buffer, i ? " <" : "<");
        mu_ir_print_name(buffer, &param->type->entity);
        mu_ir_buffer_add(buffer, "> ");
        mu_ir_print_name(buffer, &param->entity);
    }
    mu_ir_buffer_add(buffer, ")");
    if (block->has_exc_param) {
        mu_ir_buffer_add(buffer, " [");
        mu_ir_print_name(buffer, &version->variables[block->exc_param].entity);
        mu_ir_buffer_add(buffer, "]");
    }
    mu_ir_buffer_add(buffer, ":\n");
}

static void print_version(mu_ir_buffer *buffer, const mu_ir_version *version)
{
    mu_ir_buffer_add(buffer, "\n.funcdef ");
    mu_ir_print_name(buffer, &version->func->entity);
    mu_ir_buffer_add(buffer, " VERSION ");
    mu_ir_print_name(buffer, &version->entity);
    mu_ir_buffer_add(buffer, " <");
    mu_ir_print_name(buffer, &version->sig->entity);
    mu_ir_buffer_add(buffer, "> {\n");
    for (uint32_t b = 0; b < version->block_count; b++) {
        const mu_ir_block *block = &version->blocks[b];
        print_label(buffer, version, block);
        for (uint32_t i = 0; i < block->insts.count; i++) {
            mu_ir_buffer_add(buffer, "        ");
            mu_ir_print_inst(buffer, version, &version->insts[block->insts.first + i]);
            mu_ir_buffer_add(buffer, "\n");
        }
    }
    mu_ir_buffer_add(buffer, "}\n");
}

static void print_definition(mu_ir_buffer *buffer, const char *word, const mu_ir_entity *entity,
                             const mu_ir_entity *type)
{
    mu_ir_buffer_add(buffer, word);
    mu_ir_print_name(buffer, entity);
    mu_ir_buffer_add(buffer, " <");
    mu_ir_print_name(buffer, type);
    mu_ir_buffer_add(buffer, ">\n");
}

static void print_expose(mu_ir_buffer *buffer, const mu_ir_expose *expose)
{
    mu_ir_buffer_add(buffer, ".expose ");
    mu_ir_print_name(buffer, &expose->entity);
    mu_ir_buffer_add(buffer, " = ");
    mu_ir_print_name(buffer, &expose->func->entity);
    mu_ir_buffer_add(buffer, " ");
    mu_ir_buffer_add(buffer, expose->convention);
    mu_ir_buffer_add(buffer, " ");
    mu_ir_print_name(buffer, &expose->cookie->entity);
    mu_ir_buffer_add(buffer, "\n");
}

/* Functions come in the order of their numbers whether declared or defined, since the order of new
 * functions is what gives them their numbers. */
static void print_functions(mu_ir_buffer *buffer, const mu_ir_bundle *bundle)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < bundle->func_count; i++) {
        const mu_ir_func *func = bundle->funcs[i];
        if (!mu_map_get(bundle->newest, &func, sizeof func)) {
            print_definition(buffer, ".funcdecl ", &func->entity, &func->sig->entity);
            continue;
        }
        while (next < bundle->version_count && bundle->versions[next]->func != func) {
            print_version(buffer, bundle->versions[next++]);
        }
        if (next < bundle->version_count) {
            print_version(buffer, bundle->versions[next++]);
        }
    }
    while (next < bundle->version_count) {
        print_version(buffer, bundle->versions[next++]);
    }
}

char *mu_ir_print(const mu_ir_bundle *bundle)
{
    mu_ir_buffer buffer = {0};
    for (uint32_t i = 0; i < bundle->type_count; i++) {
        print_type(&buffer, bundle->types[i]);
    }
    for (uint32_t i = 0; i < bundle->sig_count; i++) {
        print_sig(&buffer, bundle->sigs[i]);
    }
    for (uint32_t i = 0; i < bundle->const_count; i++) {
        print_const(&buffer, bundle->consts[i]);
    }
    for (uint32_t i = 0; i < bundle->global_count; i++) {
        const mu_ir_global *global = bundle->globals[i];
        print_definition(&buffer, ".global ", &global->entity, &global->type->entity);
    }
    print_functions(&buffer, bundle);
    for (uint32_t i = 0; i < bundle->expose_count; i++) {
        print_expose(&buffer, bundle->exposes[i]);
    }
    return mu_ir_buffer_take(&buffer);
}
