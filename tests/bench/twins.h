#pragma once
/* The kernels in C. Compiled twice, at -O1 and at -O2, under two names. */
#include <stdint.h>

typedef int64_t twin_fn(int64_t n);
typedef struct twin {
    const char *name;
    twin_fn *o1;
    twin_fn *o2;
} twin;

#define TWIN_LIST(T) T(fib) T(sieve) T(collatz) T(matmul) T(sort) T(mandelbrot)
#define TWIN_DECLARE(name)                                                                         \
    int64_t twin_##name##_o1(int64_t n);                                                           \
    int64_t twin_##name##_o2(int64_t n);
TWIN_LIST(TWIN_DECLARE)
#undef TWIN_DECLARE
