#pragma once
/* Random programs for comparing engines. */
#include <stdint.h>

/* The text of a bundle, a function of `seed` alone: it is valid, and every call in it ends. Lines
 * "// call @function WORD…" say how to call it: one hexadecimal word for each parameter, of which
 * an int takes the low bits, a float or double its bit pattern, and a reference nothing: it is
 * NULL. The caller frees it with mu_free. */
char *generate_program(uint64_t seed);
