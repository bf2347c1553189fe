#pragma once
/* Structs that tests pass by value to C functions and get back, by where the System V ABI has them.
 */
#include <stdint.h>

typedef struct pair { /* two general registers */
    int64_t a;
    int64_t b;
} pair;
typedef struct mixed { /* one xmm, one general register */
    float x;
    float y;
    int32_t n;
} mixed;
typedef struct split { /* a general register, then an xmm */
    int64_t n;
    double d;
} split;
typedef struct floats { /* two xmm registers */
    double x;
    float y;
} floats;
typedef struct large { /* memory */
    int64_t a;
    int32_t b;
    int16_t c;
    int8_t d;
    double e;
} large;
