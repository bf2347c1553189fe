#pragma once
/* Pieces of code and objects that the tests of the code cache install. */
#include "mu_code.h"

#include <stdio.h>
#include <string.h>

/* mov eax, number; ret; then INT3 up to `size_bytes` (6 at least). */
static inline void fixture_code(unsigned char *bytes, uint32_t size_bytes, uint32_t number)
{
    memset(bytes, 0xcc, size_bytes);
    bytes[0] = 0xb8;
    memcpy(bytes + 1, &number, 4);
    bytes[5] = 0xc3;
}

static inline mu_code_object *fixture_object(const char *name)
{
    mu_code_object *object = mu_allocate(sizeof *object);
    object->name = mu_string_copy(name, strlen(name));
    return object;
}

#define FIXTURE_MAX_BYTES 8192u

/* Installs a function that returns `number`; the object, or NULL and the status. */
static inline mu_code_object *fixture_install(mu_code_cache *cache, uint32_t size_bytes,
                                              uint32_t number, mu_status *status)
{
    unsigned char bytes[FIXTURE_MAX_BYTES];
    fixture_code(bytes, size_bytes, number);
    char name[32];
    snprintf(name, sizeof name, "@f%u.v1", number);
    mu_code_object *object = fixture_object(name);
    *status = mu_code_install(cache, object, bytes, size_bytes);
    if (*status != MU_OK) {
        mu_code_object_free(object);
        return NULL;
    }
    return object;
}

static inline uint32_t fixture_run(const mu_code_object *object)
{
    uint32_t (*function)(void) = (uint32_t(*)(void))(uintptr_t)object->start;
    return function();
}
