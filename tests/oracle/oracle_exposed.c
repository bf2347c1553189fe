/* Functions exposed to C, each by a closure of libffi's. */
#include "oracle_native.h"

#define EXPOSED_MOST 65536u

static void free_exposed(exposed *freed)
{
    ffi_closure_free(freed->closure);
    mu_arena_free(freed->arena);
    mu_free(freed);
}

static exposed *expose(oracle *self, const mu_ir_func *function, uint64_t cookie,
                       const mu_ir_expose *definition)
{
    exposed *made = mu_allocate(sizeof *made);
    *made = (exposed){.next = self->exposed,
                      .oracle = self,
                      .function = function,
                      .cookie = cookie,
                      .definition = definition,
                      .arena = mu_arena_new()};
    native_prepare(made->arena, function->sig, &made->cif);
    made->closure = ffi_closure_alloc(sizeof *made->closure, &made->address);
    ffi_status status = made->closure ? ffi_prep_closure_loc(made->closure, &made->cif,
                                                             native_called, made, made->address)
                                      : FFI_BAD_ABI;
    MU_INVARIANT(status == FFI_OK, "libffi makes no closure: %d", (int)status);
    self->exposed = made;
    return made;
}

uint64_t exposed_address(oracle *self, const mu_ir_expose *definition)
{
    const exposed *at = self->exposed;
    while (at && at->definition != definition) {
        at = at->next;
    }
    if (!at) {
        at = expose(self, definition->func, definition->cookie->low, definition);
    }
    return (uint64_t)(uintptr_t)at->address;
}

void exposed_free_all(oracle *self)
{
    exposed **lists[] = {&self->exposed, &self->unexposed};
    for (int i = 0; i < 2; i++) {
        while (*lists[i]) {
            exposed *next = (*lists[i])->next;
            free_exposed(*lists[i]);
            *lists[i] = next;
        }
    }
}

static void do_expose(oracle *self, frame *at)
{
    uint64_t number = function_operand(self, at, 0);
    if (!number) {
        return;
    }
    if (self->exposed_count >= EXPOSED_MOST) {
        throw_error(self, MU_GUEST_ERROR_OUT_OF_MEMORY);
        return;
    }
    self->exposed_count++;
    const exposed *made =
        expose(self, self->functions.items[number], read_word(operand(at, 1)), NULL);
    write_word(result_image(at, 0), (uint64_t)(uintptr_t)made->address);
    continue_normally(self);
}

static void do_unexpose(oracle *self, frame *at)
{
    uint64_t address = read_word(operand(at, 0));
    exposed **link = &self->exposed;
    while (*link && ((*link)->definition || (uint64_t)(uintptr_t)(*link)->address != address)) {
        link = &(*link)->next;
    }
    exposed *found = *link;
    if (!found) {
        throw_error(self, MU_GUEST_ERROR_NOT_EXPOSED);
        return;
    }
    *link = found->next;
    self->exposed_count--;
    /* A native frame may still name it, so it goes with the oracle. */
    found->next = self->unexposed;
    self->unexposed = found;
    continue_normally(self);
}

bool do_expose_comminst(oracle *self, frame *at)
{
    switch ((int)inst_of(at)->comminst) {
    case MU_COMMINST_NATIVE_EXPOSE: do_expose(self, at); return true;
    case MU_COMMINST_NATIVE_UNEXPOSE: do_unexpose(self, at); return true;
    case MU_COMMINST_NATIVE_GET_COOKIE: {
        const frame *below = running_stack(self)->top;
        while (below && !below->native) {
            below = below->caller;
        }
        write_word(result_image(at, 0), below ? below->cookie : 0);
        continue_normally(self);
        return true;
    }
    default: return false;
    }
}
