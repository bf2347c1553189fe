/* Checks the operands of a call by the letters of its row. Nothing is changed before all are right,
 * so that a call that fails has done nothing. */
#include "irbuilder_nodes.h"

#include <stdio.h>

mu_status irbuilder_complain(const irbuilder_call *call, mu_status status, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return mu_report_add(call->report, status, (mu_location){0}, "%s: %s",
                         irbuilder_row_word(call->row), text);
}

/* ---- which bundle, which node */

static irbuilder_bundle *bundle_of(const mu_irbuilder *builder, uint64_t outside)
{
    for (uint32_t i = 0; i < builder->bundle_count; i++) {
        if (builder->bundles[i]->serial == outside >> 32) {
            return builder->bundles[i];
        }
    }
    return NULL;
}

static bool has_node(const irbuilder_bundle *bundle, uint64_t number)
{
    return number && number < bundle->nodes.count &&
           irbuilder_node_at(bundle, number)->kind < NODE_DEST;
}

/* The version that a node is a part of, or is; 0: none. */
static uint32_t version_of(const irbuilder_bundle *bundle, uint32_t number)
{
    while (number && irbuilder_node_at(bundle, number)->kind != NODE_VERSION) {
        number = irbuilder_node_at(bundle, number)->parent;
    }
    return number;
}

static bool is_value(const irbuilder_node *node)
{
    return irbuilder_is_local(node) || node->kind == NODE_CONST || node->kind == NODE_GLOBAL ||
           node->kind == NODE_FUNC || node->kind == NODE_EXPOSE;
}

static bool suits(char role, const irbuilder_node *node)
{
    switch (role) {
    case 'k': return node->kind == NODE_BLOCK;
    case 'j': return node->kind == NODE_INST;
    case 'y': return node->kind == NODE_VERSION && !node->is_loaded;
    case 'e': return node->kind == NODE_TYPE && !node->is_loaded;
    case 't':
    case 'T': return node->kind == NODE_TYPE;
    case 's':
    case 'S': return node->kind == NODE_SIG;
    case 'c': return node->kind == NODE_CONST;
    case 'f': return node->kind == NODE_FUNC;
    case 'v':
    case 'V':
    case 'h': return is_value(node);
    case 'A': return irbuilder_is_local(node);
    case 'G': return is_value(node) && !irbuilder_is_local(node);
    default: return true; /* 'a' */
    }
}

/* An operand that is a node; `item` is its number in a list, from 1. */
static mu_status take_node(const irbuilder_call *call, char role, uint32_t item, uint64_t outside,
                           uint64_t *kept)
{
    char place[64];
    int used = snprintf(place, sizeof place, "operand %u", call->next + 1 - item);
    if (item) {
        snprintf(place + used, sizeof place - (size_t)used, ", item %u", item);
    }
    const irbuilder_bundle *bundle = call->bundle;
    uint64_t number = outside & UINT32_MAX;
    if (!outside) {
        return irbuilder_complain(call, MU_INVALID, "%s is NULL, expected %s", place,
                                  irbuilder_role_text(role));
    }
    if (outside >> 32 != bundle->serial || !has_node(bundle, number)) {
        return irbuilder_complain(
            call, MU_INVALID, "%s, 0x%llx, is not a node of the bundle 0x%llx%s", place,
            (unsigned long long)outside, (unsigned long long)bundle->serial << 32,
            bundle_of(call->builder, outside) && outside >> 32 != bundle->serial
                ? ", but of another one"
                : ": nodes are gone once their bundle is loaded or aborted");
    }
    const irbuilder_node *node = irbuilder_node_at(bundle, number);
    char text[IRBUILDER_TEXT_BYTES];
    irbuilder_describe(bundle, number, text);
    if (!suits(role, node)) {
        return irbuilder_complain(call, MU_INVALID, "%s is %s, expected %s", place, text,
                                  irbuilder_role_text(role));
    }
    bool is_in_body = irbuilder_is_local(node) || node->kind == NODE_BLOCK;
    if (role != 'a' && call->first && is_in_body &&
        version_of(bundle, (uint32_t)number) != call->version) {
        return irbuilder_complain(call, MU_INVALID, "%s is %s of another function version", place,
                                  text);
    }
    *kept = number;
    return MU_OK;
}

