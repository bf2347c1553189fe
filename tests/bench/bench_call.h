#pragma once
/* Running a function of a bundle to its end, from a program that measures. */
#include "bench_samples.h"
#include "mu.h"

/* Reads a file and loads it; a program's end on failure, with the report. */
void bench_load(mu_vm *vm, const char *path);
/* Calls `name` with integer arguments and gives its one integer result. Traps are
 * resumed with zeros, from the worker they come on. */
int64_t bench_call(mu_vm *vm, const char *name, const int64_t *arguments, uint32_t count);
