#pragma once
/* The Heap Allocation and Initialisation Language (hail.rest), in its text form: scripts that make
 * objects and write values into them and into global cells.
 *
 * Two halves. Parsing finds everything that is wrong with a script and turns it into a list of
 * objects and of stores; nothing of a VM but its environment is looked at. Performing does the
 * stores, in memory that the caller provides. This room allocates no object and stops no world.
 */
#include "mu_ir.h"

typedef struct mu_hail_script mu_hail_script;

/* What one script may have at most, so that what it makes of the process's memory is bounded. */
#define MU_HAIL_TEXT_MAX_BYTES (64u << 20)
#define MU_HAIL_OBJECTS_MAX    (4u << 20)
/* Neighbouring numbers are one store, and so are neighbouring references. */
#define MU_HAIL_STORES_MAX (4u << 20)
#define MU_HAIL_BYTES_MAX  (256u << 20) /* of numbers */
/* What `*location` copies, all of it together: the VM stands still meanwhile, and nobody can
 * interrupt a script. */
#define MU_HAIL_COPIES_MAX (1ull << 30)
/* Fields of the types that loaded references are cast to, where memory has to be asked. */
#define MU_HAIL_COMPARED_MAX (64u << 20)

typedef struct mu_hail_options {
    /* Keep every reference to what is really there: implicit casts are checked, by the type or,
     * where that does not tell, when the value is known. Off for VMs with the grant `native`. */
    bool checked;
} mu_hail_options;

/* An object that the script makes. */
typedef struct mu_hail_object {
    const char *name; /* "$node", in the text, not NUL-terminated */
    uint32_t name_length;
    mu_ir_type *type; /* laid out */
    uint64_t length;  /* HYBRID: elements of the variable part */
    mu_location where;
} mu_hail_object;

/* Parses and checks a script on an environment.
 *   text     not NUL-terminated, any bytes; must outlive the script, as must `env`
 *   script   out; the caller frees it
 * Errors, all of them in `report` with line and column: INVALID; UNSUPPORTED for the binary form
 * and for exposed functions of bundles that no VM has loaded; LIMIT. The status is INVALID if any
 * entry is. Thread-safe; linear in the text (and, for each global name in it, in the bundles
 * loaded). */
MU_MUST_CHECK mu_status mu_hail_parse(const mu_ir_env *env, const mu_hail_options *options,
                                      const char *text, size_t length, mu_report *report,
                                      mu_hail_script **script);
void mu_hail_free(mu_hail_script *script);

uint32_t mu_hail_object_count(const mu_hail_script *script);
/* Object `index`, in the order of the text. */
mu_hail_object mu_hail_object_at(const mu_hail_script *script, uint32_t index);

/* Is there a location of type `wanted` at `offset` of the object (or global cell) at `base`, which
 * is not NULL? */
typedef bool mu_hail_location_fn(mu_ref base, uint64_t offset, const mu_ir_type *wanted);

typedef struct mu_hail_memory {
    const mu_ref *objects;  /* one for each of the script's, of its type and length */
    unsigned char *globals; /* where the VM's global cells begin */
    mu_hail_location_fn *location_has_type;
} mu_hail_memory;

/* Does the script's stores, in order. Nothing collects and no Mu code runs meanwhile: every mutator
 * is stopped.
 * Errors: INVALID when a value that was loaded from memory cannot be cast as its place wants;
 * NO_MEMORY when there is none for keeping old values. After an error every global cell is as it
 * was, and the script's objects are garbage.
 * Linear in the script and in the bytes it loads; what it may have to undo is kept, so also in the
 * size of the cells written to if something is to be cast. */
MU_MUST_CHECK mu_status mu_hail_perform(const mu_hail_script *script, const mu_hail_memory *memory,
                                        mu_report *report);
