#pragma once
/* What every room of the substrate stands on: statuses, invariants, host memory, arenas, growable
 * arrays, a hash table from strings, and the report in which errors about outside input are
 * collected. Nothing here knows the machine, the IR or the collector.
 *
 * Errors. A function that can fail returns `mu_status`; its outputs come last and are untouched on
 * failure. Statuses say what a caller may do about it; what went wrong in words goes into a
 * `mu_report`. Guest exceptions and traps are results, never statuses.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MU_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#define MU_MUST_CHECK                  __attribute__((warn_unused_result))
#define MU_NORETURN                    __attribute__((noreturn))
#define MU_UNUSED                      __attribute__((unused))

/* clang-format off */
#define MU_STATUS_LIST(S)                                                                        \
    S(OK,          "done")                                                                       \
    S(NO_MEMORY,   "a size chosen from outside does not fit in memory or in a quota")            \
    S(INVALID,     "the input is wrong; the report says where")                                  \
    S(NOT_FOUND,   "no such name")                                                               \
    S(EXISTS,      "the name is taken")                                                          \
    S(UNSUPPORTED, "the input is right, but asks for what this version does not do")             \
    S(NOT_ALLOWED, "a grant is missing")                                                         \
    S(STATE,       "the operation does not fit the object's present state")                      \
    S(LIMIT,       "a limit is reached")                                                         \
    S(SYSTEM,      "the operating system refused; the report holds its words")
/* clang-format on */

typedef enum mu_status {
#define MU_STATUS_ENUM(name, text) MU_##name,
    MU_STATUS_LIST(MU_STATUS_ENUM)
#undef MU_STATUS_ENUM
} mu_status;

/* The status's name ("NO_MEMORY"); static storage. */
const char *mu_status_name(mu_status status);
/* One phrase about the status; static storage. */
const char *mu_status_text(mu_status status);

/* Goes to the function's one `done:` label when `call` fails; wants a local `mu_status status`. */
#define MU_TRY(call)                                                                               \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != MU_OK) {                                                                     \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

/* --- Invariants -------------------------------------------------------------------------------
 * MU_INVARIANT stays on in release builds: it prints the condition and the values, then aborts. It
 * is for what only a fault of our own can break, never for data from a client, guest or file.
 * MU_ASSERT is for checks too dear for a release build. */
MU_NORETURN void mu_invariant_failed(const char *file, int line, const char *condition,
                                     const char *format, ...) MU_PRINTF(4, 5);
#define MU_INVARIANT(condition, ...)                                                               \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            mu_invariant_failed(__FILE__, __LINE__, #condition, __VA_ARGS__);                      \
        }                                                                                          \
    } while (0)
#ifdef MU_DEBUG_CHECKS
#define MU_ASSERT(condition, ...) MU_INVARIANT(condition, __VA_ARGS__)
#else
#define MU_ASSERT(condition, ...) ((void)0)
#endif

/* --- Host memory ------------------------------------------------------------------------------
 * jemalloc, except under a sanitizer. Small allocations abort when memory is out; a size that an
 * outsider chose goes through mu_try_allocate. All memory is zeroed. */
void *mu_allocate(size_t size_bytes);
void *mu_reallocate(void *old, size_t size_bytes); /* the grown part is not zeroed */
MU_MUST_CHECK mu_status mu_try_allocate(size_t size_bytes, void **out);
void mu_free(void *memory); /* NULL is allowed */
char *mu_string_copy(const char *text, size_t length);

/* --- Arenas -----------------------------------------------------------------------------------
 * Memory that is given back all at once. Not thread-safe. */
typedef struct mu_arena mu_arena;
mu_arena *mu_arena_new(void);
void mu_arena_free(mu_arena *arena);
/* Zeroed, aligned to 16; lives as long as the arena. Aborts when memory is out. */
void *mu_arena_allocate(mu_arena *arena, size_t size_bytes);
/* NUL-terminated copy. */
char *mu_arena_string(mu_arena *arena, const char *text, size_t length);
char *mu_arena_format(mu_arena *arena, const char *format, ...) MU_PRINTF(2, 3);
/* Bytes taken from the host so far. */
size_t mu_arena_bytes(const mu_arena *arena);
/* What the next allocation, if it is of this size, would add to that. */
size_t mu_arena_growth_bytes(const mu_arena *arena, size_t size_bytes);
#define MU_ARENA_NEW(arena, type) ((type *)mu_arena_allocate((arena), sizeof(type)))
#define MU_ARENA_ARRAY(arena, type, count)                                                         \
    ((type *)mu_arena_allocate((arena), sizeof(type) * (count)))

