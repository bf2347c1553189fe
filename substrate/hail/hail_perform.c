/* Doing what a script says. Every store was checked when the script was parsed, but for casts of
 * references that it loads; if one of those fails, the cells written to get their old contents
 * back. */
#include "hail_script.h"

#include "mu_abi.h"

#include <string.h>

typedef struct performance {
    const mu_hail_script *script;
    const mu_hail_memory *memory;
    mu_report *report;
    uint64_t scratch[2];
    unsigned char *saved; /* the cells that are written, one after the other; or NULL */
    mu_map *casts;        /* those that were right, by cast_key; or NULL */
    mu_arena *arena;      /* their keys */
    uint64_t compared;    /* fields, for those that were not known */
} performance;

/* --------------------------------------------------------------------------------------- addresses
 */

/* The object or cell as a reference. */
static mu_ref reference(const performance *self, hail_base base)
{
    if (base.code & HAIL_BASE_CELL_BIT) {
        const hail_cell *cell = &self->script->cells.items[base.code & ~HAIL_BASE_CELL_BIT];
        return (mu_ref){(uintptr_t)(self->memory->globals + cell->global->offset_bytes)};
    }
    return self->memory->objects[base.code];
}

static void *address(performance *self, hail_base base, uint64_t offset)
{
    if (base.code == HAIL_BASE_SCRATCH) {
        return (unsigned char *)self->scratch + offset;
    }
    return (void *)(reference(self, base).address + offset);
}

/* ------------------------------------------------------------------------------------- old
 * contents
 */

static uint64_t written_bytes(const mu_hail_script *script)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < script->cells.count; i++) {
        const hail_cell *cell = &script->cells.items[i];
        bytes += cell->is_written ? cell->global->type->size_bytes : 0;
    }
    return bytes;
}

/* Copies the cells that are written, out of the VM or back. */
static void move_cells(const performance *self, bool is_saving)
{
    unsigned char *at = self->saved;
    for (uint32_t i = 0; i < self->script->cells.count; i++) {
        const hail_cell *cell = &self->script->cells.items[i];
        if (!cell->is_written) {
            continue;
        }
        unsigned char *memory = self->memory->globals + cell->global->offset_bytes;
        uint64_t bytes = cell->global->type->size_bytes;
        memcpy(is_saving ? at : memory, is_saving ? memory : at, bytes);
        at += bytes;
    }
}

static mu_status save_cells(performance *self)
{
    uint64_t bytes = written_bytes(self->script);
    if (!self->script->checks.count || !bytes) {
        return MU_OK;
    }
    void *memory;
    if (mu_try_allocate(bytes, &memory) != MU_OK) {
        return mu_report_add(self->report, MU_NO_MEMORY, (mu_location){0},
                             "no memory for keeping the global cells that the script writes");
    }
    self->saved = memory;
    move_cells(self, true);
    return MU_OK;
}

/* ------------------------------------------------------------------------------------------ stores
 */

/* What an answer depends on: a location's type follows from its object's and its offset. */
typedef struct cast_key {
    uintptr_t object_type;
    uint64_t offset;
    uint64_t wanted;
} cast_key;

/* Long structs are compared once at each location, and not at too many, so that casts of them do
 * not hold up the VM. */
static mu_status can_cast(performance *self, mu_ref base, uint64_t offset, const mu_ir_type *wanted)
{
    cast_key key = {*mu_abi_header(base), offset, wanted->canonical};
    if (!self->casts) {
        self->casts = mu_map_new();
        self->arena = mu_arena_new();
    }
    if (mu_map_get(self->casts, &key, sizeof key)) {
        return MU_OK;
    }
    self->compared += wanted->kind == MU_IR_STRUCT ? wanted->field_count : 0;
    if (self->compared > MU_HAIL_COMPARED_MAX) {
        return MU_LIMIT;
    }
    if (!self->memory->location_has_type(base, offset, wanted)) {
        return MU_INVALID;
    }
    cast_key *kept = MU_ARENA_NEW(self->arena, cast_key);
    *kept = key;
    mu_map_put(self->casts, kept, sizeof key, kept);
    return MU_OK;
}

static mu_status check_cast(performance *self, const hail_check *check, const void *from)
{
    uint64_t words[2] = {0, 0};
    memcpy(words, from, check->is_iref ? 16 : 8);
    mu_ref base = {words[0]};
    mu_status status = base.address ? can_cast(self, base, words[1], check->wanted) : MU_OK;
    if (status == MU_OK) {
        return MU_OK;
    }
    if (status == MU_LIMIT) {
        return mu_report_add(self->report, MU_LIMIT, check->where,
                             "casts of loaded references compare more than %u fields",
                             MU_HAIL_COMPARED_MAX);
    }
    char *text = mu_ir_type_text(check->wanted);
    status = mu_report_add(self->report, MU_INVALID, check->where,
                           "what the loaded reference refers to does not begin with %.90s", text);
    mu_free(text);
    return status;
}

static uint64_t tagged(const performance *self)
{
    uint64_t tag = ((const unsigned char *)self->scratch)[HAIL_SCRATCH_TAG];
    return mu_abi_tagref64_from_ref((uintptr_t)self->scratch[0], tag);
}

static void store_references(const performance *self, const hail_op *op, unsigned char *to)
{
    const uint32_t *indices = self->script->references.items + op->from_offset;
    for (uint64_t i = 0; i < op->bytes / 8; i++) {
        memcpy(to + 8 * i, &self->memory->objects[indices[i]].address, 8);
    }
}

static mu_status perform_op(performance *self, const hail_op *op)
{
    const mu_hail_script *script = self->script;
    void *to = address(self, op->to, op->to_offset);
    uint64_t words[2] = {0, op->from_offset};
    switch (op->kind) {
    case HAIL_OP_BYTES: memcpy(to, script->bytes.items + op->from_offset, op->bytes); break;
    case HAIL_OP_REFS: store_references(self, op, to); break;
    case HAIL_OP_IREF:
        words[0] = reference(self, op->from).address;
        memcpy(to, words, sizeof words);
        break;
    case HAIL_OP_COPY: {
        const void *from = address(self, op->from, op->from_offset);
        if (op->check) {
            mu_status status = check_cast(self, &script->checks.items[op->check - 1], from);
            if (status != MU_OK) {
                return status;
            }
        }
        memmove(to, from, op->bytes);
        break;
    }
    case HAIL_OP_TAGREF:
        words[0] = tagged(self);
        memcpy(to, words, 8);
        break;
    }
    return MU_OK;
}

mu_status mu_hail_perform(const mu_hail_script *script, const mu_hail_memory *memory,
                          mu_report *report)
{
    performance self = {.script = script, .memory = memory, .report = report};
    mu_status status = save_cells(&self);
    for (uint32_t i = 0; i < script->ops.count && status == MU_OK; i++) {
        status = perform_op(&self, &script->ops.items[i]);
        if (status != MU_OK && self.saved) {
            move_cells(&self, false);
        }
    }
    mu_free(self.saved);
    if (self.casts) {
        mu_map_free(self.casts);
        mu_arena_free(self.arena);
    }
    return status;
}
