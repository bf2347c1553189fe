#pragma once
/* What a guest language implements, and how the daemon uses it. A guest is a table of functions; a
 * VM of a guest is its own type behind `guest_vm`. Guests run their code on Mu threads, so calls,
 * traps, kills and frames are the substrate's (mu.h) for every guest.
 */
#include "mu.h"

typedef struct guest_vm guest_vm;

/* An argument as a client gave it: text, to be read by the parameter's type, or a typed value. */
typedef struct guest_argument {
    const char *text; /* NULL: `value` */
    mu_value value;
} guest_argument;

typedef struct guest_class {
    const char *name;        /* "mu" */
    const char *entry_point; /* the function that `muctl run` calls by default: "main" */
    /* Would this guest load such a file? By name and content. */
    bool (*identifies)(const char *file, const char *bytes, size_t length);
    MU_MUST_CHECK mu_status (*vm_new)(mu_substrate *substrate, const mu_vm_config *config,
                                      guest_vm **vm);
    void (*vm_free)(guest_vm *vm);
    /* The Mu VM that this VM runs on. */
    mu_vm *(*substrate_vm)(guest_vm *vm);
    /* Loads a bundle, all or nothing; as mu_vm_load. */
    MU_MUST_CHECK mu_status (*load)(guest_vm *vm, const char *file, const char *bytes,
                                    size_t length, mu_report *report, mu_load_info *info);
    /* Makes a thread that will run the exported function with the arguments, read by its signature.
     * Errors: NOT_FOUND; INVALID with a report that shows the signature; NO_MEMORY without memory
     * for a stack. */
    MU_MUST_CHECK mu_status (*call)(guest_vm *vm, const char *function,
                                    const guest_argument *arguments, uint32_t argument_count,
                                    mu_report *report, mu_thread **thread, mu_function **callee);
} guest_class;

/* Reads `text` as a value of `type`: ints decimal or 0x…, with a sign, any that fit the width
 * signed or unsigned; floats as strtod does in the C locale, and nan, inf; "null" for references;
 * for a tagref64 an int of 52 bits, else a double, or "null". Of a type that mu_type_info does not
 * tell (OTHER) the text itself is the value, borrowed, and the substrate reads it: mu_ir_value.h.
 * Errors: INVALID; the report says what was expected. `name` comes first in the message and is like
 * "argument 2". */
MU_MUST_CHECK mu_status guest_value_read(const char *text, mu_type_info type, const char *name,
                                         mu_report *report, mu_value *value);
/* Makes the typed value that a client gave one of `type`. An int must fit the width; one that came
 * sign-extended to 64 bits counts as negative. An int or a float goes to a float when nothing is
 * lost but a double's precision; 0 is no reference, NULL is. Errors and `name`: as
 * guest_value_read. */
MU_MUST_CHECK mu_status guest_value_fit(const mu_value *given, mu_type_info type, const char *name,
                                        mu_report *report, mu_value *value);
/* A value's display form: ints in signed decimal (but int<1> as 0 and 1), the shortest floats that
 * read back the same, "null", a name, "ref" for any other reference. The caller frees with mu_free.
 */
char *guest_value_text(const mu_value *value);
/* "int<8>", "double": what a value of this type is called in messages. Writes at most `capacity`
 * bytes. */
void guest_type_text(mu_type_info type, char *out, size_t capacity);
