/* Prints an instruction by the syntax string that it was parsed by. */
#include "ir_printer.h"
#include "ir_tables.h"

typedef struct printing {
    mu_ir_buffer *buffer;
    const mu_ir_version *version;
    const mu_ir_inst *inst;
    uint32_t next_type;
    uint32_t next_operand;
    uint32_t next_dest;
} printing;

static void print_value(const printing *to, mu_ir_value value)
{
    const mu_ir_entity *entity = mu_ir_value_is_global(value)
                                     ? mu_ir_global_of(to->version, value)
                                     : &to->version->variables[mu_ir_value_index(value)].entity;
    mu_ir_print_name(to->buffer, entity);
}

static void print_values(const printing *to, mu_ir_range range, uint32_t from)
{
    mu_ir_buffer_add(to->buffer, "(");
    for (uint32_t i = from; i < range.count; i++) {
        mu_ir_buffer_add(to->buffer, i > from ? " " : "");
        print_value(to, to->version->operands[range.first + i]);
    }
    mu_ir_buffer_add(to->buffer, ")");
}

static void print_operand(printing *to)
{
    mu_ir_buffer_add(to->buffer, " ");
    print_value(to, to->version->operands[to->inst->operands.first + to->next_operand++]);
}

/* The operands not printed yet, as a list. */
static void print_rest(printing *to)
{
    mu_ir_buffer_add(to->buffer, " ");
    print_values(to, to->inst->operands, to->next_operand);
    to->next_operand = to->inst->operands.count;
}

static void print_type(printing *to)
{
    const mu_ir_type *type = to->version->types[to->inst->types.first + to->next_type];
    mu_ir_buffer_add(to->buffer, to->next_type++ ? " " : "");
    mu_ir_print_name(to->buffer, &type->entity);
}

/* Types up to the `end`-th, in brackets. */
static void print_types(printing *to, uint32_t end)
{
    mu_ir_buffer_add(to->buffer, " <");
    for (uint32_t first = to->next_type; to->next_type < end; to->next_type++) {
        const mu_ir_type *type = to->version->types[to->inst->types.first + to->next_type];
        mu_ir_buffer_add(to->buffer, to->next_type > first ? " " : "");
        mu_ir_print_name(to->buffer, &type->entity);
    }
    mu_ir_buffer_add(to->buffer, ">");
}

static void print_dest(printing *to)
{
    const mu_ir_dest *dest = &to->version->dests[to->inst->dests.first + to->next_dest++];
    mu_ir_buffer_add(to->buffer, " ");
    mu_ir_print_name(to->buffer, &to->version->blocks[dest->block].entity);
    print_values(to, dest->args, 0);
}

static void print_exc(printing *to, const char *word, uint32_t dests)
{
    if (!to->inst->has_exc) {
        return;
    }
    mu_ir_buffer_format(to->buffer, " %s(", word);
    for (uint32_t i = 0; i < dests; i++) {
        print_dest(to);
    }
    mu_ir_buffer_add(to->buffer, ")");
}

static void print_keepalives(printing *to)
{
    if (to->inst->keepalives.count) {
        mu_ir_buffer_add(to->buffer, " KEEPALIVE ");
        print_values(to, to->inst->keepalives, 0);
    }
}

static void print_cases(printing *to)
{
    mu_ir_range cases = to->inst->cases;
    mu_ir_buffer_add(to->buffer, " {");
    for (uint32_t i = 0; i < cases.count; i++) {
        mu_ir_buffer_add(to->buffer, " ");
        print_value(to, to->version->operands[cases.first + i]);
        print_dest(to);
    }
    mu_ir_buffer_add(to->buffer, " }");
}

static void print_comminst(printing *to)
{
    const mu_ir_inst *inst = to->inst;
    mu_ir_buffer_format(to->buffer, " %s", mu_ir_comminst_name(inst->comminst));
    if (inst->flags.count) {
        mu_ir_buffer_add(to->buffer, " [");
        for (uint32_t i = 0; i < inst->flags.count; i++) {
            mu_ir_buffer_add(to->buffer, i ? " " : "");
            mu_ir_buffer_add(to->buffer, to->version->flags[inst->flags.first + i]);
        }
        mu_ir_buffer_add(to->buffer, "]");
    }
    if (inst->types.count) {
        print_types(to, inst->types.count);
    }
    if (inst->sigs.count) {
        mu_ir_buffer_add(to->buffer, " <[");
        for (uint32_t i = 0; i < inst->sigs.count; i++) {
            mu_ir_buffer_add(to->buffer, i ? " " : "");
            mu_ir_print_name(to->buffer, &to->version->sigs[inst->sigs.first + i]->entity);
        }
        mu_ir_buffer_add(to->buffer, "]>");
    }
    print_rest(to);
}

