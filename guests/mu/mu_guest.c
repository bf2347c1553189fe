/* The Mu guest: a thin layer, since its languages are the substrate's own: bundles of Mu IR, and
 * HAIL scripts that initialise what bundles declare. What it adds is that arguments come as text
 * and are read by the function's signature. */
#include "guest_mu.h"
#include <stdio.h>
#include <string.h>

/* A call has no more arguments than this, so that the array for them is bounded by us. */
enum { MAX_ARGUMENTS = 256 };
/* How much of a signature a message shows. */
enum { SIGNATURE_BYTES = 512 };

static const mu_location nowhere = {0, 0};

struct guest_vm {
    mu_vm *vm;
};

/* ------------------------------------------------------------------------------- identifying */

static bool ends_with(const char *text, const char *ending)
{
    size_t text_length = strlen(text);
    size_t ending_length = strlen(ending);
    return text_length >= ending_length && strcmp(text + text_length - ending_length, ending) == 0;
}

/* Behind the blanks and comments that a bundle may begin with. */
static size_t first_token(const char *bytes, size_t length)
{
    size_t at = 0;
    while (at < length) {
        char c = bytes[at];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            at++;
        } else if (c == '/' && at + 1 < length && bytes[at + 1] == '/') {
            const char *line_end = memchr(bytes + at, '\n', length - at);
            at = line_end == NULL ? length : (size_t)(line_end - bytes);
        } else {
            break;
        }
    }
    return at;
}

static bool starts_with(const char *bytes, size_t length, const char *start)
{
    size_t start_length = strlen(start);
    return length >= start_length && memcmp(bytes, start, start_length) == 0;
}

static bool starts_with_any(const char *bytes, size_t length, const char *const *words,
                            size_t count)
{
    size_t at = first_token(bytes, length);
    for (size_t i = 0; i < count; i++) {
        if (starts_with(bytes + at, length - at, words[i])) {
            return true;
        }
    }
    return false;
}

/* A script for the heap, rather than a bundle? The name decides; where it says neither, the first
 * definition. */
static bool is_hail(const char *file, const char *bytes, size_t length)
{
    static const char *const words[] = {".new", ".init", "\x7fHAI"};
    return ends_with(file, ".hail") ||
           (!ends_with(file, ".uir") &&
            starts_with_any(bytes, length, words, sizeof words / sizeof words[0]));
}

static bool mu_identifies(const char *file, const char *bytes, size_t length)
{
    static const char *const words[] = {".typedef",  ".funcsig", ".const", ".global",
                                        ".funcdecl", ".funcdef", ".expose"};
    return ends_with(file, ".uir") || is_hail(file, bytes, length) ||
           starts_with_any(bytes, length, words, sizeof words / sizeof words[0]);
}

/* ------------------------------------------------------------------------------------- VMs */

static mu_status mu_guest_vm_new(mu_substrate *substrate, const mu_vm_config *config, guest_vm **vm)
{
    mu_vm *inner = NULL;
    mu_status status = mu_vm_new(substrate, config, &inner);
    if (status != MU_OK) {
        return status;
    }
    guest_vm *created = mu_allocate(sizeof *created);
    created->vm = inner;
    *vm = created;
    return MU_OK;
}

static void mu_guest_vm_free(guest_vm *vm)
{
    if (vm != NULL) {
        mu_vm_free(vm->vm);
        mu_free(vm);
    }
}

static mu_vm *mu_guest_substrate_vm(guest_vm *vm)
{
    return vm->vm;
}

static mu_status mu_guest_load(guest_vm *vm, const char *file, const char *bytes, size_t length,
                               mu_report *report, mu_load_info *info)
{
    if (!is_hail(file, bytes, length)) {
        return mu_vm_load(vm->vm, file, bytes, length, report, info);
    }
    mu_status status = mu_vm_load_hail(vm->vm, file, bytes, length, report);
    if (status == MU_OK) {
        *info = (mu_load_info){.functions_defined = 0};
    }
    return status;
}

/* ----------------------------------------------------------------------------------- calls */

/* Reads every argument; `prefix` begins each message. */
static mu_status read_arguments(const mu_function *function, const guest_argument *arguments,
                                uint32_t argument_count, const char *prefix, mu_report *report,
                                mu_value *values)
{
    for (uint32_t i = 0; i < argument_count; i++) {
        char name[SIGNATURE_BYTES + 32];
        snprintf(name, sizeof name, "%s; argument %u", prefix, i + 1);
        mu_type_info type = mu_function_param_type(function, i);
        mu_status status =
            arguments[i].text != NULL
                ? guest_value_read(arguments[i].text, type, name, report, &values[i])
                : guest_value_fit(&arguments[i].value, type, name, report, &values[i]);
        if (status != MU_OK) {
            return status;
        }
    }
    return MU_OK;
}

static mu_status mu_guest_call(guest_vm *vm, const char *function, const guest_argument *arguments,
                               uint32_t argument_count, mu_report *report, mu_thread **thread,
                               mu_function **callee)
{
    mu_function *found = mu_vm_find_function(vm->vm, function);
    if (found == NULL) {
        return mu_report_add(report, MU_NOT_FOUND, nowhere, "no function %s%s",
                             function[0] == '@' ? "" : "@", function);
    }
    char prefix[SIGNATURE_BYTES];
    char *signature = mu_function_signature(found);
    snprintf(prefix, sizeof prefix, "%s takes %s", mu_function_name(found), signature);
    mu_free(signature);
    mu_value values[MAX_ARGUMENTS] = {0};
    uint32_t wanted = mu_function_param_count(found);
    if (argument_count != wanted || argument_count > MAX_ARGUMENTS) {
        return mu_report_add(report, MU_INVALID, nowhere, "%s; %u argument%s given", prefix,
                             argument_count, argument_count == 1 ? " was" : "s were");
    }
    mu_thread *made = NULL;
    mu_status status = MU_OK;
    MU_TRY(read_arguments(found, arguments, argument_count, prefix, report, values));
    MU_TRY(mu_thread_new(vm->vm, found, values, argument_count, report, &made));
    *thread = made;
    *callee = found;
done:
    return status;
}

static const guest_class mu_class = {
    .name = "mu",
    .entry_point = "main",
    .identifies = mu_identifies,
    .vm_new = mu_guest_vm_new,
    .vm_free = mu_guest_vm_free,
    .substrate_vm = mu_guest_substrate_vm,
    .load = mu_guest_load,
    .call = mu_guest_call,
};

const guest_class *guest_mu_class(void)
{
    return &mu_class;
}
