/* Addresses: base, index and displacement in one operand of the machine's. */
#include "hot.h"

static bool shift_of(const hot_code *c, uint32_t node, uint32_t *inner, uint8_t *log2)
{
    const mu_opt_node *n = hot_of(c, node);
    uint64_t count;
    if (n->op != MU_OPT_SHL || n->width != 8 || !mu_opt_is_const(c->graph, n->inputs[1], &count) ||
        count > 3) {
        return false;
    }
    *inner = n->inputs[0];
    *log2 = (uint8_t)count;
    return true;
}

/* base + offset + imm of an access. */
hot_address hot_address_of(const hot_code *c, uint32_t node)
{
    const mu_opt_node *n = hot_of(c, node);
    const mu_opt_node *base = hot_of(c, n->inputs[0]);
    hot_address address = {.base = n->inputs[0],
                           .index = n->inputs[1],
                           .displacement = (int32_t)n->imm,
                           .base_at = -1,
                           .index_at = -1};
    uint64_t bytes;
    if (base->op == MU_OPT_GLOBAL) {
        int64_t sum = (int64_t)base->imm + address.displacement;
        if (sum == (int32_t)sum) {
            address.is_global = true;
            address.base = MU_OPT_NONE;
            address.displacement = (int32_t)sum;
        }
    }
    if (mu_opt_is_const(c->graph, address.index, &bytes) && bytes == 0) {
        address.index = MU_OPT_NONE;
        return address;
    }
    uint32_t inner;
    if (shift_of(c, address.index, &inner, &address.scale_log2)) {
        address.index = inner;
    }
    return address;
}

void hot_use_address(hot_code *c, hot_address *address, bool lasts)
{
    if (address->base != MU_OPT_NONE) {
        address->base_at = hot_use(c, address->base, ALLOC_USE, -1, lasts);
    }
    if (address->index != MU_OPT_NONE) {
        address->index_at = hot_use(c, address->index, ALLOC_USE, -1, lasts);
    }
}
