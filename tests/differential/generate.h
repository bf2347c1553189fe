#pragma once
/* Random programs for comparing engines. */
#include <stdbool.h>
#include <stdint.h>

/* The text of a bundle, a function of the arguments alone: it is valid, and every call in it ends.
 * Lines
 * "// call @function WORD…" say how to call it: one hexadecimal word for each parameter, of which
 * an int takes the low bits, a float or double its bit pattern, and a reference nothing: it is
 * NULL. With `has_pointers` it wants the grant native. The caller frees it with mu_free. */
char *generate_program(uint64_t seed, bool has_pointers);
