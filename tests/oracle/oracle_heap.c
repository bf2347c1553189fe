/* Objects, and their collection by mark and sweep. Marking walks each image by its type, with a
 * list of objects still to trace instead of recursion between objects. Roots are all global cells
 * and what threads have: their stacks, thread-local references, and exceptions under way. A marked
 * stack marks the variables of the block that each frame is in and all ALLOCA cells of its frames;
 * one that nothing marked goes. A weak reference is cleared when nothing else marked its object;
 * then comes what oracle_finalizers.c says. */
#include "oracle_state.h"

#include <string.h>

#define OBJECT_OVERHEAD_BYTES  16u
#define FIRST_COLLECTION_BYTES (32ull << 20)
#define LARGEST_OBJECT_BYTES   (1ull << 40)

bool object_size(const mu_ir_type *type, uint64_t length, uint64_t *size_bytes)
{
    uint64_t size = type ? size_of_type(type) : 0;
    if (type && type->kind == MU_IR_HYBRID) {
        uint64_t part;
        if (__builtin_mul_overflow(type->stride_bytes, length, &part) ||
            __builtin_add_overflow(size, part, &size)) {
            return false;
        }
    }
    if (size > LARGEST_OBJECT_BYTES) {
        return false;
    }
    *size_bytes = size;
    return true;
}

oracle_object *object_new(const mu_ir_type *type, uint64_t length, uint64_t size_bytes,
                          object_place place)
{
    oracle_object *object = mu_allocate(sizeof *object + size_bytes);
    object->type = type;
    object->length = length;
    object->size_bytes = size_bytes;
    object->place = place;
    return object;
}

void object_list_free(oracle_object *first)
{
    while (first) {
        oracle_object *next = first->next;
        mu_free(first->watch);
        mu_free(first);
        first = next;
    }
}

void mark_object(oracle *self, oracle_object *object)
{
    if (object && !object->is_marked) {
        object->is_marked = true;
        MU_ARRAY_PUSH(&self->marks, object);
    }
}

static void mark_stack(oracle *self, stack *marked)
{
    if (marked && !marked->is_marked) {
        marked->is_marked = true;
        MU_ARRAY_PUSH(&self->marked_stacks, marked);
    }
}

static void mark_cursor(oracle *self, cursor *marked)
{
    if (marked && !marked->is_marked) {
        marked->is_marked = true;
        mark_stack(self, marked->stack);
    }
}

/* Does marking look at images of this type? */
static bool has_handles(const mu_ir_type *type)
{
    switch (type->kind) { /* NOLINT: the others are neither references nor composite */
    case MU_IR_REF:
    case MU_IR_IREF:
    case MU_IR_WEAKREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF: return true;
    case MU_IR_ARRAY:
    case MU_IR_VECTOR: return has_handles(type->element);
    case MU_IR_STRUCT:
        for (uint32_t i = 0; i < type->field_count; i++) {
            if (has_handles(type->fields[i])) {
                return true;
            }
        }
        return false;
    default: return false;
    }
}

/* `on_weak` is what to do at weak references: nothing while marking, clearing the dead afterwards.
 */
static void walk_image(oracle *self, uint8_t *image, const mu_ir_type *type, bool clears_weak)
{
    switch (type->kind) {
    case MU_IR_REF:
        if (!clears_weak) {
            mark_object(self, read_ref(image));
        }
        break;
    case MU_IR_TAGREF64:
        if (!clears_weak) {
            mark_object(self, object_of_tagref(self, image));
        }
        break;
    case MU_IR_IREF:
        if (!clears_weak) {
            mark_object(self, read_iref(image).object);
        }
        break;
    case MU_IR_WEAKREF:
        if (clears_weak && read_ref(image) && !read_ref(image)->is_marked) {
            write_ref(image, NULL);
        }
        break;
    case MU_IR_STACKREF:
        if (!clears_weak) {
            mark_stack(self, (stack *)(uintptr_t)read_word(image));
        }
        break;
    case MU_IR_FRAMECURSORREF:
        if (!clears_weak) {
            mark_cursor(self, (cursor *)(uintptr_t)read_word(image));
        }
        break;
    case MU_IR_STRUCT:
    case MU_IR_HYBRID:
        for (uint32_t i = 0; i < type->field_count; i++) {
            walk_image(self, image + type->offsets[i], type->fields[i], clears_weak);
        }
        break;
    case MU_IR_ARRAY:
    case MU_IR_VECTOR:
        if (has_handles(type->element)) {
            for (uint64_t i = 0; i < type->length; i++) {
                walk_image(self, image + i * type->stride_bytes, type->element, clears_weak);
            }
        }
        break;
    case MU_IR_INT:
    case MU_IR_FLOAT:
    case MU_IR_DOUBLE:
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR:
    case MU_IR_VOID:
    case MU_IR_FUNCREF:
    case MU_IR_THREADREF:
    case MU_IR_IRNODEREF: break;
    }
}

