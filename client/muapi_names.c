/* Names and ids that mud has told. An id and its name never change, so each is asked for once. Two
 * hash tables with open addressing hold the same entries, one by id and one by name. */
#include "muapi_face.h"
#include <stdlib.h>
#include <string.h>

static size_t id_hash(MuID id)
{
    return (size_t)id * 0x9e3779b97f4a7c15u >> 20;
}

/* FNV-1a. */
static size_t name_hash(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name != 0; name++) {
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    }
    return (size_t)hash;
}

static muclient_mu_name *id_slot(muclient_mu_name *table, size_t capacity, MuID id)
{
    size_t at = id_hash(id) & (capacity - 1);
    while (table[at].id != 0 && table[at].id != id) {
        at = (at + 1) & (capacity - 1);
    }
    return &table[at];
}

static muclient_mu_name *name_slot(muclient_mu_name *table, size_t capacity, const char *name)
{
    size_t at = name_hash(name) & (capacity - 1);
    while (table[at].id != 0 && strcmp(table[at].name, name) != 0) {
        at = (at + 1) & (capacity - 1);
    }
    return &table[at];
}

MuID muclient_mu_name_find(const muclient_mu *mu, const char *name)
{
    return mu->name_capacity == 0 ? 0 : name_slot(mu->by_name, mu->name_capacity, name)->id;
}

char *muclient_mu_name_of_id(const muclient_mu *mu, MuID id)
{
    return mu->name_capacity == 0 || id == 0 ? NULL
                                             : id_slot(mu->by_id, mu->name_capacity, id)->name;
}

/* At most half full. */
static bool tables_grow(muclient_mu *mu)
{
    if (mu->name_count * 2 < mu->name_capacity) {
        return true;
    }
    size_t capacity = mu->name_capacity == 0 ? 64 : mu->name_capacity * 2;
    muclient_mu_name *by_id = calloc(capacity, sizeof *by_id);
    muclient_mu_name *by_name = calloc(capacity, sizeof *by_name);
    if (by_id == NULL || by_name == NULL) {
        free(by_id);
        free(by_name);
        return false;
    }
    for (size_t i = 0; i < mu->name_capacity; i++) {
        const muclient_mu_name *entry = &mu->by_id[i];
        if (entry->id != 0) {
            *id_slot(by_id, capacity, entry->id) = *entry;
            *name_slot(by_name, capacity, entry->name) = *entry;
        }
    }
    free(mu->by_id);
    free(mu->by_name);
    mu->by_id = by_id;
    mu->by_name = by_name;
    mu->name_capacity = capacity;
    return true;
}

char *muclient_mu_name_add(muclient_mu *mu, MuID id, char *name)
{
    char *known = muclient_mu_name_of_id(mu, id);
    if (known != NULL || muclient_mu_name_find(mu, name) != 0 || !tables_grow(mu)) {
        free(name);
        return known;
    }
    muclient_mu_name entry = {.id = id, .name = name};
    *id_slot(mu->by_id, mu->name_capacity, id) = entry;
    *name_slot(mu->by_name, mu->name_capacity, name) = entry;
    mu->name_count++;
    return name;
}

void muclient_mu_names_free(muclient_mu *mu)
{
    for (size_t i = 0; i < mu->name_capacity; i++) {
        free(mu->by_id[i].name);
    }
    free(mu->by_id);
    free(mu->by_name);
}
