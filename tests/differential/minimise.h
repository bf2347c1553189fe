#pragma once
/* Shrinks a program as text, line by line and name by name, as long as `still_fails` says so. */
#include <stdbool.h>

typedef bool minimise_fn(const char *program, void *context);
/* The caller frees the result with mu_free. */
char *minimise_program(const char *program, minimise_fn *still_fails, void *context);