static void walk_object(oracle *self, oracle_object *object, bool clears_weak)
{
    const mu_ir_type *type = object->type;
    if (!type) {
        return;
    }
    walk_image(self, object->bytes, type, clears_weak);
    if (type->kind == MU_IR_HYBRID && has_handles(type->element)) {
        for (uint64_t i = 0; i < object->length; i++) {
            walk_image(self, object->bytes + type->size_bytes + i * type->stride_bytes,
                       type->element, clears_weak);
        }
    }
}

static void mark_frame(oracle *self, frame *at)
{
    if (!at->plan) {
        return;
    }
    const mu_ir_version *version = at->plan->version;
    uint32_t block = inst_of(at)->block;
    for (uint32_t i = 0; i < version->variable_count; i++) {
        if (version->variables[i].block == block && version->variables[i].type) {
            walk_image(self, at->slots + at->plan->slots[i], version->variables[i].type, false);
        }
    }
    for (oracle_object *cell = at->cells; cell; cell = cell->next) {
        mark_object(self, cell);
    }
}

static void mark_all(oracle *self)
{
    for (oracle_object *cell = self->globals; cell; cell = cell->next) {
        mark_object(self, cell);
    }
    mark_object(self, self->trap_userdata);
    for (uint32_t i = 0; self->run && i < self->run->threads.count; i++) {
        thread *at = self->run->threads.items[i];
        mark_object(self, at->threadlocal);
        mark_object(self, at->exception);
        mark_object(self, at->waits_at.object);
        mark_stack(self, at->stack);
        mark_stack(self, at->first);
    }
    for (uint32_t i = 0; i < self->pins.count; i++) {
        mark_object(self, self->pins.items[i].pinned.object);
    }
    mark_from_watches(self);
}

void mark_the_rest(oracle *self)
{
    while (self->marks.count > 0 || self->marked_stacks.count > 0) {
        if (self->marks.count > 0) {
            walk_object(self, self->marks.items[--self->marks.count], false);
            continue;
        }
        stack *walked = self->marked_stacks.items[--self->marked_stacks.count];
        for (frame *at = walked->top; at; at = at->caller) {
            mark_frame(self, at);
        }
    }
}

static void clear_weak_of_list(oracle *self, oracle_object *first, bool only_marked)
{
    for (oracle_object *object = first; object; object = object->next) {
        if (object->is_marked || !only_marked) {
            walk_object(self, object, true);
        }
    }
}

static void clear_weak(oracle *self)
{
    clear_weak_of_list(self, self->heap, true);
    clear_weak_of_list(self, self->globals, false);
    for (stack *any = self->stacks; any; any = any->next) {
        for (frame *at = any->top; at; at = at->caller) {
            clear_weak_of_list(self, at->cells, false);
        }
    }
}

static void clear_marks_of_list(oracle_object *first)
{
    for (oracle_object *cell = first; cell; cell = cell->next) {
        cell->is_marked = false;
    }
}

/* Weak references first, while the marks still tell the dead. */
void oracle_collect(oracle *self)
{
    mark_all(self);
    clear_weak(self);
    if (finalize_the_dead(self)) {
        clear_weak(self);
    }
    break_ephemerons(self);
    clear_marks_of_list(self->globals);
    free_handles(self, true);
    for (stack *left = self->stacks; left; left = left->next) {
        for (frame *at = left->top; at; at = at->caller) {
            clear_marks_of_list(at->cells);
        }
    }
    self->heap_bytes = 0;
    for (oracle_object **link = &self->heap; *link;) {
        oracle_object *object = *link;
        if (object->is_marked) {
            object->is_marked = false;
            self->heap_bytes += object->size_bytes + OBJECT_OVERHEAD_BYTES;
            link = &object->next;
        } else {
            *link = object->next;
            mu_free(object->watch);
            mu_free(object);
        }
    }
    self->next_collection_bytes = 2 * self->heap_bytes > FIRST_COLLECTION_BYTES
                                      ? 2 * self->heap_bytes
                                      : FIRST_COLLECTION_BYTES;
    wake_notified(self);
}

uint64_t oracle_heap_bytes(const oracle *self)
{
    return self->heap_bytes;
}

oracle_object *heap_allocate(oracle *self, const mu_ir_type *type, uint64_t length)
{
    uint64_t size;
    if (!object_size(type, length, &size) || size > self->limits.heap_bytes) {
        return NULL;
    }
    uint64_t wanted = size + OBJECT_OVERHEAD_BYTES;
    if (self->heap_bytes + wanted > self->next_collection_bytes ||
        self->heap_bytes + wanted > self->limits.heap_bytes) {
        oracle_collect(self);
    }
    if (self->heap_bytes + wanted > self->limits.heap_bytes) {
        return NULL;
    }
    oracle_object *object = object_new(type, length, size, PLACE_HEAP);
    object->next = self->heap;
    self->heap = object;
    self->heap_bytes += wanted;
    return object;
}
