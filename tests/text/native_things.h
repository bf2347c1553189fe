#pragma once
/* What tests of the native interface call and write to: C functions and a buffer of the runner's.
 */
#include <stdint.h>

/* The address of the function or buffer that tests call `name`; 0: there is none. */
uint64_t native_thing_address(const char *name);
/* The same of a function that calls functions; native_thing_address asks. */
uint64_t native_caller_address(const char *name);