static void print_new_stack(printing *to)
{
    if (to->inst->throws_exc) {
        mu_ir_buffer_add(to->buffer, " THROW_EXC");
        print_operand(to);
        return;
    }
    mu_ir_buffer_add(to->buffer, " PASS_VALUES");
    print_types(to, to->inst->types.count);
    print_rest(to);
}

static void print_current_stack(printing *to)
{
    if (to->inst->kills_old) {
        mu_ir_buffer_add(to->buffer, " KILL_OLD");
    } else {
        mu_ir_buffer_add(to->buffer, " RET_WITH");
        print_types(to, to->inst->pass_types_first);
    }
}

static void print_threadlocal(printing *to)
{
    if (to->inst->has_threadlocal) {
        mu_ir_buffer_add(to->buffer, " THREADLOCAL(");
        print_operand(to);
        mu_ir_buffer_add(to->buffer, ")");
    }
}

static void print_order(const printing *to, uint8_t order)
{
    mu_ir_buffer_format(to->buffer, " %s", mu_ir_order_name((mu_ir_order)order));
}

static void print_literal(printing *to)
{
    mu_ir_buffer_format(to->buffer, " %llu", (unsigned long long)to->inst->literal);
}

static void print_memory_step(printing *to, char step)
{
    const mu_ir_inst *inst = to->inst;
    switch (step) {
    case 'P': mu_ir_buffer_add(to->buffer, inst->is_ptr ? " PTR" : ""); break;
    case 'W': mu_ir_buffer_add(to->buffer, inst->is_weak ? " WEAK" : ""); break;
    case 'o':
    case 'O': print_order(to, inst->order); break;
    case 'f': print_order(to, inst->order_fail); break;
    default: mu_ir_buffer_format(to->buffer, " %s", mu_ir_rmw_name((mu_ir_rmw)inst->rmw)); break;
    }
}

static void print_step(printing *to, char step)
{
    const mu_ir_inst *inst = to->inst;
    switch (step) {
    case '<': mu_ir_buffer_add(to->buffer, " <"); break;
    case '>': mu_ir_buffer_add(to->buffer, ">"); break;
    case 'T': print_type(to); break;
    case 'S':
        mu_ir_buffer_add(to->buffer, to->next_type ? " " : "");
        mu_ir_print_name(to->buffer, &to->version->sigs[inst->sigs.first]->entity);
        break;
    case 'I': print_literal(to); break;
    case 'v': print_operand(to); break;
    case 'n':
        if (to->next_operand < inst->operands.count) {
            print_operand(to);
        }
        break;
    case 'a':
    case 'r': print_rest(to); break;
    case 'd': print_dest(to); break;
    case 'C': print_cases(to); break;
    case 'e': print_exc(to, "EXC", 2); break;
    case 'X': print_exc(to, "WPEXC", 1); break;
    case 'k': print_keepalives(to); break;
    case 'L': print_types(to, inst->types.count); break;
    case 'F':
        mu_ir_buffer_add(to->buffer, " ");
        mu_ir_buffer_add(to->buffer, to->version->flags[inst->flags.first]);
        break;
    case 'H': print_threadlocal(to); break;
    case 'B': print_current_stack(to); break;
    case 'N': print_new_stack(to); break;
    case 'c': print_comminst(to); break;
    default: print_memory_step(to, step); break;
    }
}

static void print_results(const printing *to)
{
    mu_ir_range results = to->inst->results;
    if (results.count) {
        mu_ir_buffer_add(to->buffer, "(");
        for (uint32_t i = 0; i < results.count; i++) {
            mu_ir_buffer_add(to->buffer, i ? " " : "");
            mu_ir_print_name(to->buffer, &to->version->variables[results.first + i].entity);
        }
        mu_ir_buffer_add(to->buffer, ") = ");
    }
    if (to->inst->entity.name) {
        mu_ir_buffer_add(to->buffer, "[");
        mu_ir_buffer_add(to->buffer, to->inst->entity.name);
        mu_ir_buffer_add(to->buffer, "] ");
    }
}

void mu_ir_print_inst(mu_ir_buffer *buffer, const mu_ir_version *version, const mu_ir_inst *inst)
{
    printing to = {.buffer = buffer, .version = version, .inst = inst};
    print_results(&to);
    mu_ir_buffer_add(buffer, mu_ir_op_info_of(inst->op)->word);
    for (const char *step = mu_ir_syntax_of(inst->op); *step; step++) {
        print_step(&to, *step);
    }
}

char *mu_ir_inst_text(const mu_ir_version *version, const mu_ir_inst *inst)
{
    mu_ir_buffer buffer = {0};
    mu_ir_print_inst(&buffer, version, inst);
    return mu_ir_buffer_take(&buffer);
}