/* The operand that says which bundle: the bundle itself, or a node in it. */
static mu_status take_first(irbuilder_call *call, char role)
{
    uint64_t outside = call->operands[0];
    call->bundle = bundle_of(call->builder, outside);
    if (!call->bundle || (role == 'b' && (outside & UINT32_MAX))) {
        return irbuilder_complain(call, MU_INVALID,
                                  "operand 1, 0x%llx, is not a %s under construction: nodes are "
                                  "gone once their bundle is "
                                  "loaded or aborted",
                                  (unsigned long long)outside,
                                  role == 'b' ? "bundle" : "node of a bundle");
    }
    if (role != 'b') {
        uint64_t number;
        mu_status status = take_node(call, role, 0, outside, &number);
        if (status != MU_OK) {
            return status;
        }
        call->first = (uint32_t)number;
        call->version = version_of(call->bundle, call->first);
    }
    call->next = 1;
    return MU_OK;
}

/* ---- integers and lists */

static mu_status take_integer(irbuilder_call *call, char role, uint64_t given, uint64_t *kept)
{
    if (!irbuilder_decode(role, given, kept)) {
        return irbuilder_complain(call, MU_INVALID, "operand %u, 0x%llx, is not %s", call->next + 1,
                                  (unsigned long long)given, irbuilder_role_text(role));
    }
    if (role == 'B' || role == 'C' || role == 'Z') {
        call->op = (mu_ir_op)*kept;
    }
    return MU_OK;
}

static mu_status missing(const irbuilder_call *call)
{
    return irbuilder_complain(call, MU_INVALID, "has %u operands, that is too few",
                              call->operand_count);
}

static mu_status take_list(irbuilder_call *call, char role, bool of_nodes)
{
    mu_irbuilder *builder = call->builder;
    uint64_t count = call->operands[call->next++];
    if (count > MU_IRBUILDER_MAX_LIST) {
        return irbuilder_complain(call, MU_LIMIT, "a list of %llu items; %u is the most",
                                  (unsigned long long)count, MU_IRBUILDER_MAX_LIST);
    }
    if (count > call->operand_count - call->next) {
        return missing(call);
    }
    MU_ARRAY_PUSH(&builder->words, count);
    for (uint32_t i = 0; i < count; i++, call->next++) {
        uint64_t given = call->operands[call->next];
        uint64_t kept;
        mu_status status = of_nodes ? take_node(call, role, i + 1, given, &kept)
                                    : take_integer(call, role, given, &kept);
        if (status != MU_OK) {
            return status;
        }
        MU_ARRAY_PUSH(&builder->words, kept);
    }
    return MU_OK;
}

static mu_status take_operand(irbuilder_call *call, char letter, char role)
{
    uint64_t kept = 0;
    mu_status status = MU_OK;
    if (letter == 's') {
        return MU_OK; /* the name, which is apart */
    }
    if (call->next == call->operand_count) {
        return missing(call);
    }
    if (letter == 'N' || letter == 'I') {
        return take_list(call, role, letter == 'N');
    }
    uint64_t given = call->operands[call->next];
    if (letter == 'i') {
        status = take_integer(call, role, given, &kept);
    } else if (letter == 'n' || given) {
        status = take_node(call, role, 0, given, &kept);
    }
    call->next++;
    MU_ARRAY_PUSH(&call->builder->words, kept);
    return status;
}

mu_status irbuilder_take_operands(irbuilder_call *call)
{
    const char *letters = mu_irbuilder_op_info_of(call->row + IRBUILDER_FIRST)->operands;
    const char *roles = irbuilder_row_at(call->row)->roles;
    mu_status status = MU_OK;
    call->builder->words.count = 0;
    if (*letters) {
        MU_TRY(call->operand_count ? take_first(call, roles[0]) : missing(call));
        for (uint32_t i = 1; letters[i]; i++) {
            MU_TRY(take_operand(call, letters[i], roles[i]));
        }
    }
    if (call->next < call->operand_count) {
        status = irbuilder_complain(call, MU_INVALID, "has %u operands, %u is right",
                                    call->operand_count, call->next);
    }
done:
    return status;
}
