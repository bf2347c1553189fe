#pragma once
/* How fast kernels compile: our quick tier on their Mu IR beside a C compiler on their twins. */
#include <stdbool.h>

/* Prints both. The program's end on failure.
 *   uir_path, c_path  the same kernels
 *   compiler          path of the C compiler
 *   is_trusted        see mu_ir_bundle
 *   runs              of ours; the C compiler is run three times at each level */
void compile_speed_print(const char *uir_path, const char *c_path, const char *compiler,
                         bool is_trusted, int runs);
