/* What is known about one piece of code. */
#include "mu_code.h"

#include <string.h>

uint64_t mu_code_object_bytes(const mu_code_object *object)
{
    return sizeof *object + strlen(object->name) + 1 + object->site_count * sizeof *object->sites +
           object->slot_count * sizeof *object->slots +
           object->keepalive_count * sizeof *object->keepalives +
           object->line_count * sizeof *object->lines;
}

void mu_code_object_free(mu_code_object *object)
{
    if (object) {
        mu_free(object->name);
        mu_free(object->sites);
        mu_free(object->slots);
        mu_free(object->keepalives);
        mu_free(object->lines);
        mu_free(object);
    }
}

const mu_code_site *mu_code_site_at(const mu_code_object *object, uintptr_t return_address)
{
    uint64_t offset = return_address - (uintptr_t)object->start;
    uint32_t low = 0;
    uint32_t high = object->site_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const mu_code_site *site = &object->sites[middle];
        if (site->return_offset == offset) {
            return site;
        }
        if (site->return_offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}
