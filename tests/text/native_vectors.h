#pragma once
/* C functions that take and give vectors and ints of 128 bits by value, for native_things.c. */
#include <stdint.h>

/* 0: there is no such function. */
uint64_t native_vector_address(const char *name);
