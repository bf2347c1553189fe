/* Sizes and offsets, by the C ABI of x86-64 (System V) where it has the type. The walk over
 * composites keeps its own stack, as deep as the deepest type allowed. */
#include "type_layout.h"

#include "ir_tables.h"

#define SIZE_MAX_BYTES (1ull << 40)
#define LEVELS_MAX     1000u
#define VECTOR_ALIGN   32u
#define CELL_ALIGN     16u

typedef struct frame {
    mu_ir_type *type;
    uint32_t next_member;
} frame;

typedef struct layout {
    mu_report *report;
    mu_arena *arena;
    mu_status status; /* the worst so far */
    mu_map *failed;   /* types in error: reported, or holding one that was */
    frame stack[LEVELS_MAX + 1];
    uint32_t depth;
} layout;

static void remember(mu_map *map, mu_ir_type *const *slot)
{
    mu_map_put(map, slot, sizeof *slot, *slot);
}

static bool is_in(const mu_map *map, const mu_ir_type *type)
{
    return mu_map_get(map, &type, sizeof type) != NULL;
}

static void fail(layout *self, mu_status status, const mu_ir_type *type, const char *what)
{
    const char *name = type->entity.label ? type->entity.label : "a type";
    mu_report_add(self->report, status, type->entity.where, "%.80s %s", name, what);
    if (self->status == MU_OK || status == MU_INVALID) {
        self->status = status;
    }
}

/* --------------------------------------------------------------------------------------- members
 */

static uint32_t member_count(const mu_ir_type *type)
{
    switch (type->kind) {
    case MU_IR_STRUCT: return type->field_count;
    case MU_IR_HYBRID: return type->field_count + 1;
    case MU_IR_ARRAY:
    case MU_IR_VECTOR: return 1;
    default: return 0;
    }
}

static mu_ir_type *member(const mu_ir_type *type, uint32_t index)
{
    return index < type->field_count ? type->fields[index] : type->element;
}

/* ----------------------------------------------------------------------------------------- sizes
 */

static bool place(mu_ir_type *type, uint64_t size_bytes, uint32_t align_bytes)
{
    type->size_bytes = size_bytes;
    type->align_bytes = align_bytes;
    return size_bytes <= SIZE_MAX_BYTES;
}

static bool place_int(mu_ir_type *type)
{
    uint32_t bytes = 1;
    while (bytes * 8 < type->bits && type->bits <= 128) {
        bytes *= 2;
    }
    return type->bits && type->bits <= 128 && place(type, bytes, bytes);
}

bool mu_ir_place_scalar(mu_ir_type *type)
{
    switch (type->kind) {
    case MU_IR_INT: return place_int(type);
    case MU_IR_FLOAT: return place(type, 4, 4);
    case MU_IR_VOID: return place(type, 0, 1);
    case MU_IR_IREF: type->has_refs = true; return place(type, 16, 16);
    case MU_IR_REF:
    case MU_IR_WEAKREF:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF:
    case MU_IR_TAGREF64: type->has_refs = true; return place(type, 8, 8);
    default: return place(type, 8, 8);
    }
}

static bool place_scalar(layout *self, mu_ir_type *type)
{
    bool is_right = mu_ir_place_scalar(type);
    if (!is_right) {
        fail(self, type->bits ? MU_UNSUPPORTED : MU_INVALID, type,
             type->bits ? "has more than 128 bits" : "has no bits: an integer has at least one");
    }
    return is_right;
}

static uint64_t round_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) / align * align;
}

static bool too_large(layout *self, const mu_ir_type *type)
{
    fail(self, MU_LIMIT, type, "is larger than 1 TiB");
    return false;
}

/* STRUCT, and the fixed part of HYBRID. No sum here overflows, for each part is at most 1 TiB. */
static bool place_fields(layout *self, mu_ir_type *type)
{
    uint64_t offset = 0;
    uint32_t align = 1;
    type->offsets = MU_ARENA_ARRAY(self->arena, uint64_t, type->field_count);
    for (uint32_t i = 0; i < type->field_count; i++) {
        const mu_ir_type *field = type->fields[i];
        align = field->align_bytes > align ? field->align_bytes : align;
        offset = round_up(offset, field->align_bytes);
        type->offsets[i] = offset;
        offset += field->size_bytes;
        type->has_refs |= field->has_refs;
        if (offset > SIZE_MAX_BYTES) {
            return too_large(self, type);
        }
    }
    if (type->kind == MU_IR_HYBRID) {
        const mu_ir_type *element = type->element;
        align = element->align_bytes > align ? element->align_bytes : align;
        type->stride_bytes = element->size_bytes;
        type->has_refs |= element->has_refs;
        return place(type, round_up(offset, element->align_bytes), align);
    }
    return place(type, round_up(offset, align), align);
}

static bool place_sequence(layout *self, mu_ir_type *type)
{
    const mu_ir_type *element = type->element;
    type->stride_bytes = element->size_bytes;
    type->has_refs = element->has_refs;
    if (type->length > SIZE_MAX_BYTES || element->size_bytes * type->length > SIZE_MAX_BYTES ||
        (element->size_bytes && type->length > SIZE_MAX_BYTES / element->size_bytes)) {
        return too_large(self, type);
    }
    uint64_t bytes = element->size_bytes * type->length;
    if (type->kind == MU_IR_ARRAY) {
        return place(type, bytes, element->align_bytes);
    }
    uint64_t rounded = 1;
    while (rounded < bytes) {
        rounded *= 2;
    }
    return place(type, rounded, (uint32_t)(rounded < VECTOR_ALIGN ? rounded : VECTOR_ALIGN));
}