/* --- Growable arrays --------------------------------------------------------------------------
 *   MU_ARRAY(uint32_t) ids = {0};
 *   MU_ARRAY_PUSH(&ids, 7);
 *   ids.items[0], ids.count;  MU_ARRAY_FREE(&ids); */
#define MU_ARRAY(type)                                                                             \
    struct {                                                                                       \
        type *items;                                                                               \
        uint32_t count;                                                                            \
        uint32_t capacity;                                                                         \
    }
void *mu_array_grow(void *items, uint32_t *capacity, uint32_t needed, size_t item_bytes);
#define MU_ARRAY_RESERVE(array, needed)                                                            \
    ((array)->items =                                                                              \
         mu_array_grow((array)->items, &(array)->capacity, (needed), sizeof(*(array)->items)))
#define MU_ARRAY_PUSH(array, ...)                                                                  \
    do {                                                                                           \
        if ((array)->count == (array)->capacity) {                                                 \
            MU_ARRAY_RESERVE((array), (array)->count + 1);                                         \
        }                                                                                          \
        (array)->items[(array)->count++] = (__VA_ARGS__);                                          \
    } while (0)
#define MU_ARRAY_FREE(array)                                                                       \
    do {                                                                                           \
        mu_free((array)->items);                                                                   \
        (array)->items = NULL;                                                                     \
        (array)->count = (array)->capacity = 0;                                                    \
    } while (0)

/* --- Hash table from byte strings to pointers --------------------------------------------------
 * Keys are borrowed: they must outlive the table. Seeded at random per process, since keys come
 * from outside. Not thread-safe for writers; readers may share a table nobody writes. */
typedef struct mu_map mu_map;
mu_map *mu_map_new(void);
void mu_map_free(mu_map *map);
/* The value, or NULL when the key is absent. */
void *mu_map_get(const mu_map *map, const void *key, size_t key_bytes);
/* Sets the key's value (not NULL); returns the old one or NULL. */
void *mu_map_put(mu_map *map, const void *key, size_t key_bytes, void *value);
size_t mu_map_count(const mu_map *map);
/* Host memory that the table holds, without keys and values; NULL holds none. */
size_t mu_map_bytes(const mu_map *map);
/* What putting one more key would add to that. */
size_t mu_map_growth_bytes(const mu_map *map);
/* A 64-bit keyed hash (SipHash-1-3) under this process's random key. */
uint64_t mu_hash(const void *bytes, size_t count);

/* --- Reports ----------------------------------------------------------------------------------
 * The list of what is wrong with an input. Past MU_REPORT_MAX entries further ones are counted,
 * not kept. Lines and columns start at 1; 0 means "not at a place". */
#define MU_REPORT_MAX 100
typedef struct mu_location {
    uint32_t line;
    uint32_t column;
} mu_location;
typedef struct mu_report_entry {
    mu_status status;    /* INVALID, UNSUPPORTED, … */
    mu_location where;   /* in `file` */
    const char *file;    /* as the client named it; may be "" */
    const char *message; /* what is wrong and what to do, without the location */
} mu_report_entry;
typedef struct mu_report mu_report;
mu_report *mu_report_new(void);
void mu_report_free(mu_report *report);
/* Names the file that following entries are about. The text is copied. */
void mu_report_set_file(mu_report *report, const char *file);
/* Adds an entry; `report` may be NULL, then nothing happens. Returns `status`, so that
 * `return mu_report_add(...)` reads well. */
mu_status mu_report_add(mu_report *report, mu_status status, mu_location where, const char *format,
                        ...) MU_PRINTF(4, 5);
uint32_t mu_report_count(const mu_report *report);                            /* kept entries */
uint32_t mu_report_total(const mu_report *report);                            /* kept and dropped */
const mu_report_entry *mu_report_at(const mu_report *report, uint32_t index); /* borrowed */
/* "file:line:column: message" lines; the caller frees with mu_free. */
char *mu_report_text(const mu_report *report);

/* --- Strong numbers ---------------------------------------------------------------------------*/
/* A heap reference as a raw address of an object's payload, 0 for NULL. Stale after any safepoint:
 * whoever holds one across a safepoint must be known to the collector. */
typedef struct mu_ref {
    uintptr_t address;
} mu_ref;
