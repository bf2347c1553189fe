#pragma once
/* What the tests of substrate/ir share: loading texts, looking things up, expecting errors. */
#include "mu_ir.h"

#include <criterion/criterion.h>

/* The environment after loading `text` on `env`, whose reference is taken over; the text must parse
 * and lay out. */
mu_ir_env *load(mu_ir_env *env, const char *text);
/* The same on a new root. */
mu_ir_env *load_first(const char *text);
void unload(mu_ir_env *env);

/* The status of parsing `text` on `env` (NULL: a new root), and whether all goes well without
 * leaving anything behind. */
mu_status parse_status(const mu_ir_env *env, const char *text, size_t length);

/* Parses a text in error and expects exactly these lines of report, "line:column: message", one
 * after the other; a message may end early with "*". */
void expect_errors(const mu_ir_env *env, const char *text, const char *const *lines, size_t count);
#define EXPECT_ERRORS(env, text, ...)                                                              \
    expect_errors((env), (text), (const char *const[]){__VA_ARGS__},                               \
                  sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

mu_ir_entity *find(const mu_ir_env *env, const char *name);
mu_ir_type *find_type(const mu_ir_env *env, const char *name);
mu_ir_sig *find_sig(const mu_ir_env *env, const char *name);
mu_ir_const *find_const(const mu_ir_env *env, const char *name);
mu_ir_version *find_version(const mu_ir_env *env, const char *name);
/* The instruction with this name. */
mu_ir_inst *find_inst(const mu_ir_env *env, const char *name);
mu_ir_variable *find_variable(const mu_ir_env *env, const char *name);
/* The name of the `index`-th value of a range of `inst`'s version. */
const char *value_name(const mu_ir_inst *inst, mu_ir_range range, uint32_t index);

/* A bundle with every top-level form, type, constant form and instruction. */
extern const char every_form[];
