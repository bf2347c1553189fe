/* Accesses by pointers, in programs that may have them. The place is pinned just before the access
 * and unpinned again at once: there is no safepoint between, so it cannot have moved, and the two
 * engines need not count pins alike. */
#include "program_text.h"

#include <stdio.h>

/* Are there no references in values of the type? */
static bool is_native_safe(const program_type *type)
{
    switch (type->kind) {
    case KIND_INT:
    case KIND_FLOAT:
    case KIND_DOUBLE: return true;
    case KIND_ARRAY: return is_native_safe(type->element);
    case KIND_STRUCT:
        for (uint32_t i = 0; i < type->field_count; i++) {
            if (!is_native_safe(type->fields[i])) {
                return false;
            }
        }
        return true;
    case KIND_VOID:
    case KIND_HYBRID:
    case KIND_REF:
    case KIND_IREF:
    case KIND_VECTOR:
    case KIND_TAGREF:
    case KIND_STACKREF:
    case KIND_FUNCREF: break;
    }
    return false;
}

program_location program_locate(program *p, const program_value *place, const program_type *type)
{
    program_location location = {.flag = ""};
    snprintf(location.name, sizeof location.name, "%s", place->name);
    if (!p->has_pointers || !is_native_safe(type) || !program_chance(p, 40)) {
        return location;
    }
    location.flag = "PTR ";
    snprintf(location.name, sizeof location.name, "%%p%u.pointer", p->name_count++);
    const char *iref = program_iref_to(p, type)->name;
    program_write(&p->body, "        %s = COMMINST @uvm.native.pin <@%s> (%s)\n", location.name,
                  iref, place->name);
    program_write(&p->body, "        COMMINST @uvm.native.unpin <@%s> (%s)\n", iref, place->name);
    return location;
}