/* Whose members are all laid out. */
static bool place_type(layout *self, mu_ir_type *type)
{
    uint32_t members = member_count(type);
    if (!members && type->kind != MU_IR_STRUCT) {
        return place_scalar(self, type);
    }
    uint32_t levels = 0;
    for (uint32_t i = 0; i < members; i++) {
        const mu_ir_type *each = member(type, i);
        levels = each->levels > levels ? each->levels : levels;
    }
    type->levels = levels + 1;
    if (type->levels > LEVELS_MAX) {
        fail(self, MU_LIMIT, type, "is nested deeper than 1,000 levels");
        return false;
    }
    return type->kind == MU_IR_STRUCT || type->kind == MU_IR_HYBRID ? place_fields(self, type)
                                                                    : place_sequence(self, type);
}

/* ------------------------------------------------------------------------------------------- walk
 */

static void close_top(layout *self, bool sound)
{
    mu_ir_type **slot = MU_ARENA_NEW(self->arena, mu_ir_type *);
    *slot = self->stack[--self->depth].type;
    if (sound && place_type(self, *slot)) {
        (*slot)->laid_out = true;
    } else {
        remember(self->failed, slot);
    }
}

static void open_type(layout *self, mu_ir_type *type)
{
    self->stack[self->depth++] = (frame){.type = type};
}

static bool is_open(const layout *self, const mu_ir_type *type)
{
    for (uint32_t i = 0; i < self->depth; i++) {
        if (self->stack[i].type == type) {
            return true;
        }
    }
    return false;
}

/* What is wrong with `type` as a member of the type on top, beyond being in error itself. */
static bool is_lawful_member(layout *self, const mu_ir_type *type)
{
    const mu_ir_type *top = self->stack[self->depth - 1].type;
    if (type->kind == MU_IR_VOID) {
        fail(self, MU_INVALID, top, "has a member of type void");
        return false;
    }
    if (type->kind == MU_IR_HYBRID) {
        fail(self, MU_INVALID, top, "contains a hybrid, whose size is not known");
        return false;
    }
    if (!type->laid_out && is_open(self, type)) {
        fail(self, MU_INVALID, type, "contains itself");
        return false;
    }
    return true;
}

static void lay_out(layout *self, mu_ir_type *start)
{
    open_type(self, start);
    while (self->depth) {
        frame *top = &self->stack[self->depth - 1];
        if (top->next_member == member_count(top->type)) {
            close_top(self, true);
            continue;
        }
        mu_ir_type *next = member(top->type, top->next_member);
        if (!is_lawful_member(self, next) || is_in(self->failed, next)) {
            close_top(self, false);
        } else if (next->laid_out) {
            top->next_member++;
        } else if (self->depth > LEVELS_MAX) {
            fail(self, MU_LIMIT, self->stack[0].type, "is nested deeper than 1,000 levels");
            close_top(self, false);
        } else {
            open_type(self, next);
        }
    }
}

/* ------------------------------------------------------------------------------------------ cells
 */

static void place_cells(layout *self, const mu_ir_env *env, mu_ir_bundle *bundle)
{
    uint64_t offset = env ? env->global_bytes : 0;
    for (uint32_t i = 0; i < bundle->global_count; i++) {
        mu_ir_global *global = bundle->globals[i];
        if (!global->type->laid_out) {
            continue;
        }
        uint64_t align =
            global->type->align_bytes > CELL_ALIGN ? global->type->align_bytes : CELL_ALIGN;
        global->offset_bytes = round_up(offset + MU_IR_GLOBAL_PREFIX_BYTES, align);
        offset = global->offset_bytes + global->type->size_bytes;
        if (offset > SIZE_MAX_BYTES) {
            mu_report_add(self->report, MU_LIMIT, global->entity.where,
                          "the global cells of one VM take more than 1 TiB");
            self->status = self->status == MU_OK ? MU_LIMIT : self->status;
            return;
        }
    }
    bundle->global_bytes = offset;
}

static void lay_out_all(layout *self, mu_ir_type **types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!types[i]->laid_out && !is_in(self->failed, types[i])) {
            lay_out(self, types[i]);
        }
    }
}

mu_status mu_ir_layout(const mu_ir_env *env, mu_ir_bundle *bundle, mu_report *report)
{
    layout *self = mu_allocate(sizeof *self);
    self->report = report;
    self->arena = bundle->arena;
    self->failed = mu_map_new();
    lay_out_all(self, bundle->types, bundle->type_count);
    lay_out_all(self, bundle->derived, bundle->derived_count);
    place_cells(self, env, bundle);
    mu_status status = self->status;
    mu_map_free(self->failed);
    mu_free(self);
    return status;
}

bool mu_ir_type_has_refs(const mu_ir_type *type)
{
    switch (type->kind) {
    case MU_IR_REF:
    case MU_IR_IREF:
    case MU_IR_WEAKREF:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF:
    case MU_IR_TAGREF64: return true;
    case MU_IR_STRUCT:
    case MU_IR_HYBRID:
    case MU_IR_ARRAY:
    case MU_IR_VECTOR:
        MU_INVARIANT(type->laid_out, "has_refs of a composite before its layout");
        return type->has_refs;
    default: return false;
    }
}
