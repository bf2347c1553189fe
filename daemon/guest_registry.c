#include "guest_registry.h"
#include "guest_mu.h"
#include <stdio.h>
#include <string.h>

typedef const guest_class *class_fn(void);
static class_fn *const guests[] = {guest_mu_class};
enum { GUESTS = sizeof guests / sizeof guests[0] };

const guest_class *mud_guest_named(const char *name)
{
    for (size_t i = 0; i < GUESTS; i++) {
        if (strcmp(guests[i]()->name, name) == 0) {
            return guests[i]();
        }
    }
    return NULL;
}

const guest_class *mud_guest_for(const char *file, const char *bytes, size_t length)
{
    for (size_t i = 0; i < GUESTS; i++) {
        if (guests[i]()->identifies(file, bytes, length)) {
            return guests[i]();
        }
    }
    return NULL;
}

const guest_class *mud_guest_default(void)
{
    return guests[0]();
}

char *mud_guest_list(void)
{
    size_t capacity = 1;
    for (size_t i = 0; i < GUESTS; i++) {
        capacity += strlen(guests[i]()->name) + 2;
    }
    char *list = mu_allocate(capacity);
    size_t length = 0;
    for (size_t i = 0; i < GUESTS; i++) {
        length += (size_t)snprintf(list + length, capacity - length, "%s%s", i == 0 ? "" : ", ",
                                   guests[i]()->name);
    }
    return list;
}
